"""The second moment: moments against lists, planted errors, the record, and what it promises."""

from fractions import Fraction

import numpy as np
import pytest

from proofs_check.claims import constants, pair_moments, second_moment
from proofs_check.claims.claim import Effort, Verdict
from proofs_check.claims.pair_integrals import PairIntegrals
from proofs_check.claims.second_moment import hole_given, kappa_counts, mean_hole
from proofs_check.claims.subset_moments import Cover
from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.theorems import second_moment as promised
from strongltn.theorems.dynamic_program import sample_size

CLAIMS = {claim.id: claim for claim in (*pair_moments.CLAIMS, *second_moment.CLAIMS)}


def verdict(name):
    return CLAIMS[name].outcome(Effort.QUICK, np.random.default_rng(3)).verdict


def test_both_claims_hold():
    assert verdict("C28") is Verdict.CONSISTENT
    assert verdict("C29") is Verdict.CONSISTENT  # in quick mode the hole is that of the record


@pytest.mark.parametrize(
    ("name", "value"), [("MEAN_HOLE", Fraction(6, 1000)), ("PROGRAM_SAMPLES", 11)]
)
def test_a_planted_constant_is_refuted(monkeypatch, name, value):
    monkeypatch.setattr(constants, name, value)
    assert verdict("C29") is Verdict.REFUTED


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
