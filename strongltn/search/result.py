"""What a finished run has found, and the file that says so. Importing this module imports torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from strongltn.default_state import in_default_state
from strongltn.errors import InvalidInputError
from strongltn.search.checkpoint import Checkpoint, check_same, load_tensors
from strongltn.search.config import SearchConfig
from strongltn.search.datasets import INPUT_SHAPES
from strongltn.search.models import model_named
from strongltn.search.training import attach_search

CHECKPOINT, MASKS, RESULT = "checkpoint.safetensors", "masks.safetensors", "result.json"
_DAMAGES = (  # what reading a file of another form raises
    OSError,
    json.JSONDecodeError,
    UnicodeDecodeError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
)


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
    data_sha256 : str
        `Dataset.sha256` of what was trained and tested on.
    """

    config: SearchConfig
    directory: Path
    metrics: tuple[dict[str, Any], ...]
    num_kept: int
    num_weights: int
    frozen_sha256: str
    data_sha256: str

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
            "data_sha256": self.data_sha256,
            "epochs": list(self.metrics),
        }


def finished_result(config: SearchConfig, directory: Path) -> SearchResult | None:
    """Return the result that a directory holds, or None.

    Raises
    ------
    InvalidInputError
        It is of another configuration, or damaged.
    """
    path = directory / RESULT
    try:
        report = json.loads(path.read_bytes())
        check_same(config, report["config"], path)
        names = ("num_kept", "num_weights", "frozen_sha256", "data_sha256")
        result = SearchResult(
            config, directory, tuple(report["epochs"]), **{name: report[name] for name in names}
        )
        is_whole = result.to_json() == report
    except (FileNotFoundError, NotADirectoryError):
        return None
    except _DAMAGES as error:
        raise _no_result(path) from error
    if not is_whole:
        raise _no_result(path)
    return result


def _no_result(path: Path) -> InvalidInputError:
    return InvalidInputError(
        "directory",
        got=f"{path}, which is no result of a run",
        allowed="a directory of runs",
        hint="You can start afresh (--fresh), which replaces what is there.",
    )
