"""Two bounds from below on the failure to cover, from counting and from signs."""

from __future__ import annotations

from fractions import Fraction
from math import comb, factorial

import numpy as np

from proofs_check.claims.cells import Cover, Law, draw_cells
from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.clopper_pearson import upper_limit
from proofs_check.claims.cover_simulation import LOG2_ETAS
from proofs_check.claims.simulated_tail import FALSE_ALARM, false_alarm_text

_HALF = Fraction(1, 2)
_MOST_SAMPLES = 16

# The recalled table of this project: samples without which failure has probability above 0.01,
# eta = 2^-3 to 2^-12.
_ROW = (9, 10, 11, 11, 11, 11, 11, 11, 11, 12)


def sum_below(num_terms: int, point: Fraction) -> Fraction:
    """Return P(S <= point) for the sum S of `num_terms` >= 1 uniforms on [0, 1] (Irwin-Hall)."""
    if point >= num_terms:
        return Fraction(1)
    pieces = range(int(point) + 1) if point >= 0 else range(0)
    total = sum((-1) ** j * comb(num_terms, j) * (point - j) ** num_terms for j in pieces)
    return Fraction(total) / factorial(num_terms)


def counting_bound(num_samples: int, eta: Fraction) -> Fraction:
    """Return a bound from below of P(fail): too few sums lie near the window (LB1).

    Intervals of length 4 eta cover the window only if 1/(4 eta) sums lie in it or within 2 eta of
    it, and Markov's inequality bounds the probability of that; k samples have the sum 2 S - k.
    """
    reach = _HALF + 2 * eta
    mean = Fraction(1)
    for k in range(1, num_samples + 1):
        inside = sum_below(k, (k + reach) / 2) - sum_below(k, (k - reach) / 2)
        mean += comb(num_samples, k) * inside
    return 1 - 4 * eta * mean


def sign_bound(num_samples: int, eta: Fraction) -> Fraction:
    """Return a bound from below of P(fail): -1/2 is out of reach of the negative samples (LB2).

    It needs eta < 1/4: otherwise 0, the empty sum, is near enough, and the bound is 0.
    """
    reach = _HALF - 2 * eta
    if reach <= 0:
        return Fraction(0)
    terms = (comb(num_samples, k) * reach**k / factorial(k) for k in range(num_samples + 1))
    return sum(terms, Fraction(0)) / (1 << num_samples)


def failure_bound(num_samples: int, eta: Fraction) -> Fraction:
    """Return the larger of both bounds."""
    return max(counting_bound(num_samples, eta), sign_bound(num_samples, eta))


def _necessary(eta: Fraction, delta: Fraction) -> int:
    """Return one more than the largest n below 20 that a bound excludes."""
    return 1 + max(n for n in range(20) if failure_bound(n, eta) > delta)


def _formulas(steps: Steps) -> None:
    import sympy

    x, c = sympy.symbols("x c")
    is_law, pieces = True, [sympy.Integer(0), x, sympy.Integer(1)]
    for k in range(2, 8):
        # F_k' (x) = F_(k-1)(x) - F_(k-1)(x-1) from F_k(0) = 0, one polynomial for each unit.
        polynomials, start = [sympy.Integer(0)], sympy.Integer(0)
        for j in range(k):
            slope = pieces[j + 1] - pieces[j].subs(x, x - 1)
            piece = sympy.expand(start + sympy.integrate(slope, (x, j, x)))
            polynomials.append(piece)
            start = piece.subs(x, j + 1)
        pieces = [*polynomials, sympy.Integer(1)]
        for i in range(1, 3 * k):
            value = pieces[i // 3 + 1].subs(x, sympy.Rational(i, 3))
            is_law &= sum_below(k, Fraction(i, 3)) == Fraction(int(value.p), int(value.q))
        is_law &= start == 1
    steps.step("Irwin-Hall formula = repeated convolution, k <= 7", is_law)
    is_power = all(sum_below(k, _HALF) == _HALF**k / factorial(k) for k in range(1, 40))
    steps.step("P(S_k <= c) = c^k/k! for c <= 1", is_power)
    is_laguerre = all(
        sympy.expand(
            sympy.laguerre(n, -c)
            - sum(sympy.binomial(n, k) * c**k / sympy.factorial(k) for k in range(n + 1))
        )
        == 0
        for n in range(13)
    )
    steps.step("the sign bound is 2^-n L_n(-c) (Laguerre, symbolic, n <= 12)", is_laguerre)


def _known_cases(steps: Steps) -> None:
    # No sum but 0 and x: two intervals of length 4 eta do not cover a window of length 1.
    etas = [Fraction(i, 64) for i in range(1, 8)]
    is_true = all(failure_bound(n, eta) <= 1 for n in (0, 1) for eta in etas)
    steps.step("at most 1 where failure is certain: n <= 1, eta < 1/8", is_true)
    is_true = all(failure_bound(n, Fraction(1, 4)) <= 0 for n in range(20))
    steps.step("at most 0 where success is certain: eta = 1/4", is_true)


def _simulation(steps: Steps, effort: Effort, rng: np.random.Generator) -> str:
    etas = (-3, -4, -6)
    shape = (effort.pick(4000, 60000), _MOST_SAMPLES)
    num_tests = len(etas) * (_MOST_SAMPLES + 1)
    level = FALSE_ALARM / num_tests
    holds = True
    for log2_eta in etas:
        cover, eta = Cover.at(log2_eta, 8), Fraction(2) ** log2_eta
        rows = draw_cells(Law.UNIFORM, shape, bits=cover.bits, rng=rng)
        _, above = cover.hitting_times(rows)
        for n in range(_MOST_SAMPLES + 1):
            failures = int(np.count_nonzero(above > n))
            least = failure_bound(n, eta)
            # The limit is above the observed frequency: most bounds need no closer look.
            if Fraction(failures, shape[0]) < least:
                holds &= upper_limit(failures, shape[0], false_alarm=level) >= least
    steps.step(f"Monte Carlo: {shape[0]} trials, n <= {_MOST_SAMPLES}, {len(etas)} eta", holds)
    return false_alarm_text(num_tests)


def _lower_bounds(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    _formulas(steps)
    _known_cases(steps)
    found = tuple(_necessary(Fraction(2) ** k, Fraction(1, 100)) for k in LOG2_ETAS)
    steps.step(f"necessary samples of the table at delta = 0.01: {found}", found == _ROW)
    return steps.evidence(_simulation(steps, effort, rng))


CLAIMS = (
    Claim(
        "C11",
        "Failure is at least as likely as the counting bound and the sign bound say",
        Method.STATISTICAL,
        "this project",
        _lower_bounds,
    ),
)
