"""The density of a sum of k uniforms on [-1, 1], between two multiples of k^-1/2."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, ctx

from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps

_LAST = 60  # up to here the density itself, beyond it the normal law with an error


def density(num_terms: int, point: Any, num_pieces: int) -> Any:
    """Return the density at `point`, an arb or a Fraction.

    `num_pieces` counts the j with 2 j < point + num_terms, which the caller knows exactly.
    """
    total = sum(
        (-1) ** j * math.comb(num_terms, j) * (point + num_terms - 2 * j) ** (num_terms - 1)
        for j in range(num_pieces)
    )
    return total / (2**num_terms * math.factorial(num_terms - 1))


def density_at_root(num_terms: int) -> Any:
    """Return sqrt(k) f_k(sqrt k), the value of the closed interval at k = 1."""
    pieces = sum(
        (2 * j - num_terms) ** 2 < num_terms or 2 * j < num_terms for j in _counts(num_terms)
    )
    root = arb(num_terms).sqrt()
    return root * density(num_terms, root, pieces)


def density_at_zero(num_terms: int) -> Any:
    """Return sqrt(k) f_k(0), an enclosure."""
    value = density(num_terms, Fraction(0), _num_pieces(num_terms, Fraction(0)))
    return arb(num_terms).sqrt() * value.numerator / value.denominator


def _counts(num_terms: int) -> range:
    return range(num_terms + 1)


def _sum_bounded(effort: Effort, rng: np.random.Generator) -> Evidence:
    del rng
    steps = Steps()
    last = effort.pick(_LAST, 5 * _LAST)
    with ctx.workprec(10 * last):  # the alternating sum cancels
        lows = [density_at_root(k) for k in range(1, last + 1)]
        highs = [density_at_zero(k) for k in range(1, last + 1)]
        lower, upper = arb(3) / 20, arb(2).sqrt() / 2
        low, high = _tail_range(last + 1)
    steps.step("k = 1: f = 1/2 at the end of the closed interval", lows[0] == arb(1) / 2)
    holds = all(bool(value > lower) for value in lows)
    steps.step(f"sqrt(k) f_k(sqrt k) > 3/20 for k <= {last}", holds)
    holds = all(bool(value < upper) for k, value in enumerate(highs, 1) if k != 2)
    # f_2(0) = 1/2 as a rational: the value at k = 2 is sqrt(2)/2 itself.
    holds &= density(2, Fraction(0), 1) == Fraction(1, 2)
    steps.step("sqrt(k) f_k(0) <= 1/sqrt 2, with equality at k = 2", holds)
    steps.step(f"both for all k > {last}, from the normal law", bool(low > lower and high < upper))
    text = "f_(k+1)' = (f_k(x+1) - f_k(x-1))/2 <= 0 for x >= 0: f_k decreases in |x|"
    steps.step(text, _is_derivative())
    return steps.evidence()


def _tail_range(first: int) -> tuple[Any, Any]:
    """Return a lower bound of sqrt(k) f_k(sqrt k), and an upper one of sqrt(k) f_k(0), k >= first.

    The characteristic function of one term is sin(t)/t = exp(-t^2/6 - r(t)), where r is a power
    series with coefficients >= 0 that begins with t^4/180 (take the logarithm of the product over
    the zeros): 0 <= r(t) <= c t^4 on [0, 2] with c = r(2)/16. All errors decrease in k.
    """
    k = arb(first)
    pi, two = arb.pi(), arb(2)
    c = (-(two.sin() / 2).log() - arb(4) / 6) / 16
    # (1/2 pi) times the integral of k c t^4 exp(-k t^2/6) over the line, times sqrt(k).
    middle = c * 27 * (6 * pi).sqrt() / (2 * pi * k)
    normal_tail = 3 / (2 * k) * (-2 * k / 3).exp()
    true_tail = (pi - 2) * (two.sin() / 2) ** first + pi ** (1 - first) / (k - 1)
    tails = k.sqrt() * (normal_tail + true_tail) / pi
    peak = (3 / (2 * pi)).sqrt()
    return peak * (arb(-3) / 2).exp() - middle - tails, peak + tails


def _is_derivative() -> bool:
    """Whether f_(k+1)'(x) = (f_k(x+1) - f_k(x-1))/2, which is <= 0 for x >= 0 if f_k decreases."""
    for k in range(2, 13):
        for x in (Fraction(i, 7) for i in range(7 * k)):
            slopes = (
                (-1) ** j * math.comb(k + 1, j) * (x + k + 1 - 2 * j) ** (k - 1)
                for j in range(_num_pieces(k + 1, x))
            )
            derivative = sum(slopes) / (2 ** (k + 1) * math.factorial(k - 1))
            right, left = (density(k, y, _num_pieces(k, y)) for y in (x + 1, x - 1))
            if derivative != (right - left) / 2 or derivative > 0:
                return False
    return True


def _num_pieces(num_terms: int, point: Fraction) -> int:
    return sum(2 * j < point + num_terms for j in _counts(num_terms))


CLAIMS = (
    Claim(
        "C20",
        "Uniform samples are sum-bounded: 3/20 <= sqrt(k) f_k <= 1/sqrt 2 on [-sqrt k, sqrt k] "
        "for every k",
        Method.INTERVAL,
        "in the form of Natale et al. 2024",
        _sum_bounded,
    ),
)
