"""The admissible process: growth of the part of the window that is approximable within eta."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.numerics.exact import read_only
from strongltn.rng import checked_seed
from strongltn.simulate.event import SAMPLE_BITS, CoveringEvent, checked_count
from strongltn.simulate.hitting import MAX_SAMPLES, MAX_TRIALS
from strongltn.simulate.trials import IntArray, Progress, group_samples, run_groups


@dataclass(frozen=True, eq=False)
class AdmissiblePaths:
    """Trajectories of the measure of A_t, where A_0 = [-eta, eta] and X_1, X_2, ... are samples.

    A_(t+1) is A_t with the part of A_t + X_(t+1) that is in the window: the targets within eta of
    a subset sum all of whose partial sums are, up to eta, in the window.

    Attributes
    ----------
    event : CoveringEvent
        The event whose admissible process was followed.
    seed : int
        The seed of the samples; the same seed gives the same draws as `hitting_times`.
    measures : int64, shape (trials, num_samples + 1)
        Length of A_t, in units of 2^-40, exact; read-only.
    """

    event: CoveringEvent
    seed: int
    measures: IntArray

    def __repr__(self) -> str:
        trials, steps = self.measures.shape
        return (
            f"AdmissiblePaths(eta {self.event.eta}, {self.event.law.value}, seed {self.seed}: "
            f"{trials:,} trials of {steps - 1} samples)"
        )

    @property
    def window_measure(self) -> int:
        """Length of the window, in the same units."""
        return int(2 * self.event.window.radius * 2**SAMPLE_BITS)

    @property
    def fractions(self) -> NDArray[np.float64]:
        """p_t, the measure as a fraction of the window, in [0, 1]; exact in float64."""
        return np.asarray(self.measures / float(self.window_measure))

    @property
    def growths(self) -> NDArray[np.float64]:
        """q_t = p_(t+1) - p_t, shape (trials, num_samples); exact in float64."""
        return np.asarray(np.diff(self.measures, axis=1) / float(self.window_measure))

    @property
    def times(self) -> IntArray:
        """First t at which at most eta of the window is missing; num_samples + 1 if none.

        Every target is then within eta of A_t, and so within 2 eta of a subset sum.
        """
        missing = self.window_measure - self.measures
        is_done = missing <= int(self.event.eta * 2**SAMPLE_BITS)
        steps = np.where(is_done.any(axis=1), is_done.argmax(axis=1), self.measures.shape[1])
        return np.asarray(steps, dtype=np.int64)


def admissible_paths(
    event: CoveringEvent,
    *,
    num_samples: int,
    trials: int,
    seed: int,
    record: Path | None = None,
    progress: Progress | None = None,
) -> AdmissiblePaths:
    """Simulate the admissible process, whose drift the theorems bound.

    Parameters
    ----------
    event : CoveringEvent
        Its eta must be a multiple of 2^-40.
    num_samples : int in [1, 48]
        Length of the paths.
    trials : int in [1, 2^32]
        8 (num_samples + 1) bytes each.
    seed : int in [0, 2^64)
        The samples are those of `hitting_times`, trial by trial.
    record, progress
        As in `hitting_times`.

    Returns
    -------
    AdmissiblePaths

    Raises
    ------
    InvalidInputError
        A value is outside the above, or `record` belongs to another configuration.

    Notes
    -----
    Rigor: exact measures, for samples of the law rounded to 2^-40. Cost: the number of intervals,
    of the order of 1 / eta at most, for each sample; all cores. Randomness: counter-based, from
    `seed`.

    Source
    ------
    The recursion of `lueker1998`, Theorem 2.4, as this project reads it.

    Examples
    --------
    >>> from strongltn.subset_sum.sample_laws import SampleLaw, Window
    >>> event = CoveringEvent(2**-6, SampleLaw.UNIFORM, Window.HALF)
    >>> paths = admissible_paths(event, num_samples=30, trials=2, seed=0)
    >>> paths.fractions[:, 0].tolist(), bool((paths.growths >= 0).all())
    ([0.03125, 0.03125], True)
    """
    num_samples = checked_count("num_samples", num_samples, largest=MAX_SAMPLES)
    trials = checked_count("trials", trials, largest=MAX_TRIALS)
    seed = checked_seed(seed)
    configuration = {
        "simulation": "admissible paths",
        **event.to_json(),
        "seed": seed,
        "num_samples": num_samples,
    }
    found = run_groups(
        lambda group: group_measures(event, group, num_samples=num_samples, seed=seed),
        trials,
        configuration=configuration,
        record=record,
        progress=progress,
    )
    return AdmissiblePaths(event, seed, read_only(found))


def group_measures(event: CoveringEvent, group: int, *, num_samples: int, seed: int) -> IntArray:
    """Return the measures of one group of trials, shape (GROUP_SIZE, num_samples + 1)."""
    from strongltn.simulate import intervals

    half_width = event.eta * 2**SAMPLE_BITS
    if half_width.denominator != 1:
        raise InvalidInputError("eta", got=str(event.eta), allowed="a multiple of 2^-40")
    samples = group_samples(event.law, group, num_samples=num_samples, seed=seed)
    radius = int(event.window.radius * 2**SAMPLE_BITS)
    return np.asarray(intervals.measures(samples, int(half_width), radius))
