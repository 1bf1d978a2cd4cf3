"""The fewest samples within tolerance: sizes in increasing order, the small ones at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from strongltn.numerics.exact import (
    BoolArray,
    FloatArray,
    IntArray,
    are_within,
    read_only,
    subset_errors,
)
from strongltn.subset_sum.integer_units import ToleranceUnits
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers.abstract import AbstractRowSolver, CandidateBatch, run_tasks
from strongltn.subset_sum.solvers.fixed_size import FixedSize
from strongltn.subset_sum.solvers.meet_in_the_middle import MeetInTheMiddle
from strongltn.subset_sum.solvers.within_tolerance import optimum_within, required_tolerance

_ROWS_PER_TASK = 4096
_TOLERANCE_BITS = 14
_MAX_TERMS = 4  # three samples and the target


@dataclass(frozen=True)
class Sparsest(AbstractRowSolver):
    """Return the best of the smallest subsets within tolerance, exactly.

    A row that ends with ``Stop.TOLERANCE_MET`` carries a guarantee: no subset of fewer samples is
    within tolerance, and of those of the same size none has a smaller error. Ties are broken as in
    `FixedSize`, the rule of `MeetInTheMiddle` within one size. Where no subset is within
    tolerance the optimum of `exact` is returned, with ``Stop.SPACE_COVERED``.

    All subsets of up to three samples are listed in integers of 32 bits, which decide nearly
    every row at usual tolerances. What they leave open, by a distance too close to the tolerance or
    to another one or because more samples are needed, goes to `exact` and then through the sizes
    one by one.

    Attributes
    ----------
    exact : MeetInTheMiddle
        The solver that decides whether any subset is within tolerance; its `max_bytes` also holds
        for the search of each size.

    Raises
    ------
    InvalidInputError
        From `check`: there is no tolerance.
    BudgetExceeded
        From `check`: the rows are beyond `exact`, or beyond `FixedSize` of the same budget.

    Notes
    -----
    Rigor: exact; complete.  Cost: O(n**3) small steps where three samples are enough; otherwise
    that of `exact` and of `FixedSize` for each size up to the answer.  Randomness: none.

    Source
    ------
    Elementary; the density of a ticket is what `pensia2020` reports beside its accuracy.

    Examples
    --------
    >>> import numpy as np
    >>> solver = Sparsest()
    >>> solver.search(np.array([0.5, 0.25, 0.125, 0.375]), 0.62, 0.01).mask.tolist()
    [False, True, False, True]
    """

    exact: MeetInTheMiddle = field(default_factory=MeetInTheMiddle)

    is_complete: ClassVar[bool] = True

    def check(self, num_samples: int, tolerance: float | None) -> None:
        """Raise InvalidInputError without a tolerance, BudgetExceeded if the rows are too long."""
        required_tolerance(self, tolerance)
        self.exact.check(num_samples, tolerance)
        self._of_size(0).check(num_samples, tolerance)

    def search_batch(
        self, samples: FloatArray, targets: FloatArray, tolerance: float | None
    ) -> CandidateBatch:
        """Return one subset per row, the rows spread over all cores."""
        limit = required_tolerance(self, tolerance)
        mask = np.empty(samples.shape, dtype=np.bool_)
        stop = np.full(len(samples), Stop.TOLERANCE_MET, dtype=object)
        next_size = _search_small(samples, targets, limit, mask)
        left = np.flatnonzero(next_size >= 0)
        if left.size > 0:
            optimum, is_within = optimum_within(self.exact, samples[left], targets[left], limit)
            mask[left] = optimum
            stop[left[~is_within]] = Stop.SPACE_COVERED
            self._search_sizes(samples, targets, limit, mask, next_size, left[is_within])
        return CandidateBatch(mask, stop)

    def _search_sizes(
        self,
        samples: FloatArray,
        targets: FloatArray,
        tolerance: float,
        mask: BoolArray,
        next_size: IntArray,
        left: IntArray,
    ) -> None:
        """Write the sparsest subsets of rows that have one within tolerance."""
        size = 0
        while left.size > 0:
            rows = left[next_size[left] <= size]
            if rows.size > 0:
                some, goals = samples[rows], targets[rows]
                found = self._of_size(size).search_batch(some, goals, None).mask
                is_within = are_within(subset_errors(some, found, goals), tolerance)
                mask[rows[is_within]] = found[is_within]
                left = np.setdiff1d(left, rows[is_within], assume_unique=True)
            size += 1

    def _of_size(self, size: int) -> FixedSize:
        return FixedSize(size, max_bytes=self.exact.max_bytes)


def _search_small(
    samples: FloatArray, targets: FloatArray, tolerance: float, mask: BoolArray
) -> IntArray:
    """Write the rows that up to three samples decide; return the size left open, -1 for none."""
    next_size = np.zeros(len(samples), dtype=np.int64)
    units = ToleranceUnits.of(tolerance, bits=_TOLERANCE_BITS, num_terms=_MAX_TERMS)
    if units is not None:
        from strongltn.subset_sum.kernels.within import search_sparsest

        def search_task(rows: slice) -> None:
            block = read_only(np.ascontiguousarray(samples[rows]))
            search_sparsest(block, read_only(targets[rows]), units, mask[rows], next_size[rows])

        run_tasks(search_task, len(samples), rows_per_task=_ROWS_PER_TASK)
    return next_size
