"""Greedy subtraction of samples from geometric bins."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from flint import arb

from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps

_RATIOS = (Fraction(5, 8), Fraction(2, 3), Fraction(3, 4), Fraction(9, 10))


def residual(target: Fraction, samples: list[Fraction]) -> Fraction:
    """Return what greedy subtraction leaves of a target in [0, 1]."""
    for sample in samples:
        if target >= sample:
            target -= sample
    return target


def _greedy(effort: Effort, rng: np.random.Generator) -> Evidence:
    import sympy

    steps = Steps()
    r, x, R, g = sympy.symbols("r x R g", positive=True)
    taken = sympy.expand(g * R - (r - x) - ((R - r) + (x - (1 - g) * R)))
    steps.step("r >= x: r - x <= gR as r <= R, x >= (1-g)R", taken == 0)
    left = sympy.expand(g * R - r - ((x - r) + (g * R - x)))
    steps.step("r < x: r <= gR as x <= gR", left == 0)
    num_targets, num_bins, holds = effort.pick(1500, 30000), 12, True
    for _ in range(num_targets):
        ratio = _RATIOS[int(rng.integers(len(_RATIOS)))]
        low, high = 1 - ratio, ratio  # the bin, over its radius
        parts = rng.integers(0, 101, num_bins + 1).tolist()
        samples = [
            ratio**i * (low + (high - low) * Fraction(part, 100))
            for i, part in enumerate(parts[:-1])
        ]
        rest = residual(Fraction(parts[-1], 100), samples)
        holds &= 0 <= rest <= ratio**num_bins
    steps.step(f"residual <= g^{num_bins} for {num_targets} targets, bins [(1-g)R, gR]", holds)
    is_inside = all((ratio**2 >= 1 - ratio) and ratio < 1 for ratio in _RATIOS)
    steps.step("the disjoint bins (g^(i+2), g^(i+1)] lie in them for g^2 >= 1-g", is_inside)
    t, L = sympy.symbols("t L", positive=True)
    mass = sympy.integrate(1 / (t * L), (t, g**2 * R, g * R)) - sympy.log(1 / g) / L
    mass = sympy.simplify(sympy.expand_log(mass, force=True))
    steps.step("log-uniform on [g^(k+1), 1]: each has mass 1/(k+1)", mass == 0)
    steps.step("n >= (k+1) ln(k/delta) misses one with probability <= delta", _is_union_bound())
    return steps.evidence()


def _is_union_bound() -> bool:
    for num_bins in (2, 7, 24, 100):
        for delta in (arb(1) / 10, arb(1) / 10**6):
            size = (num_bins + 1) * (num_bins / delta).log()
            num = math.ceil(float(size.upper()))
            if not num_bins * (1 - arb(1) / (num_bins + 1)) ** num <= delta:
                return False
    return True


CLAIMS = (
    Claim(
        "C17",
        "Greedy subtraction of one sample from each geometric bin leaves at most gamma^k",
        Method.EXACT,
        "after Orseau et al. 2020",
        _greedy,
    ),
)
