"""How far are proved sample sizes from measured ones, at eta = 2^-3, ..., 2^-12?

Regenerates the tables of this project's notes on the theory beside the figures written there, and
lists every difference. Run as
``python -m experiments.studies.theory_tables --out results/theory_tables``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from strongltn.simulate import CoveringEvent, hitting_times, requirement
from strongltn.storage import make_directory, write_whole
from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.theorems.catalogue import theorem_named
from strongltn.theorems.question import CoverQuestion
from strongltn.values.json_text import json_text

BITS = tuple(range(3, 13))
MEASURED = "measured"
LEAST_MEASURED = Fraction(1, 1000)  # failure probabilities that plain simulation can see


@dataclass(frozen=True)
class Row:
    """One row of the notes: sample sizes at the ten values of eta."""

    law: SampleLaw
    window: Window
    failure_probability: str
    method: str
    written: tuple[int, ...]


def _rows(
    law: SampleLaw, window: Window, failure_probability: str, **figures: str
) -> tuple[Row, ...]:
    return tuple(
        Row(law, window, failure_probability, method, tuple(map(int, numbers.split())))
        for method, numbers in figures.items()
    )


_UNIFORM, _PRODUCT, _HALF, _UNIT = SampleLaw.UNIFORM, SampleLaw.PRODUCT, Window.HALF, Window.UNIT

#: The figures of the notes, from floating-point programs and 4000 trials.
ROWS = (
    *_rows(
        _UNIFORM,
        _HALF,
        "0.1",
        measured="7 8 9 11 12 13 14 16 17 18",
        program="16 20 23 27 30 34 37 40 44 47",
        closed="19 25 30 35 40 45 49 54 59 64",
        lueker="39 45 51 57 62 68 73 78 84 89",
    ),
    *_rows(
        _UNIFORM,
        _HALF,
        "0.05",
        measured="8 9 10 12 13 14 15 17 18 19",
        program="18 22 26 30 33 36 40 43 46 50",
        closed="21 27 32 37 42 47 52 57 62 66",
        lueker="45 51 57 63 69 75 80 86 91 96",
    ),
    *_rows(
        _UNIFORM,
        _HALF,
        "0.01",
        measured="11 12 13 14 15 16 18 19 21 22",
        program="24 28 32 36 39 43 46 49 53 56",
        closed="27 33 38 43 48 53 57 62 67 72",
        lueker="59 65 72 78 84 90 96 101 107 113",
        necessary="9 10 11 11 11 11 11 11 11 12",
    ),
    *_rows(
        _UNIFORM,
        _HALF,
        "1e-6",
        program="57 61 65 68 72 75 79 82 86 89",
        closed="59 65 70 75 80 85 89 94 99 104",
    ),
    *_rows(
        _UNIFORM,
        _UNIT,
        "0.01",
        measured="15 16 17 17 18 19 20 21 22 23",
        program="28 32 36 39 43 46 50 53 56 59",
    ),
    *_rows(_PRODUCT, _HALF, "0.1", measured="9 11 12 13 14 14 15 16 17 18"),
    *_rows(_PRODUCT, _HALF, "0.05", measured="11 13 14 15 15 16 17 18 18 20"),
    *_rows(
        _PRODUCT,
        _HALF,
        "0.01",
        measured="14 17 18 18 18 19 20 21 22 23",
        program="78 92 104 116 127 139 150 161 172 184",
        mixture="85 103 119 135 150 166 181 197 212 227",
    ),
)

_KEYS = {
    "program": "Cover.ComponentProgram",
    "closed": "Cover.Uniform",
    "mixture": "Cover.Mixture",
    "lueker": "Lueker1998.Theorem2_4",
    "necessary": "Cover.LowerBound",
}


def regenerate(*, trials: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield every row anew: computed figures beside the written ones, and the best proved."""
    for row in ROWS:
        entries = [_entry(row, bits, trials=trials, seed=seed) for bits in BITS]
        yield {
            "law": row.law.value,
            "targets": row.window.value,
            "failure_probability": row.failure_probability,
            "method": _KEYS.get(row.method, row.method),
            "written": list(row.written),
            **{name: [entry[name] for entry in entries] for name in entries[0]},
        }


def _entry(row: Row, bits: int, *, trials: int, seed: int) -> dict[str, Any]:
    if row.method == MEASURED:
        event = CoveringEvent(Fraction(1, 2**bits), row.law, row.window)
        found = requirement(
            hitting_times(event, trials=trials, seed=seed), Fraction(row.failure_probability)
        )
        return {"found": found.num_samples, "lower": found.lower, "upper": found.upper}
    question = CoverQuestion(
        eta=Fraction(1, 2**bits),
        failure_probability=Fraction(row.failure_probability),
        law=row.law,
        window=row.window,
    )
    promise = theorem_named(_KEYS[row.method]).promise(question)
    found_size = promise.num_samples or promise.necessary_samples
    if row.method != "program":
        return {"found": found_size}
    best = theorem_named("Cover.DynamicProgram").promise(question)
    return {"found": found_size, "rearranged": best.num_samples}


def table_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Return the rows as text, with the differences from the written figures."""
    lines = []
    for row in rows:
        header = f"{row['law']}, {row['targets']}, delta = {row['failure_probability']}: "
        lines.append(header + row["method"])
        names = [name for name in ("found", "lower", "upper", "rearranged") if name in row]
        for name in ("written", *names):
            figures = "".join(f"{'-' if n is None else n:>5}" for n in row[name])
            lines.append(f"  {name:<12}{figures}")
        changes = [
            f"2^-{bits}: {old} -> {new}"
            for bits, old, new in zip(BITS, row["written"], row["found"], strict=True)
            if old != new
        ]
        lines.append("  differences " + ("; ".join(changes) or "none"))
    return lines


def main() -> None:
    """Regenerate the tables; write them as JSONL and as text."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/theory_tables"))
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows = []
    for row in regenerate(trials=options.trials, seed=options.seed):
        rows.append(row)
        print("\n".join(table_lines([row])), flush=True)
    make_directory(options.out)
    for name, lines in (
        ("tables.jsonl", [json_text(row) for row in rows]),
        ("tables.txt", table_lines(rows)),
    ):
        write_whole(options.out / name, "".join(f"{line}\n" for line in lines).encode("utf-8"))


if __name__ == "__main__":
    main()
