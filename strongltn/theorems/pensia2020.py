r"""Pensia et al. 2020: subset sums of products, with explicit constants; the packing lower bound.

Lower bound. In a normed space of dimension D, a maximal set of the unit ball with distances above s
has at least :math:`s^{-D}` points. A pruned network is within epsilon of at most one of several
functions that are more than 2 epsilon apart, and there are :math:`2^\alpha` masks: if each function
is met with probability at least 1 - delta, then :math:`2^\alpha \ge (1 - \delta) s^{-D}`. One
layer: the norm of the matrices is the distance of the functions, s = 2 epsilon. First of several
layers, the others passing r = min(d_1, ..., d_l) outputs on: u - v = [s(u) - s(v)] - [s(-u) -
s(-v)], so the distance of the functions is at least half that of the matrices, s = 4 epsilon and D
= d_0 r. Last layer behind others that pass k = min(d_0, ..., d_{l-1}) inputs on: these are all
nonnegative vectors, and :math:`\|x^+\| + \|x^-\| \le \sqrt2 \|x\|`, so :math:`s = 2\sqrt2 \epsilon`
and D = k d_l.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from strongltn.rng import WeightLaw
from strongltn.theorems.assumptions import (
    ANY_SOURCE,
    COMMON_CLASS,
    DENSE,
    DEPTH_2L,
    FOR_ALL,
    NETWORK,
    POSITIVE_CONSTANT,
    WHOLE_CLASS,
    weights_follow,
)
from strongltn.theorems.certified import ball, logarithmic_size, lower
from strongltn.theorems.component import uniform_component
from strongltn.theorems.layers import (
    PRODUCTS,
    count_parameters,
    gadget_promise,
    layer_shapes,
    num_instances,
    target_window,
    two_layer_widths,
    weight_tolerances,
)
from strongltn.theorems.question import NetworkQuestion
from strongltn.theorems.rearrangement import best_window
from strongltn.theorems.sharpest import routes_text, sharpest
from strongltn.theorems.supermartingale import Supermartingale
from strongltn.theorems.theorem import NOT_EXPLICIT, Promise, Status, Theorem, open_constant

_ONE_SIGN = Fraction(1, 2)


def _paper(question: NetworkQuestion) -> Promise:
    formula = "hidden width C d_{i-1} ln(d_{i-1} d_i l / min(eps, delta)) for layer i of l"
    if question.constant is None:
        return Promise(constants=NOT_EXPLICIT, notes=(formula,))
    constant, shapes = question.constant, layer_shapes(question.widths)
    scale = len(shapes) / min(question.epsilon, question.failure_probability)
    samples = [logarithmic_size(constant, columns * rows * scale) for columns, rows in shapes]
    hidden = [d * n for d, n in zip(question.widths[:-1], samples, strict=True)]
    widths = two_layer_widths(question.widths, hidden)
    return Promise(
        num_samples=max(samples),
        widths=widths,
        num_parameters=count_parameters(widths),
        failure_probability=question.failure_probability,
        constants=open_constant(constant),
        notes=(formula,),
    )


def _component(question: NetworkQuestion) -> Promise:
    r"""Follow the paper: eps / (2l) a layer, over d d' a weight; a uniform part of the products.

    A weight above 1/2 is two halves, each with neurons and half a tolerance of its own.
    """
    num_layers = len(question.widths) - 1
    part = uniform_component(PRODUCTS[question.law])
    blocks = 1 if question.weight_limit <= part.radius else 2
    tolerances = [
        question.epsilon / (2 * num_layers * columns * rows * blocks)
        for columns, rows in layer_shapes(question.widths)
    ]
    instances = [2 * blocks * d * e for d, e in layer_shapes(question.widths)]

    def bound(tolerance: Fraction, _chance: Fraction) -> Supermartingale:
        # targets fill the component, scaled to [-1, 1]: eta is halved a second time
        eta = tolerance / part.radius / 4
        return Supermartingale(_ONE_SIGN * part.mass / 2, 2 * eta, 1 - eta)

    return _united(question, tolerances, instances, bound=bound, blocks=blocks)


def _sharpest(question: NetworkQuestion) -> Promise:
    """As `_rearranged`, each subset sum by the best proved bound."""
    num_layers = len(question.widths) - 1
    groups, failure = [], Fraction(0)
    for tolerance, number in zip(weight_tolerances(question), num_instances(question), strict=True):
        group = sharpest(
            tolerance / 2,
            question.failure_probability / num_layers / number,
            law=PRODUCTS[question.law],
            window=target_window(question),
            share=_ONE_SIGN,
            num_layers=num_layers,
        )
        groups.append(group)
        failure += number * group.failure_bound
    return gadget_promise(
        question,
        [group.num_samples for group in groups],
        failure_probability=failure,
        notes=(routes_text(groups),),
    )


def _rearranged(question: NetworkQuestion) -> Promise:
    window = target_window(question)

    def bound(tolerance: Fraction, chance: Fraction) -> Supermartingale:
        law = PRODUCTS[question.law]
        return best_window(tolerance / 2, chance, law=law, window=window, share=_ONE_SIGN)

    return _united(
        question, weight_tolerances(question), num_instances(question), bound=bound, blocks=1
    )


def _united(
    question: NetworkQuestion,
    tolerances: list[Fraction],
    instances: list[int],
    *,
    bound: Callable[[Fraction, Fraction], Supermartingale],
    blocks: int,
) -> Promise:
    """Return the promise of a union bound over all subset sums, delta / l for each layer."""
    samples, failure = [], Fraction(0)
    for tolerance, number in zip(tolerances, instances, strict=True):
        chance = question.failure_probability / len(instances) / number
        group = bound(tolerance, chance)
        size = group.sample_size(chance)
        samples.append(blocks * size)
        failure += number * group.failure_bound(size)
    return gadget_promise(question, samples, failure_probability=failure)


def packing_dimensions(widths: tuple[int, ...]) -> tuple[int, int]:
    """Return the dimensions D of the first and of the last layer's matrices that can be told apart.

    Examples
    --------
    >>> packing_dimensions((784, 500, 10))
    (7840, 5000)
    """
    return widths[0] * min(widths[1:]), min(widths[:-1]) * widths[-1]


def _packing(question: NetworkQuestion) -> Promise:
    first, last = packing_dimensions(question.widths)
    epsilon, chance = question.epsilon, 1 - question.failure_probability
    is_one_layer = len(question.widths) == 2
    cases = (
        [(first, 4 * epsilon**2)]
        if is_one_layer
        else [(first, 16 * epsilon**2), (last, 8 * epsilon**2)]
    )

    def bits(dimension: int, square: Fraction) -> Fraction:
        return lower(
            lambda: (ball(chance).log() - dimension * ball(square).log() / 2) / ball(2).log()
        )

    return Promise(necessary_parameters=max(0, *(math.ceil(bits(*case)) for case in cases)))


_PAPER = "pensia2020 (arXiv 2006.07990), Theorem {}; read: abstract, and its single-layer form"
THEOREMS = (
    Theorem(
        key="Pensia2020.Theorem1",
        title="Logarithmic over-parameterization, as published",
        source=_PAPER.format(1),
        conclusion=f"{FOR_ALL}, if the hidden layer of every pair has width at least "
        "C d_{i-1} log(d_{i-1} d_i l / min(epsilon, failure probability))",
        status=Status.RECALLED,
        conditions=(*COMMON_CLASS, DEPTH_2L),
        asks=NetworkQuestion,
        assumptions=(*NETWORK, DENSE, weights_follow(WeightLaw.UNIFORM), POSITIVE_CONSTANT),
        derive=_paper,
    ),
    Theorem(
        key="Pensia2020.Theorem1Explicit",
        title="The paper's route with explicit constants",
        source=_PAPER.format(1) + "; the constants are proved here",
        conclusion=f"{FOR_ALL}; the proof allows an error of epsilon/(2l) a layer and "
        "epsilon/(2 l d d') a weight, uses the uniform part of the products and both signs in "
        "every layer, and splits weights above the uniform part into two halves",
        status=Status.PROVED,
        claims=("C01", "C05", "C06", "C07", "C12", "C13", "C14", "C15"),
        conditions=(*COMMON_CLASS, DEPTH_2L),
        asks=NetworkQuestion,
        assumptions=(*NETWORK, DENSE, weights_follow(*PRODUCTS)),
        derive=_component,
    ),
    Theorem(
        key="Pensia2020.Theorem1Rearranged",
        title="Rearrangement drift, Frobenius budget",
        source="strongltn: the construction is that of pensia2020",
        conclusion=f"{FOR_ALL}; the proof allows an error of ln(1 + epsilon)/l a layer and that "
        "over sqrt(d d') a weight, uses the drift of the products themselves in its closed form, "
        "and one sign of the inputs behind a ReLU",
        status=Status.PROVED,
        claims=("C01", "C14", "C15", "C24", "C26", "C27"),
        conditions=(*COMMON_CLASS, DEPTH_2L),
        asks=NetworkQuestion,
        assumptions=(*NETWORK, DENSE, weights_follow(*PRODUCTS)),
        derive=_rearranged,
    ),
    Theorem(
        key="Pensia2020.Theorem1Sharpest",
        title="Best proved bound on every subset sum",
        source="strongltn: the construction is that of pensia2020",
        conclusion=f"{FOR_ALL}; the proof allows the errors of Pensia2020.Theorem1Rearranged, "
        "and takes for every subset sum the best of the bounds proved here: the closed form, the "
        "dynamic program, or a second moment before it, in the mean over how many neurons have "
        "the sign that is needed",
        status=Status.PROVED,
        claims=("C01", "C10", "C14", "C15", "C24", "C26", "C27", "C28", "C29"),
        conditions=(*COMMON_CLASS, DEPTH_2L),
        asks=NetworkQuestion,
        assumptions=(*NETWORK, DENSE, weights_follow(*PRODUCTS)),
        derive=_sharpest,
    ),
    Theorem(
        key="Pensia2020.Theorem2",
        title="Packing lower bound",
        source=_PAPER.format(2) + "; proved here, also for several layers",
        conclusion="if for each target f of the class, by itself, it has with probability at "
        "least 1 - failure probability over its draw a mask whose network is within epsilon of f, "
        "then at least D log2(1/s) + log2(1 - failure probability) of its weights can be pruned: "
        "D = d_0 d_1 and s = 2 epsilon for one layer, and for several the larger number of the "
        "first layer (D = d_0 min(d_1, ..., d_l), s = 4 epsilon) and the last "
        "(D = min(d_0, ..., d_{l-1}) d_l, s = sqrt(8) epsilon)",
        status=Status.PROVED,
        claims=("C16",),
        conditions=(
            *COMMON_CLASS,
            ANY_SOURCE,
        ),
        asks=NetworkQuestion,
        assumptions=(*NETWORK, DENSE, WHOLE_CLASS),
        derive=_packing,
    ),
)
