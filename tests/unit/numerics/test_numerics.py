"""Dyadic arrays, outward rounding and spectral norms, against plain rationals."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from oracles import fractions_of, is_norm_bound, is_positive_semidefinite
from strategies import dyadic_rationals, dyadics, matrices, rationals, scalars

from strongltn.errors import SoundnessBug
from strongltn.numerics import norms
from strongltn.numerics.dyadic import (
    DyadicArray,
    apply,
    concatenate,
    floor_to_grid,
    from_text,
    lower_sqrt,
    outward_float,
    positive_part,
    round_up,
    to_text,
    upper_sqrt,
)
from strongltn.numerics.norms import NormWitness, row_norm_bounds, spectral_norm_bound

MORE_THAN_A_DOUBLE = Fraction(2) ** 1024


def rational(values):
    return [Fraction(float(v)) for v in np.ravel(values)]


def vectors(size):
    return st.lists(scalars(), min_size=size, max_size=size).map(np.array)


pairs_of_vectors = st.integers(1, 4).flatmap(lambda n: st.tuples(vectors(n), vectors(n)))


@given(matrices())
def test_floats_are_exact(values):
    array = DyadicArray.from_floats(values)
    assert array.shape == values.shape
    assert fractions_of(array) == rational(values)
    assert array.max_abs() == max(abs(v) for v in rational(values))
    assert array.squared_norm() == sum(v * v for v in rational(values))


@given(matrices(elements=dyadics()))
def test_floats_come_back(values):
    array = DyadicArray.from_floats(values)
    assert np.array_equal(array.to_floats(), values)
    wide = DyadicArray(array.numerators.astype(object), array.exponent)
    assert np.array_equal(wide.to_floats(), values)


@given(st.sampled_from([np.float16, np.float32]), matrices(elements=dyadics(bits=6)))
def test_narrow_floats_are_exact(dtype, values):
    assert fractions_of(DyadicArray.from_floats(values.astype(dtype))) == rational(values)


@given(pairs_of_vectors)
@example((np.array([2.0**62]), np.array([2.0**62])))
@example((np.array([-(2.0**62)]), np.array([2.0**62])))
def test_sums_and_differences_are_exact(pair):
    a, b = map(DyadicArray.from_floats, pair)
    x, y = map(rational, pair)
    assert fractions_of(a + b) == [u + v for u, v in zip(x, y, strict=True)]
    assert fractions_of(a - b) == [u - v for u, v in zip(x, y, strict=True)]


near_the_border = st.tuples(st.integers(2**62 - 2, 2**62 + 2), st.sampled_from([-2, -1, 1, 2])).map(
    lambda pair: pair[0] // pair[1]
)


@given(near_the_border, near_the_border, st.booleans())
@example(2**62, 2**62, False)
@example(-(2**62), 2**62, False)
@example(2**62, 2**62, True)
def test_the_border_of_int64(p, q, is_object):
    """Found: 2^62 + 2^62 wrapped to -2^63 while 2^62 counted as small."""
    dtype = object if is_object else np.int64
    a, b = (DyadicArray(np.array([k], dtype=dtype), -3) for k in (p, q))
    assert fractions_of(a + b) == [Fraction(p + q, 8)]
    assert fractions_of(a - b) == [Fraction(p - q, 8)]
    assert fractions_of((a + b) + (a + b)) == [Fraction(p + q, 4)]
    assert fractions_of(DyadicArray(a.at(-5), -5)) == [Fraction(p, 8)]
    assert fractions_of(concatenate([a, b.scaled(1)])) == [Fraction(p, 8), Fraction(q, 4)]


@given(matrices(), st.data())
def test_products_are_exact(values, data):
    vector = data.draw(vectors(values.shape[1]))
    product = apply(DyadicArray.from_floats(values), DyadicArray.from_floats(vector))
    x = rational(vector)
    expected = [sum(a * b for a, b in zip(rational(row), x, strict=True)) for row in values]
    assert fractions_of(product) == expected


@given(matrices(), st.integers(-2000, 2000))
def test_shapes_scales_and_signs(values, power):
    array = DyadicArray.from_floats(values)
    x = rational(values)
    assert fractions_of(array.scaled(power)) == [v * Fraction(2) ** power for v in x]
    assert fractions_of(positive_part(array)) == [max(v, Fraction(0)) for v in x]
    assert fractions_of(concatenate([array, array], axis=1)) == [
        v for row in values for v in rational(row) * 2
    ]
    assert fractions_of(array[0]) == x[: values.shape[1]]


@given(matrices(), st.integers(-1100, 1030))
def test_floor_to_grid_is_the_floor(values, exponent):
    floored = floor_to_grid(DyadicArray.from_floats(values), exponent)
    unit = Fraction(2) ** exponent
    assert fractions_of(floored) == [v // unit * unit for v in rational(values)]
    assert floored.exponent == exponent


def test_a_coarser_grid_is_refused():
    with pytest.raises(ValueError, match="coarser"):
        DyadicArray(np.array([3]), 0).at(1)


def test_empty_arrays():
    empty = DyadicArray.from_floats(np.zeros((0, 2)))
    assert empty.max_abs() == empty.squared_norm() == 0
    assert (empty + empty).shape == empty.to_floats().shape == (0, 2)


@given(rationals(min_value=0), st.integers(2, 60))
def test_rounding_is_outwards_and_near(value, bits):
    up = round_up(value, bits=bits)
    assert value <= up <= value * (1 + Fraction(1, 2 ** (bits - 1)))
    odd = up.numerator >> max(0, (up.numerator & -up.numerator).bit_length() - 1)
    assert odd.bit_length() <= bits + 1
    to_text(up)  # dyadic


@given(rationals(min_value=0), st.integers(2, 60))
def test_square_roots_are_outwards_and_near(square, bits):
    up, down = upper_sqrt(square, bits=bits), lower_sqrt(square, bits=bits)
    assert 0 <= down**2 <= square <= up**2
    assert up - down <= up / 2 ** (bits - 2)


@given(st.integers(0, 2**80), st.integers(-200, 200))
def test_square_roots_of_squares_are_exact_where_they_fit(root, exponent):
    assume(root.bit_length() <= 40)
    value = root * Fraction(2) ** exponent
    assert upper_sqrt(value**2) == lower_sqrt(value**2) == value


@given(rationals() | dyadic_rationals())
@example(MORE_THAN_A_DOUBLE)
@example(-MORE_THAN_A_DOUBLE)
@example(1 / MORE_THAN_A_DOUBLE**2)
@example(-1 / MORE_THAN_A_DOUBLE**2)
def test_outward_floats_enclose_tightly(value):
    """Found: a bound beyond the largest double raised OverflowError."""
    up, down = outward_float(value, upwards=True), outward_float(value, upwards=False)
    assert down <= value <= up
    assert up == down == value or math.nextafter(down, math.inf) == up


@given(dyadic_rationals())
def test_text_round_trip(value):
    assert from_text(to_text(value)) == value


@pytest.mark.parametrize("text", ["", "1", "1*2^", "*2^3", "1.5*2^3", "1*2^0.5", "1/3*2^0", "x"])
def test_bad_text_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        from_text(text)


def test_only_dyadics_have_a_text():
    with pytest.raises(ValueError, match="not dyadic"):
        to_text(Fraction(1, 3))


small_matrices = matrices(elements=dyadics(bits=4) | st.sampled_from([0.0, 1e-30, 1e30, 2.0**-60]))


@given(small_matrices | matrices())
def test_norms_are_bounds_and_near(values):
    witness = spectral_norm_bound(DyadicArray.from_floats(values))
    rows = [rational(row) for row in values]
    assert is_norm_bound(witness.bound, rows)
    if any(map(any, rows)):
        assert not is_norm_bound(witness.bound / (1 + Fraction(1, 10**8)), rows)


def is_dominant(witness, array):
    """Return whether N^2 I - A A^T - L L^T is diagonally dominant, in integers, as auditors ask."""
    wide = array if array.shape[0] <= array.shape[1] else array.transpose()
    size = wide.shape[0]
    lower = np.zeros((size, size), dtype=object)
    lower[np.tril_indices(size)] = witness.factor
    joint = concatenate([wide, DyadicArray(lower, witness.exponent)], axis=1)
    numerators = joint.numerators.astype(object)
    sums = np.abs(numerators @ numerators.T).sum(axis=1)
    return max(sums) * Fraction(4) ** joint.exponent <= witness.bound**2


@given(small_matrices | matrices())
def test_witnesses_hold_in_integers(values):
    array = DyadicArray.from_floats(values)
    assert is_dominant(spectral_norm_bound(array), array)


@pytest.mark.parametrize("shape", [(60, 90), (70, 20)])
@pytest.mark.parametrize("bits", [3, 24, 53, 90])
def test_larger_witnesses_hold_in_integers(shape, bits):
    """The widest numbers are no doubles: the products look at rounded ones."""
    generator = np.random.default_rng(bits)
    parts = [generator.integers(-(2**30), 2**30, shape).astype(object) << 30 * k for k in range(3)]
    array = DyadicArray(sum(parts) >> 90 - bits, -40)
    witness = spectral_norm_bound(array)
    assert is_dominant(witness, array)
    smaller = NormWitness(
        witness.bound * (1 - Fraction(1, 10**8)), witness.factor, witness.exponent
    )
    assert not is_dominant(smaller, array)


@pytest.mark.parametrize(("size", "num_terms"), [(1, 1), (1, 1000), (30, 40)])
def test_rounding_has_its_room_in_a_norm(size, num_terms):
    """The sums of the identity are 1; N must exceed that by the rounding of as many products."""
    factor = np.zeros(size * (size + 1) // 2, dtype=np.int64)
    share = Fraction(size * num_terms, 2**53)
    for excess, is_enough in ((share, False), (20 * share, True)):
        witness = NormWitness(1 + excess / 2, factor, 0)
        assert norms._is_proved(np.eye(size), witness, num_terms=num_terms) is is_enough


@given(small_matrices | matrices(), st.integers(-1100, 1100))
@example(np.array([[3.0, 4.0], [0.0, 0.0], [1e-300, 1e-300]]), 0)
@example(np.array([[1e300, 0.0], [5e-324, 5e-324]]), 0)
def test_norms_of_rows_are_bounds_and_near(values, power):
    lengths = row_norm_bounds(DyadicArray.from_floats(values).scaled(power))
    largest = max(abs(Fraction(x)) for x in values.ravel())
    for row, length in zip(values, fractions_of(lengths), strict=True):
        square = sum(Fraction(x) ** 2 for x in row)
        length /= Fraction(2) ** power
        assert square <= length**2
        excess = length / (1 + Fraction(1, 10**13)) - largest / 2**390
        assert length == square == 0 or excess <= 0 or excess**2 <= square


@given(small_matrices)
def test_norm_of_the_transpose_is_a_bound_too(values):
    witness = spectral_norm_bound(DyadicArray.from_floats(values.T))
    assert is_norm_bound(witness.bound, [rational(row) for row in values])


@given(small_matrices, st.integers(-300, 300))
def test_norms_scale_with_powers_of_two(values, power):
    array = DyadicArray.from_floats(values)
    one, other = spectral_norm_bound(array), spectral_norm_bound(array.scaled(power))
    assert other.bound == one.bound * Fraction(2) ** power
    assert np.array_equal(one.factor, other.factor)


def test_the_oracle_of_norms_can_fail():
    assert is_norm_bound(Fraction(5), [[Fraction(3), Fraction(4)]])
    assert not is_norm_bound(Fraction(4999, 1000), [[Fraction(3), Fraction(4)]])
    assert not is_norm_bound(Fraction(-5), [[Fraction(3), Fraction(4)]])
    assert not is_positive_semidefinite([[0, 1], [1, 1]])
    assert not is_positive_semidefinite([[1, 2], [2, 1]])
    assert is_positive_semidefinite([[1, 1], [1, 1]])


@pytest.mark.parametrize("shape", [(30, 20), (7, 60), (40, 40)])
def test_norms_are_near_numpys(shape):
    values = np.random.default_rng(1).standard_normal(shape)
    bound = spectral_norm_bound(DyadicArray.from_floats(values)).bound
    assert 1 - 1e-12 <= float(bound) / np.linalg.norm(values, 2) <= 1 + 1e-8


def test_norms_of_equal_singular_values():
    for values, square in ((np.eye(5), 1), (np.ones((4, 6)), 24), (np.diag([1.0, 1.0, 0.0]), 1)):
        bound = spectral_norm_bound(DyadicArray.from_floats(values)).bound
        assert square <= bound**2 <= square * (1 + Fraction(1, 10**8)) ** 2


def test_norms_agree_with_semidefinite_programming():
    """Min t with t I - A A^T >= 0, by an interior-point method: no eigenvalue is computed."""
    import cvxpy

    values = np.random.default_rng(2).standard_normal((4, 6))
    t = cvxpy.Variable()
    problem = cvxpy.Problem(cvxpy.Minimize(t), [t * np.eye(4) - values @ values.T >> 0])
    problem.solve(solver=cvxpy.CLARABEL)
    bound = spectral_norm_bound(DyadicArray.from_floats(values)).bound
    assert float(bound) ** 2 == pytest.approx(float(t.value), rel=1e-6)


@pytest.mark.parametrize("factor", [Fraction(15, 16), Fraction(9, 10)])
def test_a_wrong_witness_is_never_returned(monkeypatch, factor):
    """Found: a bound that is not dyadic was checked with its denominator left out."""
    honest = norms._suggest

    def too_small(gram, **options):
        found = honest(gram, **options)
        return norms.NormWitness(found.bound * factor, found.factor, found.exponent)

    monkeypatch.setattr(norms, "_suggest", too_small)
    with pytest.raises(SoundnessBug, match="2 x 3"):
        spectral_norm_bound(DyadicArray.from_floats(np.arange(6.0).reshape(2, 3)))


def test_no_suggestion_is_an_error_too(monkeypatch):
    monkeypatch.setattr(norms, "_suggest", lambda *_, **__: None)
    with pytest.raises(SoundnessBug):
        spectral_norm_bound(DyadicArray.from_floats(np.ones((1, 1))))
