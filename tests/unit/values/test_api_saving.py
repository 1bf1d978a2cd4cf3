"""A result is saved whole or not at all, and what is loaded is a ticket, a module, masks."""

import os
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn.utils import prune as torch_prune

import strongltn
from proofs_check import verify
from strongltn import (
    Attack,
    CertifySettings,
    PrunedNetwork,
    TargetNetwork,
    certify_ticket,
    load_ticket,
    prune,
)
from strongltn.construct import CONSTRUCTIONS
from strongltn.errors import BudgetExceeded, InvalidInputError, MachineError
from strongltn.networks.ticket_directory import MASK_FILE
from strongltn.pipeline.tickets import describe_directory

QUICK = CertifySettings(attack=Attack(num_restarts=1, num_steps=1))


def model_of(*widths, has_bias=True):
    generator = torch.Generator().manual_seed(5)
    layers = []
    for inputs, outputs in pairwise(widths):
        layer = torch.nn.Linear(inputs, outputs, bias=has_bias)
        for parameter in layer.parameters():
            parameter.data = torch.rand(parameter.shape, generator=generator) - 0.5
        layers += [torch.nn.ReLU(), layer] if layers else [layer]
    return torch.nn.Sequential(*layers)


@pytest.fixture(scope="module")
def result():
    return prune(model_of(3, 2, 1), num_samples=6, seed=7, settings=QUICK)


# --- saving and loading ------------------------------------------------------------------------


def test_what_is_saved_is_loaded_verified_and_described(result, tmp_path):
    path = result.save(str(tmp_path / "above" / "ticket"))
    assert path == tmp_path / "above" / "ticket"
    assert strongltn.load_ticket(path) == load_ticket(str(path)) == result.ticket
    assert TargetNetwork.of(path) == result.target
    assert verify(path).verdict.value == "PROVED"
    assert describe_directory(path)["seed"] == 7
    certificate = certify_ticket(path, load_ticket(path), "ball", settings=QUICK)
    assert certificate == result.certificate


def test_saving_replaces_nothing_unless_asked(result, tmp_path):
    path = result.save(tmp_path / "ticket")
    with pytest.raises(InvalidInputError, match=r"'path'.*exists.*overwrite=True") as caught:
        result.save(path)
    assert "--" not in caught.value.hint
    other = prune(result.target, num_samples=6, seed=8, settings=QUICK)
    other.save(path, overwrite=True)
    assert load_ticket(path) == other.ticket != result.ticket
    (path / "note").write_text("a user's")
    with pytest.raises(InvalidInputError, match=r"'path'.*also holds note"):
        result.save(path, overwrite=True)
    assert load_ticket(path) == other.ticket


def test_a_file_or_a_foreign_directory_is_not_overwritten(result, tmp_path):
    (tmp_path / "file").write_text("a user's")
    (tmp_path / "folder").mkdir()
    for name in ("file", "folder", "file/below"):
        with pytest.raises(InvalidInputError, match="'path'"):
            result.save(tmp_path / name, overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_what_fails_half_way_leaves_nothing(result, tmp_path, monkeypatch):
    from strongltn.pipeline import prune_result

    def full(path, content):
        if path.name == MASK_FILE:
            raise MachineError("the disk is full")
        path.write_bytes(content)

    monkeypatch.setattr(prune_result, "write_whole", full)
    with pytest.raises(MachineError):
        result.save(tmp_path / "above" / "ticket")
    assert os.listdir(tmp_path) == []


def test_what_was_changed_is_not_loaded(result, tmp_path):
    path = result.save(tmp_path / "ticket")
    content = bytearray((path / MASK_FILE).read_bytes())
    content[-1] ^= 1
    (path / MASK_FILE).write_bytes(content)
    for load in (load_ticket, TargetNetwork.of):
        with pytest.raises(InvalidInputError, match="differs from the digest") as caught:
            load(path)
        assert caught.value.parameter == ("path" if load is load_ticket else "target")


# --- modules and masks -------------------------------------------------------------------------


def masked_source(ticket, dtype):
    """Return the dense source with the masks applied, as a user of torch.nn.utils.prune would."""
    dense = ticket.source.to_module(dtype=dtype)
    for name, mask in ticket.to_prune_masks().items():
        layer, kind = name.rsplit(".", 1)
        torch_prune.custom_from_mask(dense.get_submodule(layer), kind, mask)
    return dense


@pytest.mark.parametrize("construction", CONSTRUCTIONS)
@pytest.mark.parametrize("has_bias", [False, True])
def test_the_masked_source_is_the_ticket_exactly(construction, has_bias):
    """One layer, inputs of few bits: no float64 rounds, so that the outputs are the same bits."""
    ticket = prune(
        model_of(2, 2, has_bias=has_bias),
        construction=construction,
        num_samples=4,
        seed=3,
        settings=QUICK,
    ).ticket
    x = torch.tensor([[0.0, 0.0], [1.0, -1.0], [-0.5, 0.5], [0.0, 1.0]], dtype=torch.float64)
    masked = masked_source(ticket, torch.float64)(x) * 2.0**ticket.output_exponent
    assert torch.equal(masked, ticket.to_module(dtype=torch.float64)(x))
    assert masked.abs().max() > 0


@pytest.mark.parametrize("construction", CONSTRUCTIONS)
def test_the_masked_source_of_a_deep_network_is_the_ticket_up_to_rounding(construction):
    model = model_of(3, 4, 2, 1)
    ticket = prune(model, construction=construction, num_samples=8, seed=3, settings=QUICK).ticket
    x = torch.rand(20, 3, dtype=torch.float64) - 0.5
    masked = masked_source(ticket, torch.float64)(x) * 2.0**ticket.output_exponent
    assert torch.allclose(masked, ticket.to_module(dtype=torch.float64)(x), rtol=0, atol=1e-12)


def test_masks_keep_what_the_ticket_keeps(result):
    ticket = result.ticket
    dense, masks = ticket.source.to_module(), ticket.to_prune_masks()
    assert masks.keys() == dict(dense.named_parameters()).keys()
    for name, parameter in dense.named_parameters():
        assert masks[name].dtype is torch.bool
        assert masks[name].shape == parameter.shape
        assert not parameter.requires_grad
    assert sum(int(mask.sum()) for mask in masks.values()) == ticket.num_kept
    assert sum(p.numel() for p in dense.parameters()) == ticket.source.num_weights


def test_the_dense_source_has_the_weights_of_the_seed(result):
    source = result.ticket.source
    linears = [m for m in source.to_module() if isinstance(m, torch.nn.Linear)]
    for layer, linear in enumerate(linears):
        parts = [linear.weight.numpy()]
        if linear.bias is not None:
            parts.append(linear.bias.numpy()[:, None])
        assert np.array_equal(np.hstack(parts), source.dense(layer))


def test_a_ticket_gives_its_module(result):
    module = result.ticket.to_module()
    assert isinstance(module, PrunedNetwork)
    x = torch.rand(4, 3)
    assert torch.equal(module(x), PrunedNetwork(result.ticket)(x))
    distance = (module(x / 2) - result.target.to_module()(x / 2)).norm(dim=1).max()
    assert distance <= float(result.upper_bound)


def test_no_global_generator_moves(result):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    result.ticket.source.to_module()
    result.ticket.to_prune_masks()
    result.ticket.to_module()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_source_too_large_to_hold_is_refused():
    from strongltn import SourceNetwork, Ticket
    from strongltn.networks import PairMask

    source = SourceNetwork((1 << 15, 1 << 15, 1), "uniform", 0)
    none = np.empty(0, dtype=np.int64)
    ticket = Ticket(
        source, (PairMask(none, none, np.empty((1, 0), dtype=np.uint8)),), (0,), "none", 1
    )
    for call in (source.to_module, ticket.to_prune_masks):
        with pytest.raises(BudgetExceeded, match="layer 0"):
            call()
    assert ticket.to_module()(torch.zeros(1, 1 << 15)).tolist() == [[0.0]]
