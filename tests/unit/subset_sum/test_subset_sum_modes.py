"""The solvers of other questions: values known by hand, refusals, budgets, threads."""

from fractions import Fraction

import numba
import numpy as np
import pytest

from strongltn.errors import BudgetExceeded, InvalidInputError
from strongltn.numerics.exact import RowGrid
from strongltn.subset_sum import Stop, SubsetSumProblem, Verdict, solve, solve_batch, solve_targets
from strongltn.subset_sum.big_integers import BigHalves
from strongltn.subset_sum.integer_units import ToleranceUnits
from strongltn.subset_sum.sizes import solve_sizes, solve_sizes_batch
from strongltn.subset_sum.solvers import MeetInTheMiddle
from strongltn.subset_sum.solvers.fixed_size import FixedSize, does_fit
from strongltn.subset_sum.solvers.greedy import GreedyGeometric
from strongltn.subset_sum.solvers.sparsest import Sparsest
from strongltn.subset_sum.solvers.within_tolerance import WithinTolerance

need_a_tolerance = pytest.mark.parametrize("solver", [WithinTolerance(), Sparsest()], ids=repr)


def uniform_rows(num_rows, num_samples, *, seed):
    generator = np.random.default_rng(seed)
    units = generator.integers(-(2**24), 2**24, (num_rows, num_samples))
    return units / 2.0**24, generator.uniform(-0.5, 0.5, num_rows)


@need_a_tolerance
def test_a_tolerance_is_needed(solver):
    with pytest.raises(InvalidInputError, match=r"'tolerance'.*MeetInTheMiddle"):
        solve(SubsetSumProblem([0.5], 0.5), solver)
    with pytest.raises(InvalidInputError, match="'tolerance'"):
        solve_batch(np.ones((1, 1)), np.ones(1), solver=solver)


@need_a_tolerance
def test_the_budget_is_that_of_the_exact_solver(solver):
    small = type(solver)(MeetInTheMiddle(max_bytes=2**12))
    with pytest.raises(BudgetExceeded):
        solve(SubsetSumProblem(np.ones(40), 0.0, 0.1), small)


@pytest.mark.parametrize("size", [-1, 1.0, True, None])
def test_a_size_is_a_count(size):
    with pytest.raises(InvalidInputError, match="'size'"):
        FixedSize(size)


def test_a_size_is_at_most_the_number_of_samples():
    with pytest.raises(InvalidInputError, match=r"'size'.*0 to the 2 samples"):
        solve(SubsetSumProblem([0.5, 1.0], 0.5), FixedSize(3))
    with pytest.raises(InvalidInputError, match="'size'"):
        FixedSize(3).search_batch(np.ones((1, 2)), np.ones(1), None)


@pytest.mark.parametrize("max_bytes", [0, -1, 1.5, True])
def test_a_budget_is_a_number_of_bytes(max_bytes):
    with pytest.raises(InvalidInputError, match="'max_bytes'"):
        FixedSize(1, max_bytes=max_bytes)
    with pytest.raises(InvalidInputError, match="'max_bytes'"):
        solve_sizes([0.5], 0.5, max_bytes=max_bytes)


def test_sizes_beyond_the_budget_are_refused():
    with pytest.raises(BudgetExceeded, match="n = 50"):
        solve(SubsetSumProblem(np.ones(50), 0.5), FixedSize(2))
    with pytest.raises(BudgetExceeded, match="n = 50"):
        solve_sizes(np.ones(50), 0.5)
    huge = np.array([1e300, *np.ones(11)])
    assert solve_sizes(huge[1:], 0.5, max_bytes=2**14).error[1] == 0.5
    with pytest.raises(BudgetExceeded, match="n = 12"):
        solve(SubsetSumProblem(huge, 0.5), FixedSize(2, max_bytes=2**14))
    with pytest.raises(BudgetExceeded, match="n = 12"):
        solve_sizes_batch(huge[None, :], np.array([0.5]), max_bytes=2**14)


def test_each_size_by_hand():
    result = solve_sizes([1.0, 2.0, 4.0], 5.5)
    assert result.mask.tolist() == [
        [False, False, False],
        [False, False, True],
        [True, False, True],
        [True, True, True],
    ]
    assert result.exact_errors == (Fraction(11, 2), Fraction(3, 2), Fraction(1, 2), Fraction(3, 2))
    assert result.error.tolist() == [5.5, 1.5, 0.5, 1.5]
    for array in (result.mask, result.error):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_the_sparsest_prefers_size_to_error_and_error_to_order():
    samples = np.array([0.5, 0.25, 0.26, 0.51])
    result = solve(SubsetSumProblem(samples, 0.512, 0.015), Sparsest())
    assert result.mask.tolist() == [False, False, False, True]
    exact = solve(SubsetSumProblem(samples, 0.512, 0.001), Sparsest(), throw=False)
    assert exact.verdict is Verdict.INFEASIBLE
    assert exact.mask.tolist() == [False, False, False, True]


@pytest.mark.parametrize("num_kept", range(6))
def test_the_sparsest_reaches_every_size(num_kept):
    samples = 3.0 ** np.arange(9)  # no two subsets have the same sum, and none comes close
    target = float(samples[:num_kept].sum())
    result = solve(SubsetSumProblem(samples, target, 0.25), Sparsest())
    assert result.mask.tolist() == [k < num_kept for k in range(9)]
    assert result.stop is Stop.TOLERANCE_MET


def test_equal_samples_are_told_apart_by_the_rule_of_ties():
    samples = np.array([0.25, 0.5, 0.5, 0.25])
    one = solve(SubsetSumProblem(samples, 0.5, 0.01), Sparsest())
    assert one.mask.tolist() == [False, False, True, False]  # the partial sum 0 in the first half


@need_a_tolerance
def test_large_batches_equal_single_rows_on_any_number_of_threads(solver, monkeypatch):
    samples, targets = uniform_rows(9000, 16, seed=1)
    targets[:5] = [0.0, 1e300, -1e300, 5e-324, 100.0]
    samples[5] *= 1e6
    samples[6, 0] = 1e300
    found = solver.search_batch(samples, targets, 0.01)
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 1)
    alone = solver.search_batch(samples, targets, 0.01)
    assert np.array_equal(found.mask, alone.mask)
    assert np.array_equal(found.stop, alone.stop)
    for row in [*range(8), 4095, 4096, 8999]:
        single = solver.search(samples[row], float(targets[row]), 0.01)
        assert np.array_equal(found.mask[row], single.mask)
        assert found.stop[row] is single.stop


@need_a_tolerance
@pytest.mark.parametrize("tolerance", [0.01, 1e-3])
def test_verdicts_of_long_rows_are_those_of_the_optimum(solver, tolerance):
    samples, targets = uniform_rows(400, 12, seed=2)
    samples[::7, :6] = 0.0
    expected = solve_batch(samples, targets, tolerance=tolerance)
    result = solve_batch(samples, targets, solver=solver, tolerance=tolerance)
    assert np.array_equal(result.verdict, expected.verdict)
    assert 0 < result.count(Verdict.SOLVED) < 400


def test_the_sparsest_of_long_rows_is_the_first_size_within():
    samples, targets = uniform_rows(300, 12, seed=3)
    result = solve_batch(samples, targets, solver=Sparsest(), tolerance=0.004)
    errors = solve_sizes_batch(samples, targets).error
    is_within = errors <= 0.004
    solved = result.verdict == Verdict.SOLVED
    assert np.array_equal(solved, is_within.any(axis=1))
    assert np.array_equal(result.num_kept[solved], is_within.argmax(axis=1)[solved])
    assert np.array_equal(result.error[solved], errors[solved, result.num_kept[solved]])
    assert set(result.num_kept[solved].tolist()) >= {1, 2, 3, 4}


@pytest.mark.parametrize("solver", [WithinTolerance(), Sparsest(), FixedSize(3)], ids=repr)
def test_many_targets_of_one_row(solver):
    samples, targets = uniform_rows(50, 14, seed=4)
    shared = solve_targets(samples[0], targets, solver=solver, tolerance=0.01)
    rows = np.broadcast_to(samples[0], samples.shape)
    batch = solve_batch(rows, targets, solver=solver, tolerance=0.01)
    assert np.array_equal(shared.mask, batch.mask)


def test_one_row_that_does_not_fit_leaves_the_others_alone():
    samples, targets = uniform_rows(3, 6, seed=5)
    samples[1, 0] = 1e300
    for solver in (FixedSize(2), GreedyGeometric(), WithinTolerance(), Sparsest()):
        batch = solve_batch(samples, targets, solver=solver, tolerance=0.1)
        for row in range(3):
            problem = SubsetSumProblem(samples[row], targets[row], 0.1)
            single = solve(problem, solver, throw=False)
            assert np.array_equal(batch.mask[row], single.mask)


UNIT = 2.0**-20  # that of Sparsest at tolerance 0.01
CLOSE = 0.5 + 100.625 * UNIT  # 100.125 units above the target, 101 after rounding
FAR = 0.5 - 99.875 * UNIT  # 100.375 units below the target, 100 after rounding


@pytest.mark.parametrize(
    ("samples", "kept"),
    [
        ([FAR, CLOSE], [1]),
        ([CLOSE, FAR], [0]),
        ([16.0, CLOSE - 16.0, FAR - 16.0], [0, 1]),
        ([CLOSE - 48.0, 32.0, 16.0, FAR - 48.0], [0, 1, 2]),
        ([16.0, FAR - 16.0, CLOSE - 16.0], [0, 2]),
        ([16.0, 32.0, FAR - 48.0, CLOSE - 48.0], [0, 1, 3]),
        ([-16.0, FAR + 48.0, -32.0, CLOSE + 48.0], [0, 2, 3]),
    ],
)
def test_coarse_units_do_not_decide_between_close_errors(samples, kept):
    result = solve(SubsetSumProblem(samples, 0.5 + 0.5 * UNIT, 0.01), Sparsest())
    assert np.flatnonzero(result.mask).tolist() == kept
    assert result.error == 100.125 * UNIT


@pytest.mark.parametrize("excess", [-1, 0, 1])
def test_coarse_units_do_not_decide_beside_the_tolerance(excess):
    tolerance = 2.0**-7
    sample = 0.5 + tolerance + excess * 2.0**-50
    for solver in (WithinTolerance(), Sparsest()):
        result = solve(SubsetSumProblem([sample, 3.0], 0.5, tolerance), solver, throw=False)
        assert result.verdict is (Verdict.SOLVED if excess <= 0 else Verdict.INFEASIBLE)


@pytest.mark.parametrize(
    ("solver", "bits", "num_terms"), [(WithinTolerance(), 12, 3), (Sparsest(), 14, 4)]
)
def test_numbers_beyond_the_coarse_units_are_not_cut_off(solver, bits, num_terms):
    units = ToleranceUnits.of(0.01, bits=bits, num_terms=num_terms)
    cut = units.largest / units.scale
    for huge in (2.0**40, 2.0**900):
        for samples, target in (([huge, 0.5 - cut], 0.5), ([cut, 0.125], huge)):
            problem = SubsetSumProblem(samples, target, 0.01)
            assert solve(problem, solver, throw=False).verdict is Verdict.INFEASIBLE


def test_ties_of_small_integers_within_each_size():
    generator = np.random.default_rng(6)
    num_rows, n, half = 150, 9, 4
    samples = generator.integers(-3, 4, (num_rows, n)).astype(np.float64)
    targets = generator.integers(-12, 13, num_rows) / 2.0
    index = np.arange(2**n)
    masks = (index[:, None] >> np.arange(n)) & 1 == 1
    found = solve_sizes_batch(samples, targets)
    for row in range(num_rows):
        sums, lower = masks @ samples[row], masks[:, :half] @ samples[row, :half]
        keys = (index >> half, index % 2**half, lower, sums, np.abs(sums - targets[row]))
        order = np.lexsort(keys)
        sizes = masks[order].sum(axis=1)
        best = [order[(sizes == size).argmax()] for size in range(n + 1)]
        assert np.array_equal(found.mask[row], masks[best])


def test_the_compiled_search_leaves_room_for_its_sentinels():
    largest = [2.0**57, -(2.0**56), 2.0**55, 2.0**55 - 8.0, 7.0, 1.0]
    grid = RowGrid.of(np.array([largest, [*largest[:-1], 3.0]]))
    assert grid.fits.all()
    assert does_fit(grid).tolist() == [True, False]
    for target in (2.0**58, -(2.0**58), 2.0**56 + 0.5):
        big = BigHalves.of(np.array(largest), by_size=True)
        masks = [big.nearest(target, size) for size in range(7)]
        assert np.array_equal(solve_sizes(largest, target).mask, masks)


def test_units_of_the_tolerance_keep_its_bits():
    units = ToleranceUnits.of(0.01, bits=12, num_terms=22)
    assert 2**11 <= units.tolerance < 2**12
    assert units.tolerance / units.scale == 0.01
    assert units.largest * 22 <= 2**30
    assert ToleranceUnits.of(0.0, bits=12, num_terms=22) is None
    assert ToleranceUnits.of(1e-305, bits=12, num_terms=22) is None
    assert ToleranceUnits.of(1.7e308, bits=12, num_terms=22).scale > 0.0
