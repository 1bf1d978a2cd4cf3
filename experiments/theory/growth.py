"""Recipe: growth of the part of a window that is approximable, and its drift."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from experiments.recipe import Effort, Recipe, Row, rows_where
from experiments.theory.chart import BLACK, BLUE, GREEN, GREY, ORANGE, add_legend, new_chart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from strongltn.simulate import AdmissiblePaths

_EXPONENT = 8
_LAWS = {
    "uniform": ("uniform samples", r"$v(1-v)/2$, exact", ORANGE),
    "product": ("products of two uniforms", r"proved lower bound (rearrangement)", GREEN),
}
_NUM_SAMPLES = 40
_SHOWN_PATHS = 25
_NUM_BINS = 20
_QUANTILES = (0.01, 0.5, 0.99)
_BOUND_BITS = 20


def _parts(effort: Effort) -> list[Row]:
    trials = 4000 if effort is Effort.QUICK else 200_000
    place = {"exponent": _EXPONENT, "num_samples": _NUM_SAMPLES, "trials": trials, "seed": 0}
    return [{"law": law} | place for law in _LAWS]


def _compute(part: Row) -> list[Row]:
    from strongltn.simulate import CoveringEvent, admissible_paths
    from strongltn.subset_sum.sample_laws import SampleLaw, Window

    law = SampleLaw(part["law"])
    paths = admissible_paths(
        CoveringEvent(2.0 ** -part["exponent"], law, Window.HALF),
        num_samples=part["num_samples"],
        trials=part["trials"],
        seed=part["seed"],
    )
    rows = [*_trajectories(paths), *_drifts(paths), *_bounds(law)]
    return [{"law": part["law"]} | row for row in rows]


def _trajectories(paths: AdmissiblePaths) -> Iterator[Row]:
    """Yield quantiles over all trials, and the first few paths."""
    fractions = paths.fractions
    for quantile in _QUANTILES:
        values = np.quantile(fractions, quantile, axis=0, method="inverted_cdf")
        for t, value in enumerate(values.tolist()):
            yield {"curve": "quantile", "quantile": quantile, "t": t, "fraction": value}
    for trial, values in enumerate(fractions[:_SHOWN_PATHS]):
        for t, value in enumerate(values.tolist()):
            yield {"curve": "path", "trial": trial, "t": t, "fraction": value}


def _drifts(paths: AdmissiblePaths) -> Iterator[Row]:
    """Yield the mean growth, with its standard error, of the states of each bin."""
    states, growths = paths.fractions[:, :-1].ravel(), paths.growths.ravel()
    bins = np.minimum((states * _NUM_BINS).astype(np.int64), _NUM_BINS - 1)
    for k in range(_NUM_BINS):
        some = (bins == k) & (states < 1)
        count = int(some.sum())
        if count > 1:
            yield {
                "curve": "drift",
                "fraction": float(states[some].mean()),
                "growth": float(growths[some].mean()),
                "standard_error": float(growths[some].std(ddof=1) / np.sqrt(count)),
                "count": count,
            }


def _bounds(law: object) -> Iterator[Row]:
    from fractions import Fraction

    from strongltn.subset_sum.sample_laws import SampleLaw
    from strongltn.theorems.drift import certified_drift

    steps = range(0, (1 << _BOUND_BITS) + 1, 1 << (_BOUND_BITS - 6))
    drifts = certified_drift(steps, bits=_BOUND_BITS, law=SampleLaw(law), length=Fraction(1))
    for step, drift in zip(steps, drifts.tolist(), strict=True):
        yield {
            "curve": "bound",
            "fraction": step / 2**_BOUND_BITS,
            "growth": drift / 2**_BOUND_BITS,
        }


def _draw(rows: list[Row]) -> Figure:
    figure, axes = new_chart(2, 2, size=(11, 8))
    for k, (law, (title, bound, color)) in enumerate(_LAWS.items()):
        panel = list(rows_where(rows, law=law))
        _draw_trajectories(axes[2 * k], panel)
        _draw_drift(axes[2 * k + 1], panel, label=bound, color=color)
        axes[2 * k].set_title(f"{title}: approximable fraction v", fontsize=10)
        axes[2 * k + 1].set_title(f"{title}: mean growth with one more sample", fontsize=10)
    figure.suptitle(
        rf"window [-1/2, 1/2], $\eta = 2^{{-{_EXPONENT}}}$, all partial sums in the window",
        fontsize=11,
    )
    add_legend(figure, axes, columns=4)
    return figure


def _draw_trajectories(axes: Axes, rows: list[Row]) -> None:
    for trial in range(_SHOWN_PATHS):
        path = list(rows_where(rows, curve="path", trial=trial))
        x, y = [row["t"] for row in path], [row["fraction"] for row in path]
        axes.plot(x, y, color=GREY, lw=0.6, alpha=0.7, label="some paths")
    for quantile in _QUANTILES:
        curve = list(rows_where(rows, curve="quantile", quantile=quantile))
        is_median = quantile == 0.5
        axes.plot(
            [row["t"] for row in curve],
            [row["fraction"] for row in curve],
            color=BLUE,
            lw=2,
            ls="-" if is_median else "--",
            label="median" if is_median else "1 % and 99 % quantiles",
        )
    axes.set_xlabel("samples")
    axes.set_ylabel("v")


def _draw_drift(axes: Axes, rows: list[Row], *, label: str, color: str) -> None:
    proved = list(rows_where(rows, curve="bound"))
    axes.plot(
        [row["fraction"] for row in proved],
        [row["growth"] for row in proved],
        color=color,
        label=label,
    )
    measured = list(rows_where(rows, curve="drift"))
    axes.errorbar(
        [row["fraction"] for row in measured],
        [row["growth"] for row in measured],
        yerr=[3 * row["standard_error"] for row in measured],
        fmt="o",
        color=BLACK,
        ms=3,
        capsize=2,
        label="measured, 3 standard errors",
    )
    axes.set_xlabel("v")
    axes.set_ylabel("mean growth of v")


RECIPE = Recipe(
    key="growth",
    question="How does the approximable part of a window grow with each sample, and how far is its "
    "mean growth above what is proved?",
    source="lueker1998, Theorem 2.4 (the recursion); garsia1974 (the rearrangement)",
    version=1,
    parts=_parts,
    compute=_compute,
    draw=_draw,
)
