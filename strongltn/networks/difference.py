"""The difference of two networks of one shape: its errors, layer by layer, and what is claimed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from strongltn.networks.domain import Domain, OutputNorm
from strongltn.networks.layer import ScaledLayer
from strongltn.networks.source import Activation
from strongltn.networks.ticket import Ticket
from strongltn.numerics.decimals import outward_text
from strongltn.numerics.dyadic import DyadicArray, apply, concatenate, positive_part
from strongltn.values.by_value import ByValue


@dataclass(frozen=True, eq=False)
class LayerError(ByValue):
    """Error of one pruned pair against its scaled target layer, exact.

    On an input x the pair's pre-activation exceeds the target layer's by plus s(x) + minus s(-x) +
    bias, s = ReLU; where `minus` is None, by plus x + bias.

    Attributes
    ----------
    plus, minus : DyadicArray (outputs, inputs)
        `minus` is None where inputs are never negative, and for linear inner activations.
    bias : DyadicArray (outputs,), or None
    """

    plus: DyadicArray
    minus: DyadicArray | None
    bias: DyadicArray | None

    def __repr__(self) -> str:
        outputs, inputs = self.plus.shape
        largest = outward_text(self.matrix.max_abs(), upwards=True)
        return f"LayerError({inputs} to {outputs}, weights off by <= {largest})"

    @property
    def matrix(self) -> DyadicArray:
        """E = [plus | minus], (outputs, inputs or 2 inputs)."""
        return self.plus if self.minus is None else concatenate([self.plus, self.minus], axis=1)

    def __call__(self, inputs: DyadicArray) -> DyadicArray:
        """Return the exact excess at one input (inputs,), the bias error included."""
        excess = apply(self.plus, inputs if self.minus is None else positive_part(inputs))
        if self.minus is not None:
            negated = DyadicArray(-inputs.numerators, inputs.exponent)
            excess = excess + apply(self.minus, positive_part(negated))
        return excess if self.bias is None else excess + self.bias


@dataclass(frozen=True, eq=False)
class DifferenceNetwork(ByValue):
    """What a claim about sup ||f' - g'|| speaks of: the target f', the pruned g', inputs and norm.

    g' is f' with an error in every layer. Every bound, every attack and every report is a question
    to this one value.

    Attributes
    ----------
    layers : tuple of ScaledLayer
        Those of f', at least one.
    errors : tuple of LayerError
        By how much the layers of g' exceed them, one for each.
    domain : Domain
        The inputs over which the supremum is taken.
    norm : OutputNorm
        The norm in which the outputs are compared. Bounds behind inner layers are Euclidean.

    Raises
    ------
    InvalidInputError
        The domain has another number of inputs.
    """

    layers: tuple[ScaledLayer, ...]
    errors: tuple[LayerError, ...]
    domain: Domain
    norm: OutputNorm = OutputNorm.TWO

    def __post_init__(self) -> None:
        self.domain.box(self.num_inputs)  # refuses another number of inputs

    def __repr__(self) -> str:
        widths = "-".join(map(str, self.widths))
        return f"DifferenceNetwork({widths}, {self.domain}, norm {self.norm.value})"

    @property
    def num_inputs(self) -> int:
        """The number of inputs of both networks."""
        return int(self.layers[0].weight.shape[1])

    @property
    def widths(self) -> tuple[int, ...]:
        """Numbers of inputs, hidden neurons and outputs."""
        return (self.num_inputs, *(layer.weight.shape[0] for layer in self.layers))

    @cached_property
    def sums(self) -> tuple[DyadicArray, ...]:
        """W + E of every layer; of the first one, the half for positive inputs."""
        return tuple(
            layer.weight + error.plus for layer, error in zip(self.layers, self.errors, strict=True)
        )

    def up_to(self, depth: int) -> DifferenceNetwork:
        """Return the first `depth` layers, whose outputs are compared in the Euclidean norm."""
        layers, errors = self.layers[:depth], self.errors[:depth]
        return replace(self, layers=layers, errors=errors, norm=OutputNorm.TWO)

    def squared_norm_at(self, inputs: DyadicArray) -> Fraction:
        """Return ||f'(x) - g'(x)||^2 at one input (inputs,), in the norm of the claim.

        Notes
        -----
        Rigor: exact. Cost: one pass of integers through both networks. Randomness: none.
        """
        ours = theirs = inputs
        for i, (layer, error) in enumerate(zip(self.layers, self.errors, strict=True)):
            if i:
                ours, theirs = positive_part(ours), positive_part(theirs)
            ours, theirs = layer(ours) + error(ours), layer(theirs)
        difference = ours - theirs
        if self.norm is OutputNorm.INF:
            return difference.max_abs() ** 2
        return difference.squared_norm()


def has_minus_half(activation: Activation, domain: Domain, pair: int) -> bool:
    """Return whether a pair's minus coefficients matter: its ReLUs see negative inputs.

    The input of every pair but the first has passed a ReLU.
    """
    return activation is Activation.RELU and pair == 0 and domain.has_negative_inputs


def weight_errors(
    ticket: Ticket, layers: tuple[ScaledLayer, ...], domain: Domain
) -> tuple[LayerError, ...]:
    """Return the exact error of every pair, re-drawn from the seed and re-summed from the mask.

    Notes
    -----
    Rigor: exact. Cost: one pass over the kept weights. Randomness: none beyond the ticket's seed.
    """
    errors = []
    for i, layer in enumerate(layers):
        effective = ticket.effective(i)
        minus = None
        is_signed = has_minus_half(ticket.source.inner_activation, domain, i)
        if effective.minus is not None and is_signed:
            minus = effective.minus + layer.weight
        bias = None
        if layer.bias is not None:
            if effective.bias is None:  # a source without that column leaves the whole bias out
                zeros = DyadicArray(np.zeros(layer.bias.shape, dtype=np.int64), 0)
                bias = zeros - layer.bias
            else:
                bias = effective.bias - layer.bias
        errors.append(LayerError(effective.plus - layer.weight, minus, bias))
    return tuple(errors)
