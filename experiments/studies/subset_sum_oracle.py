"""The best subset of each row, found another way: written apart from the solvers that it judges.

It lays samples and target together on one integer grid, with its own arithmetic: int64 where the
magnitudes of a row and its target allow, Python integers otherwise. Up to ten samples all sums are
listed; beyond, for each sum of the first half the partners are looked up in the sorted second half.
Among equal errors: the smaller sum, then the smaller sum of the first half, then the first subset
of each half, where bit k of the number of a subset keeps sample k.
"""

from __future__ import annotations

import bisect
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from experiments.studies.subset_sum_families import FloatArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_LARGEST_LISTED = 10  # up to here all sums of many rows are listed at once
_SUMS_AT_ONCE = 2**18
_NONE = np.iinfo(np.int64).max


def best_subsets(samples: FloatArray, targets: FloatArray) -> tuple[BoolArray, list[Fraction]]:
    """Return the masks, shape (m, n), and the exact errors of the best subsets of m rows."""
    num_rows, num_samples = samples.shape
    numbers = np.zeros(num_rows, dtype=np.int64)
    errors = [Fraction(0)] * num_rows
    table, exponents, is_narrow = _int64_rows(np.column_stack([samples, targets]))
    narrow = np.flatnonzero(is_narrow)
    rows_at_once = _SUMS_AT_ONCE >> num_samples if num_samples <= _LARGEST_LISTED else 1
    search = _best_of_all if num_samples <= _LARGEST_LISTED else _best_of_halves
    for start in range(0, narrow.size, rows_at_once):
        rows = narrow[start : start + rows_at_once]
        numbers[rows], distances = search(table[rows, :-1], table[rows, -1])
        for row, distance in zip(rows.tolist(), distances.tolist(), strict=True):
            errors[row] = _times_power(distance, int(exponents[row]))
    for row in np.flatnonzero(~is_narrow).tolist():
        numbers[row], errors[row] = _best_of_rationals(samples[row].tolist(), float(targets[row]))
    return (numbers[:, None] >> np.arange(num_samples)) & 1 == 1, errors


def _int64_rows(values: FloatArray) -> tuple[IntArray, IntArray, BoolArray]:
    """Return integers and an exponent for each row, and which rows are so small that they fit."""
    mantissas, exponents = np.frexp(values)
    integers = np.ldexp(mantissas, 53).astype(np.int64)
    trailing = np.frexp((integers & -integers).astype(np.float64))[1] - 1
    trailing[integers == 0] = 0
    integers >>= trailing
    lowest = np.where(integers == 0, 9999, exponents - 53 + trailing)
    base = lowest.min(axis=1, keepdims=True)
    base[base == 9999] = 0
    shifts = np.where(integers == 0, 0, lowest - base)
    with np.errstate(over="ignore"):
        reach = np.ldexp(np.abs(integers).astype(np.float64), shifts).sum(axis=1)
    fits = reach < 2.0**61
    shifts[~fits] = 0
    return integers << shifts, base[:, 0].astype(np.int64), fits


def _best_of_all(samples: IntArray, goals: IntArray) -> tuple[IntArray, IntArray]:
    """Return the number of the best subset of each row, and its distance, from all sums."""
    num_samples = samples.shape[1]
    half = num_samples // 2
    sums = _all_sums(samples)
    number = np.arange(sums.shape[1])
    lower = number % 2**half
    distances = np.abs(sums - goals[:, None])
    place = lower * 2 ** (num_samples - half) + number // 2**half
    is_left = np.ones(sums.shape, dtype=np.bool_)
    for rank in (distances, sums, sums[:, lower], np.broadcast_to(place, sums.shape)):
        ranks = np.where(is_left, rank, _NONE)
        is_left = ranks == ranks.min(axis=1, keepdims=True)
    return is_left.argmax(axis=1), distances.min(axis=1)


def _all_sums(samples: IntArray) -> IntArray:
    """Return the sums of all subsets of each row: bit k of a column's number keeps sample k."""
    sums = np.zeros((len(samples), 1), dtype=np.int64)
    for k in range(samples.shape[1]):
        sums = np.concatenate([sums, sums + samples[:, k : k + 1]], axis=1)
    return sums


def _best_of_halves(samples: IntArray, goals: IntArray) -> tuple[IntArray, IntArray]:
    """Return the same for one row, of which both halves are listed and the second is sorted."""
    half = samples.shape[1] // 2
    lower, upper = _all_sums(samples[:, :half])[0], _all_sums(samples[:, half:])[0]
    ascending = np.sort(upper)
    places = np.searchsorted(ascending, goals[0] - lower)
    sums = np.concatenate(
        [
            lower + ascending[np.maximum(places - 1, 0)],
            lower + ascending[np.minimum(places, ascending.size - 1)],
        ]
    )
    distances = np.abs(sums - goals[0])
    distance = distances.min()
    total = sums[distances == distance].min()
    first = np.tile(lower, 2)[sums == total].min()
    number = (lower == first).argmax() + ((upper == total - first).argmax() << half)
    return np.array([number]), np.array([distance])


def _best_of_rationals(samples: list[float], target: float) -> tuple[int, Fraction]:
    """Return the number of the best subset of one row, and its error, in Python integers."""
    grid = max(value.as_integer_ratio()[1] for value in (*samples, target))
    integers = [int(Fraction(value) * grid) for value in samples]
    goal = int(Fraction(target) * grid)
    half = len(samples) // 2
    lower, upper = _first_numbers(integers[:half]), _first_numbers(integers[half:])
    ascending = sorted(upper)
    candidates = []
    for first in lower:
        place = bisect.bisect_left(ascending, goal - first)
        partners = ascending[max(place - 1, 0) : place + 1]
        candidates += [(abs(first + second - goal), first + second, first) for second in partners]
    distance, total, first = min(candidates)
    return lower[first] + (upper[total - first] << half), Fraction(distance, grid)


def _first_numbers(integers: list[int]) -> dict[int, int]:
    """Return each subset sum with the number of the first subset that gives it."""
    sums = [0]
    for integer in integers:
        sums += [earlier + integer for earlier in sums]
    numbers: dict[int, int] = {}
    for number, total in enumerate(sums):
        numbers.setdefault(total, number)
    return numbers


def _times_power(integer: int, exponent: int) -> Fraction:
    return Fraction(integer << exponent) if exponent >= 0 else Fraction(integer, 1 << -exponent)
