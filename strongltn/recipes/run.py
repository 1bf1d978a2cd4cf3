"""Running a recipe: its parts are computed once, kept, drawn and answered.

What is written lies in ``OUT/ID/``, with the effort as the name of the files. A part that is in the
record is not computed again, so that a run can be stopped at any moment and repeated at no cost.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import nullcontext
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

from strongltn.errors import InvalidInputError
from strongltn.recipes.found import Found
from strongltn.recipes.recipe import AbstractRecipe, Effort, Row, Task
from strongltn.storage import Record, make_directory, read_entries, write_figure, write_whole

#: Called with (what is going on, done, all).
Progress = Callable[[str, int, int], None]

_UNDATED: dict[str, Row] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
_LOOK_SECONDS = 1.0  # how often parts that are being computed are looked at


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
    return _report(
        recipe,
        all_rows,
        effort=effort.value,
        num_parts=len(parts),
        num_computed=len(missing),
        files=[record.path, table, *figures],
        notes=record.notes,
    )


def draw_recorded(found: Found, key: str, *, out: Path) -> dict[str, Any]:
    """Draw the figure and answer from the rows that came with a recipe; nothing is computed.

    Parameters
    ----------
    found : Found
        All recipes; the message about a missing record names those that have one.
    key : str
        The recipe to draw.
    out : Path
        Directory of all results. Files of this recipe there have the name ``recorded``.

    Raises
    ------
    InvalidInputError
        The recipe came without a record.

    Notes
    -----
    Rigor: that of the recipe. Cost: reading and drawing. Randomness: none.
    """
    recipe, path = found.recipes[key].recipe, found.recipes[key].record
    if path is None:
        recorded = [name for name, other in found.recipes.items() if other.record is not None]
        raise InvalidInputError(
            "recorded",
            got=f"{recipe.key}, which came without a record",
            allowed=f"one of {', '.join(recorded)}" if recorded else "none: no recipe has a record",
            hint=f"Run it: strongltn reproduce {recipe.key}",
        )
    parts = list(read_parts(path))
    rows = [row for part in parts for row in part]
    stem = out / recipe.key / "recorded"
    make_directory(stem.parent)
    table = stem.with_suffix(".csv")
    write_whole(table, _csv_text(rows).encode("utf-8"))
    return _report(
        recipe,
        rows,
        effort="recorded",
        num_parts=len(parts),
        num_computed=0,
        files=[path, table, *_draw(recipe, rows, stem)],
        notes=[],
    )


def _report(
    recipe: AbstractRecipe,
    rows: list[Row],
    *,
    effort: str,
    num_parts: int,
    num_computed: int,
    files: Sequence[Path],
    notes: Sequence[str],
) -> dict[str, Any]:
    """Return the recipe, its answer to these rows, and where they are."""
    answer = recipe.answer(rows)
    return {
        **recipe.to_json(),
        "effort": effort,
        "holds": answer.holds,
        "verdict": answer.verdict,
        "table": answer.table.to_json(),
        "parts": num_parts,
        "computed_now": num_computed,
        "rows": len(rows),
        "files": [str(path) for path in files],
        "notes": list(notes),
    }


def read_rows(path: Path) -> list[Row]:
    """Return all rows of a record, finished or not, in the order in which they came.

    Raises
    ------
    InvalidInputError
        It is damaged, or holds something else.
    """
    return [row for rows in read_parts(path) for row in rows]


def read_parts(path: Path) -> Iterable[list[Row]]:
    """Return the rows of each part of a record, finished or not, in the order in which they came.

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
    return rows_of.values()


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
