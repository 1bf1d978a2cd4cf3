r"""The ground truth: a source network, and a mask that is known to turn it into the target.

A *ground truth* for a target f is a source with weights theta_1, ..., theta_L and masks m_1, ...,
m_L of the same shapes, such that the pruned network

.. math:: g(x) = (m_L \circ \theta_L)\, s(\ldots s((m_1 \circ \theta_1)\, x)), \quad s = \max(., 0)

has 2^K g = f, exactly or within a known distance. There are two kinds:

- *constructed*: theta is random, drawn before anything is known of f, and the mask was built as the
  existence theorems build it (`constructed_truth`). It is a strong lottery ticket; 2^K g is near f,
  the nearer the more samples there are for each weight. In every pair of source layers the ticket
  keeps one input for each live hidden neuron, and for every target weight the subset of its samples
  that comes nearest. Written out, source and mask are dense arrays of 2 L layers with ReLU between
  them: just what edge-popup searches.
- *planted*: theta was random and some of its weights were replaced by those of f
  (`strongltn.groundtruth.planting`). That is a yardstick and no strong ticket of any theorem: with
  these weights the source was not drawn before the target. In return 2^K g = f exactly, the mask
  keeps as many weights as f has, and the source is no deeper.

The masks are one answer, not the only one: another mask may do as well. So the distance of what a
search finds from f is what counts; the overlap of the masks says where it came from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strongltn.construct import RELU_DIAMOND, build_ticket, make_plan
from strongltn.construct.catalogue import ConstructionLike, as_construction
from strongltn.errors import InvalidInputError
from strongltn.networks import Activation, LinearLayer, TargetNetwork
from strongltn.networks.domain_text import DomainLike
from strongltn.networks.reading import short_list
from strongltn.networks.target import TargetLike
from strongltn.process.default_state import in_default_state
from strongltn.rng import LawWord, WeightLaw
from strongltn.values.arguments import IntegerLike
from strongltn.values.by_value import ByValue

Masks = tuple[NDArray[np.bool_], ...]

_TOLERANCE = 0.01  # only reported by builds, and nothing here reports it


@dataclass(frozen=True, eq=False)
class GroundTruth(ByValue):
    """A source network and a mask under which it is the target, up to a power of two.

    Attributes
    ----------
    target : TargetNetwork
        f, without biases.
    source : TargetNetwork
        The weights theta before they are masked: a chain of Linear layers without biases, float32.
    masks : tuple of bool arrays, read-only, the shapes of the source's weights
        True = kept.
    output_exponent : int
        K: f is 2^K times the pruned network.

    Raises
    ------
    InvalidInputError
        Shapes that do not fit, or a bias.
    """

    target: TargetNetwork
    source: TargetNetwork
    masks: Masks
    output_exponent: int

    def __repr__(self) -> str:
        kept, widths = sum(int(mask.sum()) for mask in self.masks), self.source.widths
        return (
            f"GroundTruth({short_list(self.target.widths, '-')} in {short_list(widths, '-')}, "
            f"keeps {kept:,} of {self.source.num_weights:,} weights)"
        )

    def __post_init__(self) -> None:
        check_without_biases("target", self.target)
        check_without_biases("source", self.source)
        shapes = [layer.weight.shape for layer in self.source.layers]
        if [mask.shape for mask in self.masks] != shapes:
            raise InvalidInputError(
                "masks", got=f"{[mask.shape for mask in self.masks]}", allowed=f"{shapes}"
            )
        ends = (self.source.widths[0], self.source.widths[-1])
        if ends != (self.target.widths[0], self.target.widths[-1]):
            raise InvalidInputError(
                "source",
                got=f"{ends[0]} inputs and {ends[1]} outputs",
                allowed=f"those of the target, {self.target.widths}",
            )
        for mask in self.masks:
            mask.setflags(write=False)

    @property
    def pruned(self) -> TargetNetwork:
        """The network g: the source with every pruned weight 0."""
        return masked_network(self.source, self.masks)

    @property
    def densities(self) -> tuple[float, ...]:
        """Fraction of the weights that is kept, layer by layer."""
        return tuple(np.count_nonzero(mask) / mask.size for mask in self.masks)


def masked_network(source: TargetNetwork, masks: Masks) -> TargetNetwork:
    """Return the source with every pruned weight 0."""
    return TargetNetwork(
        tuple(
            LinearLayer(layer.name, np.where(mask, layer.weight, layer.weight.dtype.type(0)))
            for layer, mask in zip(source.layers, masks, strict=True)
        )
    )


def check_without_biases(parameter: str, network: TargetNetwork) -> None:
    """Refuse a network with biases: the networks that are searched have none.

    Raises
    ------
    InvalidInputError
    """
    names = [layer.name for layer in network.layers if layer.bias is not None]
    if names:
        raise InvalidInputError(
            parameter,
            got=f"biases in {', '.join(names)}",
            allowed="a network without biases",
            hint="Let the last input be 1 throughout: its weights are biases.",
        )


@in_default_state()
def constructed_truth(
    target: TargetLike,
    *,
    num_samples: IntegerLike,
    domain: DomainLike,
    seed: IntegerLike,
    construction: ConstructionLike = RELU_DIAMOND,
    law: WeightLaw | LawWord = WeightLaw.UNIFORM,
) -> GroundTruth:
    """Build a ticket for a target and write source and mask out.

    Parameters
    ----------
    target : TargetNetwork, torch.nn.Module, state dict, or path
        Without biases.
    num_samples : int >= 1
        Samples that each subset sum sees.
    domain : Domain or str
        Where inputs can be negative, the first pair builds both signs of each.
    seed : int in [0, 2^64)
        The seed of the source.
    construction : Construction or str
        With ReLU inside.
    law : WeightLaw or str

    Returns
    -------
    GroundTruth
        Its pruned network times 2^K is the function of the ticket, exactly.

    Raises
    ------
    InvalidInputError
        A target with biases, a construction without ReLU, sizes or seed out of range.
    BudgetExceeded
        A layer of the source is too large to be written out.

    Notes
    -----
    Rigor: the mask is as near to the target as the subset sums are; `certify_ticket` says how near.
    Cost: one subset sum a weight, and all weights of the source.  Randomness: the seed.
    """
    target, construction = TargetNetwork.of(target), as_construction(construction)
    check_without_biases("target", target)
    if construction.inner_activation is not Activation.RELU:
        raise InvalidInputError(
            "construction",
            got=construction.name,
            allowed="one with ReLU inside: a search has it after every layer",
        )
    plan = make_plan(
        target, construction, num_samples=num_samples, tolerance=_TOLERANCE, domain=domain
    )
    source = plan.source(target, law=law, seed=seed)
    ticket = build_ticket(target, source, plan).ticket
    layers = [LinearLayer(f"layer{i}", source.dense(i)) for i in range(2 * source.num_pairs)]
    masks = ticket.dense_masks()
    return GroundTruth(
        target,
        TargetNetwork(tuple(layers)),
        tuple(masks[f"{i}"] for i in range(len(layers))),
        ticket.output_exponent,
    )
