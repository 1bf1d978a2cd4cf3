"""What every command prints: one report on stdout, progress bars and messages on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from strongltn.exits import answer, shown
from strongltn.json_text import json_text

_SPEED_SECONDS = 600  # steps of training epochs come minutes apart, and still tell the time left

Update = Callable[[str, int, int], None]


@contextmanager
def progress_bars() -> Iterator[Update]:
    """Yield a callback (stage, done, total) that draws one bar with the time left for each stage.

    Nothing is drawn where stderr is no terminal.
    """
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
        disable=not console.is_terminal,
    )
    tasks: dict[str, Any] = {}

    def update(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = bar.add_task(stage, total=total)
        bar.update(tasks[stage], completed=done, total=total)

    with bar:
        yield update


def print_report(report: dict[str, Any], lines: list[str], *, as_json: bool) -> None:
    """Print a report as one JSON object or as its lines, in one write that no reader can fail."""
    text = json_text(report) if as_json else "\n".join(map(shown, lines))
    answer(text + "\n")
