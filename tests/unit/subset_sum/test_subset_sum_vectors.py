"""Vector subset sums against all subsets in rationals."""

from itertools import product

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from oracles import exact_error
from strategies import dyadics, finite_floats

from strongltn.errors import BudgetExceeded, InvalidInputError, UnsolvedError
from strongltn.subset_sum import SubsetSumProblem, Verdict, solve
from strongltn.subset_sum.vectors import VectorProblem, solve_vectors


def best_subset(samples, target):
    """Return (error, mask) of the best of all subsets, by the tie rule of `solve_vectors`."""
    half = len(samples) // 2

    def rank(mask):
        columns = zip(samples.T.tolist(), target.tolist(), strict=True)
        error = max(exact_error(column, mask, goal) for column, goal in columns)
        return error, mask[:half][::-1], mask[half:][::-1]

    mask = min(product([False, True], repeat=len(samples)), key=rank)
    return rank(mask)[0], list(mask)


@st.composite
def vector_instances(draw):
    """Pairs (samples of shape (n, d), target of shape (d,)); ties and repetitions welcome."""
    dimension = draw(st.integers(1, 3))
    family = draw(st.sampled_from([dyadics(bits=1), dyadics(bits=40), finite_floats()]))
    vectors = st.lists(family, min_size=dimension, max_size=dimension)
    pool = draw(st.lists(vectors, min_size=1, max_size=4))
    samples = draw(st.lists(st.sampled_from(pool) | vectors, min_size=1, max_size=6))
    return np.array(samples), np.array(draw(vectors))


@given(vector_instances())
@example((np.array([[-1.0]]), np.array([-0.5])))
@example((np.array([[2.0, 1.0], [2.0, 1.0]]), np.array([2.0, 1.5])))
@example((np.zeros((4, 2)), np.array([0.5, -0.5])))
@example((np.array([[0.0, 1.0], [0.0, -1.0], [0.0, 1.0]]), np.array([1e300, 5e-324])))
@example((np.array([[1e308, 5e-324], [-1e308, 3.0], [1.0, 1e-308]]), np.array([1.0, 0.1])))
def test_the_best_of_all_subsets_is_found(instance):
    samples, target = instance
    error, mask = best_subset(samples, target)
    result = solve_vectors(VectorProblem(samples, target))
    assert result.exact_error == error
    assert result.mask.tolist() == mask
    assert result.verdict is Verdict.SOLVED


def test_one_dimension_is_the_scalar_problem():
    rng = np.random.default_rng(0)
    samples = rng.uniform(-1, 1, 20)
    scalar = solve(SubsetSumProblem(samples, 0.3))
    vector = solve_vectors(VectorProblem(samples[:, None], [0.3]))
    assert vector.exact_error == scalar.exact_error


@pytest.mark.parametrize("dimension", [2, 3])
def test_more_samples_against_plain_lists(dimension):
    rng = np.random.default_rng(dimension)
    samples = rng.integers(-(2**20), 2**20, (13, dimension)) / 2**20
    target = rng.integers(-(2**20), 2**20, dimension) / 2**20
    sums = np.zeros((1, dimension))
    for row in samples:
        sums = np.concatenate([sums, sums + row])
    least = np.abs(sums - target).max(axis=1).min()
    assert solve_vectors(VectorProblem(samples, target)).exact_error == least


def test_a_planted_subset_of_many_is_found():
    rng = np.random.default_rng(5)
    samples = rng.integers(-(2**24), 2**24, (28, 3)) / 2**24
    keep = rng.random(28) < 0.5
    result = solve_vectors(VectorProblem(samples, samples[keep].sum(axis=0), 0.0))
    assert np.array_equal(result.mask, keep)


def test_a_tolerance_is_decided_exactly():
    samples = [[0.5, 0.25], [0.25, 1.0]]
    target = [0.5, 0.5]
    assert solve_vectors(VectorProblem(samples, target, 0.25)).verdict is Verdict.SOLVED
    tight = VectorProblem(samples, target, float(np.nextafter(0.25, 0)))
    assert solve_vectors(tight, throw=False).verdict is Verdict.INFEASIBLE
    with pytest.raises(UnsolvedError, match="INFEASIBLE") as caught:
        solve_vectors(tight)
    assert caught.value.result.error == 0.25


@pytest.mark.parametrize(
    ("samples", "target", "parameter"),
    [
        (np.ones(3), np.ones(1), "samples"),
        (np.ones((0, 2)), np.ones(2), "samples"),
        (np.ones((2, 0)), np.ones(0), "samples"),
        (np.ones((2, 2), dtype=bool), np.ones(2), "samples"),
        (np.array([[np.nan]]), np.ones(1), "samples"),
        (np.ones((2, 2)), np.ones(3), "target"),
        (np.ones((2, 2)), 1.0, "target"),
        (np.ones((2, 1)), np.array([np.inf]), "target"),
    ],
)
def test_bad_input_is_refused(samples, target, parameter):
    with pytest.raises(InvalidInputError, match=f"'{parameter}'"):
        VectorProblem(samples, target)


def test_a_budget_is_kept_before_any_work():
    with pytest.raises(BudgetExceeded, match="max_bytes"):
        solve_vectors(VectorProblem(np.ones((60, 2)), np.ones(2)))
    with pytest.raises(BudgetExceeded, match="max_bytes"):
        solve_vectors(VectorProblem(np.full((40, 2), 1e-300), np.ones(2)))
    with pytest.raises(InvalidInputError, match="'max_bytes'"):
        solve_vectors(VectorProblem(np.ones((2, 2)), np.ones(2)), max_bytes=0)
