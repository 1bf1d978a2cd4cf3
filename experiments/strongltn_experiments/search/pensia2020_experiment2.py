"""Recipes: edge-popup on diamonds and on plainly widened networks (Pensia et al., experiment 2).

One recipe for each network of theirs. Settings are those of the authors' scripts, with three seeds
for their one. A point of their figures is the best of several runs, which by their logs have 1 to
150 epochs; here all runs of a network have one length. Fraction 0 pruned, in their scripts, leaves
nothing to search; the figures begin at 0.01. The dense line is a network all of whose weights are
trained, convolutions included.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from statistics import mean
from typing import TYPE_CHECKING

from strongltn.figures.style import (
    BLACK,
    COLUMN_INCHES,
    MIN_POINTS,
    PAGE_INCHES,
    add_legend,
    draw_line,
    new_figure,
    set_heading,
    set_title,
)
from strongltn.recipes.recipe import Effort, Row, Tier, rows_where
from strongltn_experiments.search.accuracies import draw_accuracies, percents
from strongltn_experiments.search.pensia2020_comparison import comparison_answer
from strongltn_experiments.search.pensia2020_forms import (
    FORMS,
    TITLES,
    by_pruned,
    model_of,
    of_network,
)
from strongltn_experiments.search.published import (
    PENSIA_ACCURACY,
    PENSIA_DENSE,
    PENSIA_PRUNED,
    PENSIA_SOURCE,
    pensia_published,
)
from strongltn_experiments.search.search_recipe import SearchRecipe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NOTHING_PRUNED_AT = 0.005  # where the axis, which has no 0, shows fraction 0
_TICKS = (0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@dataclass(frozen=True)
class _Plan:
    """What an effort runs on a network."""

    data: str
    epochs: int
    pruned: tuple[float, ...]
    num_seeds: int


# at weak pruning the authors' runs of 5 epochs are near their figures, those of 30 far below
_FULL = _Plan("mnist", 5, (0.0, *PENSIA_PRUNED), 3)
_PLANS = {
    ("fc2", Effort.QUICK): _Plan("digits", 30, (0.01, 0.05, 0.1, 0.5, 0.9, 0.95, 0.99), 1),
    ("fc4", Effort.QUICK): _Plan("digits", 15, (0.05, 0.5, 0.95), 1),
    # its convolutions need images larger than the digits
    ("lenet-5", Effort.QUICK): _Plan("mnist", 1, (0.05, 0.5, 0.95), 1),
    ("fc2", Effort.FULL): _FULL,
    ("fc4", Effort.FULL): _FULL,
    # at weak pruning the published points are the authors' runs of 20 epochs
    ("lenet-5", Effort.FULL): _Plan("mnist", 20, _FULL.pruned, 3),
}


def _parts(network: str, effort: Effort) -> list[Row]:
    from strongltn.search.config import settings_of

    plan = _PLANS[network, effort]
    dense: Row = {
        "learning_rate": 0.01 if network == "lenet-5" else 0.1,
        "weight_decay": 5e-4,
        "batch_size": 64,
    }
    configs = []
    for seed in range(plan.num_seeds):
        every: Row = {"data": plan.data, "epochs": plan.epochs, "seed": seed}
        configs.append(settings_of("dense", model=network, **every, **dense))
        configs += [
            settings_of(
                "edge-popup",
                model=model_of(network, form),
                density=round(1 - pruned, 3),
                **every,
            )
            for pruned, form in product(plan.pruned, FORMS)
        ]
    return [config.to_json() for config in configs]


# the figure


def draw(rows: list[Row]) -> Figure:
    """Draw our accuracies over the published ones, a panel for each network that has rows."""
    networks = [name for name in TITLES if of_network(rows, name)]
    width = PAGE_INCHES if len(networks) > 1 else 1.5 * COLUMN_INCHES
    figure, axes = new_figure(1, len(networks), width=width, height=3.2)
    for one, network in zip(axes, networks, strict=True):
        some = of_network(rows, network)
        _draw_network(one, network, some)
        number = some[0]["epochs"]
        what = f"{some[0]['data']}, {number} epoch{'s' if number > 1 else ''}"
        seeds = sorted({row["seed"] for row in some})
        set_title(one, f"{TITLES[network]}, {what}, seeds {seeds}")
    set_heading(figure, "Edge-popup on diamonds and on widened networks")
    is_mnist = all(row["data"] == "mnist" for row in rows)
    other = "" if is_mnist else f", not on {rows[0]['data']}: not comparable with the others"
    add_legend(
        figure,
        axes,
        columns=2,
        caption=[
            "Mean and range of the seeds.",
            f"Dashed, empty: pensia2020 on MNIST, read off a plot, ±1{other}.",
        ],
    )
    return figure


def _draw_network(axes: Axes, network: str, rows: list[Row]) -> None:
    from matplotlib.ticker import NullFormatter, NullLocator

    for form, (name, look) in FORMS.items():
        found = by_pruned(rows_where(rows, model=model_of(network, form)))
        draw_accuracies(
            axes,
            {pruned or _NOTHING_PRUNED_AT: percents(at) for pruned, at in found.items()},
            look,
            label=name,
        )
        published = replace(look, dashes="--", is_open=True, width=0.8)
        accuracies = PENSIA_ACCURACY[network][form]
        label = f"{name}, published"
        draw_line(axes, PENSIA_PRUNED, accuracies, published, label=label, markers=len(accuracies))
    if dense := percents(rows_where(rows, method="dense")):
        axes.axhline(mean(dense), color=BLACK, lw=1, label="dense, trained")
    axes.axhline(PENSIA_DENSE[network], color=BLACK, lw=1, ls="--", label="dense, published")
    axes.set_xscale("logit")
    axes.set_xticks([tick or _NOTHING_PRUNED_AT for tick in _TICKS], [f"{t:g}" for t in _TICKS])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params("x", labelsize=MIN_POINTS)
    axes.set_xlabel("fraction pruned")
    axes.set_ylabel("test accuracy, %")
    axes.set_ylim(-2, 102)


_MNIST = ("MNIST (STRONGLTN_DATA)",)
_TIERS = {
    "fc2": {Effort.QUICK: Tier(130), Effort.FULL: Tier(5200, "estimated", _MNIST)},
    "fc4": {Effort.QUICK: Tier(170), Effort.FULL: Tier(10_000, "estimated", _MNIST)},
    "lenet-5": {Effort.QUICK: Tier(140, needs=_MNIST), Effort.FULL: Tier(5600, needs=_MNIST)},
}

RECIPES = tuple(
    SearchRecipe(
        key=f"pensia-experiment2-{network.replace('-', '')}",
        question=f"How well does edge-popup do on diamonds and widened networks of {title}?",
        source=PENSIA_SOURCE,
        version=1,
        parts=partial(_parts, network),
        draw=draw,
        answer=partial(comparison_answer, network),
        tiers=_TIERS[network],
        published=pensia_published(network),
    )
    for network, title in TITLES.items()
)
