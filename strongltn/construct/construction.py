"""Constructions: how a pair of random layers stands in for one target layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from strongltn.errors import BudgetExceeded
from strongltn.networks.source import Activation
from strongltn.subset_sum.solvers import (
    AbstractSolver,
    MeetInTheMiddle,
    SchroeppelShamir,
    SingleWeight,
)
from strongltn.values.arguments import IntegerLike, chosen, instance, integer, named

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

    def __post_init__(self) -> None:
        instance("name", self.name, str)
        instance("solver", self.solver, AbstractSolver)  # type: ignore[type-abstract]
        instance("shares_hidden", self.shares_hidden, bool, allowed="True or False")
        activation = chosen("inner_activation", self.inner_activation, Activation)
        object.__setattr__(self, "inner_activation", activation)

    def solver_for(self, num_samples: IntegerLike) -> AbstractSolver[Any]:
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
        number = integer(
            "num_samples",
            num_samples,
            low=1,
            last=largest,
            allowed=f"an integer in [1, {largest}] with {self.name}, which looks for the least "
            "error",
            hint="With epsilon instead, as few as are enough are chosen." if is_exact else "",
        )
        try:
            self.solver.check(number, None)
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


#: The words of the constructions, and what is accepted where a construction is asked for.
ConstructionWord: TypeAlias = Literal["relu-diamond", "linear-diamond", "single-weight"]
ConstructionLike: TypeAlias = Construction | ConstructionWord


def construction_named(name: str) -> Construction:
    """Return the construction of that name.

    Raises
    ------
    InvalidInputError
        There is none; the message lists them, and the nearest.
    """
    return named("construction", name, CONSTRUCTIONS)


def as_construction(value: object) -> Construction:
    """Return a construction, or the one that a word of the command line names."""
    return value if isinstance(value, Construction) else named("construction", value, CONSTRUCTIONS)
