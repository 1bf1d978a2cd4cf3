"""What version 0.1.0 wrote is read, verified and continued: see tests/version_0_1_0."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from recipe_rows import RECIPES

from proofs_check import Verdict, verify_all
from strongltn.certify import Attack, CertifySettings
from strongltn.errors import InvalidInputError
from strongltn.networks import Ball, LocalBox
from strongltn.pipeline import tickets as pipeline
from strongltn.recipes.recipe import Effort
from strongltn.recipes.run import run_recipe
from strongltn.search.config import settings_of
from strongltn.training.run import run

OLD = Path(__file__).parents[2] / "version_0_1_0"
QUICK = CertifySettings(attack=Attack(2, 4))


@pytest.fixture
def old(tmp_path):
    return shutil.copytree(OLD, tmp_path / "old")


def test_a_ticket_is_proved_and_certified_again(old):
    ticket = old / "ticket"
    (audit,) = verify_all(ticket).values()
    assert audit.verdict is Verdict.PROVED, audit.rejected
    (described,) = pipeline.describe_directory(ticket)["certificates"]
    assert described["output_norm"] == "inf"
    assert isinstance(pipeline.present_domain(ticket), LocalBox)
    pipeline.certify_directory(ticket, domain=Ball(), settings=QUICK)
    audits = verify_all(ticket)
    assert [audit.verdict for audit in audits.values()] == [Verdict.PROVED] * 2
    names = {path.name for path in ticket.iterdir()}
    assert "witness.safetensors" in names  # the old certificate stands, with its witnesses


def test_its_certificate_is_replaced(old):
    ticket = old / "ticket"
    pipeline.certify_directory(
        ticket, settings=CertifySettings(QUICK.attack, output_norm=OLD_NORM), replace=True
    )
    (audit,) = verify_all(ticket).values()
    assert audit.verdict is Verdict.PROVED
    assert [path.name for path in ticket.glob("witness*")] != ["witness.safetensors"]
    assert len(list(ticket.glob("witness*"))) == 1


OLD_NORM = pipeline.read_certificate(OLD / "ticket").output_norm


def test_a_run_is_read_as_it_was_reported(old):
    config = settings_of("edge-popup", epochs=2)
    (folder,) = (old / "search").iterdir()
    assert folder.name == config.name
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    result = run(config, folder)
    report = json.loads((OLD / "search" / folder.name / "result.json").read_bytes())
    assert result.test_accuracy == report["test_accuracy"]
    assert sum(int(mask.sum()) for mask in result.masks().values()) == report["num_kept"]
    result.network()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_run_that_was_stopped_goes_on(old, tmp_path):
    """The run of two epochs has lost its end, as a kill after the first epoch would leave it."""
    config = settings_of("edge-popup", epochs=2)
    (folder,) = (old / "search").iterdir()
    for name in ("result.json", "masks.safetensors"):
        (folder / name).unlink()
    found = run(config, folder)
    assert [row["epoch"] for row in found.metrics] == [1, 2]


def test_a_recipe_goes_on_where_it_was(old):
    """As long as its settings would give the same rows: those of version 2 are others."""
    with pytest.raises(InvalidInputError, match=r"settings \(version\)"):
        run_recipe(RECIPES["parameters"], effort=Effort.QUICK, out=old / "recipes")
    recipe = replace(RECIPES["parameters"], version=1, compute=lambda part: [dict(part)])
    num_parts = len(recipe.parts(Effort.QUICK))
    before = (old / "recipes" / "parameters" / "quick.jsonl").read_bytes()
    report = run_recipe(recipe, effort=Effort.QUICK, out=old / "recipes")
    assert report["computed_now"] == num_parts - 3
    after = (old / "recipes" / "parameters" / "quick.jsonl").read_bytes()
    assert after.startswith(before)
