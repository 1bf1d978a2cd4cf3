"""The command `reproduce`: answers a question by a recipe, or lists them."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strongltn.cli.console import print_report, progress_bars
from strongltn.cli.program import Json, completing
from strongltn.errors import InvalidInputError, StrongLTNError, suggestion
from strongltn.process.exits import keeping, say

if TYPE_CHECKING:
    from strongltn.recipes.found import Found

_INDENT, _COLUMNS = "  ", 96


def reproduce(
    key: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="A recipe; without one, all are listed.",
            show_default=False,
            autocompletion=completing(lambda: _found().recipes),
        ),
    ] = None,
    is_list: Annotated[bool, typer.Option("--list", help="List the recipes.")] = False,
    is_quick: Annotated[
        bool, typer.Option("--quick", help="Seconds to minutes (the default).")
    ] = False,
    is_full: Annotated[bool, typer.Option("--full", help="Minutes, or hours.")] = False,
    is_recorded: Annotated[
        bool,
        typer.Option(
            "--recorded", help="Compute nothing: answer and draw from the rows that come with it."
        ),
    ] = False,
    out: Annotated[Path, typer.Option("--out", help="Directory of results.")] = Path("results"),
    as_json: Json = False,
) -> None:
    """Answer a question of the literature again: a verdict, a table and a figure, in OUT/ID/.

    Without ID, the recipes are listed: question, source, time, what they need, and under which
    conditions the theorems in them hold. What is there already is not computed again, so that an
    interrupted run goes on where it was.
    """
    found = _found()
    recipes = found.recipes
    if key is None or is_list:
        if key is not None or is_quick or is_full or is_recorded:
            raise InvalidInputError(
                "list", got="a list with an ID or an effort", allowed="asked for alone"
            )
        entries = [
            {**one.recipe.to_json(), "has_record": one.record is not None}
            for one in recipes.values()
        ]
        print_report({"recipes": entries}, _list_lines(entries), as_json=as_json)
        return
    if key not in recipes:
        raise InvalidInputError(
            "ID",
            got=key,
            allowed=f"one of {', '.join(recipes)}",
            hint=suggestion(key, recipes) or "Without an ID the recipes are listed.",
        )
    asked = {"--quick": is_quick, "--full": is_full, "--recorded": is_recorded}
    efforts = [option for option, is_asked in asked.items() if is_asked]
    if len(efforts) > 1:
        raise InvalidInputError("effort", got=" ".join(efforts), allowed="one of them")
    from strongltn.recipes.recipe import Effort
    from strongltn.recipes.run import draw_recorded, run_recipe

    if is_recorded:
        report = draw_recorded(found, key, out=out)
    else:
        effort = Effort.FULL if is_full else Effort.QUICK
        kept = "what is done is kept: the same command goes on from there."
        with keeping(kept), progress_bars() as progress:
            report = run_recipe(recipes[key].recipe, effort=effort, out=out, progress=progress)
    for note in report["notes"]:
        say(note)
    print_report(report, _lines(report), as_json=as_json)


def _found() -> Found:
    """Return the recipes that there are, and say what kept others from being found."""
    from strongltn.recipes.found import found_recipes

    found = found_recipes()
    for failure in found.failures:
        say(failure)
    if not found.recipes:
        raise StrongLTNError(
            "No recipe is installed here. They come with strongltn: install it again, from a "
            "checkout with: pip install -e ."
        )
    return found


def _list_lines(entries: list[dict[str, Any]]) -> list[str]:
    """Return what can be known of each recipe before it is run."""
    lines = []
    for entry in entries:
        lines += [
            entry["id"],
            *_wrapped(entry["question"]),
            *_wrapped(f"source: {entry['source']}"),
        ]
        for effort, tier in entry["tiers"].items():
            lines += _wrapped(f"--{effort}: {tier['text']}")
        if entry["has_record"]:
            lines += _wrapped("--recorded: from the rows of a run that come with it")
        lines += _condition_lines(entry)
        lines.append("")
    return [*lines, "Run one with: strongltn reproduce ID"]


def _lines(report: dict[str, Any]) -> list[str]:
    """Return the answer first, then what it rests on, then the files."""
    from strongltn.report.table import Table

    kept = report["parts"] - report["computed_now"]
    table = Table.of(report["table"]["columns"], report["table"]["rows"])
    return [
        f"{report['id']}, {report['effort']}",
        *_wrapped(report["question"]),
        "",
        *_wrapped(report["verdict"], indent=""),
        "",
        *table.lines(),
        "",
        *_wrapped(f"source: {report['source']}"),
        *_condition_lines(report),
        "",
        f"{report['rows']} rows of {report['parts']} parts, {kept} of them computed before",
        *report["files"],
    ]


def _condition_lines(entry: dict[str, Any]) -> list[str]:
    """Return under which conditions the theorems of a recipe hold; nothing without theorems."""
    if not entry["conditions"]:
        return []
    lines = [f"{_INDENT}what is proved holds under these conditions:"]
    for text in entry["conditions"]:
        lines += _wrapped(text, indent=2 * _INDENT)
    return lines


def _wrapped(text: str, *, indent: str = _INDENT) -> list[str]:
    return textwrap.wrap(
        text,
        _COLUMNS,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
