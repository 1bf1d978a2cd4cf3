"""Statements of theorems: made of all their conditions, in every form, and asked of networks."""

import json
import os
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from proofs_check.claims.ledger import CLAIMS
from strongltn.cli.bound import bound
from strongltn.networks.layer import LinearLayer
from strongltn.networks.target import TargetNetwork
from strongltn.numerics.dyadic import DyadicArray
from strongltn.report.bounds import show_lines
from strongltn.theorems.assumptions import COMMON_CLASS, UNIT_NORMS
from strongltn.theorems.catalogue import (
    cover_theorems,
    network_theorems,
    references_in,
    theorem_named,
)
from strongltn.theorems.condition import About, examination, facts_of, rescaled
from strongltn.theorems.theorem import Status

FC2 = Path(os.environ.get("STRONGLTN_DATA", "")) / "pensia2020" / "fc2.pt"
ALL = (*cover_theorems(), *network_theorems())
every_theorem = pytest.mark.parametrize("theorem", ALL, ids=lambda theorem: theorem.key)


def run(*arguments):
    return CliRunner().invoke(bound, list(arguments))


def words(text):
    """Return a text without the breaks of its lines."""
    return " ".join(text.split())


def ingredients(theorem):
    return [
        *(condition.text for condition in theorem.conditions),
        *(str(assumption) for assumption in theorem.assumptions),
        theorem.conclusion,
    ]


@every_theorem
def test_a_statement_contains_every_condition_as_text_and_as_json(theorem):
    shown = words(run("show", theorem.key).stdout)
    report = json.loads(run("show", theorem.key, "--json").stdout)
    listed = json.loads(run("list", "--json").stdout)
    rows = {row["key"]: row for row in (*listed["samples"], *listed["networks"])}
    assert len(ingredients(theorem)) >= 6
    for text in ingredients(theorem):
        for statement in (
            theorem.statement,
            report["theorem"]["statement"],
            rows[theorem.key]["statement"],
            shown,
        ):
            assert text in statement
    texts = [row["text"] for row in report["theorem"]["conditions"]]
    assert texts == [condition.text for condition in theorem.conditions]
    assumptions = [tuple(row.values()) for row in report["theorem"]["assumptions"]]
    assert assumptions == [(a.parameter, a.allowed) for a in theorem.assumptions]


@every_theorem
def test_a_theorem_says_of_what_and_where_it_comes_from(theorem):
    about = {condition.about for condition in theorem.conditions}
    is_cover = theorem in cover_theorems()
    needed = (
        {About.SAMPLES, About.TARGETS, About.DISTANCE}
        if is_cover
        else {About.TARGETS, About.INPUTS, About.DISTANCE, About.SOURCE}
    )
    assert needed <= about
    shown = words(run("show", theorem.key).stdout)
    for text in (theorem.source, theorem.page, theorem.proof, "constants"):
        assert text in shown
    assert references_in(theorem.source)
    for reference in references_in(theorem.source):
        assert reference in shown


@every_theorem
def test_a_proved_theorem_names_claims_of_the_ledger(theorem):
    known = {claim.id for claim in CLAIMS if not claim.is_control}
    assert set(theorem.claims) <= known
    assert bool(theorem.claims) == (theorem.status is Status.PROVED)
    assert ("not proved here" in theorem.proof) == (theorem.status is not Status.PROVED)


@every_theorem
def test_probability_is_over_something(theorem):
    assert re.search(r"over (the|its|their) draw", words(theorem.conclusion)), theorem.conclusion


@pytest.mark.parametrize("command", [
    ["all", "--widths", "4,3,2", "--epsilon", "0.1", "--delta", "0.1", "--grid-bits", "4",
     "--density", "0.4"],
    ["all", "--widths", "4,3", "--epsilon", "0.1", "--delta", "0.1", "--heads", "2",
     "--input-norm", "2"],
    ["samples", "--eta", "2^-4", "--delta", "0.1", "--trials", "0"],
    ["samples", "--eta", "2^-4", "--delta", "0.1", "--trials", "0", "--law", "gaussian",
     "--targets", "unit"],
])  # fmt: skip
def test_answers_carry_the_conditions_of_every_theorem_in_them(command):
    text = words(run(*command).stdout)
    report = json.loads(run(*command, "--json").stdout)
    assert report["theorems"]
    for row in report["theorems"]:
        theorem = theorem_named(row["key"])
        assert row["statement"] == theorem.statement
        for condition in theorem.conditions:
            if condition.about is not About.SOURCE:
                assert condition.text in text


def test_convolutions_are_on_inputs_of_at_most_one():
    """Without it the statement is false: a kernel of 1-norm 1 is only a contraction."""
    for key in ("DaCunha2022CNN.Theorem1", "DaCunha2022CNN.Explicit"):
        assert "|x|_inf <= 1" in theorem_named(key).statement


def test_what_was_recalled_or_is_ours_is_said():
    sources = {theorem.key: theorem.source for theorem in ALL}
    assert "recalled" in sources["Lueker1998.Corollary3_3"]
    assert "recalled" in sources["Becchetti2022.Theorem1"]
    assert "recalled" in sources["DaCunha2022.Theorem1"]
    assert "this project's" in sources["Orseau2020.Greedy"]
    quantised = theorem_named("Kumar2025.Theorem1").statement
    for part in ("rounded", "number of parameters", "uniformity", "C22"):
        assert part in quantised


def test_malach_is_shown_in_its_own_class_and_in_the_common_one():
    question = ["--widths", "784,500,10", "--epsilon", "0.1", "--delta", "0.01"]
    rows = {}
    for key in ("Malach2020.WeightPruning", "Malach2020.WeightPruningCommon"):
        rows[key] = json.loads(run(key, *question, "--json").stdout)["theorems"][0]
    own, common = rows.values()
    assert own["num_samples"] == 148_795
    assert common["num_samples"] == 26_057_301_264
    assert "1/sqrt(d_{i-1})" in own["class"]
    assert "1/sqrt" not in common["class"]


def test_a_statement_cannot_be_printed_without_a_condition():
    """The report holds what was shown; take one condition away and the test above would fail."""
    theorem = theorem_named("Pensia2020.Theorem2")
    parts = theorem.statement_parts()
    report = {
        "theorem": {**theorem.to_json(), "constants": "explicit"},
        "statement": parts[1:],
        "references": [],
        "target": None,
    }
    shown = words("\n".join(show_lines(report)))
    assert any(text not in shown for text in ingredients(theorem))


def network(*shapes, seed=0, scale=1.0, has_bias=False):
    generator = np.random.default_rng(seed)
    return TargetNetwork(
        tuple(
            LinearLayer(
                f"fc{k}",
                scale * generator.normal(size=(rows, columns)),
                generator.normal(size=rows) if has_bias else None,
            )
            for k, (columns, rows) in enumerate(shapes)
        )
    )


@given(seed=st.integers(0, 10**6), scale=st.sampled_from([2.0**-10, 0.3, 1.0, 7.0, 2.0**40]))
def test_norms_are_between_their_bounds(seed, scale):
    target = network((4, 3), (3, 2), seed=seed, scale=scale)
    for layer, facts in zip(target.layers, facts_of(target).layers, strict=True):
        exact = np.linalg.norm(layer.weight, 2)
        assert float(facts.lower_norm) <= exact * (1 + 1e-12)
        assert float(facts.upper_norm) >= exact * (1 - 1e-12)
        assert facts.lower_norm <= facts.upper_norm
        assert facts.max_weight == max(map(Fraction, np.abs(layer.weight).ravel().tolist()))


@given(
    seed=st.integers(0, 10**6),
    has_bias=st.booleans(),
    key=st.sampled_from(["Pensia2020.Theorem2", "Malach2020.WeightPruning"]),
)
def test_a_rescaled_network_meets_the_conditions_and_is_the_same_up_to_the_factor(
    seed, has_bias, key
):
    target = network((4, 3), (3, 3), (3, 2), seed=seed, scale=3.0, has_bias=has_bias)
    conditions = theorem_named(key).conditions
    one = rescaled(target, conditions)
    matrices = [layer.weight for layer in target.layers]
    if has_bias:
        matrices = [np.column_stack([w.weight, w.bias]) for w in target.layers]
        matrices[:-1] = [
            np.vstack([matrix, np.eye(matrix.shape[1])[-1:]]) for matrix in matrices[:-1]
        ]
    layers = tuple(
        LinearLayer(f"fc{k}", matrix / float(divisor))
        for k, (matrix, divisor) in enumerate(zip(matrices, one.divisors, strict=True))
    )
    scaled = TargetNetwork(layers)
    assert scaled.widths == one.widths
    found = examination(conditions, scaled)["findings"]
    assert all(row["holds"] is not False for row in found)
    assert max(float(layer.max_weight) for layer in facts_of(scaled).layers) <= float(
        one.max_weight
    ) * (1 + 1e-12)
    x = np.random.default_rng(seed).normal(size=4)
    x /= np.linalg.norm(x)
    whole = np.append(x, 1.0) / float(one.input_divisor) if has_bias else x
    assert np.linalg.norm(whole) <= 1 + 1e-12
    with torch.no_grad():
        direct = target.to_module()(torch.from_numpy(x))
        again = scaled.to_module()(torch.from_numpy(whole))
    assert np.allclose(direct, float(one.factor) * again, rtol=1e-9)


def test_a_network_in_the_class_is_in_it():
    target = network((3, 3), (3, 2), scale=2.0**-5)
    findings = examination(COMMON_CLASS, target)
    assert [row["holds"] for row in findings["findings"]] == [True, True, True, None, None]
    assert findings["rescaled"]["factor"] == 1


def test_a_norm_of_exactly_one_is_not_refuted():
    target = TargetNetwork((LinearLayer("fc", np.eye(3)),))
    assert UNIT_NORMS.examine(facts_of(target)).holds is not False
    assert UNIT_NORMS.examine(facts_of(TargetNetwork((LinearLayer("fc", 1.01 * np.eye(3)),))))\
        .holds is False  # fmt: skip


def test_norms_of_large_and_small_numbers_are_examined():
    for scale in (1e-300, 1e300):
        target = TargetNetwork((LinearLayer("fc", np.array([[3.0, 4.0]]) * scale),))
        (layer,) = facts_of(target).layers
        exact = DyadicArray.from_floats(target.layers[0].weight).squared_norm()
        assert layer.lower_norm**2 <= exact <= layer.upper_norm**2


def test_the_command_says_what_a_network_meets(tmp_path):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2, bias=False)
    )
    with torch.no_grad():
        model[0].weight *= 10
    path = tmp_path / "model.pt"
    torch.save(model.state_dict(), path)
    result = run("show", "Pensia2020.Theorem1Sharpest", "--target", str(path))
    assert result.exit_code == 1
    assert "NOT MET" in result.stdout
    assert "divide 0 by" in words(result.stdout)
    command = re.search(r"strongltn bound (Pensia2020\S+ .*)", result.stdout)[1].split()
    assert command[2] == "4,5,2"
    assert run(*command).exit_code == 0
    report = json.loads(
        run("show", "Pensia2020.Theorem1Sharpest", "--target", str(path), "--json").stdout
    )
    found = {row["text"]: row["holds"] for row in report["target"]["findings"]}
    assert found["every matrix W_i has spectral norm at most 1"] is False


def test_a_theorem_on_samples_says_nothing_of_a_network(tmp_path):
    result = run("show", "Cover.Uniform", "--target", str(tmp_path / "model.pt"))
    assert "nothing of a network" in str(result.exception)


def test_a_misspelt_key_is_told_the_nearest():
    result = run("show", "Pensia2020.Theorem1Sharpst")
    assert "Did you mean 'Pensia2020.Theorem1Sharpest'" in str(result.exception)


@pytest.mark.skipif(not FC2.is_file(), reason="STRONGLTN_DATA does not hold pensia2020/fc2.pt")
def test_the_network_of_experiment_1_is_outside_of_the_class_as_readme_says():
    report = json.loads(
        run("show", "Pensia2020.Theorem1Sharpest", "--target", str(FC2), "--json").stdout
    )
    rescaled_network = report["target"]["rescaled"]
    assert [round(divisor, 2) for divisor in rescaled_network["divisors"]] == [3.57, 3.11]
    assert round(rescaled_network["factor"], 1) == 11.1
