"""Exact searches on Python integers, for the rows whose exponents span too much for int64.

They give the answers of the compiled searches, some hundred times more slowly: `BigHalves` those of
`MeetInTheMiddle`, `big_best_of_sizes` those of `FixedSize`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from strongltn.numerics.exact import BoolArray, FloatArray, dyadic_numerators
from strongltn.subset_sum.integer_units import quarter_target

# An integer over the whole exponent range of float64 has 2,100 bits, 310 bytes as an object; a dict
# entry and a list slot come on top.
BYTES_PER_SUM = 512


@dataclass(frozen=True)
class BigHalf:
    """The sums of one half in quarter units: ascending, and the first subset that gives each."""

    size: int
    ascending: tuple[int, ...]
    first_index: dict[int, int]

    @classmethod
    def of(cls, numerators: list[int]) -> BigHalf:
        """List the sums of all subsets: bit k of an index keeps number k."""
        sums = [0]
        for numerator in numerators:
            sums += [4 * numerator + earlier for earlier in sums]
        first_index = {sums[index]: index for index in reversed(range(len(sums)))}
        return cls(len(numerators), tuple(sorted(first_index)), first_index)

    def mask_of(self, total: int) -> list[bool]:
        """Return the first subset with this sum."""
        index = self.first_index[total]
        return [bool(index >> k & 1) for k in range(self.size)]


@dataclass(frozen=True)
class BigHalves:
    """The samples x[:n // 2] and x[n // 2:], prepared for any number of targets."""

    lower: BigHalf
    upper: BigHalf
    exponent: int

    @classmethod
    def of(cls, samples: FloatArray) -> BigHalves:
        """Prepare one row of samples."""
        numerators, exponent = dyadic_numerators(samples.tolist())
        half = len(numerators) // 2
        return cls(BigHalf.of(numerators[:half]), BigHalf.of(numerators[half:]), exponent)

    def nearest(self, target: float) -> BoolArray:
        """Return the best subset under the tie rule of `MeetInTheMiddle`, shape (n,)."""
        goal = quarter_target(Fraction(target) / Fraction(2) ** self.exponent)
        low, high = self.lower.ascending, self.upper.ascending
        i, j = 0, len(high) - 1
        best = (abs(low[0] + high[0] - goal), low[0], high[0])
        while i < len(low) and j >= 0:
            distance = low[i] + high[j] - goal
            best = min(best, (abs(distance), low[i], high[j]))
            if distance < 0:
                i += 1
            else:
                j -= 1
        return np.array(self.lower.mask_of(best[1]) + self.upper.mask_of(best[2]))


@dataclass(frozen=True)
class BigClasses:
    """The sums of one half by the size of the subset: ascending, and the first subset of each."""

    num_samples: int
    ascending: tuple[tuple[int, ...], ...]
    first_index: tuple[dict[int, int], ...]

    @classmethod
    def of(cls, numerators: list[int]) -> BigClasses:
        """List the sums of all subsets: bit k of an index keeps number k."""
        sums = [0]
        for numerator in numerators:
            sums += [numerator + earlier for earlier in sums]
        first_index: list[dict[int, int]] = [{} for _ in range(len(numerators) + 1)]
        for index, total in enumerate(sums):
            first_index[index.bit_count()].setdefault(total, index)
        ascending = tuple(tuple(sorted(sums_of_size)) for sums_of_size in first_index)
        return cls(len(numerators), ascending, tuple(first_index))

    def mask_of(self, index: int) -> list[bool]:
        """Return the subset with this index."""
        return [bool(index >> k & 1) for k in range(self.num_samples)]


def big_best_of_sizes(samples: FloatArray, target: float, sizes: list[int]) -> BoolArray:
    """Return the best subset of each size, shape (s, n), by the tie rule of `FixedSize`."""
    numerators, _ = dyadic_numerators([*samples.tolist(), target])
    goal = numerators.pop()
    half = len(numerators) // 2
    lower, upper = BigClasses.of(numerators[:half]), BigClasses.of(numerators[half:])
    masks = []
    for size in sizes:
        splits = range(max(0, size - upper.num_samples), min(size, half) + 1)
        ranks = [_nearest_pair(lower.ascending[c], upper.ascending[size - c], goal) for c in splits]
        _, total, lower_sum = min(ranks)
        first_lower, first_upper = min(
            (lower.first_index[c][lower_sum], upper.first_index[size - c][total - lower_sum])
            for c in splits
            if lower_sum in lower.first_index[c]
            and total - lower_sum in upper.first_index[size - c]
        )
        masks.append(lower.mask_of(first_lower) + upper.mask_of(first_upper))
    return np.array(masks, dtype=np.bool_).reshape(len(sizes), samples.size)


def _nearest_pair(low: tuple[int, ...], high: tuple[int, ...], goal: int) -> tuple[int, int, int]:
    """Return the least (distance, sum, sum in A) over the pairs of two ascending lists."""
    i, j = 0, len(high) - 1
    best = (abs(low[0] + high[0] - goal), low[0] + high[0], low[0])
    while i < len(low) and j >= 0:
        total = low[i] + high[j]
        best = min(best, (abs(total - goal), total, low[i]))
        if total < goal:
            i += 1
        else:
            j -= 1
    return best
