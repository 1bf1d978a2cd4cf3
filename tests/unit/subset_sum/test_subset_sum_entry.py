"""Entry points: illegal values, verdicts, budgets, results."""

import dataclasses
import itertools
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from strongltn.errors import BudgetExceeded, InvalidInputError, StrongLTNError, UnsolvedError
from strongltn.subset_sum import Stop, SubsetSumProblem, Verdict, solve, solve_batch
from strongltn.subset_sum.integer_units import BigHalves
from strongltn.subset_sum.solvers import (
    AbstractSolver,
    BruteForce,
    Candidate,
    GrowingPrefix,
    IntegerProgram,
    MeetInTheMiddle,
    SingleWeight,
)

ROWS = np.array([[0.5, -0.25], [1.0, 0.125]])
TARGETS = np.array([0.25, 1.0])
BAD_NUMBERS = [float("nan"), float("inf"), -float("inf"), "1", True, 1j, 2**53 + 1, 10**400]
BAD_SAMPLES = [
    [],
    np.empty(0),
    [2**53 + 1],
    [True],
    np.array([0.1], dtype=np.longdouble) / 3,
    [0.5, float("nan")],
    [float("inf")],
    [[0.5]],
    0.5,
    ["a"],
    [[0.5], [0.5, 0.5]],
    None,
]
BAD_ROWS = [
    np.empty((2, 0)),
    ROWS[0],
    ROWS.astype(bool),
    np.full((2, 2), 2**53 + 1),
    np.array([[0.5, np.nan], [0.5, 0.5]]),
    np.array([[0.5, -np.inf], [0.5, 0.5]]),
    [[0.5], [0.5, 0.5]],
]
BAD_TARGETS = [
    TARGETS[:1],
    TARGETS[:, None],
    TARGETS.astype(str),
    np.array([1, 2**53 + 1]),
    np.array([0.5, np.nan]),
    np.array([np.inf, 0.5]),
    0.5,
    None,
]


def assert_names(parameter, caught):
    assert caught.value.parameter == parameter
    assert f"'{parameter}'" in str(caught.value)


@pytest.mark.parametrize("samples", BAD_SAMPLES, ids=repr)
def test_a_problem_refuses_samples(samples):
    with pytest.raises(InvalidInputError) as caught:
        SubsetSumProblem(samples, 0.5)
    assert_names("samples", caught)


@pytest.mark.parametrize("number", BAD_NUMBERS, ids=str)
def test_a_problem_refuses_targets_and_tolerances(number):
    with pytest.raises(InvalidInputError) as caught:
        SubsetSumProblem([0.5], number)
    assert_names("target", caught)
    with pytest.raises(InvalidInputError) as caught:
        SubsetSumProblem([0.5], 0.5, number)
    assert_names("tolerance", caught)


@pytest.mark.parametrize("tolerance", [-1e-300, -1, float("nan"), "0.1"])
def test_a_negative_tolerance_is_refused(tolerance):
    with pytest.raises(InvalidInputError) as caught:
        SubsetSumProblem([0.5], 0.5, tolerance)
    assert_names("tolerance", caught)
    with pytest.raises(InvalidInputError) as caught:
        solve_batch(ROWS, TARGETS, tolerance=tolerance)
    assert_names("tolerance", caught)


def test_numbers_that_float64_holds_exactly_are_legal():
    problem = SubsetSumProblem([0.5], np.float32(0.1), 1)
    assert (problem.target, problem.tolerance) == (float(np.float32(0.1)), 1.0)
    assert SubsetSumProblem([0.5], Fraction(3, 4)).target == 0.75


@pytest.mark.parametrize("samples", BAD_ROWS, ids=repr)
def test_a_batch_refuses_samples(samples):
    with pytest.raises(InvalidInputError) as caught:
        solve_batch(samples, TARGETS)
    assert_names("samples", caught)


@pytest.mark.parametrize("targets", BAD_TARGETS, ids=repr)
def test_a_batch_refuses_targets(targets):
    with pytest.raises(InvalidInputError) as caught:
        solve_batch(ROWS, targets)
    assert_names("targets", caught)


@pytest.mark.parametrize(
    ("solver", "settings"),
    [
        (BruteForce, {"max_samples": 0}),
        (BruteForce, {"max_samples": 2.0}),
        (BruteForce, {"max_samples": True}),
        (GrowingPrefix, {"first": 0}),
        (GrowingPrefix, {"step": 1.5}),
        (MeetInTheMiddle, {"max_bytes": 0}),
        (MeetInTheMiddle, {"max_bytes": 1e9}),
        (IntegerProgram, {"backend": "GUROBI_OF_MY_DREAMS"}),
        (IntegerProgram, {"backend": None}),
        (IntegerProgram, {"objective": "most-samples"}),
        (IntegerProgram, {"time_limit_seconds": 0.0}),
        (IntegerProgram, {"time_limit_seconds": float("nan")}),
        (IntegerProgram, {"time_limit_seconds": float("inf")}),
        (IntegerProgram, {"time_limit_seconds": "60"}),
    ],
    ids=str,
)
def test_a_solver_refuses_settings(solver, settings):
    with pytest.raises(InvalidInputError) as caught:
        solver(**settings)
    assert_names(next(iter(settings)), caught)


def test_work_beyond_a_budget_is_refused_before_it_starts():
    for solver, num_samples in [
        (BruteForce(max_samples=3), 4),
        (MeetInTheMiddle(max_bytes=48 * 4 - 1), 4),
        (MeetInTheMiddle(), 50),
    ]:
        samples = np.ones((1, num_samples))
        with pytest.raises(BudgetExceeded, match=str(num_samples)):
            solve_batch(samples, np.zeros(1), solver=solver)
        with pytest.raises(BudgetExceeded, match=str(num_samples)):
            solve(SubsetSumProblem(samples[0], 0.0), solver)
        with pytest.raises(BudgetExceeded, match=str(num_samples)):
            solver.prepare(samples[0])


def test_python_integers_have_a_budget_of_their_own():
    solver = MeetInTheMiddle(max_bytes=48 * 4)
    plain, spread = [1.0, 2.0, 3.0, 4.0], [1e300, 2.0, 3.0, 1e-300]
    assert solve(SubsetSumProblem(plain, 10.0), solver).error == 0.0
    with pytest.raises(BudgetExceeded):
        solve(SubsetSumProblem(spread, 10.0), solver)
    assert solve_batch(np.array([plain]), np.array([10.0]), solver=solver).error[0] == 0.0
    with pytest.raises(BudgetExceeded):
        solve_batch(np.array([plain, spread]), np.zeros(2), solver=solver)
    with pytest.raises(BudgetExceeded):
        solve(SubsetSumProblem(spread, 5.0), MeetInTheMiddle(max_bytes=512 * 8 - 1))
    enough = MeetInTheMiddle(max_bytes=512 * 8)
    assert solve(SubsetSumProblem(spread, 5.0), enough).error == 0.0


def test_a_budget_limits_the_threads_and_not_the_answer():
    rng = np.random.default_rng(7)
    samples, targets = rng.uniform(-1, 1, (500, 11)), rng.uniform(-0.5, 0.5, 500)
    narrow = solve_batch(samples, targets, solver=MeetInTheMiddle(max_bytes=512 * 96))
    assert np.array_equal(narrow.mask, solve_batch(samples, targets).mask)


def test_many_rows_of_mixed_kinds_keep_their_places():
    rng = np.random.default_rng(8)
    samples = rng.integers(-(2**24), 2**24, (9_000, 6)) / 2.0**24
    samples[::1000] *= 2.0 ** rng.integers(-500, 500, (9, 6))
    targets = rng.uniform(-1, 1, 9_000)
    fast = solve_batch(samples, targets)
    for row in [*range(0, 9_000, 500), 8_999]:
        single = solve(SubsetSumProblem(samples[row], targets[row]), BruteForce())
        assert np.array_equal(fast.mask[row], single.mask)
        assert fast.error[row] == single.error


@pytest.mark.parametrize("solver", [MeetInTheMiddle(), BruteForce()], ids=repr)
def test_an_error_that_only_rounds_to_the_tolerance_is_not_within_it(solver):
    # The error 1/2 + 2**-54 is half-way between two doubles and rounds down to 1/2.
    problem = SubsetSumProblem([0.5 - 2.0**-54], 1.0, 0.5)
    result = solve(problem, solver, throw=False)
    assert result.exact_error == Fraction(1, 2) + Fraction(1, 2**54)
    assert result.error == 0.5
    assert result.verdict is Verdict.INFEASIBLE
    batch = solve_batch(problem.samples[None, :], np.array([1.0]), solver=solver, tolerance=0.5)
    assert batch.error[0] == 0.5
    assert batch.verdict[0] is Verdict.INFEASIBLE


@pytest.mark.parametrize(("num_samples", "magnitude"), [(1, 4), (2, 4), (4, 2), (5, 2), (7, 1)])
def test_all_rows_of_small_integers_under_all_searches(num_samples, magnitude):
    values = np.arange(-magnitude, magnitude + 1.0)
    samples = np.array(list(itertools.product(values, repeat=num_samples)))
    targets = np.random.default_rng(num_samples).integers(-16, 17, len(samples)) / 4
    oracle = solve_batch(samples, targets, solver=BruteForce())
    assert np.array_equal(solve_batch(samples, targets).mask, oracle.mask)
    for row in range(0, len(samples), 3):
        mask = BigHalves.of(samples[row]).nearest(float(targets[row]))
        assert np.array_equal(mask, oracle.mask[row])


def test_the_stated_tie_rule():
    def kept(samples, target):
        return np.flatnonzero(solve(SubsetSumProblem(samples, target)).mask).tolist()

    assert kept([1.0, 2.0], 1.5) == [0]  # the smaller of two sums
    assert kept([1.0, -1.0], 0.0) == []  # equal sums: the smallest partial sum in A is 0
    assert kept([-1.0, 1.0], 0.0) == [0, 1]  # here it is -1
    assert kept([1.0, 1.0, 5.0, 5.0], 1.0) == [0]  # the smallest index in A
    assert kept([5.0, 5.0, 1.0, 1.0], 1.0) == [2]  # the smallest index in B
    assert kept([1.0, 10.0, 1.0, 20.0], 11.0) == [1, 2]  # partial sum 10, not 11
    assert kept([1.0, 10.0, 1.0, 20.0, 100.0], 111.0) == [1, 2, 4]
    assert kept([9.0, 1.0, 2.0, 3.0], 3.0) == [3]  # partial sum 0 in A = samples[:2], not 1


def test_a_growing_prefix_stops_at_the_shortest_that_is_within_tolerance():
    samples = np.array([[1.0, 0.5, 0.25, 0.125], [1.0, 0.5, 0.3, 0.1]])
    solver = GrowingPrefix(first=1, step=1)
    result = solve_batch(samples, np.array([0.75, 0.38]), solver=solver, tolerance=0.02)
    assert result.mask.tolist() == [[False, True, True, False], [False, False, True, True]]
    assert result.stop.tolist() == [Stop.TOLERANCE_MET, Stop.SPACE_COVERED]
    assert result.count(Verdict.SOLVED) == 2


def test_without_a_tolerance_only_a_proof_is_solved():
    problem = SubsetSumProblem([0.5, 0.25], 0.75)
    assert solve(problem, SingleWeight()).verdict is Verdict.UNDECIDED
    assert solve(SubsetSumProblem([0.5], 0.5), SingleWeight()).verdict is Verdict.SOLVED
    assert solve(problem).verdict is Verdict.SOLVED


def test_an_unsolved_problem_raises_and_carries_its_result():
    problem = SubsetSumProblem([1.0], 0.5, 0.25)
    with pytest.raises(UnsolvedError, match=r"INFEASIBLE.*0\.5.*0\.25") as caught:
        solve(problem)
    assert caught.value.result.verdict is Verdict.INFEASIBLE
    with pytest.raises(UnsolvedError, match="UNDECIDED"):
        solve(problem, SingleWeight())


def test_a_result_has_no_truth_value_and_cannot_be_written():
    result = solve(SubsetSumProblem([1.0, 2.0], 3.0))
    batch = solve_batch(ROWS, TARGETS)
    for value in (result, batch):
        with pytest.raises(TypeError, match="truth value"):
            bool(value)
        with pytest.raises(dataclasses.FrozenInstanceError):
            value.mask = None
        with pytest.raises(ValueError, match="read-only"):
            value.mask[0] = False
    for array in (batch.error, batch.verdict, batch.stop):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]
    assert result.num_kept == 2
    assert batch.num_kept.tolist() == batch.mask.sum(axis=1).tolist()
    assert (len(batch), batch.count(Verdict.SOLVED), batch.count(Verdict.UNDECIDED)) == (2, 2, 0)


@dataclasses.dataclass(frozen=True)
class Boaster(AbstractSolver[np.ndarray]):
    """Claims whatever it is told to claim, about the empty subset."""

    stop: Stop
    is_complete = False

    def prepare(self, samples):
        return samples

    def search(self, state, target, tolerance):
        return Candidate(np.zeros(state.size, dtype=bool), self.stop)


@pytest.mark.parametrize("stop", Stop)
def test_no_claim_of_an_incomplete_solver_is_believed(stop):
    solver = Boaster(stop)
    problem = SubsetSumProblem([0.5], 0.5, 0.25)
    assert solve(problem, solver, throw=False).verdict is Verdict.UNDECIDED
    assert solve(SubsetSumProblem([0.5], 0.5), solver).verdict is Verdict.UNDECIDED
    batch = solve_batch(np.array([[0.5]]), np.array([0.5]), solver=solver, tolerance=0.25)
    assert batch.verdict[0] is Verdict.UNDECIDED


def test_a_subset_of_the_wrong_shape_is_refused():
    class Careless(Boaster):
        def search(self, state, target, tolerance):
            return Candidate(np.zeros(state.size + 1, dtype=bool), self.stop)

    with pytest.raises(StrongLTNError, match="mask"):
        solve(SubsetSumProblem([0.5], 0.5), Careless(Stop.TIME))


def test_importing_the_package_loads_neither_numba_nor_pulp():
    code = (
        "import sys, strongltn.subset_sum.solvers;"
        "raise SystemExit(bool({'numba', 'pulp', 'highspy', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_device_that_is_not_there_and_a_solver_without_one_are_refused():
    samples, targets = np.array([[0.5, 0.25]]), np.array([0.3])
    with pytest.raises(InvalidInputError, match="abacus"):
        solve_batch(samples, targets, device="abacus")
    with pytest.raises(InvalidInputError, match="MeetInTheMiddle"):
        solve_batch(samples, targets, device="cuda", solver=SingleWeight())
