"""All theorems by key, found in the modules of this package and of others; and the bibliography."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from strongltn import theorems
from strongltn.errors import InvalidInputError, suggestion
from strongltn.theorems.question import CoverQuestion, NetworkQuestion
from strongltn.theorems.theorem import Theorem

#: Packages of others register theirs in this group of entry points: each is a module.
GROUP = "strongltn.theorems"

BIBLIOGRAPHY = Path(__file__).parent.parent / "references.bib"

_ENTRY = re.compile(r"@\w+\{(\w+),(.*?)\n\}", re.DOTALL)
_FIELD = re.compile(r"(\w+)\s*=\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_KEY = re.compile(r"\b[a-z]+\d{4}[a-z]*\b")
_ACCENTS = {r"{\'e}": "é", r"{\'\i}": "í"}


@cache
def cover_theorems() -> tuple[Theorem[CoverQuestion], ...]:
    """Return the theorems on all targets of an interval."""
    return tuple(theorem for theorem in _theorems() if theorem.asks is CoverQuestion)


@cache
def network_theorems() -> tuple[Theorem[NetworkQuestion], ...]:
    """Return the theorems on whole networks."""
    return tuple(theorem for theorem in _theorems() if theorem.asks is NetworkQuestion)


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


@cache
def _theorems() -> tuple[Theorem[Any], ...]:
    """Return ``THEOREMS`` of every module that is called after a paper, in the order of years.

    Whoever adds a paper adds its module, AUTHORYEAR, and nothing else. `cover` holds ours. The
    other modules here carry proofs out, and are slower to import.
    """
    places = [module.name for module in iter_modules(theorems.__path__)]
    names = [f"{theorems.__name__}.{name}" for name in places if _year(name) or name == "cover"]
    names += [entry.value for entry in entry_points(group=GROUP)]
    modules = map(import_module, sorted(names, key=lambda name: (_year(name) or "9999", name)))
    return tuple(theorem for module in modules for theorem in module.THEOREMS)


def _year(name: str) -> str:
    """Return the year in the name of a module, or nothing."""
    found = re.search(r"[0-9]{4}", name)
    return found[0] if found else ""


# the bibliography


@cache
def _entries() -> dict[str, dict[str, str]]:
    text = BIBLIOGRAPHY.read_text("utf-8")
    for written, letter in _ACCENTS.items():
        text = text.replace(written, letter)
    return {
        key: {name.lower(): " ".join(value.split()) for name, value in _FIELD.findall(body)}
        for key, body in _ENTRY.findall(text)
    }


def reference(key: str) -> str:
    """Return author, title, place, pages and year of an entry.

    Raises
    ------
    KeyError
        There is no such entry.

    Examples
    --------
    >>> reference("garsia1974")
    "Garsia, Rodemich: Monotonicity of Certain Functionals under Rearrangement. Annales de...1974."
    """
    entry = _entries()[key]
    names = [name.split(",")[0].strip() for name in entry["author"].split(" and ")]
    place = entry.get("journal") or entry.get("booktitle") or ""
    if volume := entry.get("volume"):
        place += f" {volume}" + (f"({entry['number']})" if "number" in entry else "")
    pages = f"pp. {entry['pages'].replace('--', '-')}" if "pages" in entry else ""
    where = ", ".join(part for part in (place, pages, entry.get("year", "")) if part)
    title = re.sub(r"[{}$]", "", entry["title"])
    note = f" ({entry['note']})" if "note" in entry else ""
    return f"{', '.join(names)}: {title}. {where}.{note}"


def references_in(source: str) -> list[str]:
    """Return the references that the source of a theorem names, in their order."""
    return [reference(key) for key in dict.fromkeys(_KEY.findall(source)) if key in _entries()]
