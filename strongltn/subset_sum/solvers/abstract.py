"""What a solver is: a frozen configuration with two steps, prepare and search."""

from __future__ import annotations

from abc import ABC, abstractmethod
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
