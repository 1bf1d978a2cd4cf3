"""Certified numbers: rational bounds of formulas with logarithms, and least sizes."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from flint import arb, ctx, fmpq

_PRECISION = 160  # bits of a ball; what is compared needs about 60
_LONG_POWER = 1 << 12  # bits beyond which a power is rounded upwards


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


def least_power(base: Fraction, bound: Fraction, *, start: int = 1) -> int:
    """Return the least integer n >= `start` with base^n <= `bound`.

    Parameters
    ----------
    base : Fraction in (0, 1)
    bound : Fraction > 0
    start : int >= 0

    Notes
    -----
    Rigor: exact. Logarithms in balls say where n lies; only where they leave two candidates is the
    power itself compared. Cost: two logarithms. Randomness: none.

    Examples
    --------
    >>> least_power(Fraction(3, 4), Fraction(1, 100)), least_power(Fraction(1, 2), Fraction(1, 8))
    (17, 3)
    """
    if base**start <= bound:
        return start
    with ctx.workprec(_PRECISION):
        exponent = ball(bound).log() / (-ball(1 - base)).log1p()
        low, high = math.ceil(_dyadic(exponent.lower())), math.ceil(_dyadic(exponent.upper()))
    while low < high and base**low > bound:
        low += 1
    return max(start, low)


def upper_power(base: Fraction, exponent: int) -> Fraction:
    """Return a rational that is at least base^exponent: the power itself unless it is long.

    Parameters
    ----------
    base : Fraction in (0, 1)
    exponent : int >= 0
    """
    if exponent * base.denominator.bit_length() <= _LONG_POWER:
        return base**exponent
    return upper(lambda: ((-ball(1 - base)).log1p() * exponent).exp())


def ceiling(formula: Callable[[], arb]) -> int:
    """Return the value of a formula rounded up to an integer, or the next one."""
    return math.ceil(upper(formula))


def logarithmic_size(constant: Fraction, argument: Fraction) -> int:
    """Return constant * ln(argument), rounded up to an integer, or the next one; at least 1."""
    return max(1, ceiling(lambda: ball(constant) * ball(argument).log()))


def _dyadic(end: arb) -> Fraction:
    mantissa, exponent = (int(part) for part in end.man_exp())
    return Fraction(mantissa) * Fraction(2) ** exponent
