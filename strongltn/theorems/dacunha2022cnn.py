r"""da Cunha, Natale and Viennot 2022: convolutional targets on nonnegative inputs.

A 1 x 1 convolution, ReLU and a k x k convolution make every kernel entry a subset sum of products.
Norms are maximum norms: a kernel with sum of absolute entries at most 1 for each output channel is
a contraction, and entries off by tau make an error of at most :math:`\tau k^2 c_{i-1}` times the
input.
"""

from __future__ import annotations

from fractions import Fraction

from strongltn.rng import WeightLaw
from strongltn.theorems.assumptions import (
    FOR_ALL,
    LARGEST_WEIGHT,
    NETWORK,
    POSITIVE_CONSTANT,
    source,
    weights_follow,
)
from strongltn.theorems.certified import logarithmic_size
from strongltn.theorems.condition import About, Condition
from strongltn.theorems.drift import PRODUCTS
from strongltn.theorems.layers import (
    instance_chances,
    layer_shapes,
    logarithmic_share,
    target_window,
    two_layer_widths,
    union_bound,
)
from strongltn.theorems.question import NetworkQuestion
from strongltn.theorems.sharpest import routes_text, sharpest
from strongltn.theorems.theorem import (
    NOT_EXPLICIT,
    Assumption,
    Promise,
    Status,
    Theorem,
    open_constant,
)

KERNEL: Assumption[NetworkQuestion] = Assumption(
    "kernel size", ">= 1", lambda q: q.kernel_size >= 1, lambda q: q.kernel_size
)


def _convolution_sizes(
    question: NetworkQuestion, samples: list[int]
) -> tuple[tuple[int, ...], int]:
    """Return channels and weights of a source with `samples` hidden channels a channel."""
    pairs = zip(question.widths[:-1], samples, strict=True)
    channels = two_layer_widths(question.widths, [width * number for width, number in pairs])
    shapes = layer_shapes(channels)
    area = question.kernel_size**2
    weights = sum(a * b * (area if index % 2 else 1) for index, (a, b) in enumerate(shapes))
    return channels, weights


def _paper(question: NetworkQuestion) -> Promise:
    formula = "2 C c_{i-1} ln(k^2 c_{i-1} c_i l / min(eps, delta)) hidden channels"
    constant = question.constant
    if constant is None:
        return Promise(constants=NOT_EXPLICIT, notes=(formula,))
    entries = question.kernel_size**2 * (len(question.widths) - 1)
    scale = entries / min(question.epsilon, question.failure_probability)
    samples = [
        2 * logarithmic_size(constant, columns * rows * scale)
        for columns, rows in layer_shapes(question.widths)
    ]
    channels, weights = _convolution_sizes(question, samples)
    return Promise(
        num_samples=max(samples),
        widths=channels,
        num_parameters=weights,
        failure_probability=question.failure_probability,
        constants=open_constant(constant),
        notes=(formula,),
    )


def _explicit(question: NetworkQuestion) -> Promise:
    area, share = question.kernel_size**2, logarithmic_share(question)
    instances = [area * columns * rows for columns, rows in layer_shapes(question.widths)]
    pairs = zip(question.widths[:-1], instance_chances(question, instances), strict=True)
    groups = [
        sharpest(
            share / (area * columns) / 2,
            chance,
            law=PRODUCTS[question.law],
            window=target_window(question),
            share=Fraction(1, 2),
            num_layers=len(instances),
        )
        for columns, chance in pairs
    ]
    samples = [group.num_samples for group in groups]
    channels, weights = _convolution_sizes(question, samples)
    return Promise(
        num_samples=max(samples),
        widths=channels,
        num_parameters=weights,
        failure_probability=union_bound(groups, instances),
        notes=("widths count channels; epsilon is in the maximum norm", routes_text(groups)),
    )


_SOURCE = "dacunha2022cnn, theorem on convolutional networks, read: abstract"
_CLASS = (
    Condition(
        About.TARGETS,
        "f(x) = K_l * s(K_{l-1} * ... s(K_1 * x)) with s = ReLU, zeros beyond the edges, of the "
        "given channels and kernel size, without biases",
    ),
    Condition(
        About.TARGETS,
        "the absolute entries of the kernels of each output channel add up to at most 1",
    ),
    LARGEST_WEIGHT,
    Condition(About.INPUTS, "all x with nonnegative entries of at most 1: |x|_inf <= 1"),
    Condition(
        About.DISTANCE,
        "sup over these x of the maximum norm of f(x) - g(x), over all places and channels, at "
        "most epsilon",
    ),
    source("a ReLU network of depth 2l whose layers are 1 x 1 and k x k convolutions in turn"),
)
THEOREMS = (
    Theorem(
        key="DaCunha2022CNN.Theorem1",
        title="Convolutions, as published",
        source=_SOURCE,
        conclusion=f"{FOR_ALL}, if layers between have at least 2 C c_{{i-1}} "
        "log(k^2 c_{i-1} c_i l / min(epsilon, failure probability)) channels",
        status=Status.RECALLED,
        conditions=_CLASS,
        asks=NetworkQuestion,
        assumptions=(*NETWORK, KERNEL, weights_follow(WeightLaw.UNIFORM), POSITIVE_CONSTANT),
        derive=_paper,
    ),
    Theorem(
        key="DaCunha2022CNN.Explicit",
        title="Convolutions with explicit constants",
        source=_SOURCE + "; the constants are proved here",
        conclusion=FOR_ALL,
        status=Status.PROVED,
        claims=("C10", "C26", "C27"),
        conditions=_CLASS,
        asks=NetworkQuestion,
        assumptions=(*NETWORK, KERNEL, weights_follow(*PRODUCTS)),
        derive=_explicit,
    ),
)
