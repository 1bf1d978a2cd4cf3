"""Plants in the densities and moments of subset sums, and in sums on a grid."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from flint import arb

from planted.error import PlantedError

PLANTS = (
    PlantedError(
        "C20",
        "the density is half of the true one",
        "irwin_hall",
        "density",
        lambda true: lambda k, x, j: true(k, x, j) / 2,
    ),
    PlantedError(
        "C20",
        "the tail is only known to lie in [0, 1]",
        "irwin_hall",
        "_tail_range",
        lambda true: lambda first: (arb(0), arb(1)),
    ),
    PlantedError(
        "C21",
        "the number of solutions concentrates",
        "moments",
        "moment_ratio",
        lambda true: lambda n, half, tolerance: Fraction(1),
    ),
    PlantedError(
        "C22",
        "every value of the grid is a product",
        "quantised",
        "products_of",
        lambda true: lambda half: np.ones(half * half + 1, dtype=bool),
    ),
    PlantedError(
        "C22",
        "every value has the frequency 1/2",
        "quantised",
        "pair_frequency",
        lambda true: lambda half, z: Fraction(1, 2),
    ),
)
