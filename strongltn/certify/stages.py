"""Stages of a long computation: their times, and who is told of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from strongltn.errors import InvalidInputError
from strongltn.process.compiled import working_seconds
from strongltn.values.arguments import described

#: Called with (what is going on, done, all).
Progress = Callable[[str, int, int], None]

_WHOLE = "certifying"


def check_progress(progress: object) -> None:
    """Refuse what cannot be called.

    Raises
    ------
    InvalidInputError
    """
    if progress is not None and not callable(progress):
        allowed = "a function (stage, done, all), or None"
        raise InvalidInputError("progress", got=described(progress), allowed=allowed)


class Stages:
    """Stages one after the other.

    Parameters
    ----------
    number : int
        Of all stages.
    progress : callable, optional

    Attributes
    ----------
    seconds : dict from stage to float
        Wall time, without what was spent on compiling loops.
    """

    def __init__(self, number: int, progress: Progress | None) -> None:
        self.number = number
        self.progress = progress
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[str]:
        """Time a stage, and tell that it has begun and ended; yield its name."""
        self._tell()
        began = working_seconds()
        yield name
        self.seconds[name] = working_seconds() - began
        self._tell()

    def _tell(self) -> None:
        if self.progress is not None:
            self.progress(_WHOLE, len(self.seconds), self.number)
