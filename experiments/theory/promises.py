"""What theorems promise, as rows of a recipe: a number, or every assumption that fails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

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
