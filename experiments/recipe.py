"""Recipes: a question, the work that answers it in parts, and the figure of the answer.

Running one writes, in ``OUT/ID/``, with the effort as the name of the files: JSONL, a line for each
part as soon as it is done; CSV, a line a row; and the figure as PNG, SVG and PDF, drawn from the
JSONL alone. A part that is in the file is not computed again, so that a run can be stopped at any
moment and repeated at no cost.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.recipe_record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: A JSON object: the settings of a part, or one row of results.
Row = dict[str, Any]

#: Called with (what is going on, done, all).
Progress = Callable[[str, int, int], None]

_SUFFIXES = (".png", ".svg", ".pdf")


class Effort(Enum):
    """How much work: seconds, or minutes."""

    QUICK = "quick"
    FULL = "full"


@dataclass(frozen=True)
class Recipe:
    """One question and all that is needed to answer it again.

    Attributes
    ----------
    key : str
        The id: lower case, digits and hyphens.
    question : str
        One sentence.
    source : str
        Keys of ``references.bib``, or what else the question comes from.
    published : tuple of dict
        Values that others have published, each with its source; may be empty.
    version : int
        Of the recipe: a new one where the same settings would give other rows.
    parts : callable
        Effort -> the settings of all parts, each a JSON object: the whole configuration.
    compute : callable
        The settings of one part -> its rows, JSON objects; a pure function.
    draw : callable
        All rows -> figure.
    """

    key: str
    question: str
    source: str
    version: int
    parts: Callable[[Effort], list[Row]]
    compute: Callable[[Row], list[Row]]
    draw: Callable[[list[Row]], Figure]
    published: tuple[Row, ...] = ()

    def to_json(self) -> Row:
        """Return what is known of the recipe before it is run."""
        return {
            "id": self.key,
            "question": self.question,
            "source": self.source,
            "published": list(self.published),
        }


def run_recipe(
    recipe: Recipe, *, effort: Effort, out: Path, progress: Progress | None = None
) -> dict[str, Any]:
    """Compute the parts that the record lacks, draw the figure, and return a report.

    Parameters
    ----------
    recipe : Recipe
    effort : Effort
        Each has files of its own.
    out : Path
        Directory of all results.
    progress : callable, optional

    Raises
    ------
    InvalidInputError
        The record there is of another configuration, or cannot be read.

    Notes
    -----
    Rigor: that of the recipe. Cost: that of the parts that are missing. Randomness: the recipe's
    seeds, in the settings of its parts.
    """
    parts = recipe.parts(effort)
    stem = out / recipe.key / effort.value
    record = Record.open(
        stem.with_suffix(".jsonl"),
        configuration={"recipe": recipe.key, "version": recipe.version, "parts": parts},
    )
    missing = [k for k in range(len(parts)) if k not in record.rows_of]
    for done, k in enumerate(missing):
        if progress:
            progress(recipe.key, len(parts) - len(missing) + done, len(parts))
        record.add(k, recipe.compute(parts[k]))
    if progress:
        progress(recipe.key, len(parts), len(parts))
    rows = [row for k in range(len(parts)) for row in record.rows_of[k]]
    table = stem.with_suffix(".csv")
    _write(table, _csv_text(rows).encode("utf-8"))
    figures = _save(recipe.draw(rows), stem, salt=recipe.key)
    return {
        **recipe.to_json(),
        "effort": effort.value,
        "parts": len(parts),
        "computed_now": len(missing),
        "rows": len(rows),
        "files": [str(path) for path in (record.path, table, *figures)],
    }


def _csv_text(rows: list[Row]) -> str:
    columns = dict.fromkeys(name for row in rows for name in row)
    text = StringIO()
    writer = csv.DictWriter(text, fieldnames=list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _save(figure: Figure, stem: Path, *, salt: str) -> list[Path]:
    """Write the figure without date and chance: the same rows give the same bytes."""
    from matplotlib import rc_context

    undated = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    paths = [stem.with_suffix(suffix) for suffix in _SUFFIXES]
    with rc_context({"svg.hashsalt": salt}):
        for path in paths:
            temporary = path.with_name(f"partial-{path.name}")
            figure.savefig(temporary, dpi=150, metadata=undated[path.suffix])
            os.replace(temporary, path)
    return paths


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"partial-{path.name}")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def rows_where(rows: Iterable[Row], **values: Any) -> Iterator[Row]:
    """Yield the rows that have these values."""
    for row in rows:
        if all(row.get(name) == value for name, value in values.items()):
            yield row
