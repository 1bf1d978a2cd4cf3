"""The integer program: what it minimises, what it claims, and when it stops."""

import numpy as np
import pytest

from strongltn.errors import InvalidInputError
from strongltn.subset_sum import Stop, SubsetSumProblem, Verdict, solve, solve_batch
from strongltn.subset_sum.solvers import IntegerProgram, MeetInTheMiddle, Objective

both_backends = pytest.mark.parametrize("backend", ["HiGHS", "PULP_CBC_CMD"])
SAMPLES = np.array([0.31, -0.72, 0.115, 0.93, -0.24, 0.058, 0.47, -0.6, 0.83, 0.21])


@both_backends
def test_the_claimed_optimum_is_one_on_an_easy_instance(backend):
    problem = SubsetSumProblem(SAMPLES, 0.4242)
    result = solve(problem, IntegerProgram(backend))
    assert result.stop is Stop.CLAIMED_OPTIMAL
    assert result.verdict is Verdict.UNDECIDED  # the claim is not a proof
    assert result.exact_error == solve(problem, MeetInTheMiddle()).exact_error


@both_backends
@pytest.mark.parametrize("exponent", [-900, -30, 30, 900])
def test_the_scale_of_the_numbers_does_not_matter(backend, exponent):
    factor = 2.0**exponent
    plain = solve(SubsetSumProblem(SAMPLES, 0.4242), IntegerProgram(backend))
    scaled = solve(SubsetSumProblem(SAMPLES * factor, 0.4242 * factor), IntegerProgram(backend))
    assert np.array_equal(scaled.mask, plain.mask)


@both_backends
def test_fewest_samples_keeps_no_more_than_needed(backend):
    solver = IntegerProgram(backend, objective=Objective.FEWEST_SAMPLES)
    result = solve(SubsetSumProblem([0.25, 0.25, 0.5, 0.125], 1.0, 0.01), solver)
    assert (result.verdict, result.num_kept) == (Verdict.SOLVED, 3)
    loose = solve(SubsetSumProblem([0.25, 0.25, 0.5, 0.125], 1.0, 0.25), solver)
    assert (loose.verdict, loose.num_kept) == (Verdict.SOLVED, 2)
    nothing = solve(SubsetSumProblem([0.25, 0.5], 0.1, 0.1), solver)
    assert (nothing.verdict, nothing.num_kept) == (Verdict.SOLVED, 0)


@both_backends
@pytest.mark.parametrize(
    ("samples", "target"),
    [([0.25, 0.5], 0.4), ([0.0, 0.0], 1.0), ([5e-324], 1e308), ([0.25, 0.5], -0.4)],
)
def test_a_claim_of_infeasibility_is_not_a_verdict(backend, samples, target):
    solver = IntegerProgram(backend, objective=Objective.FEWEST_SAMPLES)
    result = solve(SubsetSumProblem(samples, target, 1e-3), solver, throw=False)
    assert result.stop is Stop.CLAIMED_INFEASIBLE
    assert result.verdict is Verdict.UNDECIDED
    assert result.num_kept == 0


def test_fewest_samples_needs_a_tolerance():
    solver = IntegerProgram(objective="fewest-samples")
    assert solver == IntegerProgram(objective=Objective.FEWEST_SAMPLES)
    for run in (
        lambda: solve(SubsetSumProblem([0.5], 0.5), solver),
        lambda: solve_batch(np.array([[0.5]]), np.array([0.5]), solver=solver),
    ):
        with pytest.raises(InvalidInputError, match="'tolerance'"):
            run()


def test_a_backend_that_takes_no_gaps_gets_none(monkeypatch):
    monkeypatch.setattr("strongltn.subset_sum.solvers.ilp._TAKE_GAPS", ())
    assert solve(SubsetSumProblem([0.25, 0.5], 0.75), IntegerProgram()).error == 0.0


def test_the_message_lists_the_backends_that_are_available():
    with pytest.raises(InvalidInputError, match="HiGHS"):
        IntegerProgram("NO_SUCH_BACKEND")


@both_backends
def test_a_time_limit_is_kept_and_reported(backend):
    samples = np.random.default_rng(5).uniform(-1, 1, 45)
    result = solve(
        SubsetSumProblem(samples, 0.123), IntegerProgram(backend, time_limit_seconds=0.05)
    )
    assert result.stop is Stop.TIME
    assert result.verdict is Verdict.UNDECIDED
