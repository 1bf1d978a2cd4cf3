"""One weight from one product of two uniforms, with its exact probability."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, arb_series

from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.clopper_pearson import lower_limit, upper_limit

_FALSE_ALARM = Fraction(1, 1000)


def product_cdf(value: Fraction) -> Any:
    """Return an enclosure of P(ab <= value) for `value` in [-1, 1] (its density: claim C12)."""
    t = _ball(value)
    return (1 + t - t * abs(t).log()) / 2 if value else arb(1) / 2


def success_probability(weight: Fraction, tolerance: Fraction) -> Any:
    """Return an enclosure of the probability that one product is within tolerance of a weight."""
    high, low = min(weight + tolerance, Fraction(1)), max(weight - tolerance, Fraction(-1))
    return product_cdf(high) - product_cdf(low)


def pairs_needed(chance: Any, delta: Fraction) -> int:
    """Return how many products leave a weight unreached with probability at most delta."""
    return math.ceil(math.log(delta) / float((1 - chance).log().mid()))


def _law_steps(steps: Steps) -> None:
    """Check F against its density, which claim C12 derives."""
    is_density = is_even = True
    for number in range(1, 64):
        t = Fraction(number, 64)
        x = arb_series([_ball(t), 1])
        slope = ((1 + x - x * x.log()) / 2)[1]
        is_density &= bool(slope.overlaps(-_ball(t).log() / 2))
        is_density &= bool(product_cdf(t).overlaps(((1 + x - x * x.log()) / 2)[0]))
        is_even &= bool((product_cdf(t) + product_cdf(-t)).overlaps(arb(1)))
    steps.step("F' is the density -ln|t|/2 at 63 points, F(-t) = 1 - F(t)", is_density and is_even)
    ends = [product_cdf(Fraction(t)) for t in (-1, 0, 1)]
    steps.step("F(-1) = 0, F(0) = 1/2, F(1) = 1", ends == [arb(0), arb(1) / 2, arb(1)])


def _success_steps(steps: Steps) -> None:
    is_whole = is_clipped = is_two_sided = True
    for number in range(-16, 17):
        weight = Fraction(number, 16)
        is_whole &= bool(success_probability(weight, Fraction(2)) == 1)
        for tolerance in (Fraction(1, 3), Fraction(1, 100)):
            chance = success_probability(weight, tolerance)
            mirrored = success_probability(-weight, tolerance)
            low = product_cdf(max(weight - tolerance, Fraction(-1)))
            misses = low + 1 - product_cdf(min(weight + tolerance, Fraction(1)))
            is_two_sided &= bool((chance + misses).overlaps(arb(1)))
            is_two_sided &= bool(chance.overlaps(mirrored))
            is_clipped &= bool(0 < chance < 1)
    steps.step("pi = 1 for tau = 2, and pi = 1 - P(below) - P(above)", is_whole and is_two_sided)
    steps.step("0 < pi(w, tau) = pi(-w, tau) < 1, also where w + tau > 1", is_clipped)
    # The density falls with |t|, so that pi falls with |w|; it is convex on (0, 1), so that its
    # mean on [1/2 - tau, 1/2 + tau] is at least its value (ln 2)/2 in the middle.
    at_end = [success_probability(Fraction(1, 2), Fraction(1, 2**k)) * 2**k for k in range(1, 20)]
    is_sharp = all(bool(value >= arb(69) / 100) for value in at_end)
    is_sharp &= bool(abs(at_end[-1] - arb(2).log()) < arb(1) / 1000)
    steps.step("pi/tau at w = 1/2 is near ln 2 = 0.693 for small tau", is_sharp)


def _single_pair(effort: Effort, rng: np.random.Generator) -> Evidence:
    del effort, rng
    steps = Steps()
    _law_steps(steps)
    _success_steps(steps)
    is_linear = is_sample_size = True
    for numerator in range(-16, 17):
        weight = Fraction(numerator, 32)
        for power in range(1, 20):
            tolerance = Fraction(1, 2**power)
            chance = success_probability(weight, tolerance)
            is_linear &= bool(chance >= _ball(tolerance) * 69 / 100)
            for delta in (Fraction(1, 10), Fraction(1, 1000)):
                num = pairs_needed(chance, delta)
                is_sample_size &= bool((1 - chance) ** num <= _ball(delta))
                is_sample_size &= bool((1 - chance) ** (num - 1) > _ball(delta))
    steps.step("pi >= 0.69 tau for |w| <= 1/2 (33 weights, tau = 2^-1 to 2^-19)", is_linear)
    steps.step("k = ceil(ln(1/delta)/-ln(1-pi)) is the least enough", is_sample_size)
    t = arb_series([1, -1])  # 1 - tau
    series = 1 - (1 + t - t * t.log()) / 2
    is_square = series[0] == 0 and series[1] == 0 and series[2] == arb(1) / 4
    for power in range(3, 12):
        # The next term of the series is tau^3/12.
        tau = Fraction(1, 2**power)
        rest = success_probability(Fraction(1), tau) / _ball(tau) ** 2 - arb(1) / 4
        is_square &= bool(0 < rest < _ball(tau) / 8)
    steps.step("at |w| = 1: pi = 1 - F(1-tau) = tau^2/4 + ..., a square", bool(is_square))
    return steps.evidence()


def _single_pair_samples(effort: Effort, rng: np.random.Generator) -> Evidence:
    """Compare with the limits of Clopper and Pearson, of either side in every case."""
    num = effort.pick(500_000, 5_000_000)
    cases = [(w, t) for w in ("-1/2", "0", "1/4", "1/2", "3/4", "1") for t in ("1/64", "1/8")]
    level = _FALSE_ALARM / (2 * len(cases))
    samples = rng.uniform(-1, 1, num) * rng.uniform(-1, 1, num)
    holds, worst = True, 0.0
    for weight, tolerance in cases:
        chance = success_probability(Fraction(weight), Fraction(tolerance))
        is_near = np.abs(samples - float(Fraction(weight))) <= float(Fraction(tolerance))
        count = int(np.count_nonzero(is_near))
        low = lower_limit(count, num, false_alarm=level)
        high = upper_limit(count, num, false_alarm=level)
        holds &= not (bool(_ball(low) > chance) or bool(_ball(high) < chance))
        worst = max(worst, abs(count / num - float(chance.mid())))
    text = f"{len(cases)} cases, {num} products, limits of Clopper and Pearson: gap <= {worst:.5f}"
    return Evidence(holds, text, f"false-alarm rate {_FALSE_ALARM} in all")


def _ball(value: Fraction) -> Any:
    return arb(value.numerator) / value.denominator


CLAIMS = (
    Claim(
        "C18",
        "For |w| <= 1 and 0 < tau <= 2 the product of two independent uniforms on [-1, 1] is "
        "within tau of w with probability pi = F(min(w+tau, 1)) - F(max(w-tau, -1)), F its "
        "distribution function; pi >= 0.69 tau for |w| <= 1/2 and tau <= 1/2, and pi = tau^2/4 + "
        "O(tau^3) for |w| = 1. ceil(ln(1/delta) / -ln(1-pi)) independent products, and no fewer, "
        "have one within tau of w, except with probability at most delta, 0 < delta < 1",
        Method.INTERVAL,
        "this project; the construction of Malach et al. 2020",
        _single_pair,
    ),
    Claim(
        "C18b",
        "Sampled products of two uniforms on [-1, 1] are within tau of w as often as F says, for "
        "twelve pairs (w, tau)",
        Method.STATISTICAL,
        "this project; the construction of Malach et al. 2020",
        _single_pair_samples,
    ),
)
