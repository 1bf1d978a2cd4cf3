"""A checkpoint: all that a run needs to go on, in one file that is whole or not there.

Importing this module imports torch.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from strongltn.errors import InvalidInputError
from strongltn.process.default_state import in_default_state
from strongltn.storage import read_if_there, write_whole
from strongltn.training.config import RunConfig
from strongltn.training.epochs import Training

_NETWORK, _MOMENTUM = "network/", "momentum/"
_NUMBERS = ("loss", "train_accuracy", "test_accuracy", "density", "learning_rate", "seconds")
_RECORD = "strongltn"  # the entry of the metadata that holds digest and values
_AFRESH = "start afresh (--fresh), which replaces what is there."


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The state after some epochs.

    Random streams are functions of seed and epoch, so that no state of a generator belongs to it.

    Attributes
    ----------
    config
        All settings of the run.
    metrics
        What was measured in each epoch done.
    network
        The state dict of the network: frozen weights, scores, masks.
    momentum
        The momentum buffer of each trained parameter, by its number.
    data_sha256
        The `Dataset.sha256` of what was trained on.
    """

    config: RunConfig
    metrics: tuple[dict[str, Any], ...]
    network: dict[str, torch.Tensor]
    momentum: dict[int, torch.Tensor]
    data_sha256: str

    @staticmethod
    def of(training: Training, metrics: tuple[dict[str, Any], ...]) -> Checkpoint:
        """Return the present state; its tensors are those of the training, not copies."""
        states = training.optimizer.state_dict()["state"]
        momentum = {
            number: state["momentum_buffer"]
            for number, state in states.items()
            if state.get("momentum_buffer") is not None
        }
        return Checkpoint(
            training.config,
            metrics,
            training.network.state_dict(),
            momentum,
            data_sha256=training.data.dataset.sha256,
        )

    def restore(self, training: Training) -> None:
        """Bring a training of the same configuration into this state.

        Raises
        ------
        InvalidInputError
            It has other images or labels, or the tensors do not fit its network.
        """
        if self.data_sha256 != training.data.dataset.sha256:
            raise InvalidInputError(
                "data",
                got=f"other images or labels by the name of {self.config.data}",
                allowed="those that the checkpoint was trained on",
                hint=f"Bring them back, or {_AFRESH}",
            )
        trained = dict(enumerate(training.trained()))
        kinds = {number: _kind(buffer) for number, buffer in self.momentum.items()}
        _check_fit(kinds, {k: _kind(trained[k]) for k in trained if k in kinds}, "momentum")
        load_state(training.network, self.network)
        optimizer = training.optimizer.state_dict()
        optimizer["state"] = {
            number: {"momentum_buffer": buffer} for number, buffer in self.momentum.items()
        }
        training.optimizer.load_state_dict(optimizer)

    def save(self, path: Path) -> None:
        """Write the file, in place of one that is there."""
        tensors = {f"{_NETWORK}{name}": tensor for name, tensor in self.network.items()}
        tensors |= {f"{_MOMENTUM}{number}": buffer for number, buffer in self.momentum.items()}
        metadata = {
            "config": self.config.to_json(),
            "metrics": list(self.metrics),
            "data_sha256": self.data_sha256,
        }
        save_tensors(path, tensors, metadata)

    @staticmethod
    def load(path: Path, config: RunConfig) -> Checkpoint:
        """Return the checkpoint in a file.

        Raises
        ------
        InvalidInputError
            The file is damaged, or of another configuration.
        """
        tensors, metadata = load_tensors(path)
        check_same(config, metadata.get("config"), path)
        try:
            momentum = {int(name): buffer for name, buffer in _part(tensors, _MOMENTUM).items()}
            metrics = checked_metrics(metadata.get("metrics"), config)
        except ValueError as error:
            raise _damaged(path, str(error)) from error
        data_sha256 = str(metadata.get("data_sha256"))
        return Checkpoint(
            config, metrics, _part(tensors, _NETWORK), momentum, data_sha256=data_sha256
        )


def save_tensors(
    path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, Any]
) -> None:
    """Write tensors and JSON values to a safetensors file, with a digest of both.

    The same ones give the same bytes.
    """
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(metadata, sort_keys=True, allow_nan=False)
    # one entry: safetensors writes several in a random order
    write_whole(path, safetensors.torch.save(on_cpu, {_RECORD: f"{_digest(on_cpu, text)} {text}"}))


@in_default_state()
def load_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return what `save_tensors` has written: tensors on the CPU, and the values.

    Raises
    ------
    InvalidInputError
        The file is absent or damaged, or was written by something else.
    """
    content = read_if_there(path, parameter="directory", within=path.parent)
    if content is None:
        raise _damaged(path, "there is no such file")
    try:
        tensors = safetensors.torch.load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        digest, _, text = header["__metadata__"][_RECORD].partition(" ")
        metadata = json.loads(text)
    except (KeyError, ValueError, RecursionError, safetensors.SafetensorError) as error:
        raise _damaged(path, str(error)) from error
    if digest != _digest(tensors, text):
        raise _damaged(path, "the content has another digest")
    if not isinstance(metadata, dict):
        raise _damaged(path, "its values are no JSON object")
    return tensors, metadata


def load_state(network: torch.nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Load a state dict that comes from a file.

    Raises
    ------
    InvalidInputError
        It has other names, shapes or types than the network; they are said.
    """
    wanted = {name: _kind(tensor) for name, tensor in network.state_dict().items()}
    _check_fit({name: _kind(tensor) for name, tensor in state.items()}, wanted, "network")
    network.load_state_dict(state)


def checked_metrics(value: object, config: RunConfig) -> tuple[dict[str, Any], ...]:
    """Return the metrics that a file holds, if they are some of a run of this configuration.

    Raises
    ------
    ValueError
        They are not one object for each epoch, the first to the last, with its accuracy and time.
    """
    lines = value if isinstance(value, list) else [None]
    for epoch, line in enumerate(lines, start=1):
        is_whole = (
            isinstance(line, dict)
            and line.get("epoch") == epoch <= config.epochs
            and all(type(line.get(name)) in (int, float) for name in _NUMBERS)
            and all(math.isfinite(line[name]) for name in _NUMBERS)
            and 0 <= line["test_accuracy"] <= 1
        )
        if not is_whole:
            raise ValueError(f"its metrics of epoch {epoch} are none")
    return tuple(lines)


def tensor_digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256, in hexadecimal, of names, types, shapes and bits of tensors."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _digest(tensors: Mapping[str, torch.Tensor], text: str) -> str:
    return hashlib.sha256(f"{tensor_digest(tensors)} {text}".encode()).hexdigest()


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _kind(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def _check_fit(found: Mapping[Any, str], wanted: Mapping[Any, str], what: str) -> None:
    names = sorted(str(k) for k in found.keys() | wanted.keys() if found.get(k) != wanted.get(k))
    if names:
        raise InvalidInputError(
            "directory",
            got=f"a checkpoint with another {what} ({', '.join(names[:3])})",
            allowed="a checkpoint whose tensors have the names, shapes and types of the network's",
            hint=f"You can {_AFRESH}",
        )


def check_same(config: RunConfig, found: object, path: Path) -> None:
    """Refuse a file whose settings are not those of the configuration; say which differ.

    Raises
    ------
    InvalidInputError
    """
    wanted = config.to_json()
    if found == wanted:
        return
    settings = found if isinstance(found, dict) else {}
    differing = [name for name in wanted if settings.get(name) != wanted[name]]
    raise InvalidInputError(
        "directory",
        got=f"{path} of another configuration ({', '.join(differing)})",
        allowed="a directory of the same configuration, or a new one",
        hint=f"Or {_AFRESH}",
    )


def _damaged(path: Path, why: str) -> InvalidInputError:
    return InvalidInputError(
        "directory",
        got=f"{path}: {why}",
        allowed="a directory whose files are as they were written",
        hint=f"You can {_AFRESH}",
    )
