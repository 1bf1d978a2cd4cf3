"""Compiled searches on coarse integers: a first subset within tolerance, and the smallest one.

All loops over sums have a length known before they start and no branch inside, so that they become
vector code. See `integer_units` for what the integers prove. Importing this module imports
numba.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from strongltn.numerics.exact import BoolArray, FloatArray, IntArray
from strongltn.process.compiled import compiled

_U32 = np.uint32
_U64 = np.uint64  # of indices: it spares the compiled code the test for Python's negative ones
_I32 = np.int32
_ZERO = np.int32(0)
_SIDE = 16  # a table of 8 samples is a grid of 16 sums of four by 16 sums of the other four
_FAR = np.int32(np.iinfo(np.int32).max)
_SLACK = 2  # units: what rounding moves a distance by, with up to three samples


@compiled(inline="always")
def _lay_on_grid(row, target, units, numbers):  # type: ignore[no-untyped-def]
    """Write round(row / u) into `numbers`; return round(target / u) and whether all fit."""
    num_beyond = 0
    for k in range(row.size):
        scaled = row[k] * units.scale
        num_beyond += not abs(scaled) <= units.largest
        numbers[k] = _I32(np.rint(min(max(scaled, -units.largest), units.largest)))
    scaled = target * units.scale
    num_beyond += not abs(scaled) <= units.largest
    goal = _I32(np.rint(min(max(scaled, -units.largest), units.largest)))
    return goal, num_beyond == 0


@compiled(inline="always")
def _list_sums(numbers, first, sums):  # type: ignore[no-untyped-def]
    """Write the 16 sums of numbers[first : first + 4] into `sums`: bit k of an index keeps k."""
    x0, x1, x2, x3 = numbers[first], numbers[first + 1], numbers[first + 2], numbers[first + 3]
    for i in range(_SIDE):
        sums[i] = (
            (x0 if i & 1 else _ZERO)
            + (x1 if i & 2 else _ZERO)
            + (x2 if i & 4 else _ZERO)
            + (x3 if i & 8 else _ZERO)
        )


@compiled()
def search_within(
    samples: FloatArray, targets: FloatArray, units: Any, mask: BoolArray, is_found: BoolArray
) -> None:
    """Write a subset within tolerance into the rows of `mask` where a short search finds one.

    The last eight samples give a table of 256 sums. The others only move the target: a start keeps
    some of the first few samples, then every further sample that brings the rest closer to the
    middle of the table, where its sums are dense. The first index within reach is taken.

    Parameters
    ----------
    mask : bool array, shape (m, n)
        Written; a row that is not found holds the last attempt.
    is_found : bool array, shape (m,)
        Written.
    """
    num_samples = samples.shape[1]
    num_moving = max(num_samples - 8, 0)
    # about half the time that the exact search takes, and never the same start twice
    num_forced = min(max(num_samples // 2 - 5, 0), num_moving)
    radius = np.floor(units.tolerance - (num_samples + 1) / 2)
    span = _U32(2 * max(radius, 0.0))
    numbers = np.zeros(num_samples + 8, np.int32)
    low_sums, high_sums = np.empty(_SIDE, np.int32), np.empty(_SIDE, np.int32)
    for row in range(len(samples)):
        is_found[row] = False
        goal, fits = _lay_on_grid(samples[row], targets[row], units, numbers)
        if not fits or radius < 0:
            continue
        _list_sums(numbers, num_moving, low_sums)
        _list_sums(numbers, num_moving + 4, high_sums)
        middle = (low_sums[_SIDE - 1] + high_sums[_SIDE - 1]) >> 1
        for start in range(1 << num_forced):
            rest = _move(numbers, goal - middle, start, num_forced, mask[row, :num_moving])
            lowest = _U32(rest + middle - _I32(radius))
            found = _first_in_span(low_sums, high_sums, lowest, span)
            if found < _SIDE * _SIDE:
                for k in range(num_samples - num_moving):
                    mask[row, num_moving + k] = (found >> k) & 1
                is_found[row] = True
                break


@compiled(inline="always")
def _move(numbers, rest, start, num_forced, kept):  # type: ignore[no-untyped-def]
    """Return `rest` less the samples of one start, and write which they are into `kept`."""
    for k in range(num_forced):
        kept[k] = (start >> k) & 1
        rest -= numbers[k] if (start >> k) & 1 else _ZERO
    for k in range(num_forced, kept.size):
        moved = rest - numbers[k]
        is_closer = abs(moved) < abs(rest)
        rest = moved if is_closer else rest
        kept[k] = is_closer
    return rest


@compiled(inline="always")
def _first_in_span(low_sums, high_sums, lowest, span):  # type: ignore[no-untyped-def]
    """Return the least 16 j + i with 0 <= low_sums[i] + high_sums[j] - lowest <= span, or 256.

    One unsigned comparison tests both ends: what lies below `lowest` wraps around.
    """
    first = _I32(_SIDE * _SIDE)
    for j in range(_SIDE):
        offset = _U32(lowest - _U32(high_sums[j]))
        for i in range(_SIDE):
            distance = _U32(_U32(low_sums[i]) - offset)
            first = min(first, _I32(_SIDE * j + i) if distance <= span else _I32(_SIDE * _SIDE))
    return first


@compiled()
def search_sparsest(
    samples: FloatArray, targets: FloatArray, units: Any, mask: BoolArray, next_size: IntArray
) -> None:
    """Write the best of the smallest subsets within tolerance where 0 to 3 samples decide.

    Parameters
    ----------
    units : ToleranceUnits
        The units that fit sums of three samples and a target.
    mask : bool array, shape (m, n)
        Written.
    next_size : int64 array, shape (m,)
        Written: -1 where the row of `mask` is the answer; elsewhere no subset of fewer samples than
        this is within tolerance.
    """
    num_samples = samples.shape[1]
    numbers = np.empty(num_samples, np.int32)
    pairs = np.empty(num_samples * (num_samples - 1) // 2, np.int32)
    nearest = np.empty(num_samples, np.int32)
    whole = int(units.tolerance)
    for row in range(len(samples)):
        next_size[row] = 0
        goal, fits = _lay_on_grid(samples[row], targets[row], units, numbers)
        if fits:
            mask[row] = False
            limits = (whole - _SLACK, whole + _SLACK)
            next_size[row] = _keep_fewest(numbers, goal, limits, (pairs, nearest), mask[row])


@compiled()
def _keep_fewest(numbers, goal, limits, work, mask):  # type: ignore[no-untyped-def]
    """Write the smallest subset and return -1, or return the first size that is left open.

    A least distance up to limits[0] is within tolerance, one beyond limits[1] is not.
    """
    pairs, nearest = work
    near, far = limits
    num = numbers.size
    if abs(goal) <= far:
        return -1 if abs(goal) <= near else 0
    least = _least_distance(numbers, num, goal)
    if least <= far:
        count, first = _find(numbers, num, goal, least)
        if least > near or count > 1:
            return 1
        mask[first] = True
        return -1
    at = 0
    for k in range(1, num):
        for j in range(k):
            pairs[_U64(at + j)] = _I32(numbers[_U64(j)] + numbers[_U64(k)])
        at += k
    least = _least_distance(pairs, pairs.size, goal)
    if least <= far:
        count, first = _find(pairs, pairs.size, goal, least)
        if least > near or count > 1:
            return 2
        _keep_pair(first, mask)
        return -1
    least = _FAR
    for i in range(2, num):  # the pairs of samples before i come first
        nearest[i] = _least_distance(pairs, i * (i - 1) // 2, goal - numbers[i])
        least = min(least, nearest[i])
    if least > far:
        return 4
    total = last = pair = 0
    for i in range(2, num):
        if nearest[i] <= least + 2 * _SLACK:
            count, first = _find(pairs, i * (i - 1) // 2, goal - numbers[i], least)
            total, last, pair = total + count, i, first
    if least > near or total > 1:
        return 3
    mask[last] = True
    _keep_pair(pair, mask)
    return -1


@compiled(inline="always")
def _least_distance(sums, num, goal):  # type: ignore[no-untyped-def]
    least = _FAR
    for i in range(num):
        least = _I32(min(least, _I32(abs(_I32(sums[_U64(i)] - _I32(goal))))))
    return least


@compiled(inline="always")
def _find(sums, num, goal, least):  # type: ignore[no-untyped-def]
    """Return how many sums may truly be the nearest if the least distance is `least`, and one."""
    limit = _I32(least + 2 * _SLACK)
    count, index = _ZERO, _ZERO
    for i in range(num):
        may_be = _I32(abs(_I32(sums[_U64(i)] - _I32(goal)))) <= limit
        count = _I32(count + _I32(may_be))
        index = max(index, _I32(i) if may_be else _ZERO)
    return count, index


@compiled(inline="always")
def _keep_pair(index, mask):  # type: ignore[no-untyped-def]
    """Keep samples j < k with index k (k - 1) / 2 + j."""
    k = 1
    while k * (k + 1) // 2 <= index:
        k += 1
    mask[k] = True
    mask[index - k * (k - 1) // 2] = True
