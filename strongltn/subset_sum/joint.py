"""Several targets that share their samples, solved by one program."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NoReturn

from numpy.typing import ArrayLike

from strongltn.errors import InvalidInputError, UnsolvedError
from strongltn.numerics.exact import BoolArray, read_only, round_once, subset_error
from strongltn.process.default_state import in_default_state
from strongltn.subset_sum.problem import checked_samples, checked_targets, checked_tolerance
from strongltn.subset_sum.result import Stop, Verdict
from strongltn.subset_sum.solvers.ilp import IntegerProgram
from strongltn.subset_sum.solvers.program import AbstractProgramSolver
from strongltn.values.by_value import ByValue


@dataclass(frozen=True, eq=False)
class JointResult(ByValue):
    """The subsets for m targets of the same n samples, and what is known about all of them.

    Attributes
    ----------
    mask : bool array, shape (m, n)
        Row j is the subset for target j; ``True`` = kept; read-only.
    exact_errors : tuple of m Fractions
        The distance between sum and target of each row, without rounding.
    verdict : Verdict
        SOLVED: every error is within the tolerance, or 0 where there is none. Else UNDECIDED.
    stop : Stop
        Why the search ended. Of the objective, a claim is all that is known.

    Notes
    -----
    Rigor: exact.  Cost: none.  Randomness: none.
    """

    mask: BoolArray
    exact_errors: tuple[Fraction, ...]
    verdict: Verdict
    stop: Stop

    def __post_init__(self) -> None:
        object.__setattr__(self, "mask", read_only(self.mask))

    def __repr__(self) -> str:
        return (
            f"JointResult({self.verdict.value}, {len(self.exact_errors)} targets, keeps "
            f"{self.num_kept} of {self.mask.shape[1]}, largest error {self.largest_error!r}, "
            f"{self.stop.value})"
        )

    @property
    def largest_error(self) -> float:
        """The largest of the exact errors, rounded once to the nearest double."""
        return round_once(max(self.exact_errors))

    @property
    def num_kept(self) -> int:
        """How many samples are kept for at least one target."""
        return int(self.mask.any(axis=0).sum())

    def __bool__(self) -> NoReturn:
        raise TypeError("a result has no truth value: compare its verdict with Verdict.SOLVED")


@in_default_state()
def solve_jointly(
    samples: ArrayLike,
    targets: ArrayLike,
    *,
    solver: AbstractProgramSolver | None = None,
    tolerance: float | None = None,
    is_disjoint: bool = False,
    throw: bool = True,
) -> JointResult:
    """Search subsets of the same samples for several targets at once.

    The objective of the solver is that of all targets together:

    - LEAST_ERROR minimises the largest of the errors;
    - FEWEST_SAMPLES minimises how many samples are kept for at least one target (in a network: how
      many hidden neurons stay), each error within the tolerance;
    - WITHIN_TOLERANCE takes any subsets whose errors are all within the tolerance.

    Unless `is_disjoint`, the first and the last are m separate problems, which `solve_targets`
    solves much faster, and exactly.

    Parameters
    ----------
    samples : float64 array, shape (n,)
        Finite, n >= 1. Another real dtype, a tensor or a sequence must lose nothing in float64.
    targets : float64 array, shape (m,)
        Finite, m >= 1.
    solver : IntegerProgram or ConstraintProgram, optional
        Without a `size`. Default: ``IntegerProgram()``.
    tolerance : float >= 0, optional
        One for all targets.
    is_disjoint : bool
        Whether each sample may be kept for one target at most.
    throw : bool
        Whether to raise when a tolerance was given and not all errors are within it.

    Returns
    -------
    JointResult
        Re-summed exactly; disjoint if asked for.

    Raises
    ------
    UnsolvedError
        `throw` is true, a tolerance was given, and the verdict is not SOLVED. It carries the
        result.
    InvalidInputError
        A value is outside the above, or the solver needs a tolerance and none is given.

    Notes
    -----
    Rigor: exact errors; that an objective is optimal is a claim of the solver.  Cost: exponential
    in m n at worst.  Randomness: none.

    Source
    ------
    `pensia2020`, experiment 1, shares the samples of a row of the target among its weights.

    Examples
    --------
    >>> import numpy as np
    >>> samples = np.array([0.5, 0.25, 0.125, 1.0])
    >>> solve_jointly(samples, np.array([0.75, 1.0]), is_disjoint=True).mask.tolist()
    [[True, True, False, False], [False, False, False, True]]
    """
    shared = checked_samples(samples, num_dimensions=1)
    goals = checked_targets(targets)
    limit = checked_tolerance(tolerance)
    solver = IntegerProgram() if solver is None else solver
    if goals.size == 0:
        raise InvalidInputError("targets", got="none", allowed="of shape (m,) with m >= 1")
    if not isinstance(solver, AbstractProgramSolver) or solver.size is not None:
        raise InvalidInputError(
            "solver", got=solver, allowed="an IntegerProgram or a ConstraintProgram without a size"
        )
    found, _ = solver.propose(shared, goals.tolist(), limit, is_disjoint=is_disjoint)
    pairs = zip(found.mask, goals.tolist(), strict=True)
    errors = tuple(subset_error(shared, row, target) for row, target in pairs)
    is_solved = max(errors) <= Fraction(limit or 0.0)
    verdict = Verdict.SOLVED if is_solved else Verdict.UNDECIDED
    stop = found.stop[0]
    if is_solved and stop is Stop.CLAIMED_INFEASIBLE:  # what stands in for a subset refutes it
        stop = Stop.GAVE_UP
    result = JointResult(found.mask, errors, verdict, stop)
    if throw and limit is not None and not is_solved:
        raise UnsolvedError(
            f"The largest error is {result.largest_error!r}, the tolerance is {limit!r}. Try more "
            "samples, a larger tolerance, or throw=False to get this result as data.",
            result=result,
        )
    return result
