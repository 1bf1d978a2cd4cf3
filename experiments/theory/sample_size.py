"""Recipe: samples against tolerance, for every theorem and the simulation."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Any

from experiments.recipe import Effort, Recipe, Row, rows_where
from experiments.theory.chart import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    OLIVE,
    ORANGE,
    PINK,
    PURPLE,
    RED,
    TEAL,
    add_legend,
    new_chart,
    whole_ticks,
)
from experiments.theory.promises import promise_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LAWS = ("uniform", "product")
_WINDOWS = ("half", "unit")
_WINDOW_TITLE = {"half": "[-1/2, 1/2]", "unit": "[-1, 1]"}
_LAW_TITLE = {"uniform": "uniform samples", "product": "products of two uniforms"}
_WIDE = {"lw": 5.0, "alpha": 0.35}  # other curves may lie on these
_STYLES: dict[str, dict[str, Any]] = {
    "Lueker1998.Theorem2_4": {"color": ORANGE},
    "Lueker1998.Theorem2_4Sharp": {"color": ORANGE} | _WIDE,
    "Lueker1998.Corollary3_3": {"color": RED},
    "Cover.Uniform": {"color": PURPLE} | _WIDE,
    "Cover.Mixture": {"color": PURPLE, "ls": "--"},
    "Cover.Rearrangement": {"color": GREEN},
    "Cover.WideWindow": {"color": GREEN, "ls": "--"},
    "Cover.DynamicProgram": {"color": BLUE, "lw": 2.0},
    "Cover.SecondMoment": {"color": BLUE, "ls": "--", "lw": 2.0},
    "Cover.ComponentProgram": {"color": OLIVE, "ls": "-."},
    "Cover.LowerBound": {"color": GREY, "ls": ":", "lw": 2.0},
}
_OTHER_COLORS = (PINK, TEAL)


def _parts(effort: Effort) -> list[Row]:
    exponents = (4, 8, 12) if effort is Effort.QUICK else range(2, 17)
    trials = 2000 if effort is Effort.QUICK else 20_000
    panels = list(product(_LAWS, _WINDOWS, exponents))
    common = {"failure_probability": "1/100"}
    proved: list[Row] = [
        {"kind": "proved", "law": law, "window": window, "exponent": k} | common
        for law, window, k in panels
    ]
    measured: list[Row] = [
        {"kind": "measured", "law": law, "window": window, "exponent": k}
        | common
        | {"trials": trials, "seed": 0}
        for law, window, k in panels
    ]
    return measured + proved


def _compute(part: Row) -> list[Row]:
    from strongltn.subset_sum.sample_laws import SampleLaw, Window

    place = {name: part[name] for name in ("kind", "law", "window", "exponent")}
    eta, delta = Fraction(1, 2 ** part["exponent"]), Fraction(part["failure_probability"])
    law, window = SampleLaw(part["law"]), Window(part["window"])
    if part["kind"] == "measured":
        from strongltn.simulate import required_samples

        found = required_samples(
            eta, delta, law=law, window=window, trials=part["trials"], seed=part["seed"]
        ).to_json()
        names = ("num_samples", "lower", "upper", "confidence", "trials", "seed")
        return [place | {name: found[name] for name in names}]
    from strongltn.theorems.catalogue import cover_theorems
    from strongltn.theorems.question import CoverQuestion

    question = CoverQuestion(eta=eta, failure_probability=delta, law=law, window=window)
    return [place | row for row in promise_rows(cover_theorems(), question)]


def _draw(rows: list[Row]) -> Figure:
    figure, axes = new_chart(2, 2, size=(11, 9))
    keys = list(dict.fromkeys(row["theorem"] for row in rows if "theorem" in row))
    others = [key for key in keys if key not in _STYLES]
    styles = _STYLES | {
        key: {"color": _OTHER_COLORS[k % len(_OTHER_COLORS)], "ls": "-."}
        for k, key in enumerate(others)
    }
    for one, (law, window) in zip(axes, product(_LAWS, _WINDOWS), strict=True):
        panel = list(rows_where(rows, law=law, window=window))
        one.set_yscale("log", base=2)
        one.yaxis.set_major_formatter("{x:.0f}")
        for key in keys:
            _draw_theorem(one, list(rows_where(panel, theorem=key)), **styles[key])
        _draw_measured(one, list(rows_where(panel, kind="measured")))
        one.set_title(f"{_LAW_TITLE[law]}, targets {_WINDOW_TITLE[window]}", fontsize=10)
        whole_ticks(one)
        one.set_xlabel(r"$\log_2(1/\eta)$, tolerance $2\eta$")
        one.set_ylabel("samples n")
    figure.suptitle("all targets within tolerance, except with probability 0.01", fontsize=11)
    add_legend(figure, axes, columns=3)
    return figure


def _draw_theorem(axes: Axes, rows: list[Row], **style: Any) -> None:
    column = "num_samples" if any("num_samples" in row for row in rows) else "necessary_samples"
    points = [(row["exponent"], row[column]) for row in rows if column in row]
    if points:
        axes.plot(*zip(*points, strict=True), label=rows[0]["title"], **style)


def _draw_measured(axes: Axes, rows: list[Row]) -> None:
    known = [row for row in rows if row["num_samples"] is not None]
    below = [row["num_samples"] - row["lower"] for row in known]
    # where no n was certified as sufficient, the bar goes up to the top
    above = [(row["upper"] or axes.get_ylim()[1]) - row["num_samples"] for row in known]
    axes.errorbar(
        [row["exponent"] for row in known],
        [row["num_samples"] for row in known],
        yerr=[below, above],
        fmt="o",
        color=BLACK,
        ms=4,
        capsize=3,
        zorder=5,
        label="measured, 99 % limits",
    )


RECIPE = Recipe(
    key="sample-size",
    question="How many samples do the theorems ask for, and how many are needed, to reach every "
    "target of an interval?",
    source="lueker1998, Theorem 2.4 and Corollary 3.3; dacunha2022; this project's bounds",
    version=1,
    parts=_parts,
    compute=_compute,
    draw=_draw,
    published=(
        {
            "quantity": "samples per weight in an experiment, tolerance 0.01, one target each",
            "value": 21,
            "source": "pensia2020, experiment 1",
        },
    ),
)
