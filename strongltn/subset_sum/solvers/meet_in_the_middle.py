"""The exact optimum in 2**(n / 2) time and memory (Horowitz and Sahni 1974)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from strongltn.numerics.exact import BoolArray, FloatArray, IntArray, RowGrid, read_only
from strongltn.subset_sum.big_integers import BigHalves, big_bytes
from strongltn.subset_sum.integer_units import quarter_targets
from strongltn.subset_sum.problem import check_budget
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers.abstract import (
    AbstractSolver,
    Candidate,
    CandidateBatch,
    ResultT,
    run_tasks,
)
from strongltn.values.arguments import integer

_FEW_ROWS = 8  # fewer do not fill the lanes of a vector
_MIN_SUMS_PER_TASK = 2**17  # a fraction of a millisecond: less goes into handing tasks out
_MAX_TASKS = 64  # while they are not too long: every task makes its work area anew
_MAX_ROWS_PER_TASK = 4096
_ROWS_TOGETHER = 16  # fill the lanes
# Up to here most rows that 32 bits do not hold exactly are proved in 32 bits all the same.
_MAX_ROUNDED = 24


@dataclass(frozen=True, eq=False)
class SortedHalves:
    """The samples of one row on their grid, and the sorted sums of their halves."""

    grid: RowGrid
    lower: IntArray
    upper: IntArray


@dataclass(frozen=True)
class MeetInTheMiddle(AbstractSolver[SortedHalves | BigHalves]):
    """Return the best of all 2**n subsets, exactly, for any finite doubles.

    Both halves of the samples get their sorted list of subset sums, and one walk through the two
    lists meets the best pair. The work is in integers: samples on their common power-of-two grid,
    the target in quarter units of it, so no comparison is ever rounded. A row that does not fit
    int64 (its exponents span more than about 58 bits) is searched in Python integers instead: the
    same answer, some hundred times slower.

    The tie rule, the same in every complete solver here: the least error; then the smaller sum;
    then the smallest partial sum in the first half ``A = samples[: n // 2]``; then the smallest
    index in each half, where bit k of the index of a subset of a half keeps that half's sample k.

    Attributes
    ----------
    max_bytes : int >= 1
        Memory for the lists of sums, all threads together. 48 bytes times 2**(n // 2) are needed
        for one row: n <= 49 with the default of 1 GiB. Python integers need
        512 * (2**(n // 2) + 2**(n - n // 2)) bytes: n <= 40.

    Raises
    ------
    InvalidInputError
        `max_bytes` is not an integer >= 1.
    BudgetExceeded
        From `check`, `prepare` and `search_batch`, before any search: the lists do not fit.

    Notes
    -----
    Rigor: exact.  Cost: O(2**(n / 2)) time and memory per row; a batch uses all cores (the
    variable NUMBA_NUM_THREADS limits them).  Randomness: none.

    Source
    ------
    `horowitz1974`, both the two lists and their sorting by repeated merging.

    Examples
    --------
    >>> MeetInTheMiddle(max_bytes=2**20)
    MeetInTheMiddle(max_bytes=1048576)
    """

    max_bytes: int = 2**30

    is_complete: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "max_bytes", integer("max_bytes", self.max_bytes, low=1))

    def check(self, num_samples: int, tolerance: float | None) -> None:
        """Raise BudgetExceeded if the lists of one row do not fit `max_bytes`."""
        self._check_bytes(num_samples, _row_bytes(num_samples))

    def prepare(self, samples: FloatArray) -> SortedHalves | BigHalves:
        """Return the sorted sums of both halves."""
        self.check(samples.size, None)
        grid = RowGrid.of(samples[None, :])
        if not grid.fits[0]:
            self._check_bytes(samples.size, big_bytes(samples.size))
            return BigHalves.of(samples)
        from strongltn.subset_sum.kernels.scalar import sorted_halves

        lists = np.empty((4, 1 << (samples.size // 2)), dtype=np.int64)
        return SortedHalves(grid, *sorted_halves(4 * grid.numerators[0], lists))

    def search(
        self, state: SortedHalves | BigHalves, target: float, tolerance: float | None
    ) -> Candidate:
        """Return the best subset; the tolerance plays no part."""
        if isinstance(state, BigHalves):
            return Candidate(state.nearest(target), Stop.SPACE_COVERED)
        from strongltn.subset_sum.kernels.scalar import search_sorted

        samples = 4 * state.grid.numerators[0]
        goal = quarter_targets(state.grid, np.array([target]))[0]
        mask = np.empty(samples.size, dtype=np.bool_)
        sums = np.empty(2 * state.lower.size, dtype=np.int64)
        search_sorted(samples, goal, state.lower, state.upper, sums, mask)
        return Candidate(mask, Stop.SPACE_COVERED)

    def search_batch(
        self, samples: FloatArray, targets: FloatArray, tolerance: float | None
    ) -> CandidateBatch:
        """Return the best subset of each row, the rows spread over all cores."""
        num_rows, num_samples = samples.shape
        self.check(num_samples, tolerance)
        if big_bytes(num_samples) > self.max_bytes and not RowGrid.of(samples).fits.all():
            self._check_bytes(num_samples, big_bytes(num_samples))
        mask = np.empty(samples.shape, dtype=np.bool_)
        batch = _Batch(read_only(samples), read_only(targets), mask, self.max_bytes)
        left = np.arange(num_rows)
        if num_rows >= _FEW_ROWS:
            left = batch.search_lanes(batch.search_lanes(left, bits=32), bits=64)
        for row in batch.search_scalar(left):
            # one at a time, for the sake of the memory: threads gain nothing here
            mask[row] = BigHalves.of(samples[row]).nearest(float(targets[row]))
        return CandidateBatch(mask, np.full(num_rows, Stop.SPACE_COVERED, dtype=object))

    def search_targets(
        self, state: SortedHalves | BigHalves, targets: FloatArray, tolerance: float | None
    ) -> CandidateBatch:
        """Return the best subset for each target: by a table of sums where building one pays."""
        if isinstance(state, BigHalves):
            return super().search_targets(state, targets, tolerance)
        numerators = state.grid.numerators[0]
        size = num_tabled(numerators.size, targets.size, max_bytes=self.max_bytes)
        if size == 0:
            return super().search_targets(state, targets, tolerance)
        goals = quarter_targets(state.grid.repeated(targets.size), targets)
        mask = SumTable.of(numerators, num_tabled=size).nearest(goals)
        return CandidateBatch(mask, np.full(targets.size, Stop.SPACE_COVERED, dtype=object))

    def _check_bytes(self, num_samples: int, num_bytes: int) -> None:
        check_budget("MeetInTheMiddle", num_bytes, self.max_bytes, num_samples=num_samples)


@dataclass(frozen=True, eq=False)
class _Batch:
    """Rows to search: each method searches some of them and returns those that it leaves."""

    samples: FloatArray
    targets: FloatArray
    mask: BoolArray
    max_bytes: int

    def search_lanes(self, rows: IntArray, *, bits: int) -> IntArray:
        """Search rows side by side, in keys of 32 or 64 bits; leave what these cannot prove."""
        from strongltn.subset_sum.kernels import keys
        from strongltn.subset_sum.kernels.rows import VECTOR_BYTES

        num_samples = self.samples.shape[1]
        if VECTOR_BYTES == 0 or keys.work_bytes(num_samples) > self.max_bytes:
            return rows
        word = (
            np.empty(0, dtype=np.int32 if bits == 32 else np.int64),
            2.0**31 if bits == 32 else 2.0**60,
            bits == 32 and num_samples > _MAX_ROUNDED,
        )
        is_proved = np.zeros(len(self.samples), dtype=np.bool_)

        def search_task(part: slice) -> None:
            keys.search_rows(self.samples, self.targets, rows[part], word, self.mask, is_proved)

        self._run_tasks(search_task, rows.size, keys.work_bytes(num_samples))
        return rows[~is_proved[rows]]

    def search_scalar(self, rows: IntArray) -> IntArray:
        """Search one row after the other in int64; leave those that do not fit."""
        from strongltn.subset_sum.kernels.scalar import search_rows

        def search_task(part: slice) -> IntArray:
            some = rows[part]
            grid = RowGrid.of(self.samples[some])
            fits = grid.fits
            if fits.any():
                mask = np.empty((some.size, self.samples.shape[1]), dtype=np.bool_)
                search_rows(4 * grid.numerators, quarter_targets(grid, self.targets[some]), mask)
                self.mask[some[fits]] = mask[fits]
            return some[~fits]

        lefts = self._run_tasks(search_task, rows.size, _row_bytes(self.samples.shape[1]))
        return np.concatenate([rows[:0], *lefts])

    def _run_tasks(
        self, task: Callable[[slice], ResultT], num_rows: int, num_bytes: int
    ) -> list[ResultT]:
        """Cut the rows into tasks; each thread works in `num_bytes`."""
        worthwhile = max(_FEW_ROWS, _MIN_SUMS_PER_TASK >> (self.samples.shape[1] // 2))
        size = min(max(worthwhile, num_rows // _MAX_TASKS), _MAX_ROWS_PER_TASK)
        return run_tasks(
            task,
            num_rows,
            rows_per_task=-(-size // _ROWS_TOGETHER) * _ROWS_TOGETHER,
            max_threads=max(1, self.max_bytes // num_bytes),
        )


def _row_bytes(num_samples: int) -> int:
    """Four lists while merging and one of twice their length for the mask, 8 bytes a sum."""
    return 48 << (num_samples // 2)


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

    Everything is in quarter units of the samples' grid: see the module integer_units.

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
