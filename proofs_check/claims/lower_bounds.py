"""Two bounds from below on the failure to cover, from counting and from signs."""

from __future__ import annotations

from fractions import Fraction
from math import comb, factorial
from typing import Any

import numpy as np

from proofs_check.claims import constants
from proofs_check.claims.cells import Cover, Law, draw_cells
from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.clopper_pearson import upper_limit
from proofs_check.claims.cover_simulation import LOG2_ETAS
from proofs_check.claims.interval_union import IntervalUnion
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


def mean_sums(num_samples: int, reach: Fraction) -> Fraction:
    """Return the mean number of subsets whose sum lies in [-reach, reach]; the empty one does."""
    mean = Fraction(1)
    for k in range(1, num_samples + 1):
        # A sum of k samples is 2 S - k.
        inside = sum_below(k, (k + reach) / 2) - sum_below(k, (k - reach) / 2)
        mean += comb(num_samples, k) * inside
    return mean


def counting_reach(eta: Fraction) -> Fraction:
    """Return how far from 0 a sum can be that is within 2 eta of a target."""
    return _HALF + constants.TOLERANCE_IN_ETAS * eta


def counting_bound(num_samples: int, eta: Fraction) -> Fraction:
    """Return a bound from below of P(fail): too few sums lie near the window (LB1).

    Intervals of length 4 eta cover the window only if 1/(4 eta) sums lie in it or within 2 eta of
    it, and Markov's inequality bounds the probability of that.
    """
    covered = 2 * constants.TOLERANCE_IN_ETAS * eta
    return 1 - covered * mean_sums(num_samples, counting_reach(eta))


def sign_reach(eta: Fraction) -> Fraction:
    """Return how much the negative samples must add up to, so that -1/2 is within 2 eta."""
    return _HALF - constants.TOLERANCE_IN_ETAS * eta


def sign_bound(num_samples: int, eta: Fraction) -> Fraction:
    """Return a bound from below of P(fail): the negative samples do not reach -1/2 (LB2).

    It needs eta < 1/4: otherwise 0, the empty sum, is near enough, and the bound is 0.
    """
    reach = sign_reach(eta)
    return Fraction(0) if reach <= 0 else negatives_below(num_samples, reach)


def negatives_below(num_samples: int, reach: Any) -> Any:
    """Return P(the negative samples add up to less than `reach`), 0 <= reach <= 1."""
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
    is_symmetric = all(
        sum_below(k, x) + sum_below(k, k - x) == 1
        for k in range(1, 21)
        for x in (Fraction(k, 2), Fraction(k, 3), Fraction(1, 4))
    )
    steps.step("which is symmetric, k <= 20", is_symmetric)
    is_recursion, known = True, sympy.Integer(1)
    for n in range(13):
        is_recursion &= sympy.expand(negatives_below(n, c) - known) == 0
        is_recursion &= sympy.expand(sympy.laguerre(n, -c) / 2**n - known) == 0
        # One sample more is positive, or -x for a uniform x in [0, 1] of which c - x is left.
        known = sympy.expand((known + sympy.integrate(known.subs(c, x), (x, 0, c))) / 2)
    steps.step("2^-n L_n(-c) = P(negatives < c), sample after sample, n <= 12", is_recursion)


def _counting_steps(steps: Steps) -> None:
    """Check the mean number of sums, and what a sum covers, where they are known."""
    is_mean = True
    for eta in (Fraction(1, 4), Fraction(1, 8), Fraction(3, 40), Fraction(1, 1000)):
        r = counting_reach(eta)  # in [1/2, 1]; the densities of 1, 2, 3 samples there:
        one, two, three = r, r - r**2 / 4, (9 * r - r**3) / 12
        means = 1, 1 + one, 1 + 2 * one + two, 1 + 3 * one + 3 * two + three
        is_mean &= all(mean_sums(n, r) == mean for n, mean in enumerate(means))
    steps.step("mean number of sums = by hand for n <= 3", is_mean)
    is_whole = all(mean_sums(n, Fraction(n)) == 2**n for n in range(1, 17))
    steps.step("all 2^n sums lie in [-n, n]", is_whole)
    is_equality = True
    for number in (3, 4, 8, 30):
        eta = Fraction(1, 4 * number)
        tolerance = constants.TOLERANCE_IN_ETAS * eta
        sums = [tolerance * (2 * i + 1) - _HALF for i in range(number)]
        pieces = [(point - 2 * eta, point + 2 * eta) for point in sums]
        whole = IntervalUnion.of(pieces)
        is_equality &= whole.parts == ((-_HALF, _HALF),)
        is_equality &= 1 - 2 * constants.TOLERANCE_IN_ETAS * eta * number == 0
        is_equality &= counting_bound(0, eta) == 1 - Fraction(1, number)
        reach = counting_reach(eta)
        is_equality &= IntervalUnion(((reach - 2 * eta, reach),)).parts[0][0] == _HALF
        is_equality &= -sign_reach(eta) - 2 * eta == -_HALF
    steps.step("1/(4 eta) sums cover just the window; the reaches are sharp", is_equality)


def _known_cases(steps: Steps) -> None:
    # 0 leaves both ends out, and one sum more cannot be near both.
    etas = [Fraction(i, 64) for i in range(1, 16)]
    is_true = all(failure_bound(n, eta) <= 1 for n in (0, 1) for eta in etas)
    steps.step("at most 1 where failure is certain: n <= 1, eta < 1/4", is_true)
    quarter = Fraction(1, 4)
    is_true = all(failure_bound(n, quarter) <= 0 for n in range(20))
    steps.step("at most 0 where success is certain: eta = 1/4", is_true)
    is_sharp = counting_bound(0, quarter) == 0 == sign_bound(7, quarter)
    steps.step("with equality for n = 0 and for the signs", is_sharp)
    # Then any negative sample could do: what is left is the chance that there is none.
    nearly = Fraction(1, 4) - Fraction(1, 2**40)
    is_sharp = all(0 <= sign_bound(n, nearly) * 2**n - 1 < Fraction(1, 2**30) for n in range(9))
    steps.step("the signs: just above 2^-n for eta just below 1/4", is_sharp)


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
    _counting_steps(steps)
    _known_cases(steps)
    found = tuple(_necessary(Fraction(2) ** k, Fraction(1, 100)) for k in LOG2_ETAS)
    steps.step(f"necessary samples of the table at delta = 0.01: {found}", found == _ROW)
    if not steps.hold:
        return steps.evidence()
    return steps.evidence(_simulation(steps, effort, rng))


CLAIMS = (
    Claim(
        "C11",
        "For n >= 0 independent samples uniform on [-1, 1] and 0 < eta <= 1/4, not all targets in "
        "[-1/2, 1/2] are within 2 eta of the sum of some samples with probability at least "
        "1 - 4 eta M, where M is the mean number of sums in [-1/2-2eta, 1/2+2eta] (counting), and "
        "at least 2^-n L_n(2eta - 1/2), L_n Laguerre's polynomial (signs)",
        Method.STATISTICAL,
        "this project",
        _lower_bounds,
    ),
)
