"""Compares the target of a ticket with a user's own model file, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from proofs_check.certificate.reader import parse_arrays
from proofs_check.model_file import Array, read_model
from proofs_check.theorem_text import TARGET_FILE

_PARTS = ("weight", "bias")


@dataclass(frozen=True)
class Comparison:
    """What a user's file has of a target.

    Attributes
    ----------
    file : str
    sha256 : str
        Of the user's file.
    matches : dict
        From the arrays of the target, such as "0.weight", to those of the file with the same bits.
    further : tuple of str
        Arrays of the file that are no part of the target.
    difference : str or None
        The first array of the target that the file does not have, and in what it differs; None
        where all of them are there.
    """

    file: str
    sha256: str
    matches: dict[str, str]
    further: tuple[str, ...]
    difference: str | None

    def record(self) -> dict[str, Any]:
        """Return the comparison for JSON."""
        return {
            "file": self.file,
            "sha256": self.sha256,
            "is_the_target": self.difference is None,
            "difference": self.difference,
            "matches": self.matches,
            "further": list(self.further),
            "not_checked": "That the layers run in this order with ReLUs between, and that nothing "
            "else is computed: a file of weights does not say so.",
        }


def compare(facts: Mapping[str, Any], path: Path) -> Comparison:
    """Compare the target of a ticket that was PROVED with a user's file.

    Parameters
    ----------
    facts : mapping
        Of the audit.
    path : Path
        See `read_model`.

    Raises
    ------
    ModelFileError
        The file cannot be read.
    """
    (own, sha256), ticket = read_model(path), facts["ticket"]
    target = parse_arrays(facts["target"], TARGET_FILE)
    matches: dict[str, str] = {}
    for i, layer in enumerate(ticket["layers"]):
        for part in _PARTS:
            stated, key = f"{layer['name']}.{part}", f"{i}.{part}"
            named = _named(own, layer["name"], part)
            if key in target:
                found = [name for name in named if _same(target[key], _array(own, name))]
                if not named:  # another name, or tied to an array of another name
                    found = [name for name in own if _same(target[key], own[name])]
                if not found:
                    difference = _difference(key, target[key], own, named, stated)
                    return Comparison(str(path), sha256, matches, (), difference)
                matches[key] = found[0]
            elif named:
                difference = f"layer {i} of the target has no {part}; the file has {named[0]}"
                return Comparison(str(path), sha256, matches, (), difference)
    used = {name.removesuffix("_orig") for name in matches.values()} | set(matches.values())
    further = tuple(name for name in own if _stem(name) not in used)
    return Comparison(str(path), sha256, matches, further, None)


def _named(own: Mapping[str, Array], layer: str, part: str) -> list[str]:
    """Return the names in the file that stand for this part of a layer.

    A layer that was saved on its own is called "linear" in a ticket.
    """
    wanted = {f"{layer}.{part}", *((part,) if layer == "linear" else ())}
    return [
        name for name in own if _stem(name).rpartition("/")[2] in wanted and _is_there(own, name)
    ]


def _stem(name: str) -> str:
    return name.removesuffix("_orig").removesuffix("_mask")


def _is_there(own: Mapping[str, Array], name: str) -> bool:
    """Return whether a name is an array of its own: a mask is a factor of another."""
    return not (name.endswith("_mask") and f"{name.removesuffix('_mask')}_orig" in own)


def _array(own: Mapping[str, Array], name: str) -> Array:
    """Return an array of the file; of a pruned layer, the product that it stands for."""
    mask = own.get(f"{name.removesuffix('_orig')}_mask") if name.endswith("_orig") else None
    return own[name] if mask is None else own[name] * mask.astype(own[name].dtype)


def _same(target: Array, array: Array) -> bool:
    """Return whether the file's numbers are those of the target, to the last bit.

    A target keeps weight and bias of a layer in the wider of their types, which changes no number.
    """
    if array.shape != target.shape or array.dtype.itemsize > target.dtype.itemsize:
        return False
    return array.astype(target.dtype).tobytes() == target.tobytes()


def _difference(
    key: str, target: Array, own: Mapping[str, Array], named: list[str], stated: str
) -> str:
    if not named:
        return (
            f"{key} of the target, shape {target.shape}, is not in the file: none of its "
            f"{len(own)} arrays is called {stated}, and none has its numbers"
        )
    name, array = named[0], _array(own, named[0])
    if array.shape != target.shape:
        return f"{key} has the shape {target.shape} in the target, {name} {array.shape} in the file"
    if array.dtype.itemsize > target.dtype.itemsize:
        return f"{key} is {target.dtype} in the target, {name} {array.dtype} in the file"
    bits = f"<u{target.dtype.itemsize}"
    differs = target.view(bits) != array.astype(target.dtype).view(bits)
    place = tuple(int(k) for k in np.argwhere(differs)[0])
    return (
        f"{key} differs from {name} of the file in {int(differs.sum())} of {target.size} entries, "
        f"first at {list(place)}: {float(target[place])!r} in the target, {float(array[place])!r} "
        "in the file"
    )
