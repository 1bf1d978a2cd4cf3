"""Schroeppel and Shamir's search by slices: the masks of meet in the middle, in less memory."""

import numba
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracles import best_subset
from strategies import subset_sum_instances

from strongltn.errors import BudgetExceeded, InvalidInputError
from strongltn.subset_sum import SubsetSumProblem, Verdict, solve
from strongltn.subset_sum.solvers import MeetInTheMiddle
from strongltn.subset_sum.solvers.schroeppel_shamir import (
    SchroeppelShamir,
    SumPairs,
    least_distance,
)

KINDS = {
    "plain": lambda rng, n: rng.uniform(-1, 1, n),
    "products": lambda rng, n: rng.integers(-(2**24), 2**24, (2, n)).prod(axis=0) / 2.0**48,
    "coarse": lambda rng, n: rng.integers(-3, 4, n) / 4,
    "never met": lambda rng, n: 3 * rng.integers(-(2**15), 2**15, n) / 2**10,
    "two scales": lambda rng, n: np.where(
        rng.random(n) < 0.5, rng.integers(-99, 99, n) * 2.0**-40, rng.integers(-3, 4, n)
    ),
    "equal magnitudes": lambda rng, n: 0.75 * rng.choice([-1.0, 1.0], n),
}


@given(subset_sum_instances())
@example((np.array([0.0, -0.0, 0.0]), 0.25))
@example((np.array([5e-324, -1e-323, 1.5e-323]), 1e-323))
@example((np.array([1e308, 1e-308, -1e308, 3.0]), 2.0))
@example((np.array([1.0, 2.0, 4.0]), 2.5))
@example((np.array([0.5]), -1e300))
def test_the_mask_is_the_one_of_the_tie_rule(instance):
    samples, target = instance
    result = solve(SubsetSumProblem(samples, target), SchroeppelShamir())
    error, mask = best_subset(samples, target)
    assert result.exact_error == error
    assert result.verdict is Verdict.SOLVED
    assert np.array_equal(result.mask, mask)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_samples", [12, 17, 24, 30])
def test_the_mask_equals_meet_in_the_middle(kind, num_samples):
    rng = np.random.default_rng(num_samples)
    samples = KINDS[kind](rng, num_samples)
    slices, lists = SchroeppelShamir(), MeetInTheMiddle()
    sliced, listed = slices.prepare(samples), lists.prepare(samples)
    for target in (0.0, 0.3, *rng.uniform(-3, 3, 4), 1.125, -1e300):
        mask = slices.search(sliced, target, None).mask
        assert np.array_equal(mask, lists.search(listed, target, None).mask)


def test_ranges_searched_apart_agree(monkeypatch):
    rng = np.random.default_rng(0)
    for kind in KINDS.values():
        samples = kind(rng, 20)
        problem = SubsetSumProblem(samples, 0.3)
        monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 1)
        whole = solve(problem, SchroeppelShamir()).mask
        monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 5)
        assert np.array_equal(solve(problem, SchroeppelShamir()).mask, whole)


@settings(max_examples=200)
@given(st.data())
def test_the_least_distance_is_the_one_of_all_pairs(data):
    scale = data.draw(st.sampled_from([3, 100, 2**12, 2**30, 2**56]))
    numbers = st.lists(st.integers(-scale, scale), min_size=0, max_size=7)
    lower, upper = (4 * np.array(data.draw(numbers), dtype=np.int64) for _ in range(2))
    goal = 4 * data.draw(st.integers(-3 * scale, 3 * scale)) + data.draw(st.sampled_from([-1, 1]))
    first, second = SumPairs.of(lower), SumPairs.of(upper).reflected(goal)
    a = np.add.outer(first.p, first.q[:-1]).ravel()
    b = np.add.outer(second.p, second.q[:-1]).ravel()
    pairs = [(abs(x - y), x) for x in a.tolist() for y in b.tolist()]
    ends = -3 * 2**61, 3 * 2**61
    for num_members in (8, 16):
        assert least_distance(first, second, ends, num_members=num_members) == min(pairs)


def test_a_large_instance_is_met():
    rng = np.random.default_rng(3)
    samples = rng.integers(-(2**24), 2**24, 42) / 2**24
    keep = rng.random(42) < 0.5
    problem = SubsetSumProblem(samples, float(samples[keep].sum()), 0.0)
    assert solve(problem, SchroeppelShamir(max_bytes=2**23)).exact_error == 0


def test_a_budget_is_kept_before_any_work():
    with pytest.raises(BudgetExceeded, match="max_bytes"):
        solve(SubsetSumProblem(np.ones(100), 0.5), SchroeppelShamir())
    spread = np.array([2.0**900, *[1.0] * 49])
    with pytest.raises(BudgetExceeded, match="max_bytes"):
        solve(SubsetSumProblem(spread, 0.5), SchroeppelShamir())
    SchroeppelShamir().check(84, None)
    with pytest.raises(BudgetExceeded):
        SchroeppelShamir().check(85, None)


@pytest.mark.parametrize("max_bytes", [0, -1, 1.0, True, None])
def test_a_bad_budget_is_refused(max_bytes):
    with pytest.raises(InvalidInputError, match="'max_bytes'"):
        SchroeppelShamir(max_bytes=max_bytes)
