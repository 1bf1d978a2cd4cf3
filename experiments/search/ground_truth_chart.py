"""The figure of the ground truth: planted above, constructed below, masks and certificates."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import TYPE_CHECKING

from experiments.recipe import Row, rows_where
from experiments.theory.chart import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    TEAL,
    add_legend,
    new_chart,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FLOOR, _CEILING = 1e-6, 100.0  # what is nearer to the target, or further off, is drawn there
_FOUND = 0.01
_LEAST_OVERLAP = 1e-3
_PLANTED = {
    "relu-unit": "planted: a ReLU unit",
    "circle": "planted: a circle",
    "helix": "planted: a helix",
}
_HIDDEN = {(): "constructed: one diamond", (12,): "constructed: two diamonds"}
_STARTS = {
    "random": ("edge-popup, random scores", BLUE, "o"),
    "annealed": ("edge-popup, annealed density", ORANGE, "s"),
    "truth": ("edge-popup, from the truth's scores", GREEN, "^"),
}


def draw(rows: list[Row]) -> Figure:
    """Draw all rows of the recipe."""
    figure, axes = new_chart(2, 4, size=(16, 8))
    for panel, (target, title) in zip(axes, _PLANTED.items(), strict=False):
        _draw_unexplained(panel, rows_where(rows, target=target), along="ratio")
        panel.set_title(title, fontsize=10)
        panel.set_xscale("log", base=2)
        panel.set_xlabel("hidden neurons of the source for each of the target")
    _draw_overlap(axes[3], [row for row in rows if row["kind"] != "certified"])
    for panel, (hidden, title) in zip(axes[4:], _HIDDEN.items(), strict=False):
        some = list(rows_where(rows, hidden=list(hidden), objective="imitate"))
        _draw_unexplained(panel, some, along="num_samples")
        panel.set_title(title, fontsize=10)
        panel.set_xlabel("samples a weight")
    _draw_accuracy(axes[6], list(rows_where(rows, kind="constructed")))
    _draw_certified(axes[7], list(rows_where(rows, kind="certified")))
    figure.suptitle(
        "Edge-popup on sources that hold a known ticket, at its density: best of all settings in "
        "hindsight, median over seeds",
        fontsize=11,
    )
    add_legend(figure, axes, columns=4)
    return figure


def best_by(rows: Iterable[Row], *, along: str, value: str, is_least: bool) -> dict[float, float]:
    """Return the best of all settings for each seed, as medians over seeds, along a size."""
    best: dict[float, dict[int, float]] = {}
    for row in rows:
        seeds = best.setdefault(row[along], {})
        known = seeds.get(row["seed"], row[value])
        seeds[row["seed"]] = (min if is_least else max)(known, row[value])
    return {x: median(seeds.values()) for x, seeds in sorted(best.items())}


def _draw_unexplained(axes: Axes, rows: Iterable[Row], *, along: str) -> None:
    rows = list(rows)
    known = best_by(rows, along=along, value="truth_unexplained", is_least=True)
    _plot(axes, known, color=BLACK, marker="D", label="the ticket that exists")
    for start, (label, color, marker) in _STARTS.items():
        some = rows_where(rows, start=start)
        curve = best_by(some, along=along, value="unexplained", is_least=True)
        _plot(axes, curve, color=color, marker=marker, label=label)
    axes.axhline(1, color=GREY, lw=1, ls=":", label="the mean of the target")
    axes.axhline(_FOUND, color=GREY, lw=1, ls="--", label="1 %: found")
    axes.set_yscale("log")
    axes.set_ylim(_FLOOR / 2, _CEILING * 2)
    axes.set_ylabel("unexplained share of the variance")


def _plot(axes: Axes, curve: dict[float, float], *, color: str, marker: str, label: str) -> None:
    values = [min(max(value, _FLOOR), _CEILING) for value in curve.values()]
    axes.plot(list(curve), values, color=color, marker=marker, ms=5, lw=1.2, label=label)


def _draw_overlap(axes: Axes, rows: list[Row]) -> None:
    for start in ("random", "annealed"):
        _, color, marker = _STARTS[start]
        for kind, fill in (("planted", "none"), ("constructed", color)):
            some = list(rows_where(rows, kind=kind, start=start))
            axes.scatter(
                [row["iou_by_chance"] for row in some],
                [max(row["iou"], _LEAST_OVERLAP) for row in some],
                s=16,
                marker=marker,
                edgecolors=color,
                facecolors=fill,
                linewidths=0.8,
            )
    axes.plot([_LEAST_OVERLAP, 1], [_LEAST_OVERLAP, 1], color=GREY, lw=1)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title("masks, planted (open) and constructed (full)", fontsize=10)
    axes.set_xlabel("intersection over union by chance")
    axes.set_ylabel("intersection over union, found and truth")


def _draw_accuracy(axes: Axes, rows: list[Row]) -> None:
    searched = [row for row in rows if row["start"] != "truth"]
    for hidden, dashes in (([], "-"), ([12], "--")):
        for objective, color, label in (
            ("classify", PURPLE, "edge-popup, learning the labels"),
            ("imitate", TEAL, "edge-popup, imitating the target"),
        ):
            some = rows_where(searched, hidden=hidden, objective=objective)
            curve = best_by(some, along="num_samples", value="accuracy", is_least=False)
            axes.plot(list(curve), list(curve.values()), color=color, ls=dashes, marker="o", ms=4)
            axes.lines[-1].set_label(label if dashes == "-" else "_")
        some = rows_where(rows, hidden=hidden)
        known = best_by(some, along="num_samples", value="truth_accuracy", is_least=False)
        axes.plot(list(known), list(known.values()), color=BLACK, ls=dashes, marker="D", ms=4)
    axes.set_ylim(0, 1)
    axes.set_title("constructed: one diamond (solid), two (dashed)", fontsize=10)
    axes.set_xlabel("samples a weight")
    axes.set_ylabel("test accuracy")


def _draw_certified(axes: Axes, rows: list[Row]) -> None:
    for name, color, width, label in (
        ("dense_", GREY, 7, "sup |dense|, between certified bounds"),
        ("", PURPLE, 2, "sup |found - dense|, between certified bounds"),
    ):
        low, high = (
            best_by(rows, along="density", value=f"{name}{side}_bound", is_least=True)
            for side in ("lower", "upper")
        )
        axes.vlines(
            list(low), list(low.values()), list(high.values()), color=color, lw=width, label=label
        )
    axes.set_yscale("log")
    axes.set_title("search on the whole digits, over all images", fontsize=10)
    axes.set_xlabel("density")
    axes.set_ylabel("largest output, or difference of outputs")
