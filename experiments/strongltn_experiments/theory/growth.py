"""Recipe: growth of the part of a window that is approximable, and its drift."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from strongltn.figures.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    Look,
    add_legend,
    draw_limits,
    draw_line,
    new_figure,
    set_heading,
    set_title,
)
from strongltn.recipes.answer import Answer, listed
from strongltn.recipes.recipe import Effort, Recipe, Row, Tier, rows_where
from strongltn.report.table import Table
from strongltn.theorems.promises import conditions_named

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from strongltn.simulate import AdmissiblePaths

_EXPONENT = 8
_LAWS = {
    "uniform": ("uniform samples", r"$v(1-v)/2$, exact", Look(ORANGE, "", "--")),
    "product": ("products of two uniforms", "proved lower bound (rearrangement)", Look(GREEN)),
}
_THEOREMS = ("Cover.Uniform", "Cover.Rearrangement")
_ERRORS = 6  # standard errors below a proved bound that are no chance any more
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


# the figure


def _draw(rows: list[Row]) -> Figure:
    figure, axes = new_figure(2, 2, height=4.8)
    for k, (law, (title, bound, look)) in enumerate(_LAWS.items()):
        panel = list(rows_where(rows, law=law))
        _draw_trajectories(axes[2 * k], panel)
        _draw_drift(axes[2 * k + 1], panel, label=bound, look=look)
        set_title(axes[2 * k], title)
        set_title(axes[2 * k + 1], f"{title}: mean growth")
    set_heading(
        figure,
        "Part v of [-1/2, 1/2] within reach of subset sums, and its growth, "
        rf"$\eta = 2^{{-{_EXPONENT}}}$",
    )
    add_legend(
        figure,
        axes,
        columns=3,
        caption=["All partial sums are in the window.", *conditions_named(_THEOREMS)],
    )
    return figure


def _draw_trajectories(axes: Axes, rows: list[Row]) -> None:
    for trial in range(_SHOWN_PATHS):
        path = list(rows_where(rows, curve="path", trial=trial))
        x, y = [row["t"] for row in path], [row["fraction"] for row in path]
        axes.plot(x, y, color=GREY, lw=0.5, alpha=0.6, label="some paths" if not trial else "_")
    for quantile in _QUANTILES:
        curve = list(rows_where(rows, curve="quantile", quantile=quantile))
        draw_line(
            axes,
            [row["t"] for row in curve],
            [row["fraction"] for row in curve],
            _QUANTILE_LOOKS[quantile],
            label="median" if quantile == 0.5 else f"{100 * quantile:g} % quantile",
        )
    axes.set_xlabel("samples n")
    axes.set_ylabel("part v within reach")


_QUANTILE_LOOKS = {
    0.01: Look(BLUE, "v", "--", width=1.6),
    0.5: Look(BLUE, "o", width=1.8),
    0.99: Look(BLUE, "^", "-.", width=1.6),
}


def _draw_drift(axes: Axes, rows: list[Row], *, label: str, look: Look) -> None:
    proved = list(rows_where(rows, curve="bound"))
    draw_line(
        axes,
        [row["fraction"] for row in proved],
        [row["growth"] for row in proved],
        look,
        label=label,
    )
    measured = list(rows_where(rows, curve="drift"))
    draw_limits(
        axes,
        [row["fraction"] for row in measured],
        [row["growth"] for row in measured],
        [
            (row["growth"] - 3 * row["standard_error"], row["growth"] + 3 * row["standard_error"])
            for row in measured
        ],
        label="measured, 3 standard errors",
    )
    axes.set_xlabel("part v within reach")
    axes.set_ylabel("mean growth of v")


# the answer


def _answer(rows: list[Row]) -> Answer:
    lines: list[tuple[object, ...]] = []
    wrong, sentences = [], []
    for law, (title, _, _) in _LAWS.items():
        panel = list(rows_where(rows, law=law))
        median = {r["t"]: r["fraction"] for r in rows_where(panel, curve="quantile", quantile=0.5)}
        bound = {r["fraction"]: r["growth"] for r in rows_where(panel, curve="bound")}
        drifts = list(rows_where(panel, curve="drift"))
        if not median or not bound or not drifts:
            continue
        for row in drifts:
            least = _least_of_bin(bound, row["fraction"])
            if row["growth"] + _ERRORS * row["standard_error"] < least:
                wrong.append(
                    f"{law} samples, v near {row['fraction']:.2f}: {row['growth']:.4f} measured, "
                    f"at least {least:.4f} proved"
                )
        v, proved = list(bound), list(bound.values())
        middle = [row for row in drifts if 0.1 < row["fraction"] < 0.9]
        ratios = [row["growth"] / float(np.interp(row["fraction"], v, proved)) for row in middle]
        reached = [min((t for t, y in median.items() if y >= x), default=None) for x in (0.5, 0.99)]
        least_ratio = f"{min(ratios):.2f}" if ratios else "-"
        most_ratio = f"{max(ratios):.2f}" if ratios else "-"
        lines.append((title, *reached, least_ratio, most_ratio))
        sentences.append(
            f"for {title} half of the window is within reach after {_or_never(reached[0])} samples "
            f"in the median, 99 % after {_or_never(reached[1])}, and the mean growth is "
            f"{least_ratio} to {most_ratio} times what is proved"
        )
    table = Table.of(
        ("law", "n for 1/2", "n for 99 %", "growth / proved, least", "growth / proved, most"), lines
    )
    if not lines:
        return Answer(None, "Undecided: no law has paths, drifts and a bound.", table)
    if wrong:
        return Answer(False, f"No: it grows less than is proved ({listed(wrong)}).", table)
    return Answer(
        True,
        f"As proved, or faster: {'; '.join(sentences)} (v between 0.1 and 0.9). Nowhere is the "
        f"growth more than {_ERRORS} standard errors below the bound.",
        table,
    )


def _least_of_bin(bound: dict[float, float], fraction: float) -> float:
    """Return the least bound over the bin of a state: that of the mean state may be larger."""
    low = np.floor(fraction * _NUM_BINS) / _NUM_BINS
    high = low + 1 / _NUM_BINS
    first = max((v for v in bound if v <= low), default=min(bound))
    last = min((v for v in bound if v >= high), default=max(bound))
    return min(growth for v, growth in bound.items() if first <= v <= last)


def _or_never(number: object) -> object:
    return "never so many" if number is None else number


RECIPE = Recipe(
    key="growth",
    question="How does the approximable part of a window grow with each sample, and how far is its "
    "mean growth above what is proved?",
    source="lueker1998, Theorem 2.4 (the recursion); garsia1974 (the rearrangement)",
    version=1,
    parts=_parts,
    compute=_compute,
    draw=_draw,
    answer=_answer,
    tiers={Effort.QUICK: Tier(4), Effort.FULL: Tier(24)},
    theorems=_THEOREMS,
)
