"""One compiled step of the adversarial dynamic program, in integers rounded upwards.

Importing this module imports numba.
"""

from __future__ import annotations

import math

import numpy as np

from strongltn.numerics.exact import IntArray
from strongltn.process.compiled import compiled

#: A failure probability of 1 is 2 to this; it leaves room for slopes, so that no sum overflows.
FULL_BITS = 56
_SUM_BITS = 62
_BLOCK = 32  # cells
_MAX_SLOPES = 12  # tried for one state: each gives a bound, most states need two


@compiled(inline="always")
def _rounded_product(multiplier, shift, distance):  # type: ignore[no-untyped-def]
    """Return multiplier * distance / 2^shift, rounded upwards."""
    return -((-multiplier * distance) >> shift)


@compiled()
def _highest_cell(values, ends, state, chord):  # type: ignore[no-untyped-def]
    """Return max_j (value_j + s (end_j - mean)), rounded upwards, and its index j."""
    first, last, reach, mean = state
    left, right, multiplier, shift = chord
    highest, where = values[last] + _rounded_product(multiplier, shift, reach - mean), last
    for j in (left, right):  # a good start: most blocks are then below it
        value = values[j] + _rounded_product(multiplier, shift, ends[j] - mean)
        if j < last and value > highest:
            highest, where = value, j
    for start in range(first, last, _BLOCK):
        stop = min(start + _BLOCK, last)
        if values[start] + _rounded_product(multiplier, shift, ends[stop - 1] - mean) <= highest:
            continue  # values fall and ends rise: no cell of the block is above this
        for j in range(start, stop):
            value = values[j] + _rounded_product(multiplier, shift, ends[j] - mean)
            if value > highest:
                highest, where = value, j
    return highest, where


@compiled()
def _worst_mean(values, ends, state, guess):  # type: ignore[no-untyped-def]
    """Return an upper bound of E value(p') over all laws of p' in [p, reach] with E p' >= mean.

    Cell j holds its value up to and with its right end, the last cell up to `reach`. For any slope
    s >= 0, E value <= E[value + s (p' - mean)] <= max_j (value_j + s (end_j - mean)); the slopes
    tried are those of chords across the mean, and the least maximum is returned, with the last
    chord.
    """
    first, last, reach, mean = state
    best = values[first]  # the slope 0
    if first == last or ends[first] >= mean or values[last] == best:
        return best, first, last
    left, right = max(guess[0], first), min(guess[1], last)
    is_across = ends[left] < mean and (right == last or ends[right] > mean)
    if not is_across or values[left] == values[right]:
        left, right = first, last
    for _ in range(_MAX_SLOPES):
        right_end = reach if right == last else ends[right]
        slope = float(values[left] - values[right]) / float(right_end - ends[left])
        if slope <= 0.0:
            break
        largest = (1 << _SUM_BITS) // (reach - ends[first])
        shift = min(max(int(math.log2(largest / slope)), 0), _SUM_BITS)
        multiplier = min(int(math.ldexp(slope, shift)), largest)
        highest, where = _highest_cell(values, ends, state, (left, right, multiplier, shift))
        best = min(best, highest)
        if where in (left, right):
            break
        if where < last and ends[where] <= mean:
            left = where
        else:
            right = where
    return best, left, right


@compiled()
def _add_sample(values, ends, last, reach, mean):  # type: ignore[no-untyped-def]
    """See `add_sample`."""
    new = np.zeros_like(values)
    before = values[0]
    left = right = 0
    for i in range(values.size):
        if values[i] == 0:
            break
        state = (i, last[i], reach[i], mean[i])
        worst, left, right = _worst_mean(values, ends, state, (left + 1, right + 1))
        before = min(before, worst)
        new[i] = before
    return new


def add_sample(values: IntArray, steps: tuple[IntArray, IntArray, IntArray, IntArray]) -> IntArray:
    """Return bounds of the failure probability at each state with one more sample to come.

    Parameters
    ----------
    values : int64 array
        Bounds at each state, non-increasing, at most 2^FULL_BITS.
    steps : four int64 arrays
        The ends of the cells (the next state, or 1), the index of the last state within reach of
        each state, its reach, and its mean after one sample.

    Returns
    -------
    int64 array, non-increasing

    Notes
    -----
    Rigor: rigorous upper bound. A state may use the bound of any state before it, because fewer
    points are approximable there. Cost: proportional to the cells within reach of all states.
    Randomness: none.
    """
    new: IntArray = _add_sample(values, *steps)  # plain arrays: the cache of numba knows no tuples
    return new


def worst_mean(values: IntArray, ends: IntArray, mean: int) -> int:
    """Return an upper bound of the mean value over all laws of a state, of at least this mean.

    The state is at least that of the first cell; see `add_sample`.
    """
    last = values.size - 1
    worst, _, _ = _worst_mean(values, ends, (0, last, int(ends[last]), mean), (0, last))
    return int(worst)
