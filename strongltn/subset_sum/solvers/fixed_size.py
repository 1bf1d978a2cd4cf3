"""The best subset of exactly so many samples, in about 2**(n / 2) time and memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from strongltn.errors import InvalidInputError
from strongltn.numerics.exact import BoolArray, FloatArray, IntArray, RowGrid
from strongltn.subset_sum.big_integers import BigHalves, big_bytes, num_sums
from strongltn.subset_sum.integer_units import quarter_targets
from strongltn.subset_sum.problem import check_budget
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers.abstract import (
    AbstractSolver,
    Candidate,
    CandidateBatch,
    run_tasks,
)
from strongltn.values.arguments import integer


@dataclass(frozen=True, eq=False)
class SizedHalves:
    """One row on its grid; of each half the sums in sorted classes, and the sums by index."""

    grid: RowGrid
    lower: tuple[IntArray, IntArray]
    upper: tuple[IntArray, IntArray]
    lower_sums: IntArray
    upper_sums: IntArray


@dataclass(frozen=True)
class FixedSize(AbstractSolver[SizedHalves | BigHalves]):
    """Return the best of all subsets of exactly `size` samples, for any finite doubles.

    Each half of the samples gets its sums in classes by the number of samples, each class sorted:
    a class of k + 1 samples is the merge of two classes of k. Every pair of classes whose sizes add
    up is walked from both ends.

    The tie rule within the family: the least error; then the smaller sum; then the smallest partial
    sum in the first half ``A = samples[: n // 2]``; then the smallest index in A, then in the rest,
    where bit k of the index of a subset of a half keeps that half's sample k.

    It always ends with ``Stop.FAMILY_COVERED``: the subset is proved to be the best of its size.
    The verdict speaks of all subsets, so it can be SOLVED and never INFEASIBLE.

    Attributes
    ----------
    size : int >= 0
        At most n.
    max_bytes : int >= 1
        Memory for the lists of sums, all threads together. 24 bytes times the number of sums of
        both halves are needed for one row: n <= 48 with the default of 1 GiB. A row that does not
        fit int64 needs 512 bytes a sum: n <= 40.

    Raises
    ------
    InvalidInputError
        A value is outside the above. From `check`: `size` exceeds n.
    BudgetExceeded
        From `check`; from `prepare` and `search_batch` for a row that does not fit int64.

    Notes
    -----
    Rigor: exact for its own family, subsets of one size; not complete.  Cost: O(n 2**(n / 2)) time
    at most and O(2**(n / 2)) memory per row; a batch uses all cores.  Randomness: none.

    Source
    ------
    The problem of `natale2024`, fixed-size random subset sum; the lists are those of
    `horowitz1974`, kept apart by size.

    Examples
    --------
    >>> import numpy as np
    >>> solver = FixedSize(2)
    >>> solver.search(solver.prepare(np.array([0.5, 0.25, 0.125])), 0.6, None).mask.tolist()
    [True, False, True]
    """

    size: int
    max_bytes: int = 2**30

    is_complete: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", integer("size", self.size, low=0))
        object.__setattr__(self, "max_bytes", integer("max_bytes", self.max_bytes, low=1))

    def check(self, num_samples: int, tolerance: float | None) -> None:
        """Raise if there are fewer samples than `size`, or if the lists do not fit `max_bytes`."""
        if self.size > num_samples:
            raise InvalidInputError(
                "size",
                got=self.size,
                allowed=f"an int from 0 to the {num_samples} samples there are",
            )
        check_bytes(num_samples, self.max_bytes)

    def prepare(self, samples: FloatArray) -> SizedHalves | BigHalves:
        """Return the sums of both halves."""
        self.check(samples.size, None)
        grid = RowGrid.of(samples[None, :])
        if not does_fit(grid)[0]:
            _check_bytes(samples.size, big_bytes(samples.size), self.max_bytes)
            return BigHalves.of(samples, by_size=True)
        from strongltn.subset_sum.kernels.size_classes import list_sums, new_classes

        half = samples.size // 2
        numbers = 4 * grid.numerators[0]
        lower, upper = numbers[:half], numbers[half:]
        sums = np.empty(1 << lower.size, np.int64), np.empty(1 << upper.size, np.int64)
        list_sums(lower, sums[0])
        list_sums(upper, sums[1])
        return SizedHalves(
            grid,
            new_classes(lower, self._sizes_beside(upper.size, lower.size)),
            new_classes(upper, self._sizes_beside(lower.size, upper.size)),
            *sums,
        )

    def search(
        self, state: SizedHalves | BigHalves, target: float, tolerance: float | None
    ) -> Candidate:
        """Return the best subset of the size; the tolerance plays no part."""
        if isinstance(state, BigHalves):
            return Candidate(state.nearest(target, self.size), Stop.FAMILY_COVERED)
        from strongltn.subset_sum.kernels.size_classes import nearest_of_size, write_subset

        mask = np.empty(state.grid.numerators.shape[1], dtype=np.bool_)
        goal = quarter_targets(state.grid, np.array([target]))[0]
        best = nearest_of_size(*state.lower, *state.upper, goal, self.size)
        write_subset(state.lower_sums, state.upper_sums, best, self.size, mask)
        return Candidate(mask, Stop.FAMILY_COVERED)

    def search_batch(
        self, samples: FloatArray, targets: FloatArray, tolerance: float | None
    ) -> CandidateBatch:
        """Return the best subset of the size for each row, the rows spread over all cores."""
        self.check(samples.shape[1], tolerance)
        sizes = np.array([self.size])
        mask = best_of_sizes(samples, targets, sizes, max_bytes=self.max_bytes)[:, 0]
        return CandidateBatch(mask, np.full(len(samples), Stop.FAMILY_COVERED, dtype=object))

    def _sizes_beside(self, num_others: int, num_samples: int) -> tuple[int, int]:
        """Return how many samples of one half a subset can have, least and most."""
        return max(0, self.size - num_others), min(self.size, num_samples)


# The magnitudes of a row may sum to this many units: 2**60 in quarter units, as the compiled
# search asks for, which is half of what the grid itself admits.
_REACH_LIMIT = 2**58
_MAX_ROWS_PER_TASK = 1024
_MIN_SUMS_PER_TASK = 2**17  # about a millisecond: less would be spent on handing tasks out
_BYTES_PER_COMPILED_SUM = 24  # two sorted lists while merging, one of sums by index


def best_of_sizes(
    samples: FloatArray, targets: FloatArray, sizes: IntArray, *, max_bytes: int
) -> BoolArray:
    """Return the best subset of each row and each of s >= 1 ascending sizes, shape (m, s, n)."""
    num_rows, num_samples = samples.shape
    mask = np.empty((num_rows, sizes.size, num_samples), dtype=np.bool_)

    def search_task(rows: slice) -> IntArray:
        return _search_rows(samples[rows], targets[rows], sizes, mask[rows]) + np.int64(rows.start)

    per_task = min(max(1, _MIN_SUMS_PER_TASK >> (num_samples // 2 + 1)), _MAX_ROWS_PER_TASK)
    max_threads = max(1, max_bytes // _row_bytes(num_samples))
    for left in run_tasks(search_task, num_rows, rows_per_task=per_task, max_threads=max_threads):
        for row in left:  # one at a time, for the sake of the memory: threads gain nothing here
            _check_bytes(num_samples, big_bytes(num_samples), max_bytes)
            halves = BigHalves.of(samples[row], by_size=True)
            mask[row] = [halves.nearest(float(targets[row]), size) for size in sizes.tolist()]
    return mask


def does_fit(grid: RowGrid) -> BoolArray:
    """Return which rows the compiled search takes."""
    fits: BoolArray = grid.fits & (np.abs(grid.numerators).sum(axis=1) <= _REACH_LIMIT)
    return fits


def check_bytes(num_samples: int, max_bytes: int) -> None:
    """Raise BudgetExceeded if the lists of one row do not fit."""
    _check_bytes(num_samples, _row_bytes(num_samples), max_bytes)


def _check_bytes(num_samples: int, num_bytes: int, max_bytes: int) -> None:
    check_budget("The search by size", num_bytes, max_bytes, num_samples=num_samples)


def _row_bytes(num_samples: int) -> int:
    return _BYTES_PER_COMPILED_SUM * num_sums(num_samples)


def _search_rows(
    samples: FloatArray, targets: FloatArray, sizes: IntArray, mask: BoolArray
) -> IntArray:
    """Write the best subsets of each row into `mask`; return the rows that do not fit int64."""
    from strongltn.subset_sum.kernels.size_classes import search_rows

    grid = RowGrid.of(samples)
    fits = does_fit(grid)
    goals = quarter_targets(grid, targets)
    if fits.all():
        search_rows(4 * grid.numerators, goals, sizes, mask)
    elif fits.any():
        found = np.empty((np.count_nonzero(fits), *mask.shape[1:]), dtype=np.bool_)
        search_rows(4 * grid.numerators[fits], goals[fits], sizes, found)
        mask[fits] = found
    return np.flatnonzero(~fits)
