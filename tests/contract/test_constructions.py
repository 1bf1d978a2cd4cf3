"""A construction of another package is found by itself, and does all that ours do."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from proofs_check import verify
from strongltn import load_ticket, prune, testing
from strongltn.construct import build_ticket, find_constructions, make_plan
from strongltn.errors import InvalidInputError
from strongltn.networks import Ball, LinearLayer, TargetNetwork
from strongltn.networks.ticket_directory import read_ticket
from strongltn.rng import WeightLaw

TOY = """
from strongltn.construct import Construction
from strongltn.networks import Activation
from strongltn.subset_sum.solvers import BruteForce

class TwoOutputs(Construction):
    def share_of(self, outputs):
        return outputs // 2

PAIRED = TwoOutputs("paired", Activation.RELU, True, BruteForce(), "two outputs share a block")
"""


def bring(tmp_path, monkeypatch, value, toy=TOY):
    """Put a package beside ours that names a value as its construction."""
    monkeypatch.setitem(sys.modules, "another_package", None)  # forget it afterwards
    monkeypatch.delitem(sys.modules, "another_package")
    (tmp_path / "another_package.py").write_text(toy)
    about = tmp_path / "another_package-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: another_package\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[strongltn.constructions]\nname = {value}\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.fixture
def paired(tmp_path, monkeypatch):
    bring(tmp_path, monkeypatch, "another_package:PAIRED")
    return find_constructions()["paired"]


def test_it_is_found_beside_ours(paired):
    assert list(find_constructions()) == [
        "relu-diamond",
        "linear-diamond",
        "single-weight",
        "paired",
    ]
    assert type(paired).__module__ == "another_package"


def test_its_plan_follows_from_its_blocks(paired):
    target = TargetNetwork((LinearLayer("fc", np.full((5, 3), 0.3), np.full(5, 0.2)),))
    plan = make_plan(target, "paired", num_samples=4, tolerance=0.1, domain=Ball())
    source = plan.source(target, law=WeightLaw.UNIFORM, seed=0)
    assert source.widths == (3, 3 * 4 * plan.block_width, 5)  # shares of 2, 2 and 1 outputs


def test_it_keeps_the_contract(paired):
    def build(target, seed):
        plan = make_plan(target, paired, num_samples=6, tolerance=0.1, domain=Ball())
        source = plan.source(target, law=WeightLaw.UNIFORM, seed=seed)
        return build_ticket(target, source, plan).ticket

    promise = testing.ConstructionPromise(Ball(), tolerance=0.1, failure_probability=1)
    testing.check_construction(build, promise, num_examples=6, num_draws=10)


@pytest.mark.usefixtures("paired")
def test_it_is_chosen_by_name_certified_and_verified(run, tmp_path):
    torch.save({"fc.weight": torch.tensor([[0.5], [-0.25], [0.125]])}, tmp_path / "target.pt")
    where = [tmp_path / "target.pt", "--out", tmp_path / "ticket"]
    code, out, _ = run("prune", *where, "--construction", "paired", "--samples", 8, "--json")
    assert code in (0, 1)
    assert json.loads(out)["construction"] == "paired"
    mask = load_ticket(tmp_path / "ticket").pairs[0]
    width = read_ticket(tmp_path / "ticket")[1].source.widths[1] // 2
    first, second, third = mask.dense((2 * width, 1), (3, 2 * width))[1]
    assert not first[width:].any()
    assert not second[width:].any()
    assert not third[:width].any()
    assert verify(tmp_path / "ticket").upper_bound > 0


def test_it_is_a_word_of_the_library_too(paired):
    target = TargetNetwork((LinearLayer("fc", np.array([[0.3, -0.2]])),))
    by_value = prune(target, construction=paired, num_samples=5).ticket
    assert prune(target, construction="Paired", num_samples=5).ticket == by_value


def test_what_is_no_construction_is_refused(tmp_path, monkeypatch):
    bring(tmp_path, monkeypatch, "another_package:TwoOutputs")
    with pytest.raises(InvalidInputError, match="another_package:TwoOutputs"):
        find_constructions()


def test_two_constructions_of_one_name_are_refused(tmp_path, monkeypatch):
    toy = TOY.replace('"paired"', '"relu-diamond"')
    bring(tmp_path, monkeypatch, "another_package:PAIRED", toy)
    with pytest.raises(InvalidInputError, match="relu-diamond from both strongltn and another_"):
        find_constructions()


def test_nothing_is_looked_for_before_it_is_asked_for():
    code = (
        "import sys, importlib.metadata as m; m.entry_points = lambda **_: sys.exit(1);"
        "import strongltn.construct as c; c.construction_named('relu-diamond')"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
