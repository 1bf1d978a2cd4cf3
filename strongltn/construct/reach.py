"""Reach: which weights the subset sums reached within tolerance, and how far off the others are."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.networks.difference import LayerError
from strongltn.networks.layer import LinearLayer
from strongltn.networks.target import TargetNetwork
from strongltn.numerics.decimals import outward_text
from strongltn.numerics.dyadic import DyadicArray

_MAX_LISTED = 10


@dataclass(frozen=True)
class UnreachedWeight:
    """A weight or bias that no subset of its samples reaches within tolerance.

    Attributes
    ----------
    name : str
        Such as ``fc1.weight[3, 17]``.
    value, error : float
        In the units of the target.
    """

    name: str
    value: float
    error: float


@dataclass(frozen=True)
class LostBias:
    """A layer whose biases the ticket hardly has, because they are divided by so large a scale.

    Attributes
    ----------
    name : str
        The name of the layer.
    largest, error : float
        The largest |bias|, and the largest error of a bias, at least half as large.
    exponent : int
        The biases are divided by 2^exponent, more than the weights of their layer.
    """

    name: str
    largest: float
    error: float
    exponent: int

    def __str__(self) -> str:
        return (
            f"The biases of layer {self.name} are nearly lost: the largest is {self.largest:.3g}, "
            f"and they are off by up to {self.error:.3g}. The scales of the layers up to it divide "
            f"them by 2^{self.exponent}, so that an error of a subset sum counts as many times."
        )


@dataclass(frozen=True)
class Reach:
    """Errors of all weights and biases against a tolerance, in the units of the target.

    Attributes
    ----------
    max_weight_error : Fraction
        Exact.
    num_unreached : int
        Weights and biases with an error above the tolerance, decided exactly; a weight counts once,
        also where both of its sign halves fail.
    worst : tuple of UnreachedWeight
        At most ten, the worst first.
    lost_biases : tuple of LostBias
        Layers with a bias error of at least half of their largest bias, where biases are divided
        by more than the weights are.
    """

    max_weight_error: Fraction
    num_unreached: int
    worst: tuple[UnreachedWeight, ...]
    lost_biases: tuple[LostBias, ...]

    def __repr__(self) -> str:
        largest = outward_text(self.max_weight_error, upwards=True)
        lost = f", {len(self.lost_biases)} layers with lost biases" if self.lost_biases else ""
        return f"Reach({self.num_unreached:,} out of reach{lost}, weights off by <= {largest})"


def measure_reach(
    target: TargetNetwork,
    scale_exponents: tuple[int, ...],
    errors: tuple[LayerError, ...],
    *,
    tolerance: float,
) -> Reach:
    """Compare exact weight errors with a tolerance.

    Parameters
    ----------
    target : TargetNetwork
    scale_exponents : tuple of int
    errors : tuple of LayerError
        The errors of the scaled target, from `strongltn.networks.difference.weight_errors`.
    tolerance : float > 0
        The largest error of one weight, in the units of the target.

    Notes
    -----
    Rigor: exact. Cost: one pass over the errors. Randomness: none.
    """
    largest = Fraction(0)
    num_unreached = 0
    worst: list[UnreachedWeight] = []
    lost: list[LostBias] = []
    total = 0
    for layer, exponent, error in zip(target.layers, scale_exponents, errors, strict=True):
        total += exponent
        parts = [(layer.weight, ".weight", error.plus.scaled(exponent))]
        if error.minus is not None:
            parts[0] = (layer.weight, ".weight", _worse(parts[0][2], error.minus.scaled(exponent)))
        if layer.bias is not None and error.bias is not None:
            parts.append((layer.bias, ".bias", error.bias.scaled(total)))
            size, off = DyadicArray.from_floats(layer.bias).max_abs(), parts[-1][2].max_abs()
            if total > exponent and 0 < size <= 2 * off:
                lost.append(LostBias(layer.name, float(size), float(off), total))
        for values, kind, part in parts:
            largest = max(largest, part.max_abs())
            is_unreached = _exceeds(part, Fraction(tolerance))
            num_unreached += int(is_unreached.sum())
            worst += _worst(layer, kind, values, part, is_unreached)
    worst.sort(key=lambda weight: -weight.error)
    return Reach(largest, num_unreached, tuple(worst[:_MAX_LISTED]), tuple(lost))


def _worse(plus: DyadicArray, minus: DyadicArray) -> DyadicArray:
    """Return the larger magnitude of the two halves' errors."""
    exponent = min(plus.exponent, minus.exponent)
    largest = np.maximum(np.abs(plus.at(exponent)), np.abs(minus.at(exponent)))
    return DyadicArray(largest, exponent)


def _exceeds(errors: DyadicArray, tolerance: Fraction) -> NDArray[np.bool_]:
    limit = tolerance / Fraction(2) ** errors.exponent
    floor = limit.numerator // limit.denominator
    return np.asarray(np.abs(errors.numerators) > floor, dtype=np.bool_)


def _worst(
    layer: LinearLayer,
    kind: str,
    values: NDArray[Any],
    errors: DyadicArray,
    is_unreached: NDArray[np.bool_],
) -> list[UnreachedWeight]:
    indices = np.argwhere(is_unreached)
    magnitudes = np.abs(errors.to_floats()[is_unreached])
    order = np.argsort(-magnitudes, kind="stable")[:_MAX_LISTED]
    return [
        UnreachedWeight(
            f"{layer.name}{kind}[{', '.join(map(str, indices[k]))}]",
            float(values[tuple(indices[k])]),
            float(magnitudes[k]),
        )
        for k in order
    ]
