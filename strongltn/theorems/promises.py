"""What theorems promise, as rows of a recipe, and under which conditions.

A row has a number, or every assumption that fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from strongltn.theorems.catalogue import theorem_named
from strongltn.theorems.question import CoverQuestion, NetworkQuestion
from strongltn.theorems.theorem import EXPLICIT, Theorem


def promise_rows(
    theorems: Iterable[Theorem[Any]], question: CoverQuestion | NetworkQuestion
) -> list[dict[str, Any]]:
    """Return one row for each theorem.

    Theorems whose constants are not explicit give no number: their row says so.
    """
    rows = []
    for theorem in theorems:
        row: dict[str, Any] = {"theorem": theorem.key, "title": theorem.title}
        violations = theorem.violations(question)
        if violations:
            rows.append(row | {"does_not_apply": "; ".join(map(str, violations))})
            continue
        promise = theorem.promise(question)
        if promise.constants == EXPLICIT:
            names = ("num_samples", "num_parameters", "necessary_samples", "necessary_parameters")
            numbers = promise.to_json()
            rows.append(row | {name: numbers[name] for name in names if numbers[name] is not None})
        else:
            rows.append(row | {"does_not_apply": promise.constants})
    return rows


def conditions_of(theorems: Iterable[Theorem[Any]]) -> list[str]:
    """Return the conditions of theorems in sentences: first those that all of a kind have.

    Parameters
    ----------
    theorems : iterable of Theorem
        Those on networks and those on samples are two kinds.

    Returns
    -------
    list of str
        For each kind one text for all, and one for each set of further conditions, with the keys of
        the theorems that have it. So no theorem and no condition is left out.
    """
    kinds: dict[type, list[Theorem[Any]]] = {}
    for theorem in theorems:
        kinds.setdefault(theorem.asks, []).append(theorem)
    return [line for some in kinds.values() for line in _of_a_kind(some, is_all=len(kinds) == 1)]


def _of_a_kind(theorems: list[Theorem[Any]], *, is_all: bool) -> list[str]:
    texts = {theorem.key: _conditions(theorem) for theorem in theorems}
    shared = [text for text in texts[theorems[0].key] if all(text in t for t in texts.values())]
    keys_of: dict[tuple[str, ...], list[str]] = {}
    for key, conditions in texts.items():
        rest = tuple(text for text in conditions if text not in shared)
        keys_of.setdefault(rest, []).append(key)
    who = "All theorems here" if is_all and len(texts) > 1 else ", ".join(texts)
    lines = [f"{who}: {'; '.join(shared)}."] if shared else []
    return lines + [
        f"{', '.join(keys)}: {'; '.join(rest)}." for rest, keys in keys_of.items() if rest
    ]


def conditions_named(keys: Iterable[str]) -> list[str]:
    """Return `conditions_of` the theorems of the catalogue with these keys."""
    return conditions_of(map(theorem_named, keys))


def _conditions(theorem: Theorem[Any]) -> list[str]:
    """Return all that a theorem states: its conditions, and what it can be asked."""
    return [*(one.text for one in theorem.conditions), *map(str, theorem.assumptions)]
