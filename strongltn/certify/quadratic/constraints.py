r"""The state of a difference network, and the quadratic constraints that hold at every true state.

The state is w = (y, q, a', D', ..., 1): the inputs in the units of the domain, the absolute values
of those that may have either sign, and for every hidden neuron that can switch, with
pre-activations z of f' and z + eps d of g',

    a = ReLU(z),   D = (ReLU(z + eps d) - ReLU(z)) / eps,   eps a power of two.

A neuron that is mostly on enters as its mirror image: with (z', d') = (-z, -d), a = z + a' and D =
d + D', exactly. One that is always off or on is (0, 0) or (z, d), and no unknown.

Each constraint is a sum of products w_i * form(w) and is >= 0, or = 0, at every true state:

    activation       a (z - a) = 0
    difference       D (d - D) >= 0
    first coupling   0 <= a (D - d) <= eps d^2 / 4
    second coupling  0 <= D (a - z) <= eps d^2 / 4
    ceiling          a (u - a) >= 0                                with z <= u

as the four sign cases of (z, z + eps d) show. On the domain of radius r

    ball   r^2 - sum y^2 >= 0      box   1 - y^2 >= 0      modulus   x^2 - |x|^2 = 0

The upper halves of the couplings let a negative multiplier cost eps d_max^2 / 4, a number, and no
further product. (Linear constraints - a >= 0, a >= z, chords of a and D - win at most 0.06 %.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.certify.differential.ranges import LayerRanges
from strongltn.networks.difference import DifferenceNetwork, LayerError
from strongltn.numerics.dyadic import DyadicArray, concatenate, maximum, negative, product

_FLOAT_BITS = 1000  # of an integer that a float64 can hold

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Term:
    """Products coefficient * w[left] * form[right], each part of the constraint `owner`.

    Attributes
    ----------
    owner, left, right : int64 (products,)
        `right` below the number of variables is a variable, above it a row of the forms. An input
        stands on the left only in its own square.
    coefficient : DyadicArray (products,)
    """

    owner: Indices
    left: Indices
    right: Indices
    coefficient: DyadicArray


@dataclass(frozen=True, eq=False)
class Family:
    """Constraints of one kind, each >= 0 at every true state.

    Attributes
    ----------
    name : str
    size : int
    penalty : DyadicArray (size,), or None
        The constraint is also <= penalty: 0 is an equality, None knows no such bound and forbids
        negative multipliers.
    """

    name: str
    size: int
    terms: tuple[Term, ...]
    penalty: DyadicArray | None


@dataclass(frozen=True, eq=False)
class Neurons:
    """The switching neurons of one hidden layer, mirrored ones as their mirror image.

    Attributes
    ----------
    activation, difference : int64 (count,)
        Variables a' and D'.
    first_form : int
        Index of the first of the forms z' - a', which those of d' - D' follow.
    ceiling : DyadicArray (count,)
        The largest z', at least 0.
    largest : DyadicArray (count,)
        The largest |d'| in units of eps.
    """

    activation: Indices
    difference: Indices
    first_form: int
    ceiling: DyadicArray
    largest: DyadicArray


def ball_constraint(radius: DyadicArray, inputs: Indices, one: int) -> Family:
    """Return r^2 - sum y^2 >= 0 for `radius` (1,)."""
    terms = (
        _term([0], [one], [one], product(radius, radius)),
        _term(np.zeros(len(inputs)), inputs, inputs, constants(-1, len(inputs))),
    )
    return Family("ball", 1, terms, None)


def box_constraints(inputs: Indices, one: int) -> Family:
    """Return 1 - y^2 >= 0 for every input."""
    count = len(inputs)
    ones = np.full(count, one)
    terms = (
        _term(np.arange(count), ones, ones, constants(1, count)),
        _term(np.arange(count), inputs, inputs, constants(-1, count)),
    )
    return Family("box", count, terms, None)


def modulus_on_ball(inputs: Indices, lifts: Indices) -> Family:
    """Return x^2 - |x|^2 = 0 for inputs x = y with |x| = q."""
    count = len(inputs)
    terms = (
        _term(np.arange(count), inputs, inputs, constants(1, count)),
        _term(np.arange(count), lifts, lifts, constants(-1, count)),
    )
    return Family("modulus", count, terms, constants(0, count))


@dataclass(frozen=True, eq=False)
class Sides:
    """Sides of a box: x = center + radius y, |x| = half (1 + q); DyadicArrays (inputs,)."""

    center: DyadicArray
    radius: DyadicArray
    half: DyadicArray


def modulus_on_box(inputs: Indices, lifts: Indices, *, sides: Sides, one: int) -> Family:
    """Return x^2 - |x|^2 = 0 for those `inputs` whose absolute values are `lifts`."""
    count = len(inputs)
    owner, ones = np.arange(count), np.full(count, one)
    center, radius, half = (side[inputs] for side in (sides.center, sides.radius, sides.half))
    square = product(half, half)
    terms = (
        _term(owner, inputs, inputs, product(radius, radius)),
        _term(owner, ones, inputs, product(center, radius).scaled(1)),
        _term(owner, ones, ones, product(center, center) - square),
        _term(owner, lifts, lifts, negative(square)),
        _term(owner, ones, lifts, negative(square.scaled(1))),
    )
    return Family("modulus", count, terms, constants(0, count))


def neuron_constraints(neurons: Neurons, *, one: int, exponent: int) -> list[Family]:
    """Return the five families of one layer, differences in units of 2**`exponent`."""
    a, D = neurons.activation, neurons.difference
    count = len(a)
    k = np.arange(count)
    z = neurons.first_form + k  # z' - a'
    d = z + count  # d' - D'
    up, down = constants(1, count), constants(-1, count)
    cost = product(neurons.largest, neurons.largest).scaled(exponent - 2)
    ceiling = (_term(k, np.full(count, one), a, neurons.ceiling), _term(k, a, a, down))
    return [
        Family("activation", count, (_term(k, a, z, up),), constants(0, count)),
        Family("difference", count, (_term(k, D, d, up),), None),
        Family("first-coupling", count, (_term(k, a, d, down),), cost),
        Family("second-coupling", count, (_term(k, D, z, down),), cost),
        Family("ceiling", count, ceiling, None),
    ]


def products_with_form(name: str, factors: Indices, form: int, *, is_equality: bool) -> Family:
    """Return w_i * form >= 0, or = 0, for every i of `factors`: variables that are never negative.

    For a user's own knowledge of the domain, see `relaxation.restrict`.
    """
    count = len(factors)
    terms = (_term(np.arange(count), factors, np.full(count, form), constants(1, count)),)
    return Family(name, count, terms, constants(0, count) if is_equality else None)


def merged(parts: Sequence[Family]) -> Family:
    """Return one family out of those of all layers, all of one name."""
    terms: list[Term] = []
    size = 0
    for part in parts:
        terms += [Term(t.owner + size, t.left, t.right, t.coefficient) for t in part.terms]
        size += part.size
    penalties = [part.penalty for part in parts if part.penalty is not None]
    penalty = concatenate(penalties) if penalties else None
    return Family(parts[0].name, size, tuple(terms), penalty)


def constants(value: int, size: int) -> DyadicArray:
    """Return `size` times the same integer."""
    return DyadicArray(np.full(size, value, dtype=np.int64), 0)


def _term(owner: Any, left: Any, right: Any, coefficient: DyadicArray) -> Term:
    owner, left, right = (np.asarray(part, dtype=np.int64) for part in (owner, left, right))
    return Term(owner, left, right, coefficient)


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
        How many inputs the network has, how many with absolute values, and with the constant 1.
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
        The exponent of eps.
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
