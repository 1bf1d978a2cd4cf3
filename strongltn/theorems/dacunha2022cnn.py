r"""da Cunha, Natale and Viennot 2022: convolutional targets on nonnegative inputs.

A 1 x 1 convolution, ReLU and a k x k convolution make every kernel entry a subset sum of products.
Norms are maximum norms: a kernel with sum of absolute entries at most 1 for each output channel is
a contraction, and entries off by tau make an error of at most :math:`\tau k^2 c_{i-1}` times the
input.
"""

from __future__ import annotations

from fractions import Fraction

from strongltn.rng import WeightLaw
from strongltn.subset_sum.sample_laws import Window
from strongltn.theorems.assumptions import NETWORK, POSITIVE_CONSTANT, weights_follow
from strongltn.theorems.certified import logarithmic_size
from strongltn.theorems.layers import PRODUCTS, layer_shapes, logarithmic_share, two_layer_widths
from strongltn.theorems.question import NetworkQuestion
from strongltn.theorems.rearrangement import best_window
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
    shapes = layer_shapes(question.widths)
    area = question.kernel_size**2
    window = Window.HALF if question.max_weight <= Fraction(1, 2) else Window.UNIT
    samples, failure = [], Fraction(0)
    for columns, rows in shapes:
        tolerance = logarithmic_share(question) / (area * columns)
        instances = area * columns * rows
        chance = question.failure_probability / len(shapes) / instances
        law, one_sign = PRODUCTS[question.law], Fraction(1, 2)
        bound = best_window(tolerance / 2, chance, law=law, window=window, share=one_sign)
        samples.append(bound.sample_size(chance))
        failure += instances * bound.failure_bound(samples[-1])
    channels, weights = _convolution_sizes(question, samples)
    return Promise(
        num_samples=max(samples),
        widths=channels,
        num_parameters=weights,
        failure_probability=failure,
        notes=("widths count channels; epsilon is in the maximum norm",),
    )


_SOURCE = "dacunha2022cnn, Theorem on convolutional networks, read: abstract"
_CLASS = "with kernels of 1-norm at most 1 and nonnegative inputs"

THEOREMS = (
    Theorem(
        key="DaCunha2022CNN.Theorem1",
        title="Convolutions, as published",
        source=_SOURCE,
        statement="A random convolutional network of depth 2l, wider by a logarithmic factor, has "
        f"a mask within epsilon for every target network {_CLASS}.",
        status=Status.RECALLED,
        asks=NetworkQuestion,
        assumptions=(*NETWORK, KERNEL, weights_follow(WeightLaw.UNIFORM), POSITIVE_CONSTANT),
        derive=_paper,
    ),
    Theorem(
        key="DaCunha2022CNN.Explicit",
        title="Convolutions with explicit constants",
        source=_SOURCE + "; the constants are proved here",
        statement="A random convolutional network of depth 2l has, except with probability delta, "
        f"a mask within epsilon in the maximum norm for every target network {_CLASS}.",
        status=Status.PROVED,
        asks=NetworkQuestion,
        assumptions=(*NETWORK, KERNEL, weights_follow(*PRODUCTS)),
        derive=_explicit,
    ),
)
