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
from functools import cache, lru_cache, partial
from math import ceil, comb, factorial, floor

from flint import arb, fmpz_poly

from strongltn.errors import AssumptionViolated, InvalidInputError
from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.theorems.certified import ball, least, lower, upper

_CELLS = 1024  # of the grid of absolute values
_BITS = 96  # of probabilities on it
_ONE = 1 << _BITS
_MAX_TERMS = 64  # on the grid: more count as none from below, as this many from above
_STEPS = 4096  # under the integral of a characteristic function
_STEP = Fraction(1, 64)
_SI_BOUND = Fraction(93, 50)  # of the sine integral: its largest value is Si(pi) = 1.8519...


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
        The number n of independent samples.
    law : SampleLaw
        The law of the samples: uniform, product or gaussian.
    window : Window
        The interval of the targets: R = 1/2 or 1.

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

    That probability is in (0, 1); all else is as in `failure_lower_bound`.

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


# probabilities of sums of independent samples


def chance_within(distance: Fraction, num_terms: int, law: SampleLaw) -> Fraction:
    """Return an upper bound of the probability that samples add up to [-distance, distance].

    Parameters
    ----------
    distance : Fraction > 0
    num_terms : int >= 0
        How many samples are added.
    law : SampleLaw
        One with a density.

    Returns
    -------
    Fraction in [0, 1]

    Notes
    -----
    Rigor: exact for uniform samples, within 2^-150 for Gaussian ones; for sums of products an
    upper bound through the largest density, some percent above. Cost: milliseconds. Randomness:
    none.

    Examples
    --------
    >>> chance_within(Fraction(1, 2), 2, SampleLaw.UNIFORM)
    Fraction(7, 16)
    """
    if num_terms == 0:
        return Fraction(1)
    if law is SampleLaw.UNIFORM:
        return 2 * _irwin_hall((num_terms + distance) / 2, num_terms) - 1
    if law is SampleLaw.GAUSSIAN:
        return upper(lambda: (ball(distance) / ball(2 * num_terms).sqrt()).erf())
    if num_terms == 1:
        return upper(partial(_absolute_cdf, law, min(distance, Fraction(1))))
    return min(Fraction(1), 2 * distance * _product_peak(num_terms))


def chances_below(
    reach: Fraction, max_terms: int, law: SampleLaw
) -> tuple[list[Fraction], list[Fraction]]:
    """Return lower and upper bounds of the probability that absolute values add up to < reach.

    Parameters
    ----------
    reach : Fraction in (0, 1]
    max_terms : int >= 0
    law : SampleLaw
        One with a density.

    Returns
    -------
    two lists of Fraction in [0, 1]
        The chances for sums of 0, 1, ..., max_terms absolute values of samples.

    Notes
    -----
    Rigor: exact for uniform samples. Others are put on a grid of reach/1024: for the lower bounds
    values go up to the ends of their cells and probabilities down, for the upper bounds the other
    way. Cost: milliseconds a term. Randomness: none.

    Examples
    --------
    >>> below, above = chances_below(Fraction(1, 2), 2, SampleLaw.UNIFORM)
    >>> below
    [Fraction(1, 1), Fraction(1, 2), Fraction(1, 8)]
    """
    if law is SampleLaw.UNIFORM:
        exact = [reach**k / factorial(k) for k in range(max_terms + 1)]
        return exact, exact
    below = _grid_chances(reach, law, is_lower=True)
    above = _grid_chances(reach, law, is_lower=False)
    num_more = max(0, max_terms - _MAX_TERMS)
    return (
        [*below[: max_terms + 1], *[Fraction(0)] * num_more],
        [*above[: max_terms + 1], *above[-1:] * num_more],
    )


@lru_cache(maxsize=16)
def _grid_chances(reach: Fraction, law: SampleLaw, *, is_lower: bool) -> tuple[Fraction, ...]:
    """Return the bounds for 0, ..., _MAX_TERMS terms, from powers of a polynomial.

    A coefficient is the probability of one sum on the grid; sums beyond `reach` are cut off.
    """
    cdfs = [partial(_absolute_cdf, law, reach * j / _CELLS) for j in range(1, _CELLS + 1)]
    low = [0, *(floor(lower(cdf) * _ONE) for cdf in cdfs)]
    high = [0, *(ceil(upper(cdf) * _ONE) for cdf in cdfs)]
    if is_lower:
        one_term = fmpz_poly([0, *(max(0, b - a) for a, b in zip(high, low[1:], strict=False))])
    else:
        one_term = fmpz_poly([b - a for a, b in zip(low, high[1:], strict=False)])
    masses, chances = fmpz_poly([_ONE]), []
    for _ in range(_MAX_TERMS + 1):
        chances.append(min(Fraction(1), Fraction(int(sum(masses.coeffs())), _ONE)))
        products = masses.mul_low(one_term, _CELLS + is_lower).coeffs()
        masses = fmpz_poly([c >> _BITS if is_lower else -(-c >> _BITS) for c in products])
    return tuple(chances)


def _absolute_cdf(law: SampleLaw, distance: Fraction) -> arb:
    """Return the probability that |x| <= distance; 0 < distance, and <= 1 for products."""
    if law is SampleLaw.GAUSSIAN:
        return (ball(distance) / ball(2).sqrt()).erf()
    return ball(distance) * (1 - ball(distance).log())


def _irwin_hall(bound: Fraction, num_terms: int) -> Fraction:
    """Return the probability that uniforms on [0, 1] add up to at most `bound`."""
    terms = (
        (-1) ** j * comb(num_terms, j) * (bound - j) ** num_terms
        for j in range(min(floor(bound), num_terms) + 1)
    )
    return sum(terms, Fraction(0)) / factorial(num_terms)


@cache
def _product_peak(num_terms: int) -> Fraction:
    """Return an upper bound of the density of a sum of two or more products of uniforms.

    The characteristic function Si(t)/t is positive and decreasing. So the density is largest at 0,
    where it is the integral of a power over pi, and sums of left ends are above the integral.
    """
    end = _STEP * _STEPS

    def peak() -> arb:
        body = sum((value**num_terms for value in _product_characteristic()), arb(0))
        tail = ball((_SI_BOUND / end) ** num_terms * end / (num_terms - 1))
        return (body * ball(_STEP) + tail) / arb.pi()

    return upper(peak)


@cache
def _product_characteristic() -> tuple[arb, ...]:
    """Return Si(t)/t at 0 and the further left ends of the steps."""
    points = [ball(_STEP * j) for j in range(1, _STEPS)]
    return (arb(1), *(point.si() / point for point in points))
