"""The uniform part of a law: what theorems on uniform samples say of other laws."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from strongltn.subset_sum.sample_laws import SampleLaw
from strongltn.theorems.assumptions import DENSITY
from strongltn.theorems.certified import ball, lower
from strongltn.theorems.question import CoverQuestion
from strongltn.theorems.theorem import Assumption


@dataclass(frozen=True)
class Component:
    """A law is with probability `mass` uniform on [-radius, radius], else anything.

    Attributes
    ----------
    mass : Fraction in (0, 1]
        Rounded down.
    radius : Fraction
    """

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


def _is_reached(question: CoverQuestion) -> bool:
    return (
        question.law is SampleLaw.SIGNED_CONSTANT
        or question.window.radius <= uniform_component(question.law).radius
    )


#: That the law has a uniform part, and that it spans the targets.
WITHIN_COMPONENT: tuple[Assumption[CoverQuestion], ...] = (
    DENSITY,
    Assumption(
        "targets",
        "within the uniform part of the law",
        _is_reached,
        lambda q: (
            f"[-{q.window.radius}, {q.window.radius}], beyond "
            f"[-{uniform_component(q.law).radius}, {uniform_component(q.law).radius}]"
        ),
    ),
)
