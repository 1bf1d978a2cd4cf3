"""One run: trained, checkpointed after every epoch, resumed exactly, recorded.

Importing this module imports torch.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from strongltn.datasets.catalogue import Dataset, dataset_named
from strongltn.errors import InvalidInputError, TrainingDiverged
from strongltn.process.default_state import in_default_state
from strongltn.storage import in_use, make_directory, read_if_there, write_whole
from strongltn.training.checkpoint import Checkpoint, save_tensors, tensor_digest
from strongltn.training.config import Execution, RunConfig, device_named
from strongltn.training.epochs import Training
from strongltn.training.fresh import forget_replaced, has_replaced, replaced_by, set_aside
from strongltn.training.result import (
    CHECKPOINT,
    MASKS,
    METRICS,
    RESULT,
    TENSORBOARD,
    SearchResult,
    finished_result,
)

Progress = Callable[[str, int, int], None]
_DRAWN = ("loss", "train_accuracy", "test_accuracy", "density", "learning_rate")


@in_default_state()
def run(
    config: RunConfig,
    directory: Path,
    *,
    device: str = "auto",
    execution: Execution = Execution.EAGER,
    resume: bool = True,
    has_tensorboard: bool = False,
    progress: Progress | None = None,
) -> SearchResult:
    """Carry out one run, or what is left of it, and return what it found.

    The directory then holds ``checkpoint.safetensors``, ``metrics.jsonl``, ``masks.safetensors``
    and ``result.json``. After an interruption, whatever its kind, the last whole epoch is kept.
    While the run is at work, no other command writes there.

    Parameters
    ----------
    config
        All settings of the run.
    directory
        The directory of this run alone, made if need be.
    device
        The name of a device, as in `device_named`.
    execution
        How forward and backward pass run; "eager" needs no GPU.
    resume
        Go on after the last epoch done, or return the result that is there. Without, start
        afresh: the run that is there, of whatever configuration, moves to ``DIRECTORY.replaced``,
        and is removed once the new one is finished.
    has_tensorboard
        Write event files to ``tensorboard/``, too.
    progress
        Called after each step as ``progress(stage, steps done, steps in all)``.

    Raises
    ------
    InvalidInputError
        Files of another configuration, of other data or damaged; a directory in which another
        command is at work, or without `resume` one with foreign files; no such device; data that
        is absent; no TensorBoard. All files stay as they were.
    MachineError
        The directory cannot be written, or the disk is full. The last whole epoch is kept.
    TrainingDiverged
        A loss or score is not finite; the checkpoint before is kept.

    Notes
    -----
    A resumed run has the bits of an uninterrupted one on CPUs, with the same number of threads and
    the same versions of libraries.
    Cost: `Training`, and one file of the size of scores, weights and momentum an epoch.
    Randomness: named streams of the seed; no global generator is read or set.
    """
    place = device_named(device)
    if has_tensorboard:
        summary_writer_type()
    if resume and (result := _finished(config, directory)) is not None:
        return result
    training = Training(config, _dataset(config.data), device=place, execution=execution)
    make_directory(directory, parameter="directory")
    if not resume:
        with in_use(directory, parameter="directory"):
            set_aside(directory)
    with in_use(directory, parameter="directory"):
        metrics = _resumed(training, directory / CHECKPOINT)
        with MetricsLog(directory, metrics, has_tensorboard=has_tensorboard) as log:
            while len(metrics) < config.epochs:
                metrics = (*metrics, _next_epoch(training, len(metrics), directory, progress))
                Checkpoint.of(training, metrics).save(directory / CHECKPOINT)
                log.add(metrics[-1])
        result = _finish(training, metrics, directory)
        forget_replaced(directory)
    return result


class MetricsLog:
    """Write the metrics of a run for people to read; a context manager.

    The file is written whole after every epoch. The checkpoint holds the same metrics, and is what
    a run goes on from.

    Parameters
    ----------
    directory
        The directory of the run.
    done
        The metrics of the epochs done before.
    has_tensorboard
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
        self._path = directory / METRICS
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
    content = read_if_there(directory / METRICS, parameter="directory", within=directory)
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


def _finished(config: RunConfig, directory: Path) -> SearchResult | None:
    """Return the result that is there, if any; what it has replaced goes, if a kill left it."""
    result = finished_result(config, directory)
    if result is not None and has_replaced(directory):
        with suppress(InvalidInputError), in_use(directory, parameter="directory"):
            if (directory / RESULT).exists():  # nobody has begun it anew in the meantime
                forget_replaced(directory)
    return result


def _next_epoch(
    training: Training, epoch: int, directory: Path, progress: Progress | None
) -> dict[str, Any]:
    config, num_steps = training.config, training.data.num_steps

    def step_done(done: int) -> None:
        if progress is not None:
            stage = f"{config.method_name} {config.seed}"
            progress(stage, epoch * num_steps + done, config.epochs * num_steps)

    try:
        return training.train_epoch(epoch, step_done=step_done)
    except TrainingDiverged as error:
        kept = f"{directory / CHECKPOINT} holds epoch {epoch}." if epoch else "No epoch was done."
        if replaced_by(directory).exists():
            kept += f" The run before is in {replaced_by(directory)}."
        raise TrainingDiverged(f"{error} {kept}") from error


def _resumed(training: Training, path: Path) -> tuple[dict[str, Any], ...]:
    """Bring the training into the state of the checkpoint, if there is one."""
    if not os.path.lexists(path):
        return ()
    checkpoint = Checkpoint.load(path, training.config)
    checkpoint.restore(training)
    return checkpoint.metrics


def _finish(
    training: Training, metrics: tuple[dict[str, Any], ...], directory: Path
) -> SearchResult:
    masks = training.masks()
    weights = dict(training.network.named_parameters())
    frozen = {name: weight for name, weight in weights.items() if not weight.requires_grad}
    num_weights = sum(mask.numel() for mask in masks.values())
    num_kept = sum(int(mask.count_nonzero()) for mask in masks.values())
    num_all = sum(weight.numel() for weight in weights.values())
    result = SearchResult(
        training.config,
        directory,
        metrics,
        num_kept=num_kept if masks else num_all,
        num_weights=num_weights if masks else num_all,
        frozen_sha256=tensor_digest(frozen),
        data_sha256=training.data.dataset.sha256,
    )
    save_tensors(
        directory / MASKS,
        masks,
        {"config": training.config.to_json(), "frozen_sha256": result.frozen_sha256},
    )
    result.save()
    return result


@lru_cache(maxsize=2)
def _dataset(name: str) -> Dataset:
    """Load a data set once for all runs in this process."""
    return dataset_named(name)


def _line(metrics: dict[str, Any]) -> bytes:
    return json.dumps(metrics, allow_nan=False).encode("ascii") + b"\n"
