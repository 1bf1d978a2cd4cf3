"""Samples of which only a part is uniform, such as products: the bound, against simulations."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from flint import arb

from proofs_check.claims import constants
from proofs_check.claims.cells import Cover, Law
from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.cover_simulation import (
    EXTRA_BITS,
    compare,
    rate_bound,
    sample_sizes,
    simulated_covers,
    start_ratio,
    start_steps,
    worst_factor,
)
from proofs_check.claims.interval_union import IntervalUnion, expected_growth
from proofs_check.claims.simulated_tail import Bound, Simulation, ball

_ONE = Fraction(1)
_HALF = Fraction(1, 2)

# The recalled table of this project: samples for eta = 2^-3 to 2^-12 at failure probability 0.01.
_COMPONENT_ROW = (85, 103, 119, 135, 150, 166, 181, 197, 212, 227)


def component_growth(covered: IntervalUnion, end: Fraction) -> Fraction:
    """Return the mean growth in [-1/2, 1/2] by a sample that is uniform on [-end, end]."""
    scaled = IntervalUnion(tuple((low / end, high / end) for low, high in covered.parts))
    return expected_growth(scaled, (-_HALF / end, _HALF / end)) * end


def _component_steps(steps: Steps, effort: Effort, rng: np.random.Generator) -> None:
    """Check what a uniform component adds in the mean, and that products have one."""
    end, mass = constants.COMPONENT_END, constants.component_mass()
    sets = [IntervalUnion.draw(rng, (-_HALF, _HALF)) for _ in range(effort.pick(60, 1000))]
    growths = [(component_growth(A, end), A.measure) for A in sets]
    is_drift = all(growth >= constants.DRIFT * p * (1 - p) for growth, p in growths)
    steps.step(f"E q >= p(1-p)/2 for a sample of the component ({len(sets)} sets)", is_drift)
    edges = [IntervalUnion(((-_HALF, Fraction(i, 16) - _HALF),)) for i in range(1, 16)]
    is_sharp = all(
        component_growth(A, end) == constants.DRIFT * A.measure * (1 - A.measure) for A in edges
    )
    steps.step("with equality for intervals at the edge", is_sharp)
    least = -ball(end).log() / 2  # the density of a product falls with |t|
    is_below = bool(mass.overlaps(2 * ball(end) * least))
    # Without rounding: 2 (1/2) ln(2)/2 over ln 2.
    is_below &= end == _HALF and constants.COMPONENT_MASS_OVER_LN2 == _HALF
    steps.step("products: mass = length times the least density -ln(1/2)/2", is_below)


def _mixture_bound(mass: arb) -> Bound:
    """Return the bound for a component of this mass."""
    return lambda n, eta: (1 - ball(constants.MIXTURE_LOSS) * mass) ** n * ball(start_ratio(eta))


def _mixture(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps, loss = Steps(), constants.MIXTURE_LOSS
    masses = [Fraction(i, 16) for i in range(1, 17)]
    worst = [worst_factor(rho * constants.DRIFT) for rho in masses]
    is_rate = worst == [1 - loss * rho for rho in masses]
    steps.step(f"drift rho p(1-p)/2 gives the rate 1 - {loss} rho, attained", is_rate)
    start_steps(steps)
    _component_steps(steps, effort, rng)
    is_whole = all(
        _mixture_bound(arb(1))(n, eta).overlaps(rate_bound(n, eta))
        for n in (0, 1, 30)
        for eta in (_ONE / 5, _ONE / 64)
    )
    steps.step("mass 1: the bound for uniform samples", is_whole)
    bound = _mixture_bound(constants.component_mass())
    is_table = sample_sizes(bound, Fraction(1, 100)) == _COMPONENT_ROW
    steps.step("sample sizes of the table for products", is_table)
    if not steps.hold:
        return steps.evidence()
    products = simulated_covers(Law.PRODUCT, effort, rng=rng)
    compare(steps, products, bound=bound, label="Monte Carlo, products")
    third = _thinned(steps, effort, rng)
    label = "Monte Carlo, the worst mixture of mass 1/3"
    text = compare(steps, third, bound=_mixture_bound(arb(1) / 3), label=label)
    return steps.evidence(f"{text}, twice")


def _thinned(steps: Steps, effort: Effort, rng: np.random.Generator) -> list[Simulation]:
    """Simulate samples of the component with probability 1/3, and else too long to use."""
    runs, shape = [], (effort.pick(4000, 20000), 150)
    is_drawn = True
    for log2_eta in (-3, -4):
        cover = Cover.at(log2_eta, EXTRA_BITS)
        size = 1 << cover.bits
        end = int(size * constants.COMPONENT_END)
        useful = rng.integers(-end, end, shape)
        is_drawn &= useful.min() < size * -0.49 and useful.max() > size * 0.49
        is_useful = rng.integers(0, 3, shape) == 0
        # Eight standard deviations of the mean.
        is_drawn &= abs(float(is_useful.mean()) - 1 / 3) < 8 * (2 / 9 / is_useful.size) ** 0.5
        rows = np.where(is_useful, useful, size).tolist()
        times = cover.admissible_times(rows)
        runs.append(Simulation("admissible", Fraction(2) ** log2_eta, times, shape[1]))
    steps.step("the simulated component has mass 1/3 and fills [-1/2, 1/2]", bool(is_drawn))
    return runs


CLAIMS = (
    Claim(
        "C13",
        "If the law of the n independent samples is a mixture that is uniform on [-1/2, 1/2] with "
        "probability rho, 0 < rho <= 1, and anything else otherwise, then for 0 < eta < 1/2 not "
        "all targets in [-1/2, 1/2] are within 2eta of the sum of some samples with probability "
        "at most (1 - rho/4)^n (1-2eta)(1-eta)/(2 eta^2); the product of two uniforms on [-1, 1] "
        "has rho = ln(2)/2",
        Method.STATISTICAL,
        "this project; the mixtures of Lueker 1998, Corollary 3.3",
        _mixture,
    ),
)
