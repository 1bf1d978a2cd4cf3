"""Files that are broken, huge, or not those that were hashed: refused by name, and cheaply."""

from __future__ import annotations

import json
import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from plain_tickets.cases import AssertRejected, Original
from plain_tickets.edits import Edit, mutants, rehash, rewrite
from ticket_files import CERTIFICATE, MASK, TARGET, TICKET, WITNESS

from proofs_check import verify


@pytest.mark.parametrize(
    ("limit", "statement"),
    [
        ("ranges._MAX_WORK", "products: at most"),
        ("bounds._MAX_ENTRIES", "quadratic: too many entries"),
        ("exact._MAX_BITS", "of similar size"),
    ],
)
def test_a_short_file_cannot_ask_for_much(
    limit: str,
    statement: str,
    original: Original,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(f"proofs_check.certificate.{limit}", 10)
    assert statement in str(verify(original("relu-ball")[0]).rejected)


@pytest.mark.parametrize("file", [TARGET, MASK, WITNESS, TICKET])
def test_a_file_that_was_not_hashed_is_rejected(
    file: str, original: Original, tmp_path: Path
) -> None:
    shutil.copytree(original("relu-ball")[0], tmp_path / "mutant")
    rewrite(file, lambda data: data + b"\n")(tmp_path / "mutant")
    assert f"SHA-256 of {file}" in str(verify(tmp_path / "mutant").rejected)


def header_edit(new: Callable[[str], str]) -> Edit:
    """Return an edit of the text of the header of the mask file."""

    def change(data: bytes) -> bytes:
        (size,) = struct.unpack("<Q", data[:8])
        header = new(data[8 : 8 + size].decode()).encode()
        return struct.pack("<Q", len(header)) + header + data[8 + size :]

    return rewrite(MASK, change)


def overlap(header: str) -> str:
    """Let the second array begin where the first does."""
    document = json.loads(header)
    first, second = sorted(document.values(), key=lambda entry: entry["data_offsets"])[:2]
    second["data_offsets"] = [0, second["data_offsets"][1] - first["data_offsets"][1]]
    return json.dumps(document)


def huge(header: str) -> str:
    document = json.loads(header)
    document["0.hidden"]["shape"] = [2**31, 2**31]
    return json.dumps(document)


def huge_and_empty(header: str) -> str:
    document = json.loads(header)
    document["0.hidden"]["shape"] = [0, 2**31, 2**31]
    return json.dumps(document)


HEADERS = {
    "twice": (header_edit(lambda h: h.replace('"1.hidden"', '"0.hidden"')), "has a key twice"),
    "overlap": (header_edit(overlap), "must fill the bytes"),
    "huge beside 0": (header_edit(huge_and_empty), "is huge"),
    "four axes": (
        header_edit(lambda h: h.replace('"shape":[', '"shape":[1,1,1,', 1)),
        "one to three",
    ),
    "metadata": (header_edit(lambda h: '{"__metadata__":{},' + h[1:]), "object with the keys"),
    "huge": (header_edit(huge), "is huge"),
    "dtype": (header_edit(lambda h: h.replace('"U8"', '"I8"', 1)), "dtype must be one of"),
    "negative": (
        header_edit(lambda h: h.replace('"shape":[', '"shape":[-', 1)),
        "one of the integers 0 to",
    ),
    "list": (header_edit(lambda h: "[]"), "header of mask.safetensors must be an object"),
    "deep": (header_edit(lambda h: "[" * 100_000), "header of mask.safetensors is no JSON"),
    "digits": (header_edit(lambda h: "9" * 10_000), "header of mask.safetensors is no JSON"),
    "length": (rewrite(MASK, lambda data: b"\xff" * 64), "ends within its header"),
    "empty": (rewrite(MASK, lambda data: b""), "ends within its header"),
}


@pytest.mark.parametrize(("case", "edit", "statement"), mutants("relu-ball", HEADERS))
def test_a_broken_array_file_is_rejected(
    case: str, edit: Edit, statement: str, assert_rejected: AssertRejected
) -> None:
    assert_rejected(case, edit, statement)


def test_no_byte_makes_the_auditor_fail(original: Original, tmp_path: Path) -> None:
    directory, written = original("relu-box")
    rng = random.Random(3)
    shutil.copytree(directory, tmp_path / "mutant")
    worst = max(written.difference_squared(written.random_input(rng)) for _ in range(50))
    for file in (TICKET, CERTIFICATE, TARGET, MASK, WITNESS) * 6:
        data = bytearray((directory / file).read_bytes())
        data[rng.randrange(len(data))] = rng.choice([0, 32, 34, 45, 48, 57, 91, 123, 255])
        for path in directory.iterdir():
            shutil.copy(path, tmp_path / "mutant")
        (tmp_path / "mutant" / file).write_bytes(data)
        rehash(tmp_path / "mutant")
        audit = verify(tmp_path / "mutant")
        # A digit changed within the slack of a claim leaves it true; then the bound is a bound.
        if audit.upper_bound is not None and file in (CERTIFICATE, WITNESS):
            assert worst <= audit.upper_bound**2
