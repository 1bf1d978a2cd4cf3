r"""Lueker 1998: all targets of an interval are subset sums, nearly, with explicit constants.

The fraction p of the window that is covered has, with :math:`\xi = q / (p(1 - p))`, conditional
mean of :math:`\xi` equal to 1/2 (at least :math:`\rho/2` for a mixture) and :math:`0 \le \xi \le
2`. Since :math:`\ln 2 \cdot \xi \le \mathrm{logit}(p + q) - \mathrm{logit}(p)`, failure needs
:math:`\sum \xi < N`, with

.. math:: N(\eta) = \frac{1}{\ln 2} \left[ \ln\frac{1 - \eta}{\eta} + \ln\frac{1 - 2\eta}{2\eta}
          \right] \le \frac{2}{\ln 2} \ln\frac1\eta,

and the inequality of Azuma and Hoeffding gives :math:`\exp(-(n\rho/2 - N)^2 / (2n))`.
"""

from __future__ import annotations

from fractions import Fraction

from strongltn.theorems.assumptions import COVER, SCALARS, UNIFORM
from strongltn.theorems.certified import ball, least, upper, upper_log
from strongltn.theorems.component import WITHIN_COMPONENT, half_tolerance, uniform_component
from strongltn.theorems.question import CoverQuestion
from strongltn.theorems.theorem import Promise, Status, Theorem


def azuma_bound(num_samples: int, *, needed: Fraction, mass: Fraction) -> Fraction:
    r"""Return :math:`\exp(-(n\rho/2 - N)^2 / (2n))`, rounded upwards; 1 below :math:`n\rho/2 = N`.

    Parameters
    ----------
    num_samples : int >= 1
    needed : Fraction
        N, or more.
    mass : Fraction in (0, 1]
        :math:`\rho`, or less.

    Notes
    -----
    Rigor: rigorous bound. Cost: one exponential. Randomness: none.
    """
    surplus = num_samples * mass / 2 - needed
    if surplus < 0:
        return Fraction(1)
    return upper(lambda: ball(-(surplus**2) / (2 * num_samples)).exp())


def published_need(eta: Fraction) -> Fraction:
    """Return (2 / ln 2) ln(1/eta), rounded upwards."""
    return upper(lambda: 2 * ball(1 / eta).log() / ball(2).log())


def sharp_need(eta: Fraction) -> Fraction:
    """Return N(eta), rounded upwards; smaller by 1 at least."""
    return upper(lambda: ball((1 - eta) * (1 - 2 * eta) / (2 * eta**2)).log() / ball(2).log())


def _azuma_promise(question: CoverQuestion, *, needed: Fraction, mass: Fraction) -> Promise:
    log_chance = upper_log(1 / question.failure_probability)

    def is_enough(n: int) -> bool:
        surplus = n * mass / 2 - needed
        return surplus >= 0 and surplus**2 >= 2 * n * log_chance

    num_samples = least(is_enough)
    return Promise(
        num_samples=num_samples,
        failure_probability=azuma_bound(num_samples, needed=needed, mass=mass),
    )


def _theorem_2_4(question: CoverQuestion) -> Promise:
    needed = published_need(half_tolerance(question))
    return _azuma_promise(question, needed=needed, mass=Fraction(1))


def _theorem_2_4_sharp(question: CoverQuestion) -> Promise:
    return _azuma_promise(question, needed=sharp_need(half_tolerance(question)), mass=Fraction(1))


def _corollary_3_3(question: CoverQuestion) -> Promise:
    mass = uniform_component(question.law).mass
    return _azuma_promise(question, needed=sharp_need(half_tolerance(question)), mass=mass)


_SOURCE = "lueker1998, {} as quoted in a lecture; the constant is proved here"

THEOREMS = (
    Theorem(
        key="Lueker1998.Theorem2_4",
        title="Lueker's theorem with C = 2 / ln 2",
        source=_SOURCE.format("Theorem 2.4"),
        statement="For n uniform samples with n/2 >= C ln(1/eta), every target in [-1/2, 1/2] is "
        "within 2 eta of a subset sum, except with probability at most "
        "exp(-(n/2 - C ln(1/eta))^2 / (2n)); C = 2 / ln 2, and eta/2 for eta on [-1, 1].",
        status=Status.PROVED,
        asks=CoverQuestion,
        assumptions=(*COVER, SCALARS, UNIFORM),
        derive=_theorem_2_4,
    ),
    Theorem(
        key="Lueker1998.Theorem2_4Sharp",
        title="Lueker's theorem without rounding the constant",
        source=_SOURCE.format("Theorem 2.4"),
        statement="As Theorem 2.4, with N(eta) = log2((1 - eta)(1 - 2 eta) / (2 eta^2)) in place "
        "of C ln(1/eta).",
        status=Status.PROVED,
        asks=CoverQuestion,
        assumptions=(*COVER, SCALARS, UNIFORM),
        derive=_theorem_2_4_sharp,
    ),
    Theorem(
        key="Lueker1998.Corollary3_3",
        title="Lueker's corollary for laws that contain a uniform",
        source=_SOURCE.format("Corollary 3.3"),
        statement="If a sample is uniform on [-c, c] with probability rho, else anything, the "
        "bound is exp(-(rho n/2 - N)^2 / (2n)) for targets in [-c, c].",
        status=Status.PROVED,
        asks=CoverQuestion,
        assumptions=(*COVER, SCALARS, *WITHIN_COMPONENT),
        derive=_corollary_3_3,
    ),
)
