"""The second moment: exact twins, both records, and what strongltn promises from them."""

import json
from fractions import Fraction

import numpy as np
import pytest

from proofs_check.claims import constants, enough_samples, hole_record, pair_moments
from proofs_check.claims.claim import Effort, Method, Steps, Verdict
from proofs_check.claims.exact_pairs import pair_integral, single_integral
from proofs_check.claims.pair_integrals import PairIntegrals
from proofs_check.claims.second_moment import (
    LEAST_PROBABILITY,
    hole_given,
    kappa_counts,
    mean_hole,
)
from proofs_check.claims.subset_moments import Cover
from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.theorems import second_moment as promised
from strongltn.theorems.dynamic_program import sample_size

CLAIMS = {claim.id: claim for claim in (*pair_moments.CLAIMS, *enough_samples.CLAIMS)}


@pytest.mark.parametrize("name", sorted(CLAIMS))
def test_the_claims_hold(name):
    found = CLAIMS[name].outcome(Effort.QUICK, np.random.default_rng(3))
    # In quick mode most holes are those of the record; C28 has a simulation.
    assert found.verdict is Verdict.CONSISTENT, found.evidence.summary


def test_what_rests_on_doubles_says_so():
    assert CLAIMS["C29"].method is Method.FLOATING
    assert "doubles" in CLAIMS["C29"].statement


# The exact twin


@pytest.mark.parametrize("sizes", [(2, 1, 1), (1, 2, 3), (0, 1, 2), (3, 0, 1), (2, 0, 0)])
def test_exact_pairs_against_draws(sizes):
    i, u, v = sizes
    rng, number, e = np.random.default_rng(0), 100_000, 1 / 4
    shared, first, second = (rng.random((number, k)).sum(axis=1) for k in (i, u, v))
    for shift, cell in ((0, 5), (1, 6)) if u or v else ((0, 5),):
        z = (cell + rng.random(number)) / 4
        is_near = np.abs(shared + first - z) <= e
        is_near &= np.abs(shared + second - shift - z) <= e
        true = float(pair_integral(sizes, shift, cell, radius=Fraction(1, 4)))
        assert abs(is_near.mean() / 4 - true) <= 6 * is_near.std() / 4 / number**0.5


def test_exact_integrals_sum_to_one():
    for k in (1, 2, 5):
        assert sum(single_integral(k, c, radius=Fraction(0)) for c in range(4 * k)) == 1
        around = range(-1, 4 * k + 1)
        assert sum(single_integral(k, c, radius=Fraction(1, 8)) for c in around) == Fraction(1, 4)


def test_a_subset_with_itself_is_near_as_often_as_it_is():
    for cell in range(12):
        alone = single_integral(3, cell, radius=Fraction(1, 16))
        assert pair_integral((3, 0, 0), 0, cell, radius=Fraction(1, 16)) == alone


def test_counts_are_a_law_up_to_reflection():
    for n in (1, 4, 9):
        counts = list(kappa_counts(n))
        assert sum(probability for _, probability in counts) == 1
        assert all(sum(count) == n and count <= count[::-1] for count, _ in counts)


def test_the_hole_is_above_a_simulated_one():
    cover = Cover(11, 7, 5)
    bound = mean_hole(cover)
    generator = np.random.default_rng(0)
    subsets = (np.arange(1 << 11)[:, None] >> np.arange(11)) & 1
    holes = []
    for _ in range(300):
        sums = np.sort(subsets @ generator.uniform(-1, 1, 11))
        z = generator.uniform(-5 / 8, 5 / 8, 200)
        places = np.searchsorted(sums, z)
        gaps = [np.abs(z - sums[np.clip(places + s, 0, len(sums) - 1)]) for s in (-1, 0)]
        holes.append((np.minimum(*gaps) > 2.0**-7).mean())
    assert np.mean(holes) < bound < 1


def test_a_smaller_tolerance_leaves_a_larger_hole():
    counts = (3, 3, 3, 3)
    integrals = PairIntegrals(12)
    holes = [hole_given(counts, Cover(12, bits, 5), integrals) for bits in (8, 9, 10)]
    assert holes == sorted(holes)


def test_no_negative_samples_leave_the_negative_half_open():
    cover = Cover(9, 7, 5)
    assert hole_given((0, 0, 4, 5), cover, PairIntegrals(9)) > 0.5


# The records


def record_steps():
    steps = Steps()
    enough_samples._record_steps(steps, Effort.QUICK, np.random.default_rng(0))
    return steps.evidence()


def test_the_record_has_every_likely_count():
    likely = {c for c, p in kappa_counts(25) if p >= LEAST_PROBABILITY}
    holes = hole_record.recorded_holes()
    assert holes.keys() == likely
    assert all(0 < hole <= 1 for hole in holes.values())


@pytest.mark.parametrize(
    "change",
    [
        {"mean_hole": "437/100000"},
        {"mean_hole": "47/10000"},
        {"num_samples": 24},
        {"num_samples": 26},
        {"eta": "1/8192"},
        {"eta": "1/2048"},
        {"length": "3/2"},
    ],
)
def test_a_wrong_promise_is_seen(monkeypatch, tmp_path, change):
    monkeypatch.setattr(enough_samples, "_spots", lambda likely, rng: [])
    (line,) = json.loads(promised.RECORD.read_text("ascii"))
    planted = tmp_path / "record.json"
    monkeypatch.setattr(hole_record, "PROMISE", planted)
    planted.write_text(json.dumps([line]))
    assert record_steps().holds
    planted.write_text(json.dumps([line | change]))
    assert record_steps().summary == "fails: strongltn's record says the same"
    planted.write_text(json.dumps([line, line | change]))
    assert not record_steps().holds


def test_the_auditor_does_without_strongltn(monkeypatch, tmp_path):
    monkeypatch.setattr(enough_samples, "_spots", lambda likely, rng: [])
    monkeypatch.setattr(hole_record, "PROMISE", tmp_path / "none.json")
    assert "not compared" in record_steps().summary


def test_the_promise_is_read_where_strongltn_keeps_it():
    assert hole_record.PROMISE == promised.RECORD


def test_the_record_is_what_the_auditor_proves():
    (line,) = promised.recorded_holes()
    assert line.mean_hole == constants.MEAN_HOLE
    assert line.num_samples == constants.SECOND_MOMENT_SAMPLES
    assert (line.eta, line.length) == (Fraction(1, 4096), Fraction(5, 4))


def test_thirty_seven_samples_are_enough():
    delta = Fraction(1, 100)
    found = promised.sample_size(Fraction(1, 4096), delta)
    assert found == constants.SECOND_MOMENT_SAMPLES + constants.PROGRAM_SAMPLES == 37
    assert found < sample_size(Fraction(1, 4096), delta, law=SampleLaw.UNIFORM, window=Window.HALF)
    assert promised.sample_size(Fraction(1, 8192), delta) is None
    assert promised.sample_size(Fraction(1, 4096), Fraction(1, 10**3)) > found
    assert promised.sample_size(Fraction(1, 100), delta) <= found
