"""Laws of the samples: products of two independent source weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.rng import WeightLaw


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
        Of the source.
    values : float64, any shape

    Returns
    -------
    float64, the same shape, in [0, 1]

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
    factors: list[NDArray[Any]] = []
    for layer_law in (law.first, law.second):
        if layer_law is WeightLaw.GAUSSIAN:
            factors.append(generator.standard_normal(shape))
        elif layer_law is WeightLaw.SIGNED_CONSTANT:
            factors.append(generator.integers(0, 2, shape) * 2.0 - 1.0)
        else:
            factors.append(generator.uniform(-1.0, 1.0, shape))
    return np.asarray(np.ldexp(np.rint(np.ldexp(factors[0] * factors[1], 40)), -40))
