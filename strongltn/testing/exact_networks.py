"""Target and ticket in rationals, weight by weight: slow, obvious, and apart from what they judge.

Nothing here uses `Ticket.effective`, dyadic arrays or certificates.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from strongltn.networks import Activation, Domain, TargetNetwork, Ticket
from strongltn.rng import GRID_EXPONENT

#: (row, column) -> kept weight of one source layer.
Kept = dict[tuple[int, int], Fraction]

#: (pair, half, output, input) -> what stands in for a target weight; half 1 is that of s(-x), and
#: the input after the last is the constant 1.
WeightTable = dict[tuple[int, int, int, int], Fraction]

_GRID = Fraction(2) ** GRID_EXPONENT


def kept_weights(ticket: Ticket) -> list[Kept]:
    """Return the weights that the mask keeps, for every source layer; small networks only."""
    layers = []
    for layer, mask in enumerate(ticket.dense_masks().values()):
        rows, columns = np.nonzero(mask)
        numerators = ticket.source.entries(layer, rows, columns).tolist()
        places = zip(rows.tolist(), columns.tolist(), strict=True)
        layers.append({at: k * _GRID for at, k in zip(places, numerators, strict=True)})
    return layers


def pruned_output(
    ticket: Ticket, inputs: Sequence[Fraction], *, kept: list[Kept]
) -> list[Fraction]:
    """Return g(x), the masked source network times its power of two."""
    x = list(inputs)
    for pair in range(ticket.source.num_pairs):
        x = _rectified(x) if pair else x
        x = [*x, Fraction(1)] if ticket.source.biases[pair] else x
        hidden = _applied(kept[2 * pair], x, ticket.source.shape(2 * pair)[0])
        if ticket.source.inner_activation is Activation.RELU:
            hidden = _rectified(hidden)
        x = _applied(kept[2 * pair + 1], hidden, ticket.source.shape(2 * pair + 1)[0])
    scale = Fraction(2) ** sum(ticket.scale_exponents)
    return [scale * value for value in x]


def target_output(target: TargetNetwork, inputs: Sequence[Fraction]) -> list[Fraction]:
    """Return f(x)."""
    x = list(inputs)
    for i, layer in enumerate(target.layers):
        x = _rectified(x) if i else x
        weights = {at: Fraction(float(value)) for at, value in np.ndenumerate(layer.weight)}
        x = _applied(weights, x, layer.num_outputs)
        if layer.bias is not None:
            x = [value + Fraction(float(b)) for value, b in zip(x, layer.bias, strict=True)]
    return x


def effective_weights(ticket: Ticket, *, kept: list[Kept]) -> WeightTable:
    """Return the sums of products that stand in for weights, scaled; absent ones are 0."""
    table: WeightTable = {}
    is_relu = ticket.source.inner_activation is Activation.RELU
    for pair in range(ticket.source.num_pairs):
        outputs_of: dict[int, list[tuple[int, Fraction]]] = {}
        for (output, hidden), second in kept[2 * pair + 1].items():
            outputs_of.setdefault(hidden, []).append((output, second))
        for (hidden, column), first in kept[2 * pair].items():
            half, factor = (int(first < 0), abs(first)) if is_relu else (0, first)
            for output, second in outputs_of.get(hidden, []):
                at = (pair, half, output, column)
                table[at] = table.get(at, Fraction(0)) + factor * second
    return table


def weight_errors(
    target: TargetNetwork, sums: WeightTable, *, ticket: Ticket, domain: Domain
) -> WeightTable:
    """Return the error of each effective weight and bias, in the units of the target.

    The half of s(-x) stands in for -w; it exists only where inputs can be negative and the inner
    activation is ReLU.
    """
    errors: WeightTable = {}
    total = 0
    is_relu = ticket.source.inner_activation is Activation.RELU
    for pair, layer in enumerate(target.layers):
        exponent = ticket.scale_exponents[pair]
        total += exponent
        num_halves = 2 if is_relu and pair == 0 and domain.has_negative_inputs else 1
        for (output, column), weight in np.ndenumerate(layer.weight):
            for half in range(num_halves):
                found = (
                    sums.get((pair, half, output, column), Fraction(0)) * Fraction(2) ** exponent
                )
                errors[pair, half, output, column] = found - Fraction(float(weight)) * (-1) ** half
        if layer.bias is not None:
            for output, bias in enumerate(layer.bias.tolist()):
                at = (pair, 0, output, layer.num_inputs)
                errors[at] = sums.get(at, Fraction(0)) * Fraction(2) ** total - Fraction(bias)
    return errors


def squared_distance(one: Sequence[Fraction], other: Sequence[Fraction]) -> Fraction:
    """Return the squared Euclidean distance."""
    return sum(((a - b) ** 2 for a, b in zip(one, other, strict=True)), Fraction(0))


def _rectified(vector: Sequence[Fraction]) -> list[Fraction]:
    return [max(value, Fraction(0)) for value in vector]


def _applied(weights: Kept, vector: Sequence[Fraction], num_rows: int) -> list[Fraction]:
    out = [Fraction(0)] * num_rows
    for (row, column), weight in weights.items():
        out[row] += weight * vector[column]
    return out
