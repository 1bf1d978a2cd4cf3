"""Hitting times: after how many samples all targets of the window are within tolerance."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from threading import Event

import numpy as np

from strongltn.numerics.exact import read_only
from strongltn.rng import checked_seed
from strongltn.simulate.event import SAMPLE_BITS, CoveringEvent, checked_count
from strongltn.simulate.trials import GROUP_SIZE, IntArray, Progress, group_samples, run_groups

#: The engine's limit; see `bitset`.
MAX_SAMPLES = 48
MAX_TRIALS = 2**32

_GROUP_SECONDS = 4e-5  # times 1/eta, on one core


@dataclass(frozen=True, eq=False)
class HittingTimes:
    """Independent draws of T, the least n such that the first n samples satisfy the event.

    Attributes
    ----------
    event : CoveringEvent
        The event that was waited for.
    seed : int
        The seed of the trials.
    max_samples : int
        The number of samples at which a trial stops.
    times : int64, shape (trials,)
        In [0, max_samples + 1]; read-only. ``max_samples + 1`` is a censored trial, T is larger
        than `max_samples`.
    """

    event: CoveringEvent
    seed: int
    max_samples: int
    times: IntArray

    def __repr__(self) -> str:
        return (
            f"HittingTimes(eta {self.event.eta}, {self.event.law.value}, seed {self.seed}: "
            f"{len(self.times):,} trials, {self.censored:,} censored at {self.max_samples})"
        )

    @property
    def censored(self) -> int:
        """Number of trials that were not covered by `max_samples` samples."""
        return self.num_failures(self.max_samples)

    def num_failures(self, num_samples: int) -> int:
        """Return in how many trials the event fails with `num_samples` <= `max_samples` samples."""
        num_samples = checked_count("num_samples", num_samples, largest=self.max_samples)
        return int(np.count_nonzero(self.times > num_samples))


def estimate_seconds(eta: Fraction, *, trials: int) -> float:
    """Estimate how long `hitting_times` takes: the bitset of a trial has some 1/eta cells.

    Recorded: 1.7 to 2.6 times what it took (``experiments/bench/theorem_seconds.jsonl``).
    """
    num_groups = -(-trials // GROUP_SIZE)
    return float(_GROUP_SECONDS / eta) * num_groups / (os.cpu_count() or 1)


def hitting_times(
    event: CoveringEvent,
    *,
    trials: int,
    seed: int,
    max_samples: int = MAX_SAMPLES,
    record: Path | None = None,
    progress: Progress | None = None,
) -> HittingTimes:
    """Simulate the number of samples that the covering event needs.

    Parameters
    ----------
    event : CoveringEvent
        The event to wait for.
    trials : int in [1, 2^32]
        How many independent draws of T.
    seed : int in [0, 2^64)
        Trial i is a function of the seed, the law and i alone: for a smaller eta or a wider window
        the same trial never takes fewer samples, and neither cores nor interruptions matter.
    max_samples : int in [1, 48]
        The number of samples at which a trial stops; one that needs more is censored.
    record : Path, optional
        A JSONL file, one line for 256 trials, written as they come. A run that was killed goes on
        from there, a longer run begins with what is there.
    progress : callable, optional
        Called with (trials done, trials in all).

    Returns
    -------
    HittingTimes

    Raises
    ------
    InvalidInputError
        A value is outside the above, or `record` belongs to another configuration.

    Notes
    -----
    Rigor: each trial is decided exactly, for samples of the law rounded to 2^-40; see `bitset` for
    the argument.
    Cost: microseconds a trial at eta = 2^-6, milliseconds at 2^-16; all cores. A law that never
    covers, such as `SampleLaw.SIGNED_CONSTANT` below eta = 1/4, runs up to `max_samples`.
    Randomness: counter-based, from `seed`.

    Source
    ------
    The event of `lueker1998`, Theorem 2.4, without its demand that partial sums stay in the window.

    Examples
    --------
    >>> from strongltn.subset_sum.sample_laws import SampleLaw, Window
    >>> event = CoveringEvent(2**-4, SampleLaw.SIGNED_CONSTANT, Window.HALF)
    >>> hitting_times(event, trials=3, seed=0, max_samples=8).times.tolist()
    [9, 9, 9]
    """
    trials = checked_count("trials", trials, largest=MAX_TRIALS)
    seed = checked_seed(seed)
    max_samples = checked_count("max_samples", max_samples, largest=MAX_SAMPLES)
    tolerance = int(2 * event.eta * 2**SAMPLE_BITS)
    # short enough calls of compiled code that an interruption ends within a second or two
    rows = min(GROUP_SIZE, max(1, int(GROUP_SIZE * event.eta * 2**14)))

    stop = Event()

    def task(group: int) -> IntArray:
        from strongltn.simulate import bitset

        samples = group_samples(event.law, group, num_samples=max_samples, seed=seed)
        limits = np.array(event.hole_limits(), dtype=np.int64)
        cell = tolerance // bitset.CELLS_PER_TOLERANCE
        parts = [
            bitset.hitting_times(samples[first : first + rows], limits, cell)
            for first in range(0, GROUP_SIZE, rows)
            if not stop.is_set()
        ]
        return np.concatenate(parts)  # of an interrupted run: read by nobody

    configuration = {
        "simulation": "hitting times",
        **event.to_json(),
        "seed": seed,
        "max_samples": max_samples,
    }
    times = run_groups(
        task, trials, configuration=configuration, record=record, progress=progress, stop=stop
    )
    return HittingTimes(event, seed, max_samples, read_only(times))
