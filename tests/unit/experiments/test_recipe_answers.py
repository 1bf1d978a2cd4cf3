"""Answers of recipes: made from the rows alone, and able to say no."""

import json
import re
from io import BytesIO
from types import SimpleNamespace

import pytest
from recipe_rows import (
    FC2,
    RECIPES,
    ROWS,
    as_dense,
    ground_truth_rows,
    search_rows,
)

from strongltn.recipes.answer import listed
from strongltn.recipes.recipe import Effort, Tier
from strongltn.report.table import Table
from strongltn.theorems.catalogue import theorem_named
from strongltn.theorems.promises import conditions_named, conditions_of


def answer(key, rows):
    """Return the answer of a recipe; it is whole, also as JSON."""
    found = RECIPES[key].answer(json.loads(json.dumps(rows)))
    assert found.verdict.endswith(".")
    assert len(found.verdict) < 800
    assert all(len(row) == len(found.table.columns) for row in found.table.rows)
    json.dumps(found.table.to_json(), allow_nan=False)
    return found


def changed(rows, where, **values):
    """Return rows of which those that have the values of `where` are changed: at least one is."""
    some = [all(row.get(name) == value for name, value in where.items()) for row in rows]
    assert any(some)
    return [row | values if found else row for row, found in zip(rows, some, strict=True)]


HONEST = {
    "sample-size": True,
    "failure-probability": True,
    "growth": True,
    "packing-bound": True,
    "parameters": True,
    "pensia-existence": True,
    "pensia-experiment2-fc2": False,  # of 0.96 everywhere, published are 6 to 99 %
    "pensia-experiment2-fc4": False,
    "pensia-experiment2-lenet5": False,
    "edge-popup-density": True,
    "edge-popup-cifar10": True,
    "edge-popup-finds": False,
}


@pytest.mark.parametrize("key", RECIPES)
def test_every_recipe_answers(key):
    found = answer(key, ROWS[key]())
    assert found.holds is HONEST[key]
    assert found.table.rows
    assert re.search(r"\d", found.verdict)


#: Of one recipe each: which rows are changed, to what, the answer then, and what the verdict says.
DOCTORED = [
    (
        "sample-size",
        {"kind": "measured", "law": "product", "window": "half", "exponent": 8},
        {"lower": 100, "num_samples": 110, "upper": 120},
        "No: theorem and measurement contradict one another (product samples, targets [-1/2, 1/2]",
    ),
    (
        "sample-size",
        {"kind": "measured", "law": "uniform", "window": "unit", "exponent": 12},
        {"lower": 2, "num_samples": 3, "upper": 4},
        "fewer than the 17 that are proved necessary are enough",
    ),
    (
        "failure-probability",
        {"curve": "measured", "law": "uniform", "n": 10},
        {"failures": 10_000, "value": 0.5, "lower": 0.49, "upper": 0.51},
        "above the dynamic program's 0.107",
    ),
    (
        "failure-probability",
        {"curve": "measured", "law": "product", "n": 3},
        {"failures": 100, "value": 0.005, "lower": 0.004, "upper": 0.007},
        "No: a measurement contradicts a proved bound (product samples, n = 3: 100 of 20000",
    ),
    (
        "growth",
        {"curve": "drift", "law": "product"},
        {"growth": 0.001},
        "No: it grows less than is proved (product samples, v near",
    ),
    (
        "packing-bound",
        {"construction": "linear-diamond", "exponent": 6},
        {"source_weights": 319},
        "No: fewer than the proved necessary number are used (linear-diamond, epsilon 2^-6: 319",
    ),
    (
        "parameters",
        {"theorem": "Pensia2020.Theorem1Sharpest"},
        {"num_parameters": 10**12},
        "which is not the order of the papers",
    ),
    (
        "parameters",
        {"theorem": "Orseau2020.Greedy", "exponent": 5},
        {"num_parameters": 31_999},
        "No: fewer than the proved necessary number (Orseau2020.Greedy asks for 3.2e+04",
    ),
    (
        "pensia-existence",
        {"kind": "source", "neurons": [64, 64], "widths": [6, 8, 3]},
        {"upper_bound": 1.0, "lower_bound": 0.5},
        "No: less often than promised, refuted for Pensia2020.Theorem1Rearranged (6-8-3, epsilon",
    ),
    (
        "edge-popup-cifar10",
        {"method": "edge-popup", "model": "conv4"},
        {"test_accuracy": 0.5},
        "No, edge-popup is more than 1 point below the trained network for conv4",
    ),
    (
        "edge-popup-density",
        {"method": "gem-miner"},
        {"test_accuracy": 0.5},
        "Never: gem-miner (at best 50.0 %)",
    ),
    (
        "edge-popup-density",
        {"method": "dense"},
        {"test_accuracy": 1.0},
        "(100.0 %): no method. Never: edge-popup (at best 97.1 %)",
    ),
    (
        "edge-popup-finds",
        {"start": "random"},
        {"unexplained": 0.001},
        "Yes: of 13 sources that hold a ticket",
    ),
]


@pytest.mark.parametrize(("key", "where", "values", "says"), DOCTORED)
def test_other_rows_turn_the_verdict(key, where, values, says):
    rows = ROWS[key]()
    other = changed(rows, where, **values)
    found = answer(key, other)
    RECIPES[key].draw(other).savefig(BytesIO())  # and the figure shows them, without a warning
    assert says in found.verdict
    assert says not in answer(key, rows).verdict
    is_named_only = "gem-miner" in where.values()  # the others are still near
    assert (found.holds is not HONEST[key]) or is_named_only


def test_a_measurement_at_the_bound_is_no_contradiction():
    """The limits meet the proved numbers: 61 neither more nor fewer than needed."""
    rows = changed(
        ROWS["sample-size"](),
        {"kind": "measured", "law": "uniform", "window": "half", "exponent": 4},
        lower=8,
        num_samples=9,
        upper=9,
    )
    found = answer("sample-size", rows)
    assert found.holds
    assert any("9 to 9" in row for row in found.table.rows)


def test_experiment_2_as_published_or_not():
    key = FC2.key
    published = {
        (row["form"], 1 - pruned): accuracy
        for row in FC2.published
        if "fraction_pruned" in row
        for pruned, accuracy in zip(row["fraction_pruned"], row["accuracy_percent"], strict=True)
    }

    def as_published(part):
        form = part["model"].split("-")[1] if "-" in part["model"] else "dense"
        near = [
            v for (f, d), v in published.items() if f == form and abs(d - part["density"]) < 1e-6
        ]
        return near[0] / 100 if near else 0.986

    found = answer(key, search_rows(FC2, accuracy=as_published))
    assert found.holds
    assert found.verdict.startswith("Mostly as published: 39 of 39 accuracies are within 3 points")
    assert "differ" not in found.verdict
    found = answer(key, search_rows(FC2, accuracy=as_dense))
    assert found.verdict.startswith("No, not as published")
    assert "they differ most at" in found.verdict


@pytest.mark.parametrize(("wide", "holds"), [(0.95, True), (0.5, False)])
def test_experiment_2_on_digits_is_beside_the_dense_network_alone(wide, holds):
    def accuracy(part):
        return wide if part["model"].endswith("wide") else 0.96

    found = answer(FC2.key, search_rows(FC2, effort=Effort.QUICK, accuracy=accuracy))
    assert found.holds is holds
    assert ("No, not wide" in found.verdict) is not holds
    assert "not comparable with digits" in found.verdict
    assert "published" not in found.table.columns


def test_the_published_supermask_is_beside_the_nearest_density():
    found = answer("edge-popup-density", ROWS["edge-popup-density"]())
    assert "signed-supermask at density 0.0377: 97.48 %, here at 0.05" in found.verdict
    rows = search_rows(RECIPES["edge-popup-density"], effort=Effort.QUICK)
    assert "is of mnist." in answer("edge-popup-density", rows).verdict


@pytest.mark.parametrize("key", RECIPES)
def test_rows_that_cannot_tell_leave_the_question_open(key):
    """None at all, and half of them: a run may be read before it is done."""
    found = answer(key, [])
    assert found.holds is None
    assert found.verdict.startswith("Undecided")
    rows = ROWS[key]()
    answer(key, rows[: len(rows) // 2])


def test_runs_that_diverged_are_said():
    def accuracy(part):
        return None if part["density"] == 0.5 and part["model"] == "conv6" else 0.9

    found = answer(
        "edge-popup-cifar10", search_rows(RECIPES["edge-popup-cifar10"], accuracy=accuracy)
    )
    assert not found.holds
    assert "Of 1 a run diverged" in found.verdict


def test_of_tickets_that_exist_nothing_is_found_by_a_search_that_died():
    rows = changed(ground_truth_rows(), {"start": "truth"}, unexplained=1.7)
    assert "keeps it in 0" in answer("edge-popup-finds", rows).verdict


# parts


def test_tables_are_aligned():
    table = Table.of(["law", "n"], [["uniform", 37], ["product", None]])
    assert len(set(map(len, table.lines()))) == 1
    assert table.lines()[-1] == "| product | -  |"


def test_lists_are_cut():
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c, d and 1 more"


@pytest.mark.parametrize(
    ("tier", "text"),
    [
        (Tier(3), "3 s (measured)"),
        (Tier(119), "119 s (measured)"),
        (Tier(150, "estimated"), "2.5 min (estimated)"),
        (Tier(9000, "estimated", ("MNIST", "a GPU")), "2.5 h (estimated), needs MNIST and a GPU"),
    ],
)
def test_costs_as_text(tier, text):
    assert str(tier) == text


def test_conditions_leave_nothing_out():
    keys = ("Cover.Uniform", "Cover.DynamicProgram", "Cover.Rearrangement")
    text = " ".join(conditions_named(keys))
    for key in keys:
        assert key in text
        theorem = theorem_named(key)
        for condition in theorem.conditions:
            assert condition.text in text
        for assumption in theorem.assumptions:
            assert str(assumption) in text
    assert conditions_of([]) == []


def test_conditions_that_all_have_come_first_and_once():
    def theorem(key, *texts, asks=int):
        found = [SimpleNamespace(text=text) for text in texts]
        limits = ["epsilon in (0, 1)"]
        return SimpleNamespace(key=key, asks=asks, conditions=found, assumptions=limits)

    one, other = theorem("A", "no biases", "unit ball"), theorem("B", "no biases")
    another = theorem("C", "samples", asks=float)
    assert conditions_of([one, another, other]) == [
        "A, B: no biases; epsilon in (0, 1).",
        "A: unit ball.",
        "C: samples; epsilon in (0, 1).",
    ]
    assert conditions_of([one, other]) == [
        "All theorems here: no biases; epsilon in (0, 1).",
        "A: unit ball.",
    ]
    assert conditions_of([other]) == ["B: no biases; epsilon in (0, 1)."]
