"""The admissible process against rational intervals; subset sizes; the hybrid certificate."""

import json
from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest

from strongltn import simulate
from strongltn.errors import InvalidInputError
from strongltn.rng import named_generator
from strongltn.simulate import trials
from strongltn.simulate.hybrid import start_fractions
from strongltn.subset_sum.sample_laws import SampleLaw, Window

ETA = Fraction(1, 16)
EVENT = simulate.CoveringEvent(ETA, SampleLaw.UNIFORM, Window.HALF)


def listed_measures(samples, event):
    """Return the measures by marking the pieces between all end points: slow and obvious."""
    radius, eta = int(event.window.radius * 2**40), int(event.eta * 2**40)
    intervals, found = [(-eta, eta)], [2 * eta]
    for x in samples:
        intervals += [
            (max(s + x, -radius), min(t + x, radius))
            for s, t in intervals
            if max(s + x, -radius) < min(t + x, radius)
        ]
        ends = sorted({end for interval in intervals for end in interval})
        intervals = [
            (s, t)
            for s, t in pairwise(ends)
            if any(low <= s and t <= high for low, high in intervals)
        ]
        found.append(sum(t - s for s, t in intervals))
    return found


@pytest.mark.parametrize("law", SampleLaw)
@pytest.mark.parametrize("window", Window)
def test_measures_are_those_of_listed_intervals(law, window):
    event = simulate.CoveringEvent(ETA, law, window)
    paths = simulate.admissible_paths(event, num_samples=7, trials=4, seed=0)
    rows = trials.group_samples(law, 0, num_samples=7, seed=0)[:4].tolist()
    assert paths.measures.tolist() == [listed_measures(row, event) for row in rows]


def test_paths_grow_within_their_limits():
    event = simulate.CoveringEvent(2**-9, SampleLaw.PRODUCT, Window.HALF)
    paths = simulate.admissible_paths(event, num_samples=40, trials=64, seed=1)
    now = paths.measures[:, :-1]
    growth = np.diff(paths.measures, axis=1)
    assert (growth >= 0).all()
    assert (growth <= np.minimum(now, paths.window_measure - now)).all()
    assert (paths.measures[:, -1] == paths.window_measure).any()
    assert (paths.fractions[:, 1:] - paths.fractions[:, :-1] == paths.growths).all()


def test_an_admissible_path_is_never_ahead_of_the_covering_event():
    paths = simulate.admissible_paths(EVENT, num_samples=48, trials=300, seed=2)
    times = simulate.hitting_times(EVENT, trials=300, seed=2).times
    assert (paths.times >= times).all()
    assert (paths.times > times).any()
    short = simulate.admissible_paths(EVENT, num_samples=3, trials=300, seed=2)
    assert set(short.times.tolist()) == {4}


def test_eta_is_on_the_grid_of_the_samples():
    event = simulate.CoveringEvent(Fraction(1, 3), SampleLaw.UNIFORM, Window.HALF)
    with pytest.raises(InvalidInputError, match="eta"):
        simulate.admissible_paths(event, num_samples=3, trials=3, seed=0)


@pytest.mark.parametrize("law", SampleLaw)
def test_sizes_are_those_of_nearest_subsets(law):
    asked = {"law": law, "window": Window.UNIT}
    sizes = simulate.subset_sizes(6, **asked, trials=20, seed=3)
    rows = trials.group_samples(law, 0, num_samples=6, seed=3)
    generator = named_generator(3, name="simulate/targets/0")
    targets = generator.integers(-(2**40), 2**40, trials.GROUP_SIZE, endpoint=True)
    masks = np.array(list(product((0, 1), repeat=6)))
    for size, row, target in zip(sizes, rows, targets, strict=False):
        errors = np.abs(masks @ row - target)
        assert size in masks[errors == errors.min()].sum(axis=1)


def test_sizes_do_not_depend_on_the_number_of_trials():
    asked = {"law": SampleLaw.UNIFORM, "window": Window.HALF, "seed": 0}
    many = simulate.subset_sizes(10, trials=300, **asked)
    assert simulate.subset_sizes(10, trials=20, **asked).tolist() == many[:20].tolist()
    for bad in ({"law": "unifrom"}, {"window": None}):
        with pytest.raises(InvalidInputError, match=next(iter(bad))):
            simulate.subset_sizes(10, trials=20, **{**asked, **bad})


FINE = simulate.CoveringEvent(2**-6, SampleLaw.UNIFORM, Window.HALF)


def supermartingale(start, num_samples):
    if start >= 1 - FINE.eta:
        return Fraction(0)
    return Fraction(3, 4) ** num_samples * (1 - start) / start * (1 - FINE.eta) / FINE.eta


def test_a_hybrid_adds_a_simulated_start_and_a_theorem():
    found = simulate.hybrid_samples(FINE, 0.02, tail_bound=supermartingale, trials=4000, seed=0)
    assert found.num_samples == found.start_samples + found.tail_samples
    assert found.tail_failure_bound == supermartingale(found.start_fraction, found.tail_samples)
    assert found.tail_failure_bound <= Fraction(0.02) / 2
    starts = start_fractions(FINE)
    assert found.start_fraction in starts
    error = (1 - found.confidence) / len(starts)
    paths = simulate.admissible_paths(FINE, num_samples=48, trials=4000, seed=0)
    late = [
        int((paths.fractions[:, n] < found.start_fraction).sum())
        for n in (found.start_samples, found.start_samples - 1)
    ]
    assert late[0] == found.start_failures
    upper = [simulate.upper_limit(failures, 4000, error=error) for failures in late]
    assert upper[0] <= Fraction(0.02) / 2 < upper[1]
    assert json.loads(json.dumps(found.to_json()))["status"].endswith("not a proof")


def test_a_hybrid_takes_the_least_tail():
    def stepwise(start, num_samples):  # 7 more samples from anywhere
        return Fraction(num_samples < 7)

    found = simulate.hybrid_samples(FINE, 0.2, tail_bound=stepwise, trials=1000, seed=0)
    assert (found.tail_samples, found.start_fraction) == (7, Fraction(1, 8))


def test_the_last_start_is_the_covering_event():
    for window in Window:
        event = simulate.CoveringEvent(2**-6, SampleLaw.UNIFORM, window)
        paths = simulate.admissible_paths(event, num_samples=48, trials=200, seed=0)
        late = (paths.fractions < float(start_fractions(event)[-1])).sum(axis=1)
        assert late.tolist() == paths.times.tolist()


def test_a_hybrid_goes_on_from_its_record(tmp_path):
    asked = {"tail_bound": supermartingale, "trials": 1000, "seed": 0}
    path = tmp_path / "crossings.jsonl"
    first = simulate.hybrid_samples(FINE, 0.2, **asked, record=path)
    assert simulate.hybrid_samples(FINE, 0.2, **asked, record=path) == first


def test_a_hybrid_without_enough_trials_or_without_a_theorem_says_so():
    with pytest.raises(InvalidInputError, match="'trials'"):
        simulate.hybrid_samples(FINE, 0.001, tail_bound=supermartingale, trials=300, seed=0)
    with pytest.raises(InvalidInputError, match="'tail_bound'"):
        simulate.hybrid_samples(FINE, 0.2, tail_bound=lambda *_: Fraction(1), trials=1000, seed=0)
