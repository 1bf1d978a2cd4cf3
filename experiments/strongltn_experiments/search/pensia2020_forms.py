"""The networks of Pensia et al., experiment 2: their names, forms, looks, and rows by pruning."""

from __future__ import annotations

from collections.abc import Iterable

from strongltn.figures.style import BLUE, GREEN, ORANGE, Look
from strongltn.recipes.recipe import Row

#: The forms of a network: as people call them, and how they are drawn.
FORMS = {
    "linear": ("linear diamond", Look(BLUE, "o")),
    "relu": ("ReLU diamond", Look(ORANGE, "s")),
    "wide": ("wide", Look(GREEN, "^")),
}
TITLES = {"fc2": "fc2", "fc4": "fc4", "lenet-5": "LeNet-5"}


def model_of(network: str, form: str) -> str:
    """Return the name of the model that is searched."""
    return f"{network}-{form}" if form == "wide" else f"{network}-{form}-diamond"


def of_network(rows: list[Row], network: str) -> list[Row]:
    """Return the rows of the network in all of its forms, and of the dense one."""
    models = {network, *(model_of(network, form) for form in FORMS)}
    return [row for row in rows if row["model"] in models]


def by_pruned(rows: Iterable[Row]) -> dict[float, list[Row]]:
    """Return the rows of each fraction pruned, in order."""
    found: dict[float, list[Row]] = {}
    for row in sorted(rows, key=lambda row: -row["density"]):
        found.setdefault(round(1 - row["density"], 3), []).append(row)
    return found
