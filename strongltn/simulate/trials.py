"""Trials in groups: every trial a pure function of seed and number, groups on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.rng import named_generator
from strongltn.simulate.event import SAMPLE_BITS
from strongltn.simulate.record import Record
from strongltn.subset_sum.sample_laws import SampleLaw, draw_samples

#: Trials that share a stream for each of their samples. Part of what a seed means: never to change.
GROUP_SIZE = 256

IntArray = NDArray[np.int64]
Progress = Callable[[int, int], None]  # trials done, trials in all


def group_samples(law: SampleLaw, group: int, *, num_samples: int, seed: int) -> IntArray:
    """Return the samples of one group of trials, in units of 2^-40.

    Sample j of a trial depends on the seed, the law, the trial and j alone: with more samples, more
    trials or more cores the ones before stay the same.

    Returns
    -------
    int64, shape (GROUP_SIZE, num_samples)
    """
    samples = np.empty((GROUP_SIZE, num_samples), dtype=np.int64)
    for j in range(num_samples):
        generator = named_generator(seed, name=f"simulate/{law.value}/{group}/{j}")
        column = draw_samples(law, (GROUP_SIZE,), generator=generator)
        samples[:, j] = np.ldexp(column, SAMPLE_BITS)
    return samples


def run_groups(
    task: Callable[[int], NDArray[Any]],
    trials: int,
    *,
    configuration: dict[str, Any],
    record: Path | None,
    progress: Progress | None,
    stop: Event | None = None,
) -> IntArray:
    """Return the results of `task` for the first `trials` trials, one row a trial.

    Parameters
    ----------
    task : callable
        The rows of one group, shape (GROUP_SIZE, ...); lets go of the interpreter while it works.
    trials : int >= 1
        The last group is simulated whole and cut.
    configuration : dict
        What the results are a function of: the first line of the record.
    record : Path or None
        Groups found there are not simulated again, new ones are added as they come.
    progress : callable or None
        Called with (trials done, trials in all) after each new group.
    stop : Event, optional
        Set where the run is interrupted, for tasks that would go on for long.
    """
    num_groups = -(-trials // GROUP_SIZE)
    book = None if record is None else Record(record, configuration)
    known: dict[int, Any] = {} if book is None else book.groups
    missing = [group for group in range(num_groups) if group not in known]
    found: dict[int, NDArray[Any]] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for group, values in zip(missing, pool.map(task, missing), strict=True):
                found[group] = values
                if book is not None:
                    book.add(group, values.tolist())
                if progress is not None:
                    num_groups_done = num_groups - len(missing) + len(found)
                    progress(min(num_groups_done * GROUP_SIZE, trials), trials)
        except BaseException:  # Ctrl-C: the groups that wait are not begun
            if stop is not None:
                stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    rows = [
        np.asarray(found[group] if group in found else known[group], dtype=np.int64)
        for group in range(num_groups)
    ]
    return np.concatenate(rows)[:trials]
