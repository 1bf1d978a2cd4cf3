"""Several runs, spread over processes or over any other executor.

Importing this module imports torch.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strongltn.errors import InvalidInputError, MachineError
from strongltn.storage import make_directory, remove_file, write_whole
from strongltn.training.config import RunConfig
from strongltn.training.fresh import FAILURE
from strongltn.training.result import SearchResult
from strongltn.training.run import Progress, num_epochs_in, run
from strongltn.values.json_text import json_text

_LOOK_SECONDS = 1.0  # how often the epochs done are counted for the progress


@dataclass(frozen=True, eq=False)
class Outcome:
    """How one run ended in its directory: exactly one of result and error is there."""

    config: RunConfig
    directory: Path
    result: SearchResult | None = None
    error: Exception | None = None


def run_many(
    configs: Sequence[RunConfig],
    directory: Path,
    *,
    run: Callable[[RunConfig, Path], SearchResult] = run,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Carry out several runs; one that fails stops no other, one that is done is not repeated.

    Parameters
    ----------
    configs
        The settings of the runs, all different.
    directory
        Where each run has a folder, called `RunConfig.name`.
    run
        What carries out one; ``partial(run, device="cpu", resume=False)`` for other settings.
    executor
        An executor whose workers reach the directory; it stays open. By default it is new
        processes, as many as there are cores, that share them evenly (`processes`): a script then
        needs ``if __name__ == "__main__"``.
    progress
        A function that is called as ``progress("epochs", epochs done, epochs in all)``.

    Returns
    -------
    list of Outcome
        The ends of the runs, in the order of the configurations. A failure is also in
        ``failure.json`` of its run, with its traceback, until that run succeeds; bad input and a
        full disk leave nothing.

    Raises
    ------
    InvalidInputError
        There is no configuration, or one is there twice.
    """
    if not configs or len({config.identity for config in configs}) < len(configs):
        raise InvalidInputError(
            "configs",
            got=f"{len(configs)} configurations",
            allowed="at least one, and no two the same",
        )
    folders = [directory / config.name for config in configs]
    num_workers = min(len(configs), os.cpu_count() or 1)
    with processes(num_workers) if executor is None else nullcontext(executor) as pool:
        futures = [
            pool.submit(run, config, folder)
            for config, folder in zip(configs, folders, strict=True)
        ]
        try:
            _follow(futures, folders, sum(config.epochs for config in configs), progress)
        except BaseException:  # such as Ctrl-C: what has not begun does not begin
            for future in futures if executor is not None else ():  # our own are ended anyway
                future.cancel()
            raise
    return [_outcome(*row) for row in zip(configs, folders, futures, strict=True)]


@contextmanager
def processes(num_workers: int) -> Iterator[Executor]:
    """Yield new processes that share the cores; on an error they are ended at once.

    They also end when this process does, however it does: none is left behind. A run may be ended
    at any moment, because its checkpoint is whole at any moment.
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


class InThisProcess(Executor):
    """Runs each call when it is submitted, one after the other."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return a future that is done."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def _follow(
    futures: list[Future[SearchResult]],
    folders: list[Path],
    num_epochs: int,
    progress: Progress | None,
) -> None:
    """Wait for all runs; their files tell how far they are, whatever the executor."""
    open_futures = set(futures)
    while open_futures:
        if progress is not None:
            progress("epochs", sum(map(num_epochs_in, folders)), num_epochs)
        _, open_futures = wait(open_futures, _LOOK_SECONDS, FIRST_COMPLETED)


def _outcome(config: RunConfig, folder: Path, future: Future[SearchResult]) -> Outcome:
    """Return how a run ended, and keep a failure on disk."""
    path = folder / FAILURE
    error = future.exception()
    if error is None:
        remove_file(path)
        return Outcome(config, folder, result=future.result())
    if not isinstance(error, Exception):
        raise error
    if not isinstance(error, InvalidInputError | MachineError):
        report = {
            "config": config.to_json(),
            "error": type(error).__name__,
            "message": str(error),
            "traceback": traceback.format_exception(error),
        }
        with suppress(MachineError):  # a full disk is perhaps what failed
            make_directory(folder)
            write_whole(path, json_text(report, indent=1).encode("ascii"))
    return Outcome(config, folder, error=error)


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
