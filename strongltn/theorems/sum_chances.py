r"""Probabilities of sums of independent samples, bounded from above and from below."""

from __future__ import annotations

from fractions import Fraction
from functools import cache, lru_cache, partial
from math import ceil, comb, factorial, floor

from flint import arb, fmpz_poly

from strongltn.subset_sum.sample_laws import SampleLaw
from strongltn.theorems.certified import ball, lower, upper

_CELLS = 1024  # of the grid of absolute values
_BITS = 96  # of probabilities on it
_ONE = 1 << _BITS
_MAX_TERMS = 64  # on the grid: more count as none from below, as this many from above
_STEPS = 4096  # under the integral of a characteristic function
_STEP = Fraction(1, 64)
_SI_BOUND = Fraction(93, 50)  # of the sine integral: its largest value is Si(pi) = 1.8519...


def chance_within(distance: Fraction, num_terms: int, law: SampleLaw) -> Fraction:
    """Return an upper bound of the probability that samples add up to [-distance, distance].

    Parameters
    ----------
    distance : Fraction > 0
    num_terms : int >= 0
        How many samples are added.
    law : SampleLaw
        With a density.

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
        With a density.

    Returns
    -------
    two lists of Fraction in [0, 1]
        For sums of 0, 1, ..., max_terms absolute values of samples.

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
