"""Recipes: a question, the work that answers it in parts, and the figure of the answer.

Running one writes, in ``OUT/ID/``, with the effort as the name of the files: JSONL, a line for each
part as soon as it is done; CSV, a line a row; and the figure as PNG, SVG and PDF, drawn from the
JSONL alone. A part that is in the file is not computed again, so that a run can be stopped at any
moment and repeated at no cost. Parts that take long keep files in ``OUT/ID/EFFORT/`` while they are
computed, and are spread over the workers of any ``concurrent.futures.Executor``.
"""

from __future__ import annotations

import csv
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import Enum
from functools import partial
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

#: Computes the rows of one part.
Task = Callable[[], list[Row]]

_SUFFIXES = (".png", ".svg", ".pdf")
_LOOK_SECONDS = 1.0  # how often parts that are being computed are looked at


class Effort(Enum):
    """How much work: seconds, or minutes."""

    QUICK = "quick"
    FULL = "full"


@dataclass(frozen=True, kw_only=True)
class AbstractRecipe(ABC):
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
    draw : callable
        All rows -> figure.
    """

    key: str
    question: str
    source: str
    version: int
    parts: Callable[[Effort], list[Row]]
    draw: Callable[[list[Row]], Figure]
    published: tuple[Row, ...] = ()

    @abstractmethod
    def task(self, part: Row, folder: Path) -> Task:
        """Return what computes a part; the folder is there for what it must not lose."""

    def workers(self, num_parts: int) -> AbstractContextManager[Executor | None]:
        """Return where the parts are computed: None is this process, one part after the other."""
        return nullcontext()

    def num_steps(self, part: Row) -> int:
        """Return of how many steps a part is, for the progress."""
        return 1

    def num_steps_done(self, part: Row, folder: Path) -> int:
        """Return how many of them are done of a part that is not done."""
        return 0

    def to_json(self) -> Row:
        """Return what is known of the recipe before it is run."""
        return {
            "id": self.key,
            "question": self.question,
            "source": self.source,
            "published": list(self.published),
        }


@dataclass(frozen=True, kw_only=True)
class Recipe(AbstractRecipe):
    """A recipe of short parts, computed in this process.

    Attributes
    ----------
    compute : callable
        The settings of one part -> its rows, JSON objects; a pure function.
    """

    compute: Callable[[Row], list[Row]]

    def task(self, part: Row, folder: Path) -> Task:
        """Return what computes a part; no files are needed."""
        return partial(self.compute, part)


def run_recipe(
    recipe: AbstractRecipe,
    *,
    effort: Effort,
    out: Path,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compute the parts that the record lacks, draw the figure, and return a report.

    Parameters
    ----------
    recipe : AbstractRecipe
    effort : Effort
        Each has files of its own.
    out : Path
        Directory of all results.
    executor : concurrent.futures.Executor, optional
        Must reach the directory; it stays open. By default what the recipe says.
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
    tasks = {k: recipe.task(parts[k], stem) for k in range(len(parts)) if k not in record.rows_of}
    num_steps = sum(map(recipe.num_steps, parts))

    def report() -> None:
        if progress:
            done = sum(
                recipe.num_steps(part) if k in record.rows_of else recipe.num_steps_done(part, stem)
                for k, part in enumerate(parts)
            )
            progress(recipe.key, done, num_steps)

    report()
    if tasks:
        workers = recipe.workers(len(parts)) if executor is None else nullcontext(executor)
        with workers as pool:
            for computed in _computed(tasks, pool, is_lent=executor is not None):
                for k, rows in computed.items():
                    record.add(k, rows)
                report()
    rows = [row for k in range(len(parts)) for row in record.rows_of[k]]
    table = stem.with_suffix(".csv")
    _write(table, _csv_text(rows).encode("utf-8"))
    figures = _save(recipe.draw(rows), stem, salt=recipe.key)
    return {
        **recipe.to_json(),
        "effort": effort.value,
        "parts": len(parts),
        "computed_now": len(tasks),
        "rows": len(rows),
        "files": [str(path) for path in (record.path, table, *figures)],
    }


def _computed(
    tasks: dict[int, Task], executor: Executor | None, *, is_lent: bool
) -> Iterator[dict[int, list[Row]]]:
    """Yield the rows of what has been computed since the last time, at least every second."""
    if executor is None:
        for k, task in tasks.items():
            yield {k: task()}
        return
    futures: dict[Future[list[Row]], int] = {}
    try:
        for k, task in tasks.items():
            futures[executor.submit(task)] = k
            if computed := _taken(futures, timeout=0):
                yield computed
        while futures:
            yield _taken(futures, timeout=_LOOK_SECONDS)
    finally:  # after an error, or Ctrl-C: what has not begun does not begin
        for future in futures if is_lent else ():  # what is ours ends as a whole
            future.cancel()


def _taken(futures: dict[Future[list[Row]], int], *, timeout: float) -> dict[int, list[Row]]:
    """Take out the futures that are done, and return their rows."""
    done, _ = wait(futures, timeout, FIRST_COMPLETED)
    return {futures.pop(future): future.result() for future in done}


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
