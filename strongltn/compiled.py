"""The one place that says how loops are compiled, and what happens where nothing can be kept.

Importing this module imports numba.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

import numba


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
