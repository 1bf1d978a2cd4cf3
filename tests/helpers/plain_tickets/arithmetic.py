"""Vectors of fractions, roots that are rounded outwards, and dyadic rationals of few digits."""

from __future__ import annotations

import math
from fractions import Fraction

Vector = list[Fraction]
ZERO = Fraction(0)


def dot(a: Vector, b: Vector) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), ZERO)


def square(a: Vector) -> Fraction:
    return dot(a, a)


def root_up(q: Fraction) -> Fraction:
    """Return the multiple of 2^-50 just above sqrt(q)."""
    return Fraction(math.isqrt(math.ceil(q * 4**50)) + 1, 2**50)


def root_down(q: Fraction) -> Fraction:
    return Fraction(math.isqrt(math.floor(q * 4**50)), 2**50)


def text(value: Fraction) -> str:
    """Return "p*2^k" of a dyadic rational."""
    power = value.denominator.bit_length() - 1
    return f"{value.numerator}*2^{-power}"


def plus(a: Vector, b: Vector) -> Vector:
    return [u + v for u, v in zip(a, b, strict=True)]


def rows_times(vector: Vector, rows: list[Vector]) -> Vector:
    """Return vector @ rows."""
    return [dot(vector, list(column)) for column in zip(*rows, strict=True)]


def dyadic_up(value: Fraction) -> Fraction:
    """Return a dyadic of few digits, just above a positive number."""
    unit = Fraction(2) ** (math.floor(value).bit_length() - 30)
    return math.ceil(value / unit) * unit


def dyadic_parts(value: Fraction) -> tuple[int, int]:
    """Return p and k with value = p 2^k, p odd or zero."""
    p, k = value.numerator, 1 - value.denominator.bit_length()
    while p and p % 2 == 0:
        p, k = p // 2, k + 1
    return p, k
