"""Run a solver, re-sum what it returns exactly, and derive the verdict here.

A solver can therefore be wrong only by being slow, or by declaring itself complete when it is not.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike

from strongltn.errors import InvalidInputError
from strongltn.numerics.exact import (
    BoolArray,
    FloatArray,
    are_within,
    subset_error,
    subset_errors,
)
from strongltn.process.default_state import in_default_state
from strongltn.subset_sum.problem import (
    SubsetSumProblem,
    checked_samples,
    checked_targets,
    checked_tolerance,
    given_twice,
)
from strongltn.subset_sum.result import BatchResult, ObjectArray, Stop, SubsetSumResult, Verdict
from strongltn.subset_sum.solvers.abstract import AbstractSolver, CandidateBatch
from strongltn.subset_sum.solvers.meet_in_the_middle import MeetInTheMiddle
from strongltn.values.arguments import RealLike, instance


@overload
def solve(
    problem: SubsetSumProblem, solver: AbstractSolver[Any], /, *, throw: bool = ...
) -> SubsetSumResult: ...


@overload
def solve(
    problem: SubsetSumProblem, /, *, solver: AbstractSolver[Any] | None = ..., throw: bool = ...
) -> SubsetSumResult: ...


@overload
def solve(
    samples: ArrayLike,
    /,
    target: RealLike,
    solver: AbstractSolver[Any] | None = ...,
    *,
    tolerance: RealLike | None = ...,
    throw: bool = ...,
) -> SubsetSumResult: ...


@in_default_state()
def solve(
    problem: Any,
    /,
    target: Any = None,
    solver: Any = None,
    *,
    tolerance: RealLike | None = None,
    throw: bool = True,
) -> SubsetSumResult:
    """Search a subset of the samples whose sum is close to the target.

    It is called as ``solve(problem)`` or as ``solve(samples, target)``; a solver may follow.

    Parameters
    ----------
    problem : SubsetSumProblem, or the samples of one
        The instance.
    target, tolerance
        With samples, those of the instance; with a problem, left out.
    solver : AbstractSolver, optional
        Default: ``MeetInTheMiddle()``, the exact optimum.
    throw : bool
        Whether to raise when a tolerance was given and no subset within it was found.

    Returns
    -------
    SubsetSumResult
        With a tolerance: SOLVED iff the exact error is within it; INFEASIBLE only from a complete
        solver that covered the space; else UNDECIDED. Without: SOLVED iff the subset is proved
        optimal, by a complete solver that covered the space or by an error of exactly 0.

    Raises
    ------
    UnsolvedError
        `throw` is true, a tolerance was given, and the verdict is not SOLVED. It carries the
        result.
    BudgetExceeded
        The instance is too large for the budget of the solver; nothing was started.
    InvalidInputError
        A value is no part of a `SubsetSumProblem`, or the solver needs a tolerance and the problem
        has none.

    Notes
    -----
    Rigor: exact.  Cost: that of the solver, plus O(n).  Randomness: none.

    Source
    ------
    The task is that of `pensia2020`, experiment 1; see each solver for the algorithm.

    Examples
    --------
    >>> solve([0.5, -0.25, 0.125], 0.25)
    SubsetSumResult(solved, keeps 2 of 3, error 0.0, space covered)
    >>> from strongltn.subset_sum.solvers import BruteForce
    >>> result = solve(SubsetSumProblem([0.5, -0.25, 0.125], 0.375), BruteForce())
    >>> result.mask.tolist(), result.error, result.verdict
    ([True, True, True], 0.0, <Verdict.SOLVED: 'solved'>)
    """
    if not isinstance(problem, SubsetSumProblem):
        problem = SubsetSumProblem(problem, target, tolerance)  # type: ignore[arg-type]
    elif tolerance is not None or (target is not None and solver is not None):
        raise given_twice("SubsetSumProblem")
    elif target is not None:
        solver = target  # the second argument behind a problem
    solver = _checked_solver(solver)
    solver.check(problem.num_samples, problem.tolerance)
    state = solver.prepare(problem.samples)
    candidate = solver.search(state, problem.target, problem.tolerance)
    exact_error = subset_error(problem.samples, candidate.mask, problem.target)
    limit = problem.tolerance
    verdict: Verdict = _verdicts(
        is_zero=np.array([exact_error == 0]),
        is_within=None if limit is None else np.array([exact_error <= limit]),
        is_covered=np.array([solver.is_complete and candidate.stop is Stop.SPACE_COVERED]),
    )[0]
    result = SubsetSumResult(candidate.mask, exact_error, verdict, candidate.stop)
    return result.demanded(limit) if throw else result


@in_default_state()
def solve_batch(
    samples: ArrayLike,
    targets: ArrayLike,
    *,
    solver: AbstractSolver[Any] | None = None,
    tolerance: float | None = None,
    device: str = "cpu",
) -> BatchResult:
    """Search one subset per row: the same answers as `solve` row by row, without its overhead.

    Parameters
    ----------
    samples : float64 array, shape (m, n)
        Finite, n >= 1; m may be 0. Another real dtype, a tensor or a sequence must lose nothing in
        float64.
    targets : float64 array, shape (m,)
        Finite.
    solver : AbstractSolver, optional
        Default: ``MeetInTheMiddle()``, the exact optimum.
    tolerance : float >= 0, optional
        One for all rows.
    device : str
        "cpu", or a CUDA device as torch names it: the exact optimum by a kernel there, the same
        masks bit for bit. Only for `MeetInTheMiddle`.

    Returns
    -------
    BatchResult
        Verdicts as in `solve`. An unsolved row is data here, nothing is raised for it.

    Raises
    ------
    InvalidInputError
        A value is outside the above, the solver needs a tolerance and none is given, or the solver
        or this machine has nothing for `device`.
    BudgetExceeded
        n is too large for the budget of the solver; nothing was started.

    Notes
    -----
    Rigor: exact; the errors are rounded once.  Cost: that of the solver, plus about 0.2
    microseconds per row of 21 samples.  Randomness: none.

    Source
    ------
    The task is that of `pensia2020`, experiment 1; see each solver for the algorithm.

    Examples
    --------
    >>> import numpy as np
    >>> from strongltn.subset_sum.solvers import SingleWeight
    >>> rows = np.array([[0.5, 0.25], [0.5, -0.5]])
    >>> solve_batch(rows, np.array([0.3, -0.5]), solver=SingleWeight()).mask.tolist()
    [[False, True], [False, True]]
    """
    rows = checked_samples(samples, num_dimensions=2)
    goals = checked_targets(targets, num_instances=len(rows))
    limit = checked_tolerance(tolerance)
    solver = _checked_solver(solver)
    solver.check(rows.shape[1], limit)
    if str(device) == "cpu":
        found = solver.search_batch(rows, goals, limit)
    else:
        found = _search_on(str(device), rows, goals, solver)
    return _judged(found, rows, goals, solver, limit)


def _checked_solver(solver: Any) -> AbstractSolver[Any]:
    if solver is None:
        return MeetInTheMiddle()
    return instance(
        "solver",
        solver,
        AbstractSolver,  # type: ignore[type-abstract]
        allowed="a solver of strongltn.subset_sum.solvers, or one of your own",
    )


def _search_on(
    device: str, samples: FloatArray, targets: FloatArray, solver: AbstractSolver[Any]
) -> CandidateBatch:
    from strongltn.subset_sum.gpu import search_batch

    if not isinstance(solver, MeetInTheMiddle):
        raise InvalidInputError(
            "device",
            got=f"{device!r} with {solver!r}",
            allowed="'cpu', or MeetInTheMiddle as the solver",
        )
    return search_batch(samples, targets, device=device)


@in_default_state()
def solve_targets(
    samples: ArrayLike,
    targets: ArrayLike,
    *,
    solver: AbstractSolver[Any] | None = None,
    tolerance: float | None = None,
) -> BatchResult:
    """Search one subset per target, all of the same samples: the work on them is done once.

    Parameters
    ----------
    samples : float64 array, shape (n,)
        Finite, n >= 1. Another real dtype, a tensor or a sequence must lose nothing in float64.
    targets, solver, tolerance
        As in `solve_batch`; m may be 0.

    Returns
    -------
    BatchResult
        As of `solve_batch` on rows that are all equal to `samples`.

    Raises
    ------
    InvalidInputError
        A value is outside the above, or the solver needs a tolerance and none is given.
    BudgetExceeded
        n is too large for the budget of the solver; nothing was started.

    Notes
    -----
    Rigor: exact; the errors are rounded once.  Cost: that of the solver.  Randomness: none.

    Source
    ------
    `pensia2020`, experiment 1, shares the samples of a row of the target among its weights.

    Examples
    --------
    >>> import numpy as np
    >>> solve_targets(np.array([0.5, 0.25]), np.array([0.3, 0.8, 0.1])).mask.tolist()
    [[False, True], [True, True], [False, False]]
    """
    shared = checked_samples(samples, num_dimensions=1)
    goals = checked_targets(targets)
    limit = checked_tolerance(tolerance)
    solver = _checked_solver(solver)
    solver.check(shared.size, limit)
    rows = np.broadcast_to(shared, (goals.size, shared.size))
    if goals.size == 0:
        found = CandidateBatch(np.empty(rows.shape, dtype=np.bool_), np.empty(0, dtype=object))
    else:
        found = solver.search_targets(solver.prepare(shared), goals, limit)
    return _judged(found, rows, goals, solver, limit)


def _judged(
    found: CandidateBatch,
    samples: FloatArray,
    targets: FloatArray,
    solver: AbstractSolver[Any],
    tolerance: float | None,
) -> BatchResult:
    """Re-sum what was found, exactly, and say what is known about each row."""
    errors = subset_errors(samples, found.mask, targets)
    verdict = _verdicts(
        is_zero=errors[0] == 0.0,
        is_within=None if tolerance is None else are_within(errors, tolerance),
        is_covered=solver.is_complete & (found.stop == Stop.SPACE_COVERED),
    )
    return BatchResult(mask=found.mask, error=errors[0], verdict=verdict, stop=found.stop)


def _verdicts(
    *, is_zero: BoolArray, is_within: BoolArray | None, is_covered: BoolArray
) -> ObjectArray:
    """Return what is known about each row; `is_within` is None if there is no tolerance."""
    verdicts = np.full(len(is_zero), Verdict.UNDECIDED, dtype=object)
    if is_within is None:
        verdicts[is_zero | is_covered] = Verdict.SOLVED
    else:
        verdicts[is_covered] = Verdict.INFEASIBLE
        verdicts[is_within] = Verdict.SOLVED
    return verdicts
