"""One weight from one product of two uniforms, with its exact probability."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, arb_series

from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps

_FALSE_ALARM = Fraction(1, 1000)


def product_cdf(value: Fraction) -> Any:
    """Return an enclosure of P(ab <= value) for `value` in [-1, 1] (its density: claim C12)."""
    t = _ball(value)
    return (1 + t - t * abs(t).log()) / 2 if value else arb(1) / 2


def success_probability(weight: Fraction, tolerance: Fraction) -> Any:
    """Return an enclosure of the probability that one product is within tolerance of a weight."""
    high, low = min(weight + tolerance, Fraction(1)), max(weight - tolerance, Fraction(-1))
    return product_cdf(high) - product_cdf(low)


def _single_pair(effort: Effort, rng: np.random.Generator) -> Evidence:
    del effort, rng
    steps = Steps()
    is_linear = is_sample_size = True
    for numerator in range(-8, 9):
        weight = Fraction(numerator, 16)
        for power in range(4, 20):
            tolerance = Fraction(1, 2**power)
            chance = success_probability(weight, tolerance)
            is_linear &= bool(chance >= _ball(tolerance) * 69 / 100)
            for delta in (Fraction(1, 10), Fraction(1, 1000)):
                num = math.ceil(math.log(delta) / float((1 - chance).log().mid()))
                is_sample_size &= bool((1 - chance) ** num <= _ball(delta))
                is_sample_size &= bool((1 - chance) ** (num - 1) > _ball(delta))
    steps.step("pi >= 0.69 tau for |w| <= 1/2 (17 weights, 16 tolerances)", is_linear)
    steps.step("k = ceil(ln(1/delta)/-ln(1-pi)) is the least enough", is_sample_size)
    t = arb_series([1, -1])  # 1 - tau
    series = 1 - (1 + t - t * t.log()) / 2
    is_square = series[0] == 0 and series[1] == 0 and series[2] == arb(1) / 4
    steps.step("1 - F(1-tau) = tau^2/4 + ...: at |w| = 1 a square", bool(is_square))
    return steps.evidence()


def _single_pair_samples(effort: Effort, rng: np.random.Generator) -> Evidence:
    """Compare with frequencies: Hoeffding's inequality, shared between the cases."""
    num = effort.pick(200_000, 5_000_000)
    cases = [(w, t) for w in ("0", "1/4", "1/2", "3/4", "1") for t in ("1/64", "1/8")]
    limit = float(np.sqrt(np.log(2 * len(cases) / float(_FALSE_ALARM)) / (2 * num)))
    samples = rng.uniform(-1, 1, num) * rng.uniform(-1, 1, num)
    worst = 0.0
    for weight, tolerance in cases:
        chance = success_probability(Fraction(weight), Fraction(tolerance))
        is_near = np.abs(samples - float(Fraction(weight))) <= float(Fraction(tolerance))
        worst = max(worst, abs(float(is_near.mean()) - float(chance.mid())))
    text = f"{len(cases)} cases, {num} products: largest gap {worst:.5f}, limit {limit:.5f}"
    return Evidence(worst <= limit, text, f"false-alarm rate {_FALSE_ALARM}")


def _ball(value: Fraction) -> Any:
    return arb(value.numerator) / value.denominator


CLAIMS = (
    Claim(
        "C18",
        "One product is within tau of w with probability F(w+tau) - F(w-tau), which gives the "
        "sample size of one weight",
        Method.INTERVAL,
        "this project; the construction of Malach et al. 2020",
        _single_pair,
    ),
    Claim(
        "C18b",
        "Sampled products are within tau of w that often",
        Method.STATISTICAL,
        "this project; the construction of Malach et al. 2020",
        _single_pair_samples,
    ),
)
