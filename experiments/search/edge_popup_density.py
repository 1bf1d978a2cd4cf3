"""Recipe: every method of the search against density, with the trained dense network as a line.

Quick on the digits of scikit-learn, full on MNIST with LeNet-300-100. The abscissa is the density
of the mask that was found: a learned supermask chooses its own and is only told where to begin.
"""

from __future__ import annotations

from statistics import mean
from typing import TYPE_CHECKING

from experiments.recipe import Effort, Row, rows_where
from experiments.search.accuracies import draw_accuracies, percents, shown
from experiments.search.published import MNIST_SUPERMASKS
from experiments.search.search_recipe import SearchRecipe
from experiments.theory.chart import (
    BLACK,
    BLUE,
    GREEN,
    OLIVE,
    ORANGE,
    PINK,
    PURPLE,
    add_legend,
    new_chart,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLORS = {
    "edge-popup": BLUE,
    "biprop": ORANGE,
    "iterand": GREEN,
    "learned-supermask": PURPLE,
    "signed-supermask": OLIVE,
    "gem-miner": PINK,
}
_DENSITIES = {
    Effort.QUICK: (0.02, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9),
    Effort.FULL: (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9),
}
_DATA = {Effort.QUICK: "digits", Effort.FULL: "mnist"}
_NUM_EPOCHS, _NUM_SEEDS = 20, 3


def _parts(effort: Effort) -> list[Row]:
    from strongltn.search.settings import settings_of

    configs = []
    for seed in range(_NUM_SEEDS):
        every: Row = {"data": _DATA[effort], "epochs": _NUM_EPOCHS, "seed": seed}
        configs.append(settings_of("dense", **every))
        configs += [
            settings_of(method, density=density, **every)
            for density in _DENSITIES[effort]
            for method in _COLORS
        ]
    return [config.to_json() for config in configs]


def _draw(rows: list[Row]) -> Figure:
    figure, (axes,) = new_chart(1, 1, size=(8.5, 5.5))
    for method, color in _COLORS.items():
        found = {
            mean(_density_found(row) for row in at): percents(at)
            for at in _by_density(rows, method).values()
        }
        draw_accuracies(axes, dict(sorted(found.items())), color=color, label=method)
    data = rows[0]["data"]
    for value in MNIST_SUPERMASKS if data == "mnist" else ():
        style: Row = {"color": _COLORS[value["method"]], "ls": "", "ms": 9, "mfc": "none"}
        name = f"{value['method']}, published"
        axes.plot(value["density"], value["accuracy_percent"], "D", label=name, **style)
    if dense := percents(rows_where(rows, method="dense")):
        axes.axhline(mean(dense), color=BLACK, lw=1, label="dense, trained")
    axes.set_xscale("log")
    axes.set_xlabel("density of the mask that was found")
    axes.set_ylabel("test accuracy, %")
    seeds = sorted({row["seed"] for row in rows})
    what = f"{rows[0]['model']}, {data}, {rows[0]['epochs']} epochs"
    axes.set_title(f"{what}: mean and range of seeds {seeds}", fontsize=10)
    add_legend(figure, [axes], columns=4)
    return figure


def markdown_table(rows: list[Row]) -> list[str]:
    """Return the accuracies in percent, a row for each density that was asked for."""
    lines = [f"| density | {' | '.join(_COLORS)} |", "|---" * (1 + len(_COLORS)) + "|"]
    columns = [_by_density(rows, method) for method in _COLORS]
    for density in sorted({density for column in columns for density in column}):
        cells = [shown(percents(column.get(density, []))) for column in columns]
        lines.append(f"| {density:g} | {' | '.join(cells)} |")
    dense = shown(percents(rows_where(rows, method="dense")))
    return [*lines, f"| dense, trained | {dense} |" + " |" * (len(_COLORS) - 1)]


def _by_density(rows: list[Row], method: str) -> dict[float, list[Row]]:
    """Return the rows of a method by the density that was asked for."""
    found: dict[float, list[Row]] = {}
    for row in rows_where(rows, method=method):
        found.setdefault(row["density"], []).append(row)
    return found


def _density_found(row: Row) -> float:
    """Return the density of the mask; where the run diverged, what was asked for."""
    return float(row["num_kept"] / row["num_weights"]) if "num_kept" in row else row["density"]


RECIPE = SearchRecipe(
    key="edge-popup-density",
    question="How well does each method do at each density, beside the trained dense network?",
    source="ramanujan2020, diffenderfer2021, chijiwa2021, zhou2019, koster2022, sreenivasan2022",
    version=1,
    parts=_parts,
    draw=_draw,
    published=MNIST_SUPERMASKS,
)
