"""The covering radius against sorted rationals, and the decision against the radius."""

from bisect import bisect
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import dyadics, finite_floats, subset_sum_instances

from strongltn.errors import BudgetExceeded, InvalidInputError
from strongltn.numerics.exact import round_once
from strongltn.subset_sum.covering import covering_radii, covering_radius, is_covering


def worst_target(samples, low, high):
    """Return (radius, least worst target): the worst is an end or the middle of two sums."""
    sums = {Fraction(0)}
    for x in samples:
        sums |= {s + Fraction(x) for s in sums}
    ordered = sorted(sums)
    low, high = Fraction(low), Fraction(high)
    middles = ((s + t) / 2 for s, t in pairwise(ordered))

    def distance(z):
        place = bisect(ordered, z)
        return min(abs(z - s) for s in ordered[max(place - 1, 0) : place + 1])

    targets = [low, high, *(z for z in middles if low <= z <= high)]
    radius, negated = max((distance(z), -z) for z in targets)
    return radius, -negated


def assert_right(samples, low, high):
    """The radius is the one of the rationals, and the decision changes exactly there."""
    samples = np.array(samples, dtype=np.float64)
    radius, worst = worst_target(samples.tolist(), low, high)
    found = covering_radius(samples, low=low, high=high)
    assert found.exact_radius == radius
    assert found.worst_target == worst
    assert found.radius == round_once(radius)
    rows = np.stack([samples, samples[::-1]])
    assert covering_radii(rows, low=low, high=high).tolist() == [found.radius] * 2
    for factor in (0.0, 0.1, 1 - 2.0**-53, 1.0, 1 + 2.0**-52, 1.9, 30.0):
        tolerance = min(factor * found.radius, 1.7e308)
        decided = is_covering(rows, low=low, high=high, tolerance=tolerance)
        assert decided.tolist() == [radius <= tolerance] * 2


@given(subset_sum_instances(), finite_floats() | dyadics())
@example(([0.0, -0.0], 0.5), 0.5)
@example(([5e-324, -1e-323, 1.5e-323], 1e-323), 0.0)
@example(([1e308, 1e-308, -1e308, 3.0], 2.0), -2e-308)
@example(([0.5, 0.25], 1e300), -1e300)
@example(([0.1, 0.2, 0.3], -0.05), 0.65)
def test_any_interval_is_right(instance, end):
    samples, target = instance
    assert_right(samples, min(target, end), max(target, end))


@given(st.lists(st.integers(-40, 40), min_size=1, max_size=8), st.data())
def test_intervals_of_small_integers_are_right(numbers, data):
    ends = st.integers(-400, 400)
    low, high = sorted((data.draw(ends) / 4, data.draw(ends) / 4))
    assert_right(numbers, low, high)


@pytest.mark.parametrize("kind", ["plain", "even", "clustered", "coarse", "repeated"])
@pytest.mark.parametrize("num_samples", [8, 11])
def test_many_sums_are_right(kind, num_samples):
    rng = np.random.default_rng(num_samples)
    plain = rng.uniform(-1, 1, num_samples)
    samples = {
        "plain": plain,
        "even": 3 * 2.0 ** -np.arange(num_samples),
        "clustered": np.where(np.arange(num_samples) < 3, np.rint(8 * plain) / 8, plain / 2**20),
        "coarse": np.rint(20 * plain) / 64,
        "repeated": np.full(num_samples, 0.375),
    }[kind]
    for low, high in ((-0.5, 0.5), (0.1, 0.15), (-100.0, 100.0)):
        assert_right(samples, low, high)


def test_many_rows_are_decided_in_order():
    rng = np.random.default_rng(1)
    rows = rng.uniform(-1, 1, (600, 14))
    radii = covering_radii(rows, low=-0.5, high=0.5)
    tolerance = float(np.median(radii))
    decided = is_covering(rows, low=-0.5, high=0.5, tolerance=tolerance)
    sure = radii != tolerance
    assert np.array_equal(decided[sure], radii[sure] < tolerance)
    assert 200 < decided.sum() < 400


def test_an_empty_batch_is_legal():
    assert covering_radii(np.empty((0, 3)), low=0.0, high=1.0).shape == (0,)
    assert is_covering(np.empty((0, 3)), low=0.0, high=1.0, tolerance=0.1).shape == (0,)


@pytest.mark.parametrize(
    ("changed", "parameter"),
    [
        ({"low": 2.0}, "low"),
        ({"low": float("nan")}, "low"),
        ({"high": float("inf")}, "high"),
        ({"high": None}, "high"),
        ({"tolerance": -1.0}, "tolerance"),
        ({"tolerance": None}, "tolerance"),
        ({"max_bytes": 0}, "max_bytes"),
        ({"max_bytes": 2.0}, "max_bytes"),
        ({"samples": np.ones(3)}, "samples"),
    ],
)
def test_bad_input_is_refused(changed, parameter):
    legal = {"samples": np.ones((1, 3)), "low": 0.0, "high": 1.0, "tolerance": 0.1}
    with pytest.raises(InvalidInputError, match=f"'{parameter}'"):
        is_covering(**(legal | changed))


def test_a_budget_is_kept_before_any_work():
    with pytest.raises(BudgetExceeded, match="max_bytes"):
        covering_radius(np.ones(26), low=0.0, high=1.0)
    spread = np.array([2.0**900, *[1.0] * 21])
    with pytest.raises(BudgetExceeded, match="max_bytes"):
        is_covering(spread[None, :], low=0.0, high=1.0, tolerance=0.1)
    with pytest.raises(BudgetExceeded, match="max_bytes"):
        covering_radii(np.ones((2, 10)), low=0.0, high=1.0, max_bytes=2**14)
