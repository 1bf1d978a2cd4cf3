"""Constructed tickets as ground truth: what the existence proofs build, given to a search.

A ticket of `strongltn.construct` keeps, in every pair of source layers, one input for each live
hidden neuron and for every target weight the subset of its samples that comes nearest. Written
out, source and mask are dense arrays of 2 L layers with ReLU between them: just what edge-popup
searches. The source is a function of the seed alone, the same weights that the ticket was built
from.
"""

from __future__ import annotations

from strongltn.construct import RELU_DIAMOND, build_ticket, make_plan
from strongltn.construct.catalogue import ConstructionLike, as_construction
from strongltn.errors import InvalidInputError
from strongltn.groundtruth.truth import GroundTruth, check_without_biases
from strongltn.networks import Activation, LinearLayer, TargetNetwork
from strongltn.networks.domain_text import DomainLike
from strongltn.networks.target import TargetLike
from strongltn.process.default_state import in_default_state
from strongltn.rng import LawWord, WeightLaw
from strongltn.values.arguments import IntegerLike

_TOLERANCE = 0.01  # only reported by builds, and nothing here reports it


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
        Of the source.
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
