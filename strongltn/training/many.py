"""Several runs, spread over processes or over any other executor. Importing imports torch."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strongltn.errors import InvalidInputError, MachineError
from strongltn.storage import make_directory, remove_file, write_whole
from strongltn.training.config import RunConfig
from strongltn.training.fresh import FAILURE
from strongltn.training.metrics import num_epochs_in
from strongltn.training.processes import processes
from strongltn.training.run import Progress, SearchResult, run
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
    run : callable (config, directory) -> SearchResult
        What carries out one; ``partial(run, device="cpu", resume=False)`` for other settings.
    executor : concurrent.futures.Executor, optional
        Must reach the directory; it stays open. By default new processes, as many as there are
        cores, that share them evenly (`processes`): a script then needs ``if __name__ ==
        "__main__"``.
    progress : (stage, epochs done, epochs in all) -> None, optional

    Returns
    -------
    list of Outcome
        In the order of the configurations. A failure is also in ``failure.json`` of its run, with
        its traceback, until that run succeeds; bad input and a full disk leave nothing.

    Raises
    ------
    InvalidInputError
        No configurations, or one twice.
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
