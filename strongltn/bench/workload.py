"""The instances that all contestants get: integers, so that every sum can be taken exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from strongltn.numerics.exact import FloatArray, IntArray
from strongltn.rng import named_generator

#: The laws of the samples: k / 2^24, uniform on [-1, 1], and products of two such.
LAWS = ("uniform", "products")

#: Every target is larger than this in magnitude: the empty subset is never within it.
TOLERANCE = 0.01

_TARGET_BITS = 30  # targets lie off the grid of the uniform law, as trained weights do
_GRID_BITS = {"uniform": _TARGET_BITS, "products": 48}


@dataclass(frozen=True, eq=False)
class Workload:
    """Instances for a contestant, as integers and as doubles: m rows of n samples, m targets.

    Attributes
    ----------
    numerators : int64 array, shape (m, n)
    goals : int64 array, shape (m,)
        Samples and targets are these times 2**exponent, exactly.
    exponent : int
        The power of two of the grid.
    samples : float64 array, shape (m, n)
    targets : float64 array, shape (m,)
        The same numbers as doubles.
    """

    numerators: IntArray
    goals: IntArray
    exponent: int
    samples: FloatArray
    targets: FloatArray

    @classmethod
    def of(cls, numerators: IntArray, goals: IntArray, exponent: int) -> Workload:
        """Return the workload of these integers."""
        samples = np.ldexp(numerators.astype(np.float64), exponent)
        return cls(numerators, goals, exponent, samples, np.ldexp(goals * 1.0, exponent))

    def head(self, num_rows: int) -> Workload:
        """Return the first rows."""
        return Workload(
            self.numerators[:num_rows],
            self.goals[:num_rows],
            self.exponent,
            self.samples[:num_rows],
            self.targets[:num_rows],
        )

    def __len__(self) -> int:
        return len(self.goals)


def draw_workload(law: str, num_samples: int, num_rows: int, *, seed: int) -> Workload:
    """Draw fresh samples for every instance, and targets with tolerance < abs(target) <= 1/2.

    Parameters
    ----------
    law : one of `LAWS`
        The law of the samples.
    num_samples, num_rows : int >= 1
    seed : int in [0, 2^64)

    Notes
    -----
    Rigor: exact integers; a workload with fewer rows is not a part of one with more.  Cost: about
    20 nanoseconds a sample.  Randomness: `named_generator`.
    """
    generator = named_generator(seed, name=f"bench {law} {num_samples}")
    shape = (num_rows, num_samples)
    bits = _GRID_BITS[law]
    if law == "uniform":
        numerators = _uniform(generator, shape) << (bits - 24)
    else:
        numerators = _uniform(generator, shape) * _uniform(generator, shape)
    least = int(np.ceil(TOLERANCE * 2**_TARGET_BITS))
    magnitudes = generator.integers(least, 2 ** (_TARGET_BITS - 1), num_rows, endpoint=True)
    goals = magnitudes * (2 * generator.integers(0, 2, num_rows) - 1)
    return Workload.of(numerators, goals << (bits - _TARGET_BITS), -bits)


def _uniform(generator: np.random.Generator, shape: tuple[int, int]) -> IntArray:
    """Odd numerators over 2^24, as in a source."""
    return 2 * generator.integers(0, 2**24, shape, dtype=np.int64) + (1 - 2**24)
