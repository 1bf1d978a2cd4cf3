"""The certificates that a ticket directory keeps: several domains side by side, the best of each.

A certificate is two files, its claims and their witnesses. The witnesses are written first, under a
name made of their digest, which no other certificate has; then the claims, in one rename: at any
moment the claims that stand have their witnesses beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from strongltn.certify.certificate import Certificate
from strongltn.certify.statement import CERTIFICATE_FILE, Statement, claim_key, read_certificate
from strongltn.errors import InvalidInputError
from strongltn.networks.domain import Domain, OutputNorm
from strongltn.networks.ticket_directory import (
    CERTIFICATE_NAME,
    TICKET_FILE,
    WITNESS_NAME,
    read_ticket_file,
)
from strongltn.storage import remove_file, write_whole


@dataclass(frozen=True)
class Kept:
    """What became of a new certificate.

    Attributes
    ----------
    file : str
        The certificate of its domain and norm that stands now.
    upper_bound, lower_bound : Fraction
        What that one states.
    is_new : bool
        Whether it is the new one.
    """

    file: str
    upper_bound: Fraction
    lower_bound: Fraction
    is_new: bool


def certificates(directory: Path) -> dict[str, Statement]:
    """Return what all certificates of a ticket directory state, by the names of their files.

    Raises
    ------
    InvalidInputError
        One of them cannot be read, is of another version, or speaks of another ticket.json.
    """
    found = filter(CERTIFICATE_NAME.fullmatch, (path.name for path in directory.iterdir()))
    names = sorted(found, key=lambda name: (len(name), name))  # the first one is the shortest
    stated = ((name, read_certificate(directory, name)) for name in names)
    return {name: statement for name, statement in stated if statement is not None}


def place_of(
    directory: Path, domain: Domain, output_norm: OutputNorm, *, replace: bool
) -> tuple[str, Statement | None]:
    """Return the file for a certificate of this domain and norm, and what it must be better than.

    That is ``certificate.json`` if it is free or of the same claim, else a file of its own.

    Parameters
    ----------
    replace : bool
        Whatever stands there is as good as none, a certificate that cannot be read, too.

    Raises
    ------
    InvalidInputError
        A certificate that may be of the same claim cannot be read.
    """
    key = claim_key(domain, output_norm)
    own = f"certificate-{key}.json"
    for name in (own, CERTIFICATE_FILE):
        try:
            standing = read_certificate(directory, name)
        except InvalidInputError:
            if not replace:
                raise
            return name, None
        if standing is not None and standing.key == key:
            return name, None if replace else standing
    return (own if (directory / CERTIFICATE_FILE).exists() else CERTIFICATE_FILE), None


def keep_certificate(
    directory: Path, certificate: Certificate, *, name: str, standing: Statement | None
) -> Kept:
    """Write a certificate into its ticket directory, unless one as good is there.

    Parameters
    ----------
    directory : Path
        Locked by the caller.
    certificate : Certificate
        The certificate of the ticket in it.
    name : str
        Its file, from `place_of`.
    standing : Statement or None
        What is there and is kept if it is as good; None replaces it.

    Raises
    ------
    MachineError
        A file cannot be written; the old certificate is whole.
    """
    if standing is not None and _rank(certificate) >= _rank(standing):
        return Kept(name, standing.upper_bound, standing.lower_bound, is_new=False)
    files = certificate.to_files(read_ticket_file(directory, TICKET_FILE), name=name)
    for file, content in files.items():  # the witnesses come first
        write_whole(directory / file, content)
    _remove_unused(directory)
    return Kept(name, certificate.upper_bound, certificate.lower_bound, is_new=True)


def _rank(claim: Certificate | Statement) -> tuple[Fraction, Fraction]:
    """Return what is less for a better claim: less above, then more below."""
    return claim.upper_bound, -claim.lower_bound


def _remove_unused(directory: Path) -> None:
    """Remove witnesses that no certificate speaks of: of one that was replaced, or of a kill."""
    try:
        used = {statement.witness_file for statement in certificates(directory).values()}
    except InvalidInputError:
        return  # whose they are cannot be known
    found = filter(WITNESS_NAME.fullmatch, [path.name for path in directory.iterdir()])
    for name in found:
        if name not in used:
            remove_file(directory / name)
