"""Recipe: parameters of the source against epsilon, one construction of the literature a curve."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from strongltn.figures.style import (
    BLACK,
    BLUE,
    DASH_DOT_DOT,
    GREEN,
    LONG_DASHES,
    NECESSARY,
    ORANGE,
    PURPLE,
    TEAL,
    Look,
    add_legend,
    draw_line,
    new_figure,
    set_heading,
    set_title,
    whole_ticks,
)
from strongltn.recipes.answer import Answer, listed
from strongltn.recipes.recipe import Effort, Recipe, Row, Tier, rows_where
from strongltn.report.table import Table
from strongltn.theorems.promises import conditions_named, promise_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTHS = (784, 500, 10)
_MALACH, _OWN_CLASS = "Malach2020.WeightPruningCommon", "Malach2020.WeightPruning"
_ORSEAU, _SHARPEST = "Orseau2020.Greedy", "Pensia2020.Theorem1Sharpest"
_LOOKS: dict[str, tuple[str, Look]] = {
    _MALACH: ("Malach et al.: one product a weight", Look(ORANGE, "s", "--")),
    _OWN_CLASS: (
        "the same, |w| <= 1/sqrt(inputs) as in the paper",
        Look(ORANGE, "s", ":", is_open=True),
    ),
    _ORSEAU: ("Orseau et al.: greedy sums, hyperbolic weights", Look(GREEN, "^", "-.")),
    "Pensia2020.Theorem1Explicit": (
        "Pensia et al.: subset sums, uniform component",
        Look(BLUE, "v", LONG_DASHES),
    ),
    "Pensia2020.Theorem1Rearranged": (
        "Pensia et al.: subset sums, rearrangement drift",
        Look(BLUE, "o"),
    ),
    _SHARPEST: ("Pensia et al.: subset sums, best proved bound", Look(TEAL, "X", (0, (3, 1)))),
    "Burkholz2022.DepthPlusOne": ("Burkholz: L + 1 layers", Look(PURPLE, "D", DASH_DOT_DOT)),
}
_NECESSARY = "Pensia2020.Theorem2"
_THEOREMS = (*_LOOKS, _NECESSARY)
_ROUTES = (
    "Where eta is below 2^-40 in a layer, or the program would take long, the best proved bound is "
    "the closed form."
)
_TARGET = Look(BLACK, "", (0, (1, 4)), width=1.0)


def _parts(effort: Effort) -> list[Row]:
    exponents = range(1, 21, 2) if effort is Effort.QUICK else range(1, 41)
    return [
        {"widths": list(_WIDTHS), "exponent": k, "failure_probability": "1/100", "law": "uniform"}
        for k in exponents
    ]


def _compute(part: Row) -> list[Row]:
    from strongltn.rng import WeightLaw
    from strongltn.theorems.catalogue import theorem_named
    from strongltn.theorems.question import NetworkQuestion

    question = NetworkQuestion(
        widths=tuple(part["widths"]),
        epsilon=Fraction(1, 2 ** part["exponent"]),
        failure_probability=Fraction(part["failure_probability"]),
        law=WeightLaw(part["law"]),
    )
    rows = promise_rows(map(theorem_named, _THEOREMS), question)
    return [{"exponent": part["exponent"]} | row for row in rows]


# the figure


def _draw(rows: list[Row]) -> Figure:
    figure, axes = new_figure(1, 2, height=3.2)
    left, right = axes
    _draw_curves(left, rows, _LOOKS)
    _draw_floor(left, rows)
    _draw_curves(right, rows, [key for key in _LOOKS if key not in (_MALACH, _OWN_CLASS)])
    for one in axes:
        one.set_yscale("log")
        whole_ticks(one)
        one.set_xlabel(r"$\log_2(1/\varepsilon)$")
        one.set_ylabel("weights of the source")
    set_title(left, "all constructions")
    set_title(right, "only sums of several products")
    widths = "-".join(map(str, _WIDTHS))
    set_heading(
        figure,
        rf"Every {widths} ReLU network without biases, $\|W_i\|_2 \leq 1$, on the unit ball, "
        "except with probability 0.01",
    )
    add_legend(figure, axes, columns=2, caption=[_ROUTES, *conditions_named(_THEOREMS)])
    return figure


def _draw_curves(axes: Axes, rows: list[Row], keys: Iterable[str]) -> None:
    for key in keys:
        label, look = _LOOKS[key]
        sizes = _sizes(rows, key)
        draw_line(axes, list(sizes), list(sizes.values()), look, label=label)


def _draw_floor(axes: Axes, rows: list[Row]) -> None:
    needed = {k: number for k, number in _sizes(rows, _NECESSARY).items() if number}
    label = "proved necessary (packing)"
    draw_line(axes, list(needed), list(needed.values()), NECESSARY, label=label)
    label = f"weights of the target: {_TARGET_WEIGHTS:,}"
    axes.axhline(_TARGET_WEIGHTS, color=BLACK, ls=_TARGET.dashes, lw=1, label=label)


_TARGET_WEIGHTS = sum(inputs * outputs for inputs, outputs in pairwise(_WIDTHS))


def _sizes(rows: list[Row], key: str) -> dict[int, int]:
    """Return the number of weights of a theorem, by the exponent of epsilon."""
    name = "necessary_parameters" if key == _NECESSARY else "num_parameters"
    return {row["exponent"]: row[name] for row in rows_where(rows, theorem=key) if name in row}


# the answer


def _answer(rows: list[Row]) -> Answer:
    sizes = {key: _sizes(rows, key) for key in _THEOREMS}
    common = sorted(set.intersection(*(set(sizes[key]) for key in _THEOREMS)))
    chosen = sorted({common[0], common[len(common) // 2], common[-1]}) if common else []
    table = Table.of(
        ("theorem", *(f"epsilon 2^-{k}" for k in chosen)),
        [(key, *(f"{sizes[key][k]:.3g}" for k in chosen)) for key in _THEOREMS],
    )
    if not common:
        return Answer(None, "Undecided: no epsilon has a number of every theorem.", table)
    wrong = [
        f"{key} asks for {sizes[key][k]:.3g} at epsilon 2^-{k}, of {sizes[_NECESSARY][k]:.3g}"
        for key in _LOOKS
        for k in common
        if sizes[key][k] < sizes[_NECESSARY][k]
    ]
    if wrong:
        return Answer(
            False, f"No: fewer than the proved necessary number ({listed(wrong)}).", table
        )
    k = common[-1]
    at = {key: numbers[k] for key, numbers in sizes.items()}
    best = min(_LOOKS, key=lambda key: at[key])
    order = f"The fewest are those of {best}"
    for key in (_ORSEAU, _MALACH):
        if key != best:
            order += f", {at[key] / at[best]:.3g} times fewer than {key}"
    is_as_published = at[_SHARPEST] <= at[_ORSEAU] <= at[_MALACH]
    papers = (
        "as the papers have it: subset sums before greedy sums before single products"
        if is_as_published
        else "which is not the order of the papers: subset sums, greedy sums, single products"
    )
    return Answer(
        is_as_published,
        f"At epsilon 2^-{k}: from {min(at[key] for key in _LOOKS):.3g} to "
        f"{max(at[key] for key in _LOOKS):.3g}, where {at[_NECESSARY]:.3g} are proved necessary "
        f"and the target has {_TARGET_WEIGHTS:,}. {order}; {papers}. {_beside_published(sizes)}",
        table,
    )


def _beside_published(sizes: dict[str, dict[int, int]]) -> str:
    """Return a sentence on the published number, which is for one network, and ours for all."""
    (published,) = _PUBLISHED
    k, size = min(sizes[_SHARPEST].items())
    return (
        f"Published: {published['value']:,} {published['quantity']} ({published['source']}); here, "
        f"for every network at once, {size:.3g} at epsilon 2^-{k}: "
        f"{size / published['value']:.3g} times as many."
    )


_PUBLISHED: tuple[dict[str, Any], ...] = (
    {
        "quantity": "weights for one trained 784-500-10 network, at tolerance 0.01 of a weight",
        "value": 8_337_000,
        "source": "pensia2020, experiment 1, authors' repository",
    },
)

RECIPE = Recipe(
    key="parameters",
    question="How many random weights do the constructions of the literature need to hold every "
    "784-500-10 network?",
    source="malach2020; orseau2020; pensia2020, Theorems 1 and 2; burkholz2022; the constants are "
    "this project's",
    version=2,
    parts=_parts,
    compute=_compute,
    draw=_draw,
    answer=_answer,
    tiers={Effort.QUICK: Tier(166), Effort.FULL: Tier(600, "estimated")},
    theorems=_THEOREMS,
    published=_PUBLISHED,
)
