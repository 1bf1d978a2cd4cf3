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
from pkgutil import iter_modules
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
        Every recipe under its key, in alphabetical order.
    failures : tuple of str
        One sentence for each module that could not be imported, and for each key that is taken.
    """

    recipes: dict[str, FoundRecipe]
    failures: tuple[str, ...]


def found_recipes() -> Found:
    """Return the recipes of all packages that registered some; a broken module hides no other."""
    recipes: dict[str, FoundRecipe] = {}
    failures: list[str] = []
    ours_first = sorted(entry_points(group=GROUP), key=lambda one: (one.name != OURS, one.value))
    for entry in ours_first:
        package = _imported(entry.value, failures)
        some = recipes_in(package, failures) if package else []
        failures += [
            f"{entry.value!r} has a recipe {found.recipe.key!r}; another one is called so"
            for found in some
            if recipes.setdefault(found.recipe.key, found) is not found
        ]
    return Found(dict(sorted(recipes.items())), tuple(failures))


def recipes_in(package: ModuleType, failures: list[str]) -> list[FoundRecipe]:
    """Return the recipes of all modules of a package, with their records.

    A module that cannot be imported is named in a sentence that is added to `failures`.
    """
    (folder,) = map(Path, package.__path__)
    found = []
    for module in _modules(package, failures):
        one = [module.RECIPE] if hasattr(module, "RECIPE") else []
        for recipe in (*one, *getattr(module, "RECIPES", ())):
            record = folder / "recorded" / f"{recipe.key}.jsonl"
            found.append(FoundRecipe(recipe, record if record.is_file() else None))
    return found


def _modules(package: ModuleType, failures: list[str]) -> Iterator[ModuleType]:
    """Import and return the modules in a package, and those in the packages in it."""
    for found in iter_modules(package.__path__, f"{package.__name__}."):
        module = _imported(found.name, failures)
        if module is not None:
            yield module
            if found.ispkg:
                yield from _modules(module, failures)


def _imported(name: str, failures: list[str]) -> ModuleType | None:
    try:
        return import_module(name)
    except (Exception, SystemExit) as error:  # a script may end the program when it is imported
        failures.append(f"The recipes of {name!r} cannot be imported: {error!r}")
        return None
