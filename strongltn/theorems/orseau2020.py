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
from strongltn.theorems.layers import gadget_promise, num_instances, weight_tolerances
from strongltn.theorems.question import NetworkQuestion
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


def _fewest(miss: Fraction, chance: Fraction) -> int:
    return least_power(miss, chance)


def _promise(question: NetworkQuestion) -> Promise:
    samples, failure = [], Fraction(0)
    instances = num_instances(question)
    for tolerance, number in zip(weight_tolerances(question), instances, strict=True):
        k = num_bins(tolerance)
        empty_bins = 2 * number * k  # for weights of both signs
        chance = question.failure_probability / len(instances)
        miss = 1 - Fraction(1, 4 * k)
        samples.append(_fewest(miss, chance / empty_bins))
        failure += empty_bins * upper_power(miss, samples[-1])
    notes = ("a greedy sum finds the mask in linear time",)
    law = "signs in the first layer of each pair, hyperbolic with signs in the second"
    return gadget_promise(
        question, samples, failure_probability=failure, notes=notes, source_law=law
    )


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
