"""A method is found by itself: a new file in the folder, or an entry point of another package."""

import json
import sys

import pytest
import torch

from strongltn import search
from strongltn.errors import InvalidInputError
from strongltn.search import SearchConfig, attach, method, methods, settings_of
from strongltn.search.method import method_names, type_named

TOY = """
from dataclasses import dataclass
from typing import ClassVar
from strongltn.search.method import AbstractMethod

@dataclass(frozen=True)
class LargestWeights(AbstractMethod):
    name: ClassVar[str] = "largest-weights"

    def initial_scores(self, weight, *, density, generator):
        return weight.abs().clone()
"""
HERE = "strongltn.search.methods.largest_weights"
SHORT = {"epochs": 2, "batch_size": 512, "init": "kaiming-normal", "density": 0.25}


class Stopped(Exception):
    """An interruption that a test makes."""


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """Forget the toys that a test imports, and what was found."""

    def forget():
        method._methods_here.cache_clear()
        method._methods_of_others.cache_clear()

    for name in ("another_package", HERE):
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.delitem(sys.modules, name)
    forget()
    yield forget
    monkeypatch.undo()
    forget()


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Put the toy into a file beside the methods of the package."""
    (tmp_path / "methods").mkdir()
    (tmp_path / "methods" / "largest_weights.py").write_text(TOY)
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path / "methods")])
    return type_named("largest-weights")


def bring(tmp_path, monkeypatch, value):
    """Put a package beside ours that names a value as its method."""
    (tmp_path / "another_package.py").write_text(TOY)
    about = tmp_path / "another_package-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: another_package\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[strongltn.methods]\nlargest-weights = {value}\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_a_file_in_the_folder_is_run_resumed_and_turned_into_a_mask(toy, tmp_path):
    assert method_names()[-1] != "dense"
    config = settings_of("largest-weights", **SHORT)
    assert SearchConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    assert isinstance(config.method, toy)
    whole = search.run(config, tmp_path / "whole")

    def stop(stage, done, total):
        if done == total // 2 + 1:
            raise Stopped

    with pytest.raises(Stopped):
        search.run(config, tmp_path / "parts", progress=stop)
    parts = search.run(config, tmp_path / "parts")
    assert parts.density == 0.25
    for name, mask in whole.masks().items():
        assert torch.equal(parts.masks()[name], mask)
        assert torch.equal(parts.network().get_parameter(name) != 0, mask)


@pytest.mark.usefixtures("toy")
def test_the_command_line_offers_and_runs_what_is_found(run, tmp_path):
    code, text, err = run("search", "largest-wieghts")
    assert code == 2
    assert "Did you mean 'largest-weights'?" in err
    words = ("--epochs", 1, "--batch-size", 512, "--json", "--out", tmp_path / "out")
    code, text, err = run("search", "largest-weights", *words)
    assert code == 0, err
    assert json.loads(text)["runs"][0]["config"]["method"] == {"name": "largest-weights"}


def test_the_first_mask_keeps_what_has_the_largest_scores(toy):
    layer = torch.nn.Linear(4, 3, bias=False)
    weight = layer.weight.detach().clone()
    mask = attach(layer, toy(), density=0.5, seed=0).masks()["weight"]
    assert weight[mask].abs().min() > weight[~mask].abs().max()
    assert toy().masks_weight


def test_another_package_brings_a_method(tmp_path, monkeypatch):
    bring(tmp_path, monkeypatch, "another_package:LargestWeights")
    assert method_names()[-1] == "largest-weights"
    assert "another_package" not in sys.modules  # a list of names imports nothing of theirs
    assert settings_of("largest-weights").method_name == "largest-weights"
    assert type_named("largest-weights").__module__ == "another_package"


@pytest.mark.parametrize("value", ["another_package:dataclass", "another_package:AbstractMethod"])
def test_what_is_no_method_is_refused(tmp_path, monkeypatch, value):
    bring(tmp_path, monkeypatch, value)
    with pytest.raises(InvalidInputError, match="calls largest-weights"):
        type_named("largest-weights")


@pytest.mark.usefixtures("toy")
def test_two_methods_of_one_name_are_refused(tmp_path, monkeypatch, forgotten):
    bring(tmp_path, monkeypatch, "another_package:LargestWeights")
    forgotten()
    assert method_names().count("largest-weights") == 1
    with pytest.raises(InvalidInputError, match="the name of both"):
        type_named("largest-weights")


def test_a_method_of_no_file_and_no_package_is_refused():
    class Nameless(type_named("gem-miner")):
        pass

    with pytest.raises(InvalidInputError, match=r"one of edge-popup, biprop, .*, dense"):
        settings_of("gem-miner").__class__(
            method=Nameless(), model="digits-fc", data="digits", density=0.5, epochs=1, seed=0
        )
