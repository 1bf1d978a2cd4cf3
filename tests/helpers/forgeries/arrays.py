"""Forged arrays: headers and shapes changed, other weights and masks, numbers changed by chance."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Iterator

import numpy as np
from safetensors.numpy import save
from ticket_files import (
    ARRAYS,
    CERTIFICATE,
    MASK,
    TARGET,
    Files,
    arrays_of,
    places,
    put,
    redrawn,
    repaired,
    to_json,
)

from forgeries.documents import malformed
from forgeries.forgery import Forgery, repaired_forgery


def malformed_headers(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """The same in the headers of the arrays, and offsets that overlap, leave gaps or run out."""
    for name in ARRAYS:
        content = files[name]
        size = int.from_bytes(content[:8], "little")
        header, data = json.loads(content[8 : 8 + size]), content[8 + size :]
        trees = [("header", what, tree) for what, tree in malformed(header)]
        for at, value in places(header):
            if type(value) is int:
                values = {value + 1, value - 1, value + 8, 2**40, 2**62, 2**64, 10**400, -(2**63)}
                trees += [
                    ("huge numbers", f"{at} = {str(bad)[:20]}", put(header, at, bad))
                    for bad in values - {value}
                ]
        for key, entry in header.items():
            first, last = entry["data_offsets"]
            if last > first > 0:
                moved = put(header, (key, "data_offsets"), [0, last - first])
                trees.append(("overlapping arrays", key, moved))
            backwards = put(header, (key, "data_offsets"), [last, first])
            trees.append(("overlapping arrays", f"{key} backwards", backwards))
            for dtype in ("BF16", "I32", "U64", "BOOL", "object", "<i8", "F16"):
                trees.append(("header", f"{key} of {dtype}", put(header, (key, "dtype"), dtype)))
        for kind, what, tree in trees:
            edited = {name: framed(to_json(tree), data)}
            yield repaired_forgery(kind, f"{name}: {what}", files, edited)


def framed(header: bytes, data: bytes) -> bytes:
    """Return a safetensors file."""
    return struct.pack("<Q", len(header)) + header + data


_NAMES = ("../../etc/passwd", "/etc/passwd", "0.weight/../0.weight", "0.weight\0", "", ".", "\n")
_MORE_NAMES = (
    "0.Weight",
    "00.weight",
    "-1.weight",
    "0.weight ",
    "0.hidden.0",
    "__class__",
    "é" * 99,
)


def misshapen_arrays(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """Shapes and types changed, arrays missing, unknown, renamed with tricks; repaired."""
    for name in ARRAYS:
        arrays = arrays_of(files[name])
        for key, array in arrays.items():
            others = {"i": np.float64, "f": np.int64, "u": np.int64}
            shapes = {
                "one more axis": array[None],
                "one row less": array[:-1],
                "one row more": np.concatenate([array, array[-1:]]),
                "empty": array[:0] if array.size else np.zeros(1, array.dtype),
                "another type": array.astype(others[array.dtype.kind]),
            }
            if array.ndim > 1:
                shapes["flat"] = array.ravel()
                shapes["one column less"] = array[..., :-1]
                if array.shape[0] != array.shape[1]:
                    shapes["transposed"] = np.swapaxes(array, 0, 1)
            for what, changed in shapes.items():
                if changed.shape == array.shape and changed.dtype == array.dtype:
                    continue
                edited = arrays | {key: np.ascontiguousarray(changed)}
                yield repaired_forgery(
                    "shapes", f"{name}: {key} {what}", files, {name: save(edited)}
                )
            fewer = {k: v for k, v in arrays.items() if k != key}
            yield repaired_forgery("missing arrays", f"{name}: {key}", files, {name: save(fewer)})
            for trick in (*_NAMES, *_MORE_NAMES):
                edited = {name: save(fewer | {trick: array})}
                yield repaired_forgery("tricky names", f"{name}: {key} is {trick!r}", files, edited)
        for trick in (*_NAMES, *_MORE_NAMES, "9.weight", "attack2"):
            for extra in (np.zeros(1, np.int64), np.zeros(0, np.int64), np.zeros((1, 1))):
                edited = {name: save(arrays | {trick: extra})}
                yield repaired_forgery("unknown arrays", f"{name}: {trick!r}", files, edited)


def false_weights(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """Weights of the target that the mask does not stand for; masks out of order or range."""
    arrays = arrays_of(files[TARGET])
    for key, array in arrays.items():
        for value in (np.nan, np.inf, -np.inf, 1e30, float(array.flat[0]) + 4):
            changed = array.copy()
            changed.flat[rng.randrange(array.size)] = value
            edited = {TARGET: save(arrays | {key: changed})}
            yield repaired_forgery("other weights", f"{key}: {value:.3g}", files, edited)
    masks = arrays_of(files[MASK])
    for i in range(len(masks) // 3):
        hidden, kept = masks[f"{i}.hidden"], masks[f"{i}.kept"]
        edits = {f"{i}.hidden": [hidden[::-1], hidden - 2**40, hidden + 2**40, hidden * 0]}
        edits[f"{i}.hidden"] += [
            np.append(hidden[:-1], value) for value in (-1, 2**63 - 1, -(2**63))
        ]
        inputs = masks[f"{i}.inputs"]
        edits[f"{i}.inputs"] = [inputs + 2**40, inputs - 2**62, ~inputs, inputs + 10**3]
        edits[f"{i}.kept"] = [~kept, kept * 0]
        if len(hidden) % 8:
            past = kept.copy()
            past[-1, -1] |= 128
            edits[f"{i}.kept"].append(past)
        bits = np.unpackbits(kept, axis=1, count=len(hidden), bitorder="little")[:, ::-1]
        backwards = {
            f"{i}.hidden": np.ascontiguousarray(hidden[::-1]),
            f"{i}.inputs": np.ascontiguousarray(inputs[::-1]),
            f"{i}.kept": np.packbits(bits, axis=1, bitorder="little"),
        }
        if len(hidden) > 1:  # the same network, but who allows this allows a neuron twice
            edited = redrawn(files | {MASK: save(masks | backwards)})
            yield Forgery("neurons out of order", f"pair {i}", edited)
        for key, values in edits.items():
            for n, changed in enumerate(values):
                if np.array_equal(changed, masks[key]) or len(hidden) < 2:
                    continue
                edited = {MASK: save(masks | {key: np.ascontiguousarray(changed)})}
                yield repaired_forgery("other masks", f"{key}, edit {n}", files, edited)


def random_witnesses(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """Entries changed, arrays of one shape swapped, exponents moved: by chance a proof remains."""
    for name in ARRAYS:
        arrays = arrays_of(files[name])
        for key, array in arrays.items():
            if not array.size:
                continue
            for n in range(3):
                changed, where = array.copy(), rng.randrange(array.size)
                old = array.flat[where].item()
                if array.dtype.kind == "f":
                    new = (old * 1.5, -old, float(np.nextafter(old, 9, dtype=array.dtype)))[n]
                else:
                    new = (old ^ 1, old ^ 2, old // 2)[n]
                changed.flat[where] = new
                edited = repaired(files | {name: save(arrays | {key: changed})})
                yield Forgery("numbers in arrays", f"{name}: {key}, {n}", edited, is_false=False)
                if name == MASK and key.endswith(".kept"):
                    what = f"{name}: {key}, {n}, redrawn"
                    yield Forgery("numbers in arrays", what, redrawn(edited), is_false=False)
            for other in arrays:
                twin = arrays[other]
                if key < other and array.shape == twin.shape and (array != twin).any():
                    swapped = save(arrays | {key: twin, other: array})
                    edited = repaired(files | {name: swapped})
                    yield Forgery("swapped arrays", f"{key}, {other}", edited, is_false=False)
    tree = json.loads(files[CERTIFICATE])
    for at, value in places(tree):
        if type(value) is int and "exponent" in " ".join(map(str, at)):
            for step in (1, -1, 20, -20):
                edited = repaired(files | {CERTIFICATE: to_json(put(tree, at, value + step))})
                what = f"{'/'.join(map(str, at))} {step:+}"
                yield Forgery("exponents", what, edited, is_false=False)
