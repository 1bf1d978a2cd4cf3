"""The figure of weight errors: how they fall with the samples, for single weights and sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
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
from strongltn.theorems.supermartingale import cover_tolerance_bound

_WORST, _MEDIAN = Look(ORANGE, "^", ""), Look(BLUE, "o", "", size=3.5)
_WORST_THEORY, _MEDIAN_THEORY = Look(ORANGE, dashes="-"), Look(BLUE, dashes="--")
_PROVED, _ESTIMATE = Look(BLACK, width=1.8), Look(GREEN, dashes="-.")


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


def _bisect(is_below: Any) -> float:
    """Return where a decreasing function of log2(t) changes its sign, t in (2^-60, 2)."""
    low, high = -60.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(2.0**middle) > 0 else (low, middle)
    return float(2.0**high)
