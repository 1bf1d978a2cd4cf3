"""Certified distances of networks of one shape, and of two runs of the search."""

import json
import os
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from strongltn.certify import Attack, CertifySettings
from strongltn.cli.main import app
from strongltn.errors import InvalidInputError
from strongltn.groundtruth import certify_found
from strongltn.networks import Ball, Box, LinearLayer, LocalBox, OutputNorm, TargetNetwork
from strongltn.networks.target import evaluate
from strongltn.numerics.dyadic import DyadicArray

QUICK = CertifySettings(attack=Attack(num_restarts=8, num_steps=60))


def network(widths, seed, *, has_bias=()):
    generator = np.random.default_rng(seed)
    return TargetNetwork(
        tuple(
            LinearLayer(
                f"fc{i}",
                generator.normal(size=(outputs, inputs)).astype(np.float32),
                generator.normal(size=outputs).astype(np.float32) if i in has_bias else None,
            )
            for i, (inputs, outputs) in enumerate(pairwise(widths))
        )
    )


def squared_distance(one, other, point, norm):
    images = [evaluate(chain.scaled((0,) * len(chain.layers)), point) for chain in (one, other)]
    difference = images[0] - images[1]
    return difference.max_abs() ** 2 if norm is OutputNorm.INF else difference.squared_norm()


@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=4),
    st.integers(0, 2**32 - 1),
    st.sampled_from([Ball(), Box(0, 1), Box(-2, 1)]),
    st.sampled_from(OutputNorm),
    st.sets(st.integers(0, 2)),
)
def test_the_bounds_enclose_every_distance(widths, seed, domain, norm, biased):
    found, dense = network(widths, seed), network(widths, seed + 1, has_bias=biased)
    settings = CertifySettings(attack=Attack(num_restarts=2, num_steps=4), output_norm=norm)
    proved = certify_found(found, dense, domain=domain, settings=settings)
    points = np.random.default_rng(seed).uniform(-1, 1, (10, widths[0]))
    if isinstance(domain, Ball):
        points = np.ldexp(np.rint(np.ldexp(points / np.sqrt(widths[0]), 20)), -20) * (1 - 2**-10)
    else:
        points = np.clip(points * 2, domain.lower, domain.upper)
    for point in points:
        exact = squared_distance(found, dense, DyadicArray.from_floats(point), norm)
        assert exact <= proved.upper_bound**2
    assert proved.lower_bound**2 <= squared_distance(found, dense, proved.witness, norm)
    assert proved.lower_bound <= proved.upper_bound == min(proved.bounds.values())


def test_the_bounds_are_of_use():
    found, dense = network((6, 10, 3), 0), network((6, 10, 3), 1)
    proved = certify_found(found, dense, domain=Box(), settings=QUICK)
    assert 0 < proved.lower_bound <= proved.upper_bound <= 5 * proved.lower_bound
    again = certify_found(dense, found, domain=Box(), settings=QUICK)
    assert again.lower_bound == pytest.approx(proved.lower_bound, rel=1e-2)
    assert certify_found(dense, dense, domain=Ball(), settings=QUICK).upper_bound == 0


def test_the_figures_are_rounded_outwards():
    found, dense = network((3, 4, 2), 0), network((3, 4, 2), 1)
    proved = certify_found(found, dense, domain=Box(), settings=QUICK)
    report = json.loads(json.dumps(proved.to_json()))
    assert Fraction(report["empirical_error"]) <= proved.lower_bound
    assert proved.upper_bound <= Fraction(report["certified_error"])
    for name, bound in proved.bounds.items():
        assert bound <= Fraction(report["certified_error_by_method"][name])


def test_networks_and_domains_that_do_not_fit_are_refused():
    with pytest.raises(InvalidInputError, match="widths"):
        certify_found(network((3, 4, 2), 0), network((3, 5, 2), 0), domain=Box())
    chain = network((3, 2), 0)
    with pytest.raises(InvalidInputError, match=r"of . inputs, as the network is"):
        certify_found(chain, chain, domain=LocalBox(np.zeros(2), np.ones(2)))


# runs of the search


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A found and a dense network on the digits, an epoch each."""
    from strongltn.search.config import settings_of
    from strongltn.training.run import run

    out = tmp_path_factory.mktemp("runs")
    for method in ("edge-popup", "dense"):
        run(settings_of(method, epochs=1), out / method, device="cpu")
    return out


def certify(*arguments):
    return CliRunner().invoke(app, ["certify", *map(str, arguments), "--steps", "8"])


def test_a_found_network_is_certified_against_a_dense_one(runs):
    from strongltn.search.config import SearchConfig
    from strongltn.training.result import RESULT, finished_result

    done = certify(runs / "edge-popup", "--against", runs / "dense", "--norm", "inf", "--json")
    assert done.exit_code == 0
    report = json.loads(done.stdout)
    modules = []
    for method, name in (("edge-popup", "found"), ("dense", "dense")):
        written = json.loads((runs / method / RESULT).read_bytes())
        assert report[f"{name}_accuracy"] == written["test_accuracy"]
        config = SearchConfig.from_json(written["config"])
        modules.append(finished_result(config, runs / method).network())
    images = prepared_digits()
    lower, upper = map(float, report["domain"].removeprefix("box:").split(","))
    assert lower == images.min()
    assert images.max() == upper
    distances = (modules[0](images) - modules[1](images)).detach().abs()
    assert float(distances.max()) <= report["certified_error"]
    assert report["empirical_error"] <= report["certified_error"]


def prepared_digits():
    import torch

    from strongltn.datasets.catalogue import dataset_named

    dataset = dataset_named("digits")
    return dataset.normalised(torch.from_numpy(dataset.train.images))


def test_the_answer_in_words_and_in_the_exit_code(runs):
    place = (runs / "edge-popup", "--against", runs / "dense", "--domain", "ball:0.5")
    done = certify(*place, "--epsilon", "1e-3")
    assert done.exit_code == 1
    assert "on ball:0.5" in done.stdout
    assert "of them right in DIR" in done.stdout
    assert certify(*place, "--epsilon", "1e9").exit_code == 0


@pytest.mark.parametrize(
    ("directory", "given", "parameter"),
    [
        ("dense", ["--against", "nowhere"], "--against"),
        ("nowhere", ["--against", "dense"], "DIR"),
        ("dense", ["--against", "dense", "--figure", "f"], "--figure"),
        ("dense", ["--against", "dense", "--radii", "1"], "--radii"),
    ],
)
def test_bad_runs_are_refused(runs, monkeypatch, directory, given, parameter):
    monkeypatch.chdir(runs)
    error = certify(directory, *given).exception
    assert isinstance(error, InvalidInputError)
    assert error.parameter == parameter


def test_runs_over_other_images_are_refused(runs, tmp_path):
    from strongltn.groundtruth import certify_runs
    from strongltn.search.config import SearchConfig
    from strongltn.training.result import RESULT, finished_result

    written = json.loads((runs / "dense" / RESULT).read_bytes())
    config = SearchConfig.from_json(written["config"])
    result = finished_result(config, runs / "dense")
    elsewhere = replace(result, config=replace(config, data="mnist"))
    (tmp_path / RESULT).write_text(json.dumps(elsewhere.to_json()))
    with pytest.raises(InvalidInputError, match="a run over mnist"):
        certify_runs(runs / "edge-popup", tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "3", "{}", '{"config": 3}', "[" * 100_000])
def test_results_of_another_shape_are_refused(runs, tmp_path, text):
    from strongltn.groundtruth import certify_runs
    from strongltn.training.result import RESULT

    (tmp_path / RESULT).write_text(text)
    with pytest.raises(InvalidInputError):
        certify_runs(runs / "edge-popup", tmp_path)


def test_a_pipe_is_not_waited_for(runs, tmp_path):
    from strongltn.groundtruth import certify_runs
    from strongltn.training.result import RESULT

    os.mkfifo(tmp_path / RESULT)
    with pytest.raises(InvalidInputError, match="pipe"):
        certify_runs(runs / "edge-popup", tmp_path)
