"""The claims that simulate or compute: limits, brackets, the program, and planted errors."""

from fractions import Fraction
from itertools import combinations, islice
from math import comb

import numpy as np
import pytest
from flint import arb

from proofs_check.claims import (
    constants,
    cover_simulation,
    dynamic_program,
    fixed_size,
    hitting_times,
    lower_bounds,
    mixture,
    unimodal_drift,
)
from proofs_check.claims.cells import Cover, Law, draw_cells
from proofs_check.claims.claim import Effort, Method, Steps, Verdict
from proofs_check.claims.clopper_pearson import lower_limit, upper_limit
from proofs_check.claims.interval_union import IntervalUnion
from proofs_check.claims.simulated_tail import Simulation, ball, is_consistent

ONE, HALF = Fraction(1), Fraction(1, 2)
WINDOW = (-HALF, HALF)
MODULES = (
    cover_simulation,
    dynamic_program,
    fixed_size,
    hitting_times,
    lower_bounds,
    mixture,
    unimodal_drift,
)
CLAIMS = {claim.id: claim for module in MODULES for claim in module.CLAIMS}


@pytest.fixture
def few_trials(monkeypatch):
    """Simulate 300 trials, whatever a check asks for."""

    def draw(law, shape, **options):
        return draw_cells(law, (300, shape[1]), **options)

    for module in (cover_simulation, dynamic_program, hitting_times):
        monkeypatch.setattr(module, "draw_cells", draw)
    original = Effort.pick
    monkeypatch.setattr(
        Effort, "pick", lambda self, quick, full: min(original(self, quick, full), 300)
    )


def outcome(name, seed=0):
    return CLAIMS[name].outcome(Effort.QUICK, np.random.default_rng([seed, *name.encode()]))


# Limits


def tail(successes, trials, p):
    """P(Bin(trials, p) >= successes), exactly."""
    terms = (comb(trials, j) * p**j * (1 - p) ** (trials - j) for j in range(successes, trials + 1))
    return sum(terms, Fraction(0))


@pytest.mark.parametrize("trials", [1, 2, 9, 40])
@pytest.mark.parametrize("level", [Fraction(1, 20), Fraction(1, 10**6)])
def test_limits_are_the_last_on_their_grid(trials, level):
    grid = Fraction(1, 2**30)
    for successes in range(1, trials + 1):
        limit = lower_limit(successes, trials, false_alarm=level)
        assert limit == 0 or tail(successes, trials, limit) <= level
        assert tail(successes, trials, limit + grid) > level
        above = upper_limit(trials - successes, trials, false_alarm=level)
        assert above == 1 - limit
    assert lower_limit(0, trials, false_alarm=level) == 0


# Cells


def true_time(samples, tolerance, half):
    """The number of samples whose sums cover [-half, half] within `tolerance`."""
    sums = {Fraction(0)}
    for time, sample in enumerate([Fraction(0), *samples]):
        sums |= {point + sample for point in sums}
        pieces = IntervalUnion.of((point - tolerance, point + tolerance) for point in sums)
        if pieces.within((-half, half)).measure == 2 * half:
            return time
    return len(samples) + 1


def test_times_are_bracketed_for_samples_anywhere_in_their_cells():
    rng = np.random.default_rng(3)
    cover = Cover(bits=7, eta_cells=8)
    rows = draw_cells(Law.UNIFORM, (60, 11), bits=cover.bits, rng=rng)
    below, above = cover.hitting_times(rows)
    paths = cover.admissible_times(rows)
    assert np.mean(below == above) > 0.5
    for row, low, high, path in zip(rows, below, above, paths, strict=True):
        samples = [cell + Fraction(int(rng.integers(0, 65)), 64) for cell in row]
        assert low <= true_time(samples, Fraction(16), Fraction(64)) <= high
        covered = IntervalUnion(((Fraction(-8), Fraction(8)),))
        for sample in samples[: path - 1]:
            covered = covered.grown(sample, (Fraction(-64), Fraction(64)))
        assert path == 0 or covered.measure < 128 - 8


def test_a_sample_outside_the_window_adds_nothing():
    cover = Cover(bits=6, eta_cells=4)
    assert list(cover.admissible_times([[64] * 5, [-65] * 5])) == [6, 6]
    assert list(cover.admissible_times([[-8, 8, 16, -16, -32, 31]])) == [5]


# Tests of tails can fail


def test_a_false_rate_is_refuted_by_simulation_alone():
    cover, rng = Cover.at(-3, 8), np.random.default_rng(1)
    rows = draw_cells(Law.UNIFORM, (1000, 40), bits=cover.bits, rng=rng)
    runs = [Simulation("", Fraction(1, 8), cover.admissible_times(rows), 40)]

    def bound(rate):
        return lambda n, eta: ball(rate**n * cover_simulation.start_ratio(eta))

    assert is_consistent(runs, bound(Fraction(3, 4)))
    assert not is_consistent(runs, bound(Fraction(1, 2)))


def test_a_tail_is_compared_at_every_number_of_samples():
    run = Simulation("", HALF, np.full(1000, 3), 4)
    assert is_consistent([run], lambda n, _: arb(1) if n < 3 else arb(0))
    assert not is_consistent([run], lambda n, _: arb(1) if n < 2 else arb(0))


def test_quantiles_of_bracketed_times():
    times = np.arange(1000) % 20  # P(T <= n) = (n + 1) / 20
    found = hitting_times.shares(times, times)
    assert hitting_times.quantiles(found, 1000, Fraction(1, 10)) == (17, 17)
    assert hitting_times.quantiles(found, 1000, Fraction(9, 100)) == (18, 18)
    wide = hitting_times.shares(times - 1, times + 1)
    assert hitting_times.quantiles(wide, 1000, Fraction(1, 10)) == (16, 18)


def test_draws_of_another_law_are_seen():
    level = Fraction(1, 10**6)
    times = np.arange(1000) % 20
    found = hitting_times.shares(times, times)

    def may_be_same(below, above):
        new = hitting_times.shares(below, above)
        return hitting_times.may_be_same(new, found, (len(below), 1000), level)

    assert may_be_same(times[:500], times[:500])
    assert not may_be_same(times[:500] - 3, times[:500] - 3)
    assert not may_be_same(times[:500] + 3, times[:500] + 3)
    assert may_be_same(times[:500] - 3, times[:500] + 3)


# The dynamic program


def lattice_failure(eta, num_samples, *, cells=32):
    """The exact failure under the worst two-point laws on a lattice (L = 1, uniform)."""
    states = [Fraction(i, cells) for i in range(cells + 1)]
    values = [ONE if p < 1 - eta else Fraction(0) for p in states]
    failure = []
    for _ in range(num_samples + 1):
        failure.append(values[int(2 * eta * cells)])
        after = list(values)
        for i, p in enumerate(states[:-1]):
            aim, top = p + p * (1 - p) / 2, min(2 * i, cells)
            after[i] = (
                max(
                    (values[a] * (states[b] - aim) + values[b] * (aim - states[a]))
                    * cells
                    / (b - a)
                    for a in range(i, top)
                    for b in range(a + 1, top + 1)
                    if states[a] <= aim <= states[b]
                )
                if p
                else ONE
            )
        # Failure in floating point of 60 bits, rounded down, keeps the oracle quick.
        values = [Fraction(int(value * 2**60), 2**60) for value in after]
    return failure


def as_ball(value):
    return ball(value) if isinstance(value, Fraction) else value


def program_bounds(cells, num_samples):
    program = dynamic_program.Program.of(
        Law.UNIFORM, Fraction(1, 16), length=ONE, cells_per_octave=cells
    )
    return [Fraction(bound) for bound in islice(program.failure_bounds(), num_samples + 1)]


def test_the_program_is_above_the_adversaries_on_a_lattice(monkeypatch):
    failure = lattice_failure(Fraction(1, 16), 24)
    for cells in (3, 17, 40):
        bounds = program_bounds(cells, 24)
        assert all(bound >= true for bound, true in zip(bounds, failure, strict=True))
        assert bounds == sorted(bounds, reverse=True)
    assert all(bound <= Fraction(8, 5) * true for bound, true in zip(bounds, failure, strict=True))
    # With too much drift the same comparison fails.
    monkeypatch.setattr(constants, "DRIFT", Fraction(3, 5))
    bounds = program_bounds(40, 24)
    assert any(bound < true for bound, true in zip(bounds, failure, strict=True))


@pytest.mark.parametrize("law", list(Law))
@pytest.mark.parametrize("length", [ONE, Fraction(7, 8)])
def test_the_drift_of_the_program_is_rounded_down(law, length):
    for i in range(1, 16):
        p = Fraction(i, 16)
        true = as_ball(unimodal_drift.least_growth(law, p, length))
        units = dynamic_program._mean(law, p, length)
        assert arb(units) / 2**40 <= true
        assert true < arb(units + 2) / 2**40


# Growth


def test_growth_of_a_product_law_agrees_with_a_sum_over_cells():
    covered = IntervalUnion(((-HALF, Fraction(-1, 8)), (Fraction(0), Fraction(1, 4))))
    found = float(unimodal_drift.growth(Law.PRODUCT, covered, WINDOW))
    middles = (np.arange(800) + 0.5) / 800 - 0.5
    inside = ((middles < -1 / 8) | ((middles > 0) & (middles < 1 / 4))).astype(float)
    distances = np.abs(middles[:, None] - middles[None, :])
    density = -np.log(np.where(distances == 0, 1, distances)) / 2
    assert found == pytest.approx(inside @ density @ (1 - inside) / 800**2, rel=1e-3)


# Bounds from below


def test_irwin_hall_at_integers_counts_permutations_by_descents():
    eulerian = [1]
    for k in range(1, 9):
        total, value = sum(eulerian), Fraction(0)
        for point, count in enumerate(eulerian, start=1):
            value += Fraction(count, total)
            assert lower_bounds.sum_below(k, Fraction(point)) == value
        eulerian = [
            (j + 1) * (eulerian[j] if j < k else 0) + (k + 1 - j) * (eulerian[j - 1] if j else 0)
            for j in range(k + 1)
        ]


def test_bounds_from_below_fall_with_eta_and_with_the_samples():
    for name in ("counting_bound", "sign_bound"):
        bound = getattr(lower_bounds, name)
        values = [[bound(n, Fraction(1, d)) for d in (4, 8, 16, 64)] for n in range(1, 15)]
        assert all(row == sorted(row) for row in values)
        columns = list(zip(*values, strict=True))
        assert all(list(column) == sorted(column, reverse=True) for column in columns)


def test_a_bound_from_below_that_is_too_large_is_refuted(monkeypatch, few_trials):
    true = lower_bounds.sign_bound
    monkeypatch.setattr(lower_bounds, "sign_bound", lambda n, eta: min(8 * true(n, eta), ONE))
    steps = Steps()
    lower_bounds._simulation(steps, Effort.QUICK, np.random.default_rng(2))
    assert not steps.evidence().holds


# Subsets of one size


def test_covering_radii_agree_with_all_subsets():
    samples = np.array([0.75, -0.5, 0.25, -0.875, 0.125, 0.5])
    for size, found in enumerate(fixed_size.covering_radii(samples), start=1):
        sums = np.array([sum(some) for some in combinations(samples, size)])
        targets = np.linspace(-np.sqrt(size), np.sqrt(size), 20001)
        distances = np.abs(targets[:, None] - sums[None, :]).min(axis=1)
        assert distances.max() <= found + 1e-12
        assert found == pytest.approx(distances.max(), abs=1e-3)


# Claims


def test_claims_have_their_ids():
    assert sorted(CLAIMS) == ["C08", "C09", "C10", "C11", "C13", "C19", "C23", "C27"]


@pytest.mark.parametrize("name", sorted(CLAIMS))
def test_claims_hold(name, few_trials):
    found = outcome(name, seed=5)
    is_exact = CLAIMS[name].method is Method.INTERVAL
    assert found.verdict is (Verdict.VERIFIED if is_exact else Verdict.CONSISTENT), found.evidence
