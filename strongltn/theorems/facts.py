"""What the conditions of theorems ask of a network at hand: sizes, norms and weights, measured."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from strongltn.networks.target import TargetNetwork
from strongltn.numerics.dyadic import DyadicArray, apply, lower_sqrt
from strongltn.numerics.norms import spectral_norm_bound


@dataclass(frozen=True)
class LayerFacts:
    """What conditions ask of one layer, exactly or bounded from both sides.

    Attributes
    ----------
    name : str
    num_inputs : int
    has_bias : bool
    lower_norm, upper_norm : Fraction
        Rigorous bounds on the spectral norm of the matrix, without the bias.
    max_weight : Fraction
        The largest absolute weight, exact, without the bias.
    """

    name: str
    num_inputs: int
    has_bias: bool
    lower_norm: Fraction
    upper_norm: Fraction
    max_weight: Fraction


@dataclass(frozen=True)
class TargetFacts:
    """What conditions ask of a network.

    Attributes
    ----------
    chain : str
        The network in one line.
    widths : tuple of int
    layers : tuple of LayerFacts
    """

    chain: str
    widths: tuple[int, ...]
    layers: tuple[LayerFacts, ...]

    @property
    def has_biases(self) -> bool:
        """Whether any layer has a bias."""
        return any(layer.has_bias for layer in self.layers)


def facts_of(target: TargetNetwork) -> TargetFacts:
    """Measure a network.

    Notes
    -----
    Rigor: weights exactly, norms by rigorous bounds. Cost: an eigenvalue problem a layer.
    Randomness: none.
    """
    layers = tuple(
        layer_facts(layer.name, DyadicArray.from_floats(layer.weight), layer.bias is not None)
        for layer in target.layers
    )
    return TargetFacts(target.chain, target.widths, layers)


def layer_facts(name: str, matrix: DyadicArray, has_bias: bool) -> LayerFacts:
    """Measure one matrix; its bias, if there is one, is not part of it."""
    return LayerFacts(
        name,
        matrix.shape[1],
        has_bias,
        _lower_norm(matrix),
        spectral_norm_bound(matrix).bound,
        matrix.max_abs(),
    )


def _lower_norm(matrix: DyadicArray) -> Fraction:
    """Return ||A v|| / ||v|| at a singular vector in floats, exactly but for the root."""
    floats = matrix.to_floats()
    if not np.isfinite(floats).all() or not floats.any():
        return Fraction(0)
    scale = np.abs(floats).max()
    vector = np.linalg.svd(floats / scale, full_matrices=False)[2][0]
    direction = DyadicArray.from_floats(vector.astype(np.float32))
    image = apply(matrix, direction)
    return lower_sqrt(image.squared_norm() / direction.squared_norm())
