"""`verify --target`: the ticket's target and a user's own model file, bit for bit."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import zipfile
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from proofs_check import verify
from proofs_check.__main__ import main
from proofs_check.model_file import ModelFileError, read_model
from strongltn.certify import Attack, CertifySettings
from strongltn.construct import RELU_DIAMOND, Construction
from strongltn.networks import Box, LinearLayer, TargetNetwork
from strongltn.networks.target import load_target
from strongltn.networks.ticket_directory import read_ticket
from strongltn.pipeline import tickets as pipeline
from strongltn.subset_sum.solvers import BruteForce

State = dict[str, torch.Tensor]
QUICK = CertifySettings(attack=Attack(num_restarts=2, num_steps=3))


def state_of(dtype: torch.dtype = torch.float32) -> State:
    generator = torch.Generator().manual_seed(3)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator).to(dtype)

    return OrderedDict(
        [("fc1.weight", draw(4, 3)), ("fc1.bias", draw(4)), ("fc2.weight", draw(2, 4))]
    )


def write_ticket(state: State, directory: Path) -> None:
    torch.save(state, directory.with_suffix(".original.pt"))
    target = load_target(directory.with_suffix(".original.pt"))
    directory.mkdir()
    pipeline.save(pipeline.prune(target, num_samples=6, domain=Box(), settings=QUICK), directory)


@pytest.fixture(scope="module")
def ticket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("target") / "ticket"
    write_ticket(state_of(), directory)
    return directory


def as_safetensors(state: State, path: Path) -> Path:
    save_file({k: v.contiguous() for k, v in state.items()}, path, metadata={"format": "pt"})
    return path


def as_torch(content: Any, path: Path) -> Path:
    torch.save(content, path)
    return path


def as_npz(state: State, path: Path) -> Path:
    np.savez(path, **{name: tensor.numpy() for name, tensor in state.items()})
    return path


def renamed(state: State) -> State:
    return {name.replace("fc", "layers."): tensor for name, tensor in state.items()}


def pruned(state: State) -> State:
    """As torch.nn.utils.prune leaves it, here with nothing pruned."""
    new = {k: v for k, v in state.items() if k != "fc1.weight"}
    weight = state["fc1.weight"]
    return new | {"fc1.weight_orig": weight, "fc1.weight_mask": torch.ones_like(weight)}


SAME = {
    "safetensors": lambda s, d: as_safetensors(s, d / "model.safetensors"),
    "pt": lambda s, d: as_torch(s, d / "model.pt"),
    "parameters": lambda s, d: as_torch(
        {k: torch.nn.Parameter(v) for k, v in s.items()}, d / "model.pth"
    ),
    "checkpoint": lambda s, d: as_torch(
        {"epoch": 3, "loss": [0.5, None, True], "model": s, "seed": 2**40}, d / "run.ckpt"
    ),
    "npz": lambda s, d: as_npz(s, d / "model.npz"),
    "other names": lambda s, d: as_torch(renamed(s), d / "model.pt"),
    "pruned": lambda s, d: as_torch(pruned(s), d / "model.pt"),
    "a view": lambda s, d: as_torch({k: v.t().t() for k, v in s.items()}, d / "model.pt"),
    "column by column": lambda s, d: as_torch(
        {k: v.t().contiguous().t() if v.ndim > 1 else v for k, v in s.items()}, d / "model.pt"
    ),
    "one storage": lambda s, d: as_torch(
        dict(zip(s, torch.cat([v.ravel() for v in s.values()]).split([12, 4, 8]), strict=True))
        | {"fc1.weight": torch.cat([v.ravel() for v in s.values()])[:12].view(4, 3)}
        | {"fc2.weight": torch.cat([v.ravel() for v in s.values()])[16:].view(2, 4)},
        d / "model.pt",
    ),
}


@pytest.mark.parametrize("form", SAME)
def test_the_author_s_file_holds_the_target(
    form: str, ticket: Path, tmp_path: Path, capsys: Any
) -> None:
    path = SAME[form](state_of(), tmp_path)
    assert main(["verify", str(ticket), "--target", str(path)]) == 0
    text = capsys.readouterr().out
    assert f"\nTHE TARGET IS IN {path}, bit for bit\n" in text
    assert main(["verify", str(ticket), "--target", str(path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "PROVED"
    compared = document["compared"]
    assert compared["is_the_target"]
    assert set(compared["matches"]) == {"0.weight", "0.bias", "1.weight"}
    assert compared["further"] == []


def changed(state: State) -> State:
    """One bit of one weight is another."""
    state["fc2.weight"].view(torch.int32)[1, 2] ^= 1
    return state


OTHERS = {
    "one bit": (changed, r"1.weight differs from fc2.weight of the file in 1 of 8 entries"),
    "a sign of zero": (
        lambda s: s | {"fc2.weight": -s["fc2.weight"]},
        "1.weight differs from fc2.weight of the file in 8 of 8 entries, first at [0, 0]",
    ),
    "a bias more": (
        lambda s: s | {"fc2.bias": torch.zeros(2)},
        "layer 1 of the target has no bias; the file has fc2.bias",
    ),
    "a bias less": (
        lambda s: {k: v for k, v in s.items() if k != "fc1.bias"},
        "0.bias of the target, shape (4,), is not in the file: none of its 2 arrays",
    ),
    "another width": (
        lambda s: s | {"fc2.weight": torch.ones(3, 4)},
        "1.weight has the shape (2, 4) in the target, fc2.weight (3, 4) in the file",
    ),
    "float64": (
        lambda s: {k: v.double() for k, v in s.items()},
        "0.weight is float32 in the target, fc1.weight float64 in the file",
    ),
    "layers swapped": (
        lambda s: {"fc2.weight": s["fc1.weight"], "fc1.weight": s["fc2.weight"]},
        "0.weight has the shape (4, 3) in the target, fc1.weight (2, 4) in the file",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_network_is_refused(name: str, ticket: Path, tmp_path: Path, capsys: Any) -> None:
    change, words = OTHERS[name]
    path = as_torch(change(state_of()), tmp_path / "model.pt")
    assert main(["verify", str(ticket), "--target", str(path)]) == 1
    text = capsys.readouterr().out
    assert text.startswith("PROVED")
    assert f"\nREJECTED: {path} does not hold the target: " in text
    assert words in text
    assert main(["verify", str(ticket), "--target", str(path), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "REJECTED"
    assert words in document["rejected"]
    assert not document["compared"]["is_the_target"]


def test_what_is_no_part_of_the_target_is_said(ticket: Path, tmp_path: Path, capsys: Any) -> None:
    path = as_torch(state_of() | {"bn.running_mean": torch.ones(4)}, tmp_path / "model.pt")
    assert main(["verify", str(ticket), "--target", str(path)]) == 0
    assert "further      bn.running_mean: no part of f." in capsys.readouterr().out


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_types_are_read_exactly(dtype: torch.dtype, tmp_path: Path) -> None:
    write_ticket(state_of(dtype), tmp_path / "ticket")
    for path in (
        as_torch(state_of(dtype), tmp_path / "model.pt"),
        as_safetensors(state_of(dtype), tmp_path / "model.safetensors"),
    ):
        assert main(["verify", str(tmp_path / "ticket"), "--target", str(path)]) == 0


def test_the_target_of_every_certificate_is_compared(
    ticket: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two that were read while somebody exchanged the ticket, one is of another target."""
    write_ticket(changed(state_of()), tmp_path / "other")
    audits = {"certificate.json": verify(ticket), "certificate-0.json": verify(tmp_path / "other")}
    monkeypatch.setattr("proofs_check.__main__.verify_all", lambda _: audits)
    for state in (state_of(), changed(state_of())):
        path = as_torch(state, tmp_path / "model.pt")
        assert main(["verify", str(ticket), "--target", str(path)]) == 1
        assert "does not hold the target" in capsys.readouterr().out


def test_a_rejected_ticket_is_not_compared(ticket: Path, tmp_path: Path, capsys: Any) -> None:
    shutil.copytree(ticket, tmp_path / "ticket")
    (tmp_path / "ticket" / "mask.safetensors").unlink()
    path = as_torch(state_of(), tmp_path / "model.pt")
    assert main(["verify", str(tmp_path / "ticket"), "--target", str(path)]) == 1
    assert "NOT COMPARED" in capsys.readouterr().out


class Evil:
    """A pickle that runs a command where it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


def with_pickle(program: bytes, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", program)
    return path


UNREAD = {
    "a command": lambda d: with_pickle(pickle.dumps({"a": Evil(d / "ran")}, 2), d / "model.pt"),
    "a module": lambda d: as_torch(torch.nn.Linear(2, 2), d / "model.pt"),
    "a legacy file": lambda d: (
        torch.save(state_of(), d / "model.pt", _use_new_zipfile_serialization=False),
        d / "model.pt",
    )[1],
    "nothing": lambda d: d / "model.pt",
    "a directory": lambda d: d,
    "text": lambda d: (d / "model.safetensors").write_text("text") and d / "model.safetensors",
    "another suffix": lambda d: (d / "model.h5").write_text("text") and d / "model.h5",
    "no zip": lambda d: (d / "model.pt").write_text("text") and d / "model.pt",
    "no storage": lambda d: with_pickle(
        pickle.dumps({"a": 1}, 2).replace(b"K\x01", b"(X\x01\0\0\0aQ"), d / "model.pt"
    ),
    "objects in npz": lambda d: (
        np.savez(d / "model.npz", a=np.array([{}], dtype=object)),
        d / "model.npz",
    )[1],
}


@pytest.mark.parametrize("name", UNREAD)
def test_what_cannot_be_read_is_bad_input(
    name: str, ticket: Path, tmp_path: Path, capsys: Any
) -> None:
    path = UNREAD[name](tmp_path)
    assert main(["verify", str(ticket), "--target", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert str(path) in captured.err
    assert not (tmp_path / "ran").exists()


def test_a_tensor_stays_within_its_numbers(tmp_path: Path) -> None:
    path = as_torch({"a": torch.arange(6.0)[2:]}, tmp_path / "model.pt")
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for old, new in ((b"K\x02K\x04", b"K\x03K\x04"), (b"K\x04\x85", b"K\x05\x85")):
        with zipfile.ZipFile(tmp_path / "forged.pt", "w") as archive:
            for name, data in parts.items():
                archive.writestr(name, data.replace(old, new) if name.endswith(".pkl") else data)
        with pytest.raises(ModelFileError, match="beyond its numbers"):
            read_model(tmp_path / "forged.pt")


@given(st.binary(max_size=60), st.data())
def test_no_program_does_more_than_be_refused(
    tmp_path_factory: pytest.TempPathFactory, program: bytes, data: Any
) -> None:
    folder = tmp_path_factory.mktemp("forged")
    path = as_torch(state_of(), folder / "model.pt")
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in parts if name.endswith("data.pkl"))
    at = data.draw(st.integers(0, len(parts[name])))
    parts[name] = parts[name][:at] + program + parts[name][at + data.draw(st.integers(0, 9)) :]
    with zipfile.ZipFile(folder / "forged.pt", "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    with suppress(ModelFileError):
        read_model(folder / "forged.pt")


def test_strongltn_passes_the_target_on(run: Any, ticket: Path, tmp_path: Path) -> None:
    path = as_torch(state_of(), tmp_path / "model.pt")
    code, text, _ = run("verify", ticket, "--target", path)
    assert code == 0
    assert "THE TARGET IS IN" in text
    path = as_torch(changed(state_of()), tmp_path / "other.pt")
    assert run("verify", ticket, "--target", path)[0] == 1


def test_a_construction_of_one_s_own_is_written_loaded_and_verified(
    run: Any, tmp_path: Path
) -> None:
    own = Construction(
        "my-own",
        RELU_DIAMOND.inner_activation,
        shares_hidden=False,
        solver=BruteForce(),
        source="none",
    )
    target = TargetNetwork((LinearLayer("fc", np.array([[0.5, -0.25]])),))
    result = pipeline.prune(target, construction=own, num_samples=5, domain=Box(), settings=QUICK)
    (tmp_path / "ticket").mkdir()
    pipeline.save(result, tmp_path / "ticket")
    assert read_ticket(tmp_path / "ticket")[1].construction == "my-own"
    assert main(["verify", str(tmp_path / "ticket")]) == 0
    for command in ("verify", "info"):
        code, text, err = run(command, tmp_path / "ticket")
        assert (code, err) == (0, "")
        assert "my-own" in text
