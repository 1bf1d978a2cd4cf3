"""The dynamic program against exact rationals: every rounding goes towards the adversary."""

from fractions import Fraction
from itertools import islice, pairwise
from typing import NamedTuple

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongltn.errors import AssumptionViolated, InvalidInputError
from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.theorems import drift, dynamic_program
from strongltn.theorems.adversary_kernel import FULL_BITS, add_sample
from strongltn.theorems.drift import certified_drift, has_component
from strongltn.theorems.dynamic_program import CoverProcess, failure_bounds, sample_size

ONE = 1 << FULL_BITS
DENSITIES = {
    SampleLaw.UNIFORM: lambda s: mpmath.mpf(s <= 1) / 2,
    SampleLaw.PRODUCT: lambda s: -mpmath.log(s) / 2 if s < 1 else mpmath.mpf(0),
    SampleLaw.GAUSSIAN: mpmath.npdf,
}
every_law = pytest.mark.parametrize("law", DENSITIES, ids=lambda law: law.value)


class Steps(NamedTuple):
    ends: np.ndarray
    last: np.ndarray
    reach: np.ndarray
    mean: np.ndarray


def worst_mean(points, mean):
    """Return the largest mean value of a law on (position, value) points with this mean."""
    best = max((value for position, value in points if position == mean), default=None)
    for left, low in points:
        for right, high in points:
            if left < mean < right:
                value = low + (high - low) * Fraction(mean - left, right - left)
                best = value if best is None else max(best, value)
    return best


def exact_step(states, values, steps):
    """Return the exact value of one step: all chords between the ends of all cells in reach."""
    new = []
    for i, state in enumerate(states):
        reach, mean = int(steps.reach[i]), int(steps.mean[i])
        cells = range(i, int(steps.last[i]) + 1)  # up to its end a cell keeps its value
        ends = [(min(int(steps.ends[j]), reach), values[j]) for j in cells]
        value = worst_mean([(state, values[i]), *ends], mean)
        new.append(min([value, *new[-1:]]))
    return new


@st.composite
def games(draw):
    """States, falling values, and where each state can get, in units of 2^-10."""
    one = 1024
    states = sorted(draw(st.sets(st.integers(1, one - 1), min_size=2, max_size=9)))
    values = sorted(draw(st.lists(st.integers(0, ONE), min_size=len(states), max_size=len(states))))
    values = [*values[::-1][:-1], 0]
    reach = [p + min(p, one - p) for p in states]
    mean = [p + draw(st.integers(0, r - p)) for p, r in zip(states, reach, strict=True)]
    last = [max(j for j, p in enumerate(states) if p <= r) for r in reach]
    arrays = ([*states[1:], one], last, reach, mean)
    return states, values, Steps(*(np.array(a, dtype=np.int64) for a in arrays))


@given(games())
def test_one_step_is_never_below_the_exact_one_and_hardly_above(game):
    states, values, steps = game
    new = add_sample(np.array(values, dtype=np.int64), steps)
    exact = exact_step(states, [Fraction(v) for v in values], steps)
    for found, least in zip(new.tolist(), exact, strict=True):
        assert least <= found
        assert found <= least + Fraction(ONE, 1 << 30)


def test_steep_slopes_do_not_overflow():
    one = 1 << 54
    states = np.array([one // 2 - 3, one // 2 - 2, one // 2 - 1], dtype=np.int64)
    steps = Steps(
        ends=np.append(states[1:], one),
        last=np.array([2, 2, 2]),
        reach=2 * states,
        mean=states + 1,
    )
    values = [ONE, ONE, 0]
    exact = exact_step(states.tolist(), [Fraction(v) for v in values], steps)
    found = add_sample(np.array(values, dtype=np.int64), steps).tolist()
    assert all(low <= high <= ONE for low, high in zip(exact, found, strict=True))


def exact_bounds(process, num_samples):
    """Run the program in rationals on the states of a process, for uniform samples and L = 1."""
    start, end = 2 * process.eta, 1 - process.eta
    states, steps = dynamic_program._grid(start, end, process)
    points = [Fraction(int(p), int(steps.ends[-1])) for p in states]
    assert points[0] <= start < points[1]
    assert points[-2] < end <= points[-1]
    values = [Fraction(p != points[-1]) for p in points]
    bounds = [values[0]]
    for _ in range(num_samples):
        new = []
        for i, p in enumerate(points):
            reach, mean = p + min(p, 1 - p), p + p * (1 - p) / 2
            cells = zip(points[i:], [*points[i + 1 :], Fraction(1)], values[i:], strict=True)
            ends = [(min(end, reach), value) for begin, end, value in cells if begin <= reach]
            new.append(min([worst_mean([(p, values[i]), *ends], mean), *new[-1:]]))
        values = new
        bounds.append(values[0])
    return bounds


@pytest.mark.parametrize("eta", [Fraction(1, 8), Fraction(1, 11)], ids=str)
def test_the_program_is_above_its_exact_value_and_hardly_so(eta):
    process = CoverProcess(eta, SampleLaw.UNIFORM, Window.HALF, Fraction(1), cells=3)
    exact = exact_bounds(process, 12)
    found = list(islice(process.bounds(), 13))
    assert exact[-1] < 1
    for low, high in zip(exact, found, strict=True):
        assert low <= high <= low * (1 + Fraction(1, 10**4))


def test_a_random_start_with_a_mean_hole():
    process = CoverProcess(Fraction(1, 8), SampleLaw.UNIFORM, Window.HALF, Fraction(1), cells=4)
    certain = list(islice(process.bounds(), 9))
    for hole in (Fraction(1, 20), Fraction(1, 4), Fraction(3, 4)):
        after = list(islice(process.bounds_after(hole), 9))
        # Nothing covered, or all: the worst law of two points if the first bound is 1.
        assert after[0] >= min(1, hole / Fraction(3, 4))
        assert all(chance <= most for chance, most in zip(after, certain, strict=True))
        assert after == sorted(after, reverse=True)
    assert list(islice(process.bounds_after(Fraction(0)), 3)) == [0, 0, 0]


@every_law
@pytest.mark.parametrize("length", [Fraction(1), Fraction(6, 5), Fraction(9, 4)], ids=str)
def test_drift_is_just_below_its_integral(law, length):
    bits, fractions = 40, [0, 1, 1 << 20, 3 << 37, 1 << 39, 7 << 37, 1 << 40]
    found = certified_drift(fractions, bits=bits, law=law, length=length)
    with mpmath.workdps(30):

        def twice(t):
            pieces = sorted({mpmath.mpf(0), min(t, mpmath.mpf(1)), t})
            integrand = lambda s: (t - s) * DENSITIES[law](s)  # noqa: E731
            return mpmath.quad(integrand, pieces) if t else mpmath.mpf(0)

        across = mpmath.mpf(length.numerator) / length.denominator
        for v, bound in zip(fractions, found.tolist(), strict=True):
            part = mpmath.ldexp(v, -bits)
            exact = twice(across) - twice(across * part) - twice(across * (1 - part))
            scaled = mpmath.ldexp(exact / across, bits)
            assert bound <= scaled + mpmath.mpf("1e-9")  # the quadrature's own error
            assert bound > scaled - 1 - mpmath.mpf("1e-3")


def test_uniform_drift_is_the_exact_floor():
    bits = 20
    fractions = list(range(0, (1 << bits) + 1, 99991))
    found = certified_drift(fractions, bits=bits, law=SampleLaw.UNIFORM, length=Fraction(1))
    for v, bound in zip(fractions, found.tolist(), strict=True):
        exact = Fraction(v * ((1 << bits) - v), 2 << bits)
        assert exact - 1 < bound <= exact


@every_law
def test_the_component_drifts_less_than_the_whole_law(law):
    fractions = range(0, (1 << 20) + 1, 65536)
    for length in (Fraction(1), Fraction(5, 4)):
        whole = certified_drift(fractions, bits=20, law=law, length=length)
        part = certified_drift(fractions, bits=20, law=law, length=length, component=True)
        assert (part <= whole).all()


def test_mass_of_the_component_of_products():
    half = certified_drift([1 << 39], bits=40, law=SampleLaw.PRODUCT, length=1, component=True)
    assert abs(int(half[0]) / 2**40 - float(mpmath.log(2)) / 16) < 1e-9  # (ln 2 / 4) / 4
    assert not has_component(SampleLaw.UNIFORM, Fraction(3))
    assert not has_component(SampleLaw.SIGNED_CONSTANT, Fraction(1))


TWELVE = Fraction(1, 1 << 12)


@pytest.mark.parametrize(
    ("law", "options", "expected"),
    [
        (SampleLaw.UNIFORM, {}, 52),
        (SampleLaw.PRODUCT, {}, 61),
        (SampleLaw.GAUSSIAN, {}, 60),
    ],
    ids=str,
)
def test_headline_numbers_of_samples(law, options, expected):
    assert sample_size(TWELVE, 0.01, law=law, window=Window.HALF, **options) == expected


def test_the_component_of_products_needs_many_more_samples():
    question = {"law": SampleLaw.PRODUCT, "window": Window.HALF, "length": Fraction(1)}
    component = sample_size(Fraction(1, 8), 0.1, component=True, **question)
    assert component > 2.5 * sample_size(Fraction(1, 8), 0.1, **question)


def test_bound_and_size_agree():
    question = {"law": SampleLaw.PRODUCT, "window": Window.UNIT}
    for delta in (0.3, 0.02):
        n = sample_size(0.1, delta, **question)
        enough, too_few = (failure_bounds(0.1, k, **question)[-1] for k in (n, n - 1))
        assert enough <= delta < too_few


def test_bounds_fall_with_samples_and_sizes_with_eta_and_delta():
    bounds = failure_bounds(0.05, 40, law=SampleLaw.GAUSSIAN, window=Window.HALF)
    assert all(low >= high for low, high in pairwise(bounds))
    assert bounds[0] == 1 > bounds[-1] > 0

    def sizes(questions):
        window, law = Window.UNIT, SampleLaw.UNIFORM
        return [sample_size(eta, delta, law=law, window=window) for eta, delta in questions]

    by_eta = sizes([(Fraction(1, 3**k), 0.1) for k in range(1, 4)])
    by_delta = sizes([(Fraction(1, 8), Fraction(1, 10**k)) for k in (1, 3, 20)])
    for numbers in (by_eta, by_delta):
        assert numbers == sorted(numbers)
        assert numbers[0] < numbers[-1]


def test_targets_within_reach_of_nothing_need_no_samples():
    assert sample_size(0.3, 0.01, law=SampleLaw.UNIFORM, window=Window.HALF) == 0


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [
        ((0, 0.1), "eta"),
        ((0.5, 0.1), "eta"),
        ((2.0**-41, 0.1), "eta"),
        ((0.1, 0), "failure_probability"),
        ((0.1, 1), "failure_probability"),
    ],
)
def test_bad_questions_name_the_parameter(arguments, parameter):
    with pytest.raises(InvalidInputError, match=f"'{parameter}'"):
        sample_size(*arguments, law=SampleLaw.UNIFORM, window=Window.HALF)


def test_bad_lengths_and_counts():
    for length in (Fraction(9, 10), Fraction(4)):
        with pytest.raises(InvalidInputError, match="'length'"):
            failure_bounds(0.1, 9, law=SampleLaw.UNIFORM, window=Window.HALF, length=length)
    with pytest.raises(InvalidInputError, match="'num_samples'"):
        failure_bounds(0.1, -1, law=SampleLaw.UNIFORM, window=Window.HALF)
    for wrong in ({"bits": 63}, {"length": Fraction(0)}, {"fractions": [-1]}):
        good = {"fractions": [0], "bits": 8, "law": SampleLaw.UNIFORM, "length": Fraction(1)}
        with pytest.raises(InvalidInputError, match=f"'{next(iter(wrong))}'"):
            drift.certified_drift(**{**good, **wrong})


def test_laws_without_density_or_component_are_refused():
    signs = SampleLaw.SIGNED_CONSTANT
    with pytest.raises(AssumptionViolated, match="no density"):
        failure_bounds(0.1, 9, law=signs, window=Window.HALF)
    with pytest.raises(AssumptionViolated, match="uniform part"):
        failure_bounds(0.1, 9, law=SampleLaw.PRODUCT, window=Window.UNIT, component=True)
