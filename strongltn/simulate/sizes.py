"""How many samples the subset nearest to a random target keeps: the density that tickets have."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from strongltn.rng import checked_seed, named_generator
from strongltn.simulate.event import SAMPLE_BITS, checked_count
from strongltn.simulate.hitting import MAX_TRIALS
from strongltn.simulate.trials import GROUP_SIZE, IntArray, Progress, group_samples, run_groups
from strongltn.subset_sum import solve_batch
from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.values.arguments import chosen

_MAX_SAMPLES = 32  # the exact optimum takes 2^(n/2) steps


def subset_sizes(
    num_samples: int,
    *,
    law: SampleLaw,
    window: Window,
    trials: int,
    seed: int,
    record: Path | None = None,
    progress: Progress | None = None,
) -> IntArray:
    """Return the size of the subset nearest to a uniform target, for independent draws of both.

    Parameters
    ----------
    num_samples : int in [1, 32]
        How many samples there are to choose from.
    law : SampleLaw
        The law of the independent samples.
    window : Window
        The interval from which the targets are drawn uniformly.
    trials : int in [1, 2^32]
        How many pairs of samples and target are drawn.
    seed : int in [0, 2^64)
        The samples are those of `hitting_times`, trial by trial.
    record, progress
        As in `hitting_times`.

    Returns
    -------
    int64, shape (trials,)
        In [0, num_samples]; where several subsets are nearest, the size of one of them.

    Raises
    ------
    InvalidInputError
        A value is outside the above, or `record` belongs to another configuration.

    Notes
    -----
    Rigor: exact optima, for samples and targets on the grid 2^-40. Cost: that of `solve_batch`.
    Randomness: counter-based, from `seed`.

    Source
    ------
    The task is that of `pensia2020`, experiment 1.

    Examples
    --------
    >>> sizes = subset_sizes(12, law=SampleLaw.UNIFORM, window=Window.HALF, trials=100, seed=0)
    >>> bool(4 < sizes.mean() < 8)
    True
    """
    num_samples = checked_count("num_samples", num_samples, largest=_MAX_SAMPLES)
    trials = checked_count("trials", trials, largest=MAX_TRIALS)
    seed = checked_seed(seed)
    law, window = chosen("law", law, SampleLaw), chosen("window", window, Window)

    def task(group: int) -> IntArray:
        units = group_samples(law, group, num_samples=num_samples, seed=seed)
        generator = named_generator(seed, name=f"simulate/targets/{group}")
        last = int(window.radius * 2**SAMPLE_BITS)
        targets = generator.integers(-last, last, GROUP_SIZE, endpoint=True)
        found = solve_batch(
            np.ldexp(units.astype(np.float64), -SAMPLE_BITS),
            np.ldexp(targets.astype(np.float64), -SAMPLE_BITS),
        )
        return np.asarray(found.mask.sum(axis=1))

    configuration = {
        "simulation": "subset sizes",
        "num_samples": num_samples,
        "law": law.value,
        "window": window.value,
        "seed": seed,
    }
    return run_groups(task, trials, configuration=configuration, record=record, progress=progress)
