"""Gaps between neighbouring subset sums, in grid units: where targets are far from every sum."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

import numpy as np

from strongltn.numerics.exact import IntArray, RowGrid

Gap = tuple[int | None, int | None]  # None: there is no sum on that side

_BEYOND = 2**61  # beyond the sums of every row that fits int64


def wide_gaps(numerators: IntArray, low: Fraction, high: Fraction) -> list[Gap]:
    """Return the gaps at low and at high, and the first widest of those in between."""
    from strongltn.subset_sum.kernels.covering import FAR, NONE, neighbours, sorted_sums, widest_gap

    half = numerators.size // 2
    a, b = sorted_sums(numerators[:half]), sorted_sums(numerators[half:])
    before, first, num_before = neighbours(a, b, _clamped(floor(low)))
    last, after, num_upto = neighbours(a, b, _clamped(ceil(high) - 1))
    gaps = [(before, first), (last, after)]
    if first < last:
        width, start = widest_gap(a, b, first, last, num_upto - num_before)
        gaps.append((start, start + width))
    return [(None if s == NONE else int(s), None if t == FAR else int(t)) for s, t in gaps]


def all_gaps(numerators: list[int], low: Fraction, high: Fraction) -> list[Gap]:
    """Return all gaps that meet [low, high], of Python integers."""
    sums = {0}
    for numerator in numerators:
        sums |= {numerator + earlier for earlier in sums}
    ends = [None, *sorted(sums), None]
    return [
        (s, t) for s, t in pairwise(ends) if (s is None or s <= high) and (t is None or t >= low)
    ]


def hole_bounds(grid: RowGrid, low: Fraction, high: Fraction, tolerance: Fraction) -> IntArray:
    """Return X, Y and G of each row, shape (m, 3): see `mark_covering`.

    The targets s + r < z < t - r between two neighbouring sums s < t are the ones that r, the
    tolerance, does not reach. One of them lies in [low, high] iff s < high - r, t > low + r and
    t - s > 2 r; s and t are integers.
    """
    bounds = np.empty((len(grid.exponents), 3), dtype=np.int64)
    for exponent in np.unique(grid.exponents).tolist():
        unit = Fraction(2) ** exponent
        bounds[grid.exponents == exponent] = [
            _clamped(ceil((high - tolerance) / unit) - 1),
            _clamped(floor((low + tolerance) / unit) + 1),
            _clamped(floor(2 * tolerance / unit)),
        ]
    return bounds


def _clamped(units: int) -> int:
    return min(max(units, -_BEYOND), _BEYOND)
