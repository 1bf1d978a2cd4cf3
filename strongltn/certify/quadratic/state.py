"""The state of a difference network: which of its numbers are unknowns, and in which units.

The state is w = (y, q, a', D', ..., 1): the inputs in the units of the domain, the absolute values
of those that may have either sign, and for every hidden neuron that can switch

    a = ReLU(z),   D = (ReLU(z + eps d) - ReLU(z)) / eps,   eps a power of two.

A neuron that is mostly on enters as its mirror image: with (z', d') = (-z, -d), a = z + a' and D =
d + D', exactly. One that is always off or on is (0, 0) or (z, d), and no unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strongltn.certify.differential.ranges import LayerRanges
from strongltn.certify.quadratic.constraints import Indices, Neurons, Sides, constants
from strongltn.networks.difference import DifferenceNetwork, LayerError
from strongltn.numerics.dyadic import DyadicArray, maximum, negative

_FLOAT_BITS = 1000  # of an integer that a float64 can hold


@dataclass(frozen=True, eq=False)
class Kinds:
    """How the neurons of one layer enter the state.

    `switching` are those with variables; `sign` is -1 for a mirror image; `is_passed` where the
    pre-activation itself goes on: neurons that are on, and mirror images.
    """

    switching: Indices
    sign: Indices
    is_passed: NDArray[np.bool_]


def _kinds(ranges: LayerRanges) -> Kinds:
    is_on = ranges.is_active()
    is_switching = ~is_on & ~ranges.is_inactive()
    middle = (ranges.target.lower + ranges.target.upper).numerators
    mirrored = is_switching & (middle > 0)
    sign = np.where(mirrored, -1, 1).astype(np.int64)
    return Kinds(np.flatnonzero(is_switching), sign, is_on | mirrored)


class State:
    """Positions, units and sizes of the unknowns.

    Attributes
    ----------
    num_raw, num_inputs, num_variables : int
        Of the network's inputs, of those with absolute values, and of all with the constant 1.
    box : LocalBox or None
        The domain, unless it is a ball.
    radius : float
        The largest norm (on a ball) or coordinate (on a box) of the unknown inputs y.
    one : int
        Index of the constant 1.
    lifted : int64 array
        The inputs whose absolute value is an unknown of its own.
    kinds : list of Kinds, one for each hidden layer
    groups : list of int64 arrays
        Variables a' and D' of every layer in turn: a' of layer 0, D' of layer 0, a' of layer 1, ...
    exponent : int
        Of eps.
    sides : Sides
    sizes : float64 (num_variables,)
        About the largest value of every variable; only a hint.
    """

    def __init__(self, network: DifferenceNetwork, *, ranges: tuple[LayerRanges, ...]) -> None:
        domain, num_raw = network.domain, network.num_inputs
        self.ranges, self.num_raw = ranges, num_raw
        self.exponent = _unit(ranges)
        self.kinds = [_kinds(pair) for pair in ranges[:-1]]
        self.box = domain.box(num_raw)
        self.radius = 1.0 if self.box is not None else domain.reach(num_raw)
        self.lifted = self._lifted(network.errors[0])
        self.num_inputs = self.num_raw + len(self.lifted)
        counts = [len(kind.switching) for kind in self.kinds]
        starts = self.num_inputs + 2 * np.cumsum([0, *counts])
        self.num_variables = int(starts[-1]) + 1
        self.one = self.num_variables - 1
        self.groups: list[Indices] = []
        for start, count in zip(starts[:-1].tolist(), counts, strict=True):
            block = np.arange(start, start + 2 * count, dtype=np.int64)
            self.groups += [block[:count], block[count:]]
        self.sides = self._sides()
        self.sizes = np.ones(self.num_variables)
        self.sizes[: self.num_inputs] = self.radius
        for i in range(len(counts)):
            neurons = self.neurons(i, first_form=0)
            self.sizes[neurons.activation] = _hint(neurons.ceiling)
            self.sizes[neurons.difference] = _hint(neurons.largest)

    def _lifted(self, error: LayerError) -> Indices:
        """Return the inputs whose absolute value is a variable of its own."""
        if error.minus is None:
            return np.zeros(0, dtype=np.int64)
        if self.box is None:
            return np.arange(self.num_raw, dtype=np.int64)
        return np.flatnonzero((self.box.lower < 0) & (self.box.upper > 0))

    def _sides(self) -> Sides:
        if self.box is None:
            zeros, ones = constants(0, self.num_raw), constants(1, self.num_raw)
            return Sides(zeros, ones, zeros)
        lower, upper = self.box.ends()
        half = maximum(upper, negative(lower)).scaled(-1)  # of the range of |x|
        return Sides((lower + upper).scaled(-1), (upper - lower).scaled(-1), half)

    def neurons(self, layer: int, *, first_form: int) -> Neurons:
        """Return the switching neurons of one hidden layer."""
        a, D = self.groups[2 * layer : 2 * layer + 2]
        kind, ranges = self.kinds[layer], self.ranges[layer]
        flips = kind.sign[kind.switching] < 0
        low, high = ranges.target.lower[kind.switching], ranges.target.upper[kind.switching]
        unit = min(low.exponent, high.exponent)
        ceiling = np.maximum(np.where(flips, -low.at(unit), high.at(unit)), 0)
        upper = DyadicArray(ceiling, unit)
        largest = ranges.difference.largest()[kind.switching].scaled(-self.exponent)
        return Neurons(a, D, first_form, upper, largest)


def _unit(ranges: tuple[LayerRanges, ...]) -> int:
    """Return the exponent of eps: about the size of d over that of z, over the hidden layers."""
    ratios = []
    for pair in ranges[:-1] or ranges:
        z, d = (float_estimates(part.largest()) for part in (pair.target, pair.difference))
        if d.any() and z.any():
            ratios.append(np.log2(np.median(d[d > 0])) - np.log2(np.median(z[z > 0])))
    return round(float(np.mean(ratios))) if ratios else 0


def float_estimates(array: DyadicArray) -> NDArray[np.float64]:
    """Return the values nearly: for hints and for the search.

    Notes
    -----
    Rigor: estimate. Cost: one pass. Randomness: none.
    """
    numerators, exponent = array.numerators, array.exponent
    if numerators.dtype == object and numerators.size:
        # what lies far below the largest one would not be seen beside it
        excess = max(0, int(np.abs(numerators).max()).bit_length() - _FLOAT_BITS)
        numerators, exponent = numerators >> excess, exponent + excess
    return np.asarray(np.ldexp(numerators.astype(np.float64), exponent), dtype=np.float64)


def _hint(sizes: DyadicArray) -> NDArray[np.float64]:
    """Return sizes for the search, none far below the others: a range of 0 is a range still."""
    floats = float_estimates(sizes)
    return np.maximum(floats, max(1e-2 * float(floats.max(initial=0.0)), 1e-12))
