"""Subset sums of vectors: one subset that brings several coordinates close to their targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from strongltn.errors import InvalidInputError
from strongltn.numerics.exact import BoolArray, FloatArray, RowGrid, dyadic_numerators, subset_error
from strongltn.process.default_state import in_default_state
from strongltn.subset_sum.big_integers import BYTES_PER_SUM
from strongltn.subset_sum.integer_units import mask_of
from strongltn.subset_sum.problem import (
    check_budget,
    checked_array,
    checked_bytes,
    checked_tolerance,
    given_twice,
)
from strongltn.subset_sum.result import Stop, SubsetSumResult, Verdict
from strongltn.values.arguments import RealLike
from strongltn.values.by_value import ByValue

_BYTES_PER_NUMBER = 16  # each vector sum is held twice while it is sorted


@dataclass(frozen=True, eq=False)
class VectorProblem(ByValue):
    """Which of the sample vectors to keep so that their sum comes close to the target vector.

    Attributes
    ----------
    samples : float64 array, shape (n, d)
        n >= 1 and d >= 1, finite. Another real dtype, a tensor or a sequence must lose nothing in
        float64. Kept as a read-only copy.
    target : float64 array, shape (d,)
        Finite. Kept as a read-only copy.
    tolerance : float >= 0, optional
        Largest admissible distance in any coordinate. Without it the optimum is asked for.

    Raises
    ------
    InvalidInputError
        A value is outside the above.

    Notes
    -----
    Rigor: exact (nothing is rounded).  Cost: O(n d).  Randomness: none.

    Source
    ------
    The multidimensional random subset-sum problem of `becchetti2022`.

    Examples
    --------
    >>> VectorProblem([[0.5, 1.0], [-0.25, 0.5], [0.125, 0.0]], [0.375, 0.5]).samples.shape
    (3, 2)
    """

    samples: FloatArray
    target: FloatArray
    tolerance: float | None = None

    def __post_init__(self) -> None:
        samples = checked_array("samples", self.samples, num_dimensions=2, shape="(n, d)")
        target = checked_array("target", self.target, num_dimensions=1, shape="(d,)")
        if samples.size == 0:
            raise InvalidInputError(
                "samples", got=f"shape {samples.shape}", allowed="of shape (n, d), n and d >= 1"
            )
        if target.size != samples.shape[1]:
            raise InvalidInputError(
                "target",
                got=f"{target.size} numbers",
                allowed=f"one number for each of the {samples.shape[1]} columns of samples",
            )
        object.__setattr__(self, "samples", samples)
        object.__setattr__(self, "target", target)
        object.__setattr__(self, "tolerance", checked_tolerance(self.tolerance))

    def __repr__(self) -> str:
        num_samples, dimension = self.samples.shape
        within = "" if self.tolerance is None else f" within {self.tolerance!r}"
        return f"VectorProblem({num_samples} samples of {dimension} coordinates{within})"


class VectorResult(SubsetSumResult):
    """The outcome of one search: as `SubsetSumResult`, with the largest error of a coordinate."""


@in_default_state()
def solve_vectors(
    problem: VectorProblem | ArrayLike,
    target: ArrayLike | None = None,
    *,
    tolerance: RealLike | None = None,
    max_bytes: int = 2**30,
    throw: bool = True,
) -> VectorResult:
    """Find the subset with the least largest distance of a coordinate from its target, exactly.

    Ties go to the smallest index of a subset of the first half of the samples, then to that of the
    second half, where bit k of an index keeps sample k of the half.

    Parameters
    ----------
    problem : VectorProblem, or the samples of one
        The instance.
    target, tolerance
        With samples, those of the instance; with a problem, left out.
    max_bytes : int >= 1
        16 (d + 1) (2**(n // 2) + 2**(n - n // 2)) bytes are needed: n <= 42 for d = 2 with the
        default of 1 GiB. Numbers that do not fit int64 together, targets included, are searched as
        Python integers, some hundred times slower and with 32 times the memory.
    throw : bool
        Whether to raise when a tolerance was given and no subset is within it.

    Returns
    -------
    VectorResult
        SOLVED with the optimum, or INFEASIBLE if that is not within the tolerance.

    Raises
    ------
    UnsolvedError
        `throw` is true and the verdict is INFEASIBLE. It carries the result.
    BudgetExceeded
        The sums do not fit `max_bytes`; nothing was started.
    InvalidInputError
        A value is no part of a `VectorProblem`, or `max_bytes` is not an integer >= 1.

    Notes
    -----
    Rigor: exact.  Cost: O(2**(n / 2)) memory; on random samples 2**(n / 2) windows of about
    2**(n (1/2 - 1/d)) sums, and some logarithms.  Randomness: none.

    Source
    ------
    The task is that of `becchetti2022`; the two lists are those of `horowitz1974`.

    Examples
    --------
    >>> samples = [[0.5, 1.0], [-0.25, 0.5], [0.125, 0.0]]
    >>> result = solve_vectors(VectorProblem(samples, [0.25, 1.4]))
    >>> result.mask.tolist(), result.exact_error < 0.11
    ([True, True, False], True)
    """
    if not isinstance(problem, VectorProblem):
        problem = VectorProblem(problem, target, tolerance)  # type: ignore[arg-type]
    elif target is not None or tolerance is not None:
        raise given_twice("VectorProblem")
    mask = _nearest_subset(problem, max_bytes)
    columns = zip(problem.samples.T, problem.target.tolist(), strict=True)
    exact_error = max(subset_error(column, mask, goal) for column, goal in columns)
    is_solved = problem.tolerance is None or exact_error <= problem.tolerance
    verdict = Verdict.SOLVED if is_solved else Verdict.INFEASIBLE
    result = VectorResult(mask, exact_error, verdict, Stop.SPACE_COVERED)
    return result.demanded(problem.tolerance) if throw else result


def _nearest_subset(problem: VectorProblem, max_bytes: int) -> BoolArray:
    max_bytes = checked_bytes(max_bytes)
    num_samples, dimension = problem.samples.shape
    half = num_samples // 2
    num_numbers = (dimension + 1) * ((1 << half) + (1 << (num_samples - half)))
    what = f"The search among sums of vectors of {dimension} numbers"
    check_budget(what, _BYTES_PER_NUMBER * num_numbers, max_bytes, num_samples=num_samples)
    values = np.vstack([problem.samples, problem.target])
    grid = RowGrid.of(values.reshape(1, -1))
    numerators: NDArray[Any] = grid.numerators.reshape(values.shape)
    if not grid.fits[0]:
        check_budget(what, BYTES_PER_SUM * num_numbers, max_bytes, num_samples=num_samples)
        exact, _ = dyadic_numerators(values.ravel().tolist())
        numerators = np.array(exact, dtype=object).reshape(values.shape)
    # The widest column goes first, for its windows hold the smallest share of the sums.
    numerators = numerators[:, np.argsort(-np.abs(problem.samples).max(axis=0))]
    lower, upper = _vector_sums(numerators[:half]), _vector_sums(numerators[half:-1])
    order = np.argsort(upper[:, 0], kind="stable")

    from strongltn.subset_sum.kernels.scalar import nearest_vectors

    search: Any = nearest_vectors if grid.fits[0] else nearest_vectors.py_func
    first, second = search(lower, upper[order], order, np.ascontiguousarray(numerators[-1]))
    return mask_of(int(first) | int(second) << half, num_samples)


def _vector_sums(numerators: NDArray[Any]) -> NDArray[Any]:
    """Return the sums of all subsets, shape (2**n, d): bit k of an index keeps row k."""
    sums = np.zeros((1, numerators.shape[1]), dtype=numerators.dtype)
    for row in numerators:
        sums = np.concatenate([sums, sums + row])
    return sums
