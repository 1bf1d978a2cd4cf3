"""How often the covering event fails with a given number of samples, with confidence limits."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from strongltn.rng import checked_seed
from strongltn.simulate.event import CoveringEvent, checked_count, checked_probability
from strongltn.simulate.hitting import MAX_SAMPLES, MAX_TRIALS, hitting_times
from strongltn.simulate.limits import lower_limit, upper_limit
from strongltn.simulate.required import DEFAULT_CONFIDENCE
from strongltn.simulate.trials import Progress


@dataclass(frozen=True)
class FailureRate:
    """Measured probability that `num_samples` samples do not satisfy the covering event.

    Attributes
    ----------
    event : CoveringEvent
        The event that was looked for.
    num_samples : int
        How many samples each trial had.
    failures, trials, seed : int
        Trials without the event, all trials, and their seed.
    lower, upper : Fraction
        Clopper-Pearson limits of the probability, rounded outwards.
    confidence : Fraction
        The probability that the true value lies between both limits.
    """

    event: CoveringEvent
    num_samples: int
    failures: int
    trials: int
    lower: Fraction
    upper: Fraction
    confidence: Fraction
    seed: int

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON; the limits as floats, rounded to nearest."""
        return {
            **self.event.to_json(),
            "num_samples": self.num_samples,
            "failures": self.failures,
            "trials": self.trials,
            "lower": float(self.lower),
            "upper": float(self.upper),
            "confidence": float(self.confidence),
            "seed": self.seed,
            "status": "measured: holds with the stated confidence, not a proof",
        }


def failure_rate(
    event: CoveringEvent,
    num_samples: int,
    *,
    trials: int,
    seed: int,
    confidence: Fraction | float = DEFAULT_CONFIDENCE,
    record: Path | None = None,
    progress: Progress | None = None,
) -> FailureRate:
    """Measure the probability that `num_samples` samples do not satisfy the covering event.

    Parameters
    ----------
    event : CoveringEvent
        The event to look for.
    num_samples : int in [1, 48]
        How many samples each trial has.
    trials : int in [1, 2^32]
        How many independent trials are made.
    seed : int in [0, 2^64)
    confidence : Fraction or float in (0, 1)
        The probability that the true value lies between both limits.
    record, progress
        As in `hitting_times`.

    Returns
    -------
    FailureRate

    Raises
    ------
    InvalidInputError
        A value is outside the above.

    Notes
    -----
    Rigor: a statistical statement, not a proof; trials and limits are exact. Cost: that of
    `hitting_times`. Randomness: counter-based, from `seed`; the same trials as there.

    Source
    ------
    The event of `lueker1998`; the limits of `clopper1934`.

    Examples
    --------
    >>> from strongltn.subset_sum.sample_laws import SampleLaw, Window
    >>> rate = failure_rate(CoveringEvent(2**-6, SampleLaw.UNIFORM, Window.HALF), 12,
    ...                     trials=1000, seed=0)
    >>> rate.failures, rate.lower < Fraction(rate.failures, 1000) < rate.upper
    (30, True)
    """
    num_samples = checked_count("num_samples", num_samples, largest=MAX_SAMPLES)
    trials = checked_count("trials", trials, largest=MAX_TRIALS)
    seed = checked_seed(seed)
    confidence = checked_probability("confidence", confidence)
    found = hitting_times(
        event, trials=trials, seed=seed, max_samples=num_samples, record=record, progress=progress
    )
    error = (1 - confidence) / 2
    return FailureRate(
        event,
        num_samples,
        failures=found.censored,
        trials=trials,
        lower=lower_limit(found.censored, trials, error=error),
        upper=upper_limit(found.censored, trials, error=error),
        confidence=confidence,
        seed=seed,
    )
