"""Ranges: where the target's pre-activations lie, and how far the pruned ones stray from them.

At a layer the target's pre-activation is z and the pruned network's z + d. What the next layer sees
is a = ReLU(z), and D = ReLU(z + d) - ReLU(z) beside it. Ranges are proved on leaves, the parts of a
domain: all of it, or the boxes of a tree of splits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.networks.domain import Domain
from strongltn.numerics.dyadic import (
    DyadicArray,
    ceil_to_grid,
    concatenate,
    floor_to_grid,
    maximum,
    negative,
    positive_part,
    product,
    upper_sqrt,
)
from strongltn.numerics.norms import row_norm_bounds

LEAF = -1  # in a tree: this node is not split

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


@dataclass(frozen=True, eq=False)
class Leaf:
    """The ball of `radius` about 0, or the box [lower, upper].

    Attributes
    ----------
    lower, upper : DyadicArray (inputs,), on one grid; None for the ball
    radius : Fraction
        0 for a box.
    """

    lower: DyadicArray | None
    upper: DyadicArray | None
    radius: Fraction = Fraction(0)

    def range_of(self, plus: DyadicArray, minus: DyadicArray | None) -> Range:
        """Return the range over the leaf of plus ReLU(x) + minus ReLU(-x), row by row.

        Parameters
        ----------
        plus, minus : DyadicArray (rows, inputs)
            Without `minus` the form is plus x.

        Returns
        -------
        Range of (rows,)
            Exact on a box; on a ball rounded outwards.
        """
        if self.lower is None or self.upper is None:
            upper = _reach(plus, minus, radius=self.radius)
            if minus is None:
                return Range(negative(upper), upper)
            opposite = _reach(negative(plus), negative(minus), radius=self.radius)
            return Range(negative(opposite), upper)
        low, high = _integers(self.lower), _integers(self.upper)
        exponent, slopes = plus.exponent, _integers(plus)
        bottom = top = 0
        if minus is not None:
            exponent = min(plus.exponent, minus.exponent)
            p, m = _integers(plus, exponent), _integers(minus, exponent)
            is_bent = (low < 0) & (high > 0)
            ends = [p[:, is_bent] * high[is_bent], -m[:, is_bent] * low[is_bent]]
            bottom = np.minimum(np.minimum(*ends), 0).sum(axis=1)
            top = np.maximum(np.maximum(*ends), 0).sum(axis=1)
            slopes = np.where(is_bent, 0, np.where(high <= 0, -m, p))  # ReLU(-x) = -x there
        middle, spread = slopes @ (high + low), np.abs(slopes) @ (high - low)
        unit = exponent + self.lower.exponent - 1
        ends = [middle - spread + 2 * bottom, middle + spread + 2 * top]
        return Range(*(DyadicArray(end, unit) for end in ends))

    def norm_bound(self) -> Fraction:
        """Return a bound on ||x|| over the leaf; for a ball it is the radius."""
        if self.lower is None or self.upper is None:
            return self.radius
        return upper_sqrt(maximum(self.upper, negative(self.lower)).squared_norm())

    def halves(self, coordinate: int) -> tuple[Leaf, Leaf]:
        """Return the lower and the upper half of a box, cut across one coordinate."""
        if self.lower is None or self.upper is None:
            raise InvalidInputError("tree", got="a split ball", allowed="one leaf on a ball")
        middle = self.lower.numerators[coordinate] + self.upper.numerators[coordinate]
        exponent = self.lower.exponent - 1
        lower, upper = self.lower.numerators * 2, self.upper.numerators * 2
        upper_of_first, lower_of_second = upper.copy(), lower.copy()
        upper_of_first[coordinate] = lower_of_second[coordinate] = middle
        return (
            Leaf(DyadicArray(lower, exponent), DyadicArray(upper_of_first, exponent)),
            Leaf(DyadicArray(lower_of_second, exponent), DyadicArray(upper, exponent)),
        )


def leaves_of(domain: Domain, num_inputs: int, tree: NDArray[np.int64]) -> list[Leaf]:
    """Return the leaves of a tree over a domain.

    Parameters
    ----------
    domain : Domain
    num_inputs : int
    tree : int64 (nodes,)
        In preorder: `LEAF`, or the coordinate whose halves follow, the lower one first.

    Raises
    ------
    InvalidInputError
        The list is not one whole tree over the inputs, or it splits a ball.
    """
    box = domain.box(num_inputs)
    if box is None:
        pending = [Leaf(None, None, domain.norm_bound(num_inputs))]
    else:
        ends = [end[None] for end in box.ends()]
        lower, upper = _integers(concatenate(ends))  # halves have more and more bits
        exponent = min(end.exponent for end in ends)
        pending = [Leaf(DyadicArray(lower, exponent), DyadicArray(upper, exponent))]
    leaves = []
    for node in tree.tolist():
        if not pending or not LEAF <= node < num_inputs:
            break
        part = pending.pop()
        if node == LEAF:
            leaves.append(part)
        else:
            pending += reversed(part.halves(node))
    else:
        if not pending:
            return leaves
    raise InvalidInputError("tree", got=str(tree), allowed="one whole binary tree over the inputs")


def _reach(plus: DyadicArray, minus: DyadicArray | None, *, radius: Fraction) -> DyadicArray:
    """Return radius * ||max(plus, minus, 0)|| of every row, or radius * ||plus||, rounded up."""
    steepest = plus if minus is None else positive_part(maximum(plus, minus))
    factor = np.array(radius.numerator, dtype=object)
    return product(
        row_norm_bounds(steepest), DyadicArray(factor, 1 - radius.denominator.bit_length())
    )


def _integers(array: DyadicArray, exponent: int | None = None) -> NDArray[Any]:
    """Return Python integers: the numerators, or those on a finer grid."""
    wide = array.numerators.astype(object)
    return wide if exponent is None else wide << (array.exponent - exponent)
