"""The closed bounds on the failure to cover, against simulations."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from flint import arb

from proofs_check.claims import constants
from proofs_check.claims.cells import Cover, Law, draw_cells
from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.interval_union import IntervalUnion
from proofs_check.claims.simulated_tail import (
    Bound,
    Simulation,
    ball,
    false_alarm_text,
    is_consistent,
)

LOG2_ETAS = tuple(range(-3, -13, -1))

EXTRA_BITS = 8
_MAX_SAMPLES = 60
_ONE = Fraction(1)
_HALF = Fraction(1, 2)

# The recalled table of this project: samples for eta = 2^-3 to 2^-12, by failure probability.
_RATE_ROWS = {
    Fraction(1, 10): (19, 25, 30, 35, 40, 45, 49, 54, 59, 64),
    Fraction(1, 20): (21, 27, 32, 37, 42, 47, 52, 57, 62, 66),
    Fraction(1, 100): (27, 33, 38, 43, 48, 53, 57, 62, 67, 72),
    Fraction(1, 10**6): (59, 65, 70, 75, 80, 85, 89, 94, 99, 104),
}
_LUEKER_ROWS = {
    Fraction(1, 10): (39, 45, 51, 57, 62, 68, 73, 78, 84, 89),
    Fraction(1, 20): (45, 51, 57, 63, 69, 75, 80, 86, 91, 96),
    Fraction(1, 100): (59, 65, 72, 78, 84, 90, 96, 101, 107, 113),
}


def sample_sizes(bound: Bound, delta: Fraction) -> tuple[int, ...]:
    """Return, for each eta of the table, the least n that `bound` proves; it falls with n."""
    return tuple(_sample_size(bound, Fraction(2) ** log2_eta, delta) for log2_eta in LOG2_ETAS)


def _sample_size(bound: Bound, eta: Fraction, delta: Fraction) -> int:
    low, high = 0, 1024
    while high - low > 1:
        middle = (low + high) // 2
        is_enough = bound(middle, eta) <= ball(delta)
        low, high = (low, middle) if is_enough else (middle, high)
    return high


def start_ratio(eta: Fraction) -> Fraction:
    """Return V(2 eta) / V(1 - eta) for V(p) = (1 - p) / p."""
    start, missing = constants.START_IN_ETAS * eta, constants.MISSING_IN_ETAS * eta
    return (1 - start) / start * (1 - missing) / missing


def rate_bound(num_samples: int, eta: Fraction) -> arb:
    """Return the bound (3/4)^n V(2 eta) / V(1 - eta) on the failure after n samples."""
    return ball(constants.COVER_RATE**num_samples * start_ratio(eta))


def start_steps(steps: Steps) -> None:
    """Check the measures of the set at the start and of what it may miss, and the closed form."""
    is_start = is_form = is_end = True
    for eta in (Fraction(1, n) for n in (3, 5, 8, 20, 64, 4096)):
        is_start &= IntervalUnion(((-eta, eta),)).measure == constants.START_IN_ETAS * eta
        hole = IntervalUnion(((-_HALF, _HALF - eta),))
        is_end &= hole.measure == 1 - constants.MISSING_IN_ETAS * eta
        is_end &= hole.sup_distance((-_HALF, _HALF)) == eta
        is_form &= start_ratio(eta) == (1 - 2 * eta) * (1 - eta) / (2 * eta**2)
    steps.step("p = 2 eta for [-eta, eta]; p = 1 - eta lets a target be eta away", is_end)
    steps.step("V(2 eta) / V(1-eta) = (1-2eta)(1-eta)/(2 eta^2)", is_start and is_form)


def _mean_factor(p: Fraction, kappa: Fraction) -> Fraction:
    """Return E V(p + q) / V(p) for the worst law of q: mean kappa p(1-p) on {0, min(p, 1-p)}."""
    most = min(p, 1 - p)
    chance = kappa * p * (1 - p) / most
    v, end = (1 - p) / p, (1 - p - most) / (p + most)
    return 1 + chance * (end - v) / v


def worst_factor(kappa: Fraction) -> Fraction:
    """Return the largest of these factors over 127 values of p."""
    return max(_mean_factor(Fraction(i, 128), kappa) for i in range(1, 128))


def simulated_covers(
    law: Law, effort: Effort, *, rng: np.random.Generator, num_samples: int = _MAX_SAMPLES
) -> list[Simulation]:
    """Simulate both events, the admissible one and that of all sums, for several eta."""
    runs, shape = [], (effort.pick(4000, 20000), num_samples)
    for log2_eta in (-3, -4, -6) if effort is Effort.QUICK else (-3, -4, -5, -6, -8):
        cover, eta = Cover.at(log2_eta, EXTRA_BITS), Fraction(2) ** log2_eta
        rows = draw_cells(law, shape, bits=cover.bits, rng=rng)
        runs.append(Simulation("admissible", eta, cover.admissible_times(rows), num_samples))
        below, _ = cover.hitting_times(rows)
        runs.append(Simulation("all sums", eta, below, num_samples))
    return runs


def compare(steps: Steps, runs: list[Simulation], *, bound: Bound, label: str) -> str:
    """Record whether the simulations allow the bound; return the statement of confidence."""
    is_true = is_consistent(runs, bound)
    trials = len(runs[0].times)
    names = " and ".join(dict.fromkeys(run.name for run in runs))
    steps.step(f"{label}: {names}, {trials} trials for each eta", is_true)
    return false_alarm_text(sum(run.num_samples + 1 for run in runs))


def _rate(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps, rate = Steps(), constants.COVER_RATE
    worst = worst_factor(constants.DRIFT)
    steps.step(
        f"E V(p+q) / V(p) is at most {rate}, and attains it (127 values of p)", worst == rate
    )
    start_steps(steps)
    is_start = all(
        rate_bound(n, eta).overlaps(arb(3) ** n / arb(4) ** n * ball(start_ratio(eta)))
        for n in (0, 1, 2, 50)
        for eta in (Fraction(1, 5), Fraction(1, 64))
    )
    steps.step("the bound is (3/4)^n of it after n samples, for n = 0, 1, 2, 50", is_start)
    is_table = all(sample_sizes(rate_bound, delta) == row for delta, row in _RATE_ROWS.items())
    steps.step("sample sizes of the table", is_table)
    if not steps.hold:
        return steps.evidence()
    runs = simulated_covers(Law.UNIFORM, effort, rng=rng)
    return steps.evidence(compare(steps, runs, bound=rate_bound, label="Monte Carlo"))


def _increments(eta: Fraction) -> arb:
    """Return N(eta): what the martingale's increments add up to before p >= 1 - eta."""
    return ball(start_ratio(eta)).log() / arb(constants.LOGIT_BASE).log()


def _azuma(steps: Steps) -> None:
    """Check the exponent t^2 / (2 n), t = n/2 - N."""
    import sympy

    width = sympy.Rational(constants.AZUMA_RANGE.numerator, constants.AZUMA_RANGE.denominator)
    most = max(1 / max(Fraction(i, 128), 1 - Fraction(i, 128)) for i in range(1, 128))
    steps.step("0 <= xi <= 1/max(p,1-p) <= 2", most == constants.AZUMA_RANGE)
    theta, s, t, n = sympy.symbols("theta s t n", positive=True)
    # A law on [0, R] has variance at most that of {0, R}: R^2 theta (1 - theta) <= R^2 / 4.
    square = 1 - 4 * theta * (1 - theta) - (1 - 2 * theta) ** 2
    steps.step("tilted variance <= range^2/4 (Hoeffding's lemma)", sympy.expand(square) == 0)
    exponent = -s * t + n * s**2 * width**2 / 8
    best = sympy.solve(sympy.diff(exponent, s), s)[0]
    least = sympy.simplify(exponent.subs(s, best) + t**2 / (2 * n))
    steps.step("least exponent is -(n/2-N)^2/(2n)", least == 0)


def _needed(eta: Fraction) -> arb:
    """Return C ln(1/eta): n/2 must be larger for the bound to say anything."""
    return constants.lueker_constant() * -ball(eta).log()


def _lueker_bound(num_samples: int, eta: Fraction) -> arb:
    excess = ball(Fraction(num_samples, 2)) - _needed(eta)
    return (-(excess**2) / (2 * num_samples)).exp() if excess > 0 else arb(1)


def _lueker(effort: Effort, rng: np.random.Generator) -> Evidence:
    import sympy

    steps = Steps()
    _azuma(steps)
    start_steps(steps)
    # With C = k/ln 2:  C ln(1/eta) - 1 - N = ((k-2) ln(1/eta) - ln((1-eta)(1-2 eta))) / ln 2,
    # and 1 - (1-eta)(1-2 eta) = eta (3 - 2 eta) > 0, so that k >= 2 is what is needed.
    steps.step("C ln 2 >= 2", constants.LUEKER_NUMERATOR >= 2 and constants.LOGIT_BASE == 2)
    x = sympy.symbols("x", positive=True)
    lost = 1 - (1 - x) * (1 - 2 * x) - x * (3 - 2 * x)
    steps.step("(1-eta)(1-2eta) = 1 - eta(3-2eta) < 1", sympy.expand(lost) == 0)
    etas = [Fraction(i, 64) for i in range(1, 32)] + [Fraction(1, 2**k) for k in range(7, 33)]
    is_less = all(_increments(eta) < _needed(eta) - 1 for eta in etas)
    steps.step(f"N(eta) <= C ln(1/eta) - 1 (interval arithmetic, {len(etas)} values)", is_less)
    tiny = Fraction(1, 2**40)
    is_sharp = bool(_needed(tiny) - 1 - _increments(tiny) < arb(2) ** -36)
    steps.step("which is an equality for eta -> 0: the proof gives no smaller C", is_sharp)
    holds = all(_is_least_exponent(n, eta) for n in (40, 113) for eta in (_ONE / 8, _ONE / 2**12))
    steps.step("the bound is the least of exp(-s(n/2 - C ln(1/eta)) + n s^2 range^2/8)", holds)
    rows = _LUEKER_ROWS.items()
    is_table = all(sample_sizes(_lueker_bound, delta) == row for delta, row in rows)
    steps.step("sample sizes of the table", is_table)
    if not steps.hold:
        return steps.evidence()
    runs = simulated_covers(Law.UNIFORM, effort, rng=rng, num_samples=80)
    return steps.evidence(compare(steps, runs, bound=_lueker_bound, label="Monte Carlo"))


def _is_least_exponent(num_samples: int, eta: Fraction) -> bool:
    """Whether Chernoff's bound, at its best s, is the bound; where n/2 is too small, it is 1."""
    mean = num_samples * constants.DRIFT  # of the sum of the increments
    excess = ball(mean) - constants.lueker_constant() * -ball(eta).log()
    bound, width = _lueker_bound(num_samples, eta), ball(constants.AZUMA_RANGE)
    if not excess > 0:
        return bool(bound == 1)
    best = 4 * excess / (num_samples * width**2)
    at_best, *beside = (
        (-s * excess + num_samples * s**2 * width**2 / 8).exp()
        for s in (best, best * 9 / 10, best * 11 / 10)
    )
    return bool(bound.overlaps(at_best)) and all(bool(bound < value) for value in beside)


CLAIMS = (
    Claim(
        "C08",
        "For n >= 0 independent samples uniform on [-1, 1] and 0 < eta < 1/2: not all targets in "
        "[-1/2, 1/2] are within 2eta of the sum of some samples with probability at most "
        "(3/4)^n (1-2eta)(1-eta)/(2 eta^2)",
        Method.STATISTICAL,
        "this project",
        _rate,
    ),
    Claim(
        "C09",
        "Lueker's form holds with C = 2/ln 2: for 0 < eta < 1/2 and n/2 > C ln(1/eta) independent "
        "samples uniform on [-1, 1], not all targets in [-1/2, 1/2] are within 2eta of the sum of "
        "some samples with probability at most exp(-(n/2 - C ln(1/eta))^2 / (2n))",
        Method.STATISTICAL,
        "Lueker 1998, Theorem 2.4; constant: this project",
        _lueker,
    ),
)
