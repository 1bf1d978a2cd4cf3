r"""Becchetti et al. 2022: random subset sums in d dimensions; the constant is not explicit.

Below :math:`d \log_2(1 / (2\eta))` vectors, the :math:`2^n` cubes of side :math:`4\eta` around the
subset sums have less volume than :math:`[-1, 1]^d`, so some target is missed whatever the draw.
"""

from __future__ import annotations

import math

from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.theorems.assumptions import COVER
from strongltn.theorems.certified import ball, ceiling, lower
from strongltn.theorems.condition import About, Condition
from strongltn.theorems.question import CoverQuestion
from strongltn.theorems.theorem import (
    NOT_EXPLICIT,
    Assumption,
    Promise,
    Status,
    Theorem,
    open_constant,
)


def _promise(question: CoverQuestion) -> Promise:
    d, constant = question.dimension, question.constant
    necessary = math.ceil(d * lower(lambda: ball(1 / (2 * question.eta)).log() / ball(2).log()))
    formula = "n = C d^3 ln(1/e) (ln(1/e) + ln d), e = 2 eta, with high probability"
    if constant is None:
        return Promise(necessary_samples=necessary, constants=NOT_EXPLICIT, notes=(formula,))
    log = (ball(1 / (2 * question.eta))).log
    return Promise(
        num_samples=ceiling(lambda: ball(constant) * d**3 * log() * (log() + ball(d).log())),
        necessary_samples=necessary,
        constants=open_constant(constant),
        notes=(formula,),
    )


_VECTORS = (
    Condition(About.SAMPLES, "n independent vectors of d coordinates, all independent and normal"),
    Condition(About.TARGETS, "all vectors z of [-1, 1]^d"),
    Condition(
        About.DISTANCE,
        "every coordinate of z minus the sum over a subset S, which may depend on z, at most 2 eta "
        "in size",
    ),
)

THEOREMS = (
    Theorem(
        key="Becchetti2022.Theorem1",
        title="Random subset sum in d dimensions",
        source="becchetti2022 (arXiv 2207.13944), main theorem; the abstract that was read gives "
        "the order in d and e, and neither a law nor a norm: normal vectors and the maximum norm "
        "are recalled. The necessary number is proved here, whatever the law",
        conclusion="n = O(d^3 log(1/e) (log(1/e) + log d)) samples, e = 2 eta, are enough with "
        "high probability over their draw, which the abstract does not quantify; fewer than "
        "d log2(1/(2 eta)) never are",
        status=Status.RECALLED,
        conditions=_VECTORS,
        asks=CoverQuestion,
        assumptions=(
            *COVER,
            Assumption(
                "law", "gaussian", lambda q: q.law is SampleLaw.GAUSSIAN, lambda q: q.law.value
            ),
            Assumption(
                "targets",
                "[-1, 1]^d",
                lambda q: q.window is Window.UNIT,
                lambda q: "[-1/2, 1/2]^d",
            ),
            Assumption("dimension", ">= 1", lambda q: q.dimension >= 1, lambda q: q.dimension),
            Assumption(
                "constant",
                "positive, or absent",
                lambda q: q.constant is None or q.constant > 0,
                lambda q: q.constant,
            ),
        ),
        derive=_promise,
    ),
)
