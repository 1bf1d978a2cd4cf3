"""Compiled decision of the covering event: a set of bits for the sums, exact where it is close.

Importing this module imports numba.

Samples are replaced by their magnitudes a_i, which shifts all sums by the sum of the negative
samples, and each a_i by a whole number of cells, h c_i = a_i - r_i with |r_i| <= h / 2. Bit c is
set iff c is a sum of some c_i. A subset whose sum is s then has its bit at c with
c h - E <= s <= c h + E', E and E' the sums of the negative and of the positive r_i. So between two
neighbouring set bits c < d all true sums are <= c h + E' or >= d h - E.

A hole is a pair of neighbouring true sums s < t that leaves out a target (`hole_limits`).
Every bit of a sum <= s is below every bit of a sum >= t, with more than (t - s - E - E') / h - 1
clear bits in between. A cell has at most tolerance / 80 and there are at most 48 samples, so
E + E' <= 24 h, and t - s > 160 h even after s and t are cut at a tolerance outside the window: 127
clear bits in a row, hence a word of zeros. So each hole is found as the run of clear bits around a
zero word, and different holes lie in different runs. A run is
- surely a hole if already (c h + E', d h - E) leaves out a target;
- surely none if not even (c h - E, d h + E') does, because s and t lie between these;
- else looked at exactly: s and t are the neighbours of the middle of the run among all sums, found
  by two sorted halves. For a hole that middle is within E + E' < tolerance of (s + t) / 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from strongltn.process.compiled import compiled
from strongltn.subset_sum.kernels.gaps import neighbours, sorted_sums

#: At least so many cells in one tolerance 2 eta.
CELLS_PER_TOLERANCE = 80
#: With more samples the argument above fails, and the exact halves would not fit in memory.
MAX_SAMPLES = 48

_ONE = np.uint64(1)
_HOLE, _CLOSE, _WHOLE = 0, 1, 2


@compiled()
def _add(old, new, total, shift):  # type: ignore[no-untyped-def]
    """Write to `new` the bits 0..total of `old`, and the same moved up by `shift`."""
    top, new_top = total >> 6, (total + shift) >> 6
    old[top + 1 : new_top + 1] = 0
    words, bits = shift >> 6, np.uint64(shift & 63)
    rest = np.uint64(63) - bits
    new[:words] = old[:words]
    new[words] = old[words] | (old[0] << bits)
    kept = old[words + 1 : new_top + 1]
    high, low = old[1 : new_top + 1 - words], old[: new_top - words]
    out = new[words + 1 : new_top + 1]
    for i in range(out.size):
        out[i] = kept[i] | (high[i] << bits) | ((low[i] >> _ONE) >> rest)


@compiled()
def _run_around(bits, word):  # type: ignore[no-untyped-def]
    """Return the set bits before and after a word of zeros; the first and last words are not."""
    low = high = word
    while bits[low] == 0:
        low -= 1
    while bits[high] == 0:
        high += 1
    before, after = 64 * low + 63, 64 * high
    while (bits[low] >> np.uint64(before & 63)) & _ONE == 0:
        before -= 1
    while (bits[high] >> np.uint64(after & 63)) & _ONE == 0:
        after += 1
    return before, after


@compiled()
def _is_hole(s, t, limits):  # type: ignore[no-untyped-def]
    return s <= limits[0] and t >= limits[1] and t - s > limits[2]


@compiled()
def _verdict(low, high, slack, limits):  # type: ignore[no-untyped-def]
    """Return what is sure of a run between the cells at `low` and `high`."""
    if _is_hole(low + slack[1], high - slack[0], limits):
        return _HOLE
    return _CLOSE if _is_hole(low - slack[0], high + slack[1], limits) else _WHOLE


@compiled()
def _has_hole(bits, total, magnitudes, cell, slack, limits):  # type: ignore[no-untyped-def]
    """Return whether neighbouring sums, both finite, leave out a target; sums are of magnitudes."""
    first = max((limits[1] - limits[2] - 2) // cell, 0) >> 6
    last = min((limits[0] + limits[2] + 2) // cell + 1, total) >> 6
    half = magnitudes.size // 2
    has_halves = False
    a = b = magnitudes[:0]
    word = first
    while word <= last:
        if bits[word] == 0:
            before, after = _run_around(bits, word)
            verdict = _verdict(before * cell, after * cell, slack, limits)
            if verdict == _CLOSE:
                if not has_halves:
                    a, b = sorted_sums(magnitudes[:half]), sorted_sums(magnitudes[half:])
                    has_halves = True
                s, t, _ = neighbours(a, b, (before + after) * cell // 2)
                if _is_hole(s, t, limits):
                    return True
            elif verdict == _HOLE:
                return True
            word = after >> 6
        word += 1
    return False


@compiled()
def _hitting_time(samples, limits, cell, old, new):  # type: ignore[no-untyped-def]
    magnitudes = np.abs(samples)
    negative = positive = total = np.int64(0)
    slack = np.zeros(2, np.int64)  # E and E'
    old[0] = _ONE
    for n in range(samples.size + 1):
        if n > 0:
            x = magnitudes[n - 1]
            shift = (x + cell // 2) // cell
            slack[0] += max(shift * cell - x, 0)
            slack[1] += max(x - shift * cell, 0)
            _add(old, new, total, shift)
            old, new = new, old
            total += shift
            negative += min(samples[n - 1], 0)
            positive += max(samples[n - 1], 0)
        if negative >= limits[1] or positive <= limits[0]:
            continue  # a target is beyond the least or the greatest sum
        moved = np.array([limits[0] - negative, limits[1] - negative, limits[2]])
        if not _has_hole(old, total, magnitudes[:n], cell, slack, moved):
            return n
    return samples.size + 1


@compiled()
def hitting_times(samples: Any, limits: Any, cell: Any) -> Any:
    """Return for each row the least number of its first samples that cover the window.

    Parameters
    ----------
    samples : int64, shape (m, n)
        In units of 2^-40, n <= MAX_SAMPLES.
    limits : int64, shape (3,)
        `CoveringEvent.hole_limits`.
    cell : int >= 1
        Width of a cell: at most tolerance / CELLS_PER_TOLERANCE.

    Returns
    -------
    int64, shape (m,)
        n + 1 where the whole row does not cover it.
    """
    times = np.empty(len(samples), np.int64)
    most = 0
    for row in samples:
        most = max(most, ((np.abs(row) + cell // 2) // cell).sum())
    old, new = np.empty((most >> 6) + 1, np.uint64), np.empty((most >> 6) + 1, np.uint64)
    for i in range(len(samples)):
        times[i] = _hitting_time(samples[i], limits, cell, old, new)
    return times
