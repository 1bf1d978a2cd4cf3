"""Any subset within tolerance: a short compiled search, and the optimum where it finds none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from strongltn.errors import InvalidInputError
from strongltn.numerics.exact import BoolArray, FloatArray, are_within, read_only, subset_errors
from strongltn.subset_sum.integer_units import ToleranceUnits
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers.abstract import AbstractRowSolver, CandidateBatch, run_tasks
from strongltn.subset_sum.solvers.meet_in_the_middle import MeetInTheMiddle

_ROWS_PER_TASK = 4096
_TOLERANCE_BITS = 12  # rounding costs (n + 1) / 2 of at least 2048 units of tolerance


@dataclass(frozen=True)
class WithinTolerance(AbstractRowSolver):
    """Return the first subset within tolerance that a short search meets, or the optimum.

    The search looks at 256 subsets at a time, of the last eight samples, after a greedy choice of
    the others: at n = 21, at most 32 times. It works on integers of 32 bits, rounded so that what
    it accepts is proved to be within tolerance. Rows on which it finds nothing, or whose numbers
    are large beside the tolerance, go to `exact`, whose optimum decides: a miss proves that no
    subset is within tolerance, and the result shows how far the nearest one is.

    Which subset is returned depends on the samples, the target and the tolerance only.

    Attributes
    ----------
    exact : MeetInTheMiddle
        The solver that decides what the short search leaves open.

    Raises
    ------
    InvalidInputError
        From `check`: there is no tolerance.
    BudgetExceeded
        From `check`: the rows are beyond `exact`.

    Notes
    -----
    Rigor: exact; complete.  Cost: O(n) for a row whose tolerance is a small multiple of the
    spread of the sums divided by 2**12 or more; otherwise that of `exact` and at most about half of
    it on top.  Randomness: none.

    Source
    ------
    Elementary; the question is the feasibility problem of `pensia2020`, experiment 1.

    Examples
    --------
    >>> import numpy as np
    >>> solver = WithinTolerance()
    >>> solver.search(np.array([0.5, 0.25, 0.125]), 0.7, 0.1).mask.tolist()
    [True, True, False]
    >>> solver.search(np.array([0.5, 0.25, 0.125]), 0.3, 0.01).stop
    <Stop.SPACE_COVERED: 'space covered'>
    """

    exact: MeetInTheMiddle = field(default_factory=MeetInTheMiddle)

    is_complete: ClassVar[bool] = True

    def check(self, num_samples: int, tolerance: float | None) -> None:
        """Raise InvalidInputError without a tolerance, BudgetExceeded if `exact` does."""
        required_tolerance(self, tolerance)
        self.exact.check(num_samples, tolerance)

    def search_batch(
        self, samples: FloatArray, targets: FloatArray, tolerance: float | None
    ) -> CandidateBatch:
        """Return one subset per row, the rows spread over all cores."""
        limit = required_tolerance(self, tolerance)
        num_rows, num_samples = samples.shape
        mask = np.empty(samples.shape, dtype=np.bool_)
        stop = np.full(num_rows, Stop.TOLERANCE_MET, dtype=object)
        is_found = np.zeros(num_rows, dtype=np.bool_)
        units = ToleranceUnits.of(limit, bits=_TOLERANCE_BITS, num_terms=num_samples + 1)
        if units is not None:
            from strongltn.subset_sum.kernels.within import search_within

            def search_task(rows: slice) -> None:
                block = read_only(np.ascontiguousarray(samples[rows]))
                search_within(block, read_only(targets[rows]), units, mask[rows], is_found[rows])

            run_tasks(search_task, num_rows, rows_per_task=_ROWS_PER_TASK)
        left = np.flatnonzero(~is_found)
        if left.size > 0:
            optimum, is_within = optimum_within(self.exact, samples[left], targets[left], limit)
            mask[left] = optimum
            stop[left[~is_within]] = Stop.SPACE_COVERED
        return CandidateBatch(mask, stop)


def required_tolerance(solver: object, tolerance: float | None) -> float:
    """Return the tolerance of a solver that cannot do without."""
    if tolerance is None:
        raise InvalidInputError(
            "tolerance",
            got=None,
            allowed=f"given when the solver is {type(solver).__name__}",
            hint="For the least error without a tolerance use MeetInTheMiddle.",
        )
    return tolerance


def optimum_within(
    exact: MeetInTheMiddle, samples: FloatArray, targets: FloatArray, tolerance: float
) -> tuple[BoolArray, BoolArray]:
    """Return the best subset of each row, and whether it is within tolerance, exactly."""
    mask = exact.search_batch(samples, targets, tolerance).mask
    return mask, are_within(subset_errors(samples, mask, targets), tolerance)
