"""Ticket directories as contents by file name: read, edited, repaired, written."""

from __future__ import annotations

import copy
import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from oracles import source_entry
from safetensors.numpy import load

Content = bytes | Callable[[Path], object]
Files = dict[str, Content]
Tree = Any
Place = tuple[str | int, ...]

TICKET, CERTIFICATE = "ticket.json", "certificate.json"
TARGET, MASK, WITNESS = "target.safetensors", "mask.safetensors", "witness.safetensors"
DOCUMENTS, ARRAYS = (TICKET, CERTIFICATE), (TARGET, MASK, WITNESS)


def read_files(directory: Path) -> dict[str, bytes]:
    """Return what a checker reads of a directory; witnesses under their old, fixed name."""
    (witness,) = directory.glob("witness*.safetensors")
    files = {name: (directory / name).read_bytes() for name in (*DOCUMENTS, TARGET, MASK)}
    return files | {WITNESS: witness.read_bytes()}


def arrays_of(content: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of a safetensors file by name, sorted: its reader shuffles them."""
    return dict(sorted(load(content).items()))


def write_files(files: Files, directory: Path) -> None:
    """Write a directory; a content that is callable makes its own file."""
    directory.mkdir(parents=True)
    for name, content in files.items():
        if callable(content):
            content(directory / name)
        else:
            (directory / name).write_bytes(content)


def repaired(files: Files) -> Files:
    """Make the stated digests of the files true again; all other text stays as it is."""
    files = dict(files)
    for key, name, document in (
        (TARGET, TARGET, TICKET),
        (MASK, MASK, TICKET),
        ("ticket_sha256", TICKET, CERTIFICATE),
        ("witness_sha256", WITNESS, CERTIFICATE),
    ):
        content, text = files.get(name), files.get(document)
        if isinstance(content, bytes) and isinstance(text, bytes):
            digest = hashlib.sha256(content).hexdigest().encode()
            pattern = rb'("%s": *)"[0-9a-f]{64}"' % re.escape(key.encode())
            files[document] = re.sub(
                pattern, lambda found, digest=digest: found[1] + b'"' + digest + b'"', text
            )
    return files


def redrawn(files: Files) -> Files:
    """Repair `drawn_sha256` too, from seed and mask."""
    ticket, masks = json.loads(files[TICKET]), load(files[MASK])
    source, drawn = ticket["source"], []
    for i, layer in enumerate(ticket["layers"]):
        hidden, inputs = masks[f"{i}.hidden"].tolist(), masks[f"{i}.inputs"].tolist()
        bits = np.unpackbits(masks[f"{i}.kept"], axis=1, count=len(hidden), bitorder="little")
        places = [(2 * i, row, column) for row, column in zip(hidden, inputs, strict=True)]
        for row in range(layer["outputs"]):
            places += [(2 * i + 1, row, hidden[t]) for t in np.flatnonzero(bits[row])]
        for place in places:
            names = dict(zip(("layer", "row", "column"), place, strict=True))
            entry = source_entry(source["law"], seed=source["seed"], **names)
            drawn.append(int(entry * 2**24))
    ticket["drawn_sha256"] = hashlib.sha256(np.array(drawn, dtype="<i4").tobytes()).hexdigest()
    return repaired(files | {TICKET: to_json(ticket)})


def raw(token: str) -> str:
    """Return a string that `to_json` writes without quotes."""
    return f"@{token}@"


def to_json(tree: Tree) -> bytes:
    """Write JSON, also what is none: raw tokens, and keys twice (the second one after "=")."""
    text = json.dumps(tree)
    return re.sub(r'"@([^@]*)@"', r"\1", text).replace('"=', '"').encode()


def places(tree: Tree, at: Place = ()) -> Iterator[tuple[Place, Tree]]:
    """Yield every node of a document with its path."""
    yield at, tree
    if isinstance(tree, dict | list):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from places(value, (*at, key))


def put(tree: Tree, at: Place, value: Tree) -> Tree:
    """Return a copy with one node replaced; the nodes beside it are shared."""
    if not at:
        return value
    tree = copy.copy(tree)
    tree[at[0]] = put(tree[at[0]], at[1:], value)
    return tree


def number(text: str) -> Fraction:
    """Return the value of "p*2^k"."""
    p, k = text.split("*2^")
    return int(p) * Fraction(2) ** int(k)


def numeral(value: Fraction) -> str:
    """Return "p*2^k", rounded down to 60 bits."""
    k = value.numerator.bit_length() - value.denominator.bit_length() - 60
    return f"{value // Fraction(2) ** k}*2^{k}"


def is_numeral(value: Tree) -> bool:
    """Return whether a node is a dyadic rational."""
    return isinstance(value, str) and "*2^" in value


def ends_of(
    domain: Tree, witness: dict[str, np.ndarray], ticket: Tree
) -> tuple[list[Fraction], list[Fraction]]:
    """Return the ends of every coordinate; on a ball minus and plus the radius."""
    size = ticket["layers"][0]["inputs"]
    if domain["kind"] == "ball":
        radius = number(domain["radius"])
        return [-radius] * size, [radius] * size
    if domain["kind"] == "box":
        return [number(domain["lower"])] * size, [number(domain["upper"])] * size
    unit = Fraction(2) ** domain["exponent"]
    lower, upper = (witness[f"domain_{side}"].tolist() for side in ("lower", "upper"))
    return [k * unit for k in lower], [k * unit for k in upper]


def points_of(
    certificate: Tree,
    witness: dict[str, np.ndarray],
    ticket: Tree,
    *,
    rng: random.Random,
    count: int,
) -> list[list[Fraction]]:
    """Return corners and random points of the stated domain; its attack comes first."""
    lower, upper = ends_of(certificate["domain"], witness, ticket)
    unit = Fraction(2) ** certificate["attack_exponent"]
    found = [[k * unit for k in witness["attack"].tolist()]]
    for n in range(count):
        steps = [rng.choice((0, 16)) if n % 2 else rng.randrange(17) for _ in lower]
        ends = zip(lower, upper, steps, strict=True)
        x = [low + (high - low) * Fraction(step, 16) for low, high, step in ends]
        if certificate["domain"]["kind"] == "ball":
            while sum(v * v for v in x) > upper[0] ** 2:
                x = [v * Fraction(3, 4) for v in x]
        found.append(x)
    return found
