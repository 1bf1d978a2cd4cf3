"""Exact searches on Python integers, for the rows whose exponents span too much for int64.

They give the answers of the compiled searches, some hundred times more slowly: those of
`MeetInTheMiddle` for all subsets, and those of `FixedSize` for the subsets of one size.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from strongltn.numerics.exact import BoolArray, FloatArray, dyadic_numerators
from strongltn.subset_sum.integer_units import mask_of, quarter_target

# An integer over the whole exponent range of float64 has 2,100 bits, 310 bytes as an object; a dict
# entry and a list slot come on top.
BYTES_PER_SUM = 512


@dataclass(frozen=True)
class BigHalf:
    """The sums of one half in quarter units, in one class or in one for each size of a subset.

    Attributes
    ----------
    ascending : tuple of tuples of int
        The sums of each class in order.
    first_index : tuple of dicts
        The first subset of each class that gives a sum: bit k of an index keeps number k.
    """

    ascending: tuple[tuple[int, ...], ...]
    first_index: tuple[dict[int, int], ...]

    @classmethod
    def of(cls, numerators: list[int], *, by_size: bool) -> BigHalf:
        """List the sums of all subsets of integers that are given in grid units."""
        sums = [0]
        for numerator in numerators:
            sums += [4 * numerator + earlier for earlier in sums]
        first_index: list[dict[int, int]] = [{} for _ in range(by_size * len(numerators) + 1)]
        for index, total in enumerate(sums):
            first_index[by_size * index.bit_count()].setdefault(total, index)
        return cls(tuple(map(tuple, map(sorted, first_index))), tuple(first_index))


@dataclass(frozen=True)
class BigHalves:
    """The samples x[:n // 2] and x[n // 2:], prepared for any number of targets."""

    lower: BigHalf
    upper: BigHalf
    num_samples: int
    exponent: int

    @classmethod
    def of(cls, samples: FloatArray, *, by_size: bool = False) -> BigHalves:
        """Prepare one row of samples; `by_size` for the best subset of a size."""
        numerators, exponent = dyadic_numerators(samples.tolist())
        half = samples.size // 2
        lower = BigHalf.of(numerators[:half], by_size=by_size)
        upper = BigHalf.of(numerators[half:], by_size=by_size)
        return cls(lower, upper, samples.size, exponent)

    def nearest(self, target: float, size: int | None = None) -> BoolArray:
        """Return the best subset, shape (n,), by the tie rule of `MeetInTheMiddle`.

        With a `size`, and halves prepared `by_size`, it is the best subset of so many samples.
        """
        goal = quarter_target(Fraction(target) / Fraction(2) ** self.exponent)
        half = self.num_samples // 2
        splits = [(0, 0)]
        if size is not None:
            least = max(0, size - (self.num_samples - half))
            splits = [(c, size - c) for c in range(least, min(size, half) + 1)]
        low, high = self.lower, self.upper
        _, total, low_sum = min(
            _nearest_pair(low.ascending[c], high.ascending[d], goal) for c, d in splits
        )
        first_low, first_high = min(
            (low.first_index[c][low_sum], high.first_index[d][total - low_sum])
            for c, d in splits
            if low_sum in low.first_index[c] and total - low_sum in high.first_index[d]
        )
        return mask_of(first_low | first_high << half, self.num_samples)


def num_sums(num_samples: int) -> int:
    """Return how many sums the two halves have together."""
    half = num_samples // 2
    return (1 << half) + (1 << (num_samples - half))


def big_bytes(num_samples: int) -> int:
    """Return the memory of `BigHalves`."""
    return BYTES_PER_SUM * num_sums(num_samples)


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
