r"""Quadratic constraints that hold at every true state of a target network and its ticket.

A state is w = (y, q, a', D', ..., 1), see `relaxation`. Each constraint is a sum of products w_i *
form(w) and is >= 0, or = 0, at every true state. For a neuron with pre-activations z of f' and z +
eps d of g', with a = ReLU(z) and D = (ReLU(z + eps d) - ReLU(z)) / eps,

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

from strongltn.numerics.dyadic import DyadicArray, concatenate, negative, product

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
    terms : tuple of Term
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
