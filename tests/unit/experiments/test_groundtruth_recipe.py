"""The recipe of the ground truth, at little cost: one part of each kind, and the figure."""

import json

import pytest

from strongltn.recipes.recipe import Effort
from strongltn_experiments.search.ground_truth import RECIPE, compute
from strongltn_experiments.search.ground_truth_chart import best_by

CHEAP = {"num_steps": 20, "epochs": 1}


def one_of_each(parts):
    chosen = {
        (p["kind"], p.get("target"), str(p.get("hidden")), p.get("objective")): p for p in parts
    }
    return [part | {k: CHEAP[k] for k in CHEAP.keys() & part.keys()} for part in chosen.values()]


@pytest.fixture(scope="module")
def rows():
    return [row for part in one_of_each(RECIPE.parts(Effort.QUICK)) for row in compute(part)]


def test_every_kind_of_part_has_its_figures(rows):
    assert {row["kind"] for row in rows} == {"planted", "constructed", "certified"}
    for row in rows:
        json.dumps(row, allow_nan=False)
        if row["kind"] == "certified":
            assert 0 < row["lower_bound"] <= row["upper_bound"]
            assert 0 < row["dense_lower_bound"] <= row["dense_upper_bound"]
        if row["kind"] == "planted":
            assert row["truth_unexplained"] < 1e-9
        if row["kind"] == "constructed":
            assert row["truth_unexplained"] < 0.01  # the last in the list has the most samples
            assert 0 < row["iou_by_chance"] < 1
    assert RECIPE.draw(rows).get_axes()


def test_the_efforts_differ_in_size_alone():
    quick, full = (RECIPE.parts(effort) for effort in Effort)
    assert len(quick) < len(full)
    assert {tuple(sorted(part)) for part in quick} == {tuple(sorted(part)) for part in full}
    for parts in (quick, full):
        assert len({json.dumps(part, sort_keys=True) for part in parts}) == len(parts)


def test_the_best_setting_is_taken_for_each_seed_then_the_median():
    rows = [
        {"n": 1, "seed": 0, "error": 0.5},
        {"n": 1, "seed": 0, "error": 0.1},
        {"n": 1, "seed": 1, "error": 0.3},
        {"n": 2, "seed": 0, "error": 0.7},
    ]
    assert best_by(rows, along="n", value="error", is_least=True) == {1: 0.2, 2: 0.7}
    assert best_by(rows, along="n", value="error", is_least=False) == {1: 0.4, 2: 0.7}
