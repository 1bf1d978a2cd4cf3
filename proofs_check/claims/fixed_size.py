"""Subsets of one size, and the constant that their theorem leaves open."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb, log2

import numpy as np
import numpy.typing as npt

from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Fit:
    """The least tolerance, as estimated, for one n and k."""

    num_samples: int
    size: int
    tolerance: float

    @property
    def constant(self) -> float:
        """The constant c that makes n = c log2(k/eps)^2 / H2(k/n) true."""
        return amplification(self.num_samples, self.size, self.tolerance)


def amplification(num_samples: int, size: int, tolerance: float) -> float:
    """Return c with n = c log2(k/eps)^2 / H2(k/n), H2 the binary entropy; 0 < k < n, eps < k."""
    fraction = size / num_samples
    entropy = -fraction * log2(fraction) - (1 - fraction) * log2(1 - fraction)
    return num_samples * entropy / log2(size / tolerance) ** 2


def covering_radii(samples: Floats) -> Floats:
    """Return, for k = 1, ..., n/2, how far a z in [-sqrt k, sqrt k] can be from all k-sums.

    Parameters
    ----------
    samples : float64 array, n of them, 2 <= n <= 20
    """
    sums, sizes = np.zeros(1), np.zeros(1, np.int64)
    for sample in samples:
        sums = np.concatenate([sums, sums + sample])
        sizes = np.concatenate([sizes, sizes + 1])
    radii = []
    for size in range(1, len(samples) // 2 + 1):
        points, end = np.sort(sums[sizes == size]), np.sqrt(size)
        middles = (points[1:] + points[:-1]) / 2
        halves = np.diff(points)[np.abs(middles) <= end] / 2
        edges = [np.abs(points - edge).min() for edge in (-end, end)]
        radii.append(max([*edges, halves.max(initial=0.0)]))
    return np.array(radii)


def least_tolerance(radii: Floats) -> float:
    """Return the least eps such that a fraction of at least 1 - eps of the radii is at most eps."""
    radii = np.sort(radii)
    missing = 1 - np.arange(1, len(radii) + 1) / len(radii)
    return float(np.maximum(radii, missing).min())


def _tolerances(num_samples: int, trials: int, rng: np.random.Generator) -> list[_Fit]:
    """Return, for each k, the least eps with P(all z within eps) >= 1 - eps, as estimated."""
    draws = rng.uniform(-1.0, 1.0, (trials, num_samples))
    radii = np.array([covering_radii(row) for row in draws])
    sizes = range(1, num_samples // 2 + 1)
    return [_Fit(num_samples, size, least_tolerance(radii[:, size - 1])) for size in sizes]


def _known_cases(steps: Steps, rng: np.random.Generator) -> None:
    """Check by hand, and by all subsets and many targets, what is then reported."""
    is_same = True
    hand = np.array([-1.0, 0.0, 1.0, 2.0]), np.array([0.5, 0.0, 0.25, -0.25])
    for samples in (*hand, *rng.uniform(-1.0, 1.0, (4, 7))):
        for size, found in enumerate(covering_radii(samples), start=1):
            sums = np.array([sum(some) for some in combinations(samples, size)])
            targets = np.linspace(-np.sqrt(size), np.sqrt(size), 2001)
            farthest = np.abs(targets[:, None] - sums[None, :]).min(axis=1).max()
            # The distance has slope 1, and a target is within sqrt(k)/2000 of the farthest.
            is_same &= bool(-1e-12 <= found - farthest <= np.sqrt(size) / 2000 + 1e-12)
    steps.step("radii as by all subsets and 2,001 targets (6 draws)", is_same)
    is_least = least_tolerance(np.array([0.4, 0.1, 0.3, 0.2])) == 0.3
    is_least &= least_tolerance(np.array([0.1, 0.1, 0.1, 0.9])) == 0.25
    steps.step("least tolerances by hand", is_least)
    # H2(1/2) = 1, and log2(4 / (1/2)) = 3; H2(1/4) = 2 - (3/4) log2(3), and log2(2 / (1/2)) = 2.
    by_hand = 8 / 9, 2 * (2 - 0.75 * log2(3))
    found = amplification(8, 4, 0.5), amplification(8, 2, 0.5)
    is_formula = all(abs(a - b) < 1e-12 for a, b in zip(found, by_hand, strict=True))
    steps.step("the constant by hand for k/n = 1/2 and 1/4", is_formula)


def _fixed_size(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    _known_cases(steps, rng)
    fits = [
        fit
        for num_samples in range(8, effort.pick(16, 20) + 1, 4)
        for fit in _tolerances(num_samples, effort.pick(60, 400), rng)
        # For k <= eps the formula asks for nothing.
        if fit.tolerance < fit.size
    ]
    worst = max(fits, key=lambda fit: fit.constant)
    balanced = max(fits, key=lambda fit: (fit.num_samples, fit.size))
    text = "; ".join(
        f"{name}: n = {fit.num_samples}, k = {fit.size}, eps = {fit.tolerance:.3g}, "
        f"c_amp = {fit.constant:.2f}"
        for name, fit in (("largest", worst), ("k = n/2", balanced))
    )
    # C(n, k) sums cover [-sqrt k, sqrt k] only if each covers that much.
    is_counted = all(
        fit.tolerance >= fit.size**0.5 / comb(fit.num_samples, fit.size) for fit in fits
    )
    steps.step(f"{len(fits)} pairs (n, k), all with C(n,k) eps >= sqrt k; {text}", is_counted)
    return steps.evidence("reported, not tested")


CLAIMS = (
    Claim(
        "C19",
        "Reported: c_amp = n H2(k/n) / log2(k/eps)^2, where eps is the least tolerance, as "
        "estimated for 8 <= n <= 16 (full 20) and 1 <= k <= n/2, with which the sums of k of n "
        "samples uniform on [-1, 1] reach all |z| <= sqrt k with probability at least 1 - eps",
        Method.DESCRIPTIVE,
        "in the form of Natale et al. 2024, Corollary 1",
        _fixed_size,
    ),
)
