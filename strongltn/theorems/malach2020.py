r"""Malach et al. 2020: one weight from the nearest single product, and whole neurons.

The paper's sizes are of order 1/epsilon^2 with constants that are not explicit; here is the exact
probability that its construction succeeds at one weight. It is least for the largest weight, since
the density of a product falls with its size.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from flint import arb
from numpy.typing import NDArray

from strongltn.rng import WeightLaw
from strongltn.subset_sum.laws import product_cdf
from strongltn.theorems.assumptions import DENSE, NETWORK, weights_follow
from strongltn.theorems.certified import ball, lower, upper, upper_log
from strongltn.theorems.layers import (
    count_parameters,
    layer_shapes,
    num_instances,
    two_layer_widths,
    weight_tolerances,
)
from strongltn.theorems.question import NetworkQuestion
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
        Of the source.

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
        Of the source.

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


def _weight_pruning(question: NetworkQuestion) -> Promise:
    samples, failure = [], Fraction(0)
    instances = num_instances(question)
    for tolerance, number in zip(weight_tolerances(question), instances, strict=True):
        chance = question.failure_probability / len(instances) / number
        success = lower_success_probability(question.max_weight, tolerance, law=question.law) / 2
        size = _fewest(chance, success)
        samples.append(size)
        failure += number * _upper_failure(size, success)
    hidden = [
        columns * rows * size
        for (columns, rows), size in zip(layer_shapes(question.widths), samples, strict=True)
    ]
    widths = two_layer_widths(question.widths, hidden)
    return Promise(
        num_samples=max(samples),
        widths=widths,
        num_parameters=count_parameters(widths),
        failure_probability=failure,
        notes=("every weight has hidden neurons of its own",),
    )


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


THEOREMS = (
    Theorem(
        key="Malach2020.WeightPruning",
        title="One product for each weight",
        source="malach2020 (arXiv 2002.00585), Theorem 2.1, read: introduction; "
        "the constants are proved here",
        statement="A random network of depth 2l, with hidden neurons for every single weight, has "
        "except with probability delta for a target network given in advance a mask within "
        "epsilon; each weight is one product, found with its exact probability.",
        status=Status.PROVED,
        asks=NetworkQuestion,
        assumptions=(*NETWORK, DENSE),
        derive=_weight_pruning,
    ),
    Theorem(
        key="Malach2020.NeuronPruning",
        title="Whole neurons",
        source="strongltn: the setting is that of malach2020 (arXiv 2002.00585), whose own "
        "bound is for targets in a class of random features; read: introduction",
        statement="If only whole neurons are pruned, a target neuron given in advance is one "
        "random neuron whose weights are all near its own: exponential in the inputs and outputs.",
        status=Status.PROVED,
        asks=NetworkQuestion,
        assumptions=(
            *NETWORK,
            DENSE,
            weights_follow(WeightLaw.UNIFORM),
            Assumption(
                "widths",
                "one hidden layer",
                lambda q: len(q.widths) == 3,
                lambda q: q.widths,
            ),
        ),
        derive=_neuron_pruning,
        estimate_seconds=_neuron_seconds,
    ),
)
