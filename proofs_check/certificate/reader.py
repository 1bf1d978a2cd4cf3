"""Reads files that nobody vouches for: strict JSON against a template, and strict safetensors.

Both are parsed here because to a lenient library one file may have two meanings.
"""

import json
import math
import reprlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MAX_BYTES = {".json": 1 << 24, ".safetensors": 1 << 31}
_DTYPES = {"I64": "<i8", "U8": "|u1", "F32": "<f4", "F64": "<f8"}
_SIZE = range(MAX_BYTES[".safetensors"] + 1)
_HEADER_ENTRY = {"dtype": tuple(_DTYPES), "shape data_offsets": [_SIZE]}


class NotATicketError(ValueError):
    """The path is no ticket directory at all, so that there is nothing to judge."""


class Rejected(Exception):
    """What is wrong, as a sentence that says so: what must be and what is, or what is missing."""


def require(true: Any, fault: str) -> None:
    """Reject with `fault`, which says what is wrong, unless `true`."""
    if not true:
        raise Rejected(fault)


def show(value: Any) -> str:
    """Return a short, escaped picture of a value from a file, or of those that are allowed."""
    is_range = isinstance(value, range)
    return f"the integers {value[0]} to {show(value[-1])}" if is_range else reprlib.repr(value)


def read_file(path: Path) -> bytes:
    """Return the bytes of a regular file of bounded size, or reject."""
    require(path.is_file(), f"{path.name} is {'no regular file' if path.exists() else 'missing'}")
    size, most = path.stat().st_size, MAX_BYTES[path.suffix]
    require(size <= most, f"{path.name} has {size} bytes: at most {most} are read")
    return path.read_bytes()


def parse_json(data: bytes, name: str) -> Any:
    """Parse UTF-8 JSON without decimals and without keys that stand twice in one object."""

    def refuse(text: str) -> None:
        raise Rejected(f"{name} must hold integers only: it holds {text[:40]!r}")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        require(len(found) == len(pairs), f"{name} has a key twice: among {show(list(found))}")
        return found

    try:
        text = data.decode("utf-8")
        return json.loads(text, parse_float=refuse, parse_constant=refuse, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"{name} is no JSON: {error}") from error


def fit(value: Any, template: Any, where: str) -> Any:
    """Return `value` converted by `template`, or reject.

    A dict asks for an object with exactly the keys that its keys list (one with a ? may be absent),
    [part] for a list of any length, a tuple or range for one of its entries; functions convert.
    """
    if isinstance(template, dict):
        keys = value.keys() if isinstance(value, dict) else set()
        names = {name: part for key, part in template.items() for name in key.split()}
        parts = {k.rstrip("?"): v for k, v in names.items() if k[-1] != "?" or k[:-1] in keys}
        wanted = f"{where} must be an object with the keys {sorted(names)}: got {show(value)}"
        require(keys == parts.keys(), wanted)
        return {key: fit(value[key], part, f"{where}: {key}") for key, part in parts.items()}
    if isinstance(template, list):
        require(isinstance(value, list), f"{where} must be a list: got {show(value)}")
        return [fit(item, template[0], f"{where}[{n}]") for n, item in enumerate(value)]
    if callable(template):
        return template(value, where)
    # The type comes first: True equals 1, and only integers are looked up in a range quickly.
    good = type(value) in map(type, template[:9]) and value in template
    require(good, f"{where} must be one of {show(template)}: got {show(value)}")
    return value


def parse_arrays(data: bytes, name: str) -> dict[str, Array]:
    """Parse a safetensors file whose arrays fill the data without a gap or an overlap."""
    start = 8 + int.from_bytes(data[:8], "little")
    require(start <= min(len(data), MAX_BYTES[".json"]), f"{name} ends within its header")
    header = parse_json(data[8:start], f"header of {name}")
    require(isinstance(header, dict), f"header of {name} must be an object: got {show(header)}")
    entries = [(fit(entry, _HEADER_ENTRY, show(key)), key) for key, entry in header.items()]
    arrays, position = {}, 0
    for entry, key in sorted(entries, key=lambda pair: pair[0]["data_offsets"]):
        dtype, shape = np.dtype(_DTYPES[entry["dtype"]]), tuple(entry["shape"])
        require(1 <= len(shape) <= 3, f"{show(key)} must have one to three dimensions: {shape}")
        # Beside a size of 0 the others are bounded too.
        require(math.prod(size or 1 for size in shape) in _SIZE, f"{show(key)} is huge: {shape}")
        end = position + math.prod(shape) * dtype.itemsize
        fills = entry["data_offsets"] == [position, end] and start + end <= len(data)
        require(fills, f"{name}: {show(key)} must fill the bytes {position} to {end} of the data")
        arrays[key] = np.ndarray(shape, dtype, buffer=data, offset=start + position)
        position = end
    rest = len(data) - start - position
    require(rest == 0, f"{name} goes on after its arrays: {rest} bytes follow")
    return arrays


def take(arrays: dict[str, Array], key: str, dtypes: str, *, shape: tuple[int, ...]) -> Array:
    """Remove and return an array of one of `dtypes` and of `shape` (-1 is any size), or reject."""
    require(key in arrays, f"array {key!r} is missing")
    array = arrays.pop(key)
    require(array.dtype.name in dtypes.split(", "), f"{key!r} is {array.dtype}, not {dtypes}")
    fits = array.shape == shape or (shape == (-1,) and array.ndim == 1)
    require(fits, f"{key!r} must have the shape {shape}: it has {array.shape}")
    return array
