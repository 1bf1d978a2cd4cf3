"""The laws that every solver keeps. A new solver is found, and tested with its usual settings."""

import copy
import dataclasses
from fractions import Fraction

import numpy as np
import pytest
from oracles import best_subset, exact_error

from strongltn.errors import InvalidInputError
from strongltn.subset_sum import SubsetSumProblem, Verdict, solve, solve_batch, solvers
from strongltn.subset_sum.solvers.find import find_solvers

# Settings to be tested; every solver that is not named here is found and tested as it comes.
SETTINGS = {
    solvers.GrowingPrefix: [solvers.GrowingPrefix(first=2, step=2)],
    solvers.FixedSize: [solvers.FixedSize(1)],
    solvers.IntegerProgram: [
        solvers.IntegerProgram("HiGHS"),
        solvers.IntegerProgram("PULP_CBC_CMD"),
        solvers.IntegerProgram("HiGHS", objective=solvers.Objective.FEWEST_SAMPLES),
        solvers.IntegerProgram("HiGHS", objective=solvers.Objective.WITHIN_TOLERANCE),
        solvers.IntegerProgram("HiGHS", is_tight=False),
    ],
    solvers.ConstraintProgram: [
        solvers.ConstraintProgram(),
        solvers.ConstraintProgram(objective=solvers.Objective.FEWEST_SAMPLES),
    ],
}
ALL_SOLVERS = [
    solver for kind in find_solvers().values() for solver in SETTINGS.get(kind) or [kind()]
]


def tolerance_for(solver):
    """0.3, or None where the solver does without."""
    try:
        solver.check(1, None)
    except InvalidInputError as error:
        if "tolerance" not in str(error):
            raise
        return 0.3
    return None


COMPLETE_SOLVERS = [solver for solver in ALL_SOLVERS if solver.is_complete]
# the others: any subset within the tolerance, or the sparsest one, will do for them
OPTIMAL_SOLVERS = [solver for solver in COMPLETE_SOLVERS if tolerance_for(solver) is None]
INSTANCES = {
    "one sample": ([0.75], 0.5),
    "zeros": ([0.0, -0.0, 0.0], 0.25),
    "duplicates": ([0.25, 0.25, 0.25, 0.25, 0.25], 0.5),
    "both signs": ([0.5, -0.5, 0.5, -0.5], 0.25),
    "off the grid": ([0.5, -0.25, 0.375, 1.0, -0.75], 0.1),
    "tie at the middle": ([1.0, 2.0, 4.0], 2.5),
    "beyond reach": ([0.5, -0.125, 0.25], -1e300),
    "subnormal": ([5e-324, -1e-323, 1.5e-323], 1e-323),
    "huge span": ([1e308, 1e-308, -1e308, 3.0], 2.0),
    "plain": ([0.3, -0.7, 0.11, 0.9, -0.2, 0.05], 0.4242),
}


every_solver = pytest.mark.parametrize("solver", ALL_SOLVERS, ids=repr)
every_optimal_solver = pytest.mark.parametrize("solver", OPTIMAL_SOLVERS, ids=repr)
every_complete_solver = pytest.mark.parametrize("solver", COMPLETE_SOLVERS, ids=repr)
every_instance = pytest.mark.parametrize("instance", INSTANCES.values(), ids=INSTANCES)


def test_the_solvers_that_are_found_are_the_ones_we_know():
    complete = {
        solvers.BruteForce,
        solvers.MeetInTheMiddle,
        solvers.GrowingPrefix,
        solvers.SchroeppelShamir,
    }
    assert {type(solver) for solver in OPTIMAL_SOLVERS} >= complete
    complete |= {solvers.WithinTolerance, solvers.Sparsest}
    assert {type(solver) for solver in COMPLETE_SOLVERS} >= complete
    public = {getattr(solvers, name) for name in solvers.__all__}
    public = {one for one in public if issubclass(one, solvers.AbstractSolver)}
    abstract = {solvers.AbstractSolver, solvers.AbstractRowSolver}
    assert {type(solver) for solver in ALL_SOLVERS} >= public - abstract


@every_solver
@every_instance
@pytest.mark.parametrize("tolerance", [0.0, 0.3])
def test_what_is_claimed_is_true(solver, instance, tolerance):
    samples, target = instance
    result = solve(SubsetSumProblem(samples, target, tolerance), solver, throw=False)
    assert result.exact_error == exact_error(samples, result.mask, target)
    assert (result.verdict is Verdict.SOLVED) == (result.exact_error <= Fraction(tolerance))
    if result.verdict is Verdict.INFEASIBLE:
        assert solver.is_complete
        assert best_subset(samples, target)[0] > Fraction(tolerance)


@every_solver
@every_instance
def test_a_batch_equals_single_solves(solver, instance):
    samples, target = instance
    tolerance = tolerance_for(solver)
    rows = np.array([samples, samples[::-1]])
    targets = np.array([target, -target])
    batch = solve_batch(rows, targets, solver=solver, tolerance=tolerance)
    for row in range(2):
        problem = SubsetSumProblem(rows[row], targets[row], tolerance)
        single = solve(problem, solver, throw=False)
        assert np.array_equal(batch.mask[row], single.mask)
        assert batch.error[row] == single.error
        assert batch.verdict[row] is single.verdict
        assert batch.stop[row] is single.stop


@every_solver
def test_input_is_untouched_and_may_be_read_only(solver):
    samples = np.array([[0.5, -0.25, 0.375]])
    targets = np.array([0.3])
    before = samples.copy(), targets.copy()
    solve_batch(samples, targets, solver=solver, tolerance=tolerance_for(solver))
    assert np.array_equal(samples, before[0])
    assert np.array_equal(targets, before[1])
    problem = SubsetSumProblem(samples[0], 0.3, 0.3)
    samples[:] = 9.0
    assert problem.samples.tolist() == [0.5, -0.25, 0.375]
    solve(problem, solver, throw=False)


@every_solver
def test_the_same_state_serves_many_targets(solver):
    samples = np.array([0.5, -0.25, 0.375, 0.8, -0.6])
    tolerance = tolerance_for(solver)
    state = solver.prepare(samples)
    for target in (0.7, -0.3, 0.7, 1e9):
        reused = solver.search(state, target, tolerance)
        fresh = solver.search(solver.prepare(samples), target, tolerance)
        assert np.array_equal(reused.mask, fresh.mask)
        assert reused.stop is fresh.stop


@every_solver
def test_an_empty_batch_is_legal(solver):
    batch = solve_batch(
        np.empty((0, 3)), np.empty(0), solver=solver, tolerance=tolerance_for(solver)
    )
    assert batch.mask.shape == (0, 3)
    assert len(batch) == 0


@every_solver
def test_a_solver_is_a_value(solver):
    assert solver == copy.deepcopy(solver)
    assert hash(solver) == hash(copy.deepcopy(solver))
    assert repr(solver).startswith(type(solver).__name__)
    fields = dataclasses.fields(solver)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(solver, fields[0].name if fields else "max_samples", 1)


@every_optimal_solver
@every_instance
def test_an_optimal_solver_returns_the_mask_of_the_tie_rule(solver, instance):
    samples, target = instance
    error, mask = best_subset(samples, target)
    result = solve(SubsetSumProblem(samples, target), solver)
    assert result.exact_error == error
    assert result.verdict is Verdict.SOLVED
    assert np.array_equal(result.mask, mask)


@every_complete_solver
@pytest.mark.parametrize(("tolerance", "verdict"), [(0.5, "SOLVED"), (0.4999, "INFEASIBLE")])
def test_a_complete_solver_decides_every_tolerance(solver, tolerance, verdict):
    problem = SubsetSumProblem([1.0, 2.0, 4.0], 2.5, tolerance)
    assert solve(problem, solver, throw=False).verdict is Verdict[verdict]
