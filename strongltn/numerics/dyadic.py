"""Dyadic arrays: integers times one power of two, and rationals rounded outwards to dyadics.

Every network weight is a dyadic number; so are all their sums and products. An array keeps int64
numerators while they fit and Python integers otherwise, so no operation here ever rounds.
"""

from __future__ import annotations

import math
import os
import sys
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from strongltn.numerics.exact import round_once

flint.ctx.threads = os.cpu_count() or 1  # for products of integer matrices

_INT64_BITS = 62  # one bit below the sign: the difference of two such numbers fits as well

_MAX_TEXT_EXPONENT = 4096

_DIGITS = 17  # of decimals: those of a double
_LARGEST = Fraction(sys.float_info.max)


@dataclass(frozen=True, eq=False)
class DyadicArray:
    """An array of numbers held exactly, as `numerators` * 2**`exponent`.

    Attributes
    ----------
    numerators : int64 or object (Python int) array, any shape
        Integers; object where int64 is too narrow.
    exponent : int
        The power of two that all of them share.
    """

    numerators: NDArray[Any]
    exponent: int

    @staticmethod
    def from_floats(values: NDArray[Any]) -> DyadicArray:
        """Return the exact value of finite float16, float32 or float64 `values`."""
        mantissas, exponents = np.frexp(np.asarray(values, dtype=np.float64))
        whole = np.ldexp(mantissas, 53).astype(np.int64)
        low_bits = np.frexp((whole & -whole).astype(np.float64))[1] - 1
        is_nonzero = whole != 0
        if not is_nonzero.any():
            return DyadicArray(np.zeros(whole.shape, dtype=np.int64), 0)
        least = int((exponents - 53 + low_bits)[is_nonzero].min())
        odd = np.where(is_nonzero, whole >> np.maximum(low_bits, 0), 0)
        shifts = np.where(is_nonzero, exponents - 53 + low_bits - least, 0)
        return DyadicArray(_shift_left(odd, shifts), least)

    def __eq__(self, other: object) -> bool:
        """Whether shape and numbers are the same, on whatever grids they are written."""
        if not isinstance(other, DyadicArray):
            return NotImplemented
        exponent = min(self.exponent, other.exponent)
        return self.shape == other.shape and np.array_equal(self.at(exponent), other.at(exponent))

    def __hash__(self) -> int:
        numbers = tuple(self.numerators.ravel().tolist())
        twos = min(((k & -k).bit_length() - 1 for k in numbers if k), default=0)
        exponent = self.exponent + twos if any(numbers) else 0
        return hash((self.shape, exponent, tuple(k >> twos for k in numbers)))

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or a pickle holds: not the matrix, which FLINT cannot copy so."""
        return {"numerators": self.numerators, "exponent": self.exponent}

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.shape))
        return f"DyadicArray({shape or 'one number'}, multiples of 2^{self.exponent})"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.numerators.shape

    def at(self, exponent: int) -> NDArray[Any]:
        """Return the numerators on the finer grid 2**`exponent` (`exponent` <= the array's)."""
        return _shift_left(self.numerators, np.int64(self.exponent - exponent))

    def scaled(self, power: int) -> DyadicArray:
        """Return the array times 2**`power`."""
        return DyadicArray(self.numerators, self.exponent + power)

    def __sub__(self, other: DyadicArray) -> DyadicArray:
        exponent = min(self.exponent, other.exponent)
        return _tidy(_fit(self.at(exponent)) - _fit(other.at(exponent)), exponent)

    def __add__(self, other: DyadicArray) -> DyadicArray:
        return self - DyadicArray(-other.numerators, other.exponent)

    def __getitem__(self, index: Any) -> DyadicArray:
        return DyadicArray(self.numerators[index], self.exponent)

    def to_floats(self) -> NDArray[np.float64]:
        """Return the values, each rounded once to float64."""
        if self.numerators.dtype == object:
            flat = [float(_times_power(int(k), self.exponent)) for k in self.numerators.ravel()]
            return np.array(flat, dtype=np.float64).reshape(self.shape)
        # int64 -> float64 rounds once; the power of two is exact unless the result is subnormal
        return np.ldexp(self.numerators.astype(np.float64), self.exponent)

    def transpose(self) -> DyadicArray:
        """Return the transpose of a matrix."""
        return DyadicArray(self.numerators.T, self.exponent)

    @cached_property
    def matrix(self) -> flint.fmpz_mat:
        """The numerators of a matrix as a FLINT integer matrix; not to be changed."""
        rows, columns = self.shape
        return flint.fmpz_mat(rows, columns, self.numerators.ravel().tolist())

    def max_abs(self) -> Fraction:
        """Return the largest absolute value, 0 for an empty array."""
        if self.numerators.size == 0:
            return Fraction(0)
        return _times_power(int(np.abs(self.numerators).max()), self.exponent)

    def squared_norm(self) -> Fraction:
        """Return the exact sum of squares."""
        total = sum(k * k for k in self.numerators.ravel().tolist())
        return _times_power(total, 2 * self.exponent)


def apply(matrix: DyadicArray, vector: DyadicArray) -> DyadicArray:
    """Return the exact matrix-vector product."""
    column = DyadicArray(vector.numerators.reshape(-1, 1), vector.exponent)
    product = matrix.matrix * column.matrix
    numerators = np.array([int(k) for k in product.entries()], dtype=object)
    return _tidy(numerators, matrix.exponent + vector.exponent)


def positive_part(array: DyadicArray) -> DyadicArray:
    """Return max(x, 0), entry by entry."""
    return DyadicArray(np.maximum(array.numerators, 0), array.exponent)


def floor_to_grid(array: DyadicArray, exponent: int) -> DyadicArray:
    """Return the greatest numbers on the grid 2**`exponent` that are <= the array's."""
    if array.exponent >= exponent:
        return _tidy(array.at(exponent), exponent)
    shift = exponent - array.exponent
    wide = array.numerators.astype(object)
    return _tidy(wide >> shift, exponent)


def ceil_to_grid(array: DyadicArray, exponent: int) -> DyadicArray:
    """Return the least numbers on the grid 2**`exponent` that are >= the array's."""
    return negative(floor_to_grid(negative(array), exponent))


def negative(array: DyadicArray) -> DyadicArray:
    """Return -x, entry by entry."""
    return DyadicArray(-array.numerators, array.exponent)


def maximum(one: DyadicArray, other: DyadicArray) -> DyadicArray:
    """Return the larger of two arrays, entry by entry."""
    exponent = min(one.exponent, other.exponent)
    return _tidy(np.maximum(one.at(exponent), other.at(exponent)), exponent)


def product(one: DyadicArray, other: DyadicArray) -> DyadicArray:
    """Return the exact product, entry by entry, with numpy's rules for shapes."""
    wide = one.numerators.astype(object) * other.numerators.astype(object)
    return _tidy(wide, one.exponent + other.exponent)


def matrix_product(one: DyadicArray, other: DyadicArray) -> DyadicArray:
    """Return the exact product of two matrices."""
    entries = (one.matrix * other.matrix).entries()
    numerators = np.array([int(k) for k in entries], dtype=object)
    shape = (one.shape[0], other.shape[1])
    return _tidy(numerators.reshape(shape), one.exponent + other.exponent)


def concatenate(arrays: list[DyadicArray], *, axis: int = 0) -> DyadicArray:
    """Join arrays exactly, on their finest grid."""
    exponent = min(array.exponent for array in arrays)
    return _tidy(np.concatenate([array.at(exponent) for array in arrays], axis=axis), exponent)


def round_up(value: Fraction, *, bits: int = 40) -> Fraction:
    """Return a dyadic number of about `bits` significant bits, just >= `value` >= 0."""
    if value == 0:
        return Fraction(0)
    exponent = _binary_exponent(value) - bits
    scaled = value / _power(exponent)
    return -(-scaled.numerator // scaled.denominator) * _power(exponent)


def upper_sqrt(square: Fraction, *, bits: int = 40) -> Fraction:
    """Return a dyadic number >= the square root of `square` >= 0, of about `bits` bits."""
    if square == 0:
        return Fraction(0)
    exponent = _binary_exponent(square) // 2 - bits
    scaled = square / _power(2 * exponent)
    whole = -(-scaled.numerator // scaled.denominator)
    return (math.isqrt(whole - 1) + 1) * _power(exponent)


def lower_sqrt(square: Fraction, *, bits: int = 40) -> Fraction:
    """Return a dyadic number <= the square root of `square` >= 0, of about `bits` bits."""
    if square == 0:
        return Fraction(0)
    exponent = _binary_exponent(square) // 2 - bits
    scaled = square / _power(2 * exponent)
    return math.isqrt(scaled.numerator // scaled.denominator) * _power(exponent)


def outward_float(value: Fraction, *, upwards: bool) -> float:
    """Return a float64 >= `value` (or <= it): the nearest one, or its neighbour, or infinity."""
    nearest = round_once(value)
    if upwards and nearest < value:
        return math.nextafter(nearest, math.inf)
    if not upwards and nearest > value:
        return math.nextafter(nearest, -math.inf)
    return nearest


def outward_number(value: Fraction, *, upwards: bool) -> float | Decimal:
    """Return a number >= `value` (or <= it): a float where one is near, else a decimal.

    Beyond the largest double, where `outward_float` has nothing good to say, the decimal has 17
    digits. It compares exactly with floats.

    Examples
    --------
    >>> outward_number(Fraction(1, 4), upwards=True)
    0.25
    >>> outward_number(Fraction(10) ** 400 + 1, upwards=True)
    Decimal('1.0000000000000001E+400')
    """
    if abs(value) <= _LARGEST:
        return outward_float(value, upwards=upwards)
    context = Context(
        prec=_DIGITS,
        rounding=ROUND_CEILING if upwards else ROUND_FLOOR,
        Emax=999_999_999,
        Emin=-999_999_999,
    )
    return context.divide(Decimal(value.numerator), Decimal(value.denominator))


def to_text(value: Fraction) -> str:
    """Return a dyadic rational as ``p*2^k``, the form of certificates.

    Raises
    ------
    ValueError
        The denominator is not a power of two.
    """
    exponent = 1 - value.denominator.bit_length()
    if value.denominator != 1 << -exponent:
        raise ValueError(f"{value} is not dyadic")
    return f"{value.numerator}*2^{exponent}"


def from_text(text: str) -> Fraction:
    """Return the rational that `to_text` wrote.

    Raises
    ------
    ValueError
        Not of the form p*2^k, or k is outside [-4096, 4096], the range of the format.
    """
    numerator, separator, exponent = text.partition("*2^")
    if not separator or abs(int(exponent)) > _MAX_TEXT_EXPONENT:
        raise ValueError(f"{text[:80]!r} is not of the form p*2^k, |k| <= {_MAX_TEXT_EXPONENT}")
    return _times_power(int(numerator), int(exponent))


def _binary_exponent(value: Fraction) -> int:
    return value.numerator.bit_length() - value.denominator.bit_length()


def _power(exponent: int) -> Fraction:
    return Fraction(1 << exponent) if exponent >= 0 else Fraction(1, 1 << -exponent)


def _times_power(numerator: int, exponent: int) -> Fraction:
    return numerator * _power(exponent)


def _shift_left(numerators: NDArray[Any], shifts: Any) -> NDArray[Any]:
    """Return numerators << shifts, in Python integers where int64 might not hold them."""
    if numerators.size == 0:
        return numerators
    if np.any(np.asarray(shifts) < 0):
        raise ValueError("the grid is coarser than the numbers")
    shifts = np.broadcast_to(shifts, numerators.shape)
    if numerators.dtype != object:
        bits = np.frexp(np.abs(numerators).astype(np.float64))[1]
        if int((np.where(numerators != 0, bits + shifts, 0)).max()) <= _INT64_BITS:
            return numerators << np.where(numerators != 0, shifts, 0)
    flat = [int(k) << int(s) for k, s in zip(numerators.ravel(), shifts.ravel(), strict=True)]
    out = np.empty(len(flat), dtype=object)
    out[:] = flat
    return out.reshape(numerators.shape)


def _fit(numerators: NDArray[Any]) -> NDArray[Any]:
    """Return numerators in a type in which the difference of two of them is exact."""
    if numerators.dtype == object or numerators.size == 0:
        return numerators
    is_small = int(np.abs(numerators).max()) < 1 << _INT64_BITS
    return numerators if is_small else numerators.astype(object)


def _tidy(numerators: NDArray[Any], exponent: int) -> DyadicArray:
    """Return the array with int64 numerators where they fit."""
    if numerators.dtype == object and numerators.size:
        largest = max(abs(int(k)) for k in numerators.ravel())
        if largest < 1 << _INT64_BITS:
            numerators = numerators.astype(np.int64)
    return DyadicArray(numerators, exponent)
