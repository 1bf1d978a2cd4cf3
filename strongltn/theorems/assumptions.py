"""Conditions and assumptions that many theorems share, and the uniform part of a law."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from strongltn.rng import WeightLaw
from strongltn.subset_sum.sample_laws import SampleLaw
from strongltn.theorems.certified import ball, lower
from strongltn.theorems.condition import (
    About,
    Condition,
    has_no_biases,
    unit_norms,
    weights_within,
)
from strongltn.theorems.question import CoverQuestion, NetworkQuestion
from strongltn.theorems.theorem import Assumption

#: Of every theorem on all targets of an interval.
COVER: tuple[Assumption[CoverQuestion], ...] = (
    Assumption("eta", "in (0, 1/2)", lambda q: 0 < q.eta < Fraction(1, 2), lambda q: q.eta),
    Assumption(
        "failure probability",
        "in (0, 1)",
        lambda q: 0 < q.failure_probability < 1,
        lambda q: q.failure_probability,
    ),
)
SCALARS: Assumption[CoverQuestion] = Assumption(
    "dimension", "1", lambda q: q.dimension == 1, lambda q: q.dimension
)
UNIFORM: Assumption[CoverQuestion] = Assumption(
    "law", "uniform on [-1, 1]", lambda q: q.law is SampleLaw.UNIFORM, lambda q: q.law.value
)
DENSITY: Assumption[CoverQuestion] = Assumption(
    "law",
    "one with a density, and so with a uniform part",
    lambda q: q.law is not SampleLaw.SIGNED_CONSTANT,
    lambda q: f"{q.law.value}, whose sums are integers",
)

#: What every theorem on the targets of an interval says of samples, targets and distance.
SAMPLES: tuple[Condition, ...] = (
    Condition(About.SAMPLES, "n independent draws x_1, ..., x_n of the law"),
    Condition(
        About.TARGETS, "all numbers z of the interval [-1/2, 1/2] or [-1, 1] that is asked for"
    ),
    Condition(
        About.DISTANCE, "|z - sum of x_i over i in S| <= 2 eta for a subset S that may depend on z"
    ),
)


@dataclass(frozen=True)
class Component:
    """A law is with probability `mass` in (0, 1], rounded down, uniform on [-radius, radius]."""

    mass: Fraction
    radius: Fraction


def uniform_component(law: SampleLaw) -> Component:
    """Return the uniform part of a law with a density, in the form that the literature uses.

    Products of two uniforms have the density -ln|t|/2, at least ln(2)/2 on [-1/2, 1/2]; the normal
    density is at least its value at 1 on [-1, 1].

    Notes
    -----
    Rigor: rigorous lower bound of the mass. Cost: one logarithm. Randomness: none.

    Examples
    --------
    >>> round(float(uniform_component(SampleLaw.PRODUCT).mass), 4)
    0.3466
    """
    if law is SampleLaw.PRODUCT:
        return Component(lower(lambda: ball(2).log() / 2), Fraction(1, 2))
    if law is SampleLaw.GAUSSIAN:
        two_pi = lower(lambda: 2 * (ball(Fraction(-1, 2)).exp()) / (2 * ball(1).pi()).sqrt())
        return Component(two_pi, Fraction(1))
    return Component(Fraction(1), Fraction(1))


def half_tolerance(question: CoverQuestion) -> Fraction:
    """Return the eta of the same problem on [-1/2, 1/2] with uniform samples on [-1, 1].

    Scaling makes the component U[-1, 1]. Targets up to half its radius are then in [-1/2, 1/2];
    others in [-1, 1], where the drift is the same and the window twice as long.
    """
    radius = uniform_component(question.law).radius
    is_inner = 2 * question.window.radius <= radius
    return question.eta / radius / (1 if is_inner else 2)


#: That the law has a uniform part, and that it spans the targets.
WITHIN_COMPONENT: tuple[Assumption[CoverQuestion], ...] = (
    DENSITY,
    Assumption(
        "targets",
        "within the uniform part of the law",
        lambda q: (
            q.law is SampleLaw.SIGNED_CONSTANT or q.window.radius <= uniform_component(q.law).radius
        ),
        lambda q: (
            f"[-{q.window.radius}, {q.window.radius}], beyond "
            f"[-{uniform_component(q.law).radius}, {uniform_component(q.law).radius}]"
        ),
    ),
)

#: Of every theorem on networks.
NETWORK: tuple[Assumption[NetworkQuestion], ...] = (
    Assumption(
        "widths",
        "at least two integers >= 1",
        lambda q: len(q.widths) >= 2 and all(width >= 1 for width in q.widths),
        lambda q: q.widths,
    ),
    Assumption("epsilon", "in (0, 1)", lambda q: 0 < q.epsilon < 1, lambda q: q.epsilon),
    Assumption(
        "failure probability",
        "in (0, 1)",
        lambda q: 0 < q.failure_probability < 1,
        lambda q: q.failure_probability,
    ),
    Assumption(
        "largest weight", "in (0, 1]", lambda q: 0 < q.weight_limit <= 1, lambda q: q.max_weight
    ),
)
DENSE: Assumption[NetworkQuestion] = Assumption(
    "kernel size",
    "1, for layers without convolution",
    lambda q: q.kernel_size == 1,
    lambda q: q.kernel_size,
)

RELU_NETWORK = Condition(
    About.TARGETS,
    "f(x) = W_l s(W_{l-1} ... s(W_1 x)) with s = ReLU, of the given widths, without biases",
    has_no_biases,
)
UNIT_NORMS = unit_norms("every matrix W_i has spectral norm at most 1")
LARGEST_WEIGHT = weights_within(
    lambda _inputs: Fraction(1),
    "no weight is larger in size than the largest weight asked for, or than 1 where none is",
)
UNIT_BALL = Condition(About.INPUTS, "all x of Euclidean norm at most 1")
EUCLIDEAN = Condition(
    About.DISTANCE, "sup over these x of the Euclidean norm of f(x) - g(x), at most epsilon"
)

#: The class in which theorems are compared: what the spectral norm bounds.
COMMON_CLASS: tuple[Condition, ...] = (
    RELU_NETWORK,
    UNIT_NORMS,
    LARGEST_WEIGHT,
    UNIT_BALL,
    EUCLIDEAN,
)


def source(architecture: str) -> Condition:
    """Return the condition on the random network: its shape, and independent weights."""
    return Condition(
        About.SOURCE, f"{architecture}, without biases, all weights independent and of the law"
    )


#: Of lower bounds by counting masks.
ANY_SOURCE = Condition(
    About.SOURCE,
    "any random network, of whatever shape and law; what counts is how many of its weights and "
    "biases a mask can prune",
)

#: What constructions conclude that serve every target of the class with one draw.
FOR_ALL = (
    "except with probability at most the failure probability over the draw of the source, it has "
    "for every target f of the class, all at once, a mask whose network g is within epsilon of f"
)

#: Two source layers a target layer.
DEPTH_2L = source("a ReLU network of depth 2l")


def weights_follow(*laws: WeightLaw) -> Assumption[NetworkQuestion]:
    """Return the assumption that the source has one of these laws."""
    allowed = " or ".join(law.value for law in laws)
    return Assumption("law", allowed, lambda q: q.law in laws, lambda q: q.law.value)


def given(
    parameter: str, allowed: str, *, holds: Callable[[NetworkQuestion], bool]
) -> Assumption[NetworkQuestion]:
    """Return the assumption that an optional field is given and in range."""
    name = parameter.replace(" ", "_")
    return Assumption(
        parameter,
        allowed,
        lambda q: getattr(q, name) is not None and holds(q),
        lambda q: "missing" if getattr(q, name) is None else getattr(q, name),
    )


POSITIVE_CONSTANT: Assumption[NetworkQuestion] = Assumption(
    "constant",
    "positive, or absent",
    lambda q: q.constant is None or q.constant > 0,
    lambda q: q.constant,
)
CHANCE_OF_EPSILON: Assumption[NetworkQuestion] = Assumption(
    "failure probability",
    "at least epsilon, which is what the theorem gives",
    lambda q: q.failure_probability >= q.epsilon,
    lambda q: q.failure_probability,
)
WHOLE_CLASS: Assumption[NetworkQuestion] = Assumption(
    "largest weight",
    "1, for the whole class",
    lambda q: q.weight_limit == 1,
    lambda q: q.max_weight,
)
