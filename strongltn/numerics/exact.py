"""Dyadic integers: the arbiter of every subset-sum error.

A finite double is an integer times a power of two, so any finite set of them lies on one common
grid, and sums on that grid are sums of integers. Whatever found a subset, its error is computed
here and nowhere else: in int64 where a row fits, in Python integers where it does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

# A row whose magnitudes sum to less than this many grid units is summed in int64. Two bits of room
# are left for the solvers, which work in quarter units, and two for sums of two such numbers.
_REACH_LIMIT = 2.0**59
# A row is first laid on the grid that gives its largest magnitude 60 bits: a finer bit than that
# could not fit under the limit anyway.
_LEADING_BITS = 60


def dyadic_numerators(values: Iterable[float]) -> tuple[list[int], int]:
    """Return integers and one exponent with ``values[i] == numerators[i] * 2**exponent``.

    Parameters
    ----------
    values : iterable of float
        Finite doubles, subnormals and zeros of both signs included.

    Returns
    -------
    (list of int, int)
        The numerators, and the largest exponent that serves them all (0 if all are zero).

    Notes
    -----
    Rigor: exact.  Cost: linear in the total length of the numerators.  Randomness: none.
    """
    ratios = [float(value).as_integer_ratio() for value in values]
    grid = max((denominator for _, denominator in ratios), default=1)
    numerators = [numerator * (grid // denominator) for numerator, denominator in ratios]
    bits = 0
    for numerator in numerators:
        bits |= numerator
    trailing = (bits & -bits).bit_length() - 1 if bits else 0
    exponent = trailing - (grid.bit_length() - 1) if bits else 0
    return [numerator >> trailing for numerator in numerators], exponent


def round_once(value: Fraction) -> float:
    """Return the double nearest to a rational, ties to even; infinity beyond the largest double.

    Notes
    -----
    Rigor: exact value, rounded once.  Cost: one long division.  Randomness: none.
    """
    try:
        return value.numerator / value.denominator  # true division of integers rounds correctly
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def subset_error(samples: FloatArray, mask: BoolArray, target: float) -> Fraction:
    """Return the exact distance between a subset sum and its target.

    Parameters
    ----------
    samples : float64 array, shape (n,)
        Finite.
    mask : bool array, shape (n,)
        ``True`` = kept.
    target : float
        Finite.

    Returns
    -------
    Fraction
        ``abs(sum(samples[mask]) - target)``, without rounding.

    Raises
    ------
    InvalidInputError
        `mask` is not a bool array of the shape of `samples`.

    Notes
    -----
    Rigor: exact.  Cost: O(n) additions of Python integers.  Randomness: none.
    """
    _check_mask(samples, mask)
    numerators, exponent = dyadic_numerators([*samples[mask].tolist(), -target])
    return Fraction(abs(sum(numerators))) * Fraction(2) ** exponent


def subset_errors(
    samples: FloatArray, mask: BoolArray, targets: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Return the error of one subset per row, each computed exactly and rounded once.

    Parameters
    ----------
    samples : float64 array, shape (m, n)
        Finite.
    mask : bool array, shape (m, n)
        ``True`` = kept.
    targets : float64 array, shape (m,)
        Finite.

    Returns
    -------
    error : float64 array, shape (m,)
        The double nearest to the exact error; infinity if it exceeds every double.
    is_rounded_down : bool array, shape (m,)
        Whether the exact error is larger than `error`. With it a comparison with a tolerance is
        exact: error <= tolerance, unless they are equal and the error was rounded down.

    Raises
    ------
    InvalidInputError
        `mask` is not a bool array of the shape of `samples`.

    Notes
    -----
    Rigor: exact value, rounded once.  Cost: O(m n), compiled where a row fits int64.
    Randomness: none.
    """
    _check_mask(samples, mask)
    from strongltn.numerics.row_sums import sum_rows

    error = np.empty(len(samples))
    is_rounded_down = np.empty(len(samples), dtype=np.bool_)
    fits = np.empty(len(samples), dtype=np.bool_)
    rows = read_only(samples), read_only(mask), read_only(targets)
    sum_rows(rows, error, is_rounded_down, fits)
    for row in np.flatnonzero(~fits):
        exact = subset_error(samples[row], mask[row], float(targets[row]))
        error[row] = round_once(exact)
        is_rounded_down[row] = exact > error[row]
    return error, is_rounded_down


def are_within(errors: tuple[FloatArray, BoolArray], tolerance: float) -> BoolArray:
    """Return which of the errors that `subset_errors` returns are at most `tolerance`, exactly."""
    error, is_rounded_down = errors
    is_within: BoolArray = (error < tolerance) | ((error == tolerance) & ~is_rounded_down)
    return is_within


@dataclass(frozen=True, eq=False)
class RowGrid:
    """Rows of doubles as int64 numerators, each row on its own power-of-two grid.

    Attributes
    ----------
    numerators : int64 array, shape (m, k)
        ``values == numerators * 2.0**exponents[:, None]`` on rows that fit; 0 on the others.
    exponents : int64 array, shape (m,)
        The least set bit over a row's nonzero values; 0 on a row of zeros.
    fits : bool array, shape (m,)
        Whether the magnitudes of a row sum to less than about 2**59 units (decided in floating
        point, so within one part in 2**50 of that; 2**60 is never exceeded).

    Notes
    -----
    Rigor: exact.  Cost: O(m k), vectorised.  Randomness: none.
    """

    numerators: IntArray
    exponents: IntArray
    fits: BoolArray

    @classmethod
    def of(cls, values: FloatArray) -> RowGrid:
        """Lay each row of `values`, finite and of shape (m, k), on its grid."""
        _, top = np.frexp(np.abs(values).max(axis=1))
        shift = _LEADING_BITS - top.astype(np.int64)
        # Two multiplications, each by a power of two that exists, are faster than one ldexp. What
        # underflows on the way would end far below 1 and is found to be lost.
        with np.errstate(under="ignore"):
            scaled = values * np.ldexp(1.0, shift // 2)[:, None]
            scaled *= np.ldexp(1.0, shift - shift // 2)[:, None]
        is_lost = (scaled != np.rint(scaled)) | ((scaled == 0.0) & (values != 0.0))
        numerators = scaled.astype(np.int64)
        bits = np.bitwise_or.reduce(numerators, axis=1)
        _, length = np.frexp((bits & -bits).astype(np.float64))
        trailing = np.maximum(length.astype(np.int64) - 1, 0)
        reach = np.ldexp(np.abs(scaled).sum(axis=1), -trailing)
        fits = ~is_lost.any(axis=1) & (reach < _REACH_LIMIT)
        numerators >>= trailing[:, None]
        numerators[~fits] = 0
        exponents = np.where(fits & (bits != 0), trailing - shift, 0)
        return cls(numerators=numerators, exponents=exponents, fits=fits)

    def repeated(self, num_rows: int) -> RowGrid:
        """Return the grid of one row as that of `num_rows` equal ones, without copying."""
        return RowGrid(
            numerators=np.broadcast_to(self.numerators, (num_rows, self.numerators.shape[1])),
            exponents=np.broadcast_to(self.exponents, (num_rows,)),
            fits=np.broadcast_to(self.fits, (num_rows,)),
        )


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a read-only view; with it compiled code meets one type of array and not two."""
    view = array.view()
    view.flags.writeable = False
    return view


def _check_mask(samples: FloatArray, mask: BoolArray) -> None:
    if mask.dtype != np.bool_ or mask.shape != samples.shape:
        raise InvalidInputError(
            "mask",
            got=f"dtype {mask.dtype}, shape {mask.shape}",
            allowed=f"a bool array of shape {samples.shape}, one entry per sample",
        )
