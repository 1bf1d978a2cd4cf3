"""The metrics of a run, epoch by epoch: a line of JSON each, and TensorBoard where asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from strongltn.errors import InvalidInputError

FILE_NAME = "metrics.jsonl"
_DRAWN = ("loss", "train_accuracy", "test_accuracy", "density", "learning_rate")


class MetricsLog:
    """The file of a run, opened where the run begins or goes on; a context manager.

    Parameters
    ----------
    directory : Path
        That of the run.
    done : iterable of dict
        Metrics of the epochs done before: the file is made to hold exactly these.
    has_tensorboard : bool
        Whether to write an event file, too.

    Raises
    ------
    InvalidInputError
        TensorBoard is wanted and not installed.
    """

    def __init__(
        self, directory: Path, done: Iterable[dict[str, Any]], *, has_tensorboard: bool = False
    ) -> None:
        lines = list(done)
        self._writer = None
        if has_tensorboard:
            folder = str(directory / "tensorboard")
            self._writer = summary_writer_type()(folder, purge_step=len(lines) + 1)
        self._path = directory / FILE_NAME
        self._path.write_bytes(b"".join(map(_line, lines)))

    def add(self, metrics: dict[str, Any]) -> None:
        """Add the metrics of an epoch, in one write."""
        with self._path.open("ab", buffering=0) as file:
            file.write(_line(metrics))
        if self._writer is not None:
            for name in _DRAWN:
                self._writer.add_scalar(name, metrics[name], metrics["epoch"])
            self._writer.flush()

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.close()


def num_epochs_in(directory: Path) -> int:
    """Return how many epochs a run has recorded so far: whole lines of its file."""
    path = directory / FILE_NAME
    return path.read_bytes().count(b"\n") if path.exists() else 0


def summary_writer_type() -> Any:
    """Return TensorBoard's writer.

    Raises
    ------
    InvalidInputError
        It is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InvalidInputError(
            "tensorboard",
            got="asked for, but not installed",
            allowed="left out, or installed",
            hint="Try: pip install tensorboard",
        ) from error
    return SummaryWriter


def _line(metrics: dict[str, Any]) -> bytes:
    return json.dumps(metrics, allow_nan=False).encode("ascii") + b"\n"
