"""Differential bounds: ranges of z and d at every layer, proved from multipliers by integers.

Zero multipliers give interval arithmetic for the difference network; those of lines above and below
the ReLUs carry every statement back to the inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from strongltn.certify.differential.float_neurons import FloatRanges, FloatRegion, Neurons
from strongltn.certify.differential.lagrangian import first_ranges, num_multipliers, proved_ends
from strongltn.certify.differential.multiplier_search import MultiplierSearch
from strongltn.certify.differential.ranges import (
    LEAF,
    LayerRanges,
    Leaf,
    Range,
    leaves_of,
    rounded_outwards,
)
from strongltn.networks.difference import DifferenceNetwork
from strongltn.numerics.dyadic import DyadicArray, negative, positive_part, upper_sqrt
from strongltn.values.arguments import integer

_MULTIPLIER_BITS = 58  # of the largest in plain lines
_MOST_BITS = 62  # of any

#: Of every layer so far, on one leaf.
Ranges = tuple[LayerRanges, ...]

#: From the ranges of every leaf to multipliers (leaves, statements, multipliers) of the next layer:
#: a first choice, and perhaps another on the same grid, for the statements that it serves better.
Offers = Callable[[list[Ranges]], list[DyadicArray]]


@dataclass(frozen=True)
class BackwardSettings:
    """Settings of the search for multipliers.

    Attributes
    ----------
    num_steps : int >= 0
        Steps of the optimiser for every layer; 0 takes the multipliers of plain lines.
    """

    num_steps: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "num_steps", integer("num_steps", self.num_steps, low=0))


@dataclass(frozen=True, eq=False)
class Differential:
    """Ranges proved on every leaf of a domain, and the bounds that follow from them.

    Attributes
    ----------
    tree : int64 (nodes,)
        In preorder: -1 is a leaf, any other number the coordinate whose halves follow.
    leaves : tuple of tuples of LayerRanges
        The ranges of every leaf and layer; int64, one exponent for each layer and kind.
    multipliers : tuple of DyadicArray (leaves, 4 * outputs, 2 * neurons before), int64
        Those of every layer but the first, in the order of `proved_ends`; empty if all are zero.
    activation : tuple of Fraction
        X_i >= sup ||input of layer i||.
    difference : tuple of Fraction
        D_i >= sup ||d_i||, of the difference between the pre-activations of layer i.
    largest_output : Fraction
        >= sup ||d||_inf at the last layer.
    """

    tree: NDArray[np.int64]
    leaves: tuple[Ranges, ...]
    multipliers: tuple[DyadicArray, ...]
    activation: tuple[Fraction, ...]
    difference: tuple[Fraction, ...]
    largest_output: Fraction


def differential_interval(network: DifferenceNetwork) -> Differential:
    """Return the bounds of interval arithmetic on the difference network.

    Notes
    -----
    Rigor: rigorous bounds. Cost: a few integer products for each weight. Randomness: none.
    """
    return evaluate(network, tree=np.array([LEAF]), multipliers=())


def evaluate(
    network: DifferenceNetwork,
    *,
    tree: NDArray[np.int64],
    multipliers: tuple[DyadicArray, ...],
) -> Differential:
    """Return what multipliers prove, whatever they are.

    Parameters
    ----------
    tree, multipliers
        As in `Differential`.

    Raises
    ------
    InvalidInputError
        `tree` is not a tree over the inputs, or splits a ball.

    Notes
    -----
    Rigor: rigorous bounds, exact but for ends rounded outwards. Randomness: none.
    """
    proof = RangeProof(network, tree)
    given = multipliers or tuple(proof.no_multipliers(i) for i in range(1, len(network.layers)))
    ranges, _ = proof.run(lambda before: [given[len(before[0]) - 1]])
    return _concluded(proof, ranges, multipliers)


def backward_differential(
    network: DifferenceNetwork,
    *,
    settings: BackwardSettings | None = None,
    tree: NDArray[np.int64] | None = None,
) -> Differential:
    """Return the bounds of lines above and below every ReLU, carried back to the inputs.

    No range is ever wider than that of `differential_interval`, nor, with steps of the optimiser,
    than without them.

    Parameters
    ----------
    tree : int64 (nodes,), optional
        The tree whose leaves are bounded one by one. Default: one leaf.

    Raises
    ------
    InvalidInputError
        `tree` is not a tree over the inputs, or splits a ball.

    Notes
    -----
    Rigor: rigorous bounds; the search in floats only decides how good they are.
    Cost: for every pair of layers and leaf, a few integer matrix products with four rows for each
    neuron; for every step, a few in floats.
    Randomness: none.
    """
    settings = settings or BackwardSettings()
    tree = np.array([LEAF]) if tree is None else tree
    proof = RangeProof(network, tree)
    with np.errstate(all="ignore"):  # floats that overflow are of no use, and of no harm
        search = MultiplierSearch(network)
    ranges, multipliers = proof.run(_plain_lines(proof, search))
    if settings.num_steps:
        better = _better_lines(proof, search, ranges, multipliers, num_steps=settings.num_steps)
        ranges, multipliers = proof.run(better)
    return _concluded(proof, ranges, multipliers)


def _plain_lines(proof: RangeProof, search: MultiplierSearch) -> Offers:
    """Return offers of interval arithmetic first, then of plain lines."""

    @np.errstate(all="ignore")
    def offers(before: list[Ranges]) -> list[DyadicArray]:
        _, found = search.plain(FloatRegion.of(proof.leaves), _neurons(before))
        found = np.where(np.isfinite(found), found, 0.0)
        exponent = int(np.frexp(np.abs(found).max())[1]) - _MULTIPLIER_BITS
        zeros = proof.no_multipliers(len(before[0]), exponent=exponent)
        return [zeros, _on_grid(found, zeros)]

    return offers


def _better_lines(
    proof: RangeProof,
    search: MultiplierSearch,
    ranges: tuple[Ranges, ...],
    multipliers: tuple[DyadicArray, ...],
    *,
    num_steps: int,
) -> Offers:
    """Return offers of what was proved before, then of better lines for the statements that count.

    These are the ranges of d at the last layer, and before it those of neurons that can switch.
    """

    @np.errstate(all="ignore")
    def offers(before: list[Ranges]) -> list[DyadicArray]:
        i = len(before[0])
        old, outputs = multipliers[i - 1], proof.network.widths[i + 1]
        if i == len(proof.network.layers) - 1:
            rows = np.arange(2 * outputs, 4 * outputs)
        else:
            switching = Neurons(FloatRanges.of([leaf[i] for leaf in ranges])).columns
            rows = np.concatenate([switching + k * outputs for k in range(4)])
        if not rows.size:
            return [old]
        region, neurons = FloatRegion.of(proof.leaves), _neurons(before)
        _, found = search.optimised(region, neurons, rows=rows, num_steps=num_steps)
        numerators = old.numerators.copy()
        numerators[:, rows] = _on_grid(found, old[:, rows]).numerators
        return [old, DyadicArray(numerators, old.exponent)]

    return offers


def _neurons(before: list[Ranges]) -> list[Neurons]:
    return [Neurons(FloatRanges.of(layer)) for layer in zip(*before, strict=True)]


def _on_grid(found: NDArray[np.float64], instead: DyadicArray) -> DyadicArray:
    """Return floats on the grid of `instead`, and its own rows where they do not fit it."""
    scaled = np.rint(np.ldexp(found, -instead.exponent))
    fits = (np.abs(scaled) < 2.0**_MOST_BITS).all(axis=-1, keepdims=True)
    whole = np.where(fits, scaled, 0.0).astype(np.int64)
    return DyadicArray(np.where(fits, whole, instead.numerators), instead.exponent)


def _concluded(
    proof: RangeProof, ranges: tuple[Ranges, ...], multipliers: tuple[DyadicArray, ...]
) -> Differential:
    by_layer = list(zip(*ranges, strict=True))
    activation = [
        upper_sqrt(max(positive_part(one.target.upper).squared_norm() for one in layer))
        for layer in by_layer[:-1]
    ]
    difference = [
        upper_sqrt(max(one.difference.largest().squared_norm() for one in layer))
        for layer in by_layer
    ]
    return Differential(
        tree=proof.tree,
        leaves=ranges,
        multipliers=multipliers,
        activation=(max(leaf.norm_bound() for leaf in proof.leaves), *activation),
        difference=tuple(difference),
        largest_output=max(one.difference.largest().max_abs() for one in by_layer[-1]),
    )


class RangeProof:
    """Ranges on every leaf of a network's domain.

    Parameters
    ----------
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
