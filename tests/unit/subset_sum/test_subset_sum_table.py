"""The shared table of sums: the masks of single searches, for any number of targets."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from oracles import best_subset
from strategies import subset_sum_instances

from strongltn.numerics.exact import RowGrid
from strongltn.subset_sum import solve_batch
from strongltn.subset_sum.integer_units import quarter_targets
from strongltn.subset_sum.solvers.meet_in_the_middle import SumTable, num_tabled


def table_masks(samples, targets, *, num_tabled):
    """Return the masks that a table gives, or None where the samples do not fit int64."""
    grid = RowGrid.of(samples[None, :])
    if not grid.fits[0]:
        return None
    table = SumTable.of(grid.numerators[0], num_tabled=num_tabled)
    return table.nearest(quarter_targets(grid, targets))


@given(subset_sum_instances(), st.integers(1, 7))
@example((np.array([0.0, -0.0, 0.0]), 0.25), 2)
@example((np.array([5e-324, -1e-323, 1.5e-323, 5e-324]), 1e-323), 2)
@example((np.array([0.5, -0.5, 0.5, -0.5]), 0.25), 1)
@example((np.array([0.25, 0.5, 0.25, 0.5]), 1e300), 3)
def test_a_table_of_any_size_keeps_the_tie_rule(instance, size):
    samples, target = instance
    targets = np.array([target, -target, 0.0])
    masks = table_masks(samples, targets, num_tabled=min(size, samples.size))
    if masks is not None:
        for row, goal in enumerate(targets.tolist()):
            assert np.array_equal(masks[row], best_subset(samples, goal)[1])


@pytest.mark.parametrize("kind", ["plain", "products", "coarse", "two scales", "equal magnitudes"])
@pytest.mark.parametrize("size", [1, 8, 15])
def test_a_table_equals_meet_in_the_middle(kind, size):
    rng = np.random.default_rng(size)
    first, second = rng.integers(-(2**24), 2**24, (2, 15)) / 2**24
    samples = {
        "plain": first,
        "products": first * second,
        "coarse": np.rint(4 * first) / 4,
        "two scales": np.where(first > 0, first * 2.0**-30, np.rint(4 * first)),
        "equal magnitudes": 0.75 * np.sign(first),
    }[kind]
    targets = np.append(rng.uniform(-3, 3, 200), np.arange(-24, 24) / 8)
    expected = solve_batch(np.broadcast_to(samples, (248, 15)), targets).mask
    assert np.array_equal(table_masks(samples, targets, num_tabled=size), expected)


def test_targets_are_cut_into_tasks_in_order():
    samples = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    targets = np.arange(40_000) % 64
    masks = table_masks(samples, targets.astype(np.float64), num_tabled=3)
    assert np.array_equal(masks @ (1 << np.arange(6)), targets)


def test_the_size_of_a_table_pays_and_fits():
    sizes = [num_tabled(21, num_targets, max_bytes=2**30) for num_targets in (1, 1000, 10**5)]
    assert sizes[0] == 0
    assert 14 <= sizes[1] < sizes[2] <= 21
    assert num_tabled(60, 10**6, max_bytes=2**20) == 0
    small = num_tabled(21, 10**5, max_bytes=2**20)
    assert 0 < small < sizes[2]
    assert (32 << small) + (8 << (21 - small)) + (8 << 10) <= 2**20
