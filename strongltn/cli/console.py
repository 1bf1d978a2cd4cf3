"""What every command prints: one report on stdout, progress and messages on stderr."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from strongltn.process.exits import answer, say, shown
from strongltn.values.json_text import json_text

_SPEED_SECONDS = 600  # steps of training epochs come minutes apart, and still tell the time left
_LINE_SECONDS = 15.0  # between two lines of progress, at least
_LINE_SHARE = 0.05  # of the time so far: an hour's work says something every three minutes
_WATCH_SECONDS = 1.0

Update = Callable[[str, int, int], None]


@contextmanager
def progress_bars() -> Iterator[Update]:
    """Yield a callback (stage, done, total) that shows how far each stage is, and the time left.

    One bar for each stage where stderr is a terminal; else, as in a log file, a line now and then.
    """
    if sys.stderr is not None and sys.stderr.isatty():
        with _bars() as update:
            yield update
    else:
        with ProgressLines() as lines:
            yield lines.update


class ProgressLines:
    """Progress as lines on stderr, for a log: nothing of what is quick, and of the rest few lines.

    A line is written when none was for so many seconds, by a thread, so that one long step is no
    long silence. The seconds between two lines grow with the whole time, so that a night fills no
    page.

    Parameters
    ----------
    clock : callable
        Seconds, as `time.monotonic`.
    write : callable
        Writes one line.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        write: Callable[[str], None] = say,
    ) -> None:
        self._clock, self._write = clock, write
        self._began = self._last = clock()
        self._stage: tuple[str, int, int] | None = None
        self._stage_began, self._stage_first = self._began, 0
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)

    def __enter__(self) -> ProgressLines:
        if not math.isinf(_LINE_SECONDS):
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()  # or a line might come after the answer

    def update(self, stage: str, done: int, total: int) -> None:
        """Note how far a stage is, and write a line if it is time."""
        with self._lock:
            if self._stage is None or self._stage[0] != stage:
                self._stage_began, self._stage_first = self._clock(), done
            self._stage = (stage, done, total)
        self.tick()

    def tick(self) -> None:
        """Write a line if it is time."""
        with self._lock:
            now = self._clock()
            elapsed = now - self._began
            if now - self._last < max(_LINE_SECONDS, _LINE_SHARE * elapsed):
                return
            self._last = now
            line = f"at work for {_shown_seconds(elapsed)}"
            if self._stage is not None:
                stage, done, total = self._stage
                line = f"{stage}: {done} of {total}{self._left(now)}, {line}"
        self._write(line)

    def _left(self, now: float) -> str:
        _, done, total = self._stage or ("", 0, 0)
        seen = done - self._stage_first  # what an earlier command has done took no time of ours
        if seen <= 0 or done >= total:
            return ""
        left = (now - self._stage_began) / seen * (total - done)
        return f", about {_shown_seconds(left)} left"

    def _watch(self) -> None:
        while not self._ended.wait(_WATCH_SECONDS):
            self.tick()


@contextmanager
def _bars() -> Iterator[Update]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        speed_estimate_period=_SPEED_SECONDS,
    )
    tasks: dict[str, Any] = {}

    def update(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = bar.add_task(stage, total=total)
        bar.update(tasks[stage], completed=done, total=total)

    with bar:
        yield update


def _shown_seconds(seconds: float) -> str:
    """Return a duration in a few characters.

    Examples
    --------
    >>> [_shown_seconds(value) for value in (8.2, 95, 7300)]
    ['8 s', '1 min 35 s', '2 h 1 min']
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def print_report(report: dict[str, Any], lines: list[str], *, as_json: bool) -> None:
    """Print a report as one JSON object or as its lines, in one write that no reader can fail."""
    text = json_text(report) if as_json else "\n".join(map(shown, lines))
    answer(text + "\n")
