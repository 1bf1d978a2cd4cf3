"""The figure of the ground truth: planted above, constructed below, masks and certificates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from strongltn.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LONG_DASHES,
    ORANGE,
    PURPLE,
    TEAL,
    Look,
    add_legend,
    draw_line,
    new_figure,
    set_heading,
    set_title,
)
from strongltn.recipes.recipe import Row, rows_where

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FLOOR, _CEILING = 1e-6, 100.0  # what is nearer to the target, or further off, is drawn there
FOUND = 0.01  # unexplained share of the variance up to which a ticket counts as found
_LEAST_OVERLAP = 1e-3
_PLANTED = {
    "relu-unit": "planted: a ReLU unit",
    "circle": "planted: a circle",
    "helix": "planted: a helix",
}
_HIDDEN = {(): "constructed: one diamond", (12,): "constructed: two diamonds"}
_KNOWN = Look(BLACK, "D", ":", size=5.0)
_STARTS = {
    "random": ("edge-popup, random scores", Look(BLUE, "o")),
    "annealed": ("edge-popup, annealed density", Look(ORANGE, "s", "--")),
    "truth": ("edge-popup, from the truth's scores", Look(GREEN, "^", "-.")),
}
_OBJECTIVES = {
    "classify": ("learning the labels", Look(PURPLE, "v", LONG_DASHES)),
    "imitate": ("imitating the target", Look(TEAL, "s", (0, (3, 1)))),
}
_CERTIFIED = {
    "dense_": ("sup |dense|, between certified bounds", Look(GREY, "s", width=2.0), -2.5),
    "": ("sup |found - dense|, between certified bounds", Look(PURPLE, "o", "--"), 2.5),
}


def draw(rows: list[Row]) -> Figure:
    """Draw all rows of the recipe."""
    figure, axes = new_figure(4, 2, height=8.0)
    for panel, (target, title) in zip(axes, _PLANTED.items(), strict=False):
        _draw_unexplained(panel, rows_where(rows, target=target), along="ratio")
        set_title(panel, title)
        panel.set_xscale("log", base=2)
        panel.xaxis.set_major_formatter("{x:.0f}")
        panel.set_xlabel("hidden neurons, source over target")
    _draw_overlap(axes[3], [row for row in rows if row["kind"] != "certified"])
    for panel, (hidden, title) in zip(axes[4:], _HIDDEN.items(), strict=False):
        some = list(rows_where(rows, hidden=list(hidden), objective="imitate"))
        _draw_unexplained(panel, some, along="num_samples")
        set_title(panel, title)
        panel.set_xlabel("samples a weight")
    _draw_accuracy(axes[6], list(rows_where(rows, kind="constructed")))
    _draw_certified(axes[7], list(rows_where(rows, kind="certified")))
    set_heading(figure, "Edge-popup on sources that hold a known ticket, at its density")
    add_legend(
        figure,
        axes,
        columns=2,
        caption=[
            "Best of all settings in hindsight, median over seeds. Curves that would cover one "
            "another are a little apart from left to right."
        ],
    )
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
    curves = [("the ticket that exists", _KNOWN, known)]
    for start, (label, look) in _STARTS.items():
        some = rows_where(rows, start=start)
        curve = best_by(some, along=along, value="unexplained", is_least=True)
        curves.append((label, look, curve))
    for k, (label, look, curve) in enumerate(curves):
        x, y = list(curve), list(curve.values())
        shift = 3.0 * k - 4.5
        draw_line(axes, x, y, look, label=label, between=(_FLOOR, _CEILING), shift=shift)
    axes.axhline(1, color=GREY, lw=0.8, ls="-", label="the mean of the target")
    axes.axhline(FOUND, color=GREY, lw=0.8, ls="--", label="1 %: found")
    axes.set_yscale("log")
    axes.set_ylim(_FLOOR / 50, _CEILING * 5)
    axes.set_ylabel("unexplained variance")


def _draw_overlap(axes: Axes, rows: list[Row]) -> None:
    for start in ("random", "annealed"):
        label, look = _STARTS[start]
        for kind in ("planted", "constructed"):
            some = list(rows_where(rows, kind=kind, start=start))
            cloud = replace(look, dashes="", is_open=kind == "planted")
            draw_line(
                axes,
                [row["iou_by_chance"] for row in some],
                [row["iou"] for row in some],
                cloud,
                label=f"{label}: {kind}",
                between=(_LEAST_OVERLAP, 1.0),
                markers=len(some),
            )
    axes.plot([_LEAST_OVERLAP, 1], [_LEAST_OVERLAP, 1], color=GREY, lw=0.8, ls=":", label="chance")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(_LEAST_OVERLAP / 3, 2)
    set_title(axes, "masks: found and truth")
    axes.set_xlabel("intersection over union by chance")
    axes.set_ylabel("intersection over union")


def _draw_accuracy(axes: Axes, rows: list[Row]) -> None:
    searched = [row for row in rows if row["start"] != "truth"]
    for hidden, number in (([], "one diamond"), ([12], "two diamonds")):
        some = list(rows_where(rows, hidden=hidden))
        known = best_by(some, along="num_samples", value="truth_accuracy", is_least=False)
        curves = [("the ticket that exists", _KNOWN, known)]
        for objective, (label, look) in _OBJECTIVES.items():
            some = list(rows_where(searched, hidden=hidden, objective=objective))
            curve = best_by(some, along="num_samples", value="accuracy", is_least=False)
            curves.append((label, look, curve))
        for label, look, curve in curves:
            look = replace(look, is_open=bool(hidden))
            draw_line(axes, list(curve), list(curve.values()), look, label=f"{label}, {number}")
    axes.set_ylim(0, 1)
    set_title(axes, "constructed: accuracy")
    axes.set_xlabel("samples a weight")
    axes.set_ylabel("test accuracy")


def _draw_certified(axes: Axes, rows: list[Row]) -> None:
    for name, (label, look, shift) in _CERTIFIED.items():
        low, high = (
            best_by(rows, along="density", value=f"{name}{side}_bound", is_least=True)
            for side in ("lower", "upper")
        )
        gap = float("nan")  # between one interval and the next
        x = [value for density in low for value in (density, density, gap)]
        y = [value for density in low for value in (low[density], high[density], gap)]
        draw_line(axes, x, y, look, label=label, shift=shift, markers=len(x))
    axes.set_ylim(bottom=0)
    set_title(axes, "search on the whole digits, over all images")
    axes.set_xlabel("density")
    axes.set_ylabel("largest output, or difference")
