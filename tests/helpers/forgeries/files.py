"""Forged files: bits flipped, broken, strange, or those of another ticket."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from ticket_files import (
    ARRAYS,
    CERTIFICATE,
    MASK,
    TARGET,
    TICKET,
    WITNESS,
    Files,
    repaired,
    to_json,
)

from forgeries.arrays import framed
from forgeries.forgery import Forgery, repaired_forgery


def flipped_bits(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """One bit of each file; the digests left alone, then repaired."""
    for name, content in files.items():
        for position in rng.sample(range(8 * len(content)), 60):
            changed = bytearray(content)
            changed[position // 8] ^= 1 << position % 8
            edited, what = files | {name: bytes(changed)}, f"{name}, bit {position}"
            # certificate.json has no digest: a stranger is as good as a forger there
            has_digest = name != CERTIFICATE
            yield Forgery("bit flipped", what, edited, is_false=has_digest)
            if has_digest:
                yield Forgery("bit flipped, repaired", what, repaired(edited), is_false=False)


def broken_files(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """Truncated, longer, empty, nested, endless: for each file, repaired."""
    for name, content in files.items():
        nested = b"[" * 10**5
        edits = {
            "empty": b"",
            "first half": content[: len(content) // 2],
            "last byte missing": content.rstrip()[:-1],
            "a byte more": content + b"x",
            "a zero more": content + b"\0",
            "a byte before": b"x" + content,
            "twice": content + content,
            "a byte order mark": b"\xef\xbb\xbf" + content,
            "UTF-16": content.decode("latin-1").encode("utf-16"),
            "invalid UTF-8": b"\xff" + content[1:],
            "deep nesting": nested,
            "deep nesting, closed": nested + b"]" * 10**5,
            "deep objects": b'{"a":' * 10**5,
            "a long integer": b"9" * 10**6,
            "zeros": bytes(1000),
        }
        if name in ARRAYS:
            data = content[8 + int.from_bytes(content[:8], "little") :]
            for size in (0, 1, 2**24 + 1, 2**31, 2**63, 2**64 - 1):
                edits[f"header of {size}"] = struct.pack("<Q", size) + content[8:]
            for what, header in (
                ("deep nesting", b'{"a":' * 10**5),
                (
                    "a long integer",
                    b'{"attack": {"dtype": "I64", "shape": [' + b"9" * 10**6 + b"]}}",
                ),
                ("an empty header", b"{}"),
                ("a list", b"[]"),
            ):
                edits[f"header: {what}"] = framed(header, data)
            many = {
                str(n): {"dtype": "I64", "shape": [0], "data_offsets": [0, 0]} for n in range(10**4)
            }
            edits["header: ten thousand arrays"] = framed(to_json(many), data)
        for what, changed in edits.items():
            yield repaired_forgery("broken files", f"{name}: {what}", files, {name: changed})


def strange_files(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """Not even files: missing, directories, pipes, links; and the files of one another."""

    def link(target: str) -> Callable[[Path], None]:
        return lambda path: path.symlink_to(target)

    def sparse(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(3 << 30)

    makers: dict[str, Callable[[Path], object]] = {
        "a directory": Path.mkdir,
        "a pipe": os.mkfifo,
        "a link to itself": lambda path: path.symlink_to(path),
        "a link to nothing": link("/nowhere/at/all"),
        "a link to /dev/zero": link("/dev/zero"),
        "a link to /etc/passwd": link("/etc/passwd"),
        "a link to its directory": link("."),
        "three GiB of nothing": sparse,
    }
    for name in files:
        missing = {other: content for other, content in files.items() if other != name}
        yield Forgery("strange files", f"{name} missing", missing)
        for what, maker in makers.items():
            yield Forgery("strange files", f"{name} is {what}", files | {name: maker})
        for other in files:
            if other != name:
                edited = {name: files[other]}
                yield repaired_forgery("exchanged files", f"{name} is {other}", files, edited)


def exchanged_files(files: Files, other: Files) -> Iterator[Forgery]:
    """Files of another ticket in the place of one's own; digests left alone, and repaired."""
    parts = [[name] for name in files] + [[CERTIFICATE, WITNESS], [TARGET, MASK], [MASK, TICKET]]
    for names in parts:
        foreign = {name: other[name] for name in names}
        if any(files[name] != content for name, content in foreign.items()):
            what = " and ".join(names)
            yield Forgery("files of another ticket, digests left", what, files | foreign)
            yield repaired_forgery("files of another ticket", what, files, foreign)
