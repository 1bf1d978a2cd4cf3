"""Compiled loops for many targets of the same samples: one sorted table, a few shifts each.

The samples are x[0], ..., x[n - 1]. The table holds the sums of the last k of them, each sum once,
the n - k others make 2**(n - k) shifts. A subset has an index: bit i of it keeps sample i.

Importing this module imports numba.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from strongltn.numerics.exact import IntArray
from strongltn.process.compiled import compiled

_U = np.uint64
_FAR = np.int64(np.iinfo(np.int64).max)


@compiled()
def all_sums(samples: IntArray) -> Any:
    """Return the sums of all subsets, shape (2**n,), in the order of their indices."""
    sums = np.zeros(1 << samples.size, np.int64)
    for k in range(samples.size):
        for i in range(1 << k):
            sums[(1 << k) + i] = sums[i] + samples[k]
    return sums


@compiled()
def sorted_table(samples: IntArray, num_tabled: int, lower: IntArray) -> Any:
    """Return the ascending sums of the last samples, without repetition, and a subset for each.

    Parameters
    ----------
    num_tabled : int
        k, at most 31.
    lower : int64 array, shape (2**(n // 2),)
        The sums of the first half, from `all_sums`: they rank the subsets of equal sum.

    Returns
    -------
    (int64 array, uint32 array), shape (u,)
        Sums and subsets, u <= 2**k; bit i of a subset keeps sample n - k + i.
    """
    first = samples.size - num_tabled
    sums, sums_next = np.zeros(1 << num_tabled, np.int64), np.empty(1 << num_tabled, np.int64)
    kept, kept_next = np.zeros(1 << num_tabled, np.uint32), np.empty(1 << num_tabled, np.uint32)
    for k in range(num_tabled):
        _double(sums, kept, sums_next, kept_next, samples[first + k], k)
        sums, sums_next = sums_next, sums
        kept, kept_next = kept_next, kept
    last = 0
    for i in range(1, sums.size):
        if sums[i] != sums[last]:
            last += 1
            sums[last], kept[last] = sums[i], kept[i]
        elif _precedes(np.int64(kept[i]) << first, np.int64(kept[last]) << first, lower):
            kept[last] = kept[i]
    return sums[: last + 1], kept[: last + 1]


@compiled()
def _double(sums, kept, sums_next, kept_next, x, k):  # type: ignore[no-untyped-def]
    """Merge 2**k sums and the same plus x, with their subsets; filled from both ends at once."""
    num = 1 << k
    bit = np.uint32(num)
    low = high = 0
    top = num - 1
    for t in range(num):
        i, j = _U(low), _U(t - low)
        plain, shifted = sums[i], sums[j] + x
        is_plain = plain <= shifted
        sums_next[_U(t)] = min(plain, shifted)
        kept_next[_U(t)] = kept[i] if is_plain else kept[j] | bit
        low += is_plain
        i, j = _U(top - high), _U(top - t + high)
        plain, shifted = sums[i], sums[j] + x
        is_plain = plain > shifted
        sums_next[_U(num + top - t)] = max(plain, shifted)
        kept_next[_U(num + top - t)] = kept[i] if is_plain else kept[j] | bit
        high += is_plain


@compiled()
def _precedes(index, other, lower):  # type: ignore[no-untyped-def]
    """Return whether, of two subsets of equal sum, the tie rule takes the first."""
    part, other_part = index & (lower.size - 1), other & (lower.size - 1)
    if lower[part] != lower[other_part]:
        return lower[part] < lower[other_part]
    if part != other_part:
        return part < other_part
    return index < other


@compiled()
def cell_starts(sums: IntArray, cell_bits: int) -> Any:
    """Return for each cell of 2**cell_bits values how many sums lie below it, and one end more."""
    num_cells = ((sums[-1] - sums[0]) >> cell_bits) + 1
    starts = np.zeros(num_cells + 1, np.int32)
    for value in sums:
        starts[((value - sums[0]) >> cell_bits) + 1] += 1
    for cell in range(num_cells):
        starts[cell + 1] += starts[cell]
    return starts


@compiled()
def search_targets(table, shifts, lower, targets, mask):  # type: ignore[no-untyped-def]
    """Write the best subset for each target into `mask`, shape (m, n).

    Parameters
    ----------
    table : (sums, kept, starts, cell_bits)
        From `sorted_table` and `cell_starts`.
    shifts, lower : int64 arrays, shape (2**(n - k),) and (2**(n // 2),)
        From `all_sums`.
    targets : int64 array, shape (m,)
        In quarter units, odd; all sums are multiples of 4.
    """
    sums, kept, starts, cell_bits = table
    num_samples = mask.shape[1]
    num_shifted = 0
    while (1 << num_shifted) < shifts.size:
        num_shifted += 1
    last = sums.size - 1
    last_cell = starts.size - 2
    for row in range(targets.size):
        best, index = _FAR, np.int64(0)
        for s in range(shifts.size):
            goal = targets[row] - shifts[s]
            cell = (goal - sums[0]) >> cell_bits
            cell = 0 if cell < 0 else (last_cell if cell > last_cell else cell)
            low, high = np.int64(starts[_U(cell)]), np.int64(starts[_U(cell + 1)])
            while low < high:
                middle = (low + high) >> 1
                if sums[_U(middle)] < goal:
                    low = middle + 1
                else:
                    high = middle
            below, above = low - (low > 0), low - (low > last)
            down, up = abs(goal - sums[_U(below)]), abs(sums[_U(above)] - goal)
            distance = min(down, up)
            if distance <= best:
                entry = below if down <= up else above
                found = (np.int64(kept[_U(entry)]) << num_shifted) | s
                if distance < best or _precedes(found, index, lower):
                    best, index = distance, found
        for k in range(num_samples):
            mask[row, k] = (index >> k) & 1 == 1
