"""The record of a recipe: its configuration, then one line for each part that is done."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strongltn.errors import InvalidInputError
from strongltn.numerics.json_text import json_text


@dataclass(frozen=True)
class Record:
    """A JSONL file that only grows.

    Attributes
    ----------
    path : Path
    rows_of : dict
        Number of a part -> its rows.
    """

    path: Path
    rows_of: dict[int, list[dict[str, Any]]]

    @staticmethod
    def open(path: Path, *, configuration: dict[str, Any]) -> Record:
        """Read a record, or begin one; what an interruption tore off its end is dropped.

        Raises
        ------
        InvalidInputError
            The file is of another configuration, or no record at all.
        """
        text = json.dumps(configuration, sort_keys=True, allow_nan=False)
        header = {
            "configuration": configuration,
            "sha256": hashlib.sha256(text.encode("ascii")).hexdigest(),
        }
        content = path.read_bytes() if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if not whole:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_line(header))
            return Record(path, {})
        try:
            first, *parts = map(json.loads, whole.splitlines())
            found = first["sha256"]
            rows_of = {part["part"]: part["rows"] for part in parts}
        except (ValueError, KeyError, TypeError) as error:
            raise _refusal(path, "which is no record of a recipe") from error
        if found != header["sha256"]:
            raise _refusal(path, "which holds results of another configuration")
        if len(whole) < len(content):
            os.truncate(path, len(whole))
        return Record(path, rows_of)

    def add(self, part: int, rows: list[dict[str, Any]]) -> None:
        """Add the rows of a part, in one write; kept as a resumed run would read them."""
        line = _line({"part": part, "rows": rows})
        with self.path.open("ab", buffering=0) as file:
            file.write(line)
        self.rows_of[part] = json.loads(line)["rows"]


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return all rows of a record, finished or not, in the order in which they came."""
    _, *parts = map(json.loads, path.read_bytes().splitlines())
    return [row for part in parts for row in part["rows"]]


def _line(value: dict[str, Any]) -> bytes:
    return json_text(value).encode("ascii") + b"\n"


def _refusal(path: Path, why: str) -> InvalidInputError:
    return InvalidInputError(
        "out",
        got=f"{path}, {why}",
        allowed="a directory with results of the same recipe and settings, or without any",
        hint="Move that file away, or choose another --out.",
    )
