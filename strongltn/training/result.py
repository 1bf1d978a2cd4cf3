"""What a finished run has found, and the file that says so. Importing this module imports torch."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from strongltn.datasets.catalogue import INPUT_SHAPES
from strongltn.errors import InvalidInputError
from strongltn.models.catalogue import model_named
from strongltn.process.default_state import in_default_state
from strongltn.storage import read_if_there, write_whole
from strongltn.training.checkpoint import (
    Checkpoint,
    check_same,
    checked_metrics,
    load_state,
    load_tensors,
)
from strongltn.training.config import RunConfig

CHECKPOINT, MASKS, RESULT = "checkpoint.safetensors", "masks.safetensors", "result.json"
METRICS, TENSORBOARD = "metrics.jsonl", "tensorboard"
_COUNTS = ("num_kept", "num_weights")
_DIGESTS = ("frozen_sha256", "data_sha256")
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, eq=False)
class SearchResult:
    """Read what a finished run has found: accuracy, masks and the network; `run` returns it.

    Attributes
    ----------
    config
        All settings of the run.
    directory
        Where its files are.
    metrics
        What was measured in each epoch, see `Training.train_epoch`.
    num_kept, num_weights
        How many of the masked weights are kept, and how many there are. A dense network has no
        masks: both count all its weights.
    frozen_sha256
        The `tensor_digest` of everything that was not trained, by the name of the parameter: the
        weights that the masks are for.
    data_sha256
        The `Dataset.sha256` of what was trained and tested on.
    """

    config: RunConfig
    directory: Path
    metrics: tuple[dict[str, Any], ...]
    num_kept: int
    num_weights: int
    frozen_sha256: str
    data_sha256: str

    def __repr__(self) -> str:
        return (
            f"SearchResult({self.config.method_name}, {self.config.model} on {self.config.data}, "
            f"seed {self.config.seed}: test accuracy {self.test_accuracy:.4g}, keeps "
            f"{self.num_kept:,} of {self.num_weights:,} weights)"
        )

    @property
    def test_accuracy(self) -> float:
        """The fraction of the test images that the network at the end classifies rightly."""
        return float(self.metrics[-1]["test_accuracy"])

    @property
    def density(self) -> float:
        """The fraction of the weights that is kept."""
        return self.num_kept / self.num_weights

    @property
    def seconds(self) -> float:
        """The seconds that all epochs took, whenever they ran."""
        return float(sum(metrics["seconds"] for metrics in self.metrics))

    @in_default_state()
    def masks(self) -> dict[str, torch.Tensor]:
        """Return the masks by the names of the weights, True = kept; none for a dense network.

        Raises
        ------
        InvalidInputError
            Their file is gone, damaged or of another configuration.
        """
        masks, metadata = load_tensors(self.directory / MASKS)
        check_same(self.config, metadata.get("config"), self.directory / MASKS)
        if any(mask.dtype is not torch.bool for mask in masks.values()):
            raise InvalidInputError(
                "directory",
                got=f"{self.directory / MASKS}, which holds no masks",
                allowed="a directory whose files are as they were written",
            )
        return masks

    @in_default_state()
    def network(self) -> torch.nn.Module:
        """Return the network that was found: plain, on the CPU, in evaluation mode.

        Raises
        ------
        InvalidInputError
            The checkpoint is gone or damaged.
        """
        checkpoint = Checkpoint.load(self.directory / CHECKPOINT, self.config)
        network = model_named(self.config.model, input_shape=INPUT_SHAPES[self.config.data])
        strategy = self.config.strategy(network)
        load_state(network, checkpoint.network)
        return strategy.plain()

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
            "data_sha256": self.data_sha256,
            "epochs": list(self.metrics),
        }

    def save(self) -> None:
        """Write ``result.json``: `to_json`, with a digest of it."""
        report = self.to_json()
        text = json.dumps(report | {"digest": _digest(report)}, indent=1, allow_nan=False)
        write_whole(self.directory / RESULT, text.encode("ascii"))


def finished_result(config: RunConfig, directory: Path) -> SearchResult | None:
    """Return the result that a directory holds, or None.

    A result of an earlier version has no digest; it is compared with checkpoint and masks, as far
    as they are there.

    Raises
    ------
    InvalidInputError
        It is of another configuration, was changed, or is no result at all.
    MachineError
        It cannot be read.
    """
    path = directory / RESULT
    content = read_if_there(path, parameter="directory", within=directory)
    if content is None:
        return None
    try:
        report = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _no_result(path, str(error)) from error
    if not isinstance(report, dict):
        raise _no_result(path, "it is no JSON object")
    digest = report.pop("digest", None)
    check_same(config, report.get("config"), path)
    result = _parsed(config, directory, report)
    if digest is None:
        _compare(result)
    elif digest != _digest(report):
        raise _no_result(path, "it was changed")
    return result


def _parsed(config: RunConfig, directory: Path, report: dict[str, Any]) -> SearchResult:
    path = directory / RESULT
    counts = {name: report.get(name) for name in _COUNTS}
    digests = {name: report.get(name) for name in _DIGESTS}
    if any(type(value) is not int or value < 1 for value in counts.values()):
        raise _no_result(path, f"{' or '.join(_COUNTS)} is no count")
    if not all(isinstance(value, str) and _SHA256.fullmatch(value) for value in digests.values()):
        raise _no_result(path, f"{' or '.join(_DIGESTS)} is no digest")
    try:
        metrics = checked_metrics(report.get("epochs"), config)
    except ValueError as error:
        raise _no_result(path, str(error)) from error
    if len(metrics) != config.epochs:
        raise _no_result(path, f"it has {len(metrics)} epochs of {config.epochs}")
    result = SearchResult(config, directory, metrics, **counts, **digests)  # type: ignore[arg-type]
    if result.to_json() != report:
        raise _no_result(path, "it contradicts itself")
    return result


def _compare(result: SearchResult) -> None:
    """Refuse a result that says other than checkpoint and masks, which have digests."""
    directory = result.directory
    if (directory / CHECKPOINT).is_file():
        checkpoint = Checkpoint.load(directory / CHECKPOINT, result.config)
        known = (result.metrics, result.data_sha256)
        if (checkpoint.metrics, checkpoint.data_sha256) != known:
            raise _no_result(directory / RESULT, f"{CHECKPOINT} says otherwise")
    if (directory / MASKS).is_file():
        masks, metadata = load_tensors(directory / MASKS)
        counts = {
            "num_kept": sum(int(mask.count_nonzero()) for mask in masks.values()),
            "num_weights": sum(mask.numel() for mask in masks.values()),
        }
        found = result.to_json()
        is_same = not masks or all(found[name] == counts[name] for name in _COUNTS)
        if not is_same or metadata.get("frozen_sha256") != result.frozen_sha256:
            raise _no_result(directory / RESULT, f"{MASKS} says otherwise")


def _digest(report: dict[str, Any]) -> str:
    text = json.dumps(report, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _no_result(path: Path, why: str) -> InvalidInputError:
    return InvalidInputError(
        "directory",
        got=f"{path}, which is no result of a run: {why}",
        allowed="a directory of runs",
        hint="You can start afresh (--fresh), which replaces what is there.",
    )
