"""All that a ticket directory claims: one certificate for each domain and norm, audited in turn."""

from __future__ import annotations

import re
from pathlib import Path

from proofs_check.certificate.audit import Audit, verify

_CERTIFICATE = re.compile(r"certificate(-[0-9a-f]{12})?\.json")
_FIRST = "certificate.json"


def certificate_files(directory: str | Path) -> list[str]:
    """Return the certificates of a ticket directory by name, the first one first.

    Without any, the one that is missed.
    """
    folder = Path(directory)
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(filter(_CERTIFICATE.fullmatch, names), key=lambda x: (len(x), x)) or [_FIRST]


def verify_all(directory: str | Path) -> dict[str, Audit]:
    """Prove or reject every certificate of a ticket directory; by the names of their files.

    Raises
    ------
    NotATicketError
        There is no ticket.json.
    """
    return {name: verify(directory, name) for name in certificate_files(directory)}
