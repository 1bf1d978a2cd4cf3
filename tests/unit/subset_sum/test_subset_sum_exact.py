"""The arbiter: dyadic integers, rounding once, and errors of whole batches."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from oracles import exact_error
from strategies import batches, finite_floats

from strongltn.errors import InvalidInputError
from strongltn.numerics.exact import (
    RowGrid,
    dyadic_numerators,
    round_once,
    subset_error,
    subset_errors,
)


@given(st.lists(finite_floats(), max_size=6))
@example([5e-324, 1.7976931348623157e308])
@example([6.0, -4.0])
def test_numerators_are_exact_and_the_exponent_is_the_largest(values):
    numerators, exponent = dyadic_numerators(values)
    assert [Fraction(k) * Fraction(2) ** exponent for k in numerators] == [
        Fraction(value) for value in values
    ]
    if any(values):
        assert any(numerator % 2 for numerator in numerators)
    else:
        assert exponent == 0


@given(finite_floats(), finite_floats())
@example(1.7e308, 1.7e308)
@example(-1.7e308, -1.7e308)
def test_rounding_once_agrees_with_the_addition_of_the_machine(x, y):
    with np.errstate(over="ignore"):
        rounded = float(np.float64(x) + np.float64(y))
    assert round_once(Fraction(x) + Fraction(y)) == rounded


@given(batches(max_size=7), st.data())
def test_batch_errors_are_the_exact_ones_rounded_once(batch, data):
    samples, targets = batch
    bits = data.draw(st.lists(st.booleans(), min_size=samples.size, max_size=samples.size))
    mask = np.array(bits).reshape(samples.shape)
    errors, is_rounded_down = subset_errors(samples, mask, targets)
    for row, target in enumerate(targets.tolist()):
        exact = exact_error(samples[row].tolist(), mask[row], target)
        assert subset_error(samples[row], mask[row], target) == exact
        assert errors[row] == round_once(exact)
        assert is_rounded_down[row] == (exact > errors[row])


def test_batch_errors_cross_the_block_size():
    samples = np.full((40_000, 2), 0.5)
    mask = np.ones((40_000, 2), dtype=bool)
    targets = np.arange(40_000) / 8
    errors, is_rounded_down = subset_errors(samples, mask, targets)
    assert np.array_equal(errors, np.abs(targets - 1.0))
    assert not is_rounded_down.any()


@pytest.mark.parametrize(
    ("low", "is_rounded_down"), [(2.0**-54, True), (3 * 2.0**-54, False), (2.0**-58, True)]
)
def test_rounding_down_is_seen_in_the_int64_path(low, is_rounded_down):
    samples = np.array([[1.0, low]])
    errors, flags = subset_errors(samples, np.array([[True, True]]), np.array([0.0]))
    assert RowGrid.of(samples).fits.all()
    assert errors[0] == 1.0 + low
    assert flags[0] == is_rounded_down


def test_a_row_grid_stops_at_the_reach_that_fits():
    rows = np.array([[1.0, 2.0**-58], [1.0, 2.0**-59], [2.0**900, 2.0**-900], [0.0, 0.0]])
    grid = RowGrid.of(rows)
    assert grid.fits.tolist() == [True, False, False, True]
    assert grid.numerators.tolist() == [[2**58, 1], [0, 0], [0, 0], [0, 0]]
    assert grid.exponents.tolist() == [-58, 0, 0, 0]


@given(batches(max_size=7))
def test_a_row_grid_holds_the_values_exactly(batch):
    samples, _ = batch
    grid = RowGrid.of(samples)
    for row in np.flatnonzero(grid.fits):
        unit = Fraction(2) ** int(grid.exponents[row])
        numerators = grid.numerators[row].tolist()
        assert [k * unit for k in numerators] == [Fraction(x) for x in samples[row].tolist()]
        assert sum(map(abs, numerators)) < 2**60


@pytest.mark.parametrize("mask", [np.array([1, 0]), np.array([True]), np.array([[True, False]])])
def test_a_mask_of_another_kind_is_refused(mask):
    with pytest.raises(InvalidInputError, match="'mask'"):
        subset_error(np.array([0.5, 1.0]), mask, 0.0)
