"""Finding recipes: in every module of the packages that register themselves as having some.

A package says so by an entry point of the group ``strongltn.recipes``, whose value is its name. Its
modules are imported, and each recipe in them is found: the value of ``RECIPE``, or those of
``RECIPES``. So a new recipe is one file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType

from strongltn.recipes.recipe import AbstractRecipe

GROUP = "strongltn.recipes"
OURS = "strongltn"  #: The name of the entry of the recipes that come with strongltn.


@dataclass(frozen=True)
class FoundRecipe:
    """A recipe, and the rows of a run of it that came with its package.

    Attributes
    ----------
    recipe : AbstractRecipe
        The recipe itself.
    record : Path or None
        ``recorded/KEY.jsonl`` in the package, as `run_recipe` writes it; None where there is none.
    """

    recipe: AbstractRecipe
    record: Path | None


@dataclass(frozen=True)
class Found:
    """All recipes that could be found.

    Attributes
    ----------
    recipes : dict
        By key, in alphabetical order.
    failures : tuple of str
        One sentence for each package that could not be imported, and for each key that is taken.
    """

    recipes: dict[str, FoundRecipe]
    failures: tuple[str, ...]


def found_recipes() -> Found:
    """Return the recipes of all packages that registered some; a broken package hides no other."""
    recipes: dict[str, FoundRecipe] = {}
    failures = []
    ours_first = sorted(entry_points(group=GROUP), key=lambda one: (one.name != OURS, one.value))
    for entry in ours_first:
        try:
            some = recipes_in(import_module(entry.value))
        except Exception as error:
            failures.append(f"The recipes of {entry.value!r} cannot be imported: {error!r}")
            continue
        failures += [
            f"{entry.value!r} has a recipe {found.recipe.key!r}; another one is called so"
            for found in some
            if recipes.setdefault(found.recipe.key, found) is not found
        ]
    return Found(dict(sorted(recipes.items())), tuple(failures))


def recipes_in(package: ModuleType) -> list[FoundRecipe]:
    """Return the recipes of all modules of a package, with their records."""
    (folder,) = map(Path, package.__path__)
    found = []
    for recipe in _recipes_of(package):
        record = folder / "recorded" / f"{recipe.key}.jsonl"
        found.append(FoundRecipe(recipe, record if record.is_file() else None))
    return found


def _recipes_of(package: ModuleType) -> Iterator[AbstractRecipe]:
    for module in walk_packages(package.__path__, f"{package.__name__}."):
        names = vars(import_module(module.name))
        yield from names.get("RECIPES", ())
        if "RECIPE" in names:
            yield names["RECIPE"]
