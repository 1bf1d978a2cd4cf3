"""Exact weight errors: effective weights of a pruned network minus those of its target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from strongltn.networks.domain import Domain
from strongltn.networks.source import Activation
from strongltn.networks.target import ScaledLayer
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
