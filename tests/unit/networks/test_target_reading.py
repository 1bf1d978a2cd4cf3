"""What `prune` says of the network that it read, and what the ticket keeps of it."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from test_ticket_directory import QUICK, edit_json, rehash

from proofs_check import Verdict, verify
from proofs_check.theorem_text import theorem
from strongltn.networks import Ball, LinearLayer, Reading, TargetNetwork
from strongltn.networks.ticket_directory import read_ticket
from strongltn.pipeline import tickets as pipeline
from strongltn.storage import new_directory


@pytest.fixture
def module():
    torch.manual_seed(3)
    return torch.nn.Sequential(
        torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.Linear(2, 3, bias=False)
    ).requires_grad_(False)


@pytest.fixture
def autoencoder(tmp_path, module):
    """A file whose layers fit together in two orders, and the author's inputs and outputs."""
    state = {"encoder.weight": module[0].weight, "decoder.weight": module[2].weight}
    state["encoder.bias"] = module[0].bias
    path = tmp_path / "model.safetensors"
    save_file(state, path)
    x = torch.randn(100, 3)
    np.save(tmp_path / "inputs.npy", x.numpy())
    np.save(tmp_path / "outputs.npy", module(x).numpy())
    return path


CHAIN = "3 -(encoder)-> 2, ReLU, -(decoder)-> 3"


def test_an_order_is_asked_for_then_said_stored_and_audited(run, autoencoder, tmp_path):
    out = tmp_path / "ticket"
    prune = ("prune", autoencoder, "--samples", 10, "--out", out)
    code, _, err = run(*prune)
    assert code == 2
    assert "decoder,encoder (2-3-2); encoder,decoder (3-2-3)" in err
    assert "such as --layers decoder,encoder" in err
    assert not out.exists()
    like = ("--like", tmp_path / "inputs.npy", tmp_path / "outputs.npy")
    code, text, err = run(*prune, "--layers", "encoder,decoder", *like)
    assert code in (0, 1), err
    assert f"  network       {CHAIN}\n" in text
    words = " ".join(text.split())
    assert "The order was given by name." in words
    assert "ReLU between the layers is assumed." in words
    assert "On 100 inputs its outputs are the author's up to" in words
    report = json.loads((out / "report.json").read_bytes())
    assert report["target_chain"] == CHAIN
    assert report["target_likeness"]["num_inputs"] == 100
    stored = json.loads((out / "ticket.json").read_bytes())["reading"]
    assert stored == f"{CHAIN}. {report['target_reading']}"
    assert str(read_ticket(out)[0].reading) == report["target_reading"]
    audit = verify(out)
    assert audit.verdict is Verdict.PROVED
    assert theorem(audit)["target"]["as_stated"] == stored
    code, text, _ = run("info", out)
    assert code == 0
    assert CHAIN in text
    assert report["target_reading"] in " ".join(text.split())
    code, text, _ = run("verify", out)
    assert code == 0
    assert "as stated" in text


def test_the_reading_is_in_the_json(run, autoencoder, tmp_path):
    arguments = ("--layers", "encoder,decoder", "--samples", 10, "--json")
    code, text, _ = run("prune", autoencoder, *arguments, "--out", tmp_path / "ticket")
    report = json.loads(text)
    assert code in (0, 1)
    assert report["target_chain"] == CHAIN
    assert report["target_likeness"] is None
    code, text, _ = run("info", tmp_path / "ticket", "--json")
    assert json.loads(text)["target_reading"] == report["target_reading"]


def test_outputs_of_another_network_end_before_anything_is_written(run, autoencoder, tmp_path):
    other = np.load(tmp_path / "outputs.npy") * np.float32(1.001)
    np.save(tmp_path / "other.npy", other)
    out = tmp_path / "ticket"
    code, _, err = run(
        *("prune", autoencoder, "--layers", "encoder,decoder", "--samples", 10, "--out", out),
        *("--like", tmp_path / "inputs.npy", tmp_path / "other.npy"),
    )
    assert code == 2
    assert "--like must be" in err
    assert not out.exists()


@pytest.mark.parametrize("layers", ["encoder,head", "", ",", "decoder,decoder"])
def test_wrong_layers_are_exit_2(run, autoencoder, tmp_path, layers):
    arguments = ("--layers", layers, "--samples", 6, "--out", tmp_path / "ticket")
    code, _, err = run("prune", autoencoder, *arguments)
    assert code == 2
    assert "must be" in err


@pytest.fixture(params=["", "f \u00fc\n\x1b[2J"], ids=["unread", "odd"])
def ticket(request, tmp_path):
    """A ticket whose target was put together in Python, with and without a reading."""
    reading = Reading((request.param,)) if request.param else Reading()
    layer = LinearLayer(f"fc{request.param}", np.array([[0.5, -0.25]]))
    with new_directory(tmp_path / "ticket") as directory:
        result = pipeline.prune(
            TargetNetwork((layer,), reading), num_samples=6, domain=Ball(), settings=QUICK
        )
        pipeline.save(result, directory)
    return tmp_path / "ticket"


def test_tickets_with_and_without_a_reading_are_audited(run, ticket):
    description = json.loads((ticket / "ticket.json").read_bytes())
    is_read = "reading" in description
    audit = verify(ticket)
    assert audit.verdict is Verdict.PROVED
    assert (theorem(audit)["target"]["as_stated"] is not None) == is_read
    for command in ("verify", "info"):
        code, text, _ = run(command, ticket)
        assert code == 0
        assert text.isascii()
        assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize("value", [3, None, ["text"], {"a": "b"}])
def test_a_reading_is_a_string(ticket, value):
    edit_json(ticket, "ticket.json", lambda content: content.update(reading=value))
    rehash(ticket)
    audit = verify(ticket)
    assert audit.verdict is Verdict.REJECTED
    assert "reading must be a string" in str(audit.rejected)


def test_the_certificate_holds_for_one_reading_alone(ticket):
    edit_json(ticket, "ticket.json", lambda content: content.update(reading="another"))
    assert "SHA-256 of ticket.json" in str(verify(ticket).rejected)
