"""The integer program: what it minimises, what it claims, and when it stops."""

import time
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from oracles import exact_error, exact_sum
from strategies import subset_sum_instances

from strongltn.errors import InvalidInputError, UnsolvedError
from strongltn.subset_sum import Stop, SubsetSumProblem, Verdict, solve, solve_batch
from strongltn.subset_sum.claims import AuditedClaims, audit_claims
from strongltn.subset_sum.joint import JointResult, solve_jointly
from strongltn.subset_sum.solvers import CandidateBatch, IntegerProgram, MeetInTheMiddle
from strongltn.subset_sum.solvers.cp_sat import integer_numbers
from strongltn.subset_sum.solvers.ilp import pulp_model, real_numbers
from strongltn.subset_sum.solvers.program import Answer, Objective, Program, SolveTime

both_backends = pytest.mark.parametrize("backend", ["HiGHS", "PULP_CBC_CMD"])
SAMPLES = np.array([0.31, -0.72, 0.115, 0.93, -0.24, 0.058, 0.47, -0.6, 0.83, 0.21])
HARD = np.random.default_rng(5).uniform(-1, 1, 45)


def subsets(num_samples):
    """All masks of n samples."""
    return [np.array(mask) for mask in product([False, True], repeat=num_samples)]


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


def test_the_least_error_needs_no_tolerance_and_ignores_one():
    masks = [
        solve(SubsetSumProblem(SAMPLES, 0.4242, tolerance), IntegerProgram()).mask.tolist()
        for tolerance in (None, 0.2)
    ]
    assert masks[0] == masks[1]


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
def test_within_tolerance_stops_at_a_subset_within(backend):
    solver = IntegerProgram(backend, objective="within-tolerance")
    result = solve(SubsetSumProblem(SAMPLES, 0.4242, 0.01), solver)
    assert (result.verdict, result.stop) == (Verdict.SOLVED, Stop.TOLERANCE_MET)


@both_backends
@pytest.mark.parametrize("objective", [Objective.FEWEST_SAMPLES, Objective.WITHIN_TOLERANCE])
@pytest.mark.parametrize(
    ("samples", "target"),
    [([0.25, 0.5], 0.4), ([0.0, 0.0], 1.0), ([5e-324], 1e308), ([0.25, 0.5], -0.4)],
)
def test_a_claim_of_infeasibility_is_not_a_verdict(backend, objective, samples, target):
    solver = IntegerProgram(backend, objective=objective)
    result = solve(SubsetSumProblem(samples, target, 1e-3), solver, throw=False)
    assert result.stop is Stop.CLAIMED_INFEASIBLE
    assert result.verdict is Verdict.UNDECIDED
    assert result.num_kept == 0


@both_backends
def test_a_size_is_kept_to(backend):
    samples = [0.5, -0.25, 0.0, 0.375, 1.0, -0.75]
    for size in range(7):
        family = [[k in kept for k in range(6)] for kept in combinations(range(6), size)]
        result = solve(SubsetSumProblem(samples, 0.3), IntegerProgram(backend, size=size))
        assert (result.num_kept, result.stop) == (size, Stop.CLAIMED_OPTIMAL)
        assert result.exact_error == min(exact_error(samples, mask, 0.3) for mask in family)


@both_backends
def test_a_size_without_a_subset_still_has_that_size(backend):
    solver = IntegerProgram(backend, objective="within-tolerance", size=2)
    result = solve(SubsetSumProblem([0.5, 0.25, 1.0], 0.25, 0.01), solver, throw=False)
    assert (result.stop, result.num_kept) == (Stop.CLAIMED_INFEASIBLE, 2)


@pytest.mark.parametrize("objective", ["fewest-samples", "within-tolerance"])
def test_some_objectives_need_a_tolerance(objective):
    solver = IntegerProgram(objective=objective)
    assert solver == IntegerProgram(objective=Objective(objective))
    for run in (
        lambda: solve(SubsetSumProblem([0.5], 0.5), solver),
        lambda: solve_batch(np.array([[0.5]]), np.array([0.5]), solver=solver),
    ):
        with pytest.raises(InvalidInputError, match="'tolerance'"):
            run()


@pytest.mark.parametrize("size", [-1, 2.0, True, "3"])
def test_a_size_is_a_count(size):
    with pytest.raises(InvalidInputError, match="'size'"):
        IntegerProgram(size=size)


def test_more_settings_are_refused():
    with pytest.raises(InvalidInputError, match=r"'size'.*at most n = 2"):
        solve(SubsetSumProblem([0.5, 0.25], 0.5), IntegerProgram(size=3))
    with pytest.raises(InvalidInputError, match="'is_tight'"):
        IntegerProgram(is_tight=1)
    with pytest.raises(InvalidInputError, match="HiGHS"):
        IntegerProgram("NO_SUCH_BACKEND")


def small_model():
    return pulp_model(Program([3.0, 5.0, 7.5], [(8.2, 8.2)], Objective.LEAST_ERROR))[0]


@pytest.mark.parametrize(("is_tight", "tolerance", "gap"), [(True, 1e-10, 0), (False, 1e-6, 1e-4)])
def test_highs_gets_its_tightest_tolerances(is_tight, tolerance, gap):
    model = small_model()
    model.solve(IntegerProgram("HiGHS", is_tight=is_tight)._backend(num_bits=3))
    assert model.solverModel.getOptionValue("mip_feasibility_tolerance")[1] == tolerance
    assert model.solverModel.getOptionValue("mip_rel_gap")[1] == gap


@pytest.mark.parametrize("is_tight", [True, False])
def test_cbc_gets_its_tightest_tolerances(is_tight, capfd):
    solver = IntegerProgram("PULP_CBC_CMD", is_tight=is_tight)._backend(num_bits=3)
    solver.msg = True
    small_model().solve(solver)
    said = capfd.readouterr().out
    assert "seconds was changed" in said
    for name, value in [("primalT", "1e-09"), ("dualT", "1e-09"), ("integerT", "1e-12")]:
        is_said = any(f"{name}olerance was changed" in x and value in x for x in said.splitlines())
        assert is_said == is_tight
    assert ("allowableGap was changed" in said) == is_tight


@both_backends
@pytest.mark.parametrize("limit", [0.05, 0.3])
def test_a_time_limit_is_kept_and_reported(backend, limit):
    started = time.monotonic()
    solver = IntegerProgram(backend, time_limit_seconds=limit)
    result = solve(SubsetSumProblem(HARD, 0.123), solver)
    assert time.monotonic() - started < limit + 2.0  # the margin is for a busy machine
    assert result.stop is Stop.TIME
    assert result.verdict is Verdict.UNDECIDED


def test_a_presolve_that_would_overrun_the_limit_is_left_out():
    options = [IntegerProgram()._backend(num_bits=k).optionsDict for k in (500, 501)]
    assert [row.get("presolve") for row in options] == [None, "off"]


def test_a_batch_says_how_long_each_row_took():
    rows = np.array([SAMPLES, -SAMPLES])
    targets = np.array([0.4242, 0.1])
    found, times = IntegerProgram().timed_search_batch(rows, targets, None)
    assert np.array_equal(found.mask, IntegerProgram().search_batch(rows, targets, None).mask)
    for spent in times:
        assert spent.build_seconds > 0
        assert spent.search_seconds > 0
        assert spent.search_cpu_seconds > 0


class Rounded(IntegerProgram):
    """Returns bits that break a constraint, as rounding could."""

    def _answer(self, program):
        ones = [[True] * len(program.coefficients)] * len(program.windows)
        return Answer(ones, Stop.CLAIMED_OPTIMAL, SolveTime())


def test_bits_that_break_a_constraint_are_no_proposal():
    result = solve(SubsetSumProblem(SAMPLES, 0.5), Rounded(size=2))
    assert (result.stop, result.num_kept) == (Stop.GAVE_UP, 2)
    zeros = solve(SubsetSumProblem([0.5, 0.0, -0.0, 0.25], 0.5), Rounded())
    assert zeros.mask.tolist() == [True, False, False, True]  # a zero is kept for a size only
    joint = solve_jointly(SAMPLES, np.array([0.5, 0.1]), solver=Rounded(), is_disjoint=True)
    assert (joint.stop, joint.num_kept) == (Stop.GAVE_UP, 0)


# Numbers of a program


@given(subset_sum_instances())
def test_quarter_units_order_the_sums_as_distances_do(instance):
    samples, target = instance
    coefficients, [(goal, upper)] = integer_numbers(samples, [target], None)
    assert goal == upper
    masks = subsets(samples.size)
    if sum(map(abs, coefficients)) >= 4 * 2**56:
        return  # perhaps rounded to a coarser grid
    keys = [abs(sum(np.array(coefficients, object)[m]) - goal) for m in masks]
    ranks = [(exact_error(samples, m, target), exact_sum(samples, m)) for m in masks]
    assert [rank for _, rank in sorted(zip(keys, ranks, strict=True))] == sorted(ranks)
    assert len(set(keys)) == len(set(ranks))


@given(subset_sum_instances())
def test_an_integer_window_holds_the_subsets_within_tolerance(instance):
    samples, target = instance
    tolerance = float(np.abs(samples).min())
    coefficients, [(lower, upper)] = integer_numbers(samples, [target], tolerance)
    if sum(map(abs, coefficients)) >= 2**56:
        return  # perhaps rounded to a coarser grid
    for mask in subsets(samples.size):
        is_within = exact_error(samples, mask, target) <= Fraction(tolerance)
        assert (lower <= sum(np.array(coefficients, object)[mask]) <= upper) == is_within


def test_integers_stay_small_on_a_huge_span():
    samples = np.array([1e308, 1.5, -1e-308])
    coefficients, [(goal, _)] = integer_numbers(samples, [-1e308], None)
    assert sum(map(abs, coefficients)) <= 2**59
    assert abs(goal) <= 2**60
    exact = np.array([2.0**56, 1.0])
    assert integer_numbers(exact, [0.0], None)[0] == [2**58, 4]


@pytest.mark.parametrize("tolerance", [None, 0.0, 1e-300, 1e300])
@given(instance=subset_sum_instances())
def test_reals_stay_small(instance, tolerance):
    samples, target = instance
    coefficients, windows = real_numbers(samples, [target, -target], tolerance)
    numbers = np.array([*coefficients, *np.ravel(windows)])
    assert np.abs(numbers).max() <= 2.0**30 * samples.size + 1


# Several targets at once


def test_disjoint_subsets_have_the_least_largest_error():
    samples, targets = SAMPLES[:6], np.array([0.4242, -0.3])
    owners = [np.array(owner) for owner in product(range(3), repeat=6)]
    best = min(
        max(exact_error(samples, owner == j, target) for j, target in enumerate(targets))
        for owner in owners
    )
    result = solve_jointly(samples, targets, is_disjoint=True)
    assert max(result.exact_errors) == best
    assert (result.mask.sum(axis=0) <= 1).all()
    assert result.stop is Stop.CLAIMED_OPTIMAL
    assert result.verdict is Verdict.UNDECIDED
    apart = [solve(SubsetSumProblem(samples, target)).exact_error for target in targets]
    assert best > max(apart)  # the instance is one where the constraint matters
    assert max(solve_jointly(samples, targets).exact_errors) == max(apart)


@both_backends
def test_fewest_samples_counts_a_shared_sample_once(backend):
    samples, targets = np.array([0.5, 0.26, 0.76, 1.2]), np.array([0.5, 0.25, 0.75])
    solver = IntegerProgram(backend, objective="fewest-samples")
    result = solve_jointly(samples, targets, solver=solver, tolerance=0.02)
    assert result.verdict is Verdict.SOLVED
    assert result.largest_error <= 0.02
    # the fewest for each target alone are {0.5}, {0.26} and {0.76}: three in all
    assert result.num_kept == 2


def test_a_joint_failure_is_raised_or_returned():
    with pytest.raises(UnsolvedError) as caught:
        solve_jointly([0.5], [0.5, 0.25], tolerance=0.1)
    assert isinstance(caught.value.result, JointResult)
    result = solve_jointly([0.5], [0.5, 0.25], tolerance=0.1, throw=False)
    assert result.verdict is Verdict.UNDECIDED
    assert result.exact_errors == (0, Fraction(1, 4))
    assert not result.mask.flags.writeable
    with pytest.raises(TypeError):
        bool(result)
    exact = solve_jointly([0.5, 0.25], [0.5, 0.75])
    assert exact.verdict is Verdict.SOLVED  # all errors are 0


@pytest.mark.parametrize(
    ("parameter", "arguments"),
    [
        ("samples", {"samples": []}),
        ("samples", {"samples": np.array([True])}),
        ("targets", {"targets": np.empty(0)}),
        ("targets", {"targets": [np.nan]}),
        ("tolerance", {"tolerance": -1.0}),
        ("tolerance", {"solver": IntegerProgram(objective="fewest-samples")}),
        ("solver", {"solver": MeetInTheMiddle()}),
        ("solver", {"solver": IntegerProgram(size=1)}),
    ],
)
def test_a_joint_call_refuses(parameter, arguments):
    with pytest.raises(InvalidInputError) as caught:
        solve_jointly(**({"samples": [0.5], "targets": [0.5]} | arguments))
    assert caught.value.parameter == parameter


# Claims


def test_claims_and_truth_are_counted_apart():
    rows = np.tile([0.5, 0.25], (4, 1))
    goals = np.array([0.3, 0.3, 0.3, 0.3])
    mask = np.array([[False, True], [True, False], [False, True], [False, False]])
    stop = np.array([Stop.CLAIMED_OPTIMAL, Stop.CLAIMED_OPTIMAL, Stop.TIME, Stop.TIME])
    assert audit_claims(rows, goals, CandidateBatch(mask, stop)) == AuditedClaims(
        num_instances=4, num_claimed=2, num_true_claims=1, num_optimal=2, num_timeouts=2
    )


def test_a_claim_is_compared_exactly():
    # two errors that round to the same double: 2**60 and 2**60 - 1
    rows, goals = np.array([[2.0**60, 1.0]] * 2), np.array([2.0**61, 2.0**61])
    mask = np.array([[True, False], [True, True]])
    found = CandidateBatch(mask, np.full(2, Stop.CLAIMED_OPTIMAL, dtype=object))
    assert audit_claims(rows, goals, found).num_true_claims == 1


def test_another_subset_of_the_same_error_is_optimal_too():
    found = solve_batch(np.array([[0.5, 0.5]]), np.array([0.5]), solver=IntegerProgram())
    both = [CandidateBatch(np.array([mask]), found.stop) for mask in ([True, False], [False, True])]
    for claim in (found, *both):
        assert audit_claims([[0.5, 0.5]], [0.5], claim).num_true_claims == 1


def test_a_family_without_the_optimum_is_noticed():
    found = solve_batch(np.array([[0.5, 0.25]]), np.array([0.5]))
    with pytest.raises(InvalidInputError, match=r"'exact'.*row 0"):
        audit_claims([[0.5, 0.25]], [0.5], found, exact=IntegerProgram(size=0))
