"""Natale et al. 2024: masks of a given size; implicit in the sample size, constant not explicit."""

from __future__ import annotations

import math
from fractions import Fraction

from flint import arb

from strongltn.rng import WeightLaw
from strongltn.theorems.assumptions import (
    CHANCE_OF_EPSILON,
    COMMON_CLASS,
    DENSE,
    DEPTH_2L,
    NETWORK,
    POSITIVE_CONSTANT,
    given,
    weights_follow,
)
from strongltn.theorems.certified import ball, ceiling
from strongltn.theorems.layers import gadget_promise, layer_shapes
from strongltn.theorems.question import NetworkQuestion
from strongltn.theorems.theorem import NOT_EXPLICIT, Promise, Status, Theorem, open_constant


def _entropy(density: Fraction) -> arb:
    """Return the binary entropy in bits."""
    return -sum(
        (ball(p) * ball(p).log() / ball(2).log() for p in (density, 1 - density)), start=arb(0)
    )


def _least_fixed_point(
    question: NetworkQuestion, *, constant: Fraction, density: Fraction, entries: int
) -> int:
    """Return the least n >= C log2(2 l d d' density n / eps)^2 / H(density) with density n >= 1.

    A mask keeps k = density n of the samples, and k >= 1; the iteration comes from below.
    """
    ratio = 2 * (len(question.widths) - 1) * entries * density / question.epsilon

    def next_size(n: int) -> int:
        return ceiling(
            lambda: (
                ball(constant)
                * (ball(max(ratio * n, Fraction(1))).log() / ball(2).log()) ** 2
                / _entropy(density)
            )
        )

    size = math.ceil(1 / density)
    while (larger := next_size(size)) > size:
        size = larger
    return size


def _promise(question: NetworkQuestion) -> Promise:
    formula = "hidden width 2 d_{i-1} n, n = C log2(2 l d d' density n / eps)^2 / H2(density)"
    constant, density = question.constant, question.density
    if constant is None or density is None:
        return Promise(constants=NOT_EXPLICIT, notes=(formula,))
    samples = [
        2 * _least_fixed_point(question, constant=constant, density=density, entries=a * b)
        for a, b in layer_shapes(question.widths)
    ]
    return gadget_promise(
        question,
        samples,
        failure_probability=question.epsilon,
        notes=(formula,),
        constants=open_constant(constant),
    )


THEOREMS = (
    Theorem(
        key="Natale2024.Theorem3",
        title="Masks of a given density",
        source="natale2024 (arXiv 2410.14754), Theorem 3",
        conclusion="except with probability at most epsilon over the draw of the source, it has "
        "for every target f of the class, all at once, a mask that keeps k = density n of the n "
        "samples of each subset sum, 1 <= k <= n/2, and whose network g is within epsilon of f, "
        "if n >= C log2(2 l d d' density n / epsilon)^2 / H2(density) with the entropy H2 in bits "
        "and hidden layers have width 2 d_{i-1} n",
        status=Status.STATED,
        conditions=(*COMMON_CLASS, DEPTH_2L),
        asks=NetworkQuestion,
        assumptions=(
            *NETWORK,
            DENSE,
            weights_follow(WeightLaw.UNIFORM),
            POSITIVE_CONSTANT,
            CHANCE_OF_EPSILON,
            given(
                "density",
                "in (0, 1/2]",
                holds=lambda q: q.density is not None and 0 < q.density <= Fraction(1, 2),
            ),
        ),
        derive=_promise,
    ),
)
