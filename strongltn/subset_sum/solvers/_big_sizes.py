"""The best subset of one size on Python integers, for rows that do not fit int64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from strongltn.numerics.exact import BoolArray, FloatArray, dyadic_numerators

# An integer over the whole exponent range of float64 has 2,100 bits, 310 bytes as an object; a dict
# entry and a list slot come on top.
BYTES_PER_SUM = 512


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
