"""Constructions: how a pair of random layers stands in for one target layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from strongltn.errors import InvalidInputError
from strongltn.networks.source import Activation
from strongltn.subset_sum.solvers import AbstractSolver, MeetInTheMiddle, SingleWeight


@dataclass(frozen=True)
class Construction:
    """Two source layers for each target layer, one gadget for each weight.

    Attributes
    ----------
    name : str
    inner_activation : Activation
        ReLU: positive and negative first-layer weights form separate groups, one for s(x), one for
        s(-x). Linear: one group.
    shares_hidden : bool
        Whether the hidden neurons of an input serve all outputs (each output has its own
        second-layer weights), or every weight has hidden neurons of its own.
    solver : AbstractSolver
        The default solver.
    source : str
        The paper.
    """

    name: str
    inner_activation: Activation
    shares_hidden: bool
    solver: AbstractSolver[Any]
    source: str


RELU_DIAMOND = Construction(
    "relu-diamond",
    Activation.RELU,
    shares_hidden=True,
    solver=MeetInTheMiddle(),
    source="Pensia et al. 2020 (arXiv 2006.07990), the construction behind Theorem 1",
)
"""Subset sums of products a b through ReLU, one group of hidden neurons for each sign of a."""

LINEAR_DIAMOND = Construction(
    "linear-diamond",
    Activation.LINEAR,
    shares_hidden=True,
    solver=MeetInTheMiddle(),
    source="Pensia et al. 2020 (arXiv 2006.07990), the linear structure of their experiments",
)
"""Subset sums of products a b without inner activation: signs of a do not matter."""

SINGLE_WEIGHT = Construction(
    "single-weight",
    Activation.RELU,
    shares_hidden=False,
    solver=SingleWeight(),
    source="Malach et al. 2020 (arXiv 2002.00585), weight-subnetworks",
)
"""The nearest single product a b, from hidden neurons that belong to that weight alone."""

CONSTRUCTIONS = {c.name: c for c in (RELU_DIAMOND, LINEAR_DIAMOND, SINGLE_WEIGHT)}


def construction_named(name: str) -> Construction:
    """Return the construction of that name."""
    if name not in CONSTRUCTIONS:
        raise InvalidInputError(
            "construction", got=name, allowed=f"one of {', '.join(CONSTRUCTIONS)}"
        )
    return CONSTRUCTIONS[name]
