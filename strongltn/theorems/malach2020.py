r"""Malach et al. 2020: one weight from the nearest single product, and whole neurons.

The paper's sizes are of order 1/epsilon^2 with constants that are not explicit; here is the exact
probability that its construction succeeds at one weight. It is least for the largest weight, since
the density of a product falls with its size.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np
from flint import arb
from numpy.typing import NDArray

from strongltn.numerics.dyadic import upper_sqrt
from strongltn.rng import WeightLaw
from strongltn.subset_sum.sample_laws import product_cdf
from strongltn.theorems.assumptions import (
    COMMON_CLASS,
    DENSE,
    DEPTH_2L,
    EUCLIDEAN,
    LARGEST_WEIGHT,
    NETWORK,
    RELU_NETWORK,
    UNIT_BALL,
    UNIT_NORMS,
    source,
    weights_follow,
)
from strongltn.theorems.certified import ball, lower, upper, upper_log
from strongltn.theorems.condition import weights_within
from strongltn.theorems.layers import (
    count_parameters,
    gadget_promise,
    instance_chances,
    num_instances,
    union_bound,
    weight_tolerances,
)
from strongltn.theorems.question import NetworkQuestion
from strongltn.theorems.supermartingale import GroupSize
from strongltn.theorems.theorem import Assumption, Promise, Status, Theorem


def failure_probability(
    targets: NDArray[np.float64], tolerance: float, *, num_samples: int, law: WeightLaw
) -> NDArray[np.float64]:
    r"""Return the probability that no single product is within tolerance of each target.

    .. math:: (1 - [F(w + \tau) - F(w - \tau)])^n, \quad F(t) = P(ab \le t).

    Parameters
    ----------
    targets : float64, any shape
        Target weights w.
    tolerance : float > 0
    num_samples : int >= 1
        Independent products n.
    law : WeightLaw
        The law of the source.

    Returns
    -------
    float64, the shape of `targets`, in [0, 1]

    Notes
    -----
    Rigor: exact formula for the continuous law, in float64. Cost: O(1) a target. Randomness: none.

    Source
    ------
    The construction: Malach et al. 2020 (arXiv 2002.00585). The formula is elementary.

    Examples
    --------
    >>> p = failure_probability(np.array([0.25]), 0.01, num_samples=100,
    ...                         law=WeightLaw.SIGNED_CONSTANT)
    >>> bool(np.isclose(p[0], 0.99**100))
    True
    """
    success = product_cdf(law, targets + tolerance) - product_cdf(law, targets - tolerance)
    return np.asarray((1.0 - success) ** num_samples)


def lower_success_probability(target: Fraction, tolerance: Fraction, *, law: WeightLaw) -> Fraction:
    r"""Return :math:`F(w + \tau) - F(w - \tau)` for one product, rounded downwards.

    Parameters
    ----------
    target : Fraction in [0, 1]
    tolerance : Fraction in (0, 1)
    law : WeightLaw
        The law of the source.

    Notes
    -----
    Rigor: exact but for the rounding; Gaussian products by the least density in the interval.
    Cost: two logarithms. Randomness: none.

    Examples
    --------
    >>> one = Fraction(1)
    >>> float(lower_success_probability(one, one / 100, law=WeightLaw.SIGNED_CONSTANT))
    0.005
    >>> float(lower_success_probability(one, one / 100, law=WeightLaw.UNIFORM))  # about tau^2 / 4
    2.5083...e-05
    """
    low, high = target - tolerance, target + tolerance
    if law is WeightLaw.GAUSSIAN:
        # the density K_0(t) / pi of a product falls in t
        return lower(lambda: ball(2 * tolerance) * ball(high).bessel_k(arb(0)) / arb.pi())
    if law is WeightLaw.SIGNED_CONSTANT:
        return (min(high, Fraction(1)) - low) / 2
    return lower(lambda: _uniform_cdf(min(high, Fraction(1))) - _uniform_cdf(low))


def _uniform_cdf(t: Fraction) -> arb:
    return (1 + ball(t) * (1 - ball(abs(t)).log())) / 2 if t else ball(Fraction(1, 2))


def _fewest(chance: Fraction, success: Fraction) -> int:
    """Return the least n with (1 - success)^n <= chance, or one more by rounding."""
    return max(1, math.ceil(upper(lambda: ball(chance).log() / (-ball(success)).log1p())))


def _upper_failure(num_samples: int, success: Fraction) -> Fraction:
    return upper(lambda: (num_samples * (-ball(success)).log1p()).exp())


def _spread_limit(num_inputs: int) -> Fraction:
    """Return 1/sqrt(num_inputs), rounded upwards: the largest weight in the paper's class."""
    return upper_sqrt(Fraction(1, num_inputs))


def _own_class(question: NetworkQuestion) -> Promise:
    limits = [min(question.weight_limit, _spread_limit(d)) for d in question.widths[:-1]]
    return _weight_pruning(question, limits)


def _common_class(question: NetworkQuestion) -> Promise:
    return _weight_pruning(question, [question.weight_limit] * (len(question.widths) - 1))


def _weight_pruning(question: NetworkQuestion, limits: list[Fraction]) -> Promise:
    """Return the promise where no weight of a layer is larger than its limit."""
    instances = num_instances(question)
    chances, tolerances = instance_chances(question, instances), weight_tolerances(question)
    groups = []
    for tolerance, chance, limit in zip(tolerances, chances, limits, strict=True):
        success = lower_success_probability(limit, tolerance, law=question.law) / 2
        size = _fewest(chance, success)
        groups.append(GroupSize(size, _upper_failure(size, success)))
    # a group of its own for every output, so that many for an input
    pairs = zip(groups, question.widths[1:], strict=True)
    promise = gadget_promise(
        question,
        [rows * group.num_samples for group, rows in pairs],
        failure_probability=union_bound(groups, instances),
        notes=("every weight has hidden neurons of its own",),
    )
    return replace(promise, num_samples=max(group.num_samples for group in groups))


def _neuron_pruning(question: NetworkQuestion) -> Promise:
    """A neuron of the source whose every weight is near the target neuron's: all or nothing."""
    inputs, hidden, outputs = question.widths
    tolerance = min(weight_tolerances(question))
    success = (tolerance / 2) ** (inputs + outputs)  # at a weight of 1, half the interval
    chance = question.failure_probability / hidden
    size = math.ceil(upper_log(1 / chance) / success)  # -ln(1 - p) >= p
    widths = (inputs, hidden * size, outputs)
    return Promise(
        num_samples=size,
        widths=widths,
        num_parameters=count_parameters(widths),
        failure_probability=question.failure_probability,
        notes=("num_samples counts random neurons for one target neuron", "worst case"),
    )


def _neuron_seconds(question: NetworkQuestion) -> float:
    """Estimate the time that a number of so many bits takes."""
    inputs, _, outputs = question.widths
    bits = (inputs + outputs) * (1 / min(weight_tolerances(question))).__ceil__().bit_length()
    return (bits / 4e6) ** 2


_SPREAD_WEIGHTS = weights_within(
    _spread_limit,
    "no weight of layer i is larger in size than 1/sqrt(d_{i-1}), of d_{i-1} inputs (recalled as "
    "the class of the paper)",
)
_SOURCE = "malach2020 (arXiv 2002.00585), in the form of Theorem 2.1 (recalled; read: introduction)"
_ONE_PRODUCT = (
    "for a target f of the class that is given in advance, it has except with probability at most "
    "the failure probability over its draw a mask whose network g is within epsilon of f, with "
    "hidden neurons of its own for every single weight; each weight is one product of two random "
    "weights, found with its exact probability"
)
_CLAIMS = ("C01", "C14", "C15", "C18")
_proved = partial(
    Theorem[NetworkQuestion],
    status=Status.PROVED,
    asks=NetworkQuestion,
    assumptions=(*NETWORK, DENSE),
)

THEOREMS = (
    _proved(
        key="Malach2020.WeightPruning",
        title="One product for each weight, in the paper's own class",
        source=f"{_SOURCE}; the constants are proved here",
        conclusion=_ONE_PRODUCT,
        claims=_CLAIMS,
        conditions=(
            RELU_NETWORK,
            UNIT_NORMS,
            LARGEST_WEIGHT,
            _SPREAD_WEIGHTS,
            UNIT_BALL,
            EUCLIDEAN,
            DEPTH_2L,
        ),
        derive=_own_class,
    ),
    _proved(
        key="Malach2020.WeightPruningCommon",
        title="One product for each weight, in the common class",
        source=f"{_SOURCE}, for the class of the other theorems; proved here",
        conclusion=_ONE_PRODUCT,
        claims=_CLAIMS,
        conditions=(*COMMON_CLASS, DEPTH_2L),
        derive=_common_class,
    ),
    _proved(
        key="Malach2020.NeuronPruning",
        title="Whole neurons",
        source="strongltn: the setting is that of malach2020 (arXiv 2002.00585), whose own "
        "bound is for targets in a class of random features; read: introduction",
        conclusion="if only whole neurons are pruned, for a target f of the class that is given "
        "in advance it has except with probability at most the failure probability over its draw "
        "a set of neurons whose network is within epsilon of f; each target neuron is one random "
        "neuron whose weights are all near its own, so that the size is exponential in the inputs "
        "and outputs",
        claims=("C14", "C15"),
        conditions=(*COMMON_CLASS, source("a ReLU network with one hidden layer")),
        assumptions=(
            *NETWORK,
            DENSE,
            weights_follow(WeightLaw.UNIFORM),
            Assumption(
                "widths", "one hidden layer", lambda q: len(q.widths) == 3, lambda q: q.widths
            ),
        ),
        derive=_neuron_pruning,
        estimate_seconds=_neuron_seconds,
    ),
)
