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
    DENSE,
    NETWORK,
    POSITIVE_CONSTANT,
    WHOLE_CLASS,
    given,
    weights_follow,
)
from strongltn.theorems.certified import ball, lower
from strongltn.theorems.layers import count_parameters, two_layer_widths
from strongltn.theorems.pensia2020 import packing_dimensions
from strongltn.theorems.question import NetworkQuestion
from strongltn.theorems.theorem import NOT_EXPLICIT, Promise, Status, Theorem, open_constant

_MANY_BITS = 4096  # beyond, 2^bits + 1 is 2^bits to every digit of a ball

GRID = given("grid bits", ">= 1", holds=lambda question: (question.grid_bits or 0) >= 1)


def _paper(question: NetworkQuestion) -> Promise:
    formula = "hidden width C d_{i-1} log2(1 / step)"
    constant, bits = question.constant, question.grid_bits
    if constant is None or bits is None:
        return Promise(constants=NOT_EXPLICIT, notes=(formula,))
    size = math.ceil(constant * bits)
    widths = two_layer_widths(question.widths, [size * width for width in question.widths[:-1]])
    return Promise(
        num_samples=size,
        widths=widths,
        num_parameters=count_parameters(widths),
        source_law="the grid of the target",
        constants=open_constant(constant),
        notes=(formula, "the failure probability is a power of 1 / log(1 / step) only"),
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


THEOREMS = (
    Theorem(
        key="Kumar2025.Theorem1",
        title="Quantised networks, exactly",
        source="kumar2025 (arXiv 2508.11020), theorem on depth 2l",
        statement="A random network of depth 2l on a grid represents every target network on it "
        "exactly, with high probability, if hidden layers are wider by C log2(1 / step).",
        status=Status.STATED,
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
        statement="A random network that holds each target network on the grid with probability "
        "1 - delta has at least D log2(2/step + 1) + log2(1 - delta) weights to prune, D = d^2 for "
        "one layer.",
        status=Status.PROVED,
        asks=NetworkQuestion,
        assumptions=(*NETWORK, DENSE, WHOLE_CLASS, GRID),
        derive=_lower_bound,
    ),
)
