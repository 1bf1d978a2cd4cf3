"""Subset sum as a mixed-integer program, and what the solvers that hand one to a library share.

A program has bits, one window of sums for each target, and something to minimise. It is numbers
alone, so it can be handed to any library, also to one in another process.
"""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from enum import StrEnum
from fractions import Fraction
from typing import ClassVar

import numpy as np

from strongltn.errors import InvalidInputError
from strongltn.numerics.exact import BoolArray, FloatArray
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers.abstract import AbstractRowSolver, CandidateBatch
from strongltn.values.arguments import chosen, integer, positive


class Objective(StrEnum):
    """What a program minimises."""

    WITHIN_TOLERANCE = "within-tolerance"
    """Nothing: any subset within the tolerance will do."""

    LEAST_ERROR = "least-error"
    """The distance between sum and target, the largest one if there are several targets."""

    FEWEST_SAMPLES = "fewest-samples"
    """The number of samples kept for at least one target, subject to the tolerance."""


@dataclass(frozen=True)
class Program:
    """Bits b[j, i], whether sample i is kept for target j, under the constraints below.

    With z >= 0 for LEAST_ERROR, and z = 0 for the other objectives,
    ``lower[j] - z <= sum(coefficients * b[j]) <= upper[j] + z``.

    Attributes
    ----------
    coefficients : sequence of n numbers
        The samples in the units of the program: all integers, or all floats.
    windows : sequence of (lower, upper), length m
        Where the sum for each target shall lie, in the same units.
    objective : Objective
        LEAST_ERROR minimises z; FEWEST_SAMPLES the number of columns i of b that are not zero.
    size : int, optional
        Each row of b has exactly so many ones.
    is_disjoint : bool
        Each column of b has at most one 1.

    Notes
    -----
    Rigor: exact (a statement in numbers).  Cost: none.  Randomness: none.

    Source
    ------
    `pensia2020`, experiment 1, for LEAST_ERROR and one target.

    Examples
    --------
    >>> Program([4, 2], [(5, 5)], Objective.LEAST_ERROR).is_disjoint
    False
    """

    coefficients: Sequence[float]
    windows: Sequence[tuple[float, float]]
    objective: Objective
    size: int | None = None
    is_disjoint: bool = False


def windows_of(
    targets: Sequence[float], tolerance: float | None, *, unit: Fraction, end: float
) -> list[tuple[Fraction, Fraction]]:
    """Return target - tolerance and target + tolerance in units: the target twice without one.

    An edge beyond `end`, which is beyond the reach of the samples, is moved there: the same subsets
    are within, the same subset is nearest, and all numbers stay small.
    """
    slack = Fraction(tolerance or 0.0)
    last = Fraction(end)

    def edge(value: Fraction) -> Fraction:
        return min(max(value / unit, -last), last)

    exact = [Fraction(target) for target in targets]
    return [(edge(target - slack), edge(target + slack)) for target in exact]


@dataclass(frozen=True)
class SolveTime:
    """Seconds that one program took: building the model, the search by the wall clock and by CPU.

    Sending a program to CP-SAT's process is in none of them. With PuLP the search includes handing
    the model over, for CBC in a file to a new process, whose CPU time is known to 10 milliseconds.
    """

    build_seconds: float = 0.0
    search_seconds: float = 0.0
    search_cpu_seconds: float = 0.0

    def __add__(self, other: SolveTime) -> SolveTime:
        return SolveTime(*map(operator.add, astuple(self), astuple(other)))


@dataclass(frozen=True)
class Answer:
    """What came back for a program: the bits, shape (m, n), or None if there are none; and why."""

    bits: Sequence[Sequence[bool]] | None
    stop: Stop
    time: SolveTime


@dataclass(frozen=True, kw_only=True)
class AbstractProgramSolver(AbstractRowSolver):
    """A solver that hands a `Program` to a library, and does not trust what it claims.

    Attributes
    ----------
    objective : Objective or its value as a str
        What the program minimises. LEAST_ERROR ignores the tolerance; the others need one.
    size : int >= 0, optional
        The subset keeps exactly so many samples.
    time_limit_seconds : float > 0
        Per instance. At the limit the best subset so far is returned, with ``Stop.TIME``: the first
        `size` samples, or the empty subset, if there is none.
    """

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

    def search_batch(
        self, samples: FloatArray, targets: FloatArray, tolerance: float | None
    ) -> CandidateBatch:
        """Return the subset that the search for each row ends with."""
        return self.timed_search_batch(samples, targets, tolerance)[0]

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
            Finite; shared by all m >= 1 targets.
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
