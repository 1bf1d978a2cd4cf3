"""New processes that share the cores, and end with the one that made them. Light to import."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager


@contextmanager
def processes(num_workers: int) -> Iterator[Executor]:
    """Yield new processes that share the cores; on an error they are ended at once.

    They also end when this process does, however it does: none is left behind. A run may be ended
    at any moment, because its checkpoint is whole at any moment.

    Parameters
    ----------
    num_workers : int >= 1
    """
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        num_workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_prepare,
        initargs=(max(1, (os.cpu_count() or 1) // num_workers),),
    )
    with pool:
        try:
            with _held_interrupts():
                for _ in range(num_workers):
                    pool.submit(int)  # starts a process
            yield pool
        except BaseException:
            for worker in set(multiprocessing.active_children()) - before:
                worker.terminate()
            raise


@contextmanager
def _held_interrupts() -> Iterator[None]:
    """Put off Ctrl-C for a moment: what starts then never gets it, and leaves it to us."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare(num_threads: int) -> None:
    """Prepare a new process."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import torch

    torch.set_num_threads(min(num_threads, torch.get_num_threads()))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # of all threads, at once
