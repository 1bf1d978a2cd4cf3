"""Layer by layer and leaf by leaf: the ranges that offered multipliers prove."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from strongltn.certify.differential.lagrangian import first_ranges, num_multipliers, proved_ends
from strongltn.certify.differential.leaf import Leaf, leaves_of
from strongltn.certify.differential.ranges import LayerRanges, Range, rounded_outwards
from strongltn.networks.difference import DifferenceNetwork
from strongltn.numerics.dyadic import DyadicArray, negative

#: Of every layer so far, on one leaf.
Ranges = tuple[LayerRanges, ...]

#: From the ranges of every leaf to multipliers (leaves, statements, multipliers) of the next layer:
#: a first choice, and perhaps another on the same grid, for the statements that it serves better.
Offers = Callable[[list[Ranges]], list[DyadicArray]]


class RangeProof:
    """Ranges on every leaf of a network's domain.

    Parameters
    ----------
    network : DifferenceNetwork
    tree : int64 (nodes,)
        As in `leaves_of`.

    Raises
    ------
    InvalidInputError
        `tree` is not a tree over the inputs, or splits a ball.
    """

    def __init__(self, network: DifferenceNetwork, tree: NDArray[np.int64]) -> None:
        self.network, self.tree = network, tree
        self.leaves = leaves_of(network.domain, network.num_inputs, tree)

    def run(self, offers: Offers) -> tuple[tuple[Ranges, ...], tuple[DyadicArray, ...]]:
        """Return the ranges of every leaf, and the multipliers of every layer but the first.

        Notes
        -----
        Rigor: rigorous bounds for any offers; exact but for ends rounded outwards.
        Randomness: none.
        """
        first = _rounded([first_ranges(self.network, leaf) for leaf in self.leaves])
        ranges: list[Ranges] = [(layer,) for layer in first]
        kept = []
        while len(ranges[0]) < len(self.network.layers):
            offered = offers(ranges)
            chosen = offered[0].numerators.copy()
            exact = []
            for at, (leaf, before) in enumerate(zip(self.leaves, ranges, strict=True)):
                ends, rows = self._least(leaf, before, [offer[at] for offer in offered])
                exact.append(_from_ends(ends))
                chosen[at, rows] = offered[-1].numerators[at, rows]
            ranges = [(*one, layer) for one, layer in zip(ranges, _rounded(exact), strict=True)]
            kept.append(DyadicArray(chosen, offered[0].exponent))
        return tuple(ranges), tuple(kept)

    def no_multipliers(self, layer: int, *, exponent: int = 0) -> DyadicArray:
        """Return the zeros that stand for interval arithmetic."""
        statements = 4 * self.network.widths[layer + 1]
        shape = (len(self.leaves), statements, num_multipliers(self.network, layer))
        return DyadicArray(np.zeros(shape, dtype=np.int64), exponent)

    def _least(
        self, leaf: Leaf, before: Ranges, offers: list[DyadicArray]
    ) -> tuple[DyadicArray, NDArray[np.int64]]:
        """Return the least ends, and the statements that are better off with the last offer."""
        best = proved_ends(self.network, leaf, before, multipliers=offers[0])
        changed = (offers[0].numerators != offers[-1].numerators).any(axis=1)
        rows = np.flatnonzero(changed)
        if not rows.size:
            return best, rows
        other = proved_ends(self.network, leaf, before, multipliers=offers[-1], rows=rows)
        exponent = min(best.exponent, other.exponent)
        ends, others = best.at(exponent).copy(), other.at(exponent)
        is_better = np.asarray(others < ends[rows], dtype=bool)
        rows = rows[is_better]
        ends[rows] = others[is_better]
        return DyadicArray(ends, exponent), rows


def _from_ends(ends: DyadicArray) -> LayerRanges:
    """Return the ranges with these upper ends of -z, z, -d and d."""
    outputs = ends.shape[0] // 4
    parts = [ends[k * outputs : (k + 1) * outputs] for k in range(4)]
    return LayerRanges(
        Range(negative(parts[0]), parts[1]),
        Range(negative(parts[2]), parts[3]),
    )


def _rounded(exact: list[LayerRanges]) -> list[LayerRanges]:
    """Return one layer's ranges on every leaf, on one grid for each kind."""
    target = rounded_outwards([one.target for one in exact])
    difference = rounded_outwards([one.difference for one in exact])
    return [LayerRanges(*pair) for pair in zip(target, difference, strict=True)]
