"""Compiled search for the widest gap between neighbouring subset sums: cells instead of a sort.

All sums a + b of two sorted halves that lie in an interval are thrown into cells of equal width.
A run of empty cells brackets the gap that contains it; only the sums in the cells beside a run
that may hold the widest gap are looked at again. Importing this module imports numba.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from strongltn.numerics.exact import BoolArray, IntArray
from strongltn.process.compiled import compiled

_U = np.uint64
FAR = np.int64(np.iinfo(np.int64).max)
NONE = np.int64(np.iinfo(np.int64).min)
_EXTRA = 2  # measured: cells of two to four mean gaps are the quickest
# What a cell holds: nothing (0), sums, the first sum after a run, or the last before a run.
_USED, _AFTER, _BEFORE = np.uint8(1), np.uint8(2), np.uint8(3)


@compiled()
def sorted_sums(samples: IntArray) -> Any:
    """Return the sums of all subsets in ascending order, shape (2**n,), by repeated merging."""
    sums, merged = np.zeros(1 << samples.size, np.int64), np.zeros(1 << samples.size, np.int64)
    for k in range(samples.size):
        x, top = samples[k], (1 << k) - 1
        low = high = 0
        for t in range(1 << k):  # filled from both ends at once, so no end runs out of input
            kept, shifted = sums[_U(low)], sums[_U(t - low)] + x
            merged[_U(t)] = min(kept, shifted)
            low += kept <= shifted
            kept, shifted = sums[_U(top - high)], sums[_U(top - t + high)] + x
            merged[_U(2 * top + 1 - t)] = max(kept, shifted)
            high += kept > shifted
        sums, merged = merged, sums
    return sums


@compiled()
def neighbours(a, b, value):  # type: ignore[no-untyped-def]
    """Return the last sum <= value, the first sum > value, and how many are <= value."""
    below, above = NONE, FAR
    count = 0
    j = b.size
    for x in a:
        while j > 0 and x + b[j - 1] > value:
            j -= 1
        if j > 0:
            below = max(below, x + b[j - 1])
        if j < b.size:
            above = min(above, x + b[j])
        count += j
    return below, above, count


@compiled()
def _fill(a, b, low, high, shift, cells):  # type: ignore[no-untyped-def]
    """Mark the cells that hold a sum in [low, high] until all are marked; return whether all are.

    The cells have 2**shift values each, from `low`.
    """
    start = end = b.size
    num_full = 0
    for x in a:
        while start > 0 and x + b[start - 1] >= low:
            start -= 1
        while end > 0 and x + b[end - 1] > high:
            end -= 1
        for y in b[start:end]:
            cells[_U((x + y - low) >> shift)] = _USED
        while cells[num_full] == _USED:
            num_full += 1
            if num_full == cells.size:
                return True
    return False


@compiled()
def _longest_run(cells):  # type: ignore[no-untyped-def]
    """Return the length of the longest run of empty cells; the first and last are not empty."""
    longest = last = 0
    for i in range(cells.size):
        if cells[i] != 0:
            longest = max(longest, i - last - 1)
            last = i
    return longest


@compiled()
def _beside_runs(cells, shortest):  # type: ignore[no-untyped-def]
    """Mark and return, ascending, the cells on both sides of runs at least so long."""
    num = last = 0
    for i in range(1, cells.size):
        if cells[i] != 0:
            if i - last - 1 >= shortest:
                num += 1 + (cells[last] == _USED)
                cells[last], cells[i] = _BEFORE, _AFTER
            last = i
    beside = np.empty(num, np.int64)
    num = 0
    for i in range(cells.size):
        if cells[i] > _USED:
            beside[num] = i
            num += 1
    return beside


@compiled()
def _ends_in(a, b, low, high, shift, cells, beside):  # type: ignore[no-untyped-def]
    """Return the least and the greatest sum in [low, high] of each of the cells `beside`."""
    least, greatest = np.full(beside.size, FAR), np.full(beside.size, NONE)
    start = end = b.size
    for x in a:
        while start > 0 and x + b[start - 1] >= low:
            start -= 1
        while end > 0 and x + b[end - 1] > high:
            end -= 1
        for y in b[start:end]:
            cell = (x + y - low) >> shift
            if cells[_U(cell)] > _USED:
                place = np.searchsorted(beside, cell)
                least[place] = min(least[place], x + y)
                greatest[place] = max(greatest[place], x + y)
    return least, greatest


@compiled()
def _widest(a, b, low, high, shift, cells, shortest):  # type: ignore[no-untyped-def]
    """Return (width, lower end) of the first widest gap that holds `shortest` empty cells."""
    beside = _beside_runs(cells, shortest)
    least, greatest = _ends_in(a, b, low, high, shift, cells, beside)
    width, start = np.int64(0), low
    for i in range(beside.size - 1):
        is_gap = cells[beside[i]] == _BEFORE
        if is_gap and least[i + 1] - greatest[i] > width:
            width, start = least[i + 1] - greatest[i], greatest[i]
    return width, start


@compiled()
def widest_gap(a, b, low, high, num_sums):  # type: ignore[no-untyped-def]
    """Return (width, lower end) of the first widest gap between neighbouring sums in [low, high].

    Parameters
    ----------
    a, b : int64 arrays
        Ascending sums of two halves, from `sorted_sums`.
    low, high : int64
        Two of the sums a + b, low < high.
    num_sums : int
        How many sums lie in [low, high].

    Notes
    -----
    A gap that holds a run of k empty cells is wider than k and narrower than k + 2 of them. Cells
    are tried from some times the mean gap downwards, because the wider they are, the fewer: once a
    run holds two, few gaps rival it, and none that is hidden inside a cell.
    """
    mean, shift = (high - low) // (num_sums - 1), 0
    while mean >> (shift + 1) > 0:
        shift += 1
    shift += _EXTRA
    while True:
        cells = np.zeros(((high - low) >> shift) + 1, np.uint8)
        _fill(a, b, low, high, shift, cells)
        longest = _longest_run(cells)
        if longest > 1 or shift == 0:
            return _widest(a, b, low, high, shift, cells, longest - 1)
        shift -= 1


@compiled()
def _has_wide_gap(a, b, low, high, num_sums, limit):  # type: ignore[no-untyped-def]
    """Return whether neighbouring sums in [low, high], both ends sums, differ by over `limit`."""
    if high - low <= limit:
        return False
    if limit <= (high - low - 1) // (num_sums - 1):  # below the mean gap
        return True
    shift = 0
    while 1 << (shift + 2) <= limit + 1:
        shift += 1
    cells = np.zeros(((high - low) >> shift) + 1, np.uint8)
    if _fill(a, b, low, high, shift, cells):  # then all gaps are narrower than two cells
        return False
    longest = _longest_run(cells)
    if longest << shift >= limit:
        return True
    if ((longest + 2) << shift) - 1 <= limit:
        return False
    return _widest(a, b, low, high, shift, cells, ((limit + 1) >> shift) - 1)[0] > limit


@compiled()
def mark_covering(samples: IntArray, bounds: IntArray, is_covering: BoolArray) -> None:
    """Write for each row whether its sums leave no hole.

    Parameters
    ----------
    samples : int64 array, shape (m, n)
        In units of the grid of each row.
    bounds : int64 array, shape (m, 3)
        X, Y and G of each row: a hole is a pair of neighbouring sums s < s' with s <= X, s' >= Y
        and s' - s > G, where minus and plus infinity count as sums.
    is_covering : bool array, shape (m,)
        Written.
    """
    half = samples.shape[1] // 2
    for row in range(len(samples)):
        last_low, first_high, limit = bounds[row]
        a, b = sorted_sums(samples[row, :half]), sorted_sums(samples[row, half:])
        low, _, num_below = neighbours(a, b, first_high - 1)
        _, high, num_upto = neighbours(a, b, last_low)
        if low == NONE or (high == FAR and low <= last_low):
            is_covering[row] = False
        elif low > last_low:
            is_covering[row] = True
        else:
            # from one `low` to one `high`, whatever their repetitions
            num_sums = num_upto - num_below + 2
            is_covering[row] = not _has_wide_gap(a, b, low, high, num_sums, limit)
