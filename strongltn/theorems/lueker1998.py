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

from collections.abc import Callable
from fractions import Fraction
from functools import partial

from strongltn.theorems.assumptions import (
    COVER,
    SAMPLES,
    SCALARS,
    UNIFORM,
    WITHIN_COMPONENT,
    half_tolerance,
    uniform_component,
)
from strongltn.theorems.certified import ball, least, upper, upper_log
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


def _promise(question: CoverQuestion, *, need: Callable[[Fraction], Fraction]) -> Promise:
    mass = uniform_component(question.law).mass
    needed = need(half_tolerance(question))
    log_chance = upper_log(1 / question.failure_probability)

    def is_enough(n: int) -> bool:
        surplus = n * mass / 2 - needed
        return surplus >= 0 and surplus**2 >= 2 * n * log_chance

    num_samples = least(is_enough)
    return Promise(
        num_samples=num_samples,
        failure_probability=azuma_bound(num_samples, needed=needed, mass=mass),
    )


_PAGE = (
    "the article is on pages 51 to 62; the theorem was read as a lecture quotes it, without page"
)
_TARGETS_AT_ONCE = "every target of the interval, all at once, is within 2 eta of a subset sum"
_CLAIMS = ("C02", "C03", "C04", "C06", "C07", "C09")
_proved = partial(
    Theorem[CoverQuestion],
    status=Status.PROVED,
    claims=_CLAIMS,
    conditions=SAMPLES,
    asks=CoverQuestion,
    assumptions=(*COVER, SCALARS, UNIFORM),
)

THEOREMS = (
    _proved(
        key="Lueker1998.Theorem2_4",
        title="Lueker's theorem with C = 2 / ln 2",
        source="lueker1998, Theorem 2.4 as quoted in a lecture, where C is not explicit; C = 2 / "
        "ln 2 is proved here",
        page=_PAGE,
        conclusion=f"if n/2 >= C ln(1/e) with C = 2 / ln 2, {_TARGETS_AT_ONCE}, except with "
        "probability at most exp(-(n/2 - C ln(1/e))^2 / (2n)) over the draw of the samples; e = "
        "eta for the targets [-1/2, 1/2] and eta/2 for [-1, 1]",
        derive=partial(_promise, need=published_need),
    ),
    _proved(
        key="Lueker1998.Theorem2_4Sharp",
        title="Lueker's theorem without rounding the constant",
        source="lueker1998, Theorem 2.4 as quoted in a lecture; N is proved here",
        page=_PAGE,
        conclusion="if n/2 >= N(e) with N(e) = log2((1 - e)(1 - 2e) / (2 e^2)), "
        f"{_TARGETS_AT_ONCE}, except with probability at most exp(-(n/2 - N(e))^2 / (2n)) over "
        "the draw of the samples; e = eta for the targets [-1/2, 1/2] and eta/2 for [-1, 1]",
        derive=partial(_promise, need=sharp_need),
    ),
    _proved(
        key="Lueker1998.Corollary3_3",
        title="Lueker's corollary for laws that contain a uniform",
        source="lueker1998, in the form of Corollary 3.3 (recalled: no text that was read quotes "
        "it); the bound is proved here",
        conclusion="if a sample is uniform on [-c, c] with probability rho, else anything, and if "
        "rho n/2 >= N(e) with N(e) = log2((1 - e)(1 - 2e) / (2 e^2)), "
        f"{_TARGETS_AT_ONCE}, except with probability at most exp(-(rho n/2 - N(e))^2 / (2n)) "
        "over the draw of the samples; e = eta/c for targets up to c/2 and eta/(2c) up to c",
        claims=(*_CLAIMS, "C12", "C13"),
        assumptions=(*COVER, SCALARS, *WITHIN_COMPONENT),
        derive=partial(_promise, need=sharp_need),
    ),
)
