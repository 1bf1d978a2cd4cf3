"""Simulations against other simulations and proved facts; false alarms at most 1e-6 a test."""

from fractions import Fraction
from math import comb, factorial, log, sqrt

import numpy as np
import pytest

from strongltn import simulate
from strongltn.simulate import trials
from strongltn.subset_sum.sample_laws import SampleLaw, Window

pytestmark = pytest.mark.statistical
ALARM = Fraction(1, 10**6)


def rows_of(law, num_groups, num_samples):
    groups = [
        trials.group_samples(law, group, num_samples=num_samples, seed=0)
        for group in range(num_groups)
    ]
    return np.concatenate(groups)


def assert_probability(failures, num, probability):
    """Two-sided exact binomial test."""
    lower = simulate.lower_limit(failures, num, error=ALARM / 2)
    upper = simulate.upper_limit(failures, num, error=ALARM / 2)
    assert lower <= probability <= upper, f"{failures}/{num}, expected {float(probability)}"


def test_the_negative_parts_are_those_of_uniform_samples():
    # P(sum of the negative parts of n uniforms < c) = 2^-n sum_k C(n, k) c^k / k!, for c <= 1
    rows = rows_of(SampleLaw.UNIFORM, 80, 8)
    c = Fraction(3, 10)
    exact = sum(comb(8, k) * c**k / factorial(k) for k in range(9)) / 2**8
    failures = int((np.maximum(-rows, 0).sum(axis=1) < c * 2**40).sum())
    assert_probability(failures, len(rows), exact)
    with pytest.raises(AssertionError):
        assert_probability(2 * failures, len(rows), exact)


def test_one_product_and_one_gaussian_have_their_distribution():
    for law, exact in (
        (SampleLaw.PRODUCT, Fraction(1 - 0.25 * (1 + log(4)))),  # P(|ab| > 1/4)
        (SampleLaw.GAUSSIAN, Fraction(0.8025873486341526)),
        (SampleLaw.SIGNED_CONSTANT, Fraction(1)),
    ):
        values = np.abs(rows_of(law, 80, 1))
        assert_probability(int((values > 2**38).sum()), values.size, exact)


@pytest.mark.parametrize("law", [SampleLaw.UNIFORM, SampleLaw.PRODUCT, SampleLaw.GAUSSIAN])
def test_failures_are_as_frequent_as_in_a_simulation_by_sorting(law):
    """Another generator, other code: all 2^n sums in floating point, sorted."""
    generator = np.random.default_rng(12345)
    num, n, tolerance = 1500, 9, 2 * 2**-4
    failures = 0
    for _ in range(num):
        x = generator.uniform(-1, 1, n)
        if law is SampleLaw.PRODUCT:
            x *= generator.uniform(-1, 1, n)
        elif law is SampleLaw.GAUSSIAN:
            x = generator.standard_normal(n)
        sums = np.zeros(1)
        for value in x:
            sums = np.concatenate([sums, sums + value])
        sums.sort()
        # the nearest targets to each gap that are still within the window
        low, high = sums[:-1] + tolerance, sums[1:] - tolerance
        is_hole = (low < high) & (low < 0.5) & (high > -0.5)
        is_short = sums[0] - tolerance > -0.5 or sums[-1] + tolerance < 0.5
        failures += bool(is_hole.any() or is_short)
    event = simulate.CoveringEvent(2**-4, law, Window.HALF)
    rate = simulate.failure_rate(event, n, trials=20_000, seed=0, confidence=1 - ALARM / 2)
    assert simulate.lower_limit(failures, num, error=ALARM / 4) <= rate.upper
    assert simulate.upper_limit(failures, num, error=ALARM / 4) >= rate.lower
    assert 0.02 < failures / num < 0.98


def test_failures_stay_below_the_supermartingale_bound():
    eta = Fraction(1, 64)
    event = simulate.CoveringEvent(eta, SampleLaw.UNIFORM, Window.HALF)
    paths = simulate.admissible_paths(event, num_samples=48, trials=20_000, seed=0)
    for n in range(26, 40):
        bound = Fraction(3, 4) ** n * (1 - 2 * eta) * (1 - eta) / (2 * eta**2)
        failures = int((paths.times > n).sum())
        assert simulate.lower_limit(failures, 20_000, error=ALARM / 14) <= bound


def test_the_drift_of_uniform_samples_is_half_of_p_times_one_minus_p():
    # xi = q / (p (1 - p)) is in [0, 2] with mean 1/2 given the past: Azuma and Hoeffding
    event = simulate.CoveringEvent(2**-6, SampleLaw.UNIFORM, Window.HALF)
    paths = simulate.admissible_paths(event, num_samples=48, trials=20_000, seed=0)
    p = paths.fractions[:, :-1]
    is_open = p < 1
    xi = paths.growths[is_open] / (p[is_open] * (1 - p[is_open]))
    # steps after the window is full count as 1/2, so the number of steps is fixed
    deviation = sqrt(2 * p.size * log(2 / ALARM))
    assert abs((xi - 0.5).sum()) <= deviation
    assert abs((xi - 0.6).sum()) > deviation
    assert abs((xi - 0.4).sum()) > deviation


def test_the_requirement_is_the_known_one():
    # intervals of an earlier simulation by full enumeration, for failure probability 0.01, with
    # 4000 trials: necessary and sufficient n at 99 %. Ours, at 1 - 1e-6, must meet them.
    for power, necessary, sufficient in ((3, 10, 12), (6, 14, 15), (9, 17, 19)):
        event = simulate.CoveringEvent(2.0**-power, SampleLaw.UNIFORM, Window.HALF)
        times = simulate.hitting_times(event, trials=20_000, seed=0)
        found = simulate.requirement(times, Fraction(1, 100), confidence=1 - ALARM)
        assert found.lower <= sufficient
        assert found.upper >= necessary
        assert found.upper - found.lower <= 2
