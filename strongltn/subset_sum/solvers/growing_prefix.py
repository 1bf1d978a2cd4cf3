"""Any subset within tolerance: the optimum of ever longer prefixes of the samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from strongltn.numerics.exact import FloatArray, subset_errors
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers.abstract import AbstractRowSolver, CandidateBatch
from strongltn.subset_sum.solvers.meet_in_the_middle import MeetInTheMiddle
from strongltn.values.arguments import integer


@dataclass(frozen=True)
class GrowingPrefix(AbstractRowSolver):
    """Return the optimum of the shortest prefix that is within tolerance.

    Tries the first `first` samples, then `step` more while the error is not below the tolerance.
    Many samples are there for the few instances that need them; most are solved at the price of a
    short one. Without a tolerance it is `MeetInTheMiddle`.

    Attributes
    ----------
    first : int >= 1
        The length of the first prefix.
    step : int >= 1
        How many samples are added while the error is too large.
    exact : MeetInTheMiddle
        The solver of the prefixes.

    Raises
    ------
    InvalidInputError
        `first` or `step` is not an integer >= 1.

    Notes
    -----
    Rigor: exact; complete, because the last prefix is the whole. Cost: O(2**(first / 2)) for an
    instance that needs no more. Randomness: none.

    Source
    ------
    Elementary; that failure falls by about one half a sample is the sign bound of `lueker1998`'s
    problem: all samples have the wrong sign with probability 2**-n.

    Examples
    --------
    >>> import numpy as np
    >>> solver = GrowingPrefix(first=1, step=1)
    >>> solver.search(np.array([0.5, 0.25, 0.125]), 0.7, 0.1).mask.tolist()
    [True, True, False]
    """

    first: int = 20
    step: int = 4
    exact: MeetInTheMiddle = field(default_factory=MeetInTheMiddle)

    is_complete: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("first", "step"):
            object.__setattr__(self, name, integer(name, getattr(self, name), low=1))

    def check(self, num_samples: int, tolerance: float | None) -> None:
        """Raise BudgetExceeded if the whole is beyond `exact`."""
        self.exact.check(num_samples, tolerance)

    def search_batch(
        self, samples: FloatArray, targets: FloatArray, tolerance: float | None
    ) -> CandidateBatch:
        """Return one subset per row; ever fewer rows see ever longer prefixes."""
        num_samples = samples.shape[1]
        if tolerance is None:
            return self.exact.search_batch(np.ascontiguousarray(samples), targets, None)
        mask = np.zeros(samples.shape, dtype=np.bool_)
        stop = np.full(len(samples), Stop.TOLERANCE_MET, dtype=object)
        left = np.arange(len(samples))
        for size in [*range(self.first, num_samples, self.step), num_samples]:
            prefix = np.ascontiguousarray(samples[left, :size])
            found = self.exact.search_batch(prefix, targets[left], tolerance).mask
            mask[left, :size] = found
            # rounding is monotone: a rounded error below the tolerance is an error below it
            error, _ = subset_errors(prefix, found, targets[left])
            if size == num_samples:
                stop[left] = Stop.SPACE_COVERED
            left = left[~(error < tolerance)]
        return CandidateBatch(mask, stop)
