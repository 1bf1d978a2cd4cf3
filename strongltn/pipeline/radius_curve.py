"""Error against the radius of the domain: one certificate a radius, kept in a file of rows."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.certify import CertifySettings, certify_ticket
from strongltn.certify.account import account
from strongltn.errors import InvalidInputError
from strongltn.networks.domain import Domain
from strongltn.networks.domain_text import parse_domain
from strongltn.networks.ticket_directory import TICKET_FILE, read_ticket
from strongltn.storage import Record, read_entries, read_file
from strongltn.values.arguments import Progress
from strongltn.values.json_text import json_text

_SCHEMA = 1  # of the rows; a new one where the same settings would give other rows

Row = dict[str, Any]


def domain_at(text: str, radius: float, *, center: NDArray[np.float64] | None) -> Domain:
    """Return the domain of `radius` of the kind that `text` names.

    Parameters
    ----------
    text : str
        As for `parse_domain`. Its own radius does not matter; a box keeps its middle, a local box
        its centre and the box that clips it.
    radius : float > 0
        Euclidean for a ball, else half the side of the box.
    center : float64 (inputs,), or None
        The centre, if the domain is a local box.
    """
    named = parse_domain(text, center=center)
    resized = named.resized(radius)
    if resized is not None:
        return resized
    clip = text.split(",")[1:]
    return parse_domain(",".join([f"local:{radius!r}", *clip]), center=center)


def radius_curve(
    directory: Path,
    domains: dict[float, Domain],
    *,
    settings: CertifySettings,
    record: Path,
    progress: Progress | None = None,
) -> list[Row]:
    """Certify a saved ticket on one domain after the other, and keep what is known of each.

    Parameters
    ----------
    directory : Path
    domains : dict from radius to Domain
    settings : CertifySettings
    record : Path
        `strongltn.storage.Record`; a row that is there already, of the same ticket, domain and
        settings, is not computed again. Its directory must exist.
    progress : callable, optional

    Returns
    -------
    list of dict
        The rows of `domains` as they stand in the file, in the order of their radii.

    Raises
    ------
    InvalidInputError
        The file is there and holds something else, or another command is writing it.
    MachineError
        The file cannot be written; the rows before are in it.
    """
    target, ticket = read_ticket(directory)
    ticket_file = read_file(directory / TICKET_FILE, parameter="directory", within=directory)
    digest = hashlib.sha256(ticket_file).hexdigest()
    keys = {radius: _key(digest, domains[radius], settings) for radius in sorted(domains)}
    known: dict[str, Row] = {}
    with _opened(record, known) as rows:
        for done, (radius, key) in enumerate(keys.items()):
            if progress is not None:
                progress("radii", done, len(keys))
            if key not in known:
                certificate = certify_ticket(
                    target, ticket, domains[radius], settings=settings, progress=progress
                )
                row = {"key": key, "radius": radius, **account(target, ticket, certificate)}
                del row["layers"]
                rows.add(row | {"seconds": certificate.seconds})
    if progress is not None:
        progress("radii", len(keys), len(keys))
    return [known[key] for key in keys.values()]


def _key(ticket_sha256: str, domain: Domain, settings: CertifySettings) -> str:
    """Return the digest of everything that a row is a function of."""
    entry, arrays = domain.entry()
    ends = {name: array.tolist() for name, array in arrays.items()}
    whole = [_SCHEMA, ticket_sha256, entry, ends, repr(settings)]
    return hashlib.sha256(json_text(whole).encode("ascii")).hexdigest()


def read_rows(record: Path) -> dict[str, Row]:
    """Return the rows of a record by their keys; none where there is no file.

    Raises
    ------
    InvalidInputError
        The file is there and holds something else.
    """
    known: dict[str, Row] = {}
    try:
        for entry in read_entries(record, parameter="figure"):
            _note_row(entry, known)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except InvalidInputError:
        raise
    except (LookupError, ValueError) as error:
        raise InvalidInputError(
            "figure",
            got=f"{record}, which holds something else",
            allowed="a name whose .jsonl file is new, or written by strongltn certify --radii",
        ) from error
    return known


def _opened(record: Path, known: dict[str, Row]) -> Record[None]:
    """Open a record; the rows of earlier versions, which begin in the first line, are kept."""
    return Record(
        record,
        configuration={"rows": "error against the radius of the domain", "schema": _SCHEMA},
        parse=partial(_note_row, known=known),
        parameter="figure",
        is_headless=True,
    )


def _note_row(entry: Row, known: dict[str, Row]) -> None:
    """Take a row out of a line of the record."""
    key, radius = entry["key"], entry["radius"]
    if not isinstance(key, str) or type(radius) not in (int, float):
        raise ValueError("it is no row of a radius")
    known[key] = entry
