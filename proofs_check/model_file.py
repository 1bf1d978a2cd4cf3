"""Reads the arrays of a user's own model file, without torch and without running what is in it.

A ``.pt`` file is a pickle, a program for a small machine that can call anything. The machine here
knows the few instructions that a state dict needs, calls nothing, and refuses all others.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import pickletools
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".pth.tar")
_SUFFIXES = (".safetensors", ".npz", *TORCH_SUFFIXES)
_CONVERT = (
    "Save it with safetensors.torch.save_file(model.state_dict(), 'model.safetensors'), or with "
    "torch.save(model.state_dict(), 'model.pt')."
)
_SAFETENSORS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "bfloat16"}
_STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}
_MAX_PICKLE = 1 << 26
_MAX_DEPTH = 8  # of dictionaries in one another


class ModelFileError(ValueError):
    """The file is none that can be read here; the message says what to do."""


class Model(NamedTuple):
    """The arrays of a model file by name, and SHA-256 of the bytes that they were read from."""

    arrays: dict[str, Array]
    sha256: str


class _Global(NamedTuple):
    """A name in a pickle; it stands for nothing but itself."""

    module: str
    name: str


class _Storage(NamedTuple):
    """The numbers of a torch storage, raw."""

    dtype: str
    data: bytes


def read_model(path: Path) -> Model:
    """Return the floating-point arrays of a model file by name, nested names joined by "/".

    float16 and bfloat16 become float32, which holds them exactly. The file is read once: the bytes
    that are hashed are the bytes that are parsed.

    Parameters
    ----------
    path : Path
        ``.safetensors``; ``.npz``; or a state dict or checkpoint of tensors that torch saved since
        version 1.6, ``.pt``, ``.pth``, ``.bin``, ``.ckpt`` or ``.pth.tar``.

    Raises
    ------
    ModelFileError
        It is no such file, or holds what is not read without running it.
    OSError
        It cannot be read.
    """
    if not path.is_file():
        raise ModelFileError(f"there is no regular file {path}")
    try:
        data = path.read_bytes() if path.name.endswith(_SUFFIXES) else b""
        digest = hashlib.sha256(data).hexdigest()
        if path.suffix == ".safetensors":
            return Model(_read_safetensors(data), digest)
        if path.suffix == ".npz":
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                return Model(_floats({name: file[name] for name in file.files}), digest)
        if path.name.endswith(TORCH_SUFFIXES):
            return Model(_floats(_flattened(_read_torch(data))), digest)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error} {_CONVERT}") from error
    except (OSError, MemoryError):
        raise
    except Exception as error:  # whatever damaged bytes lead the readers of others to
        raise ModelFileError(f"{path} cannot be read ({error}). {_CONVERT}") from error
    raise ModelFileError(
        f"{path} has the suffix {path.suffix!r}, and what is read is .safetensors, .npz, "
        f"{', '.join(TORCH_SUFFIXES)}. {_CONVERT}"
    )


def _read_safetensors(data: bytes) -> dict[str, Array]:
    start = 8 + int.from_bytes(data[:8], "little")
    if start > len(data):
        raise ModelFileError("it ends within its header.")
    header = json.loads(data[8:start])
    arrays = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] in _SAFETENSORS:
            first, end = entry["data_offsets"]
            raw = _Storage(_SAFETENSORS[entry["dtype"]], data[start + first : start + end])
            arrays[name] = _numbers(raw).reshape(entry["shape"])
    return arrays


def _read_torch(data: bytes) -> Any:
    """Return what a file of torch holds: dictionaries, numbers, strings and arrays."""
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise ModelFileError("it is no zip archive, as torch has written since version 1.6.")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {info.filename: info for info in archive.infolist()}
        pickles = [name for name in entries if name.endswith("/data.pkl")]
        if len(pickles) != 1 or any(info.compress_type for info in entries.values()):
            raise ModelFileError("it is no archive that torch.save wrote.")
        root = pickles[0].removesuffix("data.pkl")
        if f"{root}constants.pkl" in entries:
            raise ModelFileError("it is a TorchScript archive.")
        order = f"{root}byteorder"
        if order in entries and archive.read(order) != b"little":
            raise ModelFileError("its numbers are not in little-endian order.")
        if entries[pickles[0]].file_size > _MAX_PICKLE:
            raise ModelFileError("it holds more names than are read.")
        storage = cache(lambda key: archive.read(entries[f"{root}data/{key}"]))
        return _unpickled(archive.read(pickles[0]), storage)


def _unpickled(program: bytes, storage: Any) -> Any:
    """Run the instructions that a state dict needs; refuse every other one."""
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[object, Any] = {}

    def since_mark() -> list[Any]:
        first = marks.pop()
        taken = stack[first:]
        del stack[first:]
        return taken

    for opcode, argument, _ in pickletools.genops(program):
        name = opcode.name
        if name in ("PROTO", "FRAME"):
            continue
        if name == "STOP":
            return stack.pop()
        if name == "MARK":
            marks.append(len(stack))
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name in ("BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"):
            stack.append(argument)
        elif name in ("NEWTRUE", "NEWFALSE", "NONE"):
            stack.append({"NEWTRUE": True, "NEWFALSE": False, "NONE": None}[name])
        elif name in ("EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE"):
            stack.append({"EMPTY_DICT": {}, "EMPTY_LIST": [], "EMPTY_TUPLE": ()}[name])
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            size = int(name[-1])
            stack[-size:] = [tuple(stack[-size:])]
        elif name == "TUPLE":
            stack.append(tuple(since_mark()))
        elif name == "GLOBAL":
            stack.append(_Global(*str(argument).split(" ")))
        elif name == "BINPERSID":
            stack.append(_storage(stack.pop(), storage))
        elif name == "REDUCE":
            arguments = stack.pop()
            stack.append(_built(stack.pop(), arguments))
        elif name == "BUILD":
            stack.pop()  # the attribute _metadata of a state dict
        elif name in ("SETITEM", "SETITEMS"):
            items = since_mark() if name == "SETITEMS" else [stack.pop(-2), stack.pop()]
            stack[-1].update(zip(items[::2], items[1::2], strict=True))
        elif name in ("APPEND", "APPENDS"):
            items = since_mark() if name == "APPENDS" else [stack.pop()]
            stack[-1].extend(items)
        else:
            raise ModelFileError(f"it holds more than a state dict (instruction {name}).")
    raise ModelFileError("it ends too early.")


def _storage(key: Any, storage: Any) -> _Storage:
    kind, name = key[1], key[2]
    if key[0] != "storage" or not isinstance(kind, _Global) or kind.name not in _STORAGES:
        raise ModelFileError("it holds numbers of an unknown kind.")
    return _Storage(_STORAGES[kind.name], storage(name))


def _built(function: Any, arguments: tuple[Any, ...]) -> Any:
    """Return what one of the three known functions would make of its arguments."""
    if function == _Global("collections", "OrderedDict") and not arguments:
        return {}
    if function == _Global("torch._utils", "_rebuild_parameter"):
        return arguments[0]
    if function == _Global("torch._utils", "_rebuild_tensor_v2"):
        raw, offset, shape, strides = arguments[:4]
        numbers = _numbers(raw)
        last = offset + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
        is_inside = min((offset, *strides)) >= 0 and math.prod(shape) <= numbers.size
        if math.prod(shape) and not (is_inside and last < numbers.size):
            raise ModelFileError("a tensor reaches beyond its numbers.")
        steps = [step * numbers.itemsize for step in strides]
        view = np.ndarray(shape, numbers.dtype, numbers, offset * numbers.itemsize, steps)
        return np.array(view)
    raise ModelFileError(
        f"it holds more than tensors ({getattr(function, 'name', 'an object')!r})."
    )


def _numbers(raw: _Storage) -> Array:
    if raw.dtype == "bfloat16":  # the upper half of a float32
        return (np.frombuffer(raw.data, "<u2").astype("<u4") << 16).view("<f4")
    return np.frombuffer(raw.data, raw.dtype)


def _flattened(content: Any, *, prefix: str = "", depth: int = _MAX_DEPTH) -> dict[str, Array]:
    found: dict[str, Array] = {}
    if isinstance(content, Mapping) and depth:
        for key, value in content.items():
            name = f"{prefix}{key}"
            if isinstance(value, np.ndarray):
                found[name] = value
            else:
                found |= _flattened(value, prefix=f"{name}/", depth=depth - 1)
    return found


def _floats(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return the arrays of floating-point numbers, float16 in float32."""
    return {
        name: array.astype(np.float32) if array.dtype == np.float16 else array
        for name, array in arrays.items()
        if array.dtype.kind == "f"
    }
