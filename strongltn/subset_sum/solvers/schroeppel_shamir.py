"""The exact optimum in 2**(n / 2) time but 2**(n / 4) memory (Schroeppel and Shamir 1981)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from strongltn.errors import BudgetExceeded
from strongltn.numerics.exact import FloatArray, RowGrid
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers._big_integers import BYTES_PER_SUM, BigHalves
from strongltn.subset_sum.solvers._quarter_grid import quarter_targets
from strongltn.subset_sum.solvers._row_tasks import run_tasks
from strongltn.subset_sum.solvers._slice_sweep import SumPairs, least_distance
from strongltn.subset_sum.solvers.abstract import AbstractSolver, Candidate
from strongltn.values.arguments import integer


@dataclass(frozen=True, eq=False)
class QuarterLists:
    """The samples of one row on their grid, and the sums of each half as pairs of quarters."""

    grid: RowGrid
    lower: SumPairs
    upper: SumPairs


@dataclass(frozen=True)
class SchroeppelShamir(AbstractSolver[QuarterLists | BigHalves]):
    """Return the best of all 2**n subsets, exactly, for large n in little memory.

    The sorted sums of a half are never stored. Each is a sum of two quarters; a pointer for each
    sum of one quarter moves up through the other, and all of them together emit the half slice by
    slice. Slices of both halves, as wide as the fuller one allows, are thrown into cells, and only
    members that share a cell are sorted and compared. The answer is the one of `MeetInTheMiddle`,
    tie rule included: slices ascend, so the smallest partial sum of a total is met first.

    Attributes
    ----------
    max_bytes : int >= 1
        Memory for lists and slices, all threads together: 64 bytes times the larger of
        2**min(15, (n + 1) // 2) and 2**(3 + (n + 3) // 4). The default of 1 GiB is enough for
        n <= 84, which is far beyond what time allows. Samples that do not fit int64 are searched
        as in `MeetInTheMiddle`, which needs 512 * (2**(n // 2) + 2**(n - n // 2)) bytes.

    Raises
    ------
    InvalidInputError
        `max_bytes` is not an integer >= 1.
    BudgetExceeded
        From `check` and `prepare`, before any search: the lists do not fit.

    Notes
    -----
    Rigor: exact.  Cost: O(2**(n / 2)) time, O(2**(n / 4)) memory; it ends early where a sum meets
    the target on the grid, and uses all cores (the variable NUMBA_NUM_THREADS limits them).
    Randomness: none.

    Source
    ------
    `schroeppel1981`; the pointers and slices stand in for their priority queues.

    Examples
    --------
    >>> solver = SchroeppelShamir()
    >>> solver.search(solver.prepare(np.array([0.5, 0.25, 0.125])), 0.7, None).mask.tolist()
    [True, True, False]
    """

    max_bytes: int = 2**30

    is_complete: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "max_bytes", integer("max_bytes", self.max_bytes, low=1))

    def check(self, num_samples: int, tolerance: float | None) -> None:
        """Raise BudgetExceeded if lists and slices do not fit `max_bytes`."""
        self._check_bytes(num_samples, _sweep_bytes(num_samples))

    def prepare(self, samples: FloatArray) -> QuarterLists | BigHalves:
        """Return the sums of the four quarters."""
        self.check(samples.size, None)
        grid = RowGrid.of(samples[None, :])
        if not grid.fits[0]:
            half = samples.size // 2
            num_sums = (1 << half) + (1 << (samples.size - half))
            self._check_bytes(samples.size, BYTES_PER_SUM * num_sums)
            return BigHalves.of(samples)
        quarter_units = 4 * grid.numerators[0]
        half = samples.size // 2
        return QuarterLists(
            grid, SumPairs.of(quarter_units[:half]), SumPairs.of(quarter_units[half:])
        )

    def search(
        self, state: QuarterLists | BigHalves, target: float, tolerance: float | None
    ) -> Candidate:
        """Return the best subset; the tolerance plays no part."""
        if isinstance(state, BigHalves):
            return Candidate(state.nearest(target), Stop.SPACE_COVERED)
        import numba

        goal = int(quarter_targets(state.grid, np.array([target]))[0])
        num_samples = state.grid.numerators.shape[1]
        num_cores = int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
        num_threads = min(num_cores, self.max_bytes // _sweep_bytes(num_samples))
        edges = state.lower.quantiles(num_threads)
        partners = state.upper.reflected(goal)

        def sweep_task(ranges: slice) -> tuple[int, int]:
            ends = edges[ranges.start], edges[ranges.start + 1]
            return least_distance(
                state.lower, partners, ends, num_members=_slice_members(num_samples)
            )

        found = run_tasks(sweep_task, num_threads, rows_per_task=1, max_threads=num_threads)
        distance, lower_sum = min(found)
        # Of goal +- distance exactly one is a multiple of 4: the subset sum.
        total = goal - distance if (goal - distance) % 4 == 0 else goal + distance
        masks = [state.lower.first_subset(lower_sum), state.upper.first_subset(total - lower_sum)]
        return Candidate(np.concatenate(masks), Stop.SPACE_COVERED)

    def _check_bytes(self, num_samples: int, num_bytes: int) -> None:
        if num_bytes > self.max_bytes:
            raise BudgetExceeded(
                f"SchroeppelShamir needs {num_bytes} bytes for n = {num_samples} samples, and "
                f"max_bytes is {self.max_bytes}. Use fewer samples or a larger max_bytes."
            )


def _slice_members(num_samples: int) -> int:
    """Return how many sums of a half a slice holds: a cache full, and several per pointer."""
    return 1 << max(min(15, (num_samples + 1) // 2), 3 + (num_samples + 3) // 4)


def _sweep_bytes(num_samples: int) -> int:
    """Four buffers and 64 cells of a bit for each member of a slice; the rest is for quarters."""
    return 64 * _slice_members(num_samples)
