"""Other questions than the least error: judged by listing all subsets as rationals."""

from fractions import Fraction
from itertools import product

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from oracles import exact_error, exact_sum
from strategies import (
    batches,
    dyadics,
    finite_floats,
    near_tie_instances,
    planted_instances,
    subset_sum_instances,
)

from strongltn.numerics.exact import round_once
from strongltn.subset_sum import Stop, SubsetSumProblem, Verdict, solve, solve_batch
from strongltn.subset_sum.sizes import solve_sizes, solve_sizes_batch
from strongltn.subset_sum.solvers import MeetInTheMiddle
from strongltn.subset_sum.solvers.fixed_size import FixedSize
from strongltn.subset_sum.solvers.greedy import GreedyGeometric
from strongltn.subset_sum.solvers.sparsest import Sparsest
from strongltn.subset_sum.solvers.within_tolerance import WithinTolerance

any_instances = st.one_of(subset_sum_instances(max_size=6), near_tie_instances())
long_instances = subset_sum_instances(elements=dyadics(bits=20), min_size=10, max_size=14)
small_tolerances = st.sampled_from([0.0, 5e-324, 2.0**-12, 2.0**-6, 0.01, 0.25, 1.7e308])


def ranked_subsets(samples, target):
    """Return all (rank, mask), the best first, by the rule of `MeetInTheMiddle`."""
    samples = [float(x) for x in samples]
    half = len(samples) // 2
    ranked = []
    for mask in product([False, True], repeat=len(samples)):
        rank = (
            exact_error(samples, mask, target),
            exact_sum(samples, mask),
            exact_sum(samples[:half], mask[:half]),
            mask[:half][::-1],
            mask[half:][::-1],
        )
        ranked.append((rank, mask))
    return sorted(ranked)


def best_of_size(samples, target, size):
    """Return (error, mask) of the best subset of one size."""
    rank, mask = next(pair for pair in ranked_subsets(samples, target) if sum(pair[1]) == size)
    return rank[0], np.array(mask)


def sparsest_subset(samples, target, tolerance):
    """Return the mask of the best of the smallest subsets within tolerance; the best if none."""
    ranked = ranked_subsets(samples, target)
    within = [(sum(mask), rank, mask) for rank, mask in ranked if rank[0] <= Fraction(tolerance)]
    return np.array(min(within)[-1] if within else ranked[0][1])


def interesting_tolerances(samples, target):
    """Tolerances at, below and above the rounded errors of some subsets."""
    errors = [round_once(rank[0]) for rank, _ in ranked_subsets(samples, target)[:40:3]]
    near = [e for e in errors if e < 1e308]
    below = [float(np.nextafter(e, 0.0)) for e in near]
    above = [float(np.nextafter(e, np.inf)) for e in near]
    return st.sampled_from([0.0, *near, *below, *above]) | small_tolerances


@given(any_instances)
@example((np.array([1.0, 1.0, 1.0, -1.0]), 0.5))
@example((np.array([2.0**100, 1.0, 3.0]), 2.0))
@example((np.array([2.0**58, 2.0**58, 1.0, -1.0]), 0.5))
@example((np.array([-1.79769313e308, 1.79769313e308]), 2.889548369065882e-213))
@example((np.array([1.79769313e308, -1.79769313e308]), -5e-324))
def test_every_size_equals_the_oracle_bit_for_bit(instance):
    samples, target = instance
    result = solve_sizes(samples, target)
    for size in range(samples.size + 1):
        error, mask = best_of_size(samples, target, size)
        assert result.exact_errors[size] == error
        assert result.error[size] == round_once(error)
        assert np.array_equal(result.mask[size], mask)
        fixed = solve(SubsetSumProblem(samples, target), FixedSize(size))
        assert fixed.stop is Stop.FAMILY_COVERED
        assert np.array_equal(fixed.mask, mask)


@given(batches(max_size=6))
def test_a_batch_of_all_sizes_equals_single_ones(batch):
    samples, targets = batch
    together = solve_sizes_batch(samples, targets)
    for row, target in enumerate(targets.tolist()):
        single = solve_sizes(samples[row], target)
        assert np.array_equal(together.mask[row], single.mask)
        assert np.array_equal(together.error[row], single.error)


@given(long_instances)
def test_the_best_over_all_sizes_is_the_optimum(instance):
    samples, target = instance
    by_size = solve_sizes(samples, target)
    best = solve(SubsetSumProblem(samples, target))
    assert min(by_size.exact_errors) == best.exact_error
    assert by_size.exact_errors[best.num_kept] == best.exact_error


@given(long_instances)
def test_the_complement_has_the_complementary_size(instance):
    samples, target = instance
    rest = float(samples.sum() - target)  # exact: multiples of 2**-20, far below 2**30
    errors = solve_sizes(samples, target).exact_errors
    assert solve_sizes(samples, rest).exact_errors == errors[::-1]


@given(long_instances, st.integers(-900, 900), st.randoms(use_true_random=False))
def test_order_sign_and_scale_keep_the_error_of_each_size(instance, exponent, random):
    samples, target = instance
    order = list(range(samples.size))
    random.shuffle(order)
    factor = -(2.0**exponent)
    errors = solve_sizes(samples[order] * factor, target * factor).exact_errors
    expected = solve_sizes(samples, target).exact_errors
    assert errors == tuple(error * Fraction(2) ** exponent for error in expected)


@given(any_instances, st.data())
def test_the_sparsest_subset_is_that_of_the_oracle(instance, data):
    samples, target = instance
    tolerance = data.draw(interesting_tolerances(samples, target))
    problem = SubsetSumProblem(samples, target, tolerance)
    result = solve(problem, Sparsest(), throw=False)
    assert np.array_equal(result.mask, sparsest_subset(samples, target, tolerance))
    is_within = result.exact_error <= Fraction(tolerance)
    assert result.stop is (Stop.TOLERANCE_MET if is_within else Stop.SPACE_COVERED)
    assert result.verdict is (Verdict.SOLVED if is_within else Verdict.INFEASIBLE)


@given(any_instances, st.data())
def test_within_tolerance_decides_as_the_optimum_does(instance, data):
    samples, target = instance
    tolerance = data.draw(interesting_tolerances(samples, target))
    problem = SubsetSumProblem(samples, target, tolerance)
    result = solve(problem, WithinTolerance(), throw=False)
    rank, best_mask = ranked_subsets(samples, target)[0]
    if rank[0] <= Fraction(tolerance):
        assert (result.verdict, result.stop) == (Verdict.SOLVED, Stop.TOLERANCE_MET)
        assert result.exact_error <= Fraction(tolerance)
    else:
        assert (result.verdict, result.stop) == (Verdict.INFEASIBLE, Stop.SPACE_COVERED)
        assert tuple(result.mask.tolist()) == best_mask


@given(long_instances, small_tolerances)
def test_long_rows_are_decided_as_the_optimum_decides(instance, tolerance):
    samples, target = instance
    problem = SubsetSumProblem(samples, target, tolerance)
    verdict = solve(problem, MeetInTheMiddle(), throw=False).verdict
    within = solve(problem, WithinTolerance(), throw=False)
    sparsest = solve(problem, Sparsest(), throw=False)
    assert within.verdict is sparsest.verdict is verdict
    if verdict is Verdict.SOLVED:
        errors = solve_sizes(samples, target).exact_errors
        size = next(k for k, error in enumerate(errors) if error <= Fraction(tolerance))
        assert sparsest.num_kept == size <= within.num_kept
        assert sparsest.exact_error == errors[size]


@given(batches(), small_tolerances)
def test_a_batch_within_tolerance_equals_single_searches(batch, tolerance):
    samples, targets = batch
    for solver in (WithinTolerance(), Sparsest()):
        found = solver.search_batch(samples, targets, tolerance)
        for row, target in enumerate(targets.tolist()):
            single = solver.search(solver.prepare(samples[row]), target, tolerance)
            assert np.array_equal(found.mask[row], single.mask)
            assert found.stop[row] is single.stop
        shared = solver.search_targets(samples[0], targets, tolerance)
        assert np.array_equal(shared.mask[0], found.mask[0])


@given(planted_instances(max_size=20), st.sampled_from([0.0, 2.0**-13, 0.01]))
def test_a_planted_subset_is_found(planted, tolerance):
    samples, target, keep = planted
    rows, targets = np.array([samples, samples]), np.array([target, target])
    within = solve_batch(rows, targets, solver=WithinTolerance(), tolerance=tolerance)
    assert within.count(Verdict.SOLVED) == 2
    sparsest = solve_batch(rows, targets, solver=Sparsest(), tolerance=tolerance)
    assert sparsest.count(Verdict.SOLVED) == 2
    assert sparsest.num_kept.max() <= keep.sum()


@given(st.one_of(any_instances, long_instances))
@example((np.array([-1.7e308, 1e-308, -3.0]), -1.7e308))
@example((np.array([2.0**100, 1.0, 1.0]), 2.0**100 + 2.0**60))
def test_the_greedy_walk_equals_a_walk_in_rationals(instance):
    samples, target = instance
    sign = -1 if target < 0 else 1
    rest = abs(Fraction(target))
    kept = [False] * samples.size
    for k in sorted(range(samples.size), key=lambda k: -sign * samples[k]):
        if 0 < sign * samples[k] <= rest:
            kept[k], rest = True, rest - sign * Fraction(float(samples[k]))
    result = solve(SubsetSumProblem(samples, target), GreedyGeometric())
    assert result.mask.tolist() == kept
    assert result.exact_error == rest <= abs(Fraction(target))


@given(st.integers(1, 60), finite_floats(), st.integers(-900, 900), st.data())
def test_greedy_keeps_its_bound_where_the_bins_are_filled(num_bins, extra, exponent, data):
    fibonacci = [1, 2]
    while len(fibonacci) < num_bins + 2:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    radii = fibonacci[::-1]  # radii[i] == radii[i + 1] + radii[i + 2]
    sign = data.draw(st.sampled_from([-1, 1]))
    target = data.draw(st.integers(0, radii[0])) * sign
    bins = [(radii[i + 2] + 1, radii[i + 1]) for i in range(num_bins)]
    pieces = [data.draw(st.integers(low, high)) * sign for low, high in bins]
    others = data.draw(st.lists(st.integers(-(2**53), 2**53), max_size=5))
    samples = data.draw(st.permutations([float(x) for x in pieces + others]))
    row = np.ldexp(np.array(samples), exponent)
    goal = float(np.ldexp(float(target), exponent))
    result = solve(SubsetSumProblem(np.append(row, extra), goal), GreedyGeometric())
    assert result.exact_error <= radii[num_bins] * Fraction(2) ** exponent
