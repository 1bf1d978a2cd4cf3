"""Sample sizes: known figures, minimality in exact arithmetic, drifts against integrals."""

import math
from fractions import Fraction

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongltn.errors import AssumptionViolated, InvalidInputError
from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.theorems.assumptions import uniform_component
from strongltn.theorems.catalogue import theorem_named
from strongltn.theorems.certified import ball, ceiling, least, lower, upper
from strongltn.theorems.dacunha2022 import explicit_kappa
from strongltn.theorems.drift import drift_constant
from strongltn.theorems.lueker1998 import azuma_bound, published_need, sharp_need
from strongltn.theorems.question import CoverQuestion
from strongltn.theorems.supermartingale import Supermartingale, best_window

ETA, DELTA = Fraction(1, 4096), Fraction(1, 100)
CONTINUOUS = (SampleLaw.UNIFORM, SampleLaw.PRODUCT, SampleLaw.GAUSSIAN)


def promise(key, law=SampleLaw.UNIFORM, window=Window.HALF, *, eta=ETA, delta=DELTA):
    question = CoverQuestion(eta=eta, failure_probability=delta, law=law, window=window)
    return theorem_named(key).promise(question)


@pytest.mark.parametrize(
    ("key", "law", "window", "num_samples"),
    [
        ("Lueker1998.Theorem2_4", SampleLaw.UNIFORM, Window.HALF, 113),
        ("Lueker1998.Theorem2_4Sharp", SampleLaw.UNIFORM, Window.HALF, 110),
        ("Lueker1998.Corollary3_3", SampleLaw.UNIFORM, Window.HALF, 110),
        ("Cover.Uniform", SampleLaw.UNIFORM, Window.HALF, 72),
        ("Cover.Uniform", SampleLaw.UNIFORM, Window.UNIT, 77),
        ("Cover.Mixture", SampleLaw.PRODUCT, Window.HALF, 227),
        ("Cover.Rearrangement", SampleLaw.UNIFORM, Window.HALF, 72),
        ("Cover.Rearrangement", SampleLaw.PRODUCT, Window.HALF, 92),
        ("Cover.WideWindow", SampleLaw.UNIFORM, Window.HALF, 70),
        ("Cover.WideWindow", SampleLaw.PRODUCT, Window.HALF, 89),
        ("Cover.WideWindow", SampleLaw.GAUSSIAN, Window.HALF, 78),
        ("DaCunha2022.Theorem1", SampleLaw.UNIFORM, Window.UNIT, 137),
    ],
)
def test_figures_at_two_to_the_minus_twelve(key, law, window, num_samples):
    found = promise(key, law, window)
    assert found.num_samples == num_samples
    assert found.failure_probability <= DELTA


def test_the_dynamic_program_is_the_best_of_the_proved_ones():
    eta = Fraction(1, 16)
    best = promise("Cover.DynamicProgram", eta=eta).num_samples
    for key in ("Cover.WideWindow", "Cover.Uniform", "Cover.ComponentProgram"):
        assert best <= promise(key, eta=eta).num_samples
    assert promise("Cover.LowerBound", eta=eta).necessary_samples <= best


@pytest.mark.parametrize("key", ["Lueker1998.Theorem2_4", "Lueker1998.Theorem2_4Sharp"])
@pytest.mark.parametrize("exponent", [2, 5, 12, 24])
def test_lueker_sizes_are_the_least_in_high_precision(key, exponent):
    eta = Fraction(1, 2**exponent)
    found = promise(key, eta=eta)
    with mpmath.workdps(60):
        need = 2 / mpmath.log(2) * mpmath.log(2**exponent)
        if key.endswith("Sharp"):
            e = mpmath.mpf(1) / 2**exponent
            need = (mpmath.log((1 - e) / e) + mpmath.log((1 - 2 * e) / (2 * e))) / mpmath.log(2)

        def chance(n):
            surplus = mpmath.mpf(n) / 2 - need
            return mpmath.exp(-(surplus**2) / (2 * n)) if surplus >= 0 else mpmath.mpf(1)

        n = found.num_samples
        assert chance(n) <= mpmath.mpf(1) / 100 < chance(n - 1)
        exact = chance(n)
        bound = mpmath.mpf(found.failure_probability.numerator)
        bound /= found.failure_probability.denominator
        assert exact <= bound <= exact * (1 + mpmath.mpf(2) ** -100)


def test_the_published_need_is_never_below_the_sharp_one():
    for eta in (Fraction(49, 100), Fraction(1, 3), Fraction(1, 4), Fraction(1, 10**9)):
        assert sharp_need(eta) + 1 <= published_need(eta)


def test_azuma_says_nothing_below_the_need():
    assert azuma_bound(10, needed=Fraction(6), mass=Fraction(1)) == 1
    assert azuma_bound(100, needed=Fraction(6), mass=Fraction(1)) < Fraction(1, 1000)


@pytest.mark.parametrize("law", CONTINUOUS)
@pytest.mark.parametrize("window", Window)
@pytest.mark.parametrize("key", ["Cover.Mixture", "Cover.Rearrangement", "Cover.WideWindow"])
def test_sizes_fall_with_eta_and_delta(key, law, window):
    if key == "Cover.Mixture" and law is SampleLaw.PRODUCT and window is Window.UNIT:
        with pytest.raises(AssumptionViolated, match="beyond \\[-1/2, 1/2\\]"):
            promise(key, law, window)
        return
    one = promise(key, law, window).num_samples
    assert promise(key, law, window, eta=ETA / 2).num_samples > one
    assert promise(key, law, window, delta=DELTA / 2).num_samples > one
    if key == "Cover.WideWindow":
        assert promise(key, law, Window.HALF).num_samples <= one


@given(
    drift=st.fractions(Fraction(1, 100), 1),
    p=st.fractions(0, 1).filter(lambda p: 0 < p < 1),
    shares=st.lists(st.fractions(0, 1), min_size=1, max_size=4),
)
def test_no_growth_beats_the_supermartingale(drift, p, shares):
    """Any law of q on [0, min(p, 1 - p)] with at least the mean drift p (1 - p) shrinks V."""
    largest, mean = min(p, 1 - p), drift * p * (1 - p)
    values = [share * largest for share in shares]
    average = sum(values) / len(values)
    # mix with the largest value until the mean is right
    weight = max(Fraction(0), (mean - average) / (largest - average)) if average < largest else 0

    def potential(x):
        return (1 - x) / x

    expected = weight * potential(p + largest)
    expected += (1 - weight) * sum(potential(p + value) for value in values) / len(values)
    assert expected <= (1 - drift / 2) * potential(p)


def test_the_factor_is_attained():
    p, drift = Fraction(1, 4), Fraction(1, 2)
    chance = drift * (1 - p)  # of doubling p; the mean is drift p (1 - p)
    expected = chance * (1 - 2 * p) / (2 * p) + (1 - chance) * (1 - p) / p
    assert expected == (1 - drift / 2) * (1 - p) / p


@given(
    eta=st.fractions(Fraction(1, 10**6), Fraction(2, 5)),
    delta=st.fractions(Fraction(1, 10**9), Fraction(9, 10)),
    drift=st.fractions(Fraction(1, 20), 1),
)
def test_supermartingale_sizes_are_the_least(eta, delta, drift):
    bound = Supermartingale(drift, 2 * eta, 1 - eta)
    n = bound.sample_size(delta)
    assert bound.failure_bound(n) <= delta
    assert n == 1 or bound.failure_bound(n - 1) > delta


def test_windows_and_holes():
    """A hole at the edge is half as long as one inside; the tolerance is 2 eta."""
    eta, one = Fraction(1, 10), Fraction(1)
    tight = Supermartingale.of_window(eta, drift=one, targets=one, length=one)
    assert (tight.start, tight.end) == (2 * eta, 1 - eta)
    roomy = Supermartingale.of_window(eta, drift=one, targets=one, length=one + 2 * eta)
    assert (roomy.start, roomy.end) == (Fraction(1, 6), 1 - Fraction(1, 6))
    wide = Supermartingale.of_window(eta, drift=one, targets=one, length=2 * one)
    assert (wide.start, wide.end) == (eta, 1 - eta)
    with pytest.raises(InvalidInputError, match="'length'"):
        Supermartingale.of_window(eta, drift=one, targets=one, length=one / 2)


def drift_integral(law, length, v):
    """Return I_L(v) by quadrature in high precision, from the density alone."""
    density = {
        SampleLaw.UNIFORM: lambda t: mpmath.mpf(1) / 2 if t <= 1 else mpmath.mpf(0),
        SampleLaw.PRODUCT: lambda t: -mpmath.log(t) / 2 if t < 1 else mpmath.mpf(0),
        SampleLaw.GAUSSIAN: mpmath.npdf,
    }[law]

    def double(t):
        breaks = [0, t] if t <= 1 else [0, 1, t]
        return mpmath.quad(lambda s: (t - s) * density(s), breaks)

    return (double(length) - double(v * length) - double((1 - v) * length)) / length


@pytest.mark.parametrize("law", CONTINUOUS)
@pytest.mark.parametrize("length", ["1", "5/4", "2", "9/4"])
def test_the_drift_constant_is_the_least_ratio(law, length):
    length = Fraction(length)
    if law is SampleLaw.GAUSSIAN and length > 2:
        with pytest.raises(InvalidInputError, match=r"\[1, 2\]"):
            drift_constant(law, length)
        return
    kappa = drift_constant(law, length)
    with mpmath.workdps(30):
        L = mpmath.mpf(length.numerator) / length.denominator
        grid = [mpmath.mpf(k) / 64 for k in range(1, 33)] + [mpmath.mpf(2) ** -12]
        ratios = [drift_integral(law, L, v) / (v * (1 - v)) for v in grid]
        bound = mpmath.mpf(kappa.numerator) / kappa.denominator
        # quadrature is good to 20 digits, and uniform ratios are equal to the bound
        assert min(ratios) > bound - mpmath.mpf(10) ** -15
        assert min(ratios) < bound * 1.001


def test_drift_constants_in_closed_form():
    with mpmath.workdps(60):
        product = mpmath.mpf(3) / 4 - mpmath.log(2) / 2
        gaussian = mpmath.ncdf(2) - mpmath.mpf(1) / 2
        for law, length, exact in (
            (SampleLaw.PRODUCT, 1, product),
            (SampleLaw.GAUSSIAN, 2, gaussian),
        ):
            kappa = drift_constant(law, Fraction(length))
            bound = mpmath.mpf(kappa.numerator) / kappa.denominator
            assert 0 < exact - bound < 1e-16
    assert drift_constant(SampleLaw.UNIFORM, Fraction(2)) == Fraction(1, 2)
    assert drift_constant(SampleLaw.UNIFORM, Fraction(4)) == Fraction(1, 4)
    assert 0 <= Fraction(1, 4) - drift_constant(SampleLaw.PRODUCT, Fraction(2)) < Fraction(1, 2**50)


def test_what_the_drift_constant_refuses():
    with pytest.raises(AssumptionViolated, match="density"):
        drift_constant(SampleLaw.SIGNED_CONSTANT, Fraction(1))
    with pytest.raises(InvalidInputError, match="'length'"):
        drift_constant(SampleLaw.UNIFORM, Fraction(1, 2))


def test_half_a_share_needs_more_than_twice_the_samples():
    sizes = [
        best_window(ETA, DELTA, law=SampleLaw.PRODUCT, window=Window.HALF, share=share).sample_size(
            DELTA
        )
        for share in (Fraction(1), Fraction(1, 2))
    ]
    assert 2 * sizes[0] < sizes[1] < 3 * sizes[0]


@pytest.mark.parametrize("law", CONTINUOUS)
def test_the_component_lies_below_the_density(law):
    part = uniform_component(law)
    height = part.mass / (2 * part.radius)
    with mpmath.workdps(50):
        at_edge = {
            SampleLaw.UNIFORM: lambda t: mpmath.mpf(1) / 2,
            SampleLaw.PRODUCT: lambda t: -mpmath.log(t) / 2,
            SampleLaw.GAUSSIAN: mpmath.npdf,
        }[law](mpmath.mpf(part.radius.numerator) / part.radius.denominator)
        used = mpmath.mpf(height.numerator) / height.denominator
        assert used <= at_edge <= used * (1 + mpmath.mpf(2) ** -100)


def test_kappa_of_the_revisited_theorem_is_enough():
    """(3/4)^n 2 / eps^2 <= exp(-(n - kappa log2(1/eps))^2 / (4 n)) for n >= kappa log2(1/eps)."""
    kappa = explicit_kappa()
    for bits in (1, 2, 5, 12, 40):
        need = kappa * bits
        for n in range(math.ceil(need), math.ceil(need) + 200, 7):
            smaller = Fraction(3, 4) ** n * 2 * 4**bits
            exponent = (n - need) ** 2 / (4 * n)
            assert smaller <= lower(lambda e=exponent: (-ball(e)).exp())


def test_a_fifth_less_kappa_is_not_enough():
    smaller = explicit_kappa() * Fraction(4, 5)
    n = math.ceil(smaller)
    assert Fraction(3, 4) ** n * 8 > upper(lambda: (-ball((n - smaller) ** 2 / (4 * n))).exp())


def test_balls_round_outwards():
    assert lower(lambda: ball(2).sqrt()) ** 2 < 2 < upper(lambda: ball(2).sqrt()) ** 2
    assert ceiling(lambda: ball(Fraction(7, 2))) == 4


@given(threshold=st.integers(1, 10**6), start=st.integers(1, 100))
def test_least_is_the_least(threshold, start):
    assert least(lambda n: n >= threshold, start=start) == max(threshold, start)
