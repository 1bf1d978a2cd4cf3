"""CP-SAT in a process of its own: what it minimises, what it claims, and how it can fail."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from oracles import best_subset, exact_error

from strongltn.errors import InvalidInputError, SoundnessBug, StrongLTNError
from strongltn.numerics.exact import dyadic_numerators
from strongltn.subset_sum import Stop, SubsetSumProblem, Verdict, solve, solve_batch
from strongltn.subset_sum.claims import audit_claims
from strongltn.subset_sum.joint import solve_jointly
from strongltn.subset_sum.solvers import cp_sat
from strongltn.subset_sum.solvers import cp_sat as process
from strongltn.subset_sum.solvers.cp_sat import ConstraintProgram, integer_numbers
from strongltn.subset_sum.solvers.ilp import IntegerProgram
from strongltn.subset_sum.solvers.program import Answer, Objective, Program, SolveTime

needs_ortools = pytest.mark.skipif(
    importlib.util.find_spec("ortools") is None, reason="OR-Tools is not installed"
)
SAMPLES = np.array([0.31, -0.72, 0.115, 0.93, -0.24, 0.058, 0.47, -0.6, 0.83, 0.21])
HARD = np.random.default_rng(5).uniform(-1, 1, 60)
INSTANCES = [
    ([0.75], 0.5),
    ([0.0, -0.0, 0.0], 0.25),
    ([0.25, 0.25, 0.25, 0.25, 0.25], 0.5),
    ([0.5, -0.5, 0.5, -0.5], 0.25),
    ([0.5, -0.25, 0.375, 1.0, -0.75], 0.1),
    ([0.5, -0.125, 0.25], -1e300),
    ([5e-324, -1e-323, 1.5e-323], 1e-323),
    ([1.0, 2.0**-50, -(2.0**-51), 2.0**-52], 2.0**-52),
    ([0.3, -0.7, 0.11, 0.9, -0.2, 0.05], 0.4242),
    ([1.0, 2.0, 4.0], 2.5 - 2.0**-50),
]


def programs(**fields):
    """The fields of a program for the worker."""
    return {
        "coefficients": [1, 2, 4],
        "windows": [[3, 3]],
        "objective": "least-error",
        "size": None,
        "is_disjoint": False,
    } | fields


@needs_ortools
@pytest.mark.parametrize(("samples", "target"), INSTANCES, ids=str)
def test_the_claimed_optimum_is_one(samples, target):
    result = solve(SubsetSumProblem(samples, target), ConstraintProgram())
    assert result.stop is Stop.CLAIMED_OPTIMAL
    assert result.exact_error == best_subset(samples, target)[0]
    if result.exact_error:
        assert result.verdict is Verdict.UNDECIDED  # the claim is not a proof


@needs_ortools
def test_the_claims_of_a_batch_are_audited():
    rows = np.random.default_rng(3).integers(-(2**40), 2**40, (4, 12)) / 2.0**40
    goals = np.array([0.1, 0.2, 0.3, -0.3])
    found, times = ConstraintProgram().timed_search_batch(rows, goals, None)
    assert audit_claims(rows, goals, found).num_true_claims == 4
    for spent in times:
        assert spent.build_seconds > 0
        assert spent.search_seconds > 0
        assert spent.search_cpu_seconds > 0


@needs_ortools
@pytest.mark.parametrize("tolerance", [0.0, 0.01, 0.3, 1e300])
@pytest.mark.parametrize(("samples", "target"), INSTANCES, ids=str)
def test_within_tolerance_is_decided_exactly(samples, target, tolerance):
    problem = SubsetSumProblem(samples, target, tolerance)
    is_feasible = best_subset(samples, target)[0] <= Fraction(tolerance)
    result = solve(problem, ConstraintProgram(objective="within-tolerance"), throw=False)
    assert (result.verdict is Verdict.SOLVED) == is_feasible
    assert result.stop is (Stop.TOLERANCE_MET if is_feasible else Stop.CLAIMED_INFEASIBLE)


@needs_ortools
def test_fewest_samples_and_size():
    samples, target, tolerance = SAMPLES[:8], 0.4242, 0.05
    families = [
        [[k in kept for k in range(8)] for kept in combinations(range(8), size)]
        for size in range(9)
    ]
    least = [min(exact_error(samples, mask, target) for mask in family) for family in families]
    solver = ConstraintProgram(objective="fewest-samples")
    result = solve(SubsetSumProblem(samples, target, tolerance), solver)
    assert result.num_kept == next(k for k in range(9) if least[k] <= Fraction(tolerance))
    for size in range(9):
        result = solve(SubsetSumProblem(samples, target), ConstraintProgram(size=size))
        assert (result.num_kept, result.exact_error) == (size, least[size])
        assert result.stop is Stop.CLAIMED_OPTIMAL


@needs_ortools
def test_several_targets():
    samples, targets = SAMPLES[:7], np.array([0.4242, -0.3])
    theirs = solve_jointly(samples, targets, solver=ConstraintProgram(), is_disjoint=True)
    ours = solve_jointly(samples, targets, solver=IntegerProgram("PULP_CBC_CMD"), is_disjoint=True)
    assert max(theirs.exact_errors) == max(ours.exact_errors)
    assert (theirs.mask.sum(axis=0) <= 1).all()
    solver = ConstraintProgram(objective="fewest-samples")
    few = solve_jointly([0.5, 0.26, 0.76], [0.5, 0.25, 0.75], solver=solver, tolerance=0.02)
    assert few.num_kept == 2


def disjoint_pairs(samples, targets):
    """The largest error and the size of every pair of disjoint subsets, in units, and the unit."""
    numerators, exponent = dyadic_numerators([*samples, *targets])
    *numbers, first, second = numerators
    pairs = np.zeros((3, 1), dtype=np.int64)
    for number in numbers:
        steps = np.array([[[0], [0], [0]], [[number], [0], [1]], [[0], [number], [1]]])
        pairs = np.concatenate([pairs + step for step in steps], axis=1)
    errors = np.maximum(np.abs(pairs[0] - first), np.abs(pairs[1] - second))
    return errors, pairs[2], Fraction(2) ** exponent


# Found: with OR-Tools 9.15 these claimed a wrong optimum, as some 3 % of all did.
FOUND_WRONG = {"least-error": (45, 90, 120, 1098), "fewest-samples": (136, 1283)}


@needs_ortools
@pytest.mark.parametrize("objective", FOUND_WRONG)
def test_no_claim_about_disjoint_subsets_of_doubles_is_wrong(objective):
    for seed in (*FOUND_WRONG[objective], *range(40)):
        rng = np.random.default_rng(seed)
        samples, targets = rng.uniform(-1, 1, 9), rng.uniform(-1, 1, 2)
        tolerance = 0.02 if seed == 1283 else 0.05
        errors, sizes, unit = disjoint_pairs(samples, targets)
        found = solve_jointly(
            samples,
            targets,
            solver=ConstraintProgram(objective=objective),
            tolerance=None if objective == "least-error" else tolerance,
            is_disjoint=True,
            throw=False,
        )
        if objective == "least-error":
            assert found.stop is Stop.CLAIMED_OPTIMAL
            assert max(found.exact_errors) == int(errors.min()) * unit, seed
            continue
        within = sizes[errors <= int(Fraction(tolerance) / unit)]
        if within.size == 0:
            assert found.stop is Stop.CLAIMED_INFEASIBLE
        else:
            assert found.stop is Stop.CLAIMED_OPTIMAL
            assert found.num_kept == within.min(), seed


@needs_ortools
def test_a_claim_that_there_is_nothing_is_asked_again(monkeypatch):
    """Whatever presolve says, a subset that is found without it refutes the claim."""
    ask, asked = cp_sat.ask_cp_sat, []

    def lying(program, limit, *, has_presolve):
        asked.append(has_presolve)
        answer = ask(program, limit, has_presolve=has_presolve)
        return answer | {"status": "INFEASIBLE", "bits": None} if has_presolve else answer

    monkeypatch.setattr(cp_sat, "ask_cp_sat", lying)
    for objective, stop in (
        ("within-tolerance", Stop.TOLERANCE_MET),
        ("fewest-samples", Stop.GAVE_UP),  # a subset, but nobody knows whether a smaller one is
    ):
        solver = ConstraintProgram(objective=objective)
        found = solve(SubsetSumProblem([0.5, 0.25, 0.125], 0.375, 0.0), solver)
        assert (found.verdict, found.stop) == (Verdict.SOLVED, stop)
        none = solve(SubsetSumProblem([0.5, 0.25], 0.3, 0.01), solver, throw=False)
        assert none.stop is Stop.CLAIMED_INFEASIBLE
    assert asked == [True, False] * 4
    late = ConstraintProgram(objective="within-tolerance", time_limit_seconds=1e-9)
    assert solve(SubsetSumProblem([0.5], 0.3, 0.01), late, throw=False).stop is Stop.TIME


@needs_ortools
def test_what_was_rounded_is_no_reason_to_claim_that_there_is_nothing():
    """Found: on the coarser grid the window was empty, and {9 * 2**-60} is the target itself."""
    problem = SubsetSumProblem([1.0, 9 * 2.0**-60], 9 * 2.0**-60, 2.0**-60)
    found = solve(problem, ConstraintProgram(objective="within-tolerance"), throw=False)
    assert found.stop is not Stop.CLAIMED_INFEASIBLE


@needs_ortools
def test_a_subset_that_stands_in_refutes_a_claim(monkeypatch):
    answer = Answer(None, Stop.CLAIMED_INFEASIBLE, SolveTime())
    monkeypatch.setattr(ConstraintProgram, "_answer", lambda self, program: answer)
    solver = ConstraintProgram(objective="within-tolerance")
    assert solve_jointly([0.5], [0.01], solver=solver, tolerance=0.1).stop is Stop.GAVE_UP


def test_coefficients_are_as_small_as_they_can_be():
    odd = 2**45 + 1
    samples = np.array([3.0, -5.0, 7.0]) * (odd * 2.0**-40)
    target = 2.0 * odd * 2.0**-40
    assert integer_numbers(samples, [target], None) == ([12, -20, 28], [(7, 7)])
    assert integer_numbers(samples, [target], 0.0) == ([3, -5, 7], [(2, 2)])
    assert integer_numbers(np.zeros(2), [0.5], 0.0)[0] == [0, 0]


@needs_ortools
def test_a_row_beyond_int64_is_solved_on_a_coarser_grid():
    samples = np.array([1e308, 1e-308, -1e308, 3.0, 7e307])
    result = solve(SubsetSumProblem(samples, 1.7e308), ConstraintProgram())
    assert result.mask.tolist()[0::2] == [True, False, True]
    assert result.exact_error == exact_error(samples, result.mask, 1.7e308)


@needs_ortools
def test_the_largest_numbers_that_are_not_rounded_are_accepted():
    samples = np.array([2.0**55, -(2.0**55), 2.0**54 + 4, 1.0])
    for target in (2.0**55 + 1, -(2.0**60), 0.5):
        result = solve(SubsetSumProblem(samples, target), ConstraintProgram())
        assert result.exact_error == best_subset(samples, target)[0]


@needs_ortools
def test_a_time_limit_is_kept_and_reported():
    started = time.monotonic()
    result = solve(SubsetSumProblem(HARD, 0.123), ConstraintProgram(time_limit_seconds=0.05))
    assert time.monotonic() - started < 3.0  # the margin is for a busy machine, and a first start
    assert result.stop is Stop.TIME


@needs_ortools
def test_a_process_that_overruns_is_ended(monkeypatch):
    solver = ConstraintProgram(time_limit_seconds=30.0, size=3)
    solve(SubsetSumProblem([0.5, 0.25, 0.125], 0.5), solver)  # so that the process is there
    monkeypatch.setattr(process, "_GRACE_SECONDS", 0.05 - 30.0)
    result = solve(SubsetSumProblem(HARD, 0.123), ConstraintProgram(time_limit_seconds=30.0))
    assert (result.stop, result.num_kept) == (Stop.TIME, 0)
    monkeypatch.undo()
    assert solve(SubsetSumProblem([0.5], 0.5), ConstraintProgram()).num_kept == 1


@needs_ortools
def test_one_process_serves_many_calls_and_highs_lives_beside_it():
    solve(SubsetSumProblem([0.5], 0.5), ConstraintProgram())
    pid = process._current.process.pid
    assert os.getsid(pid) == pid  # Ctrl-C in a terminal does not reach it
    assert solve(SubsetSumProblem([0.5], 0.5), IntegerProgram("HiGHS")).num_kept == 1
    solve_batch(np.array([[0.5], [0.25]]), np.array([0.5, 0.25]), solver=ConstraintProgram())
    assert process._current.process.pid == pid


@needs_ortools
def test_a_crash_is_an_error_and_the_next_call_works(capfd):
    process.end_cp_sat()  # the next process writes its errors to where they are captured here
    with pytest.raises(process.WorkerDied, match="status 1"):
        process.ask_cp_sat({"objective": "nonsense"}, 5.0)
    assert issubclass(process.WorkerDied, StrongLTNError)
    assert "KeyError" in capfd.readouterr().err
    assert solve(SubsetSumProblem([0.5], 0.5), ConstraintProgram()).num_kept == 1
    process._current.process.kill()  # between two calls nobody needs to know
    process._current.process.wait()
    assert solve(SubsetSumProblem([0.5], 0.5), ConstraintProgram()).num_kept == 1


@needs_ortools
def test_an_interrupt_ends_the_process(monkeypatch):
    solve(SubsetSumProblem([0.5], 0.5), ConstraintProgram())
    worker = process._current

    def interrupt(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(process._Worker, "_read", interrupt)
        with pytest.raises(KeyboardInterrupt):
            solve(SubsetSumProblem(HARD, 0.123), ConstraintProgram())
    assert worker.process.returncode == -signal.SIGKILL
    assert solve(SubsetSumProblem([0.5], 0.5), ConstraintProgram()).num_kept == 1


@needs_ortools
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_the_process_ends_with_the_one_that_started_it():
    script = (
        "from strongltn.subset_sum import SubsetSumProblem, solve\n"
        "from strongltn.subset_sum.solvers import cp_sat as process\n"
        "from strongltn.subset_sum.solvers.cp_sat import ConstraintProgram\n"
        "import os, signal\n"
        "solve(SubsetSumProblem([0.5], 0.5), ConstraintProgram())\n"
        "print(process._current.process.pid, flush=True)\n"
        "{end}"
    )
    for end in ("", "os.kill(os.getpid(), signal.SIGKILL)"):
        run = [sys.executable, "-W", "error", "-c", script.format(end=end)]
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        assert done.stderr == ""
        deadline = time.monotonic() + 10.0
        while is_running(int(done.stdout)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not is_running(int(done.stdout))


def is_running(pid):
    """Whether there is such a process, zombies left out."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as status:
            return status.read().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@needs_ortools
def test_numbers_that_are_too_large_are_a_bug_of_ours():
    program = Program([2**60] * 5, [(0, 0)], Objective.LEAST_ERROR)
    with pytest.raises(SoundnessBug):
        ConstraintProgram()._answer(program)


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(cp_sat, "find_spec", lambda name: None)
        with pytest.raises(InvalidInputError, match=r"strongltn\[cpsat\]"):
            solve(SubsetSumProblem([0.5], 0.5), ConstraintProgram())
    process.end_cp_sat()
    script = tmp_path / "worker.py"
    for source, error, match in [
        ("""print('{"error": "no ortools"}')""", InvalidInputError, r"no ortools.*\[cpsat\]"),
        ("", process.WorkerDied, "before it had started"),
    ]:
        script.write_text(source)
        monkeypatch.setattr(process, "_WORKER", script)
        with pytest.raises(error, match=match):
            process.ask_cp_sat(programs(), 1.0)
        assert process._current is None


@pytest.mark.parametrize(
    ("parameter", "settings"),
    [
        ("objective", {"objective": "most-samples"}),
        ("size", {"size": -1}),
        ("time_limit_seconds", {"time_limit_seconds": 0}),
    ],
)
def test_settings_are_refused(parameter, settings):
    with pytest.raises(InvalidInputError) as caught:
        ConstraintProgram(**settings)
    assert caught.value.parameter == parameter
