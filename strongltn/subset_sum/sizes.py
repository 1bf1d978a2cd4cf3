"""The best subset of every size: how the error depends on the number of samples kept."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from strongltn.numerics.exact import (
    BoolArray,
    FloatArray,
    read_only,
    round_once,
    subset_error,
    subset_errors,
)
from strongltn.process.default_state import in_default_state
from strongltn.subset_sum.problem import (
    SubsetSumProblem,
    checked_bytes,
    checked_samples,
    checked_targets,
)
from strongltn.subset_sum.solvers.fixed_size import best_of_sizes, check_bytes
from strongltn.values.by_value import ByValue


@dataclass(frozen=True, eq=False)
class SizesResult(ByValue):
    """The best subset of each size 0, ..., n of one instance.

    Attributes
    ----------
    mask : bool array, shape (n + 1, n)
        Row k keeps k samples.
    exact_errors : tuple of Fraction, length n + 1
        ``abs(sum(samples[mask[k]]) - target)`` without rounding, the least of all subsets of k.
    error : float64 array, shape (n + 1,)
        The exact errors, each rounded once to the nearest double.

    Notes
    -----
    The arrays are read-only.  Rigor: exact.  Cost: none.  Randomness: none.
    """

    mask: BoolArray
    exact_errors: tuple[Fraction, ...]
    error: FloatArray

    def __repr__(self) -> str:
        best = int(self.error.argmin())
        return (
            f"SizesResult(sizes 0 to {len(self.error) - 1}, least error "
            f"{float(self.error[best])!r} with {best} samples)"
        )


@dataclass(frozen=True, eq=False)
class BatchSizesResult(ByValue):
    """The best subset of each size of m instances.

    Attributes
    ----------
    mask : bool array, shape (m, n + 1, n)
        Row k of each keeps k samples.
    error : float64 array, shape (m, n + 1)
        The exact errors, each rounded once to the nearest double.

    Notes
    -----
    The arrays are read-only.  Rigor: exact value, rounded once.  Cost: none.  Randomness: none.
    """

    mask: BoolArray
    error: FloatArray

    def __repr__(self) -> str:
        searches, sizes = self.error.shape
        return f"BatchSizesResult({searches:,} searches, sizes 0 to {sizes - 1} each)"


@in_default_state()
def solve_sizes(samples: ArrayLike, target: float, *, max_bytes: int = 2**30) -> SizesResult:
    """Search the best subset of every size, 0 to n, of one instance.

    Parameters
    ----------
    samples, target
        The instance, as in `SubsetSumProblem`.
    max_bytes : int >= 1
        Memory for the lists of sums, as of `FixedSize`.

    Returns
    -------
    SizesResult
        Row k is the mask of ``FixedSize(k)``, ties included.

    Raises
    ------
    InvalidInputError
        A value is outside the above.
    BudgetExceeded
        n is too large for `max_bytes`; nothing was started.

    Notes
    -----
    Rigor: exact.  Cost: O(n 2**(n / 2)) time for all sizes together.  Randomness: none.

    Source
    ------
    The family of problems of `natale2024`; see `FixedSize` for the algorithm.

    Examples
    --------
    >>> solve_sizes([0.5, 0.25, 0.125], 0.5).error.tolist()
    [0.5, 0.0, 0.125, 0.375]
    """
    problem = SubsetSumProblem(samples, target)  # type: ignore[arg-type]
    rows, goals = problem.samples[None, :], np.array([problem.target])
    mask = _best_of_all_sizes(rows, goals, max_bytes)[0]
    exact = tuple(subset_error(problem.samples, kept, problem.target) for kept in mask)
    error = np.array([round_once(value) for value in exact])
    return SizesResult(read_only(mask), exact, read_only(error))


@in_default_state()
def solve_sizes_batch(
    samples: ArrayLike, targets: ArrayLike, *, max_bytes: int = 2**30
) -> BatchSizesResult:
    """Search the best subset of every size of each row: `solve_sizes` without its overhead.

    Parameters
    ----------
    samples, targets
        The instances, as in `solve_batch`.
    max_bytes : int >= 1
        Memory for the lists of sums, all threads together, as of `FixedSize`.

    Returns
    -------
    BatchSizesResult
        The masks take m (n + 1) n bytes and more: cut large batches.

    Raises
    ------
    InvalidInputError
        A value is outside the above.
    BudgetExceeded
        n is too large for `max_bytes`; nothing was started.

    Notes
    -----
    Rigor: exact; the errors are rounded once.  Cost: O(m n 2**(n / 2)) time, over all cores.
    Randomness: none.

    Source
    ------
    The family of problems of `natale2024`; see `FixedSize` for the algorithm.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.array([[0.5, 0.25], [0.5, -0.5]])
    >>> solve_sizes_batch(rows, np.array([0.25, 0.0])).error.tolist()
    [[0.25, 0.0, 0.5], [0.0, 0.5, 0.0]]
    """
    rows = checked_samples(samples, num_dimensions=2)
    goals = checked_targets(targets, num_instances=len(rows))
    mask = _best_of_all_sizes(rows, goals, max_bytes)
    error = np.empty(mask.shape[:2])
    for size in range(mask.shape[1]):
        error[:, size], _ = subset_errors(rows, np.ascontiguousarray(mask[:, size]), goals)
    return BatchSizesResult(read_only(mask), read_only(error))


def _best_of_all_sizes(samples: FloatArray, targets: FloatArray, max_bytes: int) -> BoolArray:
    budget = checked_bytes(max_bytes)
    check_bytes(samples.shape[1], budget)
    sizes = np.arange(samples.shape[1] + 1)
    return best_of_sizes(samples, targets, sizes, max_bytes=budget)
