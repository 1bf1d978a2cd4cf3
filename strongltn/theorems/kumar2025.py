r"""Kumar and Natale 2025: quantised targets, represented exactly.

Lower bound: distinct matrices on the grid of step :math:`2^{-b}` in [-1, 1] are distinct functions,
in a first or a last layer that the other layers pass on; :math:`2^\alpha` masks must hold a
fraction 1 - delta of them in the mean.
"""

from __future__ import annotations

import math

from flint import arb

from strongltn.rng import WeightLaw
from strongltn.theorems.assumptions import (
    ANY_SOURCE,
    DENSE,
    LARGEST_WEIGHT,
    NETWORK,
    POSITIVE_CONSTANT,
    RELU_NETWORK,
    WHOLE_CLASS,
    given,
    source,
    weights_follow,
)
from strongltn.theorems.certified import ball, lower
from strongltn.theorems.condition import About, Condition
from strongltn.theorems.layers import gadget_promise
from strongltn.theorems.pensia2020 import packing_dimensions
from strongltn.theorems.question import NetworkQuestion
from strongltn.theorems.theorem import NOT_EXPLICIT, Promise, Status, Theorem, open_constant

_MANY_BITS = 4096  # beyond, 2^bits + 1 is 2^bits to every digit of a ball

GRID = given("grid bits", ">= 1", holds=lambda question: (question.grid_bits or 0) >= 1)


_GAP = (
    "the printed proof samples products of two grid values to uniformity, which is impossible: a "
    "prime above 1/step is never such a product (claim C22)"
)


def _paper(question: NetworkQuestion) -> Promise:
    formula = "hidden width C d_{i-1} log2(1 / step)"
    constant, bits = question.constant, question.grid_bits
    if constant is None or bits is None:
        return Promise(constants=NOT_EXPLICIT, notes=(formula, _GAP))
    return gadget_promise(
        question,
        [math.ceil(constant * bits)] * (len(question.widths) - 1),
        failure_probability=None,
        source_law="the grid of the target",
        constants=open_constant(constant),
        notes=(
            formula,
            "the failure probability is the number of parameters of the target times a power of "
            "1 / log(1 / step) only",
            _GAP,
        ),
    )


def _lower_bound(question: NetworkQuestion) -> Promise:
    dimension = max(packing_dimensions(question.widths))
    chance = 1 - question.failure_probability
    necessary = lower(
        lambda: (
            dimension * _log2_values(question.grid_bits or 0) + ball(chance).log() / ball(2).log()
        )
    )
    return Promise(necessary_parameters=max(0, math.ceil(necessary)))


def _log2_values(grid_bits: int) -> arb:
    """Return log2(2^(bits + 1) + 1); where that is no double, what is just below."""
    if grid_bits > _MANY_BITS:
        return ball(grid_bits + 1)
    return ball(2 ** (grid_bits + 1) + 1).log() / ball(2).log()


_GRID_TARGETS = (
    RELU_NETWORK,
    LARGEST_WEIGHT,
    Condition(About.TARGETS, "every weight is a multiple of the step 2^-grid_bits in [-1, 1]"),
)
_EXACTLY = Condition(About.DISTANCE, "f(x) = g(x) for these x, exactly")

THEOREMS = (
    Theorem(
        key="Kumar2025.Theorem1",
        title="Quantised networks, exactly",
        source="kumar2025 (arXiv 2508.11020), theorem on depth 2l",
        conclusion="except with probability at most N, the number of parameters of the target, "
        "times a negative power of log2(1/step) over the draw of the source, it has a mask whose "
        "network g equals f, if hidden layers have width C d_{i-1} log2(1/step). The proof as "
        "printed has a gap: it samples products of two grid values to uniformity, and a prime "
        "above 1/step is never such a product (claim C22)",
        status=Status.STATED,
        conditions=(
            *_GRID_TARGETS,
            Condition(
                About.TARGETS,
                "the values at the outputs of every layer are rounded to the grid, in f and in g",
            ),
            Condition(About.INPUTS, "all x whose entries lie on the grid"),
            _EXACTLY,
            source("a ReLU network of depth 2l whose weights lie on a grid of the same step"),
        ),
        asks=NetworkQuestion,
        assumptions=(
            *NETWORK,
            DENSE,
            weights_follow(WeightLaw.UNIFORM),
            POSITIVE_CONSTANT,
            GRID,
        ),
        derive=_paper,
    ),
    Theorem(
        key="Kumar2025.LowerBound",
        title="Counting lower bound for quantised networks",
        source="kumar2025 (arXiv 2508.11020), lower bound; proved here, also for several layers",
        conclusion="if for each target f of the class, by itself, it has with probability at "
        "least 1 - failure probability over its draw a mask whose network equals f, then at least "
        "D log2(2/step + 1) + log2(1 - failure probability) of its weights can be pruned: "
        "D = d_0 d_1 for one layer, else the larger of d_0 min(d_1, ..., d_l) and "
        "min(d_0, ..., d_{l-1}) d_l",
        status=Status.PROVED,
        claims=("C16",),
        conditions=(
            *_GRID_TARGETS,
            Condition(About.INPUTS, "all x of some ball around 0"),
            _EXACTLY,
            ANY_SOURCE,
        ),
        asks=NetworkQuestion,
        assumptions=(*NETWORK, DENSE, WHOLE_CLASS, GRID),
        derive=_lower_bound,
    ),
)
