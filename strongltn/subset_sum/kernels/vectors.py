"""Compiled search for the pair of vector sums nearest to a target. Importing it imports numba."""

from __future__ import annotations

import numpy as np

from strongltn.process.compiled import compiled


@compiled()
def nearest_vectors(lower, upper, order, target):  # type: ignore[no-untyped-def]
    """Return (i, j) for which lower[i] + the j-th unsorted vector of upper is nearest to `target`.

    For each i the vectors of `upper` are met by their distance in the first coordinate, until that
    alone is too large. Later i lose ties, so they may stop already where it equals the best.

    Parameters
    ----------
    lower : int64 array, shape (p, d)
    upper : int64 array, shape (q, d)
        Ascending in the first coordinate.
    order : int64 array, shape (q,)
        The places of the vectors of `upper` before they were sorted.
    target : int64 array, shape (d,)

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
