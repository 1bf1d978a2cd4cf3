"""Time contestants in turns: every round runs each of them once, on one core and on all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from strongltn.bench.audit import Claim, distances, num_right
from strongltn.bench.workload import Workload, draw_workload
from strongltn.numerics.exact import BoolArray

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Contestant:
    """One way to answer one question at one n.

    Attributes
    ----------
    name : str
        As in the report; the same at every n.
    claim : Claim
        What the masks are, and how they are checked.
    law : one of `LAWS`
        The law of the samples.
    num_samples : int >= 1
        n, the samples of one instance.
    run : Workload -> bool array (m, n), or None if the claim is `Claim.OTHER`
    tolerance : float, optional
        The tolerance that the claim is about.
    max_rows : int >= 1
        The most instances that one run is given.
    is_threaded : bool
        Whether it uses all cores.
    is_shared : bool
        Whether all instances have the samples of the first.
    """

    name: str
    claim: Claim
    law: str
    num_samples: int
    run: Callable[[Workload], BoolArray | None]
    tolerance: float | None = None
    max_rows: int = 2**17
    is_threaded: bool = True
    is_shared: bool = False


@dataclass(frozen=True)
class _Drawn:
    """A workload, and the CPU seconds that drawing one instance took."""

    workload: Workload
    seconds: float


@dataclass
class _Trial:
    contestant: Contestant
    workload: Workload
    draw_seconds: float
    first_call_seconds: float
    mask: BoolArray | None = None
    cpu: list[float] = field(default_factory=list)
    wall_one: list[float] = field(default_factory=list)
    wall_all: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Effort:
    """How much is done: rounds, seconds of one run, and rows of each contestant that are checked.

    A row whose halves have more than 2**15 sums is checked less often; beyond n = 40 none is.
    """

    num_rounds: int
    run_seconds: float
    num_checked: int

    def num_checked_at(self, num_samples: int) -> int:
        """Return how many rows are checked."""
        if num_samples > 40:
            return 0
        return max(1, self.num_checked >> max(0, (num_samples + 1) // 2 - 11))


def measure(
    contestants: list[Contestant], effort: Effort, *, seed: int, progress: Progress
) -> list[dict[str, Any]]:
    """Return the figures of every contestant, in order.

    Seconds are medians over the rounds, per instance. On one core it is CPU time, and the wall time
    beside it; on all cores wall time. The first call, which compiles or loads what is compiled, is
    told apart, and so is drawing the instances, which all contestants of a law and an n share.
    """
    drawn = _drawn(contestants, seed=seed)
    trials = []
    for count, contestant in enumerate(contestants):
        progress("preparing", count, len(contestants))
        key = contestant.law, contestant.num_samples
        trials.append(_prepared(contestant, drawn[key], effort))
    for count in range(effort.num_rounds):
        progress("measuring", count, effort.num_rounds)
        for trial in trials:
            _run_once(trial)
    rows = []
    for count, trial in enumerate(trials):
        progress("checking", count, len(trials))
        rows.append(_figures(trial, effort))
    return rows


@contextmanager
def one_core() -> Iterator[None]:
    """Let the solvers use one thread."""
    import numba

    before = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    numba.config.NUMBA_NUM_THREADS = 1  # type: ignore[attr-defined]
    try:
        yield
    finally:
        numba.config.NUMBA_NUM_THREADS = before  # type: ignore[attr-defined]


def _drawn(contestants: list[Contestant], *, seed: int) -> dict[tuple[str, int], _Drawn]:
    """Draw the instances of each law and n once, for all contestants."""
    num_rows: dict[tuple[str, int], int] = {}
    for contestant in contestants:
        key = contestant.law, contestant.num_samples
        num_rows[key] = max(contestant.max_rows, num_rows.get(key, 0))
    drawn = {}
    for key, num in num_rows.items():
        began = time.process_time()
        workload = draw_workload(*key, num, seed=seed)
        drawn[key] = _Drawn(workload, (time.process_time() - began) / num)
    return drawn


def _prepared(contestant: Contestant, drawn: _Drawn, effort: Effort) -> _Trial:
    """Call once, and choose as many rows as fill the seconds of one run."""
    workload = drawn.workload.head(contestant.max_rows)
    began = time.perf_counter()
    contestant.run(workload.head(1))
    first_call_seconds = time.perf_counter() - began
    num_rows = min(16, len(workload))
    contestant.run(workload.head(num_rows))
    while num_rows < len(workload):
        began = time.process_time()  # what else runs on the machine must not count here
        contestant.run(workload.head(num_rows))
        seconds = time.process_time() - began
        if seconds > effort.run_seconds / 2:
            break
        num_rows = min(4 * num_rows, len(workload))
    return _Trial(contestant, workload.head(num_rows), drawn.seconds, first_call_seconds)


def _run_once(trial: _Trial) -> None:
    num_rows = len(trial.workload)
    with one_core():
        cpu, wall = time.process_time(), time.perf_counter()
        trial.mask = trial.contestant.run(trial.workload)
        trial.cpu.append((time.process_time() - cpu) / num_rows)
        trial.wall_one.append((time.perf_counter() - wall) / num_rows)
    if trial.contestant.is_threaded:
        wall = time.perf_counter()
        trial.contestant.run(trial.workload)
        trial.wall_all.append((time.perf_counter() - wall) / num_rows)


def _figures(trial: _Trial, effort: Effort) -> dict[str, Any]:
    contestant, workload = trial.contestant, trial.workload
    if contestant.is_shared:
        workload = workload.of(
            workload.numerators[[0] * len(workload)], workload.goals, workload.exponent
        )
    errors = []
    if trial.mask is not None:
        errors = [distance * 2.0**workload.exponent for distance in distances(workload, trial.mask)]
    head = workload.head(effort.num_checked_at(contestant.num_samples))
    right = None
    if trial.mask is not None and len(head):
        right = num_right(
            contestant.claim, head, trial.mask[: len(head)], tolerance=contestant.tolerance
        )
    return {
        "name": contestant.name,
        "claim": contestant.claim.value,
        "tolerance": contestant.tolerance,
        "law": contestant.law,
        "n": contestant.num_samples,
        "instances": len(workload),
        "samples": "shared" if contestant.is_shared else "fresh",
        "cpu_seconds": median(trial.cpu),
        "wall_seconds_one_core": median(trial.wall_one),
        "wall_seconds_all_cores": median(trial.wall_all) if trial.wall_all else None,
        "draw_seconds": trial.draw_seconds,
        "first_call_seconds": trial.first_call_seconds,
        "checked": 0 if right is None else len(head),
        "right": 0 if right is None else right,
        "median_error": median(errors) if errors else None,
    }
