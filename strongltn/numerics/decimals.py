"""Exact rationals as short decimals that a person reads, rounded outwards."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction

_MAX_EXPONENT = 999_999_999


def outward_text(value: Fraction, *, upwards: bool, digits: int = 4) -> str:
    """Return a decimal of a few digits that is >= `value`, or <= it.

    A bound that is printed this way is still a bound.

    Examples
    --------
    >>> outward_text(Fraction(1, 3), upwards=True), outward_text(Fraction(1, 3), upwards=False)
    ('0.3334', '0.3333')
    >>> outward_text(Fraction(1, 4), upwards=True)
    '0.25'
    """
    context = Context(
        prec=digits,
        rounding=ROUND_CEILING if upwards else ROUND_FLOOR,
        Emax=_MAX_EXPONENT,
        Emin=-_MAX_EXPONENT,
    )
    decimal = context.divide(Decimal(value.numerator), Decimal(value.denominator))
    if not decimal:
        return "0"
    decimal = decimal.normalize(context)
    return f"{decimal:f}" if -5 <= decimal.adjusted() < 7 else f"{decimal:e}"
