"""All subsets, one by one: the oracle for everything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import BudgetExceeded
from strongltn.numerics.exact import FloatArray, dyadic_numerators
from strongltn.subset_sum.integer_units import mask_of
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers.abstract import AbstractSolver, Candidate
from strongltn.values.arguments import integer


@dataclass(frozen=True)
class BruteForce(AbstractSolver[FloatArray]):
    """Return the best of all 2**n subsets by listing every sum.

    Ties are broken as in `MeetInTheMiddle`, so the two return the same mask. Sums are int64 where
    samples and target fit on one grid, Python integers otherwise.

    Attributes
    ----------
    max_samples : int >= 1
        The largest n that is accepted; 2**n sums are held in memory.

    Raises
    ------
    InvalidInputError
        `max_samples` is not an integer >= 1.
    BudgetExceeded
        From `check` and `prepare`: n exceeds `max_samples`.

    Notes
    -----
    Rigor: exact.  Cost: O(2**n) time, 32 bytes times 2**n at most in int64.  Randomness: none.

    Source
    ------
    Folklore.

    Examples
    --------
    >>> BruteForce().is_complete
    True
    """

    max_samples: int = 24

    is_complete: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "max_samples", integer("max_samples", self.max_samples, low=1))

    def check(self, num_samples: int, tolerance: float | None) -> None:
        """Raise BudgetExceeded if there are more than `max_samples` samples."""
        if num_samples > self.max_samples:
            raise BudgetExceeded(
                f"BruteForce would list 2**{num_samples} sums, and max_samples is "
                f"{self.max_samples}. Use MeetInTheMiddle or a larger max_samples."
            )

    def prepare(self, samples: FloatArray) -> FloatArray:
        """Return the samples: the grid of the sums depends on the target as well."""
        self.check(samples.size, None)
        return samples

    def search(self, state: FloatArray, target: float, tolerance: float | None) -> Candidate:
        """Return the best subset; the tolerance plays no part."""
        numerators, _ = dyadic_numerators([*state.tolist(), target])
        goal = numerators.pop()
        reach = sum(map(abs, numerators)) + abs(goal)
        sums: NDArray[Any] = np.array([0], dtype=np.int64 if reach < 2**62 else object)
        for numerator in numerators:
            sums = np.concatenate([sums, sums + numerator])
        best = _first_best(sums, goal, 2 ** (state.size // 2))
        return Candidate(mask_of(best, state.size), Stop.SPACE_COVERED)


def _first_best(sums: NDArray[Any], goal: int, num_lower: int) -> int:
    """Return the index of the best subset: bit k of an index keeps sample k.

    The first half of the samples sets the low bits, so ``sums[:num_lower]`` are its partial sums.
    """
    error = np.abs(sums - goal)
    ties = np.flatnonzero(error == error.min())
    lower = ties % num_lower
    ranks = zip(sums[ties], sums[lower], lower, ties // num_lower, ties, strict=True)
    return int(min(ranks)[-1])
