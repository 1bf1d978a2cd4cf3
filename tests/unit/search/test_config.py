"""The configuration of a search: one identity for all settings, contradictions refused."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest
from search_runs import UNUSUAL

from strongltn.errors import InvalidInputError
from strongltn.models.density import Schedule, Scope
from strongltn.models.initialization import Init
from strongltn.search.config import SearchConfig, settings_of
from strongltn.search.method import Dense, method_names
from strongltn.search.methods.edge_popup import EdgePopup, InitialScores, IteRand
from strongltn.search.methods.supermasks import LearnedSupermask

OTHER = {**UNUSUAL, "model": "digits-conv", "epochs": 5}


def settings(method="edge-popup", **given):
    return settings_of(method, **{"epochs": 2, "batch_size": 512, **given})


@pytest.mark.parametrize("method", [*method_names(), "dense"])
def test_configurations_survive_json(method):
    config = settings(method)
    again = SearchConfig.from_json(json.loads(json.dumps(config.to_json())))
    assert again == config
    assert again.identity == config.identity
    assert config.method_name == method


def test_every_field_belongs_to_the_identity():
    config = settings()
    assert OTHER.keys() == {field.name for field in fields(config)}
    for name, value in OTHER.items():
        other = replace(config, **{name: value})
        assert other.identity != config.identity, name
        assert other.to_json()[name] != config.to_json()[name]


def test_a_number_has_one_identity():
    config = settings(learning_rate=1, weight_decay=0, density=1)
    same = settings(learning_rate=1.0, weight_decay=0.0, density=np.float64(1))
    assert config.identity == same.identity
    assert len(config.identity) == 64
    assert config.name.endswith(config.identity[:12])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("density", 0.0),
        ("density", 1.5),
        ("density", float("nan")),
        ("method", "edge-popup"),
        ("model", "lenet-6"),
        ("data", "imagenet"),
        ("epochs", 0),
        ("epochs", 2.0),
        ("epochs", True),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("inf")),
        ("momentum", 1.0),
        ("momentum", "0.9"),
        ("weight_decay", -1e-4),
        ("seed", -1),
        ("init", "scaledd"),
        ("scope", "layers"),
        ("schedule", "quadratic"),
        ("precision", "float16"),
    ],
)
def test_bad_settings_are_refused_by_name(name, value):
    with pytest.raises(InvalidInputError, match=f"The '{name}' parameter"):
        replace(settings(), **{name: value})


def test_settings_that_contradict_each_other_are_refused():
    for bad in (
        {"method": Dense(), "density": 0.5},
        {"method": Dense(), "density": 1.0, "schedule": Schedule.LINEAR},
        {"method": Dense(), "density": 1.0, "scope": Scope.GLOBAL},
        {"method": LearnedSupermask(), "schedule": Schedule.LINEAR},
        {"method": LearnedSupermask(), "scope": Scope.GLOBAL},
        {"method": IteRand(init=Init.KAIMING_NORMAL), "init": Init.SIGNED_CONSTANT},
        {"model": "fc2-relu-diamond", "init": Init.SIGNED_CONSTANT},
    ):
        with pytest.raises(InvalidInputError):
            replace(settings(), **bad)


def test_the_known_ones_are_listed():
    with pytest.raises(InvalidInputError, match=r"edge-popup, biprop, .*, dense"):
        settings("magic")
    with pytest.raises(InvalidInputError, match=r"lenet-300-100.*fc4-wide"):
        settings(model="magic")
    with pytest.raises(InvalidInputError, match="digits, mnist, cifar10"):
        settings(data="magic")


def test_json_of_another_kind_is_refused():
    good = settings().to_json()
    for bad in (
        {},
        {**good, "more": 1},
        {**good, "schema": 0},
        {**good, "init": "magic"},
        {**good, "method": {"name": "edge-popup"}},
        {**good, "method": {**good["method"], "initial": "magic"}},
    ):
        with pytest.raises(InvalidInputError):
            SearchConfig.from_json(bad)


def test_the_density_comes_down_to_that_of_the_settings():
    config = settings(schedule=Schedule.LINEAR, density=0.2, epochs=4)
    assert [config.density_at(epoch) for epoch in range(4)] == [0.8, 0.6, 0.4, 0.2]
    rates = [config.learning_rate_at(epoch) for epoch in range(4)]
    assert rates[0] == config.learning_rate
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] > 0


def test_settings_fit_the_method_and_the_network():
    assert settings("dense").density == 1
    assert settings("iterand", init=Init.SCALED).method.init is Init.SCALED
    diamond = settings(model="lenet-5-relu-diamond", data="mnist", batch_size=None)
    assert diamond.method.initial is InitialScores.WEIGHT_SCALE
    assert (diamond.learning_rate, diamond.batch_size) == (0.01, 64)
    assert settings(model="fc2-wide").method == EdgePopup()
