"""Laws of the samples of a subset sum, and the intervals of targets that theorems speak of."""

from __future__ import annotations

from enum import Enum
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

_GRID_BITS = 40


class SampleLaw(Enum):
    """Law of one sample of a random subset-sum problem.

    Attributes
    ----------
    UNIFORM
        U[-1, 1].
    PRODUCT
        a b with a, b independent, both U[-1, 1]: what a pair of uniform source layers offers.
    GAUSSIAN
        N(0, 1).
    SIGNED_CONSTANT
        -1 or 1, each with probability 1/2: no density, so no theorem on all targets applies.
    """

    UNIFORM = "uniform"
    PRODUCT = "product"
    GAUSSIAN = "gaussian"
    SIGNED_CONSTANT = "signed-constant"


class Window(Enum):
    """Interval of all targets at once, [-radius, radius]."""

    HALF = "half"
    UNIT = "unit"

    @property
    def radius(self) -> Fraction:
        """1/2 or 1."""
        return Fraction(1, 2) if self is Window.HALF else Fraction(1)


def draw_samples(
    law: SampleLaw, shape: tuple[int, ...], *, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return independent samples, rounded to the grid 2^-40, for simulations.

    Parameters
    ----------
    law : SampleLaw
    shape : tuple of int
    generator : numpy Generator

    Returns
    -------
    float64 array

    Notes
    -----
    Rigor: the law up to the grid. Cost: one or two draws a sample. Randomness: `generator`.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> samples = draw_samples(SampleLaw.PRODUCT, (2, 3), generator=generator)
    >>> samples.shape, bool(abs(samples).max() <= 1)
    ((2, 3), True)
    """
    if law is SampleLaw.SIGNED_CONSTANT:
        return np.asarray(generator.integers(0, 2, shape) * 2.0 - 1.0)
    if law is SampleLaw.GAUSSIAN:
        values = generator.standard_normal(shape)
    elif law is SampleLaw.PRODUCT:
        values = generator.uniform(-1.0, 1.0, shape) * generator.uniform(-1.0, 1.0, shape)
    else:
        values = generator.uniform(-1.0, 1.0, shape)
    return np.asarray(np.ldexp(np.rint(np.ldexp(values, _GRID_BITS)), -_GRID_BITS))
