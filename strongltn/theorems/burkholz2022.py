r"""Burkholz 2022: depth L + 1, with copies of every neuron instead of products.

The first pair of layers is that of the diamond, with n_1 copies of every input; every later target
layer is a single source layer, whose own uniform weights are the samples: an input of it is a
neuron that exists in n_i copies. Copies differ by their errors. With at most n_i weights of size at
most 1 on the copies of a neuron, errors grow by at most :math:`n_i \sqrt{d_i d_{i-1}}` a layer, so
the tolerances

.. math:: \tau_i = \frac{\varepsilon}{l \sqrt{d_i d_{i-1}} \prod_{t > i} n_t \sqrt{d_t d_{t-1}}}

are enough, and layers are sized from the last to the first.
"""

from __future__ import annotations

from fractions import Fraction

from strongltn.numerics.dyadic import upper_sqrt
from strongltn.rng import WeightLaw
from strongltn.subset_sum.sample_laws import SampleLaw
from strongltn.theorems.assumptions import (
    COMMON_CLASS,
    DENSE,
    FOR_ALL,
    NETWORK,
    source,
    weights_follow,
)
from strongltn.theorems.layers import count_parameters, layer_shapes, target_window
from strongltn.theorems.question import NetworkQuestion
from strongltn.theorems.sharpest import routes_text, sharpest
from strongltn.theorems.supermartingale import GroupSize
from strongltn.theorems.theorem import Promise, Status, Theorem


def _promise(question: NetworkQuestion) -> Promise:
    shapes = layer_shapes(question.widths)
    growth, copies, failure = Fraction(1), 1, Fraction(0)
    groups: list[GroupSize] = []
    for index in reversed(range(len(shapes))):
        columns, rows = shapes[index]
        growth *= upper_sqrt(Fraction(columns * rows))
        tolerance = question.epsilon / len(shapes) / growth
        is_first = index == 0
        instances = (2 if is_first else 1) * columns * rows * copies
        chance = question.failure_probability / len(shapes) / instances
        group = sharpest(
            tolerance / 2,
            chance,
            law=SampleLaw.PRODUCT if is_first else SampleLaw.UNIFORM,
            window=target_window(question),
            share=Fraction(1, 2) if is_first else Fraction(1),
            num_layers=len(shapes),
        )
        copies = group.num_samples
        failure += instances * group.failure_bound
        growth *= copies
        groups.insert(0, group)
    samples = [group.num_samples for group in groups]
    hidden = (width * number for width, number in zip(question.widths[:-1], samples, strict=True))
    widths = (question.widths[0], *hidden, question.widths[-1])
    return Promise(
        num_samples=max(samples),
        widths=widths,
        num_parameters=count_parameters(widths),
        failure_probability=failure,
        notes=("num_samples counts copies of a neuron", routes_text(groups)),
    )


THEOREMS = (
    Theorem(
        key="Burkholz2022.DepthPlusOne",
        title="One extra layer",
        source="burkholz2022 (arXiv 2205.02321), read: abstract, which promises depth L + 1; the "
        "construction with copies and the constants are this project's",
        conclusion=f"{FOR_ALL}, if every layer has room for the given number of copies of each "
        "of its neurons",
        status=Status.PROVED,
        claims=("C01", "C10", "C15", "C26", "C27"),
        conditions=(*COMMON_CLASS, source("a ReLU network of depth l + 1, for targets of depth l")),
        asks=NetworkQuestion,
        assumptions=(*NETWORK, DENSE, weights_follow(WeightLaw.UNIFORM)),
        derive=_promise,
        estimate_seconds=lambda question: (len(question.widths) / 500) ** 3,
    ),
)
