"""What the solvers that search by a mixed-integer program share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from strongltn.errors import InvalidInputError
from strongltn.numerics.exact import BoolArray, FloatArray
from strongltn.subset_sum.formulations import Objective, Program
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers.abstract import AbstractSolver, Candidate, CandidateBatch
from strongltn.values.arguments import chosen, integer, positive


@dataclass(frozen=True)
class SolveTime:
    """Seconds that one program took: building the model, the search by the wall clock and by CPU.

    Sending a program to CP-SAT's process is in none of them. With PuLP the search includes handing
    the model over, for CBC in a file to a new process, whose CPU time is known to 10 milliseconds.
    """

    build_seconds: float = 0.0
    search_seconds: float = 0.0
    search_cpu_seconds: float = 0.0


@dataclass(frozen=True)
class Answer:
    """What came back for a program: the bits, shape (m, n), or None if there are none; and why."""

    bits: Sequence[Sequence[bool]] | None
    stop: Stop
    time: SolveTime


@dataclass(frozen=True, kw_only=True)
class AbstractProgramSolver(AbstractSolver[FloatArray]):
    """A solver that hands a `Program` to a library, and does not trust what it claims."""

    objective: Objective = Objective.LEAST_ERROR
    size: int | None = None
    time_limit_seconds: float = 60.0

    is_complete: ClassVar[bool] = False

    def __post_init__(self) -> None:
        objective = chosen("objective", self.objective, Objective)
        object.__setattr__(self, "objective", objective)
        if self.size is not None:
            size = integer("size", self.size, low=0, allowed="None or an integer >= 0")
            object.__setattr__(self, "size", size)
        limit = positive("time_limit_seconds", self.time_limit_seconds)
        object.__setattr__(self, "time_limit_seconds", limit)

    def check(self, num_samples: int, tolerance: float | None) -> None:
        """Raise InvalidInputError if a needed tolerance is missing, or `size` exceeds n."""
        if self.objective is not Objective.LEAST_ERROR and tolerance is None:
            raise InvalidInputError(
                "tolerance", got=None, allowed=f"given when the objective is '{self.objective}'"
            )
        if self.size is not None and self.size > num_samples:
            raise InvalidInputError("size", got=self.size, allowed=f"at most n = {num_samples}")

    def prepare(self, samples: FloatArray) -> FloatArray:
        """Return the samples: the units of a program depend on the target as well."""
        return samples

    def search(self, state: FloatArray, target: float, tolerance: float | None) -> Candidate:
        """Return the subset that the search ends with."""
        found, _ = self.propose(state, [target], tolerance)
        return Candidate(found.mask[0], found.stop[0])

    def timed_search_batch(
        self, samples: FloatArray, targets: FloatArray, tolerance: float | None
    ) -> tuple[CandidateBatch, list[SolveTime]]:
        """Return what `search_batch` returns, and how long each row took."""
        mask = np.zeros(samples.shape, dtype=np.bool_)
        stop = np.empty(len(samples), dtype=object)
        times = []
        for row, target in enumerate(targets.tolist()):
            found, time = self.propose(samples[row], [target], tolerance)
            mask[row], stop[row] = found.mask[0], found.stop[0]
            times.append(time)
        return CandidateBatch(mask=mask, stop=stop), times

    def propose(
        self,
        samples: FloatArray,
        targets: Sequence[float],
        tolerance: float | None,
        *,
        is_disjoint: bool = False,
    ) -> tuple[CandidateBatch, SolveTime]:
        """Return subsets of the same samples for m targets, from one program for all of them.

        Parameters
        ----------
        samples : float64 array, shape (n,)
            Finite.
        targets : sequence of m >= 1 finite floats
        tolerance : float >= 0, optional
            LEAST_ERROR ignores it.
        is_disjoint : bool
            Whether a sample may be kept for one target at most.

        Returns
        -------
        (CandidateBatch, SolveTime)
            The subsets keep to `size` and `is_disjoint`, and no zero unless `size` is given. If the
            search ends with none, each has the first `size` samples, or none at all.
        """
        self.check(samples.size, tolerance)
        limit = None if self.objective is Objective.LEAST_ERROR else tolerance
        coefficients, windows = self._numbers(samples, targets, limit)
        answer = self._answer(
            Program(coefficients, windows, self.objective, self.size, is_disjoint)
        )
        mask = np.zeros((len(targets), samples.size), dtype=np.bool_)
        stop = answer.stop
        if answer.bits is not None:
            mask[:] = answer.bits
            if self.size is None:
                mask &= samples != 0.0
        if not self._is_member(mask, is_disjoint):
            mask[:] = np.arange(samples.size) < (self.size or 0)
            stop = stop if answer.bits is None else Stop.GAVE_UP
        return CandidateBatch(mask, np.full(len(targets), stop, dtype=object)), answer.time

    def _is_member(self, mask: BoolArray, is_disjoint: bool) -> bool:
        """Whether rounded bits keep to the constraints that do not depend on the sums."""
        if is_disjoint and bool((mask.sum(axis=0) > 1).any()):
            return False
        return self.size is None or bool((mask.sum(axis=1) == self.size).all())

    @abstractmethod
    def _numbers(
        self, samples: FloatArray, targets: Sequence[float], tolerance: float | None
    ) -> tuple[Sequence[float], Sequence[tuple[float, float]]]:
        """Return coefficients and windows, in numbers that suit the library."""

    @abstractmethod
    def _answer(self, program: Program) -> Answer:
        """Run a program and read the answer."""
