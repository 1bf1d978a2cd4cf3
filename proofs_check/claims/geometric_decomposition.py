"""Greedy subtraction of samples from geometric bins."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb

from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps

_RATIOS = (
    Fraction(1, 2),
    Fraction(3, 5),
    Fraction(5, 8),
    Fraction(2, 3),
    Fraction(3, 4),
    Fraction(9, 10),
)


def residual(target: Fraction, samples: list[Fraction]) -> Fraction:
    """Return what greedy subtraction leaves of a target in [0, 1]."""
    for sample in samples:
        if target >= sample:
            target -= sample
    return target


def bin_of(ratio: Fraction, number: int) -> tuple[Fraction, Fraction]:
    """Return the ends of the bin from which sample `number` = 0, 1, ... may come."""
    radius = ratio**number
    return (1 - ratio) * radius, ratio * radius


def what_is_left(ratio: Fraction, num_bins: int) -> Fraction:
    """Return the claimed bound on the residual of a target in [0, 1]."""
    return ratio**num_bins


def samples_needed(num_bins: int, delta: Any) -> Any:
    """Return how many log-uniform samples reach all bins, except with probability delta."""
    return (num_bins + 1) * (num_bins / delta).log()


def _residual_steps(steps: Steps, effort: Effort, rng: np.random.Generator) -> None:
    num_targets, holds = effort.pick(1500, 30000), True
    for _ in range(num_targets):
        ratio = _RATIOS[int(rng.integers(len(_RATIOS)))]
        num_bins = int(rng.integers(1, 13))
        parts = rng.integers(0, 101, num_bins + 1).tolist()
        samples = []
        for i, part in enumerate(parts[:-1]):
            low, high = bin_of(ratio, i)
            samples.append(low + (high - low) * Fraction(part, 100))
        rest = residual(Fraction(parts[-1], 100), samples)
        holds &= 0 <= rest <= what_is_left(ratio, num_bins)
    steps.step(f"residual in [0, g^k] for {num_targets} targets, bins [(1-g)R, gR]", holds)
    is_sharp = True
    for ratio in _RATIOS:
        for num_bins in range(1, 13):
            bins = [bin_of(ratio, i) for i in range(num_bins)]
            # 1 keeps the most when all samples are short; just below a long one nothing is taken.
            is_sharp &= residual(Fraction(1), [low for low, _ in bins]) == ratio**num_bins
            just_below = bins[-1][1] * (1 - Fraction(1, 10**9))
            kept = residual(just_below, [high for _, high in bins])
            is_sharp &= kept == just_below <= what_is_left(ratio, num_bins)
            is_sharp &= what_is_left(ratio, num_bins) == bins[-1][1]
    steps.step("attained at either end of the bins, k <= 12", is_sharp)


def _greedy(effort: Effort, rng: np.random.Generator) -> Evidence:
    import sympy

    steps = Steps()
    r, x, R, g = sympy.symbols("r x R g", positive=True)
    taken = sympy.expand(g * R - (r - x) - ((R - r) + (x - (1 - g) * R)))
    steps.step("r >= x: r - x <= gR as r <= R, x >= (1-g)R", taken == 0)
    left = sympy.expand(g * R - r - ((x - r) + (g * R - x)))
    steps.step("r < x: r <= gR as x <= gR", left == 0)
    _residual_steps(steps, effort, rng)
    is_inside = all(
        bin_of(ratio, i)[0] <= ratio ** (i + 2) < ratio ** (i + 1) == bin_of(ratio, i)[1]
        for ratio in _RATIOS
        if ratio**2 >= 1 - ratio
        for i in range(12)
    )
    steps.step("the disjoint bins (g^(i+2), g^(i+1)] lie in them for g^2 >= 1-g", is_inside)
    is_outside = all(
        bin_of(ratio, 0)[0] > ratio**2 for ratio in (Fraction(1, 2), Fraction(61, 100))
    )
    steps.step("and not for g = 0.61 or less, where g^2 < 1-g", is_outside)
    t, k = sympy.symbols("t k", positive=True)
    # Log-uniform on [g^(k+1), 1]: the density is 1/t over the logarithm of the whole.
    whole = (k + 1) * sympy.log(1 / g)
    mass = sympy.integrate(1 / (t * whole), (t, g**2 * R, g * R)) - 1 / (k + 1)
    mass = sympy.simplify(sympy.expand_log(mass, force=True))
    steps.step("log-uniform on [g^(k+1), 1]: each has mass 1/(k+1)", mass == 0)
    steps.step("n >= (k+1) ln(k/delta) misses one with probability <= delta", _is_union_bound())
    return steps.evidence()


def _is_union_bound() -> bool:
    """Whether the union bound over the bins holds at the least n, and fails for 0.98 of it."""
    for num_bins in (1, 2, 7, 24, 100, 1000):
        for delta in (arb(1) / 2, arb(1) / 10, arb(1) / 10**6):
            missed = 1 - arb(1) / (num_bins + 1)
            size = samples_needed(num_bins, delta)
            if not num_bins * missed ** math.ceil(float(size.upper())) <= delta:
                return False
            fewer = math.floor(float(size.lower()) * 0.98)
            if num_bins == 1000 and not num_bins * missed**fewer > delta:
                return False
    return True


CLAIMS = (
    Claim(
        "C17",
        "Let 1/2 <= g < 1 and let samples x_i, i = 0, ..., k-1, lie in [(1-g) g^i, g g^i]. Taking "
        "x_i from what is left of a target in [0, 1] whenever it is not larger leaves between 0 "
        "and g^k, which is attained. If g^2 >= 1-g, then n >= (k+1) ln(k/delta) independent "
        "samples, log-uniform on [g^(k+1), 1], have one in each bin, except with probability at "
        "most delta, 0 < delta < 1",
        Method.INTERVAL,
        "after Orseau et al. 2020",
        _greedy,
    ),
)
