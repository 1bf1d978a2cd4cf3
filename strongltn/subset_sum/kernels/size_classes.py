"""Compiled search among the subsets of one size, or of each size, on int64.

The samples are x[0], ..., x[n - 1] and h = n // 2. Half A is x[:h], half B is x[h:]. The sums of a
half are kept in classes by the size of the subset, each class sorted: class c of k + 1 samples is
the merge of class c of k samples and class c - 1 shifted by the new sample. Subsets of size s are
the pairs of class c of A and class s - c of B.

A list holds classes -1 to k + 1, the first and the last one empty, each between two sentinels, so
that neither a merge nor a walk has to ask whether its input has run out. `starts[c + 1]` is where
class c begins. Sums are in quarter units (see `integer_units`), of magnitude up to 2**60.
Importing this module imports numba.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from strongltn.numerics.exact import BoolArray, IntArray
from strongltn.process.compiled import compiled

_U = np.uint64
_FAR = np.int64(np.iinfo(np.int64).max)
# Beyond the sum of any two legal sums and a target, and far enough from the end of int64 for each.
_SENTINEL = np.int64(2**62)
_BLOCK = 64


@compiled()
def sorted_classes(
    samples: IntArray, sizes: tuple[int, int], lists: IntArray, starts: IntArray
) -> tuple[IntArray, IntArray]:
    """Return the classes sizes[0] to sizes[1] of the sums of k samples, and where they start.

    The results are rows of the work areas: `lists`, shape (2, 2**k + 2 * k + 6), and `starts`,
    shape (2, k + 4).
    """
    num_samples = samples.size
    old, new, old_starts, new_starts = lists[0], lists[1], starts[0], starts[1]
    _place_classes(old, old_starts, 0)
    old[old_starts[1]] = 0
    for k in range(num_samples):
        _place_classes(new, new_starts, k + 1)
        left = num_samples - k - 1
        for c in range(max(0, sizes[0] - left), min(k + 1, sizes[1]) + 1):
            _merge_class(old, old_starts[c : c + 3], samples[k], new, new_starts[c + 1 : c + 3])
        old, new, old_starts, new_starts = new, old, new_starts, old_starts
    return old, old_starts


@compiled()
def _place_classes(sums, starts, num_samples):  # type: ignore[no-untyped-def]
    """Write the starts of classes -1 to `num_samples` + 1, one end more, and all sentinels."""
    at, length = 1, 0
    for c in range(-1, num_samples + 2):
        starts[c + 1] = at
        sums[at - 1] = -_SENTINEL
        sums[at + length] = _SENTINEL
        at += length + 2
        length = 1 if c == -1 else length * (num_samples - c) // (c + 1)
    starts[num_samples + 3] = at


@compiled()
def _merge_class(old, old_starts, x, new, new_starts):  # type: ignore[no-untyped-def]
    """Merge class c and class c - 1 plus x; filled from both ends, two chains side by side.

    Three starts say where the classes c - 1 and c of `old` begin and where class c ends, with its
    two sentinels; two say the same of class c of `new`.
    """
    shifted_low, kept_low = old_starts[0], old_starts[1]
    shifted_high, kept_high = kept_low - 3, old_starts[2] - 3
    bottom, top = new_starts[0], new_starts[1] - 3
    low = high = 0
    for t in range((top - bottom) // 2 + 1):
        kept, shifted = old[_U(kept_low + low)], old[_U(shifted_low + t - low)] + x
        new[_U(bottom + t)] = min(kept, shifted)
        low += kept <= shifted
        kept, shifted = old[_U(kept_high - high)], old[_U(shifted_high - t + high)] + x
        new[_U(top - t)] = max(kept, shifted)
        high += kept > shifted


@compiled()
def _nearest_pair(a, a_starts, b, b_starts, goal):  # type: ignore[no-untyped-def]
    """Return (distance, sum in A) of the pair of one class of A and one of B nearest to the goal.

    Two walks, from (smallest A, largest B) and from (largest A, smallest B): each step drops the
    element that has just met its best remaining partner. Both pass through the best pair, after
    numbers of steps that add up to two less than the number of elements, so half of that each is
    enough. Among equal distances the smallest sum in A wins.
    """
    a_low, a_high = a_starts[0], a_starts[1] - 3
    b_low, b_high = b_starts[0], b_starts[1] - 3
    up = down = 0
    best1 = best2 = _FAR
    sum1 = sum2 = np.int64(0)
    for t in range((a_high - a_low + b_high - b_low + 2) // 2):
        s = a[_U(a_low + up)]
        d = s + b[_U(b_high - t + up)] - goal
        up += d < 0
        if abs(d) < best1:
            best1, sum1 = abs(d), s
        s = a[_U(a_high - t + down)]
        d = s + b[_U(b_low + down)] - goal
        down += d < 0
        if abs(d) <= best2:
            best2, sum2 = abs(d), s
    if best2 < best1 or (best2 == best1 and sum2 < sum1):
        return best2, sum2
    return best1, sum1


@compiled()
def nearest_of_size(lower, lower_starts, upper, upper_starts, goal, size):  # type: ignore[no-untyped-def]
    """Return (sum, sum in A) of the best subset of one size."""
    num_lower, num_upper = lower_starts.size - 4, upper_starts.size - 4
    best, a_sum = _FAR, np.int64(0)
    for c in range(max(0, size - num_upper), min(size, num_lower) + 1):
        d = size - c
        distance, s = _nearest_pair(
            lower, lower_starts[c + 1 : c + 3], upper, upper_starts[d + 1 : d + 3], goal
        )
        if distance < best or (distance == best and s < a_sum):
            best, a_sum = distance, s
    # Of goal +- distance exactly one is a multiple of 4: the subset sum.
    total = goal - best if (goal - best) % 4 == 0 else goal + best
    return total, a_sum


@compiled()
def list_sums(samples, sums):  # type: ignore[no-untyped-def]
    """Write the sums of all subsets: bit k of an index keeps sample k."""
    sums[0] = 0
    for k in range(samples.size):
        for i in range(1 << k):
            sums[(1 << k) + i] = sums[i] + samples[k]


@compiled()
def _next_index(sums, start, value):  # type: ignore[no-untyped-def]
    """Return the first index from `start` on with this sum, or the number of sums.

    Blocks without a match are skipped at the speed of vector code.
    """
    while start + _BLOCK <= sums.size:
        num_equal = 0
        for i in range(_BLOCK):
            num_equal += sums[_U(start + i)] == value
        if num_equal > 0:
            break
        start += _BLOCK
    for i in range(start, sums.size):
        if sums[_U(i)] == value:
            return i
    return sums.size


@compiled()
def _num_bits(index):  # type: ignore[no-untyped-def]
    count = 0
    while index != 0:
        index &= index - 1
        count += 1
    return count


@compiled()
def write_subset(lower_sums, upper_sums, best, size, mask):  # type: ignore[no-untyped-def]
    """Write the first subset of one size with this sum and sum in A: first in A, then in B.

    Parameters
    ----------
    lower_sums, upper_sums : int64 arrays, shapes (2**h,) and (2**(n - h),)
        From `list_sums`.
    best : two int64
        From `nearest_of_size`.
    mask : bool array, shape (n,)
        Written.
    """
    total, a_sum = best
    num_lower = mask.size // 2
    first = np.full(mask.size - num_lower + 1, -1, np.int64)  # in B, by size
    index = _next_index(upper_sums, 0, total - a_sum)
    while index < upper_sums.size:
        num = _num_bits(index)
        if first[num] < 0:
            first[num] = index
        index = _next_index(upper_sums, index + 1, total - a_sum)
    index = _next_index(lower_sums, 0, a_sum)
    while True:
        num = size - _num_bits(index)
        if 0 <= num < first.size and first[num] >= 0:
            break
        index = _next_index(lower_sums, index + 1, a_sum)
    for k in range(num_lower):
        mask[k] = (index >> k) & 1
    for k in range(mask.size - num_lower):
        mask[num_lower + k] = (first[num] >> k) & 1


@compiled()
def search_rows(samples: IntArray, goals: IntArray, sizes: IntArray, mask: BoolArray) -> Any:
    """Write the best subset of each row and each size into `mask`.

    Parameters
    ----------
    samples : int64 array, shape (m, n)
        In quarter units, so multiples of 4, of magnitudes that sum to 2**60 at most.
    goals : int64 array, shape (m,)
        In quarter units, odd, of magnitude below 2**60 + 4.
    sizes : int64 array, shape (s,)
        Ascending, from 0 to n.
    mask : bool array, shape (m, s, n)
        Written.
    """
    num_samples = samples.shape[1]
    num_lower, num_upper = num_samples // 2, num_samples - num_samples // 2
    lower_sums, upper_sums = np.empty(1 << num_lower, np.int64), np.empty(1 << num_upper, np.int64)
    lower_lists = np.empty((2, lower_sums.size + 2 * num_lower + 6), np.int64)
    upper_lists = np.empty((2, upper_sums.size + 2 * num_upper + 6), np.int64)
    lower_starts = np.empty((2, num_lower + 4), np.int64)
    upper_starts = np.empty((2, num_upper + 4), np.int64)
    low, high = sizes[0], sizes[-1]
    lower_sizes = (max(0, low - num_upper), min(high, num_lower))
    upper_sizes = (max(0, low - num_lower), min(high, num_upper))
    for row in range(len(samples)):
        lower, a_starts = sorted_classes(
            samples[row, :num_lower], lower_sizes, lower_lists, lower_starts
        )
        upper, b_starts = sorted_classes(
            samples[row, num_lower:], upper_sizes, upper_lists, upper_starts
        )
        list_sums(samples[row, :num_lower], lower_sums)
        list_sums(samples[row, num_lower:], upper_sums)
        for i in range(sizes.size):
            best = nearest_of_size(lower, a_starts, upper, b_starts, goals[row], sizes[i])
            write_subset(lower_sums, upper_sums, best, sizes[i], mask[row, i])
