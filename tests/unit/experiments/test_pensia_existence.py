"""The existence claim: limits and verdicts, sources as promised, resumed runs, a false promise."""

import math
from dataclasses import replace
from fractions import Fraction
from io import BytesIO

import numpy as np
import pytest
from scipy.stats import binomtest

from strongltn.figures.style import new_figure
from strongltn.networks import Ball
from strongltn.networks.difference import weight_errors
from strongltn.numerics.norms import spectral_norm_bound
from strongltn.recipes.recipe import Effort, rows_where
from strongltn.recipes.run import run_recipe
from strongltn.rng import WeightLaw
from strongltn.theorems import catalogue
from strongltn.theorems.question import NetworkQuestion
from strongltn.theorems.theorem import Promise
from strongltn_experiments.theory.existence_source import build_promised, draw_target, source_row
from strongltn_experiments.theory.existence_verdict import Tally, Threshold, Verdict, verdict_lines
from strongltn_experiments.theory.pensia_existence import RECIPE

TENTH, HUNDREDTH = Fraction(1, 10), Fraction(1, 100)


def source(upper, lower, *, neurons=(9, 9)):
    return {
        "kind": "source",
        "widths": [4, 3, 2],
        "neurons": list(neurons),
        "upper_bound": upper,
        "lower_bound": lower,
    }


# verdicts


def test_a_source_is_within_outside_or_undecided():
    """At epsilon itself: within, and not outside; 0.1 as a double is above 1/10."""
    epsilon = Fraction(1, 8)
    rows = [source(0.125, 0.1), source(0.13, 0.125), source(0.2, math.nextafter(0.125, 1))]
    assert Tally.of(rows, epsilon=epsilon) == Tally(within=1, outside=1, undecided=1)
    assert Tally.of([source(0.1, 0)], epsilon=TENTH) == Tally(0, 0, 1)


@pytest.mark.parametrize(("within", "outside"), [(10, 0), (0, 10), (5, 5), (90, 10), (1, 59)])
def test_the_limits_are_those_of_clopper_and_pearson(within, outside):
    oracle = binomtest(within, within + outside).proportion_ci(0.99, method="exact")
    found = [float(limit) for limit in Tally(within, outside, 0).limits()]
    assert found == pytest.approx([oracle.low, oracle.high], abs=1e-9)


def test_the_limits_have_closed_forms_at_the_ends():
    lower, upper = Tally(10, 0, 0).limits()
    assert upper == 1
    assert lower**10 <= Fraction(1, 200) < (lower + Fraction(1, 10**9)) ** 10


def test_the_undecided_widen_the_limits_both_ways():
    lower, upper = Tally(40, 10, 10).limits()
    assert lower == Tally(40, 20, 0).limits()[0]
    assert upper == Tally(50, 10, 0).limits()[1]


@pytest.mark.parametrize(
    ("tally", "failure_probability", "verdict"),
    [
        (Tally(51, 0, 0), TENTH, Verdict.CONFIRMED),  # 0.9^51 < 1/200 < 0.9^50
        (Tally(50, 0, 0), TENTH, Verdict.CONSISTENT),
        (Tally(528, 0, 0), HUNDREDTH, Verdict.CONFIRMED),
        (Tally(527, 0, 0), HUNDREDTH, Verdict.CONSISTENT),
        (Tally(0, 0, 500), TENTH, Verdict.CONSISTENT),  # the certificates fail, not the promise
        (Tally(480, 0, 20), TENTH, Verdict.CONFIRMED),
        (Tally(440, 0, 60), TENTH, Verdict.CONSISTENT),
        (Tally(420, 80, 0), TENTH, Verdict.REFUTED),
        (Tally(420, 58, 22), TENTH, Verdict.CONSISTENT),
        (Tally(300, 80, 120), TENTH, Verdict.REFUTED),
        (Tally(58, 2, 0), HUNDREDTH, Verdict.CONSISTENT),
        (Tally(55, 5, 0), HUNDREDTH, Verdict.REFUTED),
        (Tally(0, 0, 0), TENTH, Verdict.CONSISTENT),
    ],
)
def test_verdicts(tally, failure_probability, verdict):
    assert tally.verdict(failure_probability) is verdict


@pytest.mark.parametrize("failure_probability", [TENTH, HUNDREDTH, Fraction(1, 2)])
@pytest.mark.parametrize("trials", [7, 40])
def test_a_wrong_verdict_has_a_chance_of_one_in_200(trials, failure_probability):
    """Where the probability is what was promised, exactly: neither limit may exclude it."""
    chance = {verdict: Fraction(0) for verdict in Verdict}
    for k in range(trials + 1):
        probability = failure_probability**k * (1 - failure_probability) ** (trials - k)
        verdict = Tally(trials - k, k, 0).verdict(failure_probability)
        chance[verdict] += math.comb(trials, k) * probability
    assert chance[Verdict.REFUTED] <= Fraction(1, 200)
    assert chance[Verdict.CONFIRMED] <= Fraction(1, 200)


def test_the_threshold_lies_between_refuted_and_confirmed():
    rows = [source(1, 1, neurons=(n, n)) for n in (8, 16) for _ in range(60)]
    rows += [source(1, 0, neurons=(24, 24))] * 60
    rows += [source(0, 0, neurons=(n, n)) for n in (32, 64) for _ in range(60)]
    rows += [source(1, 1, neurons=(90, 80))] * 60  # not as many in every layer
    found = Threshold.of(rows, epsilon=TENTH, failure_probability=TENTH)
    assert found == Threshold(too_few=16, enough=32)
    rare = Threshold.of(rows, epsilon=TENTH, failure_probability=HUNDREDTH)
    assert rare == Threshold(too_few=16, enough=None)


# sources


@pytest.mark.parametrize("widths", [(4, 3, 2), (6, 8, 3)])
def test_targets_are_of_the_class(widths):
    target = draw_target(widths)
    assert target.widths == widths
    for layer, again in zip(target.scaled((0, 0)), draw_target(widths).scaled((0, 0)), strict=True):
        assert Fraction(999, 1000) < spectral_norm_bound(layer.weight).bound <= 1
        assert np.array_equal(layer.weight.numerators, again.weight.numerators)


@pytest.mark.parametrize("key", ["Pensia2020.Theorem1Explicit", "Pensia2020.Theorem1Rearranged"])
def test_the_source_is_the_promised_one_and_holds_a_ticket(key):
    question = NetworkQuestion(
        widths=(4, 3, 2), epsilon=TENTH, failure_probability=TENTH, law=WeightLaw.UNIFORM
    )
    promised = catalogue.theorem_named(key).promise(question).widths
    assert promised is not None
    part = {"widths": [4, 3, 2], "neurons": [promised[1] // 4, promised[3] // 3]}
    assert len(set(part["neurons"])) == 2
    target = draw_target((4, 3, 2))
    for seed in range(3):
        ticket = build_promised(target, tuple(part["neurons"]), seed=seed)
        assert ticket.source.widths == promised
        assert (ticket.source.law, ticket.source.seed) == (WeightLaw.UNIFORM, seed)
        for i, (mask, neurons) in enumerate(zip(ticket.pairs, part["neurons"], strict=True)):
            assert np.array_equal(mask.inputs, mask.hidden // neurons)
            alone = build_promised(target, (neurons, neurons), seed=seed).pairs[i]
            assert np.array_equal(mask.hidden, alone.hidden)
        for error in weight_errors(ticket, target.scaled((0, 0)), Ball()):
            assert error.matrix.max_abs() <= Fraction(1, 2**12)
        row = source_row(part, seed=seed)
        assert 0 < row["lower_bound"] <= row["upper_bound"] < 0.1


def test_every_source_is_counted_once():
    for effort in Effort:
        parts = [part for part in RECIPE.parts(effort) if part["kind"] == "sources"]
        found = [
            (*part["widths"], *part["neurons"], part["first_seed"] + k)
            for part in parts
            for k in range(part["num_seeds"])
        ]
        assert len(set(found)) == len(found)


# runs


def sources(neurons, *, num_seeds):
    """Parts: sources with as many neurons an input in both layers, in two parts."""
    return [
        {
            "kind": "sources",
            "widths": [4, 3, 2],
            "neurons": [neurons, neurons],
            "first_seed": first,
            "num_seeds": num_seeds // 2,
        }
        for first in (0, num_seeds // 2)
    ]


QUESTION = {
    "kind": "question",
    "widths": [4, 3, 2],
    "epsilon": "1/100",
    "failure_probability": "1/10",
}


def test_a_resumed_run_gives_the_same(tmp_path):
    parts = [QUESTION, *sources(20, num_seeds=4), *sources(64, num_seeds=4)]

    def killed(part):
        if part == parts[-1]:
            raise KeyboardInterrupt
        return RECIPE.compute(part)

    def run(name, **changes):
        recipe = replace(RECIPE, parts=lambda effort: parts, draw=draw_nothing, **changes)
        run_recipe(recipe, effort=Effort.QUICK, out=tmp_path / name)

    with pytest.raises(KeyboardInterrupt):
        run("twice", compute=killed)
    assert [path.name for path in (tmp_path / "twice" / RECIPE.key).iterdir()] == ["quick.jsonl"]
    run("twice")
    run("once")
    twice, once = (
        {path.name: path.read_bytes() for path in (tmp_path / name / RECIPE.key).iterdir()}
        for name in ("twice", "once")
    )
    assert twice == once
    assert len(once) == 5


def draw_nothing(rows):
    figure, _ = new_figure(1, 1, height=1)
    return figure


def test_a_false_promise_is_refuted(monkeypatch):
    """Of 48 neurons an input, about what is needed, half are promised to be enough."""
    honest = catalogue.theorem_named

    def planted(key):
        theorem = honest(key)
        if key != "Pensia2020.Theorem1Rearranged":
            return theorem
        return replace(theorem, derive=lambda question: Promise(widths=(4, 4 * 24, 3, 3 * 24, 2)))

    monkeypatch.setattr(catalogue, "theorem_named", planted)
    parts = [QUESTION, *sources(24, num_seeds=30), *sources(64, num_seeds=60)]
    rows = [row for part in parts for row in RECIPE.compute(part)]
    seeds = [row["seed"] for row in rows_where(rows, kind="source", neurons=[24, 24])]
    assert seeds == list(range(30))
    title, threshold, *_, explicit, rearranged = verdict_lines(rows)
    assert title == "4-3-2, epsilon 1/100, delta 1/10"
    assert threshold.endswith("refuted up to 24, confirmed from 64")
    assert "Theorem1Explicit" in explicit
    assert "Theorem1Rearranged, 24-24: of 30 sources" in rearranged
    assert rearranged.endswith(": REFUTED")
    RECIPE.draw(rows).savefig(BytesIO())  # the figure of such rows, without a warning
