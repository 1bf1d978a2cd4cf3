"""Arrays of dyadic rationals: Python integers times one power of two, so that nothing rounds."""

from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpz_mat
from numpy.lib.mixins import NDArrayOperatorsMixin

from proofs_check.certificate.reader import Array, Rejected, require

# Exponents far apart must not blow a short file up: bits that may be added to one array.
_MAX_BITS = 1 << 34
_ALIGNED = (np.add, np.subtract, np.negative, np.absolute, np.maximum)
_COMPARED = (np.greater, np.greater_equal, np.less, np.less_equal)


@dataclass(frozen=True, eq=False)
class Dyadic(NDArrayOperatorsMixin):
    """The array ``numerators * 2^exponent``; the numerators are Python integers of any size."""

    numerators: Any
    exponent: int = 0

    def __post_init__(self) -> None:
        # 64-bit integers would overflow in silence: there are none from here on.
        objects = np.asarray(self.numerators).astype(object, copy=False)
        object.__setattr__(self, "numerators", objects)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Return the sum, product, comparison, ... of arrays or integers, entry by entry."""
        parts = [part if isinstance(part, Dyadic) else Dyadic(part) for part in inputs]
        exponents = [part.exponent for part in parts]
        if ufunc is np.multiply:
            return Dyadic(parts[0].numerators * parts[1].numerators, sum(exponents))
        if ufunc not in _ALIGNED + _COMPARED:
            return NotImplemented
        result = ufunc(*(part.at(min(exponents)) for part in parts))
        return result if ufunc in _COMPARED else Dyadic(result, min(exponents))

    def __matmul__(self, other: Any) -> Any:
        """Return the product of a matrix with a matrix or a vector, by FLINT."""
        parts = self.numerators, other.numerators.reshape(len(other.numerators), -1)
        left, right = (fmpz_mat(len(part), part.shape[1], part.ravel().tolist()) for part in parts)
        entries = np.array([int(entry) for entry in (left * right).entries()], dtype=object)
        shape = left.nrows(), *other.numerators.shape[1:]
        return Dyadic(entries.reshape(shape), self.exponent + other.exponent)

    def __getitem__(self, index: Any) -> Any:
        return Dyadic(self.numerators[index], self.exponent)

    def at(self, exponent: int) -> Any:
        """Return the numerators with respect to a smaller or equal exponent."""
        shift, size = self.exponent - exponent, self.numerators.size
        require(shift * size <= _MAX_BITS, "the numbers of an array must be of similar size")
        return self.numerators << shift if shift else self.numerators

    def scaled(self, power: int) -> Any:
        """Return the array times two to `power`."""
        return Dyadic(self.numerators, self.exponent + power)

    def map(self, function: Any, *arguments: Any, **options: Any) -> Any:
        """Return a function of the array that commutes with powers of two."""
        return Dyadic(function(self.numerators, *arguments, **options), self.exponent)

    def relu(self) -> Any:
        """Return max(x, 0) of every entry."""
        return self.map(np.maximum, 0)

    def square_sum(self) -> Any:
        """Return the squared Euclidean norms of the vectors along the last axis."""
        return (self * self).map(np.sum, axis=-1)

    def fraction(self, *index: int) -> Fraction:
        """Return one entry."""
        return int(self.numerators[index]) * Fraction(2) ** self.exponent


def from_floats(values: Array, exponent: int) -> Dyadic:
    """Return finite floats times two to `exponent`, exactly."""
    ratios = [value.as_integer_ratio() for value in values.ravel().tolist()]
    grid = max(below.bit_length() for _, below in ratios)
    numerators = [above << (grid - below.bit_length()) for above, below in ratios]
    return Dyadic(np.array(numerators, dtype=object).reshape(values.shape), exponent + 1 - grid)


def join(*parts: Any, axis: int = -1) -> Any:
    """Return the concatenation of arrays."""
    grid = min(part.exponent for part in parts)
    return Dyadic(np.concatenate([part.at(grid) for part in parts], axis=axis), grid)


def scattered(shape: tuple[int, ...], *pieces: tuple[Any, Any]) -> Any:
    """Return the sum of `pieces`, each (index, values) and zero elsewhere."""
    grid, total = min(values.exponent for _, values in pieces), np.zeros(shape, dtype=object)
    for index, values in pieces:
        total[index] += values.at(grid)
    return Dyadic(total, grid)


def require_bound(statement: str, claimed: Dyadic, *sums: tuple[Any, Any, Any]) -> None:
    """Prove ``r + sqrt(p) + sqrt(q) <= claimed`` in every entry, for one (r, p, q), or reject.

    No root is taken. With t = claimed - r this is t >= 0 and p + q + 2 sqrt(p q) <= t^2, that is
    rest = t^2 - p - q >= 0 and 4 p q <= rest^2.
    """
    for r, p, q in sums:
        t = claimed - r
        rest = t * t - p - q
        good = np.asarray((t >= 0) & (rest >= 0) & (rest * rest >= p * q * 4))
        if good.all():
            return
    # Both sides of the last of `sums`, where it fails first.
    first = np.unravel_index(int(np.argmin(good)), good.shape)
    have, r, p, q = (decimal((0 * rest + x).fraction(*first), 20) for x in (claimed, r, p, q))
    place = " of entry " + ", ".join(map(str, first)) if first else ""
    raise Rejected(f"{statement}{place} is not proved: {have} < {r} + sqrt({p}) + sqrt({q})")


def decimal(value: Fraction, digits: int, rounding: str | None = None) -> str:
    """Return `value` with `digits` digits, rounded as a constant of the decimal module says."""
    # Decimal(int) is exact and division rounds correctly, so that the direction is rigorous.
    context = Context(prec=digits, rounding=rounding)
    return str(context.divide(Decimal(value.numerator), Decimal(value.denominator)))
