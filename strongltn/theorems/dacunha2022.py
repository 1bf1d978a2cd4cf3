r"""da Cunha et al. 2022: Lueker's theorem revisited; an explicit value for their constant.

The bound :math:`(3/4)^n \cdot 2/\varepsilon^2` on [-1, 1] implies theirs with :math:`\kappa = 3 \ln
2 / \ln(4/3)`: with :math:`n = s \kappa \log_2(1/\varepsilon)` and s >= 1, the difference of the
exponents is :math:`\kappa \log_2(1/\varepsilon) [s \ln(4/3) - (s - 1)^2 / (4s)] - 2 \ln(1 /
\varepsilon) - \ln 2`, which increases in s because ln(4/3) > 1/4, and is >= 0 at s = 1 because
:math:`\varepsilon \le 1/2`.
"""

from __future__ import annotations

from fractions import Fraction

from strongltn.subset_sum.sample_laws import Window
from strongltn.theorems.assumptions import COVER, SAMPLES, SCALARS, UNIFORM
from strongltn.theorems.certified import ball, least, upper, upper_log
from strongltn.theorems.question import CoverQuestion
from strongltn.theorems.theorem import Promise, Status, Theorem


def explicit_kappa() -> Fraction:
    """Return 3 ln 2 / ln(4/3), rounded upwards.

    Examples
    --------
    >>> round(float(explicit_kappa()), 4)
    7.2283
    """
    return upper(lambda: 3 * ball(2).log() / ball(Fraction(4, 3)).log())


def _promise(question: CoverQuestion) -> Promise:
    needed = upper(lambda: ball(explicit_kappa()) * ball(1 / question.eta).log() / ball(2).log())
    log_chance = upper_log(1 / question.failure_probability)
    num_samples = least(lambda n: n >= needed and (n - needed) ** 2 >= 4 * n * log_chance)
    exponent = (num_samples - needed) ** 2 / (4 * num_samples)
    note = "holds on [-1, 1]" if question.window is Window.HALF else ""
    return Promise(
        num_samples=num_samples,
        failure_probability=upper(lambda: (-ball(exponent)).exp()),
        notes=(f"kappa = {float(explicit_kappa()):.4f}, proved here", *([note] if note else [])),
    )


THEOREMS = (
    Theorem(
        key="DaCunha2022.Theorem1",
        title="Random subset sum revisited, kappa = 3 ln 2 / ln(4/3)",
        source="dacunha2022 (arXiv 2204.13929), in the form of the main theorem (recalled: the "
        "abstract that was read promises targets in [-1/2, 1/2], without kappa); proved here",
        conclusion="if n >= kappa log2(1/eta) with kappa = 3 ln 2 / ln(4/3), every target in "
        "[-1, 1], all at once, is within 2 eta of a subset sum, except with probability at most "
        "exp(-(n - kappa log2(1/eta))^2 / (4n)) over the draw of the samples",
        status=Status.PROVED,
        claims=("C03", "C05", "C06", "C07"),
        conditions=SAMPLES,
        asks=CoverQuestion,
        assumptions=(*COVER, SCALARS, UNIFORM),
        derive=_promise,
    ),
)
