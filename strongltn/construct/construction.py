"""Constructions: how a pair of random layers stands in for one target layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from strongltn.errors import BudgetExceeded, InvalidInputError, unknown_word
from strongltn.networks.source import Activation
from strongltn.subset_sum.solvers import (
    AbstractSolver,
    MeetInTheMiddle,
    SchroeppelShamir,
    SingleWeight,
)

#: Samples that a source may be planned for, whatever solves.
MAX_SAMPLES = 1 << 22

_MAX_EXACT_SAMPLES = 64  # of the least error: a second a weight, twice that every two samples more


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
        The default solver, while its memory lasts; see `solver_for`.
    source : str
        The paper.
    """

    name: str
    inner_activation: Activation
    shares_hidden: bool
    solver: AbstractSolver[Any]
    source: str

    def solver_for(self, num_samples: int) -> AbstractSolver[Any]:
        """Return the solver that finds the least error of that many samples in sane time.

        The construction's own; for more samples than fit in its memory that of Schroeppel and
        Shamir, whose answers are the same.

        Raises
        ------
        InvalidInputError
            There are too many samples for any.
        """
        is_exact = not isinstance(self.solver, SingleWeight)
        largest = _MAX_EXACT_SAMPLES if is_exact else MAX_SAMPLES
        if type(num_samples) is not int or not 1 <= num_samples <= largest:
            hint = "Try --epsilon: it finds how few are enough." if is_exact else ""
            raise InvalidInputError(
                "samples",
                got=num_samples,
                allowed=f"an integer in [1, {largest}] with {self.name}, which looks for the "
                "least error",
                hint=hint,
            )
        try:
            self.solver.check(num_samples, None)
        except BudgetExceeded:
            return SchroeppelShamir()
        return self.solver


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
        raise unknown_word("construction", got=name, known=CONSTRUCTIONS)
    return CONSTRUCTIONS[name]
