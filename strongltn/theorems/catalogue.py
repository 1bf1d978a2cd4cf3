"""All theorems, by key."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from strongltn.errors import InvalidInputError, suggestion
from strongltn.theorems.question import CoverQuestion, NetworkQuestion
from strongltn.theorems.theorem import Theorem

_COVER = ("lueker1998", "dacunha2022", "becchetti2022", "cover")
_NETWORK = (
    "malach2020",
    "orseau2020",
    "pensia2020",
    "burkholz2022",
    "dacunha2022cnn",
    "natale2024",
    "kumar2025",
    "otsuka2025",
)


@cache
def cover_theorems() -> tuple[Theorem[CoverQuestion], ...]:
    """Return the theorems on all targets of an interval."""
    return _theorems(_COVER)


@cache
def network_theorems() -> tuple[Theorem[NetworkQuestion], ...]:
    """Return the theorems on whole networks."""
    return _theorems(_NETWORK)


def theorem_named(key: str) -> Theorem[Any]:
    """Return a theorem by its key, upper or lower case.

    Raises
    ------
    InvalidInputError
        There is none of that name.

    Examples
    --------
    >>> theorem_named("cover.uniform").title
    '(3/4)^n'
    """
    known: tuple[Theorem[Any], ...] = (*cover_theorems(), *network_theorems())
    for theorem in known:
        if isinstance(key, str) and theorem.key.lower() == key.lower():
            return theorem
    keys = [theorem.key for theorem in known]
    hint = suggestion(key, keys)
    allowed = "a key that strongltn bound list shows" if hint else f"one of {', '.join(keys)}"
    raise InvalidInputError("theorem", got=key, allowed=allowed, hint=hint)


def _theorems(names: tuple[str, ...]) -> tuple[Theorem[Any], ...]:
    modules = [import_module(f"strongltn.theorems.{name}") for name in names]
    return tuple(theorem for module in modules for theorem in module.THEOREMS)
