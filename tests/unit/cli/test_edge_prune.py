"""`prune` at the edge: who decides with epsilon, how many samples fit, biases that vanish."""

import json
from fractions import Fraction

import numpy as np
import pytest

from strongltn.certify import Attack, CertifySettings
from strongltn.construct import (
    LINEAR_DIAMOND,
    RELU_DIAMOND,
    SINGLE_WEIGHT,
    build_ticket,
    make_plan,
)
from strongltn.construct.construction import MAX_SAMPLES, sign_block_width
from strongltn.errors import BudgetExceeded, InvalidInputError
from strongltn.networks import Ball, LinearLayer, TargetNetwork
from strongltn.pipeline import tickets as pipeline
from strongltn.report.text import prune_lines
from strongltn.rng import WeightLaw
from strongltn.subset_sum.solvers import MeetInTheMiddle, SchroeppelShamir, SingleWeight

QUICK = CertifySettings(attack=Attack(num_restarts=2, num_steps=2))


def network(*, num_layers, size, weight, bias):
    generator = np.random.default_rng(0)
    layers = [
        LinearLayer(
            f"l{i}",
            generator.uniform(-weight, weight, (size, size)),
            generator.uniform(-bias, bias, size),
        )
        for i in range(num_layers)
    ]
    return TargetNetwork(tuple(layers))


SMALL = network(num_layers=2, size=2, weight=1, bias=1)


def prune(target=SMALL, **options):
    return pipeline.prune(target, settings=QUICK, seed=1, **options)


def test_with_epsilon_the_certificate_decides(tmp_path):
    result = prune(epsilon=1.2, num_samples=7)
    report = result.report()
    assert report["unreached_weights"] > 0
    assert report["certified_error"] <= 1.2
    assert report["is_within"]
    assert report["is_tolerance_estimated"]
    text = "\n".join(prune_lines(report, directory=tmp_path))
    assert "an estimate from epsilon" in text
    assert "UNREACHED" in text
    assert "That does not decide" in text
    assert "larger tolerance" not in text


def test_an_explicit_tolerance_must_hold_besides_epsilon(tmp_path):
    for options in ({"epsilon": 1.2}, {}):
        result = prune(num_samples=7, tolerance=1e-4, **options)
        assert result.reach.num_unreached > 0
        assert not result.is_within
        text = "\n".join(prune_lines(result.report(), directory=tmp_path))
        assert "larger tolerance" in text
    assert prune(num_samples=7, tolerance=1.0, epsilon=1.2).is_within
    assert not prune(num_samples=7, tolerance=1.0, epsilon=1e-6).is_within
    assert not prune(num_samples=3).is_within  # the default tolerance, without epsilon


def test_certifying_anew_keeps_who_decides(tmp_path):
    for name, options, is_within in (("given", {"tolerance": 1e-4}, False), ("none", {}, True)):
        result = prune(num_samples=7, epsilon=1.2, **options)
        (tmp_path / name).mkdir()
        pipeline.save(result, tmp_path / name)
        pipeline.certify_directory(tmp_path / name, settings=QUICK)
        path = tmp_path / name / "report.json"
        report = json.loads(path.read_text())
        assert report["is_within"] is is_within
        del report["is_tolerance_estimated"]  # a report of an older version: both must hold
        path.write_text(json.dumps(report))
        pipeline.certify_directory(tmp_path / name, settings=QUICK, replace=True)
        assert json.loads(path.read_text())["is_within"] is False


@pytest.mark.parametrize("construction", [RELU_DIAMOND, LINEAR_DIAMOND], ids=lambda c: c.name)
def test_the_solver_is_one_that_fits(construction):
    assert construction.solver_for(1) == construction.solver_for(49) == MeetInTheMiddle()
    assert construction.solver_for(50) == construction.solver_for(64) == SchroeppelShamir()
    for num_samples in (65, 1000, 10**12, 10**20):
        with pytest.raises(
            InvalidInputError, match=r"'num_samples'.*\[1, 64\].*With epsilon instead"
        ):
            construction.solver_for(num_samples)


def test_single_weights_take_more_samples_but_not_all():
    assert SINGLE_WEIGHT.solver_for(MAX_SAMPLES) == SingleWeight()
    with pytest.raises(InvalidInputError, match=f"'num_samples'.*{MAX_SAMPLES}"):
        SINGLE_WEIGHT.solver_for(MAX_SAMPLES + 1)


def test_fifty_samples_are_solved():
    one = TargetNetwork((LinearLayer("w", np.array([[0.375]], dtype=np.float32)),))
    report = prune(one, num_samples=50).report()
    assert report["max_weight_error"] < 1e-10


def test_too_many_samples_are_refused_before_anything_is_drawn(monkeypatch):
    def fail(*_, **__):
        raise AssertionError("nothing was to be planned")

    monkeypatch.setattr(pipeline, "make_plan", fail)
    for construction in (RELU_DIAMOND, LINEAR_DIAMOND, SINGLE_WEIGHT):
        with pytest.raises(InvalidInputError, match="'num_samples'"):
            prune(num_samples=10**12, construction=construction)


def test_a_plan_has_a_largest_number_of_samples():
    with pytest.raises(InvalidInputError, match="'num_samples'"):
        make_plan(SMALL, RELU_DIAMOND, num_samples=MAX_SAMPLES + 1, tolerance=0.1, domain=Ball())
    plan = make_plan(SMALL, RELU_DIAMOND, num_samples=100, tolerance=0.1, domain=Ball())
    source = plan.source(SMALL, law=WeightLaw.UNIFORM, seed=0)
    with pytest.raises(InvalidInputError, match="'num_samples'"):
        build_ticket(SMALL, source, plan)
    build_ticket(SMALL, source, plan, solver=SingleWeight())  # another solver may take them


def _width_by_definition(num_samples, num_groups, limit):
    counts, width = [1] + [0] * (num_samples - 1), 0
    while num_groups * Fraction(sum(counts), 2**width) > limit:
        for k in range(num_samples - 1, 0, -1):
            counts[k] += counts[k - 1]
        width += 1
    return width


@pytest.mark.parametrize(
    "limit", [Fraction(1, 10**6), Fraction(1, 1024), Fraction(1, 2), Fraction(9, 10)]
)
def test_the_block_width_is_the_least(limit):
    for num_samples in (1, 2, 3, 7, 20, 33):
        for num_groups in (1, 2, 5, 1000):
            found = sign_block_width(num_samples, num_groups, failure_probability=limit)
            assert found == _width_by_definition(num_samples, num_groups, limit)


def test_the_block_width_of_many_samples_is_quick():
    width = sign_block_width(MAX_SAMPLES, 10**6, failure_probability=Fraction(1, 10**6))
    assert 2 * MAX_SAMPLES < width < 2.01 * MAX_SAMPLES


def test_an_epsilon_out_of_reach_is_refused_at_once():
    for epsilon in (1e-13, 1e-300, 5e-324):
        with pytest.raises(BudgetExceeded, match="larger epsilon"):
            prune(epsilon=epsilon)


def test_biases_that_vanish_are_named(tmp_path):
    deep = network(num_layers=7, size=3, weight=20, bias=10)
    result = prune(deep, num_samples=16)
    report = result.report()
    names = [lost.name for lost in result.reach.lost_biases]
    assert names
    assert len(report["warnings"]) == len(names)
    text = "\n".join(prune_lines(report, directory=tmp_path))
    for lost, warning in zip(result.reach.lost_biases, report["warnings"], strict=True):
        assert lost.name in warning
        assert lost.error >= lost.largest / 2
        assert f"WARNING       {warning}" in text
    assert "l6" in names
    assert "l0" not in names
    (tmp_path / "t").mkdir()
    pipeline.save(result, tmp_path / "t")
    assert (
        json.loads((tmp_path / "t" / "report.json").read_text())["warnings"] == report["warnings"]
    )


def test_biases_that_hold_are_not(tmp_path):
    report = prune(num_samples=16).report()
    assert report["warnings"] == []
    assert "WARNING" not in "\n".join(prune_lines(report, directory=tmp_path))
