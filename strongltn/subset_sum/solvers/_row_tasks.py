"""Rows of a batch, cut into tasks and spread over the cores."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

ResultT = TypeVar("ResultT")


def run_tasks(
    task: Callable[[slice], ResultT],
    num_rows: int,
    *,
    rows_per_task: int,
    max_threads: int | None = None,
) -> list[ResultT]:
    """Return what `task` returns for each slice of rows, in the order of the rows.

    The slices do not depend on the number of cores (the variable NUMBA_NUM_THREADS limits them),
    and with a compiled `task` that lets go of the interpreter all cores are at work.
    """
    import numba

    num_cores = int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
    num_threads = num_cores if max_threads is None else min(num_cores, max_threads)
    slices = [slice(at, at + rows_per_task) for at in range(0, num_rows, rows_per_task)]
    if num_threads == 1 or len(slices) == 1:
        return [task(rows) for rows in slices]
    with ThreadPoolExecutor(num_threads) as pool:
        return list(pool.map(task, slices))
