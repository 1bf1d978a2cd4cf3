"""Upper bounds on sup ||f' - g'||: norms with witnesses, enclosures, and the error recursion.

The target layer W x + b and the pruned pair W x + b + E(x) + e differ on inputs x and y = x + Delta
by (W + E) Delta + E(x) + e. With N_W >= ||W||, N_E >= ||E||, T >= sup ||E(x) + e||:

    D_0 = T_0,   D_i = (N_W + N_E) D_{i-1} + T_i.

Two methods bound T: the triangle N_E sup||x|| + ||e||, and the centre split ||E(c) + e|| + N_E
sup||x - c||. All numbers are rationals rounded upwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from strongltn.networks.domain import Ball, Box, Domain
from strongltn.networks.target import ScaledLayer
from strongltn.networks.weight_error import LayerError
from strongltn.numerics.dyadic import (
    DyadicArray,
    apply,
    floor_to_grid,
    positive_part,
    round_up,
    upper_sqrt,
)
from strongltn.numerics.norms import NormWitness, spectral_norm_bound

_ENCLOSURE_BITS = 40
SPECTRAL_TRIANGLE = "spectral-triangle"
CENTRE_SPLIT = "centre-split"


@dataclass(frozen=True, eq=False)
class Enclosure:
    """Where the input x of a layer lies: coordinatewise, and about a centre.

    Attributes
    ----------
    lower, upper : DyadicArray (inputs,), int64, or None for the first layer
        None: the domain itself.
    center : DyadicArray (inputs,), int64
    radius : Fraction
        >= sup ||x - center||.
    """

    lower: DyadicArray | None
    upper: DyadicArray | None
    center: DyadicArray
    radius: Fraction


@dataclass(frozen=True, eq=False)
class LayerBounds:
    """What is proved of one layer.

    Attributes
    ----------
    weight_norm, error_norm : NormWitness
        >= ||W||, >= ||E||.
    bias_error_norm : Fraction
        >= ||e||.
    enclosure : Enclosure
        Of the layer's input.
    """

    weight_norm: NormWitness
    error_norm: NormWitness
    bias_error_norm: Fraction
    enclosure: Enclosure


@dataclass(frozen=True)
class Chain:
    """One method's bounds, layer by layer, each >= the supremum over the domain.

    Attributes
    ----------
    activation : tuple of Fraction
        X_i >= sup ||input of layer i||.
    error : tuple of Fraction
        T_i >= sup ||E_i(input of layer i) + e_i||.
    difference : tuple of Fraction
        D_i >= sup ||pre-activation of g' - pre-activation of f'|| at layer i.
    """

    activation: tuple[Fraction, ...]
    error: tuple[Fraction, ...]
    difference: tuple[Fraction, ...]


def layer_bounds(
    layers: tuple[ScaledLayer, ...], errors: tuple[LayerError, ...], domain: Domain
) -> tuple[LayerBounds, ...]:
    """Return norms and enclosures of every layer.

    Notes
    -----
    Rigor: rigorous bounds. Cost: one Gram matrix and one eigenvalue problem of the smaller side for
    each of W and E. Randomness: none.
    """
    result: list[LayerBounds] = []
    for i, (layer, error) in enumerate(zip(layers, errors, strict=True)):
        if i == 0:
            enclosure = _domain_enclosure(domain, layer.weight.shape[1])
        else:
            enclosure = _next_enclosure(layers[i - 1], result[-1].enclosure, domain)
        bias = Fraction(0) if error.bias is None else upper_sqrt(error.bias.squared_norm())
        result.append(
            LayerBounds(
                spectral_norm_bound(layer.weight),
                spectral_norm_bound(error.matrix),
                bias,
                enclosure,
            )
        )
    return tuple(result)


def difference_chain(
    layers: tuple[ScaledLayer, ...],
    errors: tuple[LayerError, ...],
    bounds: tuple[LayerBounds, ...],
    *,
    domain: Domain,
    method: str,
) -> Chain:
    """Return the recursion of one method over the layers.

    Parameters
    ----------
    layers, errors, bounds : tuples, one entry for each layer
    domain : Domain
    method : str
        `SPECTRAL_TRIANGLE`, or `CENTRE_SPLIT`, which takes the better of both at every step.
    """
    splits = method == CENTRE_SPLIT
    activation = [_domain_norm(domain, layers[0].weight.shape[1])]
    for layer, bound in zip(layers[:-1], bounds[:-1], strict=True):
        bias = Fraction(0) if layer.bias is None else upper_sqrt(layer.bias.squared_norm())
        choices = [bound.weight_norm.bound * activation[-1] + bias]
        if splits:
            center = upper_sqrt(layer(bound.enclosure.center).squared_norm())
            choices.append(center + bound.weight_norm.bound * bound.enclosure.radius)
            choices.append(_enclosure_norm(bounds[len(activation)].enclosure))
        activation.append(round_up(min(choices)))
    terms: list[Fraction] = []
    for size, error, bound in zip(activation, errors, bounds, strict=True):
        choices = [bound.error_norm.bound * size + bound.bias_error_norm]
        if splits:
            center = upper_sqrt(error(bound.enclosure.center).squared_norm())
            choices.append(center + bound.error_norm.bound * bound.enclosure.radius)
        terms.append(round_up(min(choices)))
    difference = [terms[0]]
    for term, bound in zip(terms[1:], bounds[1:], strict=True):
        gain = bound.weight_norm.bound + bound.error_norm.bound
        difference.append(round_up(gain * difference[-1] + term))
    return Chain(tuple(activation), tuple(terms), tuple(difference))


def _domain_norm(domain: Domain, num_inputs: int) -> Fraction:
    if isinstance(domain, Ball):
        return Fraction(domain.radius)
    largest = max(abs(Fraction(domain.lower)), abs(Fraction(domain.upper)))
    return upper_sqrt(num_inputs * largest**2)


def _domain_enclosure(domain: Domain, num_inputs: int) -> Enclosure:
    zeros = np.zeros(num_inputs, dtype=np.int64)
    if isinstance(domain, Ball):
        return Enclosure(None, None, DyadicArray(zeros, 0), Fraction(domain.radius))
    middle = DyadicArray.from_floats(np.array(float(domain.middle)))
    lower, upper = Fraction(domain.lower), Fraction(domain.upper)
    value = int(middle.numerators) * Fraction(2) ** middle.exponent
    radius = upper_sqrt(num_inputs * max(upper - value, value - lower) ** 2)
    return Enclosure(None, None, DyadicArray(zeros + middle.numerators, middle.exponent), radius)


def _next_enclosure(layer: ScaledLayer, before: Enclosure, domain: Domain) -> Enclosure:
    """Return the enclosure of ReLU(W x + b), x in the enclosure before."""
    num_outputs, num_inputs = layer.weight.shape
    bias = layer.bias or DyadicArray(np.zeros(num_outputs, dtype=np.int64), 0)
    if before.lower is None and isinstance(domain, Ball):
        squares = [layer.weight[i].squared_norm() for i in range(num_outputs)]
        reach = [upper_sqrt(square * Fraction(domain.radius) ** 2) for square in squares]
        exponent = min(1 - r.denominator.bit_length() for r in reach)
        spread = DyadicArray(
            np.array([int(r / Fraction(2) ** exponent) for r in reach], dtype=object), exponent
        )
        low, high = bias - spread, bias + spread
    else:
        if before.lower is None or before.upper is None:
            lower, upper = _constant_vectors(domain, num_inputs)
        else:
            lower, upper = before.lower, before.upper
        positive = positive_part(layer.weight)
        negative = layer.weight - positive
        low = apply(positive, lower) + apply(negative, upper) + bias
        high = apply(positive, upper) + apply(negative, lower) + bias
    return _rounded_enclosure(positive_part(low), positive_part(high))


def _rounded_enclosure(low: DyadicArray, high: DyadicArray) -> Enclosure:
    """Return an enclosure on an int64 grid, rounded outwards, with its middle as centre."""
    largest = high.max_abs()
    exponent = largest.numerator.bit_length() - largest.denominator.bit_length() - _ENCLOSURE_BITS
    lower = floor_to_grid(low, exponent)
    negated = floor_to_grid(DyadicArray(-high.numerators, high.exponent), exponent)
    upper = DyadicArray(-negated.numerators, exponent)
    center = DyadicArray((lower.numerators + upper.numerators) >> 1, exponent)
    radius = upper_sqrt((upper - center).squared_norm())  # upper - center >= center - lower
    return Enclosure(lower, upper, center, radius)


def _enclosure_norm(enclosure: Enclosure) -> Fraction:
    """Return a bound on ||x|| over the enclosure of a layer's input after its ReLU."""
    if enclosure.upper is None:
        raise ValueError("the first layer has no enclosure but its domain")
    return upper_sqrt(enclosure.upper.squared_norm())  # 0 <= lower <= x <= upper


def _constant_vectors(domain: Domain, num_inputs: int) -> tuple[DyadicArray, DyadicArray]:
    if not isinstance(domain, Box):
        raise ValueError("only a box has ends")
    lower, upper = (
        DyadicArray.from_floats(np.full(num_inputs, end)) for end in (domain.lower, domain.upper)
    )
    return lower, upper
