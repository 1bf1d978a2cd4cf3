"""Many targets, one set of samples: a sorted table of sums that every target looks up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strongltn.numerics.exact import BoolArray, IntArray
from strongltn.subset_sum.solvers._row_tasks import run_tasks

# Measured, in nanoseconds: a sum that is built into the table, one lookup, and one step of the
# walk through two sorted halves that the table stands in for.
_BUILD, _LOOKUP, _STEP = 10, 20, 5
_MAX_TABLED = 31  # the bits of a subset in the table
_TARGETS_PER_TASK = 2**11


def num_tabled(num_samples: int, num_targets: int, *, max_bytes: int) -> int:
    """Return how many samples a table should cover, 0 if none pays within `max_bytes`.

    Notes
    -----
    Rigor: estimate (of time); the memory is a bound.  Cost: O(n).  Randomness: none.
    """
    half = num_samples // 2
    best, cheapest = 0, num_targets * _STEP << half
    for k in range(1, min(num_samples, _MAX_TABLED) + 1):
        cost = (_BUILD << k) + (num_targets * _LOOKUP << (num_samples - k))
        num_bytes = (32 << k) + (8 << (num_samples - k)) + (8 << half)
        if cost < cheapest and num_bytes <= max_bytes:
            best, cheapest = k, cost
    return best


@dataclass(frozen=True, eq=False)
class SumTable:
    """The distinct sums of the last k samples in order, and the shifts by all others.

    Everything is in quarter units of the samples' grid: see the module _quarter_grid.

    Attributes
    ----------
    sums : int64 array, shape (u,)
        Ascending, without repetition; u <= 2**k.
    kept : uint32 array, shape (u,)
        For each sum the subset that the tie rule of `MeetInTheMiddle` takes.
    starts : int32 array, shape (c + 1,)
        How many sums lie below each of c cells of equal width.
    cell_bits : int
        The width of a cell is 2**cell_bits.
    shifts : int64 array, shape (2**(n - k),)
        The sums of the other samples, by subset.
    lower : int64 array, shape (2**(n // 2),)
        The sums of the first half of the samples, by subset: they decide ties.
    num_samples : int
        n.
    """

    sums: IntArray
    kept: NDArray[np.uint32]
    starts: NDArray[np.int32]
    cell_bits: int
    shifts: IntArray
    lower: IntArray
    num_samples: int

    @classmethod
    def of(cls, numerators: IntArray, *, num_tabled: int) -> SumTable:
        """Build the table of the last `num_tabled` samples, given in grid units, shape (n,)."""
        from strongltn.subset_sum.kernels.table import all_sums, cell_starts, sorted_table

        samples = 4 * numerators
        lower = all_sums(samples[: samples.size // 2])
        sums, kept = sorted_table(samples, num_tabled, lower)
        mean_gap = int(sums[-1] - sums[0]) // sums.size
        cell_bits = max(mean_gap.bit_length() - 1, 0)
        return cls(
            sums=sums,
            kept=kept,
            starts=cell_starts(sums, cell_bits),
            cell_bits=cell_bits,
            shifts=all_sums(samples[: samples.size - num_tabled]),
            lower=lower,
            num_samples=samples.size,
        )

    def nearest(self, quarter_goals: IntArray) -> BoolArray:
        """Return the best subset for each goal in quarter units, shape (m, n), on all cores."""
        from strongltn.subset_sum.kernels.table import search_targets

        mask = np.empty((quarter_goals.size, self.num_samples), dtype=np.bool_)
        table = (self.sums, self.kept, self.starts, self.cell_bits)

        def search_task(rows: slice) -> None:
            search_targets(table, self.shifts, self.lower, quarter_goals[rows], mask[rows])

        run_tasks(search_task, quarter_goals.size, rows_per_task=_TARGETS_PER_TASK)
        return mask
