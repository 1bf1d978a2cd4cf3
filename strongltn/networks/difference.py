"""The difference network: two networks of one shape, and the inputs and norm of a claim on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from strongltn.networks.domain import Domain, OutputNorm
from strongltn.networks.target import ScaledLayer
from strongltn.networks.weight_error import LayerError
from strongltn.numerics.dyadic import DyadicArray, positive_part
from strongltn.values.by_value import ByValue


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
