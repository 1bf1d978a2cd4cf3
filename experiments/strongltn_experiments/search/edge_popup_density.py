"""Recipe: every method of the search against density, with the trained dense network as a line.

Quick on the digits of scikit-learn, full on MNIST with LeNet-300-100. The abscissa is the density
of the mask that was found: a learned supermask chooses its own and is only told where to begin.
"""

from __future__ import annotations

from statistics import mean
from typing import TYPE_CHECKING

from strongltn.figures.style import (
    BLACK,
    LOOKS,
    Look,
    add_legend,
    new_figure,
    set_title,
)
from strongltn.recipes.answer import Answer
from strongltn.recipes.recipe import Effort, Row, Tier, rows_where
from strongltn.report.table import Table
from strongltn_experiments.search.accuracies import draw_accuracies, percents, shown
from strongltn_experiments.search.published import MNIST_SUPERMASKS
from strongltn_experiments.search.search_recipe import SearchRecipe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_METHODS = (
    "edge-popup",
    "biprop",
    "iterand",
    "learned-supermask",
    "signed-supermask",
    "gem-miner",
)
_LOOKS = dict(zip(_METHODS, LOOKS, strict=False))
_NEAR = 2.0  # points below the trained network
_DENSITIES = {
    Effort.QUICK: (0.02, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9),
    Effort.FULL: (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9),
}
_DATA = {Effort.QUICK: "digits", Effort.FULL: "mnist"}
_NUM_EPOCHS, _NUM_SEEDS = 20, 3


def _parts(effort: Effort) -> list[Row]:
    from strongltn.search.config import settings_of

    configs = []
    for seed in range(_NUM_SEEDS):
        every: Row = {"data": _DATA[effort], "epochs": _NUM_EPOCHS, "seed": seed}
        configs.append(settings_of("dense", **every))
        configs += [
            settings_of(method, density=density, **every)
            for density in _DENSITIES[effort]
            for method in _METHODS
        ]
    return [config.to_json() for config in configs]


def _draw(rows: list[Row]) -> Figure:
    figure, (axes,) = new_figure(1, 1, height=3.6)
    for method, look in _LOOKS.items():
        found = {
            mean(_density_found(row) for row in at): percents(at)
            for at in _by_density(rows, method).values()
        }
        draw_accuracies(axes, dict(sorted(found.items())), look, label=method)
    data = rows[0]["data"]
    for value in MNIST_SUPERMASKS if data == "mnist" else ():
        look = Look(_LOOKS[value["method"]].color, "*", "", is_open=True, size=9.0)
        name = f"{value['method']}, published"
        axes.plot(value["density"], value["accuracy_percent"], label=name, **look.style())
    if dense := percents(rows_where(rows, method="dense")):
        axes.axhline(mean(dense), color=BLACK, lw=1, label="dense, trained")
    axes.set_xscale("log")
    axes.set_xlabel("density of the mask that was found")
    axes.set_ylabel("test accuracy, %")
    seeds = sorted({row["seed"] for row in rows})
    what = f"{rows[0]['model']}, {data}, {rows[0]['epochs']} epochs"
    set_title(axes, f"{what}: mean and range of seeds {seeds}")
    add_legend(figure, [axes], columns=3)
    return figure


def _answer(rows: list[Row]) -> Answer:
    dense = percents(rows_where(rows, method="dense"))
    columns = {method: _by_density(rows, method) for method in _METHODS}
    lines = [
        (f"{density:g}", *(shown(percents(column.get(density, []))) for column in columns.values()))
        for density in sorted({density for column in columns.values() for density in column})
    ]
    lines.append(("dense, trained", shown(dense), *[""] * (len(_METHODS) - 1)))
    table = Table.of(("density asked for", *_METHODS), lines)
    if not dense or not any(columns.values()):
        return Answer(None, "Undecided: there is no trained network, or no method.", table)
    level, near, far = mean(dense) - _NEAR, [], []
    for method, column in columns.items():
        means = {
            mean(map(_density_found, at)): mean(percents(at))
            for at in column.values()
            if percents(at)
        }
        enough = [density for density, accuracy in means.items() if accuracy >= level]
        if enough:
            near.append(f"{method} (from density {min(enough):.2g})")
        else:
            best = f" (at best {max(means.values()):.1f} %)" if means else " (no run)"
            far.append(method + best)
    verdict = (
        f"Within {_NEAR:g} points of the trained dense network ({mean(dense):.1f} %): "
        f"{', '.join(near) or 'no method'}. Never: {', '.join(far) or 'none of them'}."
    )
    return Answer(bool(near), f"{verdict} {_beside_published(rows)}", table)


def _beside_published(rows: list[Row]) -> str:
    """Return a sentence on the published values, or that the data are not theirs."""
    texts = []
    for value in MNIST_SUPERMASKS:
        some = [
            row
            for row in rows_where(rows, method=value["method"], data=value["data"])
            if "test_accuracy" in row
        ]
        if not some:
            texts.append(f"what was published of {value['method']} is of {value['data']}")
            continue
        nearest = min(some, key=lambda row: abs(_density_found(row) - value["density"]))
        ours, theirs = 100 * nearest["test_accuracy"], value["accuracy_percent"]
        texts.append(
            f"published of {value['method']} at density {value['density']:g}: {theirs:g} %, here "
            f"at {_density_found(nearest):.2g}: {ours:.1f} % ({ours - theirs:+.1f})"
        )
    text = "; ".join(texts)
    return f"{text[:1].upper()}{text[1:]}."


def markdown_table(rows: list[Row]) -> list[str]:
    """Return the accuracies in percent, a row for each density that was asked for."""
    lines = [f"| density | {' | '.join(_METHODS)} |", "|---" * (1 + len(_METHODS)) + "|"]
    columns = [_by_density(rows, method) for method in _METHODS]
    for density in sorted({density for column in columns for density in column}):
        cells = [shown(percents(column.get(density, []))) for column in columns]
        lines.append(f"| {density:g} | {' | '.join(cells)} |")
    dense = shown(percents(rows_where(rows, method="dense")))
    return [*lines, f"| dense, trained | {dense} |" + " |" * (len(_METHODS) - 1)]


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
    answer=_answer,
    tiers={
        Effort.QUICK: Tier(165),
        Effort.FULL: Tier(3600, "estimated", ("MNIST (STRONGLTN_DATA)",)),
    },
    published=MNIST_SUPERMASKS,
)
