"""What a certificate states: its domain in the files, and the claims that are read back."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from strongltn.errors import InvalidInputError
from strongltn.networks.ball import Ball
from strongltn.networks.boxes import Box, LocalBox
from strongltn.networks.domain import Domain, OutputNorm
from strongltn.networks.ticket_directory import TICKET_FILE, read_ticket_file
from strongltn.numerics.decimals import outward_text
from strongltn.numerics.dyadic import DyadicArray, from_text
from strongltn.values.by_value import ByValue
from strongltn.values.json_text import json_text

CERTIFICATE_FILE = "certificate.json"
VERSION = 2

_OLD_WITNESS_FILE = "witness.safetensors"

# What unexpected JSON leads to: other types, missing keys, numbers too large, nesting too deep.
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Statement(ByValue):
    """The claim of a certificate, its proofs unchecked.

    Attributes
    ----------
    methods : tuple of str
    upper_bound, lower_bound : Fraction
        In the units of the target's output.
    key : str
        The digest of domain and norm: certificates with one key can be compared.
    witness_file : str
        The file of its witnesses.
    """

    domain: Domain
    output_norm: OutputNorm
    methods: tuple[str, ...]
    upper_bound: Fraction
    lower_bound: Fraction
    key: str
    witness_file: str

    def __str__(self) -> str:
        return two_sided_text(self)

    def __repr__(self) -> str:
        return f"Statement({two_sided_text(self)})"


class TwoSided(Protocol):
    """Whatever states two bounds: a domain, a norm, and both sides."""

    @property
    def domain(self) -> Domain: ...
    @property
    def output_norm(self) -> OutputNorm: ...
    @property
    def upper_bound(self) -> Fraction: ...
    @property
    def lower_bound(self) -> Fraction: ...


def two_sided_text(claim: TwoSided) -> str:
    """Return both bounds in one line, each rounded outwards, so that they stay bounds.

    Such as ``0.0012 <= sup ||f(x) - g(x)||_2 <= 0.0034 on the unit ball``.
    """
    least = outward_text(claim.lower_bound, upwards=False)
    most = outward_text(claim.upper_bound, upwards=True)
    norm = f"||f(x) - g(x)||_{claim.output_norm.value}"
    return f"{least} <= sup {norm} <= {most} on {claim.domain.in_words}"


def read_certificate(directory: Path, name: str = CERTIFICATE_FILE) -> Statement | None:
    """Return what a certificate of a ticket directory states; None without one.

    Raises
    ------
    InvalidInputError
        There is one, and it cannot be read, is of another version, or speaks of another
        ticket.json.
    """
    path = directory / name
    if not os.path.exists(path):  # also where the name is too long for a file
        return None
    try:
        return _statement(directory, json.loads(read_ticket_file(directory, name)))
    except InvalidInputError:
        raise
    except (SafetensorError, *_UNREADABLE) as error:
        raise InvalidInputError(
            "DIR",
            got=f"{path}, which is not usable: {error}",
            allowed="a directory with a readable certificate of its ticket",
            hint="Run strongltn certify with --domain and --replace, which writes it anew.",
        ) from error


def witness_file(witness_sha256: str) -> str:
    """Return the name of the file of the witnesses with this digest."""
    return f"witness-{witness_sha256[:16]}.safetensors"


def claim_key(domain: Domain, output_norm: OutputNorm) -> str:
    """Return a digest, 12 hexadecimal digits, of what a certificate speaks of: domain and norm."""
    entry, arrays = domain.entry()
    ends = {name: array.tolist() for name, array in arrays.items()}
    text = json_text([entry, ends, output_norm.value], sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:12]


def _statement(directory: Path, certificate: dict[str, Any]) -> Statement:
    version = certificate["version"]
    if version != VERSION:
        raise ValueError(f"it is of version {version}, not {VERSION}")
    digest = hashlib.sha256(read_ticket_file(directory, TICKET_FILE)).hexdigest()
    if certificate["ticket_sha256"] != digest:
        raise ValueError(f"it speaks of another {TICKET_FILE}")
    witness = witness_file(certificate["witness_sha256"])
    if not (directory / witness).exists():  # certificates of version 0.1.0 are beside the old name
        witness = _OLD_WITNESS_FILE
    domain = _domain_of(certificate["domain"], directory, witness)
    output_norm = OutputNorm(certificate["output_norm"])
    return Statement(
        domain,
        output_norm,
        tuple(certificate["methods"]),
        from_text(certificate["upper_bound"]),
        from_text(certificate["lower_bound"]),
        claim_key(domain, output_norm),
        witness,
    )


def _domain_of(entry: dict[str, Any], directory: Path, witness: str) -> Domain:
    if entry["kind"] == "ball":
        return Ball(float(from_text(entry["radius"])))
    if entry["kind"] == "box":
        return Box(float(from_text(entry["lower"])), float(from_text(entry["upper"])))
    arrays = load(read_ticket_file(directory, witness))
    ends = [arrays[name] for name in ("domain_lower", "domain_upper")]
    return LocalBox.from_ends(*(DyadicArray(end, entry["exponent"]) for end in ends))
