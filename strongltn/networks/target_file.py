"""State dicts from the files of strangers: of torch, also in checkpoints, and safetensors."""

from __future__ import annotations

import os
import stat
import warnings
import zipfile
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strongltn.errors import InvalidInputError, suggestion
from strongltn.networks.reading import shown

if TYPE_CHECKING:
    import torch

_TORCH_SUFFIXES = (".pt", ".pth", ".pth.tar", ".bin", ".ckpt")
_ALLOWED = "a state-dict file of Linear layers, .pt, .pth or .safetensors"
_SAVE_STATE = "Save it with torch.save(model.state_dict(), path)."
_MAX_SHOWN = 6  # keys of a checkpoint in a sentence
_MAX_LOOKED_AT = 1000  # files beside one that is not there
_MAX_DEPTH = 6  # of dictionaries in one another; a file may hold one that holds itself
_MAX_BYTES = 1 << 31  # as in ``proofs_check``, which must read the target in its turn

State = dict[str, "torch.Tensor"]


def read_file(path: Path) -> tuple[State, list[str]]:
    """Return the state dict of a file, and what was understood, as sentences for the reading.

    `load_target` of `networks/target.py` says which files.
    """
    path = Path(path)
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        is_absent = isinstance(error, FileNotFoundError)
        what = "which does not exist" if is_absent else f"which is no file to be read: {reason}"
        raise InvalidInputError(
            "target",
            got=f"{path}, {what}",
            allowed=_ALLOWED,
            hint=_near(path),
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise InvalidInputError("target", got=f"{path}, which is no file", allowed=_ALLOWED)
    if status.st_size > _MAX_BYTES:
        raise InvalidInputError(
            "target", got=f"{path} of {status.st_size:,} bytes", allowed=f"at most {_MAX_BYTES:,}"
        )
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.name.endswith(_TORCH_SUFFIXES):
        return _read_torch(path)
    raise InvalidInputError(
        "target", got=f"{path}, whose suffix is {path.suffix!r}", allowed=_ALLOWED
    )


def _near(path: Path) -> str:
    """Return the question whether a file beside it was meant, under a name that is nearly so."""
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in islice(entries, _MAX_LOOKED_AT)]
    except (OSError, ValueError):
        return ""
    return suggestion(path.name, names)


def _read_safetensors(path: Path) -> tuple[State, list[str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (SafetensorError, ValueError, OSError) as error:
        raise InvalidInputError(
            "target", got=f"{path}, which cannot be read: {error}", allowed=_ALLOWED
        ) from error
    notes = []
    for dropped, kept in metadata.items():  # as safetensors.torch.save_model writes them
        if kept in state and dropped not in state:
            state[dropped] = state[kept]
            notes.append(f"{shown(dropped)} is {shown(kept)}, as the file's metadata say.")
    return state, notes


def _read_torch(path: Path) -> tuple[State, list[str]]:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch's readers raise whatever damaged bytes lead them to
        raise InvalidInputError(
            "target",
            got=f"{path}, {_unloadable(path)}",
            allowed=_ALLOWED,
            hint=_SAVE_STATE,
        ) from error
    return _opened(path, content)


def _unloadable(path: Path) -> str:
    """Return why torch could not load a file, as far as one sees it from outside."""
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except (OSError, ValueError, zipfile.BadZipFile):
            names = []
        if any(name.endswith("/constants.pkl") for name in names):
            return "which is a TorchScript archive"
    return "which torch cannot load as tensors only: a whole module, other objects, or damage"


def _opened(path: Path, content: Any) -> tuple[State, list[str]]:
    """Return the state dict of a checkpoint, and where it lay."""
    notes: list[str] = []
    while not _is_state(content):
        inner = _states_in(content)
        if len(inner) > 1:
            named = ", ".join(f"{key!a} ({len(value)} entries)" for key, value in inner)
            raise InvalidInputError(
                "target",
                got=f"{path} with {len(inner)} networks: {named}",
                allowed="a file with one network",
                hint=f"Save one: torch.save(torch.load({path.name!a})[{inner[0][0]!a}], path).",
            )
        if not inner:
            raise InvalidInputError(
                "target",
                got=f"{path} with a {type(content).__name__} that does not map names to tensors",
                allowed=_ALLOWED,
                hint=_SAVE_STATE,
            )
        ((key, state),) = inner
        rest = [ascii(other) for other in content if other != key]
        beside = f", beside {', '.join(rest[:_MAX_SHOWN])}" if rest else ""
        notes.append(f"Opened the key {key!a}{beside}{', ...' * (len(rest) > _MAX_SHOWN)}.")
        content = state
    return dict(content), notes


def _is_state(content: Any) -> bool:
    import torch

    return isinstance(content, Mapping) and all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in content.items()
    )


def _states_in(content: Any, *, depth: int = _MAX_DEPTH) -> list[tuple[str, Any]]:
    """Return the entries of a checkpoint that are state dicts with a weight, or hold one."""
    if not isinstance(content, Mapping) or not depth:
        return []
    return [
        (key, value)
        for key, value in content.items()
        if isinstance(key, str)
        and isinstance(value, Mapping)
        and (_has_weight(value) if _is_state(value) else _states_in(value, depth=depth - 1))
    ]


def _has_weight(state: Mapping[str, Any]) -> bool:
    return any(key.rpartition(".")[2] in ("weight", "weight_orig") for key in state)
