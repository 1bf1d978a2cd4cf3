"""Reports on disk: a line of JSON each, written at the end and in one piece."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from strongltn.errors import InvalidInputError
from strongltn.storage import Record, check_writable, make_directory, read_entries

HISTORY = "history.jsonl"


def check_places(directory: Path, record: Path | None) -> None:
    """Refuse, before any measurement, a place where the report could not be written.

    Raises
    ------
    InvalidInputError
        A file is in the way of the directory; the record is a directory, or in none.
    MachineError
        The directory may not be written.
    """
    check_writable(directory)
    if record is not None and (record.is_dir() or not record.absolute().parent.is_dir()):
        raise InvalidInputError(
            "record", got=str(record), allowed="a file, in a directory that exists"
        )


def append_report(path: Path, report: dict[str, Any]) -> None:
    """Add a report to a history, after those that other commands may be adding at this moment.

    Raises
    ------
    InvalidInputError
        The file is no history, or is damaged.
    MachineError
        It cannot be written; the reports before are in it.
    """
    make_directory(path.parent)
    with Record(
        path,
        configuration={"benchmark": "subset-sum"},
        parse=_parsed,
        parameter="history",
        is_headless=True,
        waits=True,
    ) as record:
        record.add(report)


def last_report(path: Path) -> dict[str, Any]:
    """Return the newest report of a history.

    Raises
    ------
    InvalidInputError
        There is no such file, or its last line is no report.
    """
    try:
        return _parsed(read_entries(path, parameter="history")[-1])
    except (OSError, LookupError, ValueError) as error:
        raise InvalidInputError(
            "history", got=str(path), allowed="a file that strongltn bench subset-sum has written"
        ) from error


def _parsed(entry: dict[str, Any]) -> dict[str, Any]:
    if entry["benchmark"] != "subset-sum":
        raise ValueError("it is no report")
    return entry
