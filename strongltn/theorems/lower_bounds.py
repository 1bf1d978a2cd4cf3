r"""How many samples are necessary: proved lower bounds of the failure probability.

Counting. If all targets of [-R, R] are within 2 eta of subset sums, intervals of length 4 eta about
the sums in [-a, a], a = R + 2 eta, cover the length 2 R. By the first moment

.. math:: \Pr[\text{success}] \le \frac{2 \eta}{R} \sum_k \binom nk \Pr[|x_1 + \dots + x_k| \le a].

Signs. The least sum is that of the negative samples: the target -R is out of reach if they add up
to less than c = R - 2 eta, and the target R likewise. With :math:`F_k(c)` the probability that k
absolute values add up to less than c, inclusion and exclusion give, for a symmetric law,

.. math:: \Pr[\text{failure}] \ge 2^{-n} \sum_k \binom nk \left(2 F_k(c) -
          F_k(c) F_{n-k}(c)\right).

For uniform samples :math:`F_k(c) = c^k / k!` when c <= 1, so the first part is
:math:`2^{1-n} L_n(-c)` with the Laguerre polynomial :math:`L_n`.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb

from strongltn.errors import AssumptionViolated, InvalidInputError
from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.theorems.certified import least
from strongltn.theorems.sum_chances import chance_within, chances_below


def failure_lower_bound(
    eta: Fraction | float, num_samples: int, *, law: SampleLaw, window: Window
) -> Fraction:
    r"""Return a lower bound on the probability that some target has no subset sum within 2 eta.

    .. math:: \text{bound} \le
              \Pr[\exists z \in [-R, R]\ \forall S:\ |z - \sum_{i \in S} x_i| > 2 \eta]

    Parameters
    ----------
    eta : Fraction or float in (0, 1/2)
        Half the tolerance.
    num_samples : int >= 0
        n, independent.
    law : SampleLaw
        Of the samples: uniform, product or gaussian.
    window : Window
        Of the targets: R = 1/2 or 1.

    Returns
    -------
    Fraction in [0, 1]
        The larger of the bounds by counting and by signs.

    Raises
    ------
    AssumptionViolated
        The law has no density.
    InvalidInputError
        `eta` or `num_samples` is out of range.

    Notes
    -----
    Rigor: rigorous lower bound. Uniform samples: exact rationals. Others: absolute values are
    rounded away from the claim to a grid of c/1024, probabilities to 2^-96. Cost: 0.1 seconds.
    Randomness: none.

    Source
    ------
    This project's.

    Examples
    --------
    >>> failure_lower_bound(Fraction(1, 10), 1, law=SampleLaw.UNIFORM, window=Window.HALF)
    Fraction(1, 1)
    >>> bound = failure_lower_bound(0.125, 8, law=SampleLaw.UNIFORM, window=Window.HALF)
    >>> 0.03 < bound < 0.04
    True
    """
    if num_samples < 0:
        raise InvalidInputError("num_samples", got=num_samples, allowed="an integer >= 0")
    exact = _checked_eta(eta, law)
    counting = _failure_by_counting(exact, num_samples, law=law, radius=window.radius)
    return max(counting, _failure_by_signs(window.radius - 2 * exact, num_samples, law))


def necessary_samples(
    eta: Fraction | float,
    failure_probability: Fraction | float,
    *,
    law: SampleLaw,
    window: Window,
) -> int:
    """Return a number of samples below which no failure probability this small is possible.

    Parameters
    ----------
    eta : Fraction or float in (0, 1/2)
        Half the tolerance.
    failure_probability : Fraction or float in (0, 1)
    law, window
        As in `failure_lower_bound`.

    Returns
    -------
    int >= 0

    Raises
    ------
    AssumptionViolated
        The law has no density.
    InvalidInputError
        `eta` or `failure_probability` is out of range.

    Notes
    -----
    Rigor: rigorous lower bound: with one sample less `failure_lower_bound` is above
    `failure_probability`, and with fewer samples failure is no less likely. Cost: a second.
    Randomness: none.

    Examples
    --------
    >>> necessary_samples(2.0**-12, 0.01, law=SampleLaw.UNIFORM, window=Window.HALF)
    13
    """
    if not 0 < failure_probability < 1:
        raise InvalidInputError("failure_probability", got=failure_probability, allowed="in (0, 1)")

    def is_allowed(num_samples: int) -> bool:
        bound = failure_lower_bound(eta, num_samples, law=law, window=window)
        return bound <= failure_probability

    return least(is_allowed, start=0)


def _checked_eta(eta: Fraction | float, law: SampleLaw) -> Fraction:
    if not 0 < eta < Fraction(1, 2):
        raise InvalidInputError("eta", got=eta, allowed="in (0, 1/2)")
    if law is SampleLaw.SIGNED_CONSTANT:
        raise AssumptionViolated(
            f"the law {law.value} has no density: sums of -1 and 1 are integers, so that no number "
            "of samples suffices"
        )
    return Fraction(eta)


def _failure_by_counting(
    eta: Fraction, num_samples: int, *, law: SampleLaw, radius: Fraction
) -> Fraction:
    share = 2 * eta / radius  # of the targets that one sum serves
    if 2**num_samples * share**2 > 64:  # far more sums than needed: the bound would be 0
        return Fraction(0)
    expected = sum(
        (
            comb(num_samples, k) * chance_within(radius + 2 * eta, k, law)
            for k in range(num_samples + 1)
        ),
        Fraction(0),
    )
    return max(Fraction(0), 1 - share * expected)


def _failure_by_signs(reach: Fraction, num_samples: int, law: SampleLaw) -> Fraction:
    if reach <= 0:
        return Fraction(0)
    below, above = chances_below(reach, num_samples, law)
    chance = sum(
        (
            comb(num_samples, k) * (2 * below[k] - above[k] * above[num_samples - k])
            for k in range(num_samples + 1)
        ),
        Fraction(0),
    )
    return max(Fraction(0), chance / Fraction(2) ** num_samples)
