"""How many samples the covering event needs: the quantile of hitting times, with limits."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from strongltn.simulate.event import (
    CoveringEvent,
    checked_fraction,
    checked_probability,
)
from strongltn.simulate.hitting import HittingTimes, hitting_times
from strongltn.simulate.limits import is_above, is_below
from strongltn.simulate.trials import Progress
from strongltn.subset_sum.sample_laws import SampleLaw, Window

#: Of lower and upper limits together.
DEFAULT_CONFIDENCE = Fraction(99, 100)


@dataclass(frozen=True)
class RequiredSamples:
    """Measured n of the covering event: the least n with P(T > n) <= failure_probability.

    Attributes
    ----------
    event : CoveringEvent
        The event that the samples shall satisfy.
    failure_probability : Fraction
        The probability with which they may fail.
    num_samples : int or None
        The empirical quantile: the least n at which at most this fraction of the trials fails.
        None if that is not so up to `max_samples`.
    lower : int
        Necessary: the true requirement is at least this. ``max_samples + 1`` says that
        `max_samples` do not suffice.
    upper : int or None
        Sufficient: the true requirement is at most this. None if no n up to `max_samples` could be
        certified, because the event fails too often or the trials are too few.
    confidence : Fraction
        How sure `lower` and `upper` are together, whatever the law is; not a proof.
    trials, censored, max_samples, seed : int
        Censored trials were not covered by `max_samples` samples; they count as failures.
    """

    event: CoveringEvent
    failure_probability: Fraction
    num_samples: int | None
    lower: int
    upper: int | None
    confidence: Fraction
    trials: int
    censored: int
    max_samples: int
    seed: int

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON; eta and the failure probability exactly, as text."""
        return {
            **self.event.to_json(),
            "failure_probability": str(self.failure_probability),
            "num_samples": self.num_samples,
            "lower": self.lower,
            "upper": self.upper,
            "confidence": float(self.confidence),
            "trials": self.trials,
            "censored": self.censored,
            "max_samples": self.max_samples,
            "seed": self.seed,
            "status": "measured: holds with the stated confidence, not a proof",
        }


def required_samples(
    eta: Fraction | float,
    failure_probability: Fraction | float,
    *,
    law: SampleLaw,
    window: Window,
    trials: int,
    seed: int,
    progress: Progress | None = None,
) -> RequiredSamples:
    """Measure how many samples the covering event needs, with exact confidence limits.

    Parameters
    ----------
    eta : Fraction or float in [2^-20, 1/2)
        Half the tolerance, at its exact value.
    failure_probability : Fraction or float in (0, 1)
        At its exact value. About 6 / `failure_probability` trials are needed for a sufficient n.
    law : SampleLaw
        The law of the independent samples.
    window : Window
        The interval whose targets must all be reached.
    trials : int in [1, 2^32]
        How many independent draws are made.
    seed : int in [0, 2^64)
    progress : callable, optional
        Called with (trials done, trials in all).

    Returns
    -------
    RequiredSamples
        At 99 % confidence.

    Raises
    ------
    InvalidInputError
        A value is outside the above.

    Notes
    -----
    Rigor: a statistical statement, not a proof: trials are decided exactly, limits are exact
    (`requirement`). Cost: that of `hitting_times`. Randomness: counter-based, from `seed`.

    Source
    ------
    The event of `lueker1998`; the limits of `clopper1934`.

    Examples
    --------
    >>> found = required_samples(2**-6, 0.1, law=SampleLaw.UNIFORM, window=Window.HALF,
    ...                          trials=1000, seed=0)
    >>> found.num_samples, found.lower, found.upper
    (11, 11, 11)
    """
    event = CoveringEvent(checked_fraction("eta", eta), law, window)
    delta = checked_probability("failure_probability", failure_probability)
    return requirement(hitting_times(event, trials=trials, seed=seed, progress=progress), delta)


def requirement(
    times: HittingTimes,
    failure_probability: Fraction | float,
    *,
    confidence: Fraction | float = DEFAULT_CONFIDENCE,
) -> RequiredSamples:
    r"""Return what hitting times say about the required number of samples.

    n is certified as sufficient if the upper Clopper-Pearson limit of P(T > n) is at most
    :math:`\delta`, and necessary is one more than the last n whose lower limit is above
    :math:`\delta`; each at error (1 - confidence) / 2. To look at all n costs no confidence: let m
    be the last n with :math:`P(T > n) > \delta`. The failures at n <= m are no fewer than those at
    m, so an insufficient n is accepted only if m itself is; and likewise below.

    Parameters
    ----------
    times : HittingTimes
        The simulated trials.
    failure_probability : Fraction or float in (0, 1)
        The probability with which the event may fail.
    confidence : Fraction or float in (0, 1)
        The probability that both limits are right.

    Returns
    -------
    RequiredSamples

    Raises
    ------
    InvalidInputError
        A value is outside the above.

    Notes
    -----
    Rigor: exact limits. Cost: a binomial sum for each n. Randomness: none.

    Source
    ------
    `clopper1934`.

    Examples
    --------
    >>> event = CoveringEvent(2**-4, SampleLaw.UNIFORM, Window.HALF)
    >>> times = hitting_times(event, trials=1000, seed=0, max_samples=8)
    >>> found = requirement(times, 0.1)
    >>> found.num_samples, found.lower, found.upper, found.censored
    (8, 8, None, 80)
    """
    delta = checked_probability("failure_probability", failure_probability)
    confidence = checked_probability("confidence", confidence)
    error, trials = (1 - confidence) / 2, len(times.times)
    lower, upper, quantile = times.max_samples + 1, None, None
    for n in range(times.max_samples, 0, -1):
        failures = times.num_failures(n)
        if failures <= delta * trials:
            quantile = n
        if is_below(delta, failures=failures, trials=trials, error=error):
            upper = n
        if is_above(delta, failures=failures, trials=trials, error=error):
            break  # and so are all smaller n
        lower = n
    return RequiredSamples(
        times.event,
        delta,
        num_samples=quantile,
        lower=lower,
        upper=upper,
        confidence=confidence,
        trials=trials,
        censored=times.censored,
        max_samples=times.max_samples,
        seed=times.seed,
    )
