"""Subset sum against rational brute force, and laws that need no oracle."""

from fractions import Fraction

import numpy as np
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from oracles import best_subset, exact_error
from strategies import (
    batches,
    dyadics,
    finite_floats,
    near_tie_instances,
    planted_instances,
    subset_sum_instances,
)

from strongltn.numerics.exact import round_once
from strongltn.subset_sum import SubsetSumProblem, Verdict, solve, solve_batch
from strongltn.subset_sum.solvers import BruteForce, MeetInTheMiddle, SingleWeight

long_instances = subset_sum_instances(elements=dyadics(bits=40), min_size=14, max_size=17)
any_instances = st.one_of(subset_sum_instances(), near_tie_instances())


def best_error(samples, target):
    return solve(SubsetSumProblem(samples, target)).exact_error


@given(any_instances)
@example((np.array([3.0, 2.0]), 2.0**-1074))
@example((np.array([2.0**900, -(2.0**901)]), 5e-324))
@example((np.array([1.0, -1.0, 1.0]), -0.5))
@example((np.array([1.0, 2.0, 1.0]), 1.5))
@example((np.array([2.0**100, 1.0]), 0.5))
@example((np.array([2.0**62, 2.0**62, 1.0]), -(2.0**62) - 2.0**61))
@example((np.array([2.0**100, 1.0, 3.0]), 2.0))
def test_complete_solvers_equal_rational_brute_force_bit_for_bit(instance):
    samples, target = instance
    error, mask = best_subset(samples, target)
    problem = SubsetSumProblem(samples, target)
    for solver in (BruteForce(), MeetInTheMiddle()):
        result = solve(problem, solver)
        assert result.exact_error == error
        assert np.array_equal(result.mask, mask)


@given(any_instances)
@example((np.array([-1.7e308, 1.7e308]), 5e-324))
@example((np.array([-1.7e308, 1.7e308]), -5e-324))
@example((np.array([1.0, 1.0 + 2.0**-52]), 1.0 + 2.0**-53))
@example((np.array([2.0**53, -1.0]), 2.0**52))
@example((np.array([-1.7e308, -1.0e308]), 1.7e308))
@example((np.array([1.7e308, 1.0e308]), -1.7e308))
@example((np.array([1.7976931348623157e308, -1.7976931348623157e308]), 2.0**969))
def test_single_weight_takes_the_nearest_sample_and_the_smaller_of_two(instance):
    samples, target = instance
    result = solve(SubsetSumProblem(samples, target), SingleWeight())
    rank = [(abs(Fraction(x) - Fraction(target)), x) for x in samples.tolist()]
    assert result.num_kept == 1
    assert result.mask.argmax() == rank.index(min(rank))


@given(batches())
def test_a_batch_equals_the_oracle_row_by_row(batch):
    samples, targets = batch
    result = solve_batch(samples, targets)
    for row, target in enumerate(targets.tolist()):
        error, mask = best_subset(samples[row], target)
        assert result.error[row] == round_once(error)
        assert np.array_equal(result.mask[row], mask)
        assert result.verdict[row] is Verdict.SOLVED


@given(batches(), st.data())
def test_a_batch_verdict_is_decided_on_the_exact_error(batch, data):
    samples, targets = batch
    errors = [best_subset(x, t)[0] for x, t in zip(samples, targets.tolist(), strict=True)]
    rounded = [round_once(error) for error in errors]
    finite = [error for error in rounded if error < np.inf]
    tolerance = data.draw(st.sampled_from([*finite, 0.0]))
    verdicts = solve_batch(samples, targets, tolerance=tolerance).verdict
    for error, verdict in zip(errors, verdicts, strict=True):
        is_within = error <= Fraction(tolerance)
        assert verdict is (Verdict.SOLVED if is_within else Verdict.INFEASIBLE)


@given(st.lists(long_instances, min_size=1, max_size=3))
def test_long_rows_equal_numpy_brute_force(instances):
    size = min(len(samples) for samples, _ in instances)
    samples = np.array([samples[:size] for samples, _ in instances])
    targets = np.array([target for _, target in instances])
    fast = solve_batch(samples, targets)
    slow = solve_batch(samples, targets, solver=BruteForce())
    assert np.array_equal(fast.mask, slow.mask)
    assert np.array_equal(fast.error, slow.error)


@given(planted_instances(max_size=24))
def test_a_planted_subset_is_found(planted):
    samples, target, keep = planted
    assert exact_error(samples, keep, target) == 0
    result = solve(SubsetSumProblem(samples, target, tolerance=0.0))
    assert result.exact_error == 0
    assert result.verdict is Verdict.SOLVED


@given(long_instances, st.randoms(use_true_random=False))
def test_permuting_the_samples_keeps_the_best_error(instance, random):
    samples, target = instance
    order = list(range(samples.size))
    random.shuffle(order)
    assert best_error(samples[order], target) == best_error(samples, target)


@given(long_instances, st.integers(-900, 900))
def test_scaling_by_a_power_of_two_scales_the_error(instance, exponent):
    samples, target = instance
    factor = 2.0**exponent
    scaled = solve(SubsetSumProblem(samples * factor, target * factor))
    result = solve(SubsetSumProblem(samples, target))
    assert scaled.exact_error == result.exact_error * Fraction(factor)
    assert np.array_equal(scaled.mask, result.mask)


@given(long_instances)
def test_changing_all_signs_keeps_the_error(instance):
    samples, target = instance
    assert best_error(-samples, -target) == best_error(samples, target)


@given(long_instances)
def test_the_complement_has_the_same_error(instance):
    samples, target = instance
    rest = float(samples.sum() - target)  # exact: multiples of 2**-40, far below 2**13
    assert best_error(samples, rest) == best_error(samples, target)


@given(long_instances, finite_floats())
def test_one_more_sample_never_hurts(instance, sample):
    samples, target = instance
    assert best_error(np.append(samples, sample), target) <= best_error(samples, target)


@given(any_instances, finite_floats().map(abs), finite_floats().map(abs))
def test_a_larger_tolerance_keeps_solved(instance, one, other):
    samples, target = instance
    for solver in (MeetInTheMiddle(), SingleWeight()):
        strict, loose = (
            solve(SubsetSumProblem(samples, target, tolerance), solver, throw=False)
            for tolerance in sorted([one, other])
        )
        assert strict.verdict is not Verdict.SOLVED or loose.verdict is Verdict.SOLVED


@given(any_instances)
def test_no_solver_beats_a_complete_one(instance):
    samples, target = instance
    single = solve(SubsetSumProblem(samples, target), SingleWeight())
    assert best_error(samples, target) <= single.exact_error


class GrowingSample(RuleBasedStateMachine):
    """Samples arrive one by one; the best error is that of the oracle and never rises."""

    @initialize(goal=dyadics(bits=10), sample=dyadics())
    def begin(self, goal, sample):
        self.goal, self.samples = goal, [sample]
        self.error = exact_error([], [], goal)

    @rule(sample=dyadics() | finite_floats())
    def add(self, sample):
        self.samples.append(sample)

    @invariant()
    def the_best_error_is_true_and_does_not_rise(self):
        error = best_error(np.array(self.samples), self.goal)
        assert error == best_subset(self.samples, self.goal)[0]
        assert error <= self.error
        self.error = error


GrowingSample.TestCase.settings = hypothesis_settings(max_examples=30, stateful_step_count=6)
TestGrowingSample = GrowingSample.TestCase
