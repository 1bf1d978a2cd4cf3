"""Forged ticket directories, by kind: what a stranger who edits, or a forger who repairs, hands in.

A forgery is false by construction: what it states is malformed, or more than its witnesses prove.
Or, where chance decides (`is_false` not set), whatever an auditor accepts of it must be true.
Each family of forgeries takes the files of an honest ticket, and yields forgeries of a few kinds.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from ticket_files import Files

from forgeries.arrays import false_weights, malformed_headers, misshapen_arrays, random_witnesses
from forgeries.documents import false_tickets, malformed_documents, scaled_claims
from forgeries.files import broken_files, exchanged_files, flipped_bits, strange_files
from forgeries.forgery import Forgery
from forgeries.witnesses import false_witnesses

FAMILIES: tuple[Callable[[Files, random.Random], Iterator[Forgery]], ...] = (
    flipped_bits,
    malformed_documents,
    malformed_headers,
    misshapen_arrays,
    scaled_claims,
    false_tickets,
    false_weights,
    false_witnesses,
    random_witnesses,
    broken_files,
    strange_files,
)
# Every claim has its turn; of other kinds some are enough.
_ALL_OF = (
    "attacks outside",
    "neurons out of order",
    "claims",
    "larger domains",
    "negative multipliers",
    "narrowed ranges",
    "trees",
)


def forgeries(originals: list[Files], *, at_most: int, seed: int) -> Iterator[Forgery]:
    """Yield at most so many forgeries of each kind and ticket; every claim scaled, each alone."""
    rng = random.Random(seed)
    for n, files in enumerate(originals):
        kinds: dict[str, list[Forgery]] = {}
        for family in FAMILIES:
            for forgery in family(files, rng):
                kinds.setdefault(forgery.kind, []).append(forgery)
        for forgery in exchanged_files(files, originals[n - 1]):
            kinds.setdefault(forgery.kind, []).append(forgery)
        for kind, every in kinds.items():
            yield from every if kind in _ALL_OF else rng.sample(every, min(at_most, len(every)))
