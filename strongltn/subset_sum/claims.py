"""What a solver claims about the least error, compared with what is so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from strongltn.errors import InvalidInputError
from strongltn.numerics.exact import BoolArray, FloatArray, subset_error, subset_errors
from strongltn.subset_sum.problem import checked_samples, checked_targets
from strongltn.subset_sum.result import BatchResult, Stop
from strongltn.subset_sum.solvers.abstract import AbstractSolver, CandidateBatch
from strongltn.subset_sum.solvers.meet_in_the_middle import MeetInTheMiddle


@dataclass(frozen=True)
class AuditedClaims:
    """How many of m subsets are claimed to be optimal, and how many are.

    Attributes
    ----------
    num_instances : int
        m.
    num_claimed : int
        Rows that ended with ``Stop.CLAIMED_OPTIMAL``.
    num_true_claims : int
        Rows of those whose subset has the least error.
    num_optimal : int
        Rows whose subset has the least error, claimed or not.
    num_timeouts : int
        Rows that ended with ``Stop.TIME``.
    """

    num_instances: int
    num_claimed: int
    num_true_claims: int
    num_optimal: int
    num_timeouts: int


def audit_claims(
    samples: ArrayLike,
    targets: ArrayLike,
    found: BatchResult | CandidateBatch,
    *,
    exact: AbstractSolver[Any] | None = None,
) -> AuditedClaims:
    """Count the claims of optimality that are true, by exact comparison with the optimum.

    Parameters
    ----------
    samples : float64 array, shape (m, n)
        Finite, n >= 1.
    targets : float64 array, shape (m,)
        Finite.
    found : BatchResult or CandidateBatch
        The subsets for these instances, and why each search stopped; its objective is the least
        error.
    exact : AbstractSolver, optional
        Finds the optimum, over the same family of subsets. Default: ``MeetInTheMiddle()``.

    Returns
    -------
    AuditedClaims
        Counts.

    Raises
    ------
    InvalidInputError
        A value is outside the above, or a subset found is better than that of `exact`.
    BudgetExceeded
        n is too large for the budget of `exact`; nothing was started.

    Notes
    -----
    Rigor: exact.  Cost: that of `exact`.  Randomness: none.

    Source
    ------
    The float tolerances of the solvers that `pensia2020`, experiment 1, uses are of the order of
    the optimum.

    Examples
    --------
    >>> rows, goals = np.array([[0.5, 0.25], [0.5, 0.25]]), np.array([0.3, 0.5])
    >>> claimed = np.full(2, Stop.CLAIMED_OPTIMAL, dtype=object)
    >>> found = CandidateBatch(np.array([[False, True], [True, True]]), claimed)
    >>> audit_claims(rows, goals, found).num_true_claims
    1
    """
    rows = checked_samples(samples, num_dimensions=2)
    goals = checked_targets(targets, num_instances=len(rows))
    exact = MeetInTheMiddle() if exact is None else exact
    exact.check(rows.shape[1], None)
    best = exact.search_batch(rows, goals, None).mask
    is_optimal = _have_equal_errors(rows, goals, found.mask, best)
    is_claimed = found.stop == Stop.CLAIMED_OPTIMAL
    return AuditedClaims(
        num_instances=len(rows),
        num_claimed=int(is_claimed.sum()),
        num_true_claims=int((is_claimed & is_optimal).sum()),
        num_optimal=int(is_optimal.sum()),
        num_timeouts=int((found.stop == Stop.TIME).sum()),
    )


def _have_equal_errors(
    rows: FloatArray, goals: FloatArray, mask: BoolArray, best: BoolArray
) -> BoolArray:
    """Compare exact errors: in Fractions where the rounded ones do not tell."""
    error, _ = subset_errors(rows, mask, goals)
    least, _ = subset_errors(rows, best, goals)
    is_equal: BoolArray = error == least
    is_better: BoolArray = error < least
    for row in np.flatnonzero(is_equal & (mask != best).any(axis=1)):
        pair = [subset_error(rows[row], subset[row], goals[row]) for subset in (mask, best)]
        is_equal[row], is_better[row] = pair[0] == pair[1], pair[0] < pair[1]
    if is_better.any():
        raise InvalidInputError(
            "exact",
            got=f"a larger error than the one found, in row {np.argmax(is_better)}",
            allowed="a solver that finds the least error of the same family of subsets",
        )
    return is_equal
