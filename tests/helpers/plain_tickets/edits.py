"""Edits of a ticket directory: one statement made false, and all digests made true again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from ticket_files import number, repaired

from plain_tickets.arithmetic import text

Change = Callable[[dict[str, Any]], object]  # of a document, or of the arrays of a file
Edit = Callable[[Path], object]  # of a directory


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1))


def rehash(directory: Path) -> None:
    """Make the stated digests of the files true again; all other text stays as it is."""
    files = {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}
    for name, content in repaired(files).items():
        (directory / name).write_bytes(content)


def edit_json(path: Path, change: Change) -> None:
    """Apply `change` to the parsed document and write it back."""
    document = json.loads(path.read_text())
    change(document)
    write_json(path, document)


def edit_arrays(path: Path, change: Change) -> None:
    """Apply `change` to the arrays of a safetensors file and write them back."""
    arrays = {key: array.copy() for key, array in load_file(path).items()}
    change(arrays)
    save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, path)


def mutated(source: Path, directory: Path, edit: Edit) -> Path:
    """Copy a valid ticket, edit it, make the digests true again; return where it lies."""
    shutil.copytree(source, directory)
    edit(directory)
    rehash(directory)
    return directory


def on(file: str, change: Change) -> Edit:
    """Return an edit of one file, JSON or arrays."""
    apply = edit_json if file.endswith(".json") else edit_arrays
    return lambda directory: apply(directory / file, change)


def mutants(case: str, edits: dict[str, tuple[Edit, str]]) -> list[Any]:
    """Return parameters (case, edit, statement) of a test, from {name: (edit, statement)}."""
    return [
        pytest.param(case, edit, statement, id=name) for name, (edit, statement) in edits.items()
    ]


def mutants_on(file: str, case: str, changes: dict[str, tuple[Change, str]]) -> list[Any]:
    """Return the same for changes of one file."""
    return mutants(
        case, {name: (on(file, change), said) for name, (change, said) in changes.items()}
    )


# Changes of a document


def put(*path: str | int, value: object) -> Change:
    """Return a change that sets one place in a document."""

    def change(document: Any) -> None:
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    return change


def scaled(*path: str | int, factor: Fraction) -> Change:
    """Return a change that multiplies a dyadic by a rational, rounded to 60 bits past the point."""

    def change(document: Any) -> None:
        for key in path[:-1]:
            document = document[key]
        value = number(document[path[-1]]) * factor
        document[path[-1]] = text(Fraction(round(value * 2**60), 2**60))

    return change


# Changes of arrays


def bump(key: str, amount: float, index: int | tuple[int, ...] = 0) -> Change:
    """Return a change that adds to one entry of an array."""

    def change(arrays: dict[str, Any]) -> None:
        arrays[key][index] += amount

    return change


def assign(key: str, index: Any, value: object) -> Change:
    """Return a change that sets entries of an array."""

    def change(arrays: dict[str, Any]) -> None:
        arrays[key][index] = value

    return change


def remake(key: str, new: Callable[[Any], Any]) -> Change:
    """Return a change that replaces an array of integers by a function of it."""
    return lambda arrays: arrays.update({key: np.array(new(arrays[key]), dtype=np.int64)})


def retype(key: str, dtype: str) -> Change:
    """Return a change that converts an array to another type."""
    return lambda arrays: arrays.update({key: arrays[key].astype(dtype)})


def without(key: str) -> Change:
    """Return a change that leaves out an array, or a key of a document."""
    return lambda arrays: arrays.pop(key)


# Edits of bytes and text


def rewrite(file: str, new: Callable[[bytes], bytes]) -> Edit:
    """Return an edit that replaces the bytes of a file by a function of them."""
    return lambda directory: (directory / file).write_bytes(new((directory / file).read_bytes()))


def replace(file: str, old: str, new: str) -> Edit:
    """Return an edit of the text of a file; `old` must be there."""

    def edit(directory: Path) -> None:
        before = (directory / file).read_text()
        assert old in before
        (directory / file).write_text(before.replace(old, new, 1))

    return edit
