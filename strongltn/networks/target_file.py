"""Target networks from files: torch state dicts and safetensors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from strongltn.default_state import in_default_state
from strongltn.errors import InvalidInputError
from strongltn.networks.target import TargetNetwork

if TYPE_CHECKING:
    import torch

_ALLOWED = "a state-dict file of Linear layers, .pt, .pth or .safetensors"


@in_default_state()
def load_target(path: Path) -> TargetNetwork:
    """Return the target network that a file holds.

    Parameters
    ----------
    path : Path
        ``.pt`` or ``.pth``: a state dict, read with ``weights_only``, layers in the order of its
        keys. ``.safetensors``: layers in the natural order of their names (fc2 before fc10).

    Raises
    ------
    InvalidInputError
        Not such a file, or not a chain of Linear layers with finite weights.
    """
    if not path.is_file():
        raise InvalidInputError("target", got=f"{path}, which is no file", allowed=_ALLOWED)
    if path.suffix == ".safetensors":
        state = _read_safetensors(path)
    elif path.suffix in (".pt", ".pth"):
        state = _read_torch(path)
    else:
        raise InvalidInputError("target", got=f"the suffix {path.suffix!r}", allowed=_ALLOWED)
    return TargetNetwork.from_state_dict(state)


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(path)
    except (SafetensorError, ValueError, OSError) as error:
        raise InvalidInputError(
            "target", got=f"{path}, which cannot be read: {error}", allowed=_ALLOWED
        ) from error
    return {key: state[key] for key in sorted(state, key=_natural_order)}


def _natural_order(key: str) -> list[tuple[int, str]]:
    return [
        (int(part or 0), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", key)
    ]


def _read_torch(path: Path) -> dict[str, torch.Tensor]:
    import torch

    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch's readers raise whatever damaged bytes lead them to
        raise InvalidInputError(
            "target",
            got=f"{path}, which torch cannot load as tensors only",
            allowed=_ALLOWED,
            hint="Save it with torch.save(model.state_dict(), path).",
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in state.items()
    ):
        raise InvalidInputError(
            "target",
            got=f"{path} with a {type(state).__name__} that does not map names to tensors",
            allowed=_ALLOWED,
            hint="Save it with torch.save(model.state_dict(), path).",
        )
    return dict(state)
