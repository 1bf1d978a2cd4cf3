"""A simulation on disk: its configuration in the first line, then a line of JSON a group."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from strongltn.errors import InvalidInputError
from strongltn.numerics.json_text import json_text


class Record:
    """Groups of results that survive a kill at any moment.

    A line is written in one piece and counts only once its newline is there, so a torn last line
    is dropped when the record is opened again; its group is simulated anew.

    Parameters
    ----------
    path : Path
        Created if it does not exist; its directory must.
    configuration : dict
        Whatever the groups are a pure function of.

    Raises
    ------
    InvalidInputError
        The file is a record of another configuration, or no record.
    """

    def __init__(self, path: Path, configuration: dict[str, Any]) -> None:
        self.path = path
        self.groups: dict[int, list[Any]] = {}
        data = path.read_bytes() if path.exists() else b""
        whole, newline, torn = data.rpartition(b"\n")
        lines = whole.split(b"\n") if newline else []
        if lines:
            self._read(lines, configuration)
        if torn and not lines and not _line(configuration).startswith(torn):
            raise InvalidInputError("record", got=str(path), allowed="a record of a simulation")
        with path.open("ab") as file:
            file.truncate(len(data) - len(torn))
        if not lines:
            self._append(configuration)

    def add(self, group: int, values: list[Any]) -> None:
        """Write the results of one group."""
        self._append({"group": group, "values": values})

    def _append(self, content: dict[str, Any]) -> None:
        with self.path.open("ab", buffering=0) as file:
            file.write(_line(content))

    def _read(self, lines: list[bytes], configuration: dict[str, Any]) -> None:
        try:
            first, *rest = [json.loads(line) for line in lines]
            self.groups = {int(each["group"]): list(each["values"]) for each in rest}
        except (ValueError, KeyError, TypeError):
            raise InvalidInputError(
                "record", got=str(self.path), allowed="a record of a simulation"
            ) from None
        if first != configuration:
            raise InvalidInputError(
                "record",
                got=f"{self.path}, a record of {json_text(first)}",
                allowed=f"a record of {json_text(configuration)}",
                hint="Choose another file.",
            )


def _line(content: dict[str, Any]) -> bytes:
    return json_text(content).encode("ascii") + b"\n"
