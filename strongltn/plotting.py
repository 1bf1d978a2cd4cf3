"""Figures: weight error against sample size, the gadget of one weight, the account of a ticket."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from strongltn.networks import Ticket
from strongltn.rng import WeightLaw, named_generator
from strongltn.storage import write_figure
from strongltn.subset_sum import solve_batch
from strongltn.subset_sum.laws import draw_products
from strongltn.subset_sum.solvers import MeetInTheMiddle, SingleWeight
from strongltn.theorems.malach2020 import failure_probability
from strongltn.theorems.subset_sum_cover import cover_tolerance_bound

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SINGLE = "#b5562b"
_SUBSET = "#1f5fa8"
_PRUNED = "#c9c9c9"
_MAX_DRAWN = 1e150  # ticks go far beyond what is drawn
_LOOKS = {
    "spectral-triangle": ("#b5562b", "^"),
    "centre-split": ("#a8891f", "v"),
    "differential-interval": ("#7a4fa3", "s"),
    "backward-differential": ("#1f5fa8", "o"),
    "input-splitting": ("#3aa6a6", "P"),
    "quadratic": ("#2b8a5a", "D"),
    "found by an attack": ("black", "x"),
}


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
) -> ErrorCurve:
    """Solve every target with fresh products, at every sample size.

    Parameters
    ----------
    targets : float64 (weights,), in [-1/2, 1/2]
    sizes : list of int >= 1
    solver : MeetInTheMiddle or SingleWeight
    law : WeightLaw
    seed : int in [0, 2^64)
    """
    median, worst = [], []
    for size in sizes:
        generator = named_generator(seed, name=f"error curve {size}")
        samples = draw_products(law, (targets.size, size), generator=generator)
        errors = solve_batch(samples, targets, solver=solver).error
        median.append(float(np.median(errors)))
        worst.append(float(errors.max()))
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
    figure, (left, right) = _subplots(1, 2, size=(10, 4.2))
    median, worst = single_weight_quantiles(targets, single.num_samples, law=law)
    left.loglog(single.num_samples, worst, "-", color=_SINGLE, alpha=0.5, label="worst, theory")
    left.loglog(single.num_samples, median, "--", color=_SINGLE, label="median, theory")
    left.loglog(single.num_samples, single.worst, "^", color=_SINGLE, label="worst, measured")
    left.loglog(single.num_samples, single.median, "o", color=_SINGLE, label="median, measured")
    left.set_title("single weight (Malach et al.): slope -1")
    sizes = subset.num_samples
    promised = [cover_tolerance_bound(int(n), 0.5, law=law) for n in sizes]
    # a Gaussian law for the 2^n sums, of variance n/18 for products of two uniforms
    spread = np.sqrt(sizes / 18)
    density = np.array(
        [np.exp(-(targets**2) / (2 * s**2)).mean() / (s * np.sqrt(2 * np.pi)) for s in spread]
    )
    expected = np.log(2) / (2.0 ** (sizes + 1.0) * density)
    right.semilogy(sizes, promised, "-", color="black", label="median, proved bound")
    right.semilogy(sizes, subset.worst, "^", color=_SUBSET, label="worst, measured")
    right.semilogy(sizes, subset.median, "o", color=_SUBSET, label="median, measured")
    right.semilogy(sizes, expected, "--", color=_SUBSET, label="median, first-moment estimate")
    right.set_title("subset sum (Pensia et al.): exponential")
    left.set_ylabel(f"error of one weight ({targets.size} weights)")
    for axes in (left, right):
        axes.set_xlabel("samples per weight")
        axes.grid(visible=True, which="major", alpha=0.3)
        axes.legend(fontsize=8)
    return write_figure(figure, path)


def plot_gadget(ticket: Ticket, *, target: float, path: Path) -> list[Path]:
    """Draw the first gadget of a ticket, one input to one output, as a network.

    Parameters
    ----------
    ticket : Ticket
        One pair of source layers, one input, one output; narrow enough to draw.
    target : float
        The target weight.
    path : Path
        Without suffix.
    """
    source, mask = ticket.source, ticket.pairs[0]
    hidden = np.arange(source.widths[1])
    zeros = np.zeros_like(hidden)
    first = np.ldexp(source.entries(0, hidden, zeros).astype(np.float64), -24)
    second = np.ldexp(source.entries(1, zeros, hidden).astype(np.float64), -24)
    groups = [np.flatnonzero(sign * first > 0)[: ticket.samples_per_weight] for sign in (1, -1)]
    drawn = np.concatenate(groups)
    heights = np.linspace(1, -1, drawn.size + 1)  # a gap between the two sign groups
    heights = np.delete(heights, groups[0].size)
    figure, (axes,) = _subplots(1, 1, size=(9, 0.32 * drawn.size + 1))
    for k, height in zip(drawn, heights, strict=True):
        is_kept = k in mask.hidden
        color = (_SUBSET if first[k] > 0 else _SINGLE) if is_kept else _PRUNED
        style: dict[str, Any] = {"color": color, "zorder": 2 if is_kept else 1}
        axes.plot([0, 1], [0, height], lw=0.5 + 2 * abs(first[k]), **style)
        axes.plot([1, 2], [height, 0], lw=0.5 + 2 * abs(second[k]), **style)
        axes.plot(1, height, "o", ms=9, **style)
        product = f"{first[k]:+.3f} × {second[k]:+.3f} = {first[k] * second[k]:+.4f}"
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85}
        text_color = color if is_kept else "#8a8a8a"
        axes.text(1.05, height, product, fontsize=8, va="center", color=text_color, bbox=box)
    for x, label in ((0, "x"), (2, "y")):
        axes.plot(x, 0, "o", ms=24, color="black", zorder=6)
        axes.text(x, 0, label, color="white", ha="center", va="center", fontsize=11, zorder=7)
    effective = ticket.effective(0)
    scale = 2.0**ticket.output_exponent
    plus = scale * float(effective.plus.to_floats()[0, 0])
    minus = 0.0 if effective.minus is None else -scale * float(effective.minus.to_floats()[0, 0])
    axes.set_title(
        f"{ticket.construction} of one weight w = {target:+.5f}:  "
        f"y = {plus:+.5f} ReLU(x) {-minus:+.5f} ReLU(-x)",
        fontsize=11,
    )
    legend = (
        f"blue: first weight > 0; orange: < 0; grey: pruned; labels: first × second weight; "
        f"{hidden.size - drawn.size} surplus neurons, pruned, are not drawn"
    )
    axes.text(1, -1.12, legend, ha="center", va="top", fontsize=8)
    axes.set_axis_off()
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
    figure, axes = _subplots(1, 2 if curve else 1, size=(11 if curve else 6.5, 5), sharey=False)
    layers = report["layers"]
    left = axes[0]
    _draw_errors(
        left,
        list(range(len(layers))),
        [layer["difference"] for layer in layers],
        found=[layer["empirical_error"] for layer in layers],
    )
    left.set_xticks(range(len(layers)), [_label(layer["name"]) for layer in layers])
    left.set_xlim(-0.4, len(layers) - 0.6)
    last = "" if report["output_norm"] == 2 else "\n(at the end the largest coordinate)"
    left.set_ylabel(f"sup of the difference, Euclidean norm{last}")
    left.set_title(f"behind each layer, on {report['domain']}", fontsize=10)
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
        axes[1].set_title("against the radius", fontsize=10)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)
    return write_figure(figure, path)


def _label(name: str) -> str:
    """Return a name of the user's as matplotlib draws it: no formulas, no control characters."""
    text = name if name.isprintable() else ascii(name)[1:-1]
    return text.replace("$", r"\$")


def _draw_errors(
    axes: Axes, at: list[float], certified: list[dict[str, Any]], *, found: list[Any]
) -> None:
    """Draw a line for each method, and one for what an attack has found."""
    lines = {
        name: [float(bounds.get(name, 0.0)) for bounds in certified]
        for name in dict.fromkeys(name for bounds in certified for name in bounds)
    }
    lines["found by an attack"] = [float(value) for value in found]
    for name, values in lines.items():
        color, marker = _LOOKS[name]
        # zero and numbers near the largest double have no place on a logarithmic axis
        shown = [value if 0 < value < _MAX_DRAWN else np.nan for value in values]
        axes.plot(at, shown, "-", color=color, marker=marker, ms=5, lw=1.2, label=name)
    if any(0 < value < _MAX_DRAWN for values in lines.values() for value in values):
        axes.set_yscale("log")
    axes.grid(visible=True, which="major", alpha=0.3)


def _subplots(
    rows: int, columns: int, *, size: tuple[float, float], sharey: bool = True
) -> tuple[Any, list[Axes]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)  # no window, no global state
    return figure, list(figure.subplots(rows, columns, squeeze=False, sharey=sharey).ravel())


def _bisect(is_below: Any) -> float:
    """Return where a decreasing function of log2(t) changes its sign, t in (2^-60, 2)."""
    low, high = -60.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(2.0**middle) > 0 else (low, middle)
    return float(2.0**high)
