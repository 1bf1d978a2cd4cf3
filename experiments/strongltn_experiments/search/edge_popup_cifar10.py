"""Recipe: edge-popup on Conv2 to Conv8 with CIFAR-10, beside the trained dense networks.

Full is for a GPU, which it takes by itself where torch sees one: 8 runs of 100 epochs. It has not
been run; at the recorded time of a step, Conv2 alone takes hours on a CPU. Quick are a few epochs
of a small network on the digits of scikit-learn. The rows say on which device each run was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongltn.figures.style import (
    BLACK,
    BLUE,
    GREY,
    MIN_POINTS,
    add_legend,
    new_figure,
    set_heading,
)
from strongltn.recipes.answer import Answer, listed
from strongltn.recipes.recipe import Effort, Row, Tier, rows_where
from strongltn.report.table import Table
from strongltn_experiments.search.accuracies import percents, shown
from strongltn_experiments.search.search_recipe import SearchRecipe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MODELS = {
    Effort.QUICK: ("digits-conv",),
    Effort.FULL: ("conv2", "conv4", "conv6", "conv8"),
}
_DATA = {Effort.QUICK: "digits", Effort.FULL: "cifar10"}
_NUM_EPOCHS = {Effort.QUICK: 10, Effort.FULL: 100}
_BARS: dict[str, Row] = {
    "dense": {"facecolor": GREY, "edgecolor": BLACK, "label": "dense, trained"},
    "edge-popup": {
        "facecolor": "white",
        "edgecolor": BLUE,
        "hatch": "///",
        "label": "edge-popup, density 0.5",
    },
}
_REACHED = 1.0  # points below the trained network


def _parts(effort: Effort) -> list[Row]:
    from strongltn.search.config import settings_of

    configs = []
    for model in _MODELS[effort]:
        every: Row = {"model": model, "data": _DATA[effort], "epochs": _NUM_EPOCHS[effort]}
        # SGD of the weights does not converge at the learning rate of the scores, 0.1 (recalled)
        configs.append(settings_of("dense", learning_rate=0.01, **every))
        configs.append(settings_of("edge-popup", density=0.5, **every))
    return [config.to_json() for config in configs]


def _draw(rows: list[Row]) -> Figure:
    models = list(dict.fromkeys(row["model"] for row in rows))
    figure, (left, right) = new_figure(1, 2, height=2.6)
    for k, (method, style) in enumerate(_BARS.items()):
        done = [row for row in rows_where(rows, method=method) if "test_accuracy" in row]
        at = [models.index(row["model"]) + 0.4 * k - 0.2 for row in done]
        bars = left.bar(at, percents(done), width=0.38, **style)
        left.bar_label(bars, fmt="%.1f", fontsize=MIN_POINTS)
        bars = right.bar(at, list(map(_images_per_second, done)), width=0.38, **style)
        right.bar_label(bars, fmt="%.0f", fontsize=MIN_POINTS)
    for axes in (left, right):
        axes.set_xticks(range(len(models)), models)
        axes.set_xlim(-0.7, len(models) - 0.3)
        axes.set_xlabel("network")
        axes.margins(y=0.12)
        axes.set_axisbelow(True)
    left.set_ylabel("test accuracy, %")
    right.set_ylabel("images per second in training")
    devices = sorted({row["device"] for row in rows if "device" in row})
    diverged = [f"{row['method']} of {row['model']}" for row in rows if "diverged_after" in row]
    set_heading(
        figure, f"{rows[0]['data']}, {rows[0]['epochs']} epochs, on {' and '.join(devices) or '-'}"
    )
    caption = [f"Without a bar, because it diverged: {', '.join(diverged)}."] if diverged else []
    add_legend(figure, [left], columns=2, caption=caption)
    return figure


def _answer(rows: list[Row]) -> Answer:
    lines: list[tuple[object, ...]] = []
    behind, sentences = [], []
    for model in dict.fromkeys(row["model"] for row in rows):
        dense, found = (percents(rows_where(rows, model=model, method=method)) for method in _BARS)
        difference = found[0] - dense[0] if dense and found else None
        lines.append(
            (
                model,
                shown(dense),
                shown(found),
                None if difference is None else f"{difference:+.1f}",
            )
        )
        if difference is None:
            continue
        sentences.append(f"{model} {found[0]:.1f} % against {dense[0]:.1f} % ({difference:+.1f})")
        if difference < -_REACHED:
            behind.append(model)
    table = Table.of(("network", "dense, %", "edge-popup, %", "difference"), lines)
    if not sentences:
        return Answer(None, "Undecided: no network has both runs.", table)
    missing = len(lines) - len(sentences)
    is_reached = not behind and not missing
    if is_reached:
        begin = f"Yes, edge-popup is at most {_REACHED:g} point below the trained network"
    else:
        begin = f"No, edge-popup is more than {_REACHED:g} point below the trained network"
        begin += f" for {listed(behind)}" if behind else " or diverged"
    diverged = f" Of {missing} a run diverged." if missing else ""
    place = f"on {rows[0]['data']}, after {rows[0]['epochs']} epochs"
    return Answer(
        is_reached,
        f"{begin}, {place}: {listed(sentences)}.{diverged}",
        table,
    )


def markdown_table(rows: list[Row]) -> list[str]:
    """Return accuracy in percent, images/s and device of each run."""
    lines = ["| network | method | accuracy, % | images/s | seconds | device |", "|---" * 6 + "|"]
    for row in rows:
        cells = [row["model"], row["method"], shown(percents([row]))]
        if "device" in row:
            cells += [f"{_images_per_second(row):,.0f}", f"{row['seconds']:,.0f}", row["device"]]
        else:
            cells += [f"diverged after {row['diverged_after']} epochs", "-", "-"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _images_per_second(row: Row) -> float:
    return float(row["steps_per_second"] * row["batch_size"])


RECIPE = SearchRecipe(
    key="edge-popup-cifar10",
    question="Does edge-popup reach the trained Conv2 to Conv8 on CIFAR-10 (--full: on a GPU)?",
    source="ramanujan2020, section 4; the figure there has no table",
    version=1,
    parts=_parts,
    draw=_draw,
    answer=_answer,
    tiers={
        Effort.QUICK: Tier(26),
        Effort.FULL: Tier(3600, "estimated, never run, on a GPU", ("CIFAR-10", "a GPU")),
    },
)
