"""Reads files that nobody vouches for: strict JSON against a template, and strict safetensors.

Both are parsed here and not by a lenient library, because a key that stands twice, or an array
that overlaps another, is one file with two meanings.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Leaf = Callable[[Any, str], Any]

MAX_BYTES = {".json": 1 << 24, ".safetensors": 1 << 31}
_DTYPES = {"I64": "<i8", "U8": "|u1", "F32": "<f4", "F64": "<f8"}


class NotATicketError(ValueError):
    """The path is no ticket directory at all, so that there is nothing to judge."""


class Rejected(Exception):
    """The first false statement, with both sides."""


def require(true: bool, statement: str) -> None:
    """Reject with `statement` unless `true`."""
    if not true:
        raise Rejected(statement)


def read_file(path: Path) -> bytes:
    """Return the bytes of a regular file of bounded size, or reject."""
    try:
        require(path.is_file(), f"{path.name} is a file")
        size, most = path.stat().st_size, MAX_BYTES[path.suffix]
        require(size <= most, f"{path.name} has at most {most} bytes: it has {size}")
        return path.read_bytes()
    except OSError as error:
        raise Rejected(f"{path.name} can be read: {error.strerror}") from error


def parse_json(data: bytes, name: str) -> Any:
    """Parse UTF-8 JSON without decimals and without keys that stand twice in one object."""

    def refuse(text: str) -> None:
        raise Rejected(f"{name} holds integers only: it holds {text[:40]!r}")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        require(len(found) == len(pairs), f"{name} has no key twice: among {show(list(found))}")
        return found

    try:
        text = data.decode("utf-8")
        return json.loads(text, parse_float=refuse, parse_constant=refuse, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"{name} is JSON: {error}") from error


def fit(value: Any, template: Any, where: str) -> Any:
    """Return `value` converted by `template`, or reject.

    A dict asks for an object with exactly its keys, a list of one template for a list of any
    length, and a callable checks and converts a single value.
    """
    if isinstance(template, dict):
        good = isinstance(value, dict) and value.keys() == template.keys()
        require(good, f"{where} is an object with the keys {sorted(template)}: got {show(value)}")
        return {key: fit(value[key], part, f"{where}: {key}") for key, part in template.items()}
    if isinstance(template, list):
        require(isinstance(value, list), f"{where} is a list: got {show(value)}")
        return [fit(item, template[0], f"{where}[{n}]") for n, item in enumerate(value)]
    return template(value, where)


def integer(low: int, high: int | None = None) -> Leaf:
    """Return a leaf for integers (a boolean is none) in [low, high]."""

    def check(value: Any, where: str) -> int:
        good = type(value) is int and value >= low and (high is None or value <= high)
        require(good, f"{where} is an integer in [{low}, {high}]: got {show(value)}")
        return int(value)

    return check


def one_of(*allowed: Any) -> Leaf:
    """Return a leaf for values that equal one of `allowed` in type too."""

    def check(value: Any, where: str) -> Any:
        good = any(type(value) is type(one) and value == one for one in allowed)
        require(good, f"{where} is one of {allowed}: got {show(value)}")
        return value

    return check


def show(value: Any) -> str:
    """Return a short, escaped picture of a value from a file."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__} too long to show"
    return text if len(text) <= 80 else text[:77] + "..."


_HEADER_ENTRY = {
    "dtype": one_of(*_DTYPES),
    "shape": [integer(0, MAX_BYTES[".safetensors"])],
    "data_offsets": [integer(0, MAX_BYTES[".safetensors"])],
}


def parse_arrays(data: bytes, name: str) -> dict[str, Array]:
    """Parse a safetensors file whose arrays fill the data without a gap or an overlap."""
    start = 8 + int.from_bytes(data[:8], "little")
    require(start <= min(len(data), MAX_BYTES[".json"]), f"{name} holds its whole header")
    header = parse_json(data[8:start], f"header of {name}")
    require(isinstance(header, dict), f"header of {name} is an object: got {show(header)}")
    header.pop("__metadata__", None)
    entries = {key: fit(value, _HEADER_ENTRY, show(key)) for key, value in header.items()}
    arrays, position = {}, 0
    for key, entry in sorted(entries.items(), key=lambda item: item[1]["data_offsets"]):
        dtype, shape = np.dtype(_DTYPES[entry["dtype"]]), tuple(entry["shape"])
        require(len(shape) in (1, 2), f"{show(key)} has one or two dimensions: {len(shape)}")
        end = position + math.prod(shape) * dtype.itemsize
        fills = entry["data_offsets"] == [position, end] and start + end <= len(data)
        require(fills, f"{name}: {show(key)} fills the bytes {position} to {end} of the data")
        arrays[key] = np.ndarray(shape, dtype, buffer=data, offset=start + position)
        position = end
    rest = len(data) - start - position
    require(rest == 0, f"{name} ends with its arrays: {rest} bytes follow")
    return arrays


def take(arrays: dict[str, Array], key: str, dtypes: str, *, shape: tuple[int, ...]) -> Array:
    """Remove and return an array of one of `dtypes` and of `shape` (-1 is any size), or reject."""
    require(key in arrays, f"array {key!r} is present")
    array = arrays.pop(key)
    require(array.dtype.str[1:] in dtypes.split(), f"{key!r} is {dtypes}: it is {array.dtype}")
    fits = array.ndim == len(shape) and all(
        want in (-1, got) for want, got in zip(shape, array.shape, strict=True)
    )
    require(fits, f"{key!r} has the shape {shape}: it has {array.shape}")
    return array
