"""What a solver is, and how the rows of a batch are spread over the cores.

A solver is a frozen dataclass with two steps, prepare and search. Derive from `AbstractSolver`
where something can be prepared before a target is known, and from `AbstractRowSolver` where not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import numpy as np

from strongltn.numerics.exact import BoolArray, FloatArray
from strongltn.subset_sum.result import ObjectArray, Stop

StateT = TypeVar("StateT")


@dataclass(frozen=True, eq=False)
class Candidate:
    """A subset that a solver proposes: `mask`, shape (n,), and why the search stopped."""

    mask: BoolArray
    stop: Stop


@dataclass(frozen=True, eq=False)
class CandidateBatch:
    """Subsets for m instances: `mask`, shape (m, n), and `stop`, object array of shape (m,)."""

    mask: BoolArray
    stop: ObjectArray


class AbstractSolver(ABC, Generic[StateT]):
    """A subset-sum algorithm with its settings: derive a frozen dataclass from this.

    A solver proposes subsets and says why it stopped; `solve` computes the error and the verdict.
    Arguments that reach a solver from `solve` or `solve_batch` are already checked.

    Attributes
    ----------
    is_complete : bool, class attribute
        Whether ``Stop.SPACE_COVERED`` from this solver proves that its subset is optimal. The one
        claim of a solver that is trusted.
    """

    is_complete: ClassVar[bool]

    def check(self, num_samples: int, tolerance: float | None) -> None:
        """Raise, before any work, if such instances are beyond this solver.

        Raises
        ------
        BudgetExceeded
            `num_samples` is too large for an explicit budget of the solver.
        InvalidInputError
            The solver needs a tolerance and it is None.
        """

    @abstractmethod
    def prepare(self, samples: FloatArray) -> StateT:
        """Return whatever can be computed from the samples, shape (n,), before a target is known.

        The state is never changed by `search`, so it serves many targets and many threads.
        """

    @abstractmethod
    def search(self, state: StateT, target: float, tolerance: float | None) -> Candidate:
        """Return the subset proposed for one target."""

    def search_batch(
        self, samples: FloatArray, targets: FloatArray, tolerance: float | None
    ) -> CandidateBatch:
        """Return one subset per row of `samples`, shape (m, n): by default a loop of searches."""
        mask = np.zeros(samples.shape, dtype=np.bool_)
        stop = np.full(len(samples), Stop.SPACE_COVERED, dtype=object)
        for row, target in enumerate(targets.tolist()):
            candidate = self.search(self.prepare(samples[row]), target, tolerance)
            mask[row], stop[row] = candidate.mask, candidate.stop
        return CandidateBatch(mask=mask, stop=stop)

    def search_targets(
        self, state: StateT, targets: FloatArray, tolerance: float | None
    ) -> CandidateBatch:
        """Return one subset for each of m >= 1 targets of the same samples: by default a loop."""
        found = [self.search(state, target, tolerance) for target in targets.tolist()]
        stop = np.empty(len(found), dtype=object)
        stop[:] = [candidate.stop for candidate in found]
        return CandidateBatch(mask=np.array([candidate.mask for candidate in found]), stop=stop)


ResultT = TypeVar("ResultT")


class AbstractRowSolver(AbstractSolver[FloatArray]):
    """A solver that prepares nothing and searches many rows at once, by its `search_batch`.

    One target is a batch of one row; many targets of the same samples are as many equal rows.
    """

    def prepare(self, samples: FloatArray) -> FloatArray:
        """Return the samples: what else is needed depends on the target or the tolerance."""
        return samples

    def search(self, state: FloatArray, target: float, tolerance: float | None) -> Candidate:
        """Return the subset of a batch of one row."""
        batch = self.search_batch(state[None, :], np.array([target]), tolerance)
        return Candidate(batch.mask[0], batch.stop[0])

    def search_targets(
        self, state: FloatArray, targets: FloatArray, tolerance: float | None
    ) -> CandidateBatch:
        """Return the subsets of a batch whose rows are the same samples."""
        rows = np.broadcast_to(state, (targets.size, state.size))
        return self.search_batch(rows, targets, tolerance)

    @abstractmethod
    def search_batch(
        self, samples: FloatArray, targets: FloatArray, tolerance: float | None
    ) -> CandidateBatch:
        """Return one subset per row of `samples`, shape (m, n), which may be a read-only view."""


def num_cores() -> int:
    """Return how many cores there are, or how many the variable NUMBA_NUM_THREADS allows."""
    import numba

    return int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]


def run_tasks(
    task: Callable[[slice], ResultT],
    num_rows: int,
    *,
    rows_per_task: int,
    max_threads: int | None = None,
) -> list[ResultT]:
    """Return what `task` returns for each slice of rows, in the order of the rows.

    The slices do not depend on the number of cores (the variable NUMBA_NUM_THREADS limits them),
    and with a compiled `task` that lets go of the interpreter all cores are at work.
    """
    num_threads = num_cores() if max_threads is None else min(num_cores(), max_threads)
    slices = [slice(at, at + rows_per_task) for at in range(0, num_rows, rows_per_task)]
    if num_threads == 1 or len(slices) == 1:
        return [task(rows) for rows in slices]
    with ThreadPoolExecutor(num_threads) as pool:
        return list(pool.map(task, slices))
