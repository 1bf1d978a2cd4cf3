"""Ticket directories: written whole or not at all, refused when anything in them was changed.

The format is described in ``proofs_check/FORMAT.md``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from strongltn.errors import InvalidInputError
from strongltn.networks.mask import PairMask
from strongltn.networks.source import Activation, SourceNetwork
from strongltn.networks.target import LinearLayer, TargetNetwork
from strongltn.networks.ticket import Ticket
from strongltn.rng import WeightLaw

TICKET_FILE = "ticket.json"
TARGET_FILE = "target.safetensors"
MASK_FILE = "mask.safetensors"
REPORT_FILE = "report.json"

# What unexpected JSON leads to: other types, missing keys, numbers too large, nesting too deep.
_UNREADABLE = (ArithmeticError, LookupError, RecursionError, TypeError, ValueError)


@contextmanager
def new_directory(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield an empty directory that becomes `path` if the block succeeds and vanishes otherwise.

    Raises
    ------
    InvalidInputError
        `path` cannot be written; or it exists and `overwrite` is false; or it is no ticket
        directory.
    """
    path = path.resolve()
    if path.exists():
        if not overwrite:
            raise InvalidInputError(
                "out",
                got=f"{path}, which exists",
                allowed="a new path",
                hint="Or pass --overwrite.",
            )
        if not (path / TICKET_FILE).is_file():
            raise InvalidInputError(
                "out", got=f"{path}, which is no ticket directory", allowed="a new path or a ticket"
            )
    ancestor = next(parent for parent in path.parents if parent.exists())
    try:
        work = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=ancestor))
    except OSError as error:
        raise InvalidInputError(
            "out", got=f"{path} ({error.strerror})", allowed="a path that can be written"
        ) from error
    try:
        work.chmod(0o755)  # mkdtemp hides its directory from others; a ticket is not a secret
        yield work
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            shutil.rmtree(path)
        work.rename(path)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def write_files(directory: Path, files: dict[str, bytes]) -> None:
    """Write files one by one, each under another name first, then renamed."""
    for name, content in files.items():
        partial = directory / f".{name}.partial"
        partial.write_bytes(content)
        os.replace(partial, directory / name)


def ticket_files(target: TargetNetwork, ticket: Ticket) -> dict[str, bytes]:
    """Return the files of a ticket and its target, by name."""
    weights: dict[str, NDArray[Any]] = {}
    for i, layer in enumerate(target.layers):
        weights[f"{i}.weight"] = layer.weight
        if layer.bias is not None:
            weights[f"{i}.bias"] = layer.bias
    masks: dict[str, NDArray[Any]] = {}
    for i, pair in enumerate(ticket.pairs):
        masks |= {f"{i}.hidden": pair.hidden, f"{i}.inputs": pair.inputs, f"{i}.kept": pair.kept}
    files = {
        TARGET_FILE: save({name: np.ascontiguousarray(array) for name, array in weights.items()}),
        MASK_FILE: save({name: np.ascontiguousarray(array) for name, array in masks.items()}),
    }
    description = {
        "format": "strongltn-ticket",
        "version": 1,
        "construction": ticket.construction,
        "layers": [
            {
                "name": layer.name,
                "inputs": layer.num_inputs,
                "outputs": layer.num_outputs,
                "bias": layer.bias is not None,
            }
            for layer in target.layers
        ],
        "source": {
            "generator": "philox4x32-10",
            "seed": ticket.source.seed,
            "law": ticket.source.law.value,
            "widths": list(ticket.source.widths),
            "inner_activation": ticket.source.inner_activation.value,
        },
        "scale_exponents": list(ticket.scale_exponents),
        "samples_per_weight": ticket.samples_per_weight,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "drawn_sha256": ticket.drawn_sha256(),
    }
    files[TICKET_FILE] = (json.dumps(description, indent=1, allow_nan=False) + "\n").encode("ascii")
    return files


def load_ticket(directory: Path) -> tuple[TargetNetwork, Ticket]:
    """Return the target and the ticket of a directory, after comparing its digests.

    Raises
    ------
    InvalidInputError
        Not a ticket directory, truncated, or changed since it was written.

    Notes
    -----
    Digests guard against accidents. Proof is what `proofs_check` gives.
    """
    try:
        description = json.loads(_read(directory, TICKET_FILE))
        arrays = {}
        for name in (TARGET_FILE, MASK_FILE):
            content = _read(directory, name)
            if hashlib.sha256(content).hexdigest() != description["sha256"][name]:
                raise _refusal(directory, f"{name} differs from the digest in {TICKET_FILE}")
            arrays[name] = load(content)
        target = _target_from(description, arrays[TARGET_FILE])
        ticket = _ticket_from(description, arrays[MASK_FILE])
    except InvalidInputError:
        raise
    except (SafetensorError, *_UNREADABLE) as error:
        raise _refusal(directory, f"not readable as a ticket ({error!r})") from error
    if ticket.drawn_sha256() != description.get("drawn_sha256"):
        raise _refusal(directory, f"seed and mask do not give the weights in {TICKET_FILE}")
    return target, ticket


def _target_from(description: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> TargetNetwork:
    return TargetNetwork(
        tuple(
            LinearLayer(
                layer["name"],
                arrays[f"{i}.weight"],
                arrays[f"{i}.bias"] if layer["bias"] else None,
            )
            for i, layer in enumerate(description["layers"])
        )
    )


def _ticket_from(description: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Ticket:
    source = description["source"]
    return Ticket(
        SourceNetwork(
            tuple(source["widths"]),
            WeightLaw(source["law"]),
            source["seed"],
            biases=tuple(layer["bias"] for layer in description["layers"]),
            inner_activation=Activation(source["inner_activation"]),
        ),
        tuple(
            PairMask(arrays[f"{i}.hidden"], arrays[f"{i}.inputs"], arrays[f"{i}.kept"])
            for i in range(len(description["layers"]))
        ),
        tuple(description["scale_exponents"]),
        description["construction"],
        description["samples_per_weight"],
    )


def _read(directory: Path, name: str) -> bytes:
    try:
        return (directory / name).read_bytes()
    except OSError as error:
        raise _refusal(directory, f"{name}: {error.strerror}") from error


def _refusal(directory: Path, reason: str) -> InvalidInputError:
    return InvalidInputError(
        "DIR",
        got=f"{directory}: {reason}",
        allowed="an unchanged ticket directory",
        hint="Run strongltn prune again to make one.",
    )
