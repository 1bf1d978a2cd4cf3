"""A slice of the long agreement run, and whether it could see a disagreement at all."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from oracles import best_subset

from experiments.studies import subset_sum_agreement as agreement
from experiments.studies.subset_sum_families import FAMILIES
from experiments.studies.subset_sum_oracle import best_subsets
from strongltn.errors import InvalidInputError
from strongltn.storage import read_entries
from strongltn.subset_sum import solvers

ROOT = Path(__file__).parents[2]
NUM_PAIRS = len(FAMILIES) * len(set(agreement.SIZES))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_slice_of_the_run_has_no_disagreement(seed):
    num_sizes = len(agreement.SIZES)
    for block in range(seed * num_sizes, (seed + 1) * num_sizes):
        assert agreement.check_block(block, seed=seed, num_rows=20)["disagreements"] == []


def test_every_family_meets_every_size():
    num_sizes, num_families = len(agreement.SIZES), len(FAMILIES)
    blocks = range(num_sizes * num_families)
    pairs = {(agreement.SIZES[block % num_sizes], block % num_families) for block in blocks}
    assert len(pairs) == NUM_PAIRS
    assert set(agreement.SIZES) == set(range(1, 25))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_oracle_agrees_with_a_slower_one(name):
    for n in (1, 2, 3, 6):
        samples, targets = FAMILIES[name](np.random.default_rng(n), 12, n)
        masks, errors = best_subsets(samples, targets)
        for row in range(12):
            error, mask = best_subset(samples[row], targets[row])
            assert errors[row] == error
            assert np.array_equal(masks[row], mask)


@pytest.mark.parametrize("name", FAMILIES)
def test_all_ways_of_the_oracle_agree(name, monkeypatch):
    """Lists of all sums, sorted halves, Python integers: each takes over from the one before."""
    from experiments.studies import subset_sum_oracle

    samples, targets = FAMILIES[name](np.random.default_rng(7), 12, 9)
    masks, errors = best_subsets(samples, targets)
    monkeypatch.setattr(subset_sum_oracle, "_LARGEST_LISTED", 8)
    halves = best_subsets(samples, targets)
    monkeypatch.setattr(
        subset_sum_oracle,
        "_int64_rows",
        lambda table: (table, np.zeros(len(table)), np.zeros(len(table), dtype=bool)),
    )
    rationals = best_subsets(samples, targets)
    for other_masks, other_errors in (halves, rationals):
        assert np.array_equal(masks, other_masks)
        assert errors == other_errors


@pytest.mark.parametrize("name", FAMILIES)
def test_families_are_finite_float64_of_the_asked_shape(name):
    for m, n in ((1, 1), (3, 24)):
        samples, targets = FAMILIES[name](np.random.default_rng(0), m, n)
        assert (samples.dtype, samples.shape) == (np.float64, (m, n))
        assert (targets.dtype, targets.shape) == (np.float64, (m,))
        assert np.isfinite(samples).all()
        assert np.isfinite(targets).all()


class _LastOfTies(solvers.BruteForce):
    """Breaks ties the other way round: the largest number of a subset wins."""

    def search(self, state, target, tolerance):
        reversed_state = state[::-1].copy()
        candidate = super().search(reversed_state, target, tolerance)
        return type(candidate)(candidate.mask[::-1].copy(), candidate.stop)


@pytest.mark.parametrize(
    ("solver", "is_optimal", "family"),
    [
        (_LastOfTies(), True, "small integers"),
        (_LastOfTies(), True, "duplicates"),
        (_LastOfTies(), True, "both signs"),
        (solvers.SingleWeight(), False, "uniform"),  # never claims that there is no subset
    ],
)
def test_a_wrong_solver_is_seen(monkeypatch, solver, is_optimal, family):
    monkeypatch.setitem(
        agreement.SUBJECTS, "wrong", agreement._with(solver, 20, is_optimal=is_optimal)
    )
    place, num_families = list(FAMILIES).index(family), len(FAMILIES)
    blocks = range(place, 97 * num_families, num_families)
    block = next(block for block in blocks if agreement.SIZES[block % 97] == 10)
    report = agreement.check_block(block, seed=0, num_rows=20)
    assert (report["family"], report["n"]) == (family, 10)
    assert report["num_disagreements"] > 0
    assert {wrong["subject"] for wrong in report["disagreements"]} == {"wrong"}


def test_an_interrupted_run_goes_on(tmp_path):
    out = tmp_path / "record.jsonl"
    command = [
        sys.executable,
        "-m",
        "experiments.studies.subset_sum_agreement",
        "--json",
        "--jobs",
        "1",
    ]
    command += ["--out", str(out), "--instances"]

    def run(num_instances):
        done = subprocess.run(
            [*command, str(num_instances)], capture_output=True, text=True, check=True, cwd=ROOT
        )
        return json.loads(done.stdout)

    assert run(2000)["instances"] == 2000
    first = out.read_bytes()
    out.write_bytes(first + first[:40])  # torn in the middle of a line
    report = run(4000)
    assert report["instances"] == 4000
    assert report["disagreements"] == 0
    assert out.read_bytes().startswith(first)
    assert [entry["block"] for entry in read_entries(out, parameter="out")] == [0, 1]
    with pytest.raises(InvalidInputError, match=r"other settings \(seed\)"):
        agreement.open_record(out, seed=1)
