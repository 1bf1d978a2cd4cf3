"""What a forgery is: the files of a ticket that state something false."""

from __future__ import annotations

from dataclasses import dataclass

from ticket_files import Files, repaired


@dataclass(frozen=True)
class Forgery:
    """Files that state something false; or perhaps true, where `is_false` is not set."""

    kind: str
    what: str
    files: Files
    is_false: bool = True


def repaired_forgery(kind: str, what: str, files: Files, edited: Files) -> Forgery:
    return Forgery(kind, what, repaired(files | edited))
