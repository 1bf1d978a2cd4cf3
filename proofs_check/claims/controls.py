"""Negative controls: false claims, near true ones, that the same machinery must refute."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from proofs_check.claims.claim import Claim, Effort, Evidence, Method
from proofs_check.claims.interval_union import IntervalUnion, expected_growth
from proofs_check.claims.single_pair import success_probability


def _wide_window(effort: Effort, rng: np.random.Generator) -> Evidence:
    """Scaled by two: the component is U[-1, 1], and the window half of it again as long."""
    del effort, rng
    end = Fraction(11, 10)
    window = -end, end
    half = expected_growth(IntervalUnion(((-end, Fraction(0)),)), window) / (2 * end)
    text = f"A the left half: E q = {float(half):.5f}, v(1-v)/2 = 0.125"
    return Evidence(half >= Fraction(1, 8), text)


def _unit_target(effort: Effort, rng: np.random.Generator) -> Evidence:
    del effort, rng
    tolerance = Fraction(1, 64)
    chance = success_probability(Fraction(1), tolerance)
    text = f"w = 1, tau = 1/64: pi = {float(chance.mid()):.2e}, 0.69 tau = {0.69 / 64:.2e}"
    return Evidence(not bool(chance * 6400 < 69), text)


def _one_sign(effort: Effort, rng: np.random.Generator) -> Evidence:
    del effort, rng
    weight, inputs = Fraction(1, 2), [Fraction(n, 4) for n in range(-4, 5)]
    errors = [abs(weight * x - weight * max(x, Fraction(0))) for x in inputs]
    text = f"w = 1/2: error {max(errors)} at x = {inputs[errors.index(max(errors))]}"
    return Evidence(max(errors) == 0, text)


def _no_factor_two(effort: Effort, rng: np.random.Generator) -> Evidence:
    del effort, rng
    depths = range(1, 9)
    errors = [(1 + Fraction(1, depth)) ** depth - 1 for depth in depths]
    first = next(depth for depth, error in zip(depths, errors, strict=True) if error > 1)
    text = f"identity layers, each off by 1/{first}: error {errors[first - 1]} > 1"
    return Evidence(max(errors) <= 1, text)


_SOURCE = "this project"
CLAIMS = (
    Claim(
        "C25a",
        "The component on [-1/2, 1/2] still has drift v(1-v)/2 for targets up to |w| = 0.55",
        Method.EXACT,
        _SOURCE,
        _wide_window,
        is_control=True,
    ),
    Claim(
        "C25b",
        "One product is within tau of w = 1 as often as of |w| <= 1/2: at least 0.69 tau",
        Method.INTERVAL,
        _SOURCE,
        _unit_target,
        is_control=True,
    ),
    Claim(
        "C25c",
        "Neurons of one sign alone represent x -> w x on [-1, 1]",
        Method.EXACT,
        _SOURCE,
        _one_sign,
        is_control=True,
    ),
    Claim(
        "C25d",
        "Layer errors eps/l, without the factor two, suffice at eps = 1",
        Method.EXACT,
        _SOURCE,
        _no_factor_two,
        is_control=True,
    ),
)
