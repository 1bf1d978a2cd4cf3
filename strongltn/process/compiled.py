"""The one place that says how loops are compiled, and what happens where nothing can be kept.

The first command on a machine compiles them, which may take longer than its work; so the time of
the compiler is told apart from that of the work, and said. Importing this module imports numba.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

import numba
from numba.core import event

_LOGGER = logging.getLogger(__name__)


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a function, once for all processes that come.

    The machine code is kept beside the module or in the user's cache (or where NUMBA_CACHE_DIR
    says). Where none of them can be written, as for an unprivileged user of a container, it is
    compiled by each process anew: that takes longer and is said once, on stderr.

    Parameters
    ----------
    **options
        More options of ``numba.njit``; the loops release the interpreter's lock in any case.
    """

    def compile_(function: Callable[..., Any]) -> Any:
        dispatcher = numba.njit(nogil=True, **options)(function)
        try:
            if _has_place():
                dispatcher.enable_caching()
                return dispatcher
        except RuntimeError as error:
            if "no locator available" not in str(error):
                raise
        _say_that_nothing_is_kept()
        return dispatcher

    return compile_


def compiling_seconds() -> float:
    """Return how long this process has compiled so far, without what it found compiled."""
    return _COMPILER.seconds


def working_seconds() -> float:
    """Return the time of a clock that stands still while loops are compiled.

    For what is measured and shown to people: ``time.perf_counter`` would book the compiler's
    seconds, which are spent once on a machine, under whatever called a loop first.
    """
    return time.perf_counter() - _COMPILER.seconds


class _Compiler(event.Listener):
    """Hears from numba when something is compiled, because it is kept nowhere yet."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._depth = 0  # a loop may need others, which are compiled within its time
        self._began = 0.0
        self._is_said = False

    def on_start(self, event: object) -> None:
        if self._depth == 0:
            self._began = time.perf_counter()
            self._say()
        self._depth += 1

    def on_end(self, event: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self.seconds += time.perf_counter() - self._began

    def _say(self) -> None:
        if not self._is_said and multiprocessing.parent_process() is None:
            self._is_said = True
            _LOGGER.info(
                "the loops of the solvers are being compiled for this machine, once: some 10 to "
                "30 seconds in all."
            )


_COMPILER = _Compiler()
event.register("numba:compile", _COMPILER)  # type: ignore[no-untyped-call]


def _has_place() -> bool:
    """Whether numba may look for a place: without a home it would make a folder named "~" here."""
    return bool(
        os.path.isabs(os.path.expanduser("~"))
        or numba.config.CACHE_DIR  # type: ignore[attr-defined]
        or os.access(os.path.dirname(__file__), os.W_OK)
    )


@cache
def _say_that_nothing_is_kept() -> None:
    if multiprocessing.parent_process() is None and sys.stderr is not None:
        with suppress(OSError):
            print(
                "strongltn: no directory for compiled code can be written, so each start compiles "
                "anew (half a minute). Set NUMBA_CACHE_DIR to one that can.",
                file=sys.stderr,
            )
