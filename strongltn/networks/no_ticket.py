"""What is said of a path that was taken for a ticket directory, and what may have been meant."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from itertools import islice
from pathlib import Path

from strongltn.errors import InvalidInputError, suggestion
from strongltn.storage import is_partial

TICKET_FILE = "ticket.json"
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)  # else: there, and not ours to look at
_RUN_FILE = "result.json"
_MAX_LOOKED_AT = 1000  # entries of a directory
_MAX_NAMED = 3


def require_ticket(directory: Path) -> None:
    """Refuse what is no ticket directory at all, before anything is locked or written there.

    Whether the ticket is whole is not looked at.

    Raises
    ------
    InvalidInputError
        There is no ticket.json; the hint says what may have been meant.
    """
    try:
        os.stat(directory / TICKET_FILE)
    except OSError as error:
        if error.errno in _NOT_THERE:
            raise no_ticket(directory) from error


def no_ticket(directory: Path) -> InvalidInputError:
    """Return the complaint about a path without a ticket.json."""
    if directory.is_dir():
        got = f"{directory}, in which there is no {TICKET_FILE}"
    elif os.path.lexists(directory):
        got = f"{directory}, which is no directory"
    else:
        got = f"{directory}, which does not exist"
    return InvalidInputError(
        "DIR", got=got, allowed="a ticket directory of strongltn prune", hint=_hint(directory)
    )


def _hint(directory: Path) -> str:
    if directory.is_file():
        return f"To make a ticket of it: strongltn prune {directory} --epsilon 0.1 --out ticket."
    if (directory / _RUN_FILE).is_file():
        return "It is a run of strongltn search; strongltn certify --against compares two of these."
    if directory.is_dir():
        below = [str(directory / name) for name in _tickets(directory)[:_MAX_NAMED]]
        return f"Did you mean {' or '.join(below)}?" if below else ""
    return suggestion(directory.name, _tickets(directory.parent))


def _tickets(directory: Path) -> list[str]:
    """Return the names of the ticket directories right below, as far as one can look."""
    names: list[str] = []
    with suppress(OSError), os.scandir(directory) as entries:
        names += [entry.name for entry in islice(entries, _MAX_LOOKED_AT)]
    return sorted(
        name
        for name in names
        if not is_partial(name) and os.path.lexists(directory / name / TICKET_FILE)
    )
