r"""Hyperbolic weights and a greedy sum in linear time: the idea of Orseau et al. 2020.

Of the paper the abstract was read; decomposition, bins and laws are this project's.

Let :math:`\gamma^2 + \gamma \ge 1`. A residual in [0, R] and a sample x in :math:`[(1 - \gamma)R,
\gamma R]` leave a residual in :math:`[0, \gamma R]`: subtract x if it fits. The bins
:math:`(\gamma^{i+2}, \gamma^{i+1}]` lie in these intervals for :math:`R = \gamma^i`, and are
disjoint. With one sample in each of k bins, every target in [0, 1] is met within :math:`\gamma^k`.
A hyperbolic law (density ~ 1/x) on the union of the bins hits each with probability 1/k, and the
right signs of both weights with 1/4.
"""

from __future__ import annotations

from fractions import Fraction

from strongltn.theorems.assumptions import COMMON_CLASS, DENSE, FOR_ALL, NETWORK
from strongltn.theorems.certified import least_power, upper_power
from strongltn.theorems.condition import About, Condition
from strongltn.theorems.layers import (
    instance_chances,
    num_instances,
    union_promise,
    weight_tolerances,
)
from strongltn.theorems.question import NetworkQuestion
from strongltn.theorems.supermartingale import GroupSize
from strongltn.theorems.theorem import Promise, Status, Theorem

#: Just above the golden ratio's inverse, the least gamma with gamma^2 + gamma >= 1.
GAMMA = Fraction(34, 55)


def num_bins(tolerance: Fraction) -> int:
    """Return the least k with GAMMA^k <= tolerance.

    Examples
    --------
    >>> num_bins(Fraction(1, 100))
    10
    """
    return least_power(GAMMA, tolerance)


def _promise(question: NetworkQuestion) -> Promise:
    instances = num_instances(question)
    return union_promise(
        question,
        [
            _size(num_bins(tolerance), chance)
            for tolerance, chance in zip(
                weight_tolerances(question), instance_chances(question, instances), strict=True
            )
        ],
        instances=instances,
        notes=("a greedy sum finds the mask in linear time",),
        source_law="signs in the first layer of each pair, hyperbolic with signs in the second",
    )


def _size(bins: int, chance: Fraction) -> GroupSize:
    """Return how many neurons fill all bins, for weights of both signs."""
    miss = 1 - Fraction(1, 4 * bins)
    num_samples = least_power(miss, chance / (2 * bins))
    return GroupSize(num_samples, 2 * bins * upper_power(miss, num_samples))


_SOURCE = Condition(
    About.SOURCE,
    "a ReLU network of depth 2l, without biases, all weights independent; the first layer of each "
    "pair has signs, the second hyperbolic weights with signs, whatever the law that is asked for",
)

THEOREMS = (
    Theorem(
        key="Orseau2020.Greedy",
        title="Greedy sums of hyperbolic weights",
        source="strongltn: hyperbolic weights are the idea of orseau2020 (arXiv 2006.12156), read: "
        "abstract; the decomposition, the laws and the constants are this project's",
        conclusion=f"{FOR_ALL}; greedy subtraction finds it, and an input needs of the order of "
        "log(1/tolerance) log log(1/tolerance) neurons",
        status=Status.PROVED,
        claims=("C01", "C14", "C15", "C17"),
        conditions=(*COMMON_CLASS, _SOURCE),
        asks=NetworkQuestion,
        assumptions=(*NETWORK, DENSE),
        derive=_promise,
    ),
)
