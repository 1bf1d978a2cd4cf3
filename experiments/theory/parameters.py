"""Recipe: parameters of the source against epsilon, one construction of the literature a curve."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from experiments.recipe import Effort, Recipe, Row, rows_where
from experiments.theory.chart import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    add_legend,
    new_chart,
    whole_ticks,
)
from experiments.theory.promises import promise_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTHS = (784, 500, 10)
_STYLES: dict[str, tuple[str, dict[str, Any]]] = {
    "Malach2020.WeightPruning": ("Malach et al.: one product a weight", {"color": ORANGE}),
    "Orseau2020.Greedy": ("Orseau et al.: greedy sums, hyperbolic weights", {"color": GREEN}),
    "Pensia2020.Theorem1Explicit": (
        "Pensia et al.: subset sums, uniform component",
        {"color": BLUE, "ls": "--"},
    ),
    "Pensia2020.Theorem1Rearranged": (
        "Pensia et al.: subset sums, rearrangement drift",
        {"color": BLUE},
    ),
    "Burkholz2022.DepthPlusOne": ("Burkholz: L + 1 layers", {"color": PURPLE}),
}
_NECESSARY = "Pensia2020.Theorem2"
_CLOSE_UP = (3e8, 3e11)


def _parts(effort: Effort) -> list[Row]:
    exponents = range(1, 21, 2) if effort is Effort.QUICK else range(1, 41)
    return [
        {"widths": list(_WIDTHS), "exponent": k, "failure_probability": "1/100", "law": "uniform"}
        for k in exponents
    ]


def _compute(part: Row) -> list[Row]:
    from strongltn.rng import WeightLaw
    from strongltn.theorems.catalogue import network_theorems
    from strongltn.theorems.question import NetworkQuestion

    question = NetworkQuestion(
        widths=tuple(part["widths"]),
        epsilon=Fraction(1, 2 ** part["exponent"]),
        failure_probability=Fraction(part["failure_probability"]),
        law=WeightLaw(part["law"]),
    )
    rows = promise_rows(network_theorems(), question)
    return [{"exponent": part["exponent"]} | row for row in rows]


def _draw(rows: list[Row]) -> Figure:
    figure, axes = new_chart(1, 2, size=(11, 5.5))
    for one in axes:
        _draw_curves(one, rows)
        one.set_yscale("log")
        whole_ticks(one)
        one.set_xlabel(r"$\log_2(1/\varepsilon)$")
        one.set_ylabel("weights of the source")
    left, right = axes
    left.set_title("all constructions", fontsize=10)
    right.set_ylim(*_CLOSE_UP)
    right.set_title("sums of several products, close up", fontsize=10)
    widths = "-".join(map(str, _WIDTHS))
    figure.suptitle(
        rf"all {widths} ReLU networks with $\|W_i\|_2 \leq 1$, failure probability 0.01",
        fontsize=11,
    )
    add_legend(figure, axes, columns=2)
    return figure


def _draw_curves(axes: Axes, rows: list[Row]) -> None:
    for key, (label, style) in _STYLES.items():
        found = [row for row in rows_where(rows, theorem=key) if "num_parameters" in row]
        exponents = [row["exponent"] for row in found]
        axes.plot(exponents, [row["num_parameters"] for row in found], label=label, **style)
    needed = [row for row in rows_where(rows, theorem=_NECESSARY) if row["necessary_parameters"]]
    exponents = [row["exponent"] for row in needed]
    necessary = [row["necessary_parameters"] for row in needed]
    axes.plot(exponents, necessary, color=BLACK, lw=2, label="proved necessary (packing)")
    size = sum(inputs * outputs for inputs, outputs in pairwise(_WIDTHS))
    axes.axhline(size, color=BLACK, ls=":", lw=1, label=f"weights of the target: {size:,}")


RECIPE = Recipe(
    key="parameters",
    question="How many random weights do the constructions of the literature need to hold every "
    "784-500-10 network?",
    source="malach2020; orseau2020; pensia2020, Theorems 1 and 2; burkholz2022; the constants are "
    "this project's",
    version=1,
    parts=_parts,
    compute=_compute,
    draw=_draw,
    published=(
        {
            "quantity": "weights of the source for one trained 784-500-10 network, tolerance 0.01 "
            "for one weight",
            "value": 8_337_000,
            "source": "pensia2020, experiment 1, authors' repository",
        },
    ),
)
