"""The law of solvers: true claims, one answer for single and batch, no change of what came in."""

from __future__ import annotations

import copy
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from strongltn.errors import InvalidInputError
from strongltn.numerics.exact import BoolArray, FloatArray
from strongltn.subset_sum import SubsetSumProblem, Verdict, solve, solve_batch
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers import AbstractSolver
from strongltn.testing.instances import instances, planted_instances

_MAX_SAMPLES = 12  # 2^n subsets are listed in rationals


def check_solver_contract(
    solver: AbstractSolver[Any], *, max_samples: int = 6, num_examples: int = 50
) -> None:
    """Raise AssertionError unless a solver keeps the contract of `AbstractSolver`.

    For instances drawn by Hypothesis, against a list of all subsets in rationals:

    - the error is that of the mask, SOLVED means within tolerance, and INFEASIBLE that no subset
      is; a complete solver that covered the space decides rightly;
    - a complete solver that needs no tolerance returns the optimum, by the tie rule of
      `MeetInTheMiddle`, bit for bit, unless it says that it did not cover the space;
    - a batch gives the answers of single solves;
    - a state serves several targets, the same input gives the same answer, and neither samples nor
      solver are changed.

    Parameters
    ----------
    solver : AbstractSolver
    max_samples : int in [1, 12]
        The largest n drawn; each example lists 2^n subsets.
    num_examples : int >= 1

    Raises
    ------
    AssertionError
        With the instance, made small by Hypothesis.
    InvalidInputError
        `max_samples` is out of range.

    Notes
    -----
    Rigor: exact, no tolerance; what no example shows is not found. Cost: about 5 ms an example.
    Randomness: Hypothesis'.

    Examples
    --------
    >>> from strongltn.subset_sum.solvers import MeetInTheMiddle
    >>> check_solver_contract(MeetInTheMiddle(), num_examples=5)
    """
    if not 1 <= max_samples <= _MAX_SAMPLES:
        raise InvalidInputError("max_samples", got=max_samples, allowed="in [1, 12]")
    planted = planted_instances(max_size=max_samples).map(lambda drawn: drawn[:2])
    tolerances = st.just(0.0) | st.floats(0.0, 1.0)

    @settings(max_examples=num_examples, deadline=None)
    @given(instances(max_size=max_samples) | planted, tolerances)
    def holds(instance: tuple[FloatArray, float], tolerance: float) -> None:
        values, target = instance
        subsets = _Subsets(values)
        _check_verdict(solver, subsets, target, tolerance)
        _check_batch(solver, values, target, tolerance)
        _check_state(solver, values, target, tolerance)
        if not _needs_tolerance(solver, values.size):
            _check_verdict(solver, subsets, target, None)
            _check_batch(solver, values, target, None)

    holds()


class _Subsets:
    """All subsets of some samples, with their sums as rationals."""

    def __init__(self, samples: FloatArray) -> None:
        self.samples = samples
        self.values = [Fraction(x) for x in samples.tolist()]
        self.masks = list(product([False, True], repeat=samples.size))
        self.sums = [self.sum_of(mask) for mask in self.masks]

    def sum_of(self, mask: tuple[bool, ...] | BoolArray) -> Fraction:
        kept = (x for x, is_kept in zip(self.values, mask, strict=True) if is_kept)
        return sum(kept, Fraction(0))

    def best(self, target: float) -> tuple[Fraction, tuple[bool, ...]]:
        """Return the least error, and the mask of the tie rule."""
        goal, half = Fraction(target), self.samples.size // 2
        error = min(abs(total - goal) for total in self.sums)
        ties = [
            (total, self.sum_of(mask[:half] + (False,) * (len(mask) - half)), mask)
            for mask, total in zip(self.masks, self.sums, strict=True)
            if abs(total - goal) == error
        ]
        # indices of the halves as binary numbers: the last sample of a half is the highest bit
        rank = min(ties, key=lambda tie: (*tie[:2], tie[2][:half][::-1], tie[2][half:][::-1]))
        return error, rank[2]


def require(is_true: bool, message: str) -> None:
    """Raise AssertionError unless a claim is true, also where Python skips assert statements."""
    if not is_true:
        raise AssertionError(message)


def _needs_tolerance(solver: AbstractSolver[Any], num_samples: int) -> bool:
    try:
        solver.check(num_samples, None)
    except InvalidInputError:
        return True
    return False


def _check_verdict(
    solver: AbstractSolver[Any], subsets: _Subsets, target: float, tolerance: float | None
) -> None:
    result = solve(SubsetSumProblem(subsets.samples, target, tolerance), solver, throw=False)
    error = abs(subsets.sum_of(result.mask) - Fraction(target))
    require(result.exact_error == error, f"the error is {error}, not {result.exact_error}")
    least, mask = subsets.best(target)
    limit = least if tolerance is None else Fraction(tolerance)
    if result.verdict is Verdict.SOLVED:
        require(error <= limit, f"SOLVED with error {error}, above {limit}")
    elif result.verdict is Verdict.INFEASIBLE:
        require(least > limit, f"INFEASIBLE, but {mask} has error {least}, within {limit}")
    if solver.is_complete and result.stop is Stop.SPACE_COVERED:
        require(
            (result.verdict is Verdict.SOLVED) == (least <= limit),
            f"{result.verdict} though the least error is {least} and the limit {limit}",
        )
        if tolerance is None:
            found = tuple(result.mask.tolist())
            require(found == mask, f"the tie rule takes {mask}, not {found}")


def _check_batch(
    solver: AbstractSolver[Any], samples: FloatArray, target: float, tolerance: float | None
) -> None:
    rows, targets = np.array([samples, samples[::-1], -samples]), np.array([target, -target, 0.5])
    batch = solve_batch(rows, targets, solver=solver, tolerance=tolerance)
    for row in range(len(rows)):
        single = solve(SubsetSumProblem(rows[row], targets[row], tolerance), solver, throw=False)
        require(
            np.array_equal(batch.mask[row], single.mask)
            and bool(batch.error[row] == single.error)
            and batch.verdict[row] is single.verdict
            and batch.stop[row] is single.stop,
            f"row {row} of a batch: {batch.mask[row]}, {batch.verdict[row]}, {batch.stop[row]}; "
            f"alone: {single.mask}, {single.verdict}, {single.stop}",
        )


def _check_state(
    solver: AbstractSolver[Any], samples: FloatArray, target: float, tolerance: float
) -> None:
    before, solver_before = samples.copy(), copy.deepcopy(solver)
    state = solver.prepare(samples)
    for goal in (target, -target, target):
        reused = solver.search(state, goal, tolerance)
        fresh = solver.search(solver.prepare(samples), goal, tolerance)
        require(
            np.array_equal(reused.mask, fresh.mask) and reused.stop is fresh.stop,
            f"a state that served other targets gives {reused.mask}, a fresh one {fresh.mask}",
        )
    require(np.array_equal(samples, before), f"the samples {before} became {samples}")
    require(
        solver == solver_before and hash(solver) == hash(solver_before),
        f"the solver {solver_before} became {solver}",
    )
