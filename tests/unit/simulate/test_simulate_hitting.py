"""Hitting times against listed sums, limits against exact binomial sums, and records cut short."""

import json
from fractions import Fraction
from itertools import pairwise
from math import comb

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strongltn import simulate
from strongltn.errors import InvalidInputError
from strongltn.simulate import bitset, trials
from strongltn.simulate.limits import is_above, is_below
from strongltn.subset_sum.sample_laws import SampleLaw, Window

HALF = simulate.CoveringEvent(2**-3, SampleLaw.UNIFORM, Window.HALF)


def listed_time(samples, event):
    """Return the hitting time of integers in units of 2^-40: all sums, sorted, in integers."""
    tolerance = 2 * event.eta * 2**40
    scale = tolerance.denominator
    radius, tolerance = int(event.window.radius * 2**40 * scale), int(tolerance * scale)
    sums = {0}
    for n in range(len(samples) + 1):
        if n > 0:
            sums |= {earlier + scale * int(samples[n - 1]) for earlier in sums}
        inside = sorted(sums)
        holes = [(inside[-1] + tolerance, radius + 1), (-radius - 1, inside[0] - tolerance)]
        holes += [(s + tolerance, t - tolerance) for s, t in pairwise(inside)]
        # open intervals of targets out of reach
        if not any(max(s, -radius) < t and s < min(t, radius) and s < t for s, t in holes):
            return n
    return len(samples) + 1


def kernel_times(rows, event):
    limits = np.array(event.hole_limits(), dtype=np.int64)
    cell = int(2 * event.eta * 2**40) // bitset.CELLS_PER_TOLERANCE
    return bitset.hitting_times(np.array(rows, dtype=np.int64), limits, cell).tolist()


@pytest.mark.parametrize("law", SampleLaw)
@pytest.mark.parametrize("window", Window)
@pytest.mark.parametrize("eta", [2**-2, 0.07, Fraction(1, 3)])
def test_times_are_those_of_listed_sums(law, window, eta):
    event = simulate.CoveringEvent(eta, law, window)
    found = simulate.hitting_times(event, trials=15, seed=1, max_samples=10)
    rows = trials.group_samples(law, 0, num_samples=10, seed=1)[:15]
    assert found.times.tolist() == [listed_time(row, event) for row in rows]


SEVENTH = 2**33  # of a tolerance; not a whole number of cells
TIES = simulate.CoveringEvent(Fraction(7, 256), SampleLaw.UNIFORM, Window.HALF)


@st.composite
def rows_near_ties(draw):
    """Samples whose sums are sevenths of a tolerance, up to a few units: gaps at the threshold."""
    offsets = st.integers(-2, 2)
    pairs = draw(st.lists(st.tuples(st.integers(-64, 64), offsets), min_size=1, max_size=4))
    # and enough to cover the window, or nearly
    signs = [(sign * k, draw(offsets)) for k in (14, 28, 28) for sign in (1, -1)]
    return [k * SEVENTH + offset for k, offset in draw(st.permutations(pairs + signs))]


def reaching(last):
    """Steps of 8 from -56 to 56, and the last sample: the sum of the positive is to reach 57."""
    return [k * SEVENTH for k in (8, 16, 32, -8, -16, -32, -1)] + [last]


# the greatest sum is a tolerance below the end of the window, and one unit further
@example(reaching(SEVENTH))
@example(reaching(SEVENTH - 1))
@example([-x for x in reaching(SEVENTH)])
@example([-x for x in reaching(SEVENTH - 1)])
# gaps of two tolerances that are wider by a cell, because 1 + 1 + 1 and 17 are rounded apart
@example([k * SEVENTH for k in (1, 1, 1, 17, 34, -17, -34, -17, 17)])
# all gaps are two tolerances: exactly reached, and missed by one unit
@example([k * SEVENTH for k in (14, 28, 56, -14, -28, -56)])
@example([k * SEVENTH + (k == 14) for k in (14, 28, 56, -14, -28, -56)])
@given(rows_near_ties())
def test_close_gaps_are_decided_exactly(row):
    assert kernel_times([row], TIES) == [listed_time(row, TIES)]


def test_the_examples_of_ties_are_ties():
    assert kernel_times([reaching(SEVENTH), reaching(SEVENTH - 1)], TIES) == [8, 9]


@given(st.lists(st.integers(-(2**41), 2**41), min_size=1, max_size=9), st.integers(2, 3))
def test_any_samples_are_decided_exactly(row, power):
    event = simulate.CoveringEvent(2.0**-power, SampleLaw.UNIFORM, Window.HALF)
    assert kernel_times([row], event) == [listed_time(row, event)]


def test_times_at_a_fine_tolerance_are_those_of_the_covering_solver():
    from strongltn.subset_sum import is_covering

    event = simulate.CoveringEvent(2**-9, SampleLaw.PRODUCT, Window.UNIT)
    found = simulate.hitting_times(event, trials=64, seed=2, max_samples=18)
    units = trials.group_samples(event.law, 0, num_samples=18, seed=2)[:64]
    for n in (15, 16, 17, 18):
        samples = np.ldexp(units[:, :n].astype(float), -40)
        is_covered = is_covering(samples, low=-1.0, high=1.0, tolerance=2**-8)
        assert (found.times <= n).tolist() == is_covered.tolist()
        assert found.num_failures(n) == 64 - is_covered.sum()
    assert 0 < found.num_failures(16) < 64


def test_a_trial_is_a_function_of_seed_and_number(monkeypatch):
    many = simulate.hitting_times(HALF, trials=600, seed=5).times
    few = simulate.hitting_times(HALF, trials=300, seed=5, max_samples=9).times
    assert few.tolist() == np.minimum(many[:300], 10).tolist()
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert simulate.hitting_times(HALF, trials=600, seed=5).times.tolist() == many.tolist()
    assert simulate.hitting_times(HALF, trials=600, seed=6).times.tolist() != many.tolist()
    assert len(set(many.tolist())) > 5


def test_a_finer_tolerance_or_a_wider_window_never_takes_fewer_samples():
    coarse = simulate.hitting_times(HALF, trials=256, seed=3).times
    for event in (
        simulate.CoveringEvent(2**-4, SampleLaw.UNIFORM, Window.HALF),
        simulate.CoveringEvent(2**-3, SampleLaw.UNIFORM, Window.UNIT),
    ):
        assert (simulate.hitting_times(event, trials=256, seed=3).times >= coarse).all()


def test_signs_never_cover_and_are_reported_as_censored():
    found = simulate.required_samples(
        2**-6, 0.1, law=SampleLaw.SIGNED_CONSTANT, window=Window.HALF, trials=100, seed=0
    )
    assert (found.num_samples, found.lower, found.upper, found.censored) == (None, 49, None, 100)
    report = json.loads(json.dumps(found.to_json()))
    assert report["num_samples"] is None
    assert report["eta"] == "1/64"
    assert "not a proof" in report["status"]


def tail(failures, num, p):
    return sum(comb(num, i) * p**i * (1 - p) ** (num - i) for i in range(failures + 1))


@pytest.mark.parametrize(("failures", "num"), [(0, 7), (3, 50), (29, 30), (40, 60), (1, 1)])
@pytest.mark.parametrize("error", [Fraction(1, 200), Fraction(1, 10**9)])
def test_limits_are_on_the_safe_side_and_tight(failures, num, error):
    upper = simulate.upper_limit(failures, num, error=error)
    assert upper == 1 or tail(failures, num, upper) <= error
    assert failures == num or tail(failures, num, upper * (1 - Fraction(1, 10**8))) > error
    lower = simulate.lower_limit(failures, num, error=error)
    assert lower == 0 or 1 - tail(failures - 1, num, lower) <= error
    assert failures == 0 or 1 - tail(failures - 1, num, lower + Fraction(1, 10**8)) > error
    assert (upper == 1) == (failures == num)
    assert (lower == 0) == (failures == 0)


def test_decisions_are_those_of_the_limits():
    for failures in range(0, 41, 4):
        for delta in (Fraction(1, 100), Fraction(1, 10), Fraction(7, 10)):
            given_ = {"failures": failures, "trials": 40, "error": Fraction(1, 50)}
            exact = tail(failures, 40, delta) <= Fraction(1, 50)
            assert is_below(delta, **given_) == exact
            exact = 1 - tail(failures - 1, 40, delta) <= Fraction(1, 50)
            assert is_above(delta, **given_) == exact


def test_a_requirement_is_the_quantile_between_its_limits():
    times = simulate.hitting_times(HALF, trials=3000, seed=0)
    for delta in (Fraction(1, 2), Fraction(1, 20), Fraction(1, 100)):
        found = simulate.requirement(times, delta, confidence=Fraction(9, 10))
        late = [times.num_failures(n) for n in range(1, 49)]
        assert found.num_samples == 1 + next(n for n in range(48) if late[n] <= delta * 3000)
        upper = [simulate.upper_limit(k, 3000, error=Fraction(1, 20)) for k in late]
        assert found.upper == 1 + next(n for n in range(48) if upper[n] <= delta)
        lower = [simulate.lower_limit(k, 3000, error=Fraction(1, 20)) for k in late]
        assert found.lower == 1 + next(n for n in range(48) if lower[n] <= delta)
        assert found.lower <= found.num_samples <= found.upper


def test_too_few_trials_certify_nothing():
    times = simulate.hitting_times(HALF, trials=500, seed=0)
    assert simulate.requirement(times, 0.01).upper is None
    assert simulate.requirement(times, 0.05).upper is not None


def test_a_failure_rate_counts_the_same_trials():
    times = simulate.hitting_times(HALF, trials=400, seed=9)
    rate = simulate.failure_rate(HALF, 9, trials=400, seed=9)
    assert rate.failures == times.num_failures(9) > 0
    assert rate.lower < Fraction(rate.failures, 400) < rate.upper
    assert json.loads(json.dumps(rate.to_json()))["failures"] == rate.failures


class Killed(Exception):
    pass


def killed_after(num_groups):
    def progress(done, _):
        if done >= num_groups * trials.GROUP_SIZE:
            raise Killed

    return progress


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    path = tmp_path / "times.jsonl"
    whole = simulate.hitting_times(HALF, trials=1100, seed=4).times.tolist()
    with pytest.raises(Killed):
        simulate.hitting_times(HALF, trials=1100, seed=4, record=path, progress=killed_after(2))
    assert len(path.read_text().splitlines()) == 3
    calls = []
    found = simulate.hitting_times(
        HALF, trials=1100, seed=4, record=path, progress=lambda *done: calls.append(done)
    )
    assert found.times.tolist() == whole
    assert calls == [(768, 1100), (1024, 1100), (1100, 1100)]
    calls.clear()
    shorter = simulate.hitting_times(
        HALF, trials=700, seed=4, record=path, progress=lambda *done: calls.append(done)
    )
    assert shorter.times.tolist() == whole[:700]
    assert calls == []


def test_a_record_torn_at_any_byte_is_read_up_to_its_last_whole_line(tmp_path):
    path = tmp_path / "times.jsonl"
    whole = simulate.hitting_times(HALF, trials=512, seed=4, record=path).times.tolist()
    written = path.read_bytes()
    last = written[:-1].rindex(b"\n") + 1
    first = written.index(b"\n")
    for length in (0, 1, first, first + 1, last - 1, last, last + 9, len(written) - 1):
        path.write_bytes(written[:length])
        found = simulate.hitting_times(HALF, trials=512, seed=4, record=path)
        assert found.times.tolist() == whole
        assert path.read_bytes() == written


def without_digests(path):
    """Write a record as earlier versions did: the configuration itself, then the groups."""
    header, *groups = map(json.loads, path.read_text().splitlines())
    for group in groups:
        del group["digest"]
    lines = [header["configuration"], *groups]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path.read_bytes()


def test_a_record_of_an_earlier_version_is_continued(tmp_path):
    path = tmp_path / "times.jsonl"
    whole = simulate.hitting_times(HALF, trials=600, seed=4).times.tolist()
    simulate.hitting_times(HALF, trials=256, seed=4, record=path)
    old = without_digests(path)
    found = simulate.hitting_times(HALF, trials=600, seed=4, record=path)
    assert found.times.tolist() == whole
    assert path.read_bytes().startswith(old)


@pytest.mark.parametrize(
    "change",
    [
        {"group": 0},
        {"group": -1},
        {"group": True},
        {"group": "1"},
        {"values": 3},
        {"values": [1, 2]},
        {"values": [1.5] * 256},
        {"values": ["1"] * 256},
        {"values": [[1]] * 256},
        {"values": [None] * 256},
        {"values": [2**70] * 256},
    ],
    ids=lambda change: str(change)[:20],
)
def test_groups_of_another_shape_are_refused_by_line(tmp_path, change):
    path = tmp_path / "times.jsonl"
    simulate.hitting_times(HALF, trials=512, seed=4, record=path)
    without_digests(path)
    header, first, second = path.read_text().splitlines()
    changed = json.dumps(json.loads(second) | change)
    path.write_text("".join(f"{line}\n" for line in (header, first, changed)))
    with pytest.raises(InvalidInputError, match="line 3 is damaged"):
        simulate.hitting_times(HALF, trials=512, seed=4, record=path)


def test_a_changed_group_and_a_second_writer_are_refused(tmp_path):
    path = tmp_path / "times.jsonl"

    def progress(done, _):
        with pytest.raises(InvalidInputError, match="another strongltn command"):
            simulate.hitting_times(HALF, trials=512, seed=4, record=path)

    simulate.hitting_times(HALF, trials=512, seed=4, record=path, progress=progress)
    header, first, second = path.read_bytes().splitlines()
    values = json.loads(first)["values"]
    old, new = (f'"values": [{value}, '.encode() for value in (values[0], values[0] + 1))
    path.write_bytes(b"\n".join([header, first.replace(old, new), second, b""]))
    with pytest.raises(InvalidInputError, match="line 2 is damaged: it was changed"):
        simulate.hitting_times(HALF, trials=512, seed=4, record=path)


def test_a_record_of_something_else_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "times.jsonl"
    simulate.hitting_times(HALF, trials=10, seed=4, max_samples=6, record=path)
    written = path.read_bytes()
    with pytest.raises(InvalidInputError, match=r"other settings \(seed\)"):
        simulate.hitting_times(HALF, trials=10, seed=5, max_samples=6, record=path)
    with pytest.raises(InvalidInputError, match="record"):
        simulate.admissible_paths(HALF, num_samples=6, trials=10, seed=4, record=path)
    assert path.read_bytes() == written
    for text in ("notes\n", "notes", '{"a": 1}\n[]\n'):
        path.write_text(text)
        with pytest.raises(InvalidInputError, match="record"):
            simulate.hitting_times(HALF, trials=10, seed=4, record=path)
        assert path.read_text() == text


@pytest.mark.parametrize(
    ("parameter", "change"),
    [
        ("eta", {"eta": 0.5}),
        ("eta", {"eta": 2**-21}),
        ("eta", {"eta": float("nan")}),
        ("eta", {"eta": "0.1"}),
        ("law", {"law": "unifrom"}),
        ("window", {"window": "thirds"}),
        ("trials", {"trials": 0}),
        ("trials", {"trials": 1.5}),
        ("seed", {"seed": -1}),
        ("failure_probability", {"failure_probability": 0.0}),
        ("failure_probability", {"failure_probability": 1}),
        ("failure_probability", {"failure_probability": float("inf")}),
    ],
)
def test_bad_input_is_named(parameter, change):
    good = {"law": SampleLaw.UNIFORM, "window": Window.HALF, "trials": 5, "seed": 0}
    asked = {"eta": 0.1, "failure_probability": 0.1, **good, **change}
    with pytest.raises(InvalidInputError) as caught:
        simulate.required_samples(**asked)
    assert caught.value.parameter == parameter


def test_bad_counts_are_named():
    for num_samples in (0, 49, 2.0):
        with pytest.raises(InvalidInputError, match="num_samples"):
            simulate.failure_rate(HALF, num_samples, trials=5, seed=0)
        with pytest.raises(InvalidInputError, match="max_samples"):
            simulate.hitting_times(HALF, trials=5, seed=0, max_samples=num_samples)
        with pytest.raises(InvalidInputError, match="num_samples"):
            simulate.admissible_paths(HALF, num_samples=num_samples, trials=5, seed=0)
    with pytest.raises(InvalidInputError, match="num_samples"):
        simulate.hitting_times(HALF, trials=5, seed=0, max_samples=6).num_failures(7)
    with pytest.raises(InvalidInputError, match="confidence"):
        simulate.failure_rate(HALF, 9, trials=5, seed=0, confidence=1.0)
