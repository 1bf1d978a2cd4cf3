"""The holes that the auditor has computed, and the promise of strongltn that rests on them.

``mean_holes.csv`` has a line for each number of samples in the four quarters of [-1, 1]: how many
have kappa = -2, -1, 0 and 1, and the hole given these, in units of 1e-8 and rounded upwards. To
compute them all takes half an hour; what a line says can be computed anew in seconds.
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

from proofs_check.claims.second_moment import Counts

UNIT = Fraction(1, 10**8)
RECORD = Path(__file__).parent / "mean_holes.csv"

#: What strongltn promises, where it is installed beside the auditor. It is read, never imported.
PROMISE = Path(__file__).parents[2] / "strongltn" / "theorems" / "second_moment.json"


def recorded_holes() -> dict[Counts, Fraction]:
    """Return the hole of each line of the record."""
    holes = {}
    for line in RECORD.read_text("ascii").splitlines()[1:]:
        *counts, units = map(int, line.split(","))
        holes[tuple(counts)] = units * UNIT
    return holes


def promised_holes() -> list[dict[str, Fraction]] | None:
    """Return the lines of strongltn's record, None where there is none."""
    if not PROMISE.exists():
        return None
    lines = json.loads(PROMISE.read_text("ascii"))
    return [{key: Fraction(value) for key, value in line.items()} for line in lines]
