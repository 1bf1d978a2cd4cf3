"""Trials in groups: every trial a pure function of seed and number, groups on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.rng import named_generator
from strongltn.simulate.event import SAMPLE_BITS
from strongltn.storage import Record
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
        Groups found there are not simulated again, new ones are added as they come. Its directory
        must exist.
    progress : callable or None
        Called with (trials done, trials in all) after each new group.
    stop : Event, optional
        Set where the run is interrupted, for tasks that would go on for long.

    Raises
    ------
    InvalidInputError
        The record is of another configuration, damaged, or written by another command.
    MachineError
        The record cannot be written; the groups before are in it.
    """
    num_groups = -(-trials // GROUP_SIZE)
    known: dict[int, IntArray] = {}
    with ExitStack() as stack:
        book = None
        if record is not None:
            parse = partial(_note_group, known=known)
            book = Record(record, configuration=configuration, parse=parse, parameter="record")
            stack.enter_context(book)
        missing = [group for group in range(num_groups) if group not in known]
        num_known = num_groups - len(missing)
        pool = stack.enter_context(ThreadPoolExecutor(os.cpu_count()))
        try:
            results = zip(missing, pool.map(task, missing), strict=True)
            for done, (group, values) in enumerate(results, start=num_known + 1):
                if book is None:
                    known[group] = np.asarray(values, dtype=np.int64)
                else:
                    book.add({"group": group, "values": values.tolist()})
                if progress is not None:
                    progress(min(done * GROUP_SIZE, trials), trials)
        except BaseException:  # Ctrl-C: the groups that wait are not begun
            if stop is not None:
                stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return np.concatenate([known[group] for group in range(num_groups)])[:trials]


def _note_group(entry: dict[str, Any], *, known: dict[int, IntArray]) -> None:
    """Take the results of a group out of a line of the record."""
    group, values = entry["group"], np.array(entry["values"])
    shapes = {rows.shape for rows in known.values()} or {values.shape}
    if type(group) is not int or group < 0 or group in known:
        raise ValueError("it is of no group, or of one that is there already")
    if len(values) != GROUP_SIZE or values.dtype != np.int64 or values.shape not in shapes:
        raise ValueError("its values are no rows of integers, one for each trial")
    known[group] = values
