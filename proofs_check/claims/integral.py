"""Integrals enclosed in balls, of functions that Python evaluates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flint import acb, arb, ctx


def enclosed(function: Callable[[Any, Any], Any], low: Any, high: Any) -> arb:
    """Return a ball that holds the integral of `function(x, is_analytic)` from `low` to `high`.

    FLINT would call the function from several threads if it may use them, and Python code must not
    be called so: the process dies. It may where the caller's program has set ``flint.ctx.threads``.
    """
    before, ctx.threads = ctx.threads, 1
    try:
        return acb.integral(function, low, high).real
    finally:
        ctx.threads = before
