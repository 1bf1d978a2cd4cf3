"""Sample sizes for rare failures: a simulated start, then a theorem. Certified, not proved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from strongltn.errors import InvalidInputError
from strongltn.rng import checked_seed
from strongltn.simulate.admissible import group_measures
from strongltn.simulate.event import (
    SAMPLE_BITS,
    CoveringEvent,
    checked_count,
    checked_probability,
)
from strongltn.simulate.hitting import MAX_TRIALS
from strongltn.simulate.limits import is_below
from strongltn.simulate.trials import IntArray, Progress, run_groups

TailBound = Callable[[Fraction, int], Fraction]

_CONFIDENCE = 1 - Fraction(1, 10**9)
_MAX_START_SAMPLES = 96
_MAX_TAIL_SAMPLES = 4096


@dataclass(frozen=True)
class HybridSamples:
    """A number of samples for the covering event, statistically certified, not a proof.

    Attributes
    ----------
    event : CoveringEvent
        The event that the samples satisfy.
    failure_probability : Fraction
        The probability with which `num_samples` samples may fail.
    num_samples : int
        Enough, with the stated confidence: `start_samples` plus `tail_samples`.
    start_samples : int
        After these the measure is below `start_fraction` with a probability of at most half the
        failure probability: simulated.
    start_fraction : Fraction
        The part of the window that is reached when the theorem takes over, in (0, 1).
    tail_samples : int
        From there these fail with at most the other half: by the theorem.
    tail_failure_bound : Fraction
        The failure probability that the theorem gives for the tail.
    start_failures, trials, seed : int
        Simulated paths that were below `start_fraction`, and all of them.
    confidence : Fraction
        The probability, over the seed, that what is said of the start is true.
    """

    event: CoveringEvent
    failure_probability: Fraction
    num_samples: int
    start_samples: int
    start_fraction: Fraction
    tail_samples: int
    tail_failure_bound: Fraction
    start_failures: int
    trials: int
    seed: int
    confidence: Fraction

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON; rationals as text."""
        return {
            **self.event.to_json(),
            "failure_probability": str(self.failure_probability),
            "num_samples": self.num_samples,
            "start_samples": self.start_samples,
            "start_fraction": str(self.start_fraction),
            "tail_samples": self.tail_samples,
            "tail_failure_bound": float(self.tail_failure_bound),
            "start_failures": self.start_failures,
            "trials": self.trials,
            "seed": self.seed,
            "confidence": str(self.confidence),
            "status": "statistically certified, not a proof",
        }


def start_fractions(event: CoveringEvent) -> list[Fraction]:
    """Return the fractions of the window from which the theorem may take over.

    They are 1/8, 1/4, 1/2, 3/4, 7/8 and so on, and the last one at which all targets are covered.
    """
    last = 1 - event.eta / (2 * event.window.radius)
    halvings = (1 - Fraction(1, 2**k) for k in range(1, 24))
    inner = [Fraction(1, 8), Fraction(1, 4), *halvings]
    return [*(start for start in inner if start < last), last]


def hybrid_samples(
    event: CoveringEvent,
    failure_probability: Fraction | float,
    *,
    tail_bound: TailBound,
    trials: int,
    seed: int,
    record: Path | None = None,
    progress: Progress | None = None,
) -> HybridSamples:
    r"""Return a number of samples for failure probabilities that plain simulation cannot reach.

    The admissible process is simulated until :math:`P(p_{n_0} < p^*) \le \delta / 2` is certified;
    a theorem then bounds the failure of m fresh samples from any set of measure at least
    :math:`p^*` by :math:`\delta / 2`.

    Parameters
    ----------
    event : CoveringEvent
        Its eta must be a multiple of 2^-40.
    failure_probability : Fraction or float in (0, 1)
        :math:`\delta`. About 48 / :math:`\delta` trials are needed.
    tail_bound : callable
        (p, m) to an upper bound of the probability that, from any subset of the window (of the
        same length as the event's) of measure at least the fraction p, m samples do not make the
        covering event true; decreasing in m. At m = 0 it is 0 where all is covered.
    trials : int in [1, 2^32]
    seed : int in [0, 2^64)
    record, progress
        As in `hitting_times`.

    Returns
    -------
    HybridSamples
        At confidence 1 - 1e-9, of the best start among `start_fractions`.

    Raises
    ------
    InvalidInputError
        A value is outside the above, the trials are too few to certify any start, or `tail_bound`
        does not fall below :math:`\delta / 2`.

    Notes
    -----
    Rigor: statistically certified, not a proof. The error 1e-9 is divided among the start
    fractions; the choice of the number of samples costs nothing, as in `requirement`. The theorem
    speaks of the continuous law, the simulation of its rounding to 2^-40.
    Cost: that of `admissible_paths`, and some 10 calls of `tail_bound` for each start fraction.
    Randomness: counter-based, from `seed`.

    Source
    ------
    The event of `lueker1998`; the limits of `clopper1934`.

    Examples
    --------
    >>> from strongltn.subset_sum.sample_laws import SampleLaw, Window
    >>> eta = Fraction(1, 16)
    >>> def tail_bound(p: Fraction, num_samples: int) -> Fraction:
    ...     return Fraction(3, 4) ** num_samples * (1 - p) / p * (1 - eta) / eta * (p < 1 - eta)
    >>> found = hybrid_samples(CoveringEvent(eta, SampleLaw.UNIFORM, Window.HALF), 0.1,
    ...                        tail_bound=tail_bound, trials=1000, seed=0)
    >>> found.start_samples + found.tail_samples == found.num_samples, found.num_samples < 30
    (True, True)
    """
    delta = checked_probability("failure_probability", failure_probability)
    trials = checked_count("trials", trials, largest=MAX_TRIALS)
    seed = checked_seed(seed)
    crossings = _crossing_times(event, trials, seed=seed, record=record, progress=progress)
    starts = start_fractions(event)
    error = (1 - _CONFIDENCE) / len(starts)
    plans = []
    for column, start in enumerate(starts):
        times = crossings[:, column]
        first = _certified_start(times, delta / 2, error=error)
        if first <= _MAX_START_SAMPLES:
            tail = _tail_samples(tail_bound, start, delta / 2)
            failures = int((times > first).sum())
            plans.append((first + tail, first, tail, start, failures))
    if not plans:
        raise InvalidInputError(
            "trials",
            got=trials,
            allowed=f"enough to certify a failure probability of {float(delta / 2):.2g}",
            hint=f"Try {int(48 / delta) + 1}; the law may also never cover the window.",
        )
    total, first, tail, start, failures = min(plans)
    return HybridSamples(
        event,
        delta,
        num_samples=total,
        start_samples=first,
        start_fraction=start,
        tail_samples=tail,
        tail_failure_bound=tail_bound(start, tail),
        start_failures=failures,
        trials=trials,
        seed=seed,
        confidence=_CONFIDENCE,
    )


def _crossing_times(
    event: CoveringEvent,
    trials: int,
    *,
    seed: int,
    record: Path | None,
    progress: Progress | None,
) -> IntArray:
    """Return when each path first has each of the start fractions, shape (trials, fractions)."""
    whole = int(2 * event.window.radius * 2**SAMPLE_BITS)
    starts = [ceil(start * whole) for start in start_fractions(event)]

    def task(group: int) -> IntArray:
        measures = group_measures(event, group, num_samples=_MAX_START_SAMPLES, seed=seed)
        return np.stack([(measures < start).sum(axis=1) for start in starts], axis=1)

    configuration = {
        "simulation": "crossing times",
        **event.to_json(),
        "seed": seed,
        "num_samples": _MAX_START_SAMPLES,
    }
    return run_groups(task, trials, configuration=configuration, record=record, progress=progress)


def _certified_start(times: IntArray, failure_probability: Fraction, *, error: Fraction) -> int:
    """Return the least n with P(time > n) certified as small, or one more than the longest path."""
    for n in range(_MAX_START_SAMPLES, -1, -1):  # from above: few failures are quickly summed
        failures = int((times > n).sum())
        if not is_below(failure_probability, failures=failures, trials=times.size, error=error):
            return n + 1
    return 0


def _tail_samples(tail_bound: TailBound, start: Fraction, failure_probability: Fraction) -> int:
    """Return the least m with tail_bound(start, m) <= failure_probability."""
    low, high = -1, 0
    while tail_bound(start, high) > failure_probability:
        low, high = high, 2 * high + 1
        if high > _MAX_TAIL_SAMPLES:
            raise InvalidInputError(
                "tail_bound",
                got=f"more than {float(failure_probability):.2g} at {low} samples",
                allowed="a bound that falls below half the failure probability",
            )
    while high - low > 1:
        middle = (low + high) // 2
        is_enough = tail_bound(start, middle) <= failure_probability
        low, high = (low, middle) if is_enough else (middle, high)
    return high
