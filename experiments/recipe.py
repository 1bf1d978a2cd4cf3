"""Recipes: a question, the work that answers it in parts, the answer in words, and its figure.

Running one writes, in ``OUT/ID/``, with the effort as the name of the files: JSONL, a line for each
part as soon as it is done; CSV, a line a row; and the figure as PNG, SVG and PDF. Figure and answer
are made from the JSONL alone. A part that is in the file is not computed again, so that a run can
be stopped at any moment and repeated at no cost. Parts that take long keep files in
``OUT/ID/EFFORT/`` while they are computed, and are spread over the workers of any
``concurrent.futures.Executor``.
"""

from __future__ import annotations

import csv
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import Enum
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.answer import Answer
from strongltn.errors import InvalidInputError
from strongltn.storage import Record, make_directory, read_entries, write_figure, write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: A JSON object: the settings of a part, or one row of results.
Row = dict[str, Any]

#: Called with (what is going on, done, all).
Progress = Callable[[str, int, int], None]

#: Computes the rows of one part.
Task = Callable[[], list[Row]]

_UNDATED: dict[str, Row] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
_LOOK_SECONDS = 1.0  # how often parts that are being computed are looked at


class Effort(Enum):
    """How much work: seconds, or minutes."""

    QUICK = "quick"
    FULL = "full"


@dataclass(frozen=True)
class Tier:
    """What an effort costs: on two cores that others used as well, if nothing else is said.

    Attributes
    ----------
    seconds : float
    basis : str
        Where that number comes from: ``measured``, or ``estimated`` from shorter runs.
    needs : tuple of str
        What must be there besides strongltn: data, a GPU.
    """

    seconds: float
    basis: str = "measured"
    needs: tuple[str, ...] = ()

    def __str__(self) -> str:
        number, unit = self.seconds, "s"
        for larger, size in (("min", 60), ("h", 60)):
            if number >= 2 * size:
                number, unit = number / size, larger
        needs = f", needs {' and '.join(self.needs)}" if self.needs else ""
        shown = f"{number:.0f}" if number >= 10 else f"{number:.2g}"
        return f"{shown} {unit} ({self.basis}){needs}"

    def to_json(self) -> Row:
        """Return the fields, and all of them as one text."""
        return {
            "seconds": self.seconds,
            "basis": self.basis,
            "needs": list(self.needs),
            "text": str(self),
        }


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
    answer : callable
        All rows -> what they say to the question.
    tiers : mapping from Effort to Tier
        What each effort costs and needs.
    theorems : tuple of str
        Keys of the theorems whose numbers are drawn: these hold under their conditions only.
    """

    key: str
    question: str
    source: str
    version: int
    parts: Callable[[Effort], list[Row]]
    draw: Callable[[list[Row]], Figure]
    answer: Callable[[list[Row]], Answer]
    tiers: Mapping[Effort, Tier]
    theorems: tuple[str, ...] = ()
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
            "tiers": {effort.value: self.tiers[effort].to_json() for effort in Effort},
            "theorems": list(self.theorems),
            "conditions": self.conditions(),
            "published": list(self.published),
        }

    def conditions(self) -> list[str]:
        """Return under which conditions the numbers of the theorems hold; none without theorems."""
        from experiments.theory.promises import conditions_named

        return conditions_named(self.theorems)


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
    """Compute the parts that the record lacks, draw the figure, answer, and return a report.

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
        The record there is of another configuration, damaged, or being written by another command.
    MachineError
        The results cannot be written. The parts that are done are kept.

    Notes
    -----
    Rigor: that of the recipe. Cost: that of the parts that are missing. Randomness: the recipe's
    seeds, in the settings of its parts.
    """
    parts = recipe.parts(effort)
    stem = out / recipe.key / effort.value
    make_directory(stem.parent)
    rows_of: dict[int, list[Row]] = {}
    with Record(
        stem.with_suffix(".jsonl"),
        configuration={"recipe": recipe.key, "version": recipe.version, "parts": parts},
        parse=partial(_note_part, num_parts=len(parts), rows_of=rows_of),
    ) as record:
        missing = [k for k in range(len(parts)) if k not in rows_of]

        def report() -> None:
            if progress:
                done = sum(
                    recipe.num_steps(part) if k in rows_of else recipe.num_steps_done(part, stem)
                    for k, part in enumerate(parts)
                )
                progress(recipe.key, done, sum(map(recipe.num_steps, parts)))

        report()
        if missing:
            tasks = {k: recipe.task(parts[k], stem) for k in missing}
            workers = recipe.workers(len(parts)) if executor is None else nullcontext(executor)
            with workers as pool:
                for computed in _computed(tasks, pool, is_lent=executor is not None):
                    for k, rows in computed.items():
                        record.add({"part": k, "rows": rows})
                    report()
        all_rows = [row for k in range(len(parts)) for row in rows_of[k]]
        table = stem.with_suffix(".csv")
        write_whole(table, _csv_text(all_rows).encode("utf-8"))
        if progress:
            progress(f"{recipe.key}: figure", 0, 1)
        figures = _draw(recipe, all_rows, stem)
        if progress:
            progress(f"{recipe.key}: figure", 1, 1)
    answer = recipe.answer(all_rows)
    return {
        **recipe.to_json(),
        "effort": effort.value,
        "holds": answer.holds,
        "verdict": answer.verdict,
        "table": answer.table.to_json(),
        "parts": len(parts),
        "computed_now": len(missing),
        "rows": len(all_rows),
        "files": [str(path) for path in (record.path, table, *figures)],
        "notes": list(record.notes),
    }


def read_rows(path: Path) -> list[Row]:
    """Return all rows of a record, finished or not, in the order in which they came.

    Raises
    ------
    InvalidInputError
        It is damaged, or holds something else.
    """
    rows_of: dict[int, list[Row]] = {}
    try:
        for entry in read_entries(path, parameter="record"):
            _note_part(entry, num_parts=sys.maxsize, rows_of=rows_of)
    except _NoPart as error:
        raise InvalidInputError(
            "record", got=f"{path}: {error}", allowed="a record of a recipe"
        ) from error
    return [row for rows in rows_of.values() for row in rows]


class _NoPart(ValueError):
    """A line of a record that is no part of a recipe."""


def _note_part(entry: Row, *, num_parts: int, rows_of: dict[int, list[Row]]) -> None:
    """Take the rows of a part out of a line of the record."""
    part, rows = entry.get("part"), entry.get("rows")
    if type(part) is not int or not 0 <= part < num_parts or part in rows_of:
        raise _NoPart("it is of no part, or of one that is there already")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _NoPart("its rows are no list of objects")
    rows_of[part] = rows


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


def _draw(recipe: AbstractRecipe, rows: list[Row], stem: Path) -> list[Path]:
    """Write the figure without date and chance: the same rows give the same bytes."""
    from matplotlib import rc_context

    with rc_context({"svg.hashsalt": recipe.key}):
        return write_figure(recipe.draw(rows), stem, metadata=_UNDATED)


def rows_where(rows: Iterable[Row], **values: Any) -> Iterator[Row]:
    """Yield the rows that have these values."""
    for row in rows:
        if all(row.get(name) == value for name, value in values.items()):
            yield row
