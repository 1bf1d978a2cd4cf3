"""Ranges: where the target's pre-activations lie, and how far the pruned ones stray from them.

At a layer the target's pre-activation is z and the pruned network's z + d. What the next layer sees
is a = ReLU(z), and D = ReLU(z + d) - ReLU(z) beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strongltn.numerics.dyadic import (
    DyadicArray,
    ceil_to_grid,
    floor_to_grid,
    maximum,
    negative,
    positive_part,
)

_BITS = 40  # of every end, below the largest one


@dataclass(frozen=True, eq=False)
class Range:
    """Every coordinate lies in [lower, upper].

    Attributes
    ----------
    lower, upper : DyadicArray, both of one shape
    """

    lower: DyadicArray
    upper: DyadicArray

    def largest(self) -> DyadicArray:
        """Return the largest absolute value of every coordinate."""
        return maximum(self.upper, negative(self.lower))

    def __getitem__(self, index: int) -> Range:
        return Range(self.lower[index], self.upper[index])


@dataclass(frozen=True, eq=False)
class LayerRanges:
    """Ranges at one layer: the target's pre-activation z and the difference d."""

    target: Range
    difference: Range

    def activation(self) -> Range:
        """Return the range of a = ReLU(z)."""
        return Range(positive_part(self.target.lower), positive_part(self.target.upper))

    def is_active(self) -> NDArray[np.bool_]:
        """Return where z and z + d are never negative."""
        both = self.target.lower + self.difference.lower
        return np.asarray((self.target.lower.numerators >= 0) & (both.numerators >= 0), dtype=bool)

    def is_inactive(self) -> NDArray[np.bool_]:
        """Return where z and z + d are never positive."""
        both = self.target.upper + self.difference.upper
        return np.asarray((self.target.upper.numerators <= 0) & (both.numerators <= 0), dtype=bool)


def rounded_outwards(exact: Sequence[Range]) -> list[Range]:
    """Return ranges on one int64 grid, about 40 bits below the largest end, rounded outwards."""
    largest = max(max(one.lower.max_abs(), one.upper.max_abs()) for one in exact)
    exponent = largest.numerator.bit_length() - largest.denominator.bit_length() - _BITS
    return [
        Range(floor_to_grid(one.lower, exponent), ceil_to_grid(one.upper, exponent))
        for one in exact
    ]
