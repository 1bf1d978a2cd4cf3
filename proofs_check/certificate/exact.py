"""Arrays of dyadic rationals: Python integers times one power of two, so that nothing rounds."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Dyadic:
    """The array ``numerators * 2^exponent``; the numerators are Python integers of any size."""

    numerators: npt.NDArray[Any]
    exponent: int

    @staticmethod
    def from_floats(values: npt.NDArray[Any], exponent: int) -> Dyadic:
        """Return finite floats times two to `exponent`, exactly."""
        mantissas, powers = np.frexp(values.astype(np.float64))
        # |mantissa| < 1 has 53 bits, so that this product is exact and is an integer.
        integers = (mantissas * 2.0**53).astype(np.int64)
        # The lowest set bit of each integer is 2^zeros: an odd part times a power remains.
        zeros = np.frexp(np.maximum(integers & -integers, 1).astype(np.float64))[1] - 1
        powers = powers.astype(np.int64) - 53 + zeros
        used = integers != 0
        grid = int(powers[used].min()) if used.any() else 0
        shifts = np.where(used, powers - grid, 0).astype(object)
        return Dyadic((integers >> zeros).astype(object) << shifts, grid + exponent)

    @staticmethod
    def filled(value: Fraction, size: int) -> Dyadic:
        """Return a vector of `size` copies of a dyadic rational."""
        numerators = np.full(size, value.numerator, dtype=object)
        return Dyadic(numerators, 1 - value.denominator.bit_length())

    def at(self, exponent: int) -> npt.NDArray[Any]:
        """Return the numerators with respect to a smaller or equal exponent."""
        return self.numerators << (self.exponent - exponent)

    def __add__(self, other: Dyadic) -> Dyadic:
        grid = min(self.exponent, other.exponent)
        return Dyadic(self.at(grid) + other.at(grid), grid)

    def __neg__(self) -> Dyadic:
        return Dyadic(-self.numerators, self.exponent)

    def __sub__(self, other: Dyadic) -> Dyadic:
        return self + -other

    def __matmul__(self, other: Dyadic) -> Dyadic:
        return Dyadic(self.numerators @ other.numerators, self.exponent + other.exponent)

    def beside(self, other: Dyadic) -> Dyadic:
        """Return the matrix ``[self | other]``, or one vector followed by the other."""
        grid = min(self.exponent, other.exponent)
        return Dyadic(np.concatenate([self.at(grid), other.at(grid)], axis=-1), grid)

    def relu(self) -> Dyadic:
        """Return max(x, 0) of every entry."""
        return Dyadic(np.maximum(self.numerators, 0), self.exponent)

    def maximum(self, other: Dyadic) -> Dyadic:
        """Return the larger of both, entry by entry."""
        return self + (other - self).relu()

    def norm_squared(self) -> Fraction:
        """Return the sum of the squares of all entries."""
        flat = self.numerators.ravel()
        return int(flat @ flat) * Fraction(2) ** (2 * self.exponent)

    def fractions(self) -> list[Fraction]:
        """Return the entries of a vector."""
        return [int(entry) * Fraction(2) ** self.exponent for entry in self.numerators]

    def first_negative(self) -> int | None:
        """Return the index of the first negative entry of a vector, or None."""
        return next(iter(np.flatnonzero(self.numerators < 0).tolist()), None)


def decimal(value: Fraction, digits: int, rounding: str | None = None) -> str:
    """Return `value` with `digits` digits, rounded as a constant of the decimal module says."""
    # Decimal(int) is exact and division rounds correctly, so that the direction is rigorous.
    context = Context(prec=digits, rounding=rounding)
    return str(context.divide(Decimal(value.numerator), Decimal(value.denominator)))


def dyadic_text(value: Fraction) -> str:
    """Return a dyadic rational as ``"p*2^k"``, p odd or zero."""
    p = value.numerator
    twos = max(0, (p & -p).bit_length() - 1)
    return f"{p >> twos}*2^{twos + 1 - value.denominator.bit_length()}"
