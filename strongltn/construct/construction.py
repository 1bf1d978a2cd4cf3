"""Constructions: how a pair of random layers stands in for one target layer.

A construction is one value. It brings what is planned (how many blocks of hidden neurons, and how
wide), which subset sums are solved (their samples and targets), and what the kept network computes
between its layers. `make_plan`, `build_ticket` and the estimates of sizes ask it, and nobody asks
which construction it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from strongltn.errors import BudgetExceeded
from strongltn.networks.difference import has_minus_half
from strongltn.networks.domain import Domain
from strongltn.networks.layer import ScaledLayer
from strongltn.networks.source import Activation
from strongltn.subset_sum.solvers import (
    AbstractSolver,
    MeetInTheMiddle,
    SchroeppelShamir,
    SingleWeight,
)
from strongltn.values.arguments import IntegerLike, chosen, instance, integer

#: Samples that a source may be planned for, whatever solves.
MAX_SAMPLES = 1 << 22

_MAX_EXACT_SAMPLES = 64  # of the least error: a second a weight, twice that every two samples more
_TAIL_BITS = 4096  # of a binomial tail


@dataclass(frozen=True)
class Construction:
    """Two source layers for each target layer, one gadget for each weight.

    The hidden neurons of a pair lie in blocks of one width. A block belongs to one column of the
    first layer, an input or the constant 1 of a bias, and to the outputs that share it; its number
    is ``share * columns + column``. The gadget of a weight takes its samples from its block: the
    products a b of a first-layer weight a of that column and a second-layer weight b of that
    output. The mask keeps of a chosen neuron a and b, and nothing else.

    A construction of your own is a value of this class. Where other outputs share a block, other
    neurons are samples or other sums are to be hit, it is a subclass that overrides that method.

    Attributes
    ----------
    name : str
        The word by which it is chosen, and which stands in the ticket.
    inner_activation : Activation
        What the kept network computes between its layers. ReLU: positive and negative first-layer
        weights form separate groups, one for s(x), one for s(-x). Linear: one group.
    shares_hidden : bool
        Whether the hidden neurons of an input serve several outputs, or every weight has hidden
        neurons of its own.
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

    def num_halves(self, domain: Domain, pair: int) -> int:
        """Return how many sign groups an input of a pair needs: two where it can be negative."""
        return 1 + has_minus_half(self.inner_activation, domain, pair)

    def share_of(self, outputs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which share of the hidden neurons serves each output, counted from 0 upwards."""
        return np.zeros_like(outputs) if self.shares_hidden else outputs

    def num_blocks(self, num_columns: int, num_outputs: int) -> int:
        """Return how many blocks of hidden neurons a pair has."""
        return num_columns * (1 + int(self.share_of(np.array([num_outputs - 1]))[0]))

    def block_width(
        self, num_samples: int, num_groups: int, *, failure_probability: Fraction
    ) -> int:
        """Return how many hidden neurons a block has, so that no group is likely to fall short.

        Parameters
        ----------
        num_samples : int >= 1
            Members that every group is to have.
        num_groups : int >= 1
            Groups in the whole source.
        failure_probability : Fraction in (0, 1)
            That any of them falls short, over the draw of the source.
        """
        if self.inner_activation is Activation.LINEAR:
            return num_samples  # one group of both signs: every hidden neuron is a sample
        return sign_block_width(num_samples, num_groups, failure_probability=failure_probability)

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

    def members(
        self, first: NDArray[np.float64], *, num_halves: int, num_samples: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return which neurons of each block are samples, and what they multiply the second by.

        Parameters
        ----------
        first : float64 (blocks, width)
            First-layer weights a, whatever their unit.
        num_halves, num_samples : int >= 1

        Returns
        -------
        int64 and float64 (blocks, halves, samples)
            The places of the neurons in their block, -1 where a group falls short; and |a|, or a
            for linear activations, 0 there.
        """
        if self.inner_activation is Activation.LINEAR:
            return np.broadcast_to(np.arange(first.shape[1]), first.shape)[:, None], first[:, None]
        places, factors = [], []
        for is_member in (first > 0, first < 0)[:num_halves]:
            order = np.argsort(~is_member, axis=1, kind="stable")[:, :num_samples]
            is_there = np.take_along_axis(is_member, order, axis=1)
            places.append(np.where(is_there, order, -1))
            factors.append(np.where(is_there, np.take_along_axis(np.abs(first), order, axis=1), 0))
        return np.stack(places, axis=1), np.stack(factors, axis=1)

    def targets(self, layer: ScaledLayer, num_halves: int) -> NDArray[np.float64]:
        """Return the number that each subset sum is to hit (outputs, columns, halves); NaN: none.

        The minus half stands in for -w, because w x = w s(x) - w s(-x). A weight that is exactly
        zero needs no gadget, and the constant input has no minus half.
        """
        weights = layer.weight.to_floats()
        if layer.bias is not None:
            weights = np.concatenate([weights, layer.bias.to_floats()[:, None]], axis=1)
        signs = np.array([1.0, -1.0])[:num_halves]
        targets: NDArray[np.float64] = weights[:, :, None] * signs
        if layer.bias is not None:
            targets[:, -1, 1:] = np.nan
        targets[targets == 0] = np.nan
        return targets


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


def sign_block_width(num_samples: int, num_groups: int, *, failure_probability: Fraction) -> int:
    """Return the least block width at which no sign group is likely to fall short.

    Smallest m with `num_groups` * P(Binomial(m, 1/2) < `num_samples`) <= `failure_probability`.

    Notes
    -----
    Rigor: the tail is exact up to m = 4096 and rounded upwards beyond; union bound over the
    groups. Cost: O(sqrt(n)) steps.

    Examples
    --------
    >>> sign_block_width(1, 1, failure_probability=Fraction(1, 1000))
    10
    """
    # at m = 2n - 1 the tail is 1/2, and at m = n - 1 it is 1
    is_half_enough = num_groups * failure_probability.denominator <= (
        2 * failure_probability.numerator
    )
    width, bits = (num_samples - 1, 0) if is_half_enough else (2 * num_samples - 1, 1)
    tail = 1 << (_TAIL_BITS - bits)
    last = int((flint.fmpz.bin_uiui(width, num_samples - 1) << _TAIL_BITS) >> width)
    while num_groups * tail * failure_probability.denominator > (
        failure_probability.numerator << _TAIL_BITS
    ):
        tail -= last // 2  # C(m + 1, k) = C(m, k) + C(m, k - 1), summed over k < n
        width += 1
        last = last * width // (2 * (width - num_samples + 1))
    return width
