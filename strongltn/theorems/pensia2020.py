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
from dataclasses import replace
from fractions import Fraction
from functools import partial

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
    uniform_component,
    weights_follow,
)
from strongltn.theorems.certified import ball, logarithmic_size, lower
from strongltn.theorems.drift import PRODUCTS
from strongltn.theorems.layers import (
    gadget_promise,
    instance_chances,
    layer_shapes,
    num_instances,
    target_window,
    union_promise,
    weight_tolerances,
)
from strongltn.theorems.question import NetworkQuestion
from strongltn.theorems.sharpest import routes_text, sharpest
from strongltn.theorems.supermartingale import Supermartingale, best_window
from strongltn.theorems.theorem import NOT_EXPLICIT, Promise, Status, Theorem, open_constant

_ONE_SIGN = Fraction(1, 2)


def _paper(question: NetworkQuestion) -> Promise:
    formula = "hidden width C d_{i-1} ln(d_{i-1} d_i l / min(eps, delta)) for layer i of l"
    if question.constant is None:
        return Promise(constants=NOT_EXPLICIT, notes=(formula,))
    constant, shapes = question.constant, layer_shapes(question.widths)
    scale = len(shapes) / min(question.epsilon, question.failure_probability)
    return gadget_promise(
        question,
        [logarithmic_size(constant, columns * rows * scale) for columns, rows in shapes],
        failure_probability=question.failure_probability,
        notes=(formula,),
        constants=open_constant(constant),
    )


def _component(question: NetworkQuestion) -> Promise:
    r"""Follow the paper: eps / (2l) a layer, over d d' a weight; a uniform part of the products.

    A weight above 1/2 is two halves, each with neurons and half a tolerance of its own.
    """
    shapes = layer_shapes(question.widths)
    part = uniform_component(PRODUCTS[question.law])
    blocks = 1 if question.weight_limit <= part.radius else 2
    instances = [2 * blocks * columns * rows for columns, rows in shapes]
    groups = []
    for (columns, rows), chance in zip(shapes, instance_chances(question, instances), strict=True):
        tolerance = question.epsilon / (2 * len(shapes) * columns * rows * blocks)
        # targets fill the component, scaled to [-1, 1]: eta is halved a second time
        eta = tolerance / part.radius / 4
        group = Supermartingale(_ONE_SIGN * part.mass / 2, 2 * eta, 1 - eta).size(chance)
        groups.append(replace(group, num_samples=blocks * group.num_samples))
    return union_promise(question, groups, instances=instances)


def _rearranged(question: NetworkQuestion) -> Promise:
    instances = num_instances(question)
    law, window = PRODUCTS[question.law], target_window(question)
    groups = [
        best_window(tolerance / 2, chance, law=law, window=window, share=_ONE_SIGN).size(chance)
        for tolerance, chance in zip(
            weight_tolerances(question), instance_chances(question, instances), strict=True
        )
    ]
    return union_promise(question, groups, instances=instances)


def _sharpest(question: NetworkQuestion) -> Promise:
    """As `_rearranged`, each subset sum by the best proved bound."""
    instances = num_instances(question)
    groups = [
        sharpest(
            tolerance / 2,
            chance,
            law=PRODUCTS[question.law],
            window=target_window(question),
            share=_ONE_SIGN,
            num_layers=len(instances),
        )
        for tolerance, chance in zip(
            weight_tolerances(question), instance_chances(question, instances), strict=True
        )
    ]
    return union_promise(question, groups, instances=instances, notes=(routes_text(groups),))


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
_CONSTRUCTION = "strongltn: the construction is that of pensia2020"
_proved = partial(
    Theorem[NetworkQuestion],
    status=Status.PROVED,
    conditions=(*COMMON_CLASS, DEPTH_2L),
    asks=NetworkQuestion,
    assumptions=(*NETWORK, DENSE, weights_follow(*PRODUCTS)),
)

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
    _proved(
        key="Pensia2020.Theorem1Explicit",
        title="The paper's route with explicit constants",
        source=_PAPER.format(1) + "; the constants are proved here",
        conclusion=f"{FOR_ALL}; the proof allows an error of epsilon/(2l) a layer and "
        "epsilon/(2 l d d') a weight, uses the uniform part of the products and both signs in "
        "every layer, and splits weights above the uniform part into two halves",
        claims=("C01", "C05", "C06", "C07", "C12", "C13", "C14", "C15"),
        derive=_component,
    ),
    _proved(
        key="Pensia2020.Theorem1Rearranged",
        title="Rearrangement drift, Frobenius budget",
        source=_CONSTRUCTION,
        conclusion=f"{FOR_ALL}; the proof allows an error of ln(1 + epsilon)/l a layer and that "
        "over sqrt(d d') a weight, uses the drift of the products themselves in its closed form, "
        "and one sign of the inputs behind a ReLU",
        claims=("C01", "C14", "C15", "C24", "C26", "C27"),
        derive=_rearranged,
    ),
    _proved(
        key="Pensia2020.Theorem1Sharpest",
        title="Best proved bound on every subset sum",
        source=_CONSTRUCTION,
        conclusion=f"{FOR_ALL}; the proof allows the errors of Pensia2020.Theorem1Rearranged, "
        "and takes for every subset sum the best of the bounds proved here: the closed form, the "
        "dynamic program, or a second moment before it, in the mean over how many neurons have "
        "the sign that is needed",
        claims=("C01", "C10", "C14", "C15", "C24", "C26", "C27", "C28", "C29"),
        derive=_sharpest,
    ),
    _proved(
        key="Pensia2020.Theorem2",
        title="Packing lower bound",
        source=_PAPER.format(2) + "; proved here, also for several layers",
        conclusion="if for each target f of the class, by itself, it has with probability at "
        "least 1 - failure probability over its draw a mask whose network is within epsilon of f, "
        "then at least D log2(1/s) + log2(1 - failure probability) of its weights can be pruned: "
        "D = d_0 d_1 and s = 2 epsilon for one layer, and for several the larger number of the "
        "first layer (D = d_0 min(d_1, ..., d_l), s = 4 epsilon) and the last "
        "(D = min(d_0, ..., d_{l-1}) d_l, s = sqrt(8) epsilon)",
        claims=("C16",),
        conditions=(*COMMON_CLASS, ANY_SOURCE),
        assumptions=(*NETWORK, DENSE, WHOLE_CLASS),
        derive=_packing,
    ),
)
