r"""What all constructions with two source layers a target layer share: errors, groups, sizes.

Errors: if every weight of layer i is off by at most :math:`\tau_i`, the layer is off by at most
:math:`e_i = \tau_i \sqrt{d_i d_{i-1}}` times the norm of its input (a bound on the Frobenius norm;
also for the two sign halves of an input, of which one is 0). With ReLU and norms at most 1 the
error E of the network obeys :math:`1 + E \le \prod (1 + e_i)`.

Groups: hidden neurons have one input each, of random sign; a sample is of use for one of the two
signs of the input, with probability 1/2, whatever the others are. Behind a ReLU inputs are
nonnegative, and one sign is enough.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import prod

from strongltn.numerics.dyadic import lower_sqrt
from strongltn.subset_sum.sample_laws import Window
from strongltn.theorems.certified import ball, lower
from strongltn.theorems.question import NetworkQuestion
from strongltn.theorems.supermartingale import GroupSize
from strongltn.theorems.theorem import EXPLICIT, Promise


def logarithmic_share(question: NetworkQuestion) -> Fraction:
    r"""Return :math:`\ln(1 + \varepsilon)/l`, rounded downwards: each layer's share of the error.

    It is enough: :math:`(1 + \ln(1 + \varepsilon)/l)^l \le 1 + \varepsilon`.
    """
    num_layers = len(question.widths) - 1
    return lower(lambda: ball(question.epsilon).log1p() / num_layers)


def weight_tolerances(question: NetworkQuestion) -> list[Fraction]:
    """Return for each layer a tolerance of one weight with which epsilon is met."""
    share = logarithmic_share(question)
    shapes = layer_shapes(question.widths)
    return [share * lower_sqrt(Fraction(1, rows * columns)) for columns, rows in shapes]


def layer_shapes(widths: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return (inputs, outputs) of every layer."""
    return list(pairwise(widths))


def num_instances(question: NetworkQuestion) -> list[int]:
    """Return the subset sums of each layer: one a weight, two where inputs have both signs."""
    return [
        (2 if index == 0 else 1) * columns * rows
        for index, (columns, rows) in enumerate(layer_shapes(question.widths))
    ]


def target_window(question: NetworkQuestion) -> Window:
    """Return the interval that holds every weight of the targets."""
    return Window.HALF if question.weight_limit <= Fraction(1, 2) else Window.UNIT


def two_layer_widths(widths: tuple[int, ...], hidden: list[int]) -> tuple[int, ...]:
    """Return the widths of a source with one hidden layer of the given width a target layer."""
    pairs = zip(hidden, widths[1:], strict=True)
    return (widths[0], *(width for pair in pairs for width in pair))


def count_parameters(widths: tuple[int, ...]) -> int:
    """Return the number of weights of a dense network, without biases."""
    return sum(prod(shape) for shape in layer_shapes(widths))


def instance_chances(question: NetworkQuestion, instances: list[int]) -> list[Fraction]:
    """Return the failure probability that one subset sum of each layer may have.

    The layers have equal shares, and the subset sums of a layer too.
    """
    share = question.failure_probability / len(instances)
    return [share / number for number in instances]


def gadget_promise(
    question: NetworkQuestion,
    samples: list[int],
    *,
    failure_probability: Fraction | None,
    notes: tuple[str, ...] = (),
    source_law: str | None = None,
    constants: str = EXPLICIT,
) -> Promise:
    """Return the promise of a source with `samples[i]` hidden neurons an input of layer i."""
    pairs = zip(question.widths[:-1], samples, strict=True)
    widths = two_layer_widths(question.widths, [width * number for width, number in pairs])
    return Promise(
        num_samples=max(samples),
        widths=widths,
        num_parameters=count_parameters(widths),
        failure_probability=failure_probability,
        notes=notes,
        source_law=source_law,
        constants=constants,
    )


def union_promise(
    question: NetworkQuestion,
    groups: list[GroupSize],
    *,
    instances: list[int],
    notes: tuple[str, ...] = (),
    source_law: str | None = None,
) -> Promise:
    """Return the promise of a union bound over all subset sums, `instances[i]` in layer i."""
    return gadget_promise(
        question,
        [group.num_samples for group in groups],
        failure_probability=union_bound(groups, instances),
        notes=notes,
        source_law=source_law,
    )


def union_bound(groups: list[GroupSize], instances: list[int]) -> Fraction:
    """Return the probability, at most, with which some subset sum of some layer fails."""
    pairs = zip(groups, instances, strict=True)
    return sum((number * group.failure_bound for group, number in pairs), Fraction(0))
