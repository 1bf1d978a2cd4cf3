"""The metrics of a run, epoch by epoch: a line of JSON each, and TensorBoard where asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from strongltn.errors import InvalidInputError
from strongltn.storage import read_if_there, write_whole

FILE_NAME, TENSORBOARD = "metrics.jsonl", "tensorboard"
_DRAWN = ("loss", "train_accuracy", "test_accuracy", "density", "learning_rate")


class MetricsLog:
    """The metrics of a run for people to read; a context manager.

    The file is written whole after every epoch. The checkpoint holds the same metrics, and is what
    a run goes on from.

    Parameters
    ----------
    directory : Path
        That of the run.
    done : iterable of dict
        Metrics of the epochs done before.
    has_tensorboard : bool
        Whether to write an event file, too.

    Raises
    ------
    InvalidInputError
        TensorBoard is wanted and not installed, or its folder is a symbolic link.
    MachineError
        The file cannot be written.
    """

    def __init__(
        self, directory: Path, done: Iterable[dict[str, Any]], *, has_tensorboard: bool = False
    ) -> None:
        self._content = b"".join(map(_line, done))
        self._writer = None
        if has_tensorboard:
            folder = directory / TENSORBOARD
            if folder.is_symlink():
                raise InvalidInputError(
                    "tensorboard", got=f"{folder}, a symbolic link", allowed="a folder, or none"
                )
            num_epochs = self._content.count(b"\n")
            self._writer = summary_writer_type()(str(folder), purge_step=num_epochs + 1)
        self._path = directory / FILE_NAME
        write_whole(self._path, self._content)

    def add(self, metrics: dict[str, Any]) -> None:
        """Add the metrics of an epoch."""
        self._content += _line(metrics)
        write_whole(self._path, self._content)
        if self._writer is not None:
            for name in _DRAWN:
                self._writer.add_scalar(name, metrics[name], metrics["epoch"])
            self._writer.flush()

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()


def num_epochs_in(directory: Path) -> int:
    """Return how many epochs a run has recorded so far: whole lines of its file."""
    content = read_if_there(directory / FILE_NAME, parameter="directory", within=directory)
    return (content or b"").count(b"\n")


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
