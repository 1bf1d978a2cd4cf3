"""Compiled admissible process: unions of intervals with integer ends. Importing imports numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from strongltn.process.compiled import compiled


@compiled()
def _join(starts, ends, num, shift, radius, new_starts, new_ends):  # type: ignore[no-untyped-def]
    """Write the union of the intervals and of what the shifted ones have in the window.

    Intervals are ascending and do not touch. Return their number and their total length.
    """
    i = j = joined = 0
    while j < num and ends[j] + shift <= -radius:
        j += 1
    stop = num
    while stop > j and starts[stop - 1] + shift >= radius:
        stop -= 1
    total = np.int64(0)
    while i < num or j < stop:
        if j == stop or (i < num and starts[i] <= max(starts[j] + shift, -radius)):
            start, end = starts[i], ends[i]
            i += 1
        else:
            start, end = max(starts[j] + shift, -radius), min(ends[j] + shift, radius)
            j += 1
        if joined > 0 and start <= new_ends[joined - 1]:
            if end > new_ends[joined - 1]:
                total += end - new_ends[joined - 1]
                new_ends[joined - 1] = end
        else:
            new_starts[joined], new_ends[joined] = start, end
            joined += 1
            total += end - start
    return joined, total


@compiled()
def measures(samples: Any, half_width: Any, radius: Any) -> Any:
    """Return the length of A_0, ..., A_n for each row of samples, where A_0 = [-w, w].

    Parameters
    ----------
    samples : int64, shape (m, n)
    half_width, radius : int
        0 < half_width = w < radius; the window is [-radius, radius].

    Returns
    -------
    int64, shape (m, n + 1)
    """
    found = np.empty((samples.shape[0], samples.shape[1] + 1), np.int64)
    size = 64
    starts, ends = np.empty(size, np.int64), np.empty(size, np.int64)
    new_starts, new_ends = np.empty(size, np.int64), np.empty(size, np.int64)
    for row in range(samples.shape[0]):
        starts[0], ends[0], num = -half_width, half_width, 1
        found[row, 0] = 2 * half_width
        for t in range(samples.shape[1]):
            if found[row, t] == 2 * radius:
                found[row, t + 1 :] = 2 * radius
                break
            if 2 * num > size:
                size *= 2
                starts, ends = np.append(starts, starts), np.append(ends, ends)
                new_starts, new_ends = np.empty(size, np.int64), np.empty(size, np.int64)
            num, found[row, t + 1] = _join(
                starts, ends, num, samples[row, t], radius, new_starts, new_ends
            )
            starts, new_starts = new_starts, starts
            ends, new_ends = new_ends, ends
    return found
