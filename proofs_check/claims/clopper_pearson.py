"""Clopper-Pearson limits of a probability, on the safe side of every rounding."""

from __future__ import annotations

from fractions import Fraction

from flint import arb

_LIMIT_BITS = 30


def lower_limit(successes: int, trials: int, *, false_alarm: Fraction) -> Fraction:
    """Return a limit that exceeds the true probability with chance at most `false_alarm`.

    It is the largest multiple p of 2^-30 for which P(Bin(trials, p) >= successes) is certainly
    at most `false_alarm`; 0 where there is none.

    Parameters
    ----------
    successes : int in [0, trials]
    trials : int >= 1
    false_alarm : Fraction in (0, 1)

    Returns
    -------
    Fraction in [0, successes / trials]

    Notes
    -----
    Rigor: rigorous bound (balls of FLINT for the tail). Cost: 30 incomplete beta functions.
    Randomness: none.

    Source
    ------
    `clopper1934`, recalled.

    Examples
    --------
    >>> limit = lower_limit(10, 100, false_alarm=Fraction(1, 20))
    >>> round(float(limit), 4)
    0.0553
    """
    if successes == 0:
        return Fraction(0)
    level = arb(false_alarm.numerator) / false_alarm.denominator
    low, high = 0, (1 << _LIMIT_BITS) * successes // trials + 1
    while high - low > 1:
        middle = (low + high) // 2
        p = arb(middle) / (1 << _LIMIT_BITS)
        tail = p.beta_lower(arb(successes), arb(trials - successes + 1), regularized=True)
        low, high = (middle, high) if tail <= level else (low, middle)
    return Fraction(low, 1 << _LIMIT_BITS)


def upper_limit(successes: int, trials: int, *, false_alarm: Fraction) -> Fraction:
    """Return a limit that falls below the true probability with chance at most `false_alarm`.

    Parameters and notes: those of `lower_limit`, applied to the failures.

    Examples
    --------
    >>> round(float(upper_limit(0, 100, false_alarm=Fraction(1, 20))), 4)
    0.0295
    """
    return 1 - lower_limit(trials - successes, trials, false_alarm=false_alarm)
