"""Recipe: edge-popup on Conv2 to Conv8 with CIFAR-10, beside the trained dense networks.

Full is for a GPU, which it takes by itself where torch sees one: 8 runs of 100 epochs. It has not
been run; at the recorded time of a step, Conv2 alone takes hours on a CPU. Quick are a few epochs
of a small network on the digits of scikit-learn. The rows say on which device each run was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiments.recipe import Effort, Row, rows_where
from experiments.search.accuracies import percents, shown
from experiments.search.search_recipe import SearchRecipe
from experiments.theory.chart import BLUE, GREY, add_legend, new_chart

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MODELS = {
    Effort.QUICK: ("digits-conv",),
    Effort.FULL: ("conv2", "conv4", "conv6", "conv8"),
}
_DATA = {Effort.QUICK: "digits", Effort.FULL: "cifar10"}
_NUM_EPOCHS = {Effort.QUICK: 10, Effort.FULL: 100}
_COLORS = {"dense": GREY, "edge-popup": BLUE}


def _parts(effort: Effort) -> list[Row]:
    from strongltn.search.settings import settings_of

    configs = []
    for model in _MODELS[effort]:
        every: Row = {"model": model, "data": _DATA[effort], "epochs": _NUM_EPOCHS[effort]}
        # SGD of the weights does not converge at the learning rate of the scores, 0.1 (recalled)
        configs.append(settings_of("dense", learning_rate=0.01, **every))
        configs.append(settings_of("edge-popup", density=0.5, **every))
    return [config.to_json() for config in configs]


def _draw(rows: list[Row]) -> Figure:
    models = list(dict.fromkeys(row["model"] for row in rows))
    figure, (left, right) = new_chart(1, 2, size=(10, 4.5))
    for k, (method, color) in enumerate(_COLORS.items()):
        done = [row for row in rows_where(rows, method=method) if "test_accuracy" in row]
        at = [models.index(row["model"]) + 0.4 * k - 0.2 for row in done]
        label = "edge-popup, density 0.5" if method == "edge-popup" else "dense, trained"
        bars = left.bar(at, percents(done), width=0.38, color=color, label=label)
        left.bar_label(bars, fmt="%.1f", fontsize=8)
        bars = right.bar(at, list(map(_images_per_second, done)), width=0.38, color=color)
        right.bar_label(bars, fmt="%.0f", fontsize=8)
    for axes in (left, right):
        axes.set_xticks(range(len(models)), models)
    left.set_ylabel("test accuracy, %")
    right.set_ylabel("images/s in training")
    devices = sorted({row["device"] for row in rows if "device" in row})
    title = f"{rows[0]['data']}, {rows[0]['epochs']} epochs, on {' and '.join(devices)}"
    figure.suptitle(title, fontsize=10)
    add_legend(figure, [left], columns=2)
    return figure


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
)
