"""Promises: exact formulas against exact arithmetic, and against seeded draws."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from scipy.stats import binomtest

from strongltn.errors import AssumptionViolated, InvalidInputError
from strongltn.rng import WeightLaw, named_generator
from strongltn.subset_sum import solve_batch
from strongltn.subset_sum.sample_laws import SampleLaw, draw_products, product_cdf
from strongltn.subset_sum.solvers import SingleWeight
from strongltn.theorems.drift import PRODUCTS, drift_constant
from strongltn.theorems.malach2020 import failure_probability
from strongltn.theorems.supermartingale import cover_failure_bound, cover_tolerance_bound

FALSE_ALARM = 1e-6
every_law = pytest.mark.parametrize("law", WeightLaw, ids=lambda law: law.value)
COVERED = (WeightLaw.UNIFORM, WeightLaw.SIGNED_CONSTANT)


@every_law
def test_product_laws_are_symmetric_distributions(law):
    t = np.linspace(-3, 3, 601)
    values = product_cdf(law, t)
    assert (np.diff(values) >= 0).all()
    assert np.allclose(values + values[::-1], 1, atol=1e-12)
    assert product_cdf(law, 0.0) == 0.5
    if law in COVERED:
        assert (values[t <= -1] == 0).all()
        assert (values[t >= 1] == 1).all()


@pytest.mark.parametrize("t", [0.01, 0.3, 1.0, 2.5])
def test_product_laws_are_the_integrals_of_their_densities(t):
    half = mpmath.mpf(1) / 2
    densities = {
        WeightLaw.UNIFORM: lambda s: -mpmath.log(s) / 2 if s < 1 else mpmath.mpf(0),
        WeightLaw.GAUSSIAN: lambda s: mpmath.besselk(0, s) / mpmath.pi,
    }
    for law, density in densities.items():
        pieces = [0, t] if law is WeightLaw.GAUSSIAN else [0, min(t, 1)]
        expected = half + mpmath.quad(density, pieces)
        assert abs(float(product_cdf(law, t)) - float(expected)) < 1e-9


@pytest.mark.statistical
@every_law
def test_products_of_source_weights_have_that_law(law):
    generator = named_generator(1, name="product law")
    products = draw_products(law, (200_000,), generator=generator)
    for t in (-0.6, -0.05, 0.2, 0.9):
        below = int((products <= t).sum())
        chance = float(product_cdf(law, t))
        assert binomtest(below, products.size, chance).pvalue > FALSE_ALARM, (t, below)


@pytest.mark.statistical
@every_law
def test_single_weights_fail_as_often_as_the_formula_says(law):
    generator = named_generator(2, name="single weights")
    samples = draw_products(law, (20_000, 12), generator=generator)
    for target, tolerance in ((0.1, 0.02), (-0.45, 0.05)):
        error = solve_batch(samples, np.full(20_000, target), solver=SingleWeight()).error
        chance = failure_probability(np.array([target]), tolerance, num_samples=12, law=law)[0]
        failures = int((error > tolerance).sum())
        assert binomtest(failures, error.size, float(chance)).pvalue > FALSE_ALARM


@pytest.mark.parametrize(
    ("law", "num_samples"), [(WeightLaw.SIGNED_CONSTANT, 72), (WeightLaw.UNIFORM, 92)]
)
def test_explicit_sample_sizes(law, num_samples):
    """At eta = 2^-12 and failure probability 0.01, as derived by hand."""
    tolerance = 2 * 2.0**-12
    assert cover_failure_bound(num_samples, tolerance, law=law) <= 0.01
    assert cover_failure_bound(num_samples - 1, tolerance, law=law) > 0.01


def test_the_rate_of_products_is_rounded_upwards():
    with mpmath.workdps(40):
        rate = mpmath.mpf(5) / 8 + mpmath.log(2) / 4
        used = 1 - drift_constant(SampleLaw.PRODUCT, Fraction(1)) / 2
        assert 0 < mpmath.mpf(used.numerator) / used.denominator - rate < 1e-16


@pytest.mark.parametrize("law", COVERED)
def test_the_cover_bound_is_rounded_upwards_and_monotone(law):
    rate = 1 - drift_constant(PRODUCTS[law], Fraction(1)) / 2
    for n, tolerance in ((0, 0.5), (10, 0.1), (60, 1e-3)):
        eta = Fraction(tolerance) / 2
        exact = rate**n * (1 - 2 * eta) * (1 - eta) / (2 * eta**2)
        bound = cover_failure_bound(n, tolerance, law=law)
        assert exact <= Fraction(bound) <= exact * (1 + Fraction(1, 2**52))
        assert cover_failure_bound(n + 1, tolerance, law=law) < bound
        assert cover_failure_bound(n, tolerance * 1.5, law=law) < bound


@pytest.mark.parametrize("law", COVERED)
def test_the_inverse_keeps_its_promise(law):
    for n, chance in ((20, 0.5), (60, 0.01)):
        tolerance = cover_tolerance_bound(n, chance, law=law)
        assert cover_failure_bound(n, tolerance, law=law) <= chance
        assert cover_failure_bound(n, tolerance * 0.999, law=law) > chance


@pytest.mark.statistical
@pytest.mark.parametrize("law", COVERED)
def test_draws_fail_no_more_often_than_the_cover_bound(law):
    """Fewer targets than the theorem speaks of: its failure probability is above theirs."""
    num_samples, tolerance, num_draws = 22, 0.3, 400
    generator = named_generator(3, name="cover")
    samples = draw_products(law, (num_draws, num_samples), generator=generator)
    is_missed = np.zeros(num_draws, dtype=bool)
    for target in np.linspace(-0.5, 0.5, 9):
        is_missed |= solve_batch(samples, np.full(num_draws, target)).error > tolerance
    bound = cover_failure_bound(num_samples, tolerance, law=law)
    assert bound < 0.5
    alternative = binomtest(int(is_missed.sum()), num_draws, bound, alternative="greater")
    assert alternative.pvalue > FALSE_ALARM


def test_what_the_cover_bound_refuses():
    with pytest.raises(AssumptionViolated, match="gaussian"):
        cover_failure_bound(10, 0.1, law=WeightLaw.GAUSSIAN)
    for tolerance in (0.0, 1.0, -0.1, float("nan")):
        with pytest.raises(InvalidInputError, match="'tolerance'"):
            cover_failure_bound(10, tolerance, law=WeightLaw.UNIFORM)
    with pytest.raises(InvalidInputError, match="'num_samples'"):
        cover_failure_bound(-1, 0.1, law=WeightLaw.UNIFORM)
