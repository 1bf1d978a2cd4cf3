"""The command `reproduce`: runs a recipe of the experiments, or lists them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strongltn.console import print_report, progress_bars
from strongltn.errors import InvalidInputError, StrongLTNError
from strongltn.exits import keeping, say
from strongltn.json_text import json_text
from strongltn.program import completing

if TYPE_CHECKING:
    from experiments.recipe import AbstractRecipe


def reproduce(
    key: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="A recipe; see --list.",
            show_default=False,
            autocompletion=completing(lambda: _recipes()),
        ),
    ] = None,
    is_list: Annotated[bool, typer.Option("--list", help="List the recipes.")] = False,
    is_quick: Annotated[
        bool, typer.Option("--quick", help="A minute or two (the default).")
    ] = False,
    is_full: Annotated[bool, typer.Option("--full", help="Minutes, or hours.")] = False,
    out: Annotated[Path, typer.Option("--out", help="Directory of results.")] = Path("results"),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout.")
    ] = False,
) -> None:
    """Answer a question of the literature again: rows and figure, in OUT/ID/.

    What is there already is not computed again, so that an interrupted run goes on where it was.
    """
    recipes = _recipes()
    if is_list:
        if key is not None or is_quick or is_full:
            raise InvalidInputError(
                "list", got="--list with an ID or an effort", allowed="--list alone"
            )
        entries = [recipe.to_json() for recipe in recipes.values()]
        width = max(map(len, recipes))
        lines = [f"{entry['id']:<{width}}  {entry['question']}" for entry in entries]
        print_report({"recipes": entries}, lines, as_json=as_json)
        return
    if key not in recipes:
        raise InvalidInputError(
            "ID", got=key, allowed=f"one of {', '.join(recipes)}", hint="Try --list."
        )
    if is_quick and is_full:
        raise InvalidInputError("effort", got="--quick --full", allowed="one of the two")
    from experiments.recipe import Effort, run_recipe

    effort = Effort.FULL if is_full else Effort.QUICK
    kept = "what is done is kept: the same command goes on from there."
    with keeping(kept), progress_bars() as progress:
        report = run_recipe(recipes[key], effort=effort, out=out, progress=progress)
    for note in report["notes"]:
        say(note)
    print_report(report, _lines(report), as_json=as_json)


def _recipes() -> dict[str, AbstractRecipe]:
    try:
        from experiments.recipes import RECIPES
    except ModuleNotFoundError as error:
        if error.name not in ("experiments", "experiments.recipes"):
            raise
        raise StrongLTNError(
            "The recipes are the package 'experiments', which is not installed. Run this from a "
            "checkout of strongltn, or install one with: pip install -e ."
        ) from error
    return RECIPES


def _lines(report: dict[str, Any]) -> list[str]:
    kept = report["parts"] - report["computed_now"]
    return [
        f"{report['id']}, {report['effort']}: {report['question']}",
        f"{report['rows']} rows of {report['parts']} parts, {kept} of them computed before",
        *(f"published: {json_text(value)}" for value in report["published"]),
        *report["files"],
    ]
