"""Figures: weight error against sample size, and the account of a ticket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from strongltn.figures.style import (
    BLACK,
    BLUE,
    COLUMN_INCHES,
    DASH_DOT_DOT,
    GREEN,
    LONG_DASHES,
    LOOKS,
    OLIVE,
    ORANGE,
    PAGE_INCHES,
    PURPLE,
    TEAL,
    Look,
    add_legend,
    draw_line,
    new_figure,
    set_heading,
    set_title,
)
from strongltn.rng import WeightLaw, named_generator
from strongltn.storage import write_figure
from strongltn.subset_sum import solve_batch
from strongltn.subset_sum.sample_laws import draw_products
from strongltn.subset_sum.solvers import MeetInTheMiddle, SingleWeight
from strongltn.theorems.malach2020 import failure_probability
from strongltn.theorems.subset_sum_cover import cover_tolerance_bound

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WORST, _MEDIAN = Look(ORANGE, "^", ""), Look(BLUE, "o", "", size=3.5)
_WORST_THEORY, _MEDIAN_THEORY = Look(ORANGE, dashes="-"), Look(BLUE, dashes="--")
_PROVED, _ESTIMATE = Look(BLACK, width=1.8), Look(GREEN, dashes="-.")

_MAX_DRAWN = 1e150  # ticks go far beyond what is drawn
_ATTACK = "found by an attack"
_METHODS = {
    "spectral-triangle": Look(ORANGE, "^", "--"),
    "centre-split": Look(OLIVE, "v", LONG_DASHES, is_open=True, size=7.0),
    "differential-interval": Look(PURPLE, "s", "-."),
    "backward-differential": Look(BLUE, "o"),
    "input-splitting": Look(TEAL, "P", (0, (3, 1))),
    "quadratic": Look(GREEN, "D", DASH_DOT_DOT),
    _ATTACK: Look(BLACK, "x", ":", size=5.0),
}
_MOST_LEVEL_NAMES = 4  # more names of layers stand upright


@dataclass(frozen=True, eq=False)
class ErrorCurve:
    """Errors of many weights against the number of samples for each.

    Attributes
    ----------
    num_samples : int64 (points,)
    median, worst : float64 (points,)
        Over the weights.
    """

    num_samples: NDArray[np.int64]
    median: NDArray[np.float64]
    worst: NDArray[np.float64]


def measure_errors(
    targets: NDArray[np.float64],
    sizes: list[int],
    *,
    solver: MeetInTheMiddle | SingleWeight,
    law: WeightLaw,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> ErrorCurve:
    """Solve every target with fresh products, at every sample size.

    Parameters
    ----------
    targets : float64 (weights,), in [-1/2, 1/2]
    sizes : list of int >= 1
    solver : MeetInTheMiddle or SingleWeight
    law : WeightLaw
    seed : int in [0, 2^64)
    progress : callable, optional
        Called with how many sizes are done.
    """
    median, worst = [], []
    for done, size in enumerate(sizes):
        if progress:
            progress(done)
        generator = named_generator(seed, name=f"error curve {size}")
        samples = draw_products(law, (targets.size, size), generator=generator)
        errors = solve_batch(samples, targets, solver=solver).error
        median.append(float(np.median(errors)))
        worst.append(float(errors.max()))
    if progress:
        progress(len(sizes))
    return ErrorCurve(np.array(sizes), np.array(median), np.array(worst))


def single_weight_quantiles(
    targets: NDArray[np.float64], sizes: NDArray[np.int64], *, law: WeightLaw
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the exact median error, and the median of the worst error, of single weights."""
    median, worst = [], []
    for size in sizes:

        def misses(tolerance: float, size: int = int(size)) -> NDArray[np.float64]:
            return failure_probability(targets, tolerance, num_samples=size, law=law)

        median.append(_bisect(lambda t: float(misses(t).mean()) - 0.5))
        worst.append(_bisect(lambda t: 0.5 - float(np.exp(np.log1p(-misses(t)).sum()))))
    return np.array(median), np.array(worst)


def plot_errors(
    targets: NDArray[np.float64],
    single: ErrorCurve,
    subset: ErrorCurve,
    *,
    law: WeightLaw,
    path: Path,
) -> list[Path]:
    """Draw worst and median weight error against the samples per weight; return the files."""
    figure, (left, right) = new_figure(1, 2, height=2.9, sharey=True)
    left.set_xscale("log")
    left.set_yscale("log")
    median, worst = single_weight_quantiles(targets, single.num_samples, law=law)
    sizes = subset.num_samples
    promised = [cover_tolerance_bound(int(n), 0.5, law=law) for n in sizes]
    # a Gaussian law for the 2^n sums, of variance n/18 for products of two uniforms
    spread = np.sqrt(sizes / 18)
    density = np.array(
        [np.exp(-(targets**2) / (2 * s**2)).mean() / (s * np.sqrt(2 * np.pi)) for s in spread]
    )
    expected = np.log(2) / (2.0 ** (sizes + 1.0) * density)
    for axes, x, look, y, label in (
        (left, single.num_samples, _WORST_THEORY, worst, "worst, by the exact law"),
        (left, single.num_samples, _MEDIAN_THEORY, median, "median, by the exact law"),
        (left, single.num_samples, _WORST, single.worst, "worst, measured"),
        (left, single.num_samples, _MEDIAN, single.median, "median, measured"),
        (right, sizes, _PROVED, promised, "median, proved bound"),
        (right, sizes, _WORST, subset.worst, "worst, measured"),
        (right, sizes, _MEDIAN, subset.median, "median, measured"),
        (right, sizes, _ESTIMATE, expected, "median, first-moment estimate"),
    ):
        draw_line(axes, list(x), list(y), look, label=label)
    set_title(left, "single weight (Malach et al.): slope -1")
    set_title(right, "subset sum (Pensia et al.): exponential")
    for axes in (left, right):
        axes.set_xlabel("samples per weight")
        axes.set_ylabel("error of one weight")
    set_heading(figure, f"Errors of {targets.size} weights of a trained network")
    add_legend(figure, (left, right), columns=3)
    return write_figure(figure, path)


def plot_account(report: dict[str, Any], curve: list[dict[str, Any]], *, path: Path) -> list[Path]:
    """Draw certified and empirical error layer by layer, and against the radius of the domain.

    Parameters
    ----------
    report : dict
        What ``strongltn certify --json`` prints.
    curve : list of dict
        Rows of `radius_curve`; without any, only the left half is drawn.
    path : Path
        Its suffix does not matter.
    """
    columns = 2 if curve else 1
    width = PAGE_INCHES if curve else 1.3 * COLUMN_INCHES
    figure, axes = new_figure(1, columns, height=3.2, width=width)
    layers = report["layers"]
    left = axes[0]
    _draw_errors(
        left,
        list(range(len(layers))),
        [layer["difference"] for layer in layers],
        found=[layer["empirical_error"] for layer in layers],
    )
    names = [f"{k + 1}\n“{_label(layer['name'])}”" for k, layer in enumerate(layers)]
    left.set_xticks(range(len(layers)), names)
    if len(layers) > _MOST_LEVEL_NAMES:
        left.set_xticks(range(len(layers)), [name.replace("\n", " ") for name in names])
        left.tick_params("x", labelrotation=90)
    left.set_xlim(-0.4, len(layers) - 0.6)
    left.set_xlabel("after layer: number, “name in the target”")
    last = "" if report["output_norm"] == 2 else "\n(at the end the largest coordinate)"
    left.set_ylabel(f"sup of the difference, Euclidean norm{last}")
    set_title(left, f"layer by layer, on {report['domain']}")
    if curve:
        _draw_errors(
            axes[1],
            [row["radius"] for row in curve],
            [row["certified_error_by_method"] for row in curve],
            found=[row["empirical_error"] for row in curve],
        )
        axes[1].set_xscale("log")
        axes[1].set_xlabel("radius of the domain")
        norm = "Euclidean norm" if report["output_norm"] == 2 else "largest coordinate"
        axes[1].set_ylabel(f"sup of f - g, {norm}")
        set_title(axes[1], "against the radius")
    caption = "Every curve but the attack's is a proved upper bound, and the attack's a lower one."
    add_legend(figure, axes, columns=3 if curve else 2, caption=[caption])
    return write_figure(figure, path)


def _label(name: str) -> str:
    """Return a name of the user's as matplotlib draws it: no formulas, no control characters."""
    text = name if name.isprintable() else ascii(name)[1:-1]
    return text.replace("$", r"\$")


def _draw_errors(
    axes: Axes, at: list[float], certified: list[dict[str, Any]], *, found: list[Any]
) -> None:
    """Draw a line for each method, and one for what an attack has found.

    A number that has no place on a logarithmic axis, 0 or one near the largest double, is drawn at
    the edge with an arrow.
    """
    lines = {
        name: [float(bounds.get(name, "nan")) for bounds in certified]
        for name in dict.fromkeys(name for bounds in certified for name in bounds)
    }
    lines[_ATTACK] = [float(value) for value in found]
    drawn = [v for values in lines.values() for v in values if 0 < v < _MAX_DRAWN]
    others = [name for name in lines if name not in _METHODS]
    looks = _METHODS | {name: LOOKS[-1 - k % len(LOOKS)] for k, name in enumerate(others)}
    for name, values in lines.items():
        between = (min(drawn), max(drawn)) if drawn else (0.0, 0.0)
        draw_line(axes, at, values, looks[name], label=name, between=between, markers=len(values))
    if drawn:
        axes.set_yscale("log")


def _bisect(is_below: Any) -> float:
    """Return where a decreasing function of log2(t) changes its sign, t in (2^-60, 2)."""
    low, high = -60.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(2.0**middle) > 0 else (low, middle)
    return float(2.0**high)
