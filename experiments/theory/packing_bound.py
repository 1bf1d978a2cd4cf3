"""Recipe: the packing lower bound against the sources that constructions use."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

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

    from strongltn.networks import TargetNetwork

_SIZE = 8
_WEIGHTS = _SIZE**2
_CONSTRUCTIONS = {
    "linear-diamond": (GREEN, "s"),
    "relu-diamond": (BLUE, "o"),
    "single-weight": (ORANGE, "^"),
}
_LARGEST_EXPONENT = {"single-weight": 7}  # beyond, a weight needs too many single samples
_PROVED: dict[str, tuple[str, dict[str, Any]]] = {
    "Pensia2020.Theorem1Explicit": (
        "subset sums, uniform component, promised for all W",
        {"color": PURPLE, "ls": "--"},
    ),
    "Pensia2020.Theorem1Rearranged": (
        "subset sums, rearrangement drift, promised for all W",
        {"color": PURPLE},
    ),
}
_NECESSARY = "Pensia2020.Theorem2"


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
    from strongltn.theorems.catalogue import network_theorems
    from strongltn.theorems.question import NetworkQuestion

    question = NetworkQuestion(
        widths=(part["size"], part["size"]),
        epsilon=Fraction(1, 2 ** part["exponent"]),
        failure_probability=Fraction(1, 100),
        law=WeightLaw.UNIFORM,
    )
    return promise_rows(network_theorems(), question)


def _built(part: Row) -> list[Row]:
    from strongltn import pipeline
    from strongltn.certify import Attack, CertifySettings
    from strongltn.construct import construction_named

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


@dataclass(frozen=True)
class Curves:
    """Two axes: weights per target weight, and as a multiple of the necessary number."""

    sizes: Axes
    ratios: Axes
    needed: dict[int, int]

    def draw(self, points: list[tuple[int, int]], **style: Any) -> None:
        """Draw the points (exponent, weights of the source) on both."""
        if points:
            exponents, sizes = zip(*points, strict=True)
            self.sizes.plot(exponents, [size / _WEIGHTS for size in sizes], **style)
            ratios = [size / self.needed[k] for k, size in points]
            self.ratios.plot(exponents, ratios, **style)


def _draw(rows: list[Row]) -> Figure:
    figure, axes = new_chart(1, 2, size=(11, 5))
    needed = {
        r["exponent"]: r["necessary_parameters"] for r in rows_where(rows, theorem=_NECESSARY)
    }
    curves = Curves(axes[0], axes[1], needed)
    curves.draw(list(needed.items()), color=BLACK, lw=2, label="proved necessary (packing)")
    for key, (label, style) in _PROVED.items():
        found = rows_where(rows, theorem=key)
        points = [(row["exponent"], row["num_parameters"]) for row in found]
        curves.draw(points, label=label, **style)
    for name, (color, marker) in _CONSTRUCTIONS.items():
        for is_within, face in ((True, color), (False, "none")):
            some = rows_where(rows, construction=name, is_within=is_within)
            points = [(row["exponent"], row["source_weights"]) for row in some]
            label = f"{name}, built for one W" + (
                "" if is_within else "; a weight or epsilon missed"
            )
            curves.draw(points, color=color, ls="", marker=marker, mfc=face, label=label)
    for one, title in zip(
        axes, ("weights of the source per target weight", "as a multiple of the bound"), strict=True
    ):
        one.set_xlabel(r"$\log_2(1/\varepsilon)$")
        one.set_yscale("log")
        whole_ticks(one)
        one.set_title(title, fontsize=10)
    figure.suptitle(rf"one {_SIZE} x {_SIZE} layer, $\|W\|_2 \leq 1$, unit ball", fontsize=11)
    add_legend(figure, axes, columns=3)
    return figure


RECIPE = Recipe(
    key="packing-bound",
    question="How many times the weights that counting proves necessary do constructions use?",
    source="pensia2020, Theorem 2 (packing) and Theorem 1; malach2020",
    version=1,
    parts=_parts,
    compute=_compute,
    draw=_draw,
    published=(
        {
            "quantity": "weights of the source per target weight, 784-500-10, tolerance 0.01",
            "value": 21.0,
            "source": "pensia2020, experiment 1, authors' repository",
        },
    ),
)
