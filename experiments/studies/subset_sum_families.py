"""Families of subset-sum instances, from every day's to spiteful: seeded, vectorised, any n.

A family is a function (generator, m, n) -> (samples (m, n), targets (m,)), both finite float64.
`FAMILIES` names them all; the last one, "mixture", puts rows of all the others into one batch.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Instances = tuple[FloatArray, FloatArray]
Family = Callable[[Generator, int, int], Instances]


def _uniform(g: Generator, shape: tuple[int, ...]) -> FloatArray:
    """Odd multiples of 2^-24 in [-1, 1]: the uniform law of a source."""
    return np.asarray((2 * g.integers(0, 2**24, shape) + 1 - 2**24) / 2.0**24, dtype=np.float64)


def _signs(g: Generator, shape: tuple[int, ...]) -> FloatArray:
    return np.asarray(g.integers(0, 2, shape) * 2.0 - 1.0, dtype=np.float64)


def _weights(g: Generator, m: int) -> FloatArray:
    """Targets in [-1/2, 1/2]: half of them float32, half on no common grid."""
    weights = g.uniform(-0.5, 0.5, m)
    weights[::2] = weights[::2].astype(np.float32)
    return weights


def _subset_sums(g: Generator, samples: FloatArray) -> FloatArray:
    """The sum of a random subset of each row, rounded by the order of summation."""
    kept: FloatArray = np.where(g.integers(0, 2, samples.shape) == 1, samples, 0.0)
    return np.asarray(kept.sum(axis=1))


def _nudged(g: Generator, targets: FloatArray) -> FloatArray:
    """Each target as it is, or moved by its last bit up or down."""
    towards = np.array([-np.inf, np.inf])[g.integers(0, 2, targets.size)]
    return np.where(g.integers(0, 3, targets.size) == 0, targets, np.nextafter(targets, towards))


def uniform(g: Generator, m: int, n: int) -> Instances:
    """The uniform law of a source."""
    return _uniform(g, (m, n)), _weights(g, m)


def products(g: Generator, m: int, n: int) -> Instances:
    """Products of two uniform weights."""
    return _uniform(g, (m, n)) * _uniform(g, (m, n)), _weights(g, m)


def signed_constants(g: Generator, m: int, n: int) -> Instances:
    """One weight of magnitude 1, sums that tie by the thousand."""
    return _signs(g, (m, n)), g.integers(-2 * n, 2 * n + 1, m) / 4.0


def gaussian_products(g: Generator, m: int, n: int) -> Instances:
    """Gaussian weights on odd multiples of 2^-21, times uniform ones."""
    gaussian = (2 * np.floor(np.abs(g.standard_normal((m, n))) * 2.0**20) + 1) * 2.0**-21
    return _signs(g, (m, n)) * gaussian * _uniform(g, (m, n)), _weights(g, m)


def gaussian_doubles(g: Generator, m: int, n: int) -> Instances:
    """All 53 bits: many a row does not fit int64."""
    return g.standard_normal((m, n)), g.standard_normal(m)


def float32(g: Generator, m: int, n: int) -> Instances:
    """Gaussian float32 samples and targets."""
    drawn = g.standard_normal((m, n + 1)).astype(np.float32).astype(np.float64)
    return drawn[:, :n], drawn[:, n]


def small_integers(g: Generator, m: int, n: int) -> Instances:
    """Integers up to 9 in magnitude; targets in quarters."""
    return g.integers(-9, 10, (m, n)).astype(np.float64), g.integers(-99, 100, m) / 4.0


def large_integers(g: Generator, m: int, n: int) -> Instances:
    """Integers of 50 bits."""
    drawn = g.integers(-(2**50), 2**50, (m, n + 1)).astype(np.float64)
    return drawn[:, :n], drawn[:, n]


def word_edges(g: Generator, m: int, n: int) -> Instances:
    """Integers whose magnitudes sum to about a power of two at which some word may overflow."""
    edge = 2.0 ** g.choice([26, 27, 28, 29, 30, 31, 56, 57, 58, 59, 60, 61, 62], m)
    samples = np.floor(g.random((m, n)) * (edge / n)[:, None])
    if n > 1:
        samples[:, -1] = 1.0  # the grid of the row is that of the integers
    samples[:, 0] += edge - samples.sum(axis=1) + g.integers(-2, 3, m)
    samples *= np.where(g.random((m, 1)) < 0.3, 1.0, _signs(g, (m, n)))
    return samples, np.rint(_subset_sums(g, samples)) + g.integers(-4, 5, m) / 4.0


def zeros(g: Generator, m: int, n: int) -> Instances:
    """About half of the samples are zeros of either sign, and a few of the targets."""
    samples = np.where(g.random((m, n)) < 0.5, 0.0, _uniform(g, (m, n)))
    targets = np.where(g.random(m) < 0.1, 0.0, _weights(g, m))
    return samples * _signs(g, (m, n)), targets * _signs(g, (m,))


def duplicates(g: Generator, m: int, n: int) -> Instances:
    """Each row repeats at most three values."""
    pool = _uniform(g, (m, 3))
    return np.take_along_axis(pool, g.integers(0, 3, (m, n)), axis=1), _weights(g, m)


def both_signs(g: Generator, m: int, n: int) -> Instances:
    """Each row repeats at most three magnitudes with either sign."""
    samples, targets = duplicates(g, m, n)
    return samples * _signs(g, (m, n)), targets


def subnormals(g: Generator, m: int, n: int) -> Instances:
    """Multiples of the least double; targets among them or far beyond."""
    most = np.where(g.random(m) < 0.5, 9, 2**52)
    samples = np.floor(g.random((m, n)) * most[:, None]) * _signs(g, (m, n)) * 5e-324
    targets = np.where(g.random(m) < 0.9, _subset_sums(g, samples), g.uniform(-1, 1, m))
    return samples, _nudged(g, targets)


def huge(g: Generator, m: int, n: int) -> Instances:
    """Sums beyond the largest double; targets of any size."""
    samples = _uniform(g, (m, n)) * np.finfo(np.float64).max
    return samples, g.uniform(-1.0, 1.0, m) * 10.0 ** g.integers(-300, 309, m)


def mixed_exponents(g: Generator, m: int, n: int) -> Instances:
    """Three bits each, spread over an exponent range of 50."""
    drawn = g.integers(-7, 8, (m, n + 1)) * 2.0 ** g.integers(-25, 26, (m, n + 1))
    return drawn[:, :n], drawn[:, n]


def near_ties(g: Generator, m: int, n: int) -> Instances:
    """Targets in the middle of two integers, of which most are sums, or one last bit beside it."""
    samples = g.integers(-50, 51, (m, n)).astype(np.float64)
    return samples, _nudged(g, _subset_sums(g, samples) + 0.5)


def adjacent_sums(g: Generator, m: int, n: int) -> Instances:
    """Targets in the middle of two neighbours among all sums, or one last bit beside it.

    At most ten samples are small; the others are signed powers of two above all of their sums, so a
    neighbour of a sum has the same large samples.
    """
    num_small = min(n, 10)
    small = _uniform(g, (m, num_small))
    ascending = np.zeros((m, 1))
    for k in range(num_small):
        ascending = np.concatenate([ascending, ascending + small[:, k : k + 1]], axis=1)
    ascending.sort(axis=1)
    place = g.integers(0, ascending.shape[1] - 1, m)
    pair = np.take_along_axis(ascending, place[:, None] + np.arange(2), axis=1)
    large = _signs(g, (m, n - num_small)) * 2.0 ** (8 + np.arange(n - num_small))
    targets = pair.sum(axis=1) / 2 + _subset_sums(g, large)
    return g.permuted(np.concatenate([small, large], axis=1), axis=1), _nudged(g, targets)


def last_bits(g: Generator, m: int, n: int) -> Instances:
    """Samples that differ in the last bit only, with either sign."""
    samples = (1.0 + g.integers(0, 4, (m, n)) * 2.0**-52) * _signs(g, (m, n))
    return samples, _nudged(g, _subset_sums(g, samples))


def ladders(g: Generator, m: int, n: int) -> Instances:
    """Signed powers of two, one of each: every sum is unique, every integer a sum."""
    rungs = g.permuted(np.tile(2.0 ** np.arange(n), (m, 1)), axis=1)
    samples = rungs * np.where(g.random((m, 1)) < 0.5, 1.0, _signs(g, (m, n)))
    return samples, _nudged(g, _subset_sums(g, samples) + g.integers(-2, 3, m) / 4.0)


def wide_ladders(g: Generator, m: int, n: int) -> Instances:
    """Signed powers of two up to 80 exponents apart: no row but the shortest fits int64."""
    exponents = g.integers(1, 81, m)[:, None] * g.permuted(np.tile(np.arange(n), (m, 1)), axis=1)
    samples = np.ldexp(_signs(g, (m, n)), exponents - 960)
    return samples, _nudged(g, _subset_sums(g, samples))


def wide_exponents(g: Generator, m: int, n: int) -> Instances:
    """Exponents over a range of 2000 bits; targets of any size, or rounded sums."""
    drawn = np.ldexp(g.uniform(-1.0, 1.0, (m, n + 1)), g.integers(-1000, 1000, (m, n + 1)))
    samples = drawn[:, :n]
    is_sum = g.random(m) < 0.5
    return samples, _nudged(g, np.where(is_sum, _subset_sums(g, samples), drawn[:, n]))


_PLAIN: tuple[Family, ...] = (
    *(uniform, products, signed_constants, gaussian_products, gaussian_doubles, float32),
    *(small_integers, large_integers, word_edges, zeros, duplicates, both_signs, subnormals, huge),
    *(mixed_exponents, near_ties, adjacent_sums, last_bits, ladders, wide_ladders, wide_exponents),
)


def mixture(g: Generator, m: int, n: int) -> Instances:
    """Rows of all the other families in one batch, in random order."""
    share = -(-m // len(_PLAIN))
    parts = [family(g, share, n) for family in _PLAIN]
    samples = np.concatenate([part[0] for part in parts])
    targets = np.concatenate([part[1] for part in parts])
    chosen = g.permutation(len(targets))[:m]
    return samples[chosen], targets[chosen]


FAMILIES: dict[str, Family] = {
    family.__name__.replace("_", " "): family for family in (*_PLAIN, mixture)
}
