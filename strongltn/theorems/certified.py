"""Certified numbers: rational bounds of formulas with logarithms, and least sizes."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from flint import arb, ctx, fmpq

_PRECISION = 160  # bits of a ball; what is compared needs about 60


def ball(value: Fraction | int) -> arb:
    """Return a ball around a rational, of the precision in force."""
    exact = Fraction(value)
    return arb(fmpq(exact.numerator, exact.denominator))


def lower(formula: Callable[[], arb]) -> Fraction:
    """Return a rational that is at most the value of a formula, evaluated in balls.

    Examples
    --------
    >>> bool(0.6931 < lower(lambda: ball(2).log()) < upper(lambda: ball(2).log()) < 0.6932)
    True
    """
    with ctx.workprec(_PRECISION):
        return _dyadic(formula().lower())


def upper(formula: Callable[[], arb]) -> Fraction:
    """Return a rational that is at least the value of a formula, evaluated in balls."""
    with ctx.workprec(_PRECISION):
        return _dyadic(formula().upper())


def upper_log(value: Fraction) -> Fraction:
    """Return a rational that is at least the natural logarithm of a positive one."""
    return upper(lambda: ball(value).log())


def least(is_enough: Callable[[int], bool], *, start: int = 1) -> int:
    """Return the least integer >= `start` that is enough, where every larger one is as well.

    Examples
    --------
    >>> least(lambda n: n * n >= 50)
    8
    """
    if is_enough(start):
        return start
    step = 1
    while not is_enough(start + step):
        step *= 2
    low, high = start + step // 2, start + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def ceiling(formula: Callable[[], arb]) -> int:
    """Return the value of a formula rounded up to an integer, or the next one."""
    return math.ceil(upper(formula))


def logarithmic_size(constant: Fraction, argument: Fraction) -> int:
    """Return constant * ln(argument), rounded up to an integer, or the next one; at least 1."""
    return max(1, ceiling(lambda: ball(constant) * ball(argument).log()))


def _dyadic(end: arb) -> Fraction:
    mantissa, exponent = (int(part) for part in end.man_exp())
    return Fraction(mantissa) * Fraction(2) ** exponent
