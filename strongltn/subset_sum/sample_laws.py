"""Laws of the samples of a subset sum, and the intervals of targets that theorems speak of.

`SampleLaw` is what theorems and simulations speak of; `product_cdf` and `draw_products` give the
law of the samples that a source network with weights of a `WeightLaw` offers.
"""

from __future__ import annotations

from enum import Enum
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from strongltn.rng import WeightLaw

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

    Notes
    -----
    Rigor: the law up to the grid. Cost: one or two draws a sample. Randomness: `generator`, which
    moves on.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> samples = draw_samples(SampleLaw.PRODUCT, (2, 3), generator=generator)
    >>> samples.shape, bool(abs(samples).max() <= 1)
    ((2, 3), True)
    """
    words = ["uniform", "uniform"] if law is SampleLaw.PRODUCT else [law.value]
    return _draw_product(words, shape, generator=generator)


def product_cdf(law: WeightLaw, values: NDArray[np.float64] | float) -> NDArray[np.float64]:
    r"""Return P(a b <= t) for the two weights a, b of a pair of source layers.

    The continuous law: the grid moves every weight by at most 2^-24. Given the sign of a it is the
    law of |a| b as well, by symmetry.

    .. math:: \tfrac12 + \tfrac12 (t - t \ln|t|) \text{ (uniform)}, \quad
              \tfrac12 + \tfrac12 t \text{ (signed constant)}, \quad
              \tfrac12 + \tfrac1\pi \int_0^t K_0(|s|)\,ds \text{ (Gaussian)}

    the first two for t in [-1, 1], clipped outside.

    Parameters
    ----------
    law : WeightLaw
        The law of the weights of the source network.
    values : float64, any shape
        The points t at which the distribution function is wanted.

    Notes
    -----
    Rigor: closed forms in float64. Cost: O(1) a value. Randomness: none.

    Examples
    --------
    >>> float(product_cdf(WeightLaw.SIGNED_CONSTANT, 0.5))
    0.75
    """
    t = np.asarray(values, dtype=np.float64)
    if law is WeightLaw.GAUSSIAN:
        from scipy.special import iti0k0

        return np.asarray(0.5 + np.sign(t) * iti0k0(np.abs(t))[1] / np.pi)
    t = np.clip(t, -1.0, 1.0)
    if law is WeightLaw.SIGNED_CONSTANT:
        return 0.5 + 0.5 * t
    logarithm = np.log(np.abs(t), out=np.zeros_like(t), where=t != 0)
    return np.asarray(0.5 + 0.5 * (t - t * logarithm))


def draw_products(
    law: WeightLaw, shape: tuple[int, ...], *, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return independent products on the grid 2^-40, for simulations; sources never use it."""
    return _draw_product([law.first.value, law.second.value], shape, generator=generator)


def _draw_product(
    words: list[str], shape: tuple[int, ...], *, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return products of independent factors of these laws, rounded to the grid."""
    product = np.ones(shape)
    for word in words:
        if word == "gaussian":
            product *= generator.standard_normal(shape)
        elif word == "signed-constant":
            product *= generator.integers(0, 2, shape) * 2.0 - 1.0
        else:
            product *= generator.uniform(-1.0, 1.0, shape)
    return np.asarray(np.ldexp(np.rint(np.ldexp(product, _GRID_BITS)), -_GRID_BITS))
