"""What every command prints: one report on stdout, progress bars and messages on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from strongltn.numerics.json_text import json_text

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
    """Print a report as one JSON object or as its lines, in one write.

    One write, and none where stdout is closed, so that no reader can change the exit code.
    """
    text = json_text(report) if as_json else "\n".join(map(shown, lines))
    _write(sys.stdout, text)


def print_message(text: str) -> None:
    """Print one line on stderr, after the name of the program."""
    _write(sys.stderr, shown(f"strongltn: {text}"))


def shown(text: str) -> str:
    """Return text of one line: what would move the cursor or change colours is escaped.

    Names in a user's file may hold anything: line ends, escape sequences, half of a character.

    Examples
    --------
    >>> shown("up\\n\\x1b[31mred")
    'up\\\\n\\\\x1b[31mred'
    """
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in text
    )


def _write(stream: TextIO | None, text: str) -> None:
    """Write a line; characters that the terminal does not have are escaped."""
    if stream is not None:
        encoding = stream.encoding or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
