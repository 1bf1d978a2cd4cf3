"""The bibliography: what a key such as lueker1998 stands for, in one line."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

BIBLIOGRAPHY = Path(__file__).parent.parent / "references.bib"

_ENTRY = re.compile(r"@\w+\{(\w+),(.*?)\n\}", re.DOTALL)
_FIELD = re.compile(r"(\w+)\s*=\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_KEY = re.compile(r"\b[a-z]+\d{4}[a-z]*\b")
_ACCENTS = {r"{\'e}": "é", r"{\'\i}": "í"}


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
