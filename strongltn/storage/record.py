"""Records: JSONL files that only grow, one line for each result, readable after any kill."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from strongltn.errors import InvalidInputError
from strongltn.storage.files import append_line, open_to_append, read_file
from strongltn.storage.partial import lock, machine_errors
from strongltn.values.json_text import json_text

Entry = TypeVar("Entry")

_DIGEST = re.compile(rb'(?:, |(?<={))"digest": "([0-9a-f]{32})"}$')
_VERSION = 1


class Record(Generic[Entry]):
    """A JSONL file: its configuration in the first line, then one line for each entry.

    Every line ends with a digest of itself and of all lines before it, so that a changed, lost or
    exchanged line is noticed. A last line without its newline was torn off by a kill; it is dropped
    with a note, and its entry is to be computed again. Records of earlier versions, whose lines
    have no digests, are read and continued. An open record is locked: no other command writes it.

    Parameters
    ----------
    path : Path
        Made if it is not there; the directory must be.
    configuration : dict
        Everything that the entries are a function of; JSON.
    parse : callable
        From the JSON object of a line to an entry; any exception means that the line is damaged.
    parameter : str
        What errors call the file.
    is_headless : bool
        Whether the first line of a file of earlier versions may be an entry already. Then `parse`
        alone decides whether such a file is of this configuration.
    waits : bool
        Whether to wait until another command has ended its writing, rather than refuse.

    Attributes
    ----------
    entries : list
        In the order in which they came.
    notes : tuple of str
        What was dropped, for the user.

    Raises
    ------
    InvalidInputError
        The file is of another configuration, is no record, is damaged (the line is named), or is
        being written by another command.
    MachineError
        The file cannot be opened or written. It then holds what it held before.
    """

    def __init__(
        self,
        path: Path,
        *,
        configuration: dict[str, Any],
        parse: Callable[[dict[str, Any]], Entry],
        parameter: str = "out",
        is_headless: bool = False,
        waits: bool = False,
    ) -> None:
        self.path = path
        self.entries: list[Entry] = []
        self.notes: tuple[str, ...] = ()
        self._parse = parse
        self._parameter = parameter
        self._is_headless = is_headless
        self._state = ""
        self._file = open_to_append(path)
        try:
            if not lock(self._file, waits=waits):
                raise self._refusal("which another strongltn command is writing")
            self._read(configuration)
        except BaseException:
            self.close()
            raise

    def add(self, entry: dict[str, Any]) -> None:
        """Add an entry, as soon as it is known; it is kept as a resumed run would read it.

        Raises
        ------
        MachineError
            It could not be written; the record holds the entries before.
        """
        body = json_text(entry).encode("ascii")
        self._append(body)
        self.entries.append(self._parse(json.loads(body)))

    def close(self) -> None:
        """Close the file, and let others write it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Record[Entry]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, configuration: dict[str, Any]) -> None:
        with os.fdopen(os.dup(self._file), "rb") as stream, machine_errors(self.path, "read"):
            stream.seek(0)
            content = stream.read()
        whole, newline, torn = content.rpartition(b"\n")
        lines = whole.split(b"\n") if newline else []
        header = {"record": _VERSION, "configuration": configuration}
        text = json_text(header).encode("ascii")
        if not lines:
            if not text.startswith(torn[: len(text) - 1]):
                raise self._refusal("which is no record of strongltn")
            self._cut(0)
            self._append(text)
            return
        values, self._state = _objects(lines, self._refusal)
        num_headers = 0 if self._is_headless and not _is_header(values[0]) else 1
        for first in values[:num_headers]:
            found, wanted = first.get("configuration", first), json.loads(text)["configuration"]
            if found != wanted:
                raise self._refusal(f"which holds results of other settings{_named(found, wanted)}")
        for number, value in enumerate(values[num_headers:], start=num_headers + 1):
            try:
                self.entries.append(self._parse(value))
            except Exception as error:
                raise self._refusal(_damage(number, "it is no result of this kind")) from error
        if torn:
            self._cut(len(content) - len(torn))
            self.notes = (
                f"{self.path}: line {len(lines) + 1} was torn off by an interruption; it was "
                "dropped, and its result is computed again.",
            )

    def _append(self, body: bytes) -> None:
        state = chained_digest(self._state, body)
        with machine_errors(self.path):
            append_line(self._file, with_digest(body, state) + b"\n")
        self._state = state

    def _cut(self, length: int) -> None:
        with machine_errors(self.path):
            os.ftruncate(self._file, length)

    def _refusal(self, why: str) -> InvalidInputError:
        return _refusal(self.path, self._parameter, why)


def read_entries(path: Path, *, parameter: str) -> list[dict[str, Any]]:
    """Return all entries of a record, finished or not, without its configuration.

    Nothing is written. A last line without its newline was torn off, and is none.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, PermissionError
        As they come.
    InvalidInputError
        A line is damaged, or the file is no regular one.
    """
    whole, newline, torn = read_file(path, parameter=parameter).rpartition(b"\n")
    lines = whole.split(b"\n") if newline else []
    if not lines and not torn.startswith(b"{"[: len(torn)]):
        raise _refusal(path, parameter, "which is no record of strongltn")
    values, _ = _objects(lines, partial(_refusal, path, parameter))
    return values[1:] if values and _is_header(values[0]) else values


def chained_digest(state: str, body: bytes) -> str:
    """Return the digest of a line and, through `state`, of all lines before it."""
    return hashlib.sha256(state.encode("ascii") + body).hexdigest()[:32]


def with_digest(body: bytes, digest: str) -> bytes:
    """Return a JSON object with its digest as the last entry."""
    separator = b"" if body == b"{}" else b", "
    return body[:-1] + separator + b'"digest": "' + digest.encode("ascii") + b'"}'


def split_digest(line: bytes) -> tuple[bytes, str | None]:
    """Return the JSON object of a line without its digest, and the digest if it has one."""
    found = _DIGEST.search(line)
    if found is None:
        return line, None
    return line[: found.start()] + b"}", found[1].decode("ascii")


def _objects(
    lines: list[bytes], refusal: Callable[[str], InvalidInputError]
) -> tuple[list[dict[str, Any]], str]:
    """Return the objects of all lines without their digests, compared, and the last digest."""
    values, state, is_strict = [], "", False
    for number, line in enumerate(lines, start=1):
        body, digest = split_digest(line)
        state = chained_digest(state, body)
        if digest is None and is_strict:
            raise refusal(_damage(number, "it has no digest"))
        if digest not in (None, state):
            raise refusal(_damage(number, "it was changed, or a line before it was"))
        is_strict = digest is not None
        try:
            value = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise refusal(_damage(number, "it is no JSON")) from error
        if not isinstance(value, dict):
            raise refusal(_damage(number, "it is no JSON object"))
        values.append(value)
    return values, state


def _named(found: object, wanted: dict[str, Any]) -> str:
    """Return the names of the settings that differ, where the two are of one kind."""
    if not isinstance(found, dict) or found.keys() != wanted.keys():
        return ""
    return f" ({', '.join(name for name in wanted if found[name] != wanted[name])})"


def _is_header(value: dict[str, Any]) -> bool:
    return "configuration" in value


def _damage(number: int, why: str) -> str:
    return f"whose line {number} is damaged: {why}"


def _refusal(path: Path, parameter: str, why: str) -> InvalidInputError:
    return InvalidInputError(
        parameter,
        got=f"{path}, {why}",
        allowed="a record of the same question and settings as it was written, or a new file",
        hint="Move that file away, or choose another place.",
    )
