"""Test accuracies of several seeds, in percent: as text, and as a line with the range around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from statistics import mean
from typing import TYPE_CHECKING

from strongltn.figures.style import Look, draw_line
from strongltn.recipes.recipe import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def percents(rows: Iterable[Row], name: str = "test_accuracy") -> list[float]:
    """Return the accuracies of the runs that did not diverge."""
    return [100 * row[name] for row in rows if name in row]


def shown(accuracies: list[float]) -> str:
    """Return the mean, with the range where there are several; "-" for none."""
    if not accuracies:
        return "-"
    text = f"{mean(accuracies):.1f}"
    if len(accuracies) == 1:
        return text
    return f"{text} ({min(accuracies):.1f}-{max(accuracies):.1f})"


def draw_accuracies(
    axes: Axes, accuracies: Mapping[float, list[float]], look: Look, *, label: str
) -> None:
    """Draw mean and range against x; a cross at the bottom where every run diverged."""
    found = {x: values for x, values in accuracies.items() if values}
    low, high = list(map(min, found.values())), list(map(max, found.values()))
    axes.fill_between(list(found), low, high, color=look.color, alpha=0.15, lw=0)
    means = list(map(mean, found.values()))
    draw_line(axes, list(found), means, look, label=label, markers=len(means))
    diverged = [x for x, values in accuracies.items() if not values]
    if diverged:
        zeros = [0.0] * len(diverged)
        draw_line(axes, diverged, zeros, replace(look, dashes="", is_open=True, size=7), label="_")
        cross = Look(look.color, "x", "")
        draw_line(axes, diverged, zeros, cross, label="crossed out at 0: every run diverged")
