"""Integers that stand for samples, targets and subsets, in which comparisons are exact.

Two grids serve the searches. Quarter units find the nearest sum and never tie; tolerance units are
coarse, fit 32 bits and decide "within tolerance" for most subsets.

**Quarter units.** A subset sum S lies on the grid of its samples, the target t usually does not.
Write, in grid units, t = floor + frac with 0 <= frac < 1, and encode t as the integer
T = 4 floor + q with

    q = -1 if frac = 0,    q = 1 if 0 < frac <= 1/2,    q = 3 if frac > 1/2.

Then abs(4 S - T) orders the subset sums as (abs(S - t), S) does: a sum k units below the floor is
at distance abs(4 k + q), one k units above the next grid point at 4 k + 4 - q. The cases put the
two kinds in the order of their true distances, and of equal true distances the smaller sum first.
As T is odd, different sums never have the same distance.

**Tolerance units.** Let u be a power of two and q(v) the integer nearest to v / u. For a subset of
k samples with D = abs(sum(q(x)) - q(t)), the true error divided by u lies within (k + 1) / 2 of D,
because each of the k + 1 numbers moved by at most 1/2. So D decides "within tolerance" for all
subsets but those whose error is a few units beside it, whatever the samples are.

**The index of a subset.** Bit k of it keeps sample k.

**Python integers.** A row whose exponents span too much for int64 is searched in them, by
`BigHalves`: the answers are those of the compiled searches, some hundred times more slowly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from strongltn.numerics.exact import BoolArray, FloatArray, IntArray, RowGrid, dyadic_numerators

_LEAST_DOUBLE = 5e-324


def quarter_targets(grid: RowGrid, targets: FloatArray) -> IntArray:
    """Return T for the target of each row of samples that `grid` holds.

    Parameters
    ----------
    grid : RowGrid
        The samples, shape (m, n).
    targets : float64 array, shape (m,)
        Finite. One beyond the reach of all sums is moved to the end of the reach, which orders the
        sums alike. One so small that it underflows keeps its sign and counts as nearly 0.

    Returns
    -------
    int64 array, shape (m,)
        Odd, of magnitude below 2**62.
    """
    reach = np.abs(grid.numerators).sum(axis=1)
    with np.errstate(over="ignore", under="ignore"):
        magnitude = np.ldexp(np.abs(targets), -grid.exponents)
    # what underflows is still on its own side of 0: of two sums -s and s, one is the nearer
    magnitude = np.where(targets == 0.0, 0.0, np.maximum(magnitude, _LEAST_DOUBLE))
    is_beyond = magnitude > reach
    whole = np.floor(np.where(is_beyond, 0.0, magnitude))
    fraction = np.where(is_beyond, 0.0, magnitude - whole)
    units = np.where(is_beyond, reach, whole.astype(np.int64))
    above = np.where(fraction == 0.0, -1, np.where(fraction <= 0.5, 1, 3))
    # -t = -floor - frac: its own floor is one lower when frac > 0, and its own fraction 1 - frac.
    below = np.where(fraction < 0.5, -1, -3)
    return np.where(targets < 0.0, 4 * -units + below, 4 * units + above)


def quarter_target(target: Fraction) -> int:
    """Return T for one target in grid units of any size, in Python integers."""
    whole = math.floor(target)
    fraction = target - whole
    if fraction == 0:
        return 4 * whole - 1
    return 4 * whole + (1 if 2 * fraction <= 1 else 3)


def mask_of(indices: int | IntArray, num_samples: int) -> BoolArray:
    """Return the masks of subsets, shape (..., num_samples), from their indices below 2**63."""
    return (np.asarray(indices)[..., None] >> np.arange(num_samples) & 1).astype(np.bool_)


_MAX_EXPONENT = 1000


class ToleranceUnits(NamedTuple):
    """A grid for one tolerance; every field is a float64, as compiled loops take it.

    The machine code that numba keeps on disk names this class by its module: it stays here, or what
    an earlier version has compiled on a machine could not be read.

    Attributes
    ----------
    scale : float
        1 / u, a power of two.
    tolerance : float
        In units, exact.
    largest : float
        Magnitudes up to this many units are admitted: no sum of them leaves 31 bits.
    """

    scale: float
    tolerance: float
    largest: float

    @classmethod
    def of(cls, tolerance: float, *, bits: int, num_terms: int) -> ToleranceUnits | None:
        """Return the grid on which the tolerance has `bits` bits; None for the smallest tolerances.

        `num_terms` is how many numbers are ever added up, the target included.
        """
        exponent = bits - math.frexp(tolerance)[1]
        if tolerance == 0.0 or exponent > _MAX_EXPONENT:
            return None
        scale = math.ldexp(1.0, exponent)
        return cls(scale, tolerance * scale, float(2**30 // num_terms))


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
