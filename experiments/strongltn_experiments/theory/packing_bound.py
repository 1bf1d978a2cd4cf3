"""Recipe: the packing lower bound against the sources that constructions use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from strongltn.figures.style import (
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

    from strongltn.networks import TargetNetwork

_SIZE = 8
_WEIGHTS = _SIZE**2
_CONSTRUCTIONS = {
    "linear-diamond": Look(GREEN, "s", ""),
    "relu-diamond": Look(BLUE, "o", ""),
    "single-weight": Look(ORANGE, "^", ""),
}
_LARGEST_EXPONENT = {"single-weight": 7}  # beyond, a weight needs too many single samples
_PROVED = {
    "Pensia2020.Theorem1Explicit": (
        "subset sums, uniform component, promised for all W",
        Look(PURPLE, "v", "--"),
    ),
    "Pensia2020.Theorem1Rearranged": (
        "subset sums, rearrangement drift, promised for all W",
        Look(PURPLE, "D", DASH_DOT_DOT),
    ),
    "Pensia2020.Theorem1Sharpest": (
        "subset sums, best proved bound, promised for all W",
        Look(TEAL, "X", LONG_DASHES),
    ),
}
_NECESSARY = "Pensia2020.Theorem2"
_THEOREMS = (*_PROVED, _NECESSARY)


def _parts(effort: Effort) -> list[Row]:
    exponents = range(2, 11, 2) if effort is Effort.QUICK else range(2, 15)
    seeds = range(1) if effort is Effort.QUICK else range(5)
    built: list[Row] = [
        {
            "kind": "built",
            "construction": name,
            "size": _SIZE,
            "exponent": k,
            "seed": seed,
        }
        for name in _CONSTRUCTIONS
        for k in exponents
        for seed in seeds
        if k <= _LARGEST_EXPONENT.get(name, k)
    ]
    proved: list[Row] = [{"kind": "proved", "size": _SIZE, "exponent": k} for k in exponents]
    return proved + built


def _compute(part: Row) -> list[Row]:
    rows = _proved(part) if part["kind"] == "proved" else _built(part)
    return [part | row for row in rows]


def _proved(part: Row) -> list[Row]:
    from strongltn.rng import WeightLaw
    from strongltn.theorems.catalogue import theorem_named
    from strongltn.theorems.question import NetworkQuestion

    question = NetworkQuestion(
        widths=(part["size"], part["size"]),
        epsilon=Fraction(1, 2 ** part["exponent"]),
        failure_probability=Fraction(1, 100),
        law=WeightLaw.UNIFORM,
    )
    return promise_rows(map(theorem_named, _THEOREMS), question)


def _built(part: Row) -> list[Row]:
    from strongltn.certify import Attack, CertifySettings
    from strongltn.construct import construction_named
    from strongltn.pipeline import tickets as pipeline

    result = pipeline.prune(
        _unit_matrix(part["size"], seed=part["seed"]),
        construction=construction_named(part["construction"]),
        epsilon=2.0 ** -part["exponent"],
        seed=part["seed"],
        settings=CertifySettings(attack=Attack(num_restarts=4, num_steps=20)),
    )
    report = result.report()
    names = ("samples_per_weight", "source_weights", "kept_weights", "certified_error", "is_within")
    return [{name: report[name] for name in names}]


def _unit_matrix(size: int, *, seed: int) -> TargetNetwork:
    """Return one Gaussian layer without biases, divided by its spectral norm."""
    from strongltn.networks import LinearLayer, TargetNetwork
    from strongltn.rng import named_generator

    weight = named_generator(seed, name="packing bound").standard_normal((size, size))
    weight /= np.linalg.norm(weight, 2) * (1 + 1e-9)  # rounding leaves the norm below 1
    return TargetNetwork((LinearLayer("fc", weight),))


# the figure


@dataclass(frozen=True)
class Curves:
    """Two axes: weights per target weight, and as a multiple of the necessary number."""

    sizes: Axes
    ratios: Axes
    needed: dict[int, int]

    def draw(self, points: list[tuple[int, int]], look: Look, *, label: str) -> None:
        """Draw the points (exponent, weights of the source) on both."""
        exponents = [k for k, _ in points]
        draw_line(self.sizes, exponents, [size / _WEIGHTS for _, size in points], look, label=label)
        ratios = [size / self.needed[k] for k, size in points]
        draw_line(self.ratios, exponents, ratios, look, label=label)


def _draw(rows: list[Row]) -> Figure:
    figure, axes = new_figure(1, 2, height=3.2)
    needed = _needed(rows)
    curves = Curves(axes[0], axes[1], needed)
    curves.draw(list(needed.items()), NECESSARY, label="proved necessary for all W (packing)")
    for key, (label, look) in _PROVED.items():
        found = rows_where(rows, theorem=key)
        points = [(r["exponent"], r["num_parameters"]) for r in found if "num_parameters" in r]
        curves.draw(points, look, label=label)
    for name, look in _CONSTRUCTIONS.items():
        for is_within in (True, False):
            some = rows_where(rows, construction=name, is_within=is_within)
            curves.draw(
                [(row["exponent"], row["source_weights"]) for row in some],
                replace(look, is_open=not is_within),
                label=f"{name}, built for one W{'' if is_within else '; epsilon missed'}",
            )
    for one, label in zip(
        axes, ("weights of the source per target weight", "multiple of the bound"), strict=True
    ):
        one.set_xlabel(r"$\log_2(1/\varepsilon)$")
        one.set_ylabel(label)
        one.set_yscale("log")
        whole_ticks(one)
    set_title(axes[0], "size of the source")
    set_title(axes[1], "size over what is necessary")
    set_heading(
        figure, rf"One {_SIZE} x {_SIZE} layer W with $\|W\|_2 \leq 1$, on the Euclidean unit ball"
    )
    add_legend(figure, axes, columns=2, caption=conditions_named(_THEOREMS))
    return figure


def _needed(rows: list[Row]) -> dict[int, int]:
    """Return how many weights are proved necessary, by the exponent of epsilon."""
    return {
        row["exponent"]: row["necessary_parameters"]
        for row in rows_where(rows, theorem=_NECESSARY)
        if "necessary_parameters" in row
    }


# the answer


def _answer(rows: list[Row]) -> Answer:
    needed = _needed(rows)
    lines: list[tuple[object, ...]] = []
    below, sentences = [], []
    built = [row["is_within"] for row in rows if "is_within" in row]
    for name, sizes in _sizes(rows).items():
        exponents = sorted(needed.keys() & sizes.keys())
        below += [
            f"{name}, epsilon 2^-{k}: {min(sizes[k]):,} of {needed[k]:,}"
            for k in exponents
            if min(sizes[k]) < needed[k]
        ]
        for k in dict.fromkeys((*exponents[:1], *exponents[-1:])):
            size = median(sizes[k])
            some = rows_where(rows, construction=name, exponent=k)
            within = [row["is_within"] for row in some]
            is_within = f"{sum(within)} of {len(within)}" if within else "promised"
            ratio = f"{size / needed[k]:,.1f}"
            lines.append((name, f"2^-{k}", f"{size:,.0f}", f"{needed[k]:,}", ratio, is_within))
        if exponents:
            sentences.append(f"{lines[-1][4]} times ({name}, epsilon {lines[-1][1]})")
    table = Table.of(
        ("source", "epsilon", "weights", "necessary", "ratio", "within epsilon"), lines
    )
    if not lines:
        return Answer(None, "Undecided: no size has a bound beside it.", table)
    if below:
        return Answer(
            False, f"No: fewer than the proved necessary number are used ({listed(below)}).", table
        )
    return Answer(
        True,
        f"At the smallest epsilon of each: {', '.join(sentences)}. None goes below the bound, "
        "which is for sources that hold every W, where the constructions are built for one; "
        f"{sum(built)} of {len(built)} tickets that were built are certified within epsilon. "
        f"{_beside_published(rows)}",
        table,
    )


def _sizes(rows: list[Row]) -> dict[str, dict[int, list[int]]]:
    """Return the weights of each source, promised or built, by the exponent of epsilon."""
    found: dict[str, dict[int, list[int]]] = {}
    for row in rows:
        name = row.get("construction", row.get("theorem"))
        size = row.get("source_weights", row.get("num_parameters"))
        if size is not None and (name in _CONSTRUCTIONS or name in _PROVED):
            found.setdefault(name, {}).setdefault(row["exponent"], []).append(size)
    return found


def _beside_published(rows: list[Row]) -> str:
    """Return a sentence on the published number and what is built here at about its tolerance."""
    (published,) = _PUBLISHED
    ours = {
        row["source_weights"] / _WEIGHTS: f"{row['source_weights'] / _WEIGHTS:,.0f} ({name})"
        for name in _CONSTRUCTIONS
        for row in rows_where(rows, construction=name, exponent=6)
    }
    if not ours:
        return f"Published: {published['value']} {published['quantity']} ({published['source']})."
    here = f"here, at epsilon 2^-6 of the layer, {', '.join(ours.values())}"
    here += ": more, each" if min(ours, default=0) > published["value"] else ""
    return (
        f"Published: {published['value']} {published['quantity']} ({published['source']}); {here}."
    )


_PUBLISHED: tuple[dict[str, Any], ...] = (
    {
        "quantity": "weights of the source for each weight of 784-500-10, at tolerance 0.01",
        "value": 21,
        "source": "pensia2020, experiment 1, authors' repository",
    },
)

RECIPE = Recipe(
    key="packing-bound",
    question="How many times the weights that counting proves necessary do constructions use?",
    source="pensia2020, Theorem 2 (packing) and Theorem 1; malach2020",
    version=2,
    parts=_parts,
    compute=_compute,
    draw=_draw,
    answer=_answer,
    tiers={Effort.QUICK: Tier(13), Effort.FULL: Tier(300, "estimated")},
    theorems=_THEOREMS,
    published=_PUBLISHED,
)
