"""Exact numbers as people and programs read them: decimals and floats, rounded in a direction."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from typing import Any

from proofs_check.certificate.exact import decimal

_DIGITS = 7
_MAX_EXACT = 60  # characters of an exact number beside its decimal


def lower_text(value: Fraction) -> str:
    """Return a decimal that is not above `value`."""
    return decimal(value, _DIGITS, ROUND_FLOOR)


def upper_text(value: Fraction) -> str:
    """Return a decimal that is not below `value`."""
    return decimal(value, _DIGITS, ROUND_CEILING)


def number_text(value: Fraction) -> str:
    """Return the shortest decimal that is read back as `value`; the exact number where it is not.

    Examples
    --------
    >>> number_text(Fraction(1, 2))
    '0.5'
    >>> number_text(Fraction(0.1))
    '0.1 (exactly 3602879701896397*2^-55)'
    """
    nearest = _nearest(value)
    text = None if nearest is None else repr(nearest).removesuffix(".0")
    if text is not None and Fraction(Decimal(text)) == value:
        return text
    exact = dyadic_text(value)
    short = exact if len(exact) <= _MAX_EXACT else "p*2^k of many digits, see --json"
    is_double = nearest is not None and Fraction(nearest) == value
    return f"{text if is_double else f'about {decimal(value, _DIGITS)}'} (exactly {short})"


def dyadic_text(value: Fraction) -> str:
    """Return a dyadic rational as ``"p*2^k"``, p odd or zero."""
    p = value.numerator
    twos = max(0, (p & -p).bit_length() - 1)
    return f"{p >> twos}*2^{twos + 1 - value.denominator.bit_length()}"


def lower_number(value: Fraction) -> dict[str, Any]:
    """Return a number for JSON: exact, and a float that is not above it."""
    return {"exact": dyadic_text(value), "float": float_below(value)}


def upper_number(value: Fraction) -> dict[str, Any]:
    """Return a number for JSON: exact, and a float that is not below it."""
    return {"exact": dyadic_text(value), "float": float_above(value)}


def float_below(value: Fraction) -> float | None:
    """Return the largest finite float <= `value`; None where there is none."""
    nearest = _nearest(value)
    if nearest is None:
        return math.ldexp(2 - math.ulp(1.0), 1023) if value > 0 else None
    below = nearest if nearest <= value else math.nextafter(nearest, -math.inf)
    return below if math.isfinite(below) else None


def float_above(value: Fraction) -> float | None:
    """Return the least finite float >= `value`; None where there is none."""
    below = float_below(-value)
    return None if below is None else -below


def _nearest(value: Fraction) -> float | None:
    """Return the nearest float, rounded correctly; None beyond the largest."""
    try:
        return value.numerator / value.denominator
    except OverflowError:
        return None
