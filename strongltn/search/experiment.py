"""One run: trained, checkpointed after every epoch, resumed exactly, recorded.

Importing this module imports torch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from strongltn.errors import InvalidInputError, TrainingDiverged
from strongltn.search.checkpoint import (
    Checkpoint,
    check_same,
    load_tensors,
    save_tensors,
    tensor_digest,
    write_whole,
)
from strongltn.search.config import SearchConfig
from strongltn.search.datasets import Dataset, dataset_named
from strongltn.search.execution import Execution, device_named
from strongltn.search.metrics import FILE_NAME, MetricsLog
from strongltn.search.models import model_named
from strongltn.search.training import Training, attach_search

Progress = Callable[[str, int, int], None]

CHECKPOINT, MASKS, RESULT = "checkpoint.safetensors", "masks.safetensors", "result.json"


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a finished run has found; `run` returns it.

    Attributes
    ----------
    config : SearchConfig
    directory : Path
        Where its files are.
    metrics : tuple of dict
        One for each epoch, see `Training.train_epoch`.
    num_kept, num_weights : int
        Over all masked weights; of a dense network, all weights twice.
    frozen_sha256 : str
        `tensor_digest` of everything that was not trained, by the name of the parameter: the
        weights that the masks are for.
    """

    config: SearchConfig
    directory: Path
    metrics: tuple[dict[str, Any], ...]
    num_kept: int
    num_weights: int
    frozen_sha256: str

    @property
    def test_accuracy(self) -> float:
        """Of the network at the end, in [0, 1]."""
        return float(self.metrics[-1]["test_accuracy"])

    @property
    def density(self) -> float:
        """Fraction of the weights that is kept."""
        return self.num_kept / self.num_weights

    @property
    def seconds(self) -> float:
        """Of all epochs, whenever they ran."""
        return float(sum(metrics["seconds"] for metrics in self.metrics))

    def masks(self) -> dict[str, torch.Tensor]:
        """Return the masks by the names of the weights, True = kept; none for a dense network.

        Raises
        ------
        InvalidInputError
            Their file is gone or damaged.
        """
        return load_tensors(self.directory / MASKS)[0]

    def network(self) -> torch.nn.Module:
        """Return the network that was found: plain, on the CPU, in evaluation mode.

        Raises
        ------
        InvalidInputError
            The checkpoint is gone or damaged, or the data set is.
        """
        checkpoint = Checkpoint.load(self.directory / CHECKPOINT, self.config)
        dataset = _dataset(self.config.data)
        network = model_named(self.config.model, input_shape=dataset.input_shape)
        handle = attach_search(network, self.config)
        network.load_state_dict(checkpoint.network)
        return network.eval() if handle is None else handle.detach()

    def to_json(self) -> dict[str, Any]:
        """Return everything but the directory, with what follows from it, as plain JSON."""
        return {
            "config": self.config.to_json(),
            "identity": self.config.identity,
            "test_accuracy": self.test_accuracy,
            "density": self.density,
            "num_kept": self.num_kept,
            "num_weights": self.num_weights,
            "seconds": self.seconds,
            "frozen_sha256": self.frozen_sha256,
            "epochs": list(self.metrics),
        }


def run(
    config: SearchConfig,
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

    Parameters
    ----------
    config : SearchConfig
    directory : Path
        Of this run alone; made if need be.
    device : str
        As in `device_named`.
    execution : Execution
    resume : bool
        Go on after the last epoch done, or return the result that is there. Without, start
        afresh and replace these files, of whatever configuration they are.
    has_tensorboard : bool
        Write event files to ``tensorboard/``, too.
    progress : (stage, steps done, steps in all) -> None, optional

    Returns
    -------
    SearchResult

    Raises
    ------
    InvalidInputError
        Files of another configuration or damaged ones, no such device, data that is absent.
    TrainingDiverged
        A loss or score is not finite; the checkpoint before is kept.

    Notes
    -----
    A resumed run has the bits of an uninterrupted one on CPUs, with the same number of threads and
    the same versions of libraries.
    Cost: `Training`, and one file of the size of scores, weights and momentum an epoch.
    Randomness: named streams of the seed; no global generator is read or set.
    """
    if resume:
        result = _finished(config, directory)
        if result is not None:
            return result
    training = Training(
        config, _dataset(config.data), device=device_named(device), execution=execution
    )
    directory.mkdir(parents=True, exist_ok=True)
    if not resume:
        for name in (RESULT, MASKS, CHECKPOINT, FILE_NAME):
            (directory / name).unlink(missing_ok=True)
    metrics = _resumed(training, directory / CHECKPOINT)
    with MetricsLog(directory, metrics, has_tensorboard=has_tensorboard) as log:
        while len(metrics) < config.epochs:
            metrics = (*metrics, _next_epoch(training, len(metrics), directory, progress))
            Checkpoint.of(training, metrics).save(directory / CHECKPOINT)
            log.add(metrics[-1])
    return _finish(training, metrics, directory)


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
        raise TrainingDiverged(f"{error} {kept}") from error


def _resumed(training: Training, path: Path) -> tuple[dict[str, Any], ...]:
    """Bring the training into the state of the checkpoint, if there is one."""
    if not path.exists():
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
    )
    save_tensors(
        directory / MASKS,
        masks,
        {"config": training.config.to_json(), "frozen_sha256": result.frozen_sha256},
    )
    write_whole(directory / RESULT, json.dumps(result.to_json(), indent=1).encode("ascii"))
    return result


def _finished(config: SearchConfig, directory: Path) -> SearchResult | None:
    """Return the result that the directory holds, if it does."""
    path = directory / RESULT
    try:
        report = json.loads(path.read_bytes())
        check_same(config, report["config"], path)
        return SearchResult(
            config,
            directory,
            tuple(report["epochs"]),
            **{name: report[name] for name in ("num_kept", "num_weights", "frozen_sha256")},
        )
    except FileNotFoundError:
        return None
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise InvalidInputError(
            "directory",
            got=f"{path}, which is no result of a run",
            allowed="a directory of runs",
            hint="Start afresh, which replaces what is there.",
        ) from error


@lru_cache(maxsize=2)
def _dataset(name: str) -> Dataset:
    """Load a data set once for all runs in this process."""
    return dataset_named(name)
