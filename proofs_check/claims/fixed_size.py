"""Subsets of one size, and the constant that their theorem leaves open."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

import numpy as np
import numpy.typing as npt

from proofs_check.claims.claim import Claim, Effort, Evidence, Method

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Fit:
    """The constant c that makes n = c log2(k/eps)^2 / H2(k/n) true for one n and k."""

    num_samples: int
    size: int
    tolerance: float

    @property
    def constant(self) -> float:
        """Estimated, since the tolerance is."""
        fraction = self.size / self.num_samples
        entropy = -fraction * log2(fraction) - (1 - fraction) * log2(1 - fraction)
        return self.num_samples * entropy / log2(self.size / self.tolerance) ** 2


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


def _tolerances(num_samples: int, trials: int, rng: np.random.Generator) -> list[_Fit]:
    """Return, for each k, the least eps with P(all z within eps) >= 1 - eps, as estimated."""
    draws = rng.uniform(-1.0, 1.0, (trials, num_samples))
    radii = np.sort(np.array([covering_radii(row) for row in draws]), axis=0)
    missing = 1 - np.arange(1, trials + 1) / trials
    fits = []
    for size in range(1, num_samples // 2 + 1):
        column = radii[:, size - 1]
        fits.append(_Fit(num_samples, size, float(column[np.argmax(missing <= column)])))
    return fits


def _fixed_size(effort: Effort, rng: np.random.Generator) -> Evidence:
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
    return Evidence(True, f"{len(fits)} pairs (n, k); {text}", "reported, not tested")


CLAIMS = (
    Claim(
        "C19",
        "Subsets of size k reach all |z| <= sqrt k: the c_amp of n = c_amp log2(k/eps)^2 / H2(k/n)",
        Method.DESCRIPTIVE,
        "in the form of Natale et al. 2024, Corollary 1",
        _fixed_size,
    ),
)
