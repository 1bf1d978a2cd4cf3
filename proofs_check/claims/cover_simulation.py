"""The closed bounds on the failure to cover, against simulations."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from flint import arb

from proofs_check.claims import constants
from proofs_check.claims.cells import Cover, Law, draw_cells
from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.interval_union import IntervalUnion, expected_growth
from proofs_check.claims.simulated_tail import (
    Bound,
    Simulation,
    ball,
    false_alarm_text,
    is_consistent,
)

LOG2_ETAS = tuple(range(-3, -13, -1))

_EXTRA_BITS = 8
_MAX_SAMPLES = 60
_ONE = Fraction(1)

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
_COMPONENT_ROW = (85, 103, 119, 135, 150, 166, 181, 197, 212, 227)


def _sample_sizes(bound: Bound, delta: Fraction) -> tuple[int, ...]:
    """Return, for each eta of the table, the least n that `bound` proves; it falls with n."""
    return tuple(_sample_size(bound, Fraction(2) ** log2_eta, delta) for log2_eta in LOG2_ETAS)


def _sample_size(bound: Bound, eta: Fraction, delta: Fraction) -> int:
    low, high = 0, 1024
    while high - low > 1:
        middle = (low + high) // 2
        is_enough = bound(middle, eta) <= ball(delta)
        low, high = (low, middle) if is_enough else (middle, high)
    return high


def _start(eta: Fraction) -> Fraction:
    """Return V(2 eta) / V(1 - eta) for V(p) = (1 - p) / p."""
    return (1 - 2 * eta) / (2 * eta) * (1 - eta) / eta


def _mean_factor(p: Fraction, kappa: Fraction) -> Fraction:
    """Return E V(p + q) / V(p) for the worst law of q: mean kappa p(1-p) on {0, min(p, 1-p)}."""
    most = min(p, 1 - p)
    chance = kappa * p * (1 - p) / most
    v, end = (1 - p) / p, (1 - p - most) / (p + most)
    return 1 + chance * (end - v) / v


def _worst_factor(kappa: Fraction) -> Fraction:
    return max(_mean_factor(Fraction(i, 128), kappa) for i in range(1, 128))


def _covers(
    law: Law, effort: Effort, *, rng: np.random.Generator, num_samples: int = _MAX_SAMPLES
) -> list[Simulation]:
    """Simulate both events, the admissible one and that of all sums, for several eta."""
    runs, shape = [], (effort.pick(4000, 20000), num_samples)
    for log2_eta in (-3, -4, -6) if effort is Effort.QUICK else (-3, -4, -5, -6, -8):
        cover, eta = Cover.at(log2_eta, _EXTRA_BITS), Fraction(2) ** log2_eta
        rows = draw_cells(law, shape, bits=cover.bits, rng=rng)
        runs.append(Simulation("admissible", eta, cover.admissible_times(rows), num_samples))
        below, _ = cover.hitting_times(rows)
        runs.append(Simulation("all sums", eta, below, num_samples))
    return runs


def _simulated(steps: Steps, runs: list[Simulation], *, bound: Bound, label: str) -> str:
    is_true = is_consistent(runs, bound)
    trials = len(runs[0].times)
    names = " and ".join(dict.fromkeys(run.name for run in runs))
    steps.step(f"{label}: {names}, {trials} trials for each eta", is_true)
    return false_alarm_text(sum(run.num_samples + 1 for run in runs))


def _rate(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps, rate = Steps(), constants.COVER_RATE
    worst = _worst_factor(constants.DRIFT)
    steps.step(
        f"E V(p+q) / V(p) is at most {rate}, and attains it (127 values of p)", worst == rate
    )

    def bound(n: int, eta: Fraction) -> arb:
        return ball(rate**n * _start(eta))

    is_table = all(_sample_sizes(bound, delta) == row for delta, row in _RATE_ROWS.items())
    steps.step("sample sizes of the table", is_table)
    runs = _covers(Law.UNIFORM, effort, rng=rng)
    return steps.evidence(_simulated(steps, runs, bound=bound, label="Monte Carlo"))


def _increments(eta: Fraction) -> arb:
    """Return N(eta): what the martingale's increments add up to before p >= 1 - eta."""
    ends = ball((1 - eta) / eta).log() + ball((1 - 2 * eta) / (2 * eta)).log()
    return ends / arb(constants.LOGIT_BASE).log()


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


def _lueker(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    _azuma(steps)
    # With C = k/ln 2:  C ln(1/eta) - 1 - N = ((k-2) ln(1/eta) - ln((1-eta)(1-2 eta))) / ln 2,
    # and 1 - (1-eta)(1-2 eta) = eta (3 - 2 eta) > 0, so that k >= 2 is what is needed.
    steps.step("C ln 2 >= 2", constants.LUEKER_NUMERATOR >= 2 and constants.LOGIT_BASE == 2)
    etas = [Fraction(i, 64) for i in range(1, 32)] + [Fraction(1, 2**k) for k in range(7, 33)]
    constant = constants.lueker_constant()
    is_less = all(_increments(eta) < constant * -ball(eta).log() - 1 for eta in etas)
    steps.step(f"N(eta) <= C ln(1/eta) - 1 (interval arithmetic, {len(etas)} values)", is_less)

    def needed(eta: Fraction) -> arb:
        return constant * -ball(eta).log()

    def bound(n: int, eta: Fraction) -> arb:
        excess = ball(Fraction(n, 2)) - needed(eta)
        return (-(excess**2) / (2 * n)).exp() if excess > 0 else arb(1)

    is_table = all(_sample_sizes(bound, delta) == row for delta, row in _LUEKER_ROWS.items())
    steps.step("sample sizes of the table", is_table)
    runs = _covers(Law.UNIFORM, effort, rng=rng, num_samples=80)
    return steps.evidence(_simulated(steps, runs, bound=bound, label="Monte Carlo"))


def _mixture(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps, loss = Steps(), constants.MIXTURE_LOSS
    masses = [Fraction(i, 16) for i in range(1, 17)]
    worst = [_worst_factor(rho * constants.DRIFT) for rho in masses]
    is_rate = worst == [1 - loss * rho for rho in masses]
    steps.step(f"drift rho p(1-p)/2 gives the rate 1 - {loss} rho, attained", is_rate)
    sets = [IntervalUnion.draw(rng, (-_ONE, _ONE)) for _ in range(effort.pick(60, 1000))]
    fractions = [(expected_growth(A, (-_ONE, _ONE)) / 2, A.measure / 2) for A in sets]
    is_drift = all(growth >= constants.DRIFT * v * (1 - v) for growth, v in fractions)
    steps.step(f"E q >= v(1-v)/2 for U[-c, c] on [-c, c] ({len(sets)} sets, scaled)", is_drift)
    # The density of a product at 1/2, its least on [-1/2, 1/2], is ln(2)/2; here over ln 2.
    is_below = Fraction(1, 2) >= constants.COMPONENT_MASS_OVER_LN2
    steps.step("the uniform component is below the density of a product", is_below)
    mass = constants.component_mass()

    def bound_at(rho: arb) -> Bound:
        return lambda n, eta: (1 - ball(loss) * rho) ** n * ball(_start(eta))

    bound = bound_at(mass)
    is_table = _sample_sizes(bound, Fraction(1, 100)) == _COMPONENT_ROW
    steps.step("sample sizes of the table for products", is_table)
    products = _covers(Law.PRODUCT, effort, rng=rng)
    _simulated(steps, products, bound=bound, label="Monte Carlo, products")
    third = _thinned(effort, rng)
    label = "Monte Carlo, the worst mixture of mass 1/3"
    text = _simulated(steps, third, bound=bound_at(arb(1) / 3), label=label)
    return steps.evidence(f"{text}, twice")


def _thinned(effort: Effort, rng: np.random.Generator) -> list[Simulation]:
    """Simulate samples that are U[-1/2, 1/2] with probability 1/3, and else too long to use."""
    runs, shape = [], (effort.pick(4000, 20000), 150)
    for log2_eta in (-3, -4):
        cover = Cover.at(log2_eta, _EXTRA_BITS)
        size = 1 << cover.bits
        useful = rng.integers(-size // 2, size // 2, shape)
        rows = np.where(rng.integers(0, 3, shape) == 0, useful, size).tolist()
        times = cover.admissible_times(rows)
        runs.append(Simulation("admissible", Fraction(2) ** log2_eta, times, shape[1]))
    return runs


CLAIMS = (
    Claim(
        "C08",
        "P(fail) <= (3/4)^n (1-2eta)(1-eta)/(2 eta^2) for uniform samples",
        Method.STATISTICAL,
        "this project",
        _rate,
    ),
    Claim(
        "C09",
        "Lueker's form holds with C = 2/ln 2: P(fail) <= exp(-(n/2 - C ln(1/eta))^2 / (2n))",
        Method.STATISTICAL,
        "Lueker 1998, Theorem 2.4; constant: this project",
        _lueker,
    ),
    Claim(
        "C13",
        "A uniform component of mass rho gives the rate 1 - rho/4; products have rho = ln(2)/2",
        Method.STATISTICAL,
        "this project; the mixtures of Lueker 1998, Corollary 3.3",
        _mixture,
    ),
)
