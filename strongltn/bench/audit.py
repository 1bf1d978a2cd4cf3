"""What a contestant claims, checked by means that share nothing with the solvers."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction

import numpy as np

from strongltn.bench.workload import Workload
from strongltn.numerics.exact import BoolArray, IntArray

_ROWS_AT_ONCE = 4096


class Claim(StrEnum):
    """The question that a contestant answers. Times of different ones are never compared."""

    LEAST_ERROR = "least error"
    """The exact optimum over all subsets."""

    WITHIN = "any subset within tolerance"
    """A subset within tolerance, or else the optimum, which proves that there is none."""

    FEWEST = "fewest samples within tolerance"
    """No smaller subset is within tolerance."""

    FIXED_SIZE = "least error of one size"
    """The exact optimum over the subsets of a given size."""

    NO_CLAIM = "no claim"
    """Whatever it finds."""

    OTHER = "other"
    """An answer that is no subset of each row; the unit tests check it, not the benchmark."""


def distances(workload: Workload, mask: BoolArray) -> list[int]:
    """Return abs(sum - target) of every row in grid units, summed in Python integers."""
    found: list[int] = []
    for start in range(0, len(workload), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        kept = np.where(mask[rows], workload.numerators[rows], 0).tolist()
        goals = workload.goals[rows].tolist()
        found += [abs(sum(row) - goal) for row, goal in zip(kept, goals, strict=True)]
    return found


def least_distance(samples: IntArray, goal: int) -> int:
    """Return the least abs(sum - goal) over all subsets of one row.

    Both halves are listed and the second one is sorted; for every sum of the first the neighbours
    of its ideal partner are looked up. Memory: 48 bytes times 2**(n / 2).
    """
    half = samples.size // 2
    return _least_of_pairs(_all_sums(samples[:half]), _all_sums(samples[half:]), goal)


def num_right(
    claim: Claim, workload: Workload, mask: BoolArray, *, tolerance: float | None
) -> int | None:
    """Return on how many rows the claim is true; None where nothing is claimed of subsets."""
    if claim in (Claim.NO_CLAIM, Claim.OTHER):
        return None
    limit = 0 if tolerance is None else int(Fraction(tolerance) / Fraction(2) ** workload.exponent)
    rows = zip(workload.numerators, workload.goals.tolist(), mask, strict=True)
    found = zip(rows, distances(workload, mask), strict=True)
    return sum(_is_right(claim, *row, distance, limit) for row, distance in found)


def _is_right(
    claim: Claim, samples: IntArray, goal: int, mask: BoolArray, distance: int, limit: int
) -> bool:
    size = int(mask.sum())
    if claim is Claim.FIXED_SIZE:
        return distance == _least_of_size(samples, goal, size)
    if claim is Claim.WITHIN and distance <= limit:
        return True
    if claim is Claim.FEWEST and distance <= limit:
        return all(_least_of_size(samples, goal, smaller) > limit for smaller in range(size))
    return distance == least_distance(samples, goal)


def _all_sums(samples: IntArray) -> IntArray:
    sums = np.zeros(1, dtype=np.int64)
    for sample in samples:
        sums = np.concatenate([sums, sums + sample])
    return sums


def _least_of_pairs(lower: IntArray, upper: IntArray, goal: int) -> int:
    ascending = np.sort(upper)
    wanted = goal - lower
    places = np.searchsorted(ascending, wanted)
    below = np.abs(wanted - ascending[np.maximum(places - 1, 0)])
    above = np.abs(wanted - ascending[np.minimum(places, ascending.size - 1)])
    return int(min(below.min(), above.min()))


def _least_of_size(samples: IntArray, goal: int, size: int) -> int:
    """Return the least distance over the subsets of one size: c of the first half at a time."""
    halves = samples[: samples.size // 2], samples[samples.size // 2 :]
    (lower, lower_sizes), (upper, upper_sizes) = (
        (_all_sums(half), _all_sums(np.ones(half.size, dtype=np.int64))) for half in halves
    )
    counts = range(max(0, size - halves[1].size), min(size, halves[0].size) + 1)
    return min(
        _least_of_pairs(lower[lower_sizes == c], upper[upper_sizes == size - c], goal)
        for c in counts
    )
