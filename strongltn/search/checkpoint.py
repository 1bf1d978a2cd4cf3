"""A checkpoint: all that a run needs to go on, in one file that is whole or not there.

Importing this module imports torch.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from strongltn.default_state import in_default_state
from strongltn.errors import InvalidInputError
from strongltn.search.config import SearchConfig
from strongltn.search.training import Training

_NETWORK, _MOMENTUM = "network/", "momentum/"
_RECORD = "strongltn"  # the entry of the metadata that holds digest and values
_AFRESH = "start afresh (--fresh), which replaces what is there."


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The state after some epochs.

    Random streams are functions of seed and epoch, so that no state of a generator belongs to it.

    Attributes
    ----------
    config : SearchConfig
    metrics : tuple of dict
        One for each epoch done.
    network : dict
        Its state dict: frozen weights, scores, masks.
    momentum : dict
        The buffer of each trained parameter, by its number.
    data_sha256 : str
        `Dataset.sha256` of what was trained on.
    """

    config: SearchConfig
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
            It has other images or labels.
        """
        if self.data_sha256 != training.data.dataset.sha256:
            raise InvalidInputError(
                "data",
                got=f"other images or labels by the name of {self.config.data}",
                allowed="those that the checkpoint was trained on",
                hint=f"Bring them back, or {_AFRESH}",
            )
        training.network.load_state_dict(self.network)
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
    def load(path: Path, config: SearchConfig) -> Checkpoint:
        """Return the checkpoint in a file.

        Raises
        ------
        InvalidInputError
            The file is damaged, or of another configuration.
        """
        tensors, metadata = load_tensors(path)
        check_same(config, metadata.get("config"), path)
        network = _part(tensors, _NETWORK)
        momentum = {int(name): buffer for name, buffer in _part(tensors, _MOMENTUM).items()}
        return Checkpoint(
            config,
            tuple(metadata["metrics"]),
            network,
            momentum,
            data_sha256=metadata["data_sha256"],
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
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            record = (file.metadata() or {})[_RECORD]
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        digest, _, text = record.partition(" ")
        metadata = json.loads(text)
    except (OSError, KeyError, ValueError, safetensors.SafetensorError) as error:
        raise _damaged(path, str(error)) from error
    if digest != _digest(tensors, text):
        raise _damaged(path, "the content has another digest")
    return tensors, metadata


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


def check_same(config: SearchConfig, found: object, path: Path) -> None:
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


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name, then rename it: it is never seen half written.

    The other name is that of this process: two that are at work on one run do no harm.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _damaged(path: Path, why: str) -> InvalidInputError:
    return InvalidInputError(
        "directory",
        got=f"{path}: {why}",
        allowed="a directory whose files are as they were written",
        hint=f"You can {_AFRESH}",
    )
