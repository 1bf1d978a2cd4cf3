"""Necessary samples: chances of sums against integrals, and bounds that never cross."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from scipy.stats import binomtest

from strongltn.errors import AssumptionViolated, InvalidInputError
from strongltn.rng import named_generator
from strongltn.subset_sum.sample_laws import SampleLaw, Window, draw_samples
from strongltn.theorems.dynamic_program import failure_bounds, sample_size
from strongltn.theorems.lower_bounds import (
    chance_within,
    chances_below,
    failure_lower_bound,
    necessary_samples,
)

FALSE_ALARM = 1e-6
LAWS = (SampleLaw.UNIFORM, SampleLaw.PRODUCT, SampleLaw.GAUSSIAN)
every_law = pytest.mark.parametrize("law", LAWS, ids=lambda law: law.value)


def test_uniform_sums_have_their_exact_chances():
    a = Fraction(3, 10)
    assert chance_within(a, 0, SampleLaw.UNIFORM) == 1
    assert chance_within(a, 1, SampleLaw.UNIFORM) == a
    assert chance_within(a, 2, SampleLaw.UNIFORM) == 1 - (2 - a) ** 2 / 4
    assert chance_within(a, 3, SampleLaw.UNIFORM) == (9 * a - a**3) / 12
    assert chance_within(Fraction(5), 3, SampleLaw.UNIFORM) == 1


def test_uniform_sign_bound_is_laguerre_less_the_overlap():
    n, eta = 8, Fraction(1, 10)
    with mpmath.workdps(30):
        one_side = mpmath.laguerre(n, 0, -mpmath.mpf(3) / 10) / 2**n
        both = mpmath.binomial(16, 8) * mpmath.mpf("0.3") ** 8 / mpmath.factorial(8) / 2**n
        expected = 2 * one_side - both
        found = failure_lower_bound(eta, n, law=SampleLaw.UNIFORM, window=Window.HALF)
        assert abs(mpmath.mpf(found.numerator) / found.denominator - expected) < 1e-25
    assert abs(float(one_side) - 0.01928) < 1e-5


@pytest.mark.parametrize("law", LAWS[1:], ids=lambda law: law.value)
def test_chances_on_the_grid_enclose_the_integrals(law):
    reach = Fraction(3, 4)
    c = mpmath.mpf(3) / 4
    if law is SampleLaw.PRODUCT:
        density, cdf = (lambda s: -mpmath.log(s)), (lambda t: t - t * mpmath.log(t))
    else:
        density, cdf = (lambda s: 2 * mpmath.npdf(s)), (lambda t: mpmath.erf(t / mpmath.sqrt(2)))
    below, above = chances_below(reach, 70, law)
    assert len(below) == len(above) == 71
    assert below[0] == above[0] == 1
    with mpmath.workdps(40):
        one, two = cdf(c), mpmath.quad(lambda s: density(s) * cdf(c - s), [0, c / 2, c])
        for k, exact in ((1, one), (2, two)):
            low, high = (mpmath.mpf(x[k].numerator) / x[k].denominator for x in (below, above))
            assert low < exact < high < low * mpmath.mpf("1.03")
    assert all(low <= high for low, high in zip(below, above, strict=True))
    assert below[70] == 0 < above[70]


@pytest.mark.statistical
@every_law
def test_chances_bound_what_is_drawn(law):
    generator = named_generator(1, name=f"chances of {law.value}")
    samples = draw_samples(law, (100_000, 6), generator=generator)
    sums = np.abs(np.cumsum(samples, axis=1))
    absolute = np.cumsum(np.abs(samples), axis=1)
    below, above = chances_below(Fraction(1), 6, law)
    for k in range(1, 7):
        within, small = int((sums[:, k - 1] <= 0.6).sum()), int((absolute[:, k - 1] < 1).sum())
        upper = float(chance_within(Fraction(3, 5), k, law))
        assert binomtest(within, 100_000, upper, alternative="greater").pvalue > FALSE_ALARM
        assert (
            binomtest(small, 100_000, float(above[k]), alternative="greater").pvalue > FALSE_ALARM
        )
        assert binomtest(small, 100_000, float(below[k]), alternative="less").pvalue > FALSE_ALARM


@pytest.mark.statistical
@every_law
def test_the_sign_bound_is_the_chance_of_its_event(law):
    num_samples, eta = 10, 0.125
    generator = named_generator(2, name=f"signs of {law.value}")
    samples = draw_samples(law, (100_000, num_samples), generator=generator)
    gains, losses = np.maximum(samples, 0).sum(axis=1), np.maximum(-samples, 0).sum(axis=1)
    failures = int((np.minimum(gains, losses) < 0.25).sum())
    bound = float(failure_lower_bound(eta, num_samples, law=law, window=Window.HALF))
    assert binomtest(failures, 100_000, bound, alternative="less").pvalue > FALSE_ALARM
    assert bound > 0.9 * failures / 100_000


@every_law
def test_lower_bounds_stay_below_upper_bounds(law):
    for eta in (Fraction(1, 8), Fraction(1, 40)):
        for window in Window:
            least = necessary_samples(eta, 0.05, law=law, window=window)
            assert 0 < least <= sample_size(eta, 0.05, law=law, window=window)
            one_less = failure_lower_bound(eta, least - 1, law=law, window=window)
            assert one_less > 0.05 >= failure_lower_bound(eta, least, law=law, window=window)
            assert one_less <= failure_bounds(eta, least - 1, law=law, window=window)[-1]


def test_counting_is_the_first_moment():
    eta = Fraction(1, 1000)
    a = Fraction(1, 2) + 2 * eta
    expected = 1 - 4 * eta * (1 + 2 * a + (1 - (2 - a) ** 2 / 4))  # of 4 sums, those in [-a, a]
    assert failure_lower_bound(eta, 2, law=SampleLaw.UNIFORM, window=Window.HALF) == expected


@every_law
def test_counting_decides_for_small_tolerances(law):
    eta = Fraction(1, 1 << 24)
    least = necessary_samples(eta, 0.1, law=law, window=Window.HALF)
    assert 23 <= least <= 27  # 2^n sums of width 4 eta cover 1 only if n >= 22


@every_law
def test_failure_is_less_likely_with_more_samples(law):
    bounds = [failure_lower_bound(0.01, n, law=law, window=Window.UNIT) for n in range(0, 81, 8)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] > 0.99
    assert bounds[-1] < 1e-4


@pytest.mark.parametrize(
    ("law", "expected"),
    [(SampleLaw.UNIFORM, 13), (SampleLaw.PRODUCT, 19), (SampleLaw.GAUSSIAN, 13)],
    ids=str,
)
def test_headline_numbers(law, expected):
    assert necessary_samples(2.0**-12, 0.01, law=law, window=Window.HALF) == expected


def test_easy_targets_need_no_samples():
    assert necessary_samples(0.3, 0.01, law=SampleLaw.UNIFORM, window=Window.HALF) == 0


def test_bad_questions():
    question = {"law": SampleLaw.UNIFORM, "window": Window.HALF}
    with pytest.raises(InvalidInputError, match="'eta'"):
        necessary_samples(0.5, 0.1, **question)
    with pytest.raises(InvalidInputError, match="'failure_probability'"):
        necessary_samples(0.1, 0, **question)
    with pytest.raises(InvalidInputError, match="'num_samples'"):
        failure_lower_bound(0.1, -1, **question)
    with pytest.raises(AssumptionViolated, match="integers"):
        necessary_samples(0.1, 0.1, law=SampleLaw.SIGNED_CONSTANT, window=Window.HALF)
