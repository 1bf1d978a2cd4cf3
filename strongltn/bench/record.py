"""Reports on disk: a line of JSON each, written at the end and in one piece."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from strongltn.errors import InvalidInputError
from strongltn.numerics.json_text import json_text

HISTORY = "history.jsonl"


def check_writable(directory: Path, record: Path | None) -> None:
    """Raise InvalidInputError, before any measurement, if the report could not be written."""
    for place in (directory, *directory.parents):
        if place.exists():
            if not place.is_dir() or not os.access(place, os.W_OK):
                raise InvalidInputError("out", got=str(directory), allowed="a writable directory")
            break
    if record is not None and (record.is_dir() or not record.absolute().parent.is_dir()):
        raise InvalidInputError(
            "record", got=str(record), allowed="a file, in a directory that exists"
        )


def append_report(path: Path, report: dict[str, Any]) -> None:
    """Add one line to a history; what others add at the same time stays whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json_text(report).encode("ascii") + b"\n"
    with path.open("ab", buffering=0) as file:
        file.write(line)


def last_report(path: Path) -> dict[str, Any]:
    """Return the newest report of a history.

    Raises
    ------
    InvalidInputError
        There is no such file, or its last line is no report.
    """
    try:
        report: dict[str, Any] = json.loads(path.read_bytes().splitlines()[-1])
        is_report = report["benchmark"] == "subset-sum"
    except (OSError, ValueError, IndexError, KeyError, TypeError):
        is_report = False
    if not is_report:
        raise InvalidInputError(
            "history", got=str(path), allowed="a file that strongltn bench subset-sum has written"
        )
    return report
