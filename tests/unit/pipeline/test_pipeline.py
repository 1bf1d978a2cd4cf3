"""Saved tickets over their life: certified anew, described, replaced, tampered with."""

import io
import json
import shlex
import subprocess
import sys

import numpy as np
import pytest

from proofs_check import Verdict, verify
from proofs_check.__main__ import main as audit_main
from strongltn.certify import Attack, CertifySettings, two_sided
from strongltn.certify.differential.splitting import SplittingSettings
from strongltn.construct import SINGLE_WEIGHT, make_plan
from strongltn.construct.plan import Plan
from strongltn.errors import InvalidInputError
from strongltn.networks import Ball, Box, LinearLayer, LocalBox, SourceNetwork, TargetNetwork
from strongltn.networks.domain import OutputNorm
from strongltn.networks.ticket_directory import TICKET_CONTENTS
from strongltn.pipeline import tickets as pipeline
from strongltn.rng import WeightLaw
from strongltn.storage import new_directory


@pytest.fixture(autouse=True)
def _short_attack(monkeypatch):
    """How good the lower bound is does not matter here."""
    monkeypatch.setattr(Attack.__init__, "__defaults__", (4, 20, 0))


@pytest.fixture
def saved(tmp_path):
    """A small ticket with a certificate and epsilon, in a directory."""
    generator = np.random.default_rng(0)
    layers = [
        LinearLayer("fc1", generator.uniform(-1, 1, (3, 2)), generator.uniform(-1, 1, 3)),
        LinearLayer("fc2", generator.uniform(-1, 1, (2, 3))),
    ]
    path = tmp_path / "ticket"
    with new_directory(path) as directory:
        result = pipeline.prune(TargetNetwork(tuple(layers)), epsilon=0.05, seed=3)
        pipeline.save(result, directory)
    assert result.is_within
    return path


def test_a_new_certificate_is_proved_and_updates_the_report(saved):
    """The report speaks of the first certificate, which here is made anew on another domain."""
    before = json.loads((saved / "report.json").read_text())
    assert before["is_within"]
    (saved / "certificate.json").unlink()
    figures = pipeline.certify_directory(saved, domain=Ball(1e5))
    after = json.loads((saved / "report.json").read_text())
    assert figures["certified_error"] > 0.05
    assert after["certified_error"] == figures["certified_error"]
    assert after["is_within"] is False
    assert verify(saved).verdict is Verdict.PROVED


def test_the_domain_of_the_first_certificate_is_the_default(saved):
    (saved / "certificate.json").unlink()
    pipeline.certify_directory(saved, domain=Box(-2.0, 0.5))
    assert pipeline.certify_directory(saved)["domain"] == "box:-2,0.5"
    (saved / "certificate.json").unlink()
    local = LocalBox(np.array([0.25, -0.5]), np.array([0.5, 0.125]))
    first = pipeline.certify_directory(saved, domain=local)
    again = pipeline.certify_directory(saved)
    assert again["certificate"] == first["certificate"] | {"is_new": False}
    for figures in (first, again):
        del figures["seconds"], figures["certificate"]
    assert first == again


def test_epsilon_is_euclidean_whatever_the_norm(saved):
    largest = CertifySettings(output_norm=OutputNorm.INF)
    euclidean = pipeline.certify_directory(saved)["certified_error"]
    (saved / "certificate.json").unlink()
    figures = pipeline.certify_directory(saved, settings=largest)
    assert figures["certified_error"] < euclidean
    for epsilon, is_within in ((figures["certified_error"], False), (euclidean, True)):
        report = json.loads((saved / "report.json").read_text()) | {"epsilon": epsilon}
        (saved / "report.json").write_text(json.dumps(report))
        pipeline.certify_directory(saved, settings=largest, replace=True)
        assert json.loads((saved / "report.json").read_text())["is_within"] is is_within


def test_the_description_names_domain_norm_and_methods(saved):
    settings = CertifySettings(
        output_norm=OutputNorm.INF, is_tight=True, splitting=SplittingSettings(max_leaves=8)
    )
    pipeline.certify_directory(saved, domain=Box(), settings=settings)
    first, described = pipeline.describe_directory(saved)["certificates"]
    assert first["domain"] == "ball:1"
    assert described["domain"] == "box:0,1"
    assert described["output_norm"] == "inf"
    assert {"spectral-triangle", "input-splitting", "quadratic"} < set(described["methods"])
    assert verify(saved, described["file"]).verdict is Verdict.PROVED


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_leaves_the_old_certificate(saved, monkeypatch, error):
    def interrupt(*_, **__):
        raise error

    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    monkeypatch.setattr(two_sided, "attack", interrupt)
    with pytest.raises(error):
        pipeline.certify_directory(saved, domain=Ball(3.0))
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before


class CountingOutput(io.StringIO):
    """A standard output that counts its writes."""

    writes = 0

    def write(self, text):
        self.writes += 1
        return super().write(text)


@pytest.mark.parametrize("extra", [[], ["--json"]])
def test_the_auditor_answers_in_one_write(saved, monkeypatch, extra):
    """Found: with `| head` a second write failed, and PROVED left with the status of REJECTED."""
    output = CountingOutput()
    monkeypatch.setattr("sys.stdout", output)
    assert audit_main(["verify", str(saved), *extra]) == 0
    assert output.writes == 1
    assert "PROVED" in output.getvalue()


@pytest.mark.parametrize("module", ["strongltn", "proofs_check"])
def test_a_closed_stdout_does_not_change_the_verdict(saved, module):
    command = [sys.executable, "-m", module, "verify", str(saved)]
    line = f"{shlex.join(command)} >&-"
    assert subprocess.run(line, shell=True, check=False, timeout=300).returncode == 0


def test_a_certificate_of_another_ticket_is_not_shown(saved):
    document = json.loads((saved / "ticket.json").read_text())
    document["scale_exponents"][0] += 5
    (saved / "ticket.json").write_text(json.dumps(document))
    with pytest.raises(InvalidInputError, match=r"speaks of another ticket\.json"):
        pipeline.describe_directory(saved)
    with pytest.raises(InvalidInputError, match=r"speaks of another ticket\.json"):
        pipeline.certify_directory(saved)
    assert verify(saved).verdict is Verdict.REJECTED


def test_infinity_for_a_width_is_refused(saved):
    text = (saved / "ticket.json").read_text()
    document = json.loads(text)
    document["source"]["widths"][1] = float("inf")
    (saved / "ticket.json").write_text(json.dumps(document))
    with pytest.raises(InvalidInputError, match="'DIR'"):
        pipeline.describe_directory(saved)


def test_overwriting_through_a_link_replaces_what_it_points_to(saved, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(saved)
    with new_directory(link, replaces=TICKET_CONTENTS) as directory:
        (directory / "ticket.json").write_text("{}")
    assert link.is_symlink()
    assert (saved / "ticket.json").read_text() == "{}"


def test_boxes_and_seeds_beyond_floats_are_refused():
    with pytest.raises(InvalidInputError, match="at a finite distance"):
        Box(-1.7e308, 1.7e308)
    for seed in (2**64, 10**5000):
        with pytest.raises(InvalidInputError, match="'seed' parameter must be an integer in"):
            SourceNetwork((1, 1, 1), WeightLaw.UNIFORM, seed)


def test_blocks_narrower_than_the_samples_are_refused():
    target = TargetNetwork((LinearLayer("fc", np.ones((1, 1))),))
    plan = make_plan(target, SINGLE_WEIGHT, num_samples=3, tolerance=0.1, domain=Ball())
    fields = {name: getattr(plan, name) for name in plan.__dataclass_fields__}
    with pytest.raises(InvalidInputError, match="'block_width' parameter must be an integer >= 3"):
        Plan(**fields | {"block_width": 2})


@pytest.mark.parametrize("name", ["epsilon", "tolerance"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_epsilon_and_tolerance_are_checked_before_any_work(name, value):
    target = TargetNetwork((LinearLayer("fc", np.ones((1, 1))),))
    with pytest.raises(InvalidInputError, match=f"'{name}' parameter must be a finite number > 0"):
        pipeline.prune(target, **{"epsilon": 0.1} | {name: value})
