"""Compiled meet in the middle, one instance after the other: sums of numbers, and of vectors.

Numbers are searched in three steps: doubling merge, scan from both ends, mask afterwards.

The samples are x[0], ..., x[n - 1]. With h = n // 2, list A holds the sorted sums of x[:h] and list
B those of x[h : 2 * h]; for odd n the last sample is loose: in or out, it only moves the target.

The loops carry no branch that depends on the data but the rarely taken "a better pair was found".
Indices are cast to unsigned, which spares the compiled code the test for Python's negative ones.
Importing this module imports numba.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from strongltn.numerics.exact import BoolArray, IntArray
from strongltn.process.compiled import compiled

_U = np.uint64
_FAR = np.int64(np.iinfo(np.int64).max)


@compiled()
def sorted_halves(samples: IntArray, lists: IntArray) -> tuple[IntArray, IntArray]:
    """Return the sorted sums A and B of the two halves of one row of samples.

    Parameters
    ----------
    samples : int64 array, shape (n,)
    lists : int64 array, shape (4, 2**(n // 2))
        Work area; A and B are two of its rows.
    """
    half = samples.size // 2
    a, b, a_next, b_next = lists[0], lists[1], lists[2], lists[3]
    a[0] = 0
    b[0] = 0
    for k in range(half):
        _double(a, a_next, samples[k], b, b_next, samples[half + k], 1 << k)
        a, a_next = a_next, a
        b, b_next = b_next, b
    return a, b


@compiled()
def _double(a, a_next, x, b, b_next, y, num):  # type: ignore[no-untyped-def]
    """Merge the first `num` sums of a and the same plus x into a_next; the same for b and y.

    Each merge fills its output from both ends at once, so neither end runs out of input, and four
    chains of loads and comparisons run side by side. `low` counts the sums taken from the bottom of
    the unshifted list, `high` those taken from its top.
    """
    a_low = a_high = b_low = b_high = 0
    top = num - 1
    for t in range(num):
        kept, shifted = a[_U(a_low)], a[_U(t - a_low)] + x
        a_next[_U(t)] = min(kept, shifted)
        a_low += kept <= shifted
        kept, shifted = a[_U(top - a_high)], a[_U(top - t + a_high)] + x
        a_next[_U(num + top - t)] = max(kept, shifted)
        a_high += kept > shifted
        kept, shifted = b[_U(b_low)], b[_U(t - b_low)] + y
        b_next[_U(t)] = min(kept, shifted)
        b_low += kept <= shifted
        kept, shifted = b[_U(top - b_high)], b[_U(top - t + b_high)] + y
        b_next[_U(num + top - t)] = max(kept, shifted)
        b_high += kept > shifted


@compiled()
def nearest_pair(a, b, first, second):  # type: ignore[no-untyped-def]
    """Return (distance, sum in A) of the pair of sums nearest to either of two odd targets.

    Per target two walks, from (smallest A, largest B) and from (largest A, smallest B): each step
    drops the element that has just met its best remaining partner. Both walks pass through the best
    pair, after numbers of steps that add up to 2 * num - 2, so `num` steps each are enough. Among
    equal distances the smallest sum in A wins: the upward walks meet it first, the others last.
    """
    num = a.size
    top = num - 1
    up1 = up2 = down1 = down2 = 0
    best1 = best2 = best3 = best4 = _FAR
    sum1 = sum2 = sum3 = sum4 = np.int64(0)
    for t in range(num):
        s = a[_U(up1)]
        d = s + b[_U(top - t + up1)] - first
        up1 += d < 0
        if abs(d) < best1:
            best1, sum1 = abs(d), s
        s = a[_U(up2)]
        d = s + b[_U(top - t + up2)] - second
        up2 += d < 0
        if abs(d) < best2:
            best2, sum2 = abs(d), s
        s = a[_U(top - t + down1)]
        d = s + b[_U(down1)] - first
        down1 += d < 0
        if abs(d) <= best3:
            best3, sum3 = abs(d), s
        s = a[_U(top - t + down2)]
        d = s + b[_U(down2)] - second
        down2 += d < 0
        if abs(d) <= best4:
            best4, sum4 = abs(d), s
    for distance, s in ((best2, sum2), (best3, sum3), (best4, sum4)):
        if distance < best1 or (distance == best1 and s < sum1):
            best1, sum1 = distance, s
    return best1, sum1


@compiled()
def _write_first_subset(samples, value, sums, mask):  # type: ignore[no-untyped-def]
    """Write into `mask` the first subset with this sum: bit k of its index keeps sample k."""
    index = 0
    sums[0] = 0
    if value != 0:
        for k in range(samples.size):
            for i in range(1 << k):
                sums[(1 << k) + i] = sums[i] + samples[k]
                if sums[(1 << k) + i] == value and index == 0:
                    index = (1 << k) + i
            if index != 0:
                break
    for k in range(samples.size):
        mask[k] = (index >> k) & 1 == 1


@compiled()
def search_sorted(samples, target, a, b, sums, mask):  # type: ignore[no-untyped-def]
    """Write the best subset of one row into `mask`.

    Parameters
    ----------
    samples : int64 array, shape (n,)
        In quarter units, so multiples of 4.
    target : int64
        In quarter units, odd.
    a, b : int64 arrays, shape (2**(n // 2),)
        From `sorted_halves`; not changed.
    sums : int64 array, shape (2**(n - n // 2),) or longer
        Work area.
    mask : bool array, shape (n,)
        Written.
    """
    half = samples.size // 2
    loose = samples[samples.size - 1] if samples.size % 2 == 1 else 0
    distance, a_sum = nearest_pair(a, b, target, target - loose)
    # Of target +- distance exactly one is a multiple of 4: the subset sum.
    total = target - distance if (target - distance) % 4 == 0 else target + distance
    _write_first_subset(samples[:half], a_sum, sums, mask[:half])
    _write_first_subset(samples[half:], total - a_sum, sums, mask[half:])


@compiled()
def search_rows(samples: IntArray, targets: IntArray, mask: BoolArray) -> Any:
    """Write the best subset of each row: `search_sorted` for rows (m, n), on one work area."""
    lists = np.empty((4, 1 << (samples.shape[1] // 2)), np.int64)
    sums = np.empty(2 * lists.shape[1], np.int64)
    for row in range(len(samples)):
        a, b = sorted_halves(samples[row], lists)
        search_sorted(samples[row], targets[row], a, b, sums, mask[row])


@compiled()
def nearest_vectors(lower, upper, order, target):  # type: ignore[no-untyped-def]
    """Return (i, j) for which lower[i] + the j-th unsorted vector of upper is nearest to `target`.

    For each i the vectors of `upper` are met by their distance in the first coordinate, until that
    alone is too large. Later i lose ties, so they may stop already where it equals the best.

    Parameters
    ----------
    lower, upper : int64 arrays, shapes (p, d) and (q, d)
        The vectors of `upper` ascend in their first coordinate.
    order : int64 array, shape (q,)
        The places of the vectors of `upper` before they were sorted.
    target : int64 array, shape (d,)
        What a sum of one vector of each list shall come close to.

    Notes
    -----
    Nearest in the largest distance of a coordinate; of ties the least i, then the least j. Without
    its compiler (``nearest_vectors.py_func``) the function does the same on Python integers.
    """
    num, dimension = upper.shape
    first, second = 0, order[0]
    best = abs(lower[0, 0] + upper[0, 0] - target[0])
    for c in range(1, dimension):
        best = max(best, abs(lower[0, c] + upper[0, c] - target[c]))
    for i in range(lower.shape[0]):
        wanted = target[0] - lower[i, 0]
        above = np.searchsorted(upper[:, 0], wanted)
        below = above - 1
        while below >= 0 or above < num:
            is_up = below < 0
            if not is_up and above < num:
                is_up = upper[above, 0] - wanted < wanted - upper[below, 0]
            j = above if is_up else below
            above, below = above + is_up, below - (not is_up)
            distance = abs(upper[j, 0] - wanted)
            if distance > best or (distance == best and i != first):
                break
            for c in range(1, dimension):
                distance = max(distance, abs(lower[i, c] + upper[j, c] - target[c]))
            if distance < best or (distance == best and i == first and order[j] < second):
                best, first, second = distance, i, order[j]
    return first, second
