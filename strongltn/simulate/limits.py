"""Exact Clopper-Pearson limits of a probability: proved with ball arithmetic, in one direction."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import flint

_BITS = 160  # of the balls; the sums have at most some 10^6 terms and the levels are above 10^-12
_FIRST_NUDGE = Fraction(1, 2**40)


def is_below(probability: Fraction, *, failures: int, trials: int, error: Fraction) -> bool:
    """Return whether the upper Clopper-Pearson limit at level `error` is <= `probability`.

    That is, whether P(Bin(trials, probability) <= failures) <= error, proved: an undecided
    comparison counts as False.

    Notes
    -----
    Rigor: rigorous. Cost: min(failures, trials - failures) terms. Randomness: none.

    Source
    ------
    `clopper1934`.

    Examples
    --------
    >>> [is_below(Fraction(1, 100), failures=0, trials=n, error=Fraction(1, 100))
    ...  for n in (458, 459)]
    [False, True]
    """
    if probability >= 1:
        return True
    if probability <= 0:
        return False
    return bool(_tail(failures, trials, probability) <= _ball(error))


def is_above(probability: Fraction, *, failures: int, trials: int, error: Fraction) -> bool:
    """Return whether the lower Clopper-Pearson limit at level `error` is >= `probability`, proved.

    The successes are those of the opposite probability.
    """
    return is_below(1 - probability, failures=trials - failures, trials=trials, error=error)


def upper_limit(failures: int, trials: int, *, error: Fraction) -> Fraction:
    """Return a bound on a probability that is too small with a chance of at most `error`.

    Parameters
    ----------
    failures, trials : int
        0 <= failures <= trials, trials >= 1: an observed binomial variable.
    error : Fraction in (0, 1)
        Chance of a wrong bound, whatever the probability is.

    Returns
    -------
    Fraction
        In (0, 1]; the Clopper-Pearson limit, rounded upwards by about a relative 2^-40.

    Notes
    -----
    Rigor: rigorous; SciPy proposes, ball arithmetic proves. Cost: as `is_below`. Randomness: none.

    Source
    ------
    `clopper1934`.

    Examples
    --------
    >>> float(round(upper_limit(0, 459, error=Fraction(1, 100)), 6))
    0.009983
    """
    if failures == trials:
        return Fraction(1)
    from scipy.stats import beta

    guess = Fraction(float(beta.isf(float(error), failures + 1, trials - failures)))
    return _proved(guess, lambda p: is_below(p, failures=failures, trials=trials, error=error))


def lower_limit(failures: int, trials: int, *, error: Fraction) -> Fraction:
    """Return a bound on a probability that is too large with a chance of at most `error`.

    As `upper_limit`, rounded downwards.
    """
    return 1 - upper_limit(trials - failures, trials, error=error)


def _proved(guess: Fraction, is_proved: Callable[[Fraction], bool]) -> Fraction:
    nudge = _FIRST_NUDGE
    while True:
        limit = min(guess * (1 + nudge), Fraction(1))
        if is_proved(limit):
            return limit
        nudge *= 2


def _tail(failures: int, trials: int, probability: Fraction) -> flint.arb:
    """Return a ball around P(Bin(trials, probability) <= failures)."""
    with flint.ctx.workprec(_BITS):
        if 2 * failures > trials:
            return 1 - _sum(trials - failures - 1, trials, 1 - probability)
        return _sum(failures, trials, probability)


def _sum(failures: int, trials: int, probability: Fraction) -> flint.arb:
    odds = _ball(probability / (1 - probability))
    term = _ball(1 - probability) ** trials
    total = term if failures >= 0 else flint.arb(0)
    for i in range(failures):
        term = term * odds * (trials - i) / (i + 1)
        total += term
    return total


def _ball(value: Fraction) -> flint.arb:
    return flint.arb(value.numerator) / value.denominator
