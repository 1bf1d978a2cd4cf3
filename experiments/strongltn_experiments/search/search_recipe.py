"""A recipe whose parts are runs of the search engine, one configuration each."""

from __future__ import annotations

import os
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from strongltn.recipes.recipe import AbstractRecipe, Row, Task


@dataclass(frozen=True, kw_only=True)
class SearchRecipe(AbstractRecipe):
    """A recipe whose parts are `SearchConfig.to_json`.

    By default they are spread over as many processes as there are cores; where there is a GPU, one
    process has it for itself. A run that was stopped goes on after its last epoch. Of a run that is
    done, ``result.json`` and ``metrics.jsonl`` stay; checkpoint and masks are deleted.
    """

    def task(self, part: Row, folder: Path) -> Task:
        """Return what carries out the run, in a folder of its own."""
        return partial(run_part, part, folder)

    def workers(self, num_parts: int) -> AbstractContextManager[Executor]:
        """Return new processes."""
        from strongltn.training.config import device_named
        from strongltn.training.many import processes

        has_gpu = device_named("auto").type == "cuda"
        return processes(1 if has_gpu else min(num_parts, os.cpu_count() or 1))

    def num_steps(self, part: Row) -> int:
        """Return the number of epochs."""
        return int(part["epochs"])

    def num_steps_done(self, part: Row, folder: Path) -> int:
        """Return how many epochs the run has recorded."""
        from strongltn.search.config import SearchConfig
        from strongltn.training.run import num_epochs_in

        return num_epochs_in(folder / SearchConfig.from_json(part).name)


def run_part(part: Row, folder: Path) -> list[Row]:
    """Carry out one run, or what is left of it, and return its row.

    Parameters
    ----------
    part : dict
        `SearchConfig.to_json`.
    folder : Path
        Of the effort; the run has a folder in it.

    Returns
    -------
    list of one dict
        The settings that vary, and what was found: ``test_accuracy`` after the last epoch and
        ``best_test_accuracy`` of all; or ``diverged_after``, the number of whole epochs before a
        loss or score was not finite.

    Raises
    ------
    InvalidInputError
        The data are absent.
    """
    from strongltn.errors import TrainingDiverged
    from strongltn.search.config import SearchConfig
    from strongltn.storage import remove_file
    from strongltn.training.result import CHECKPOINT, MASKS
    from strongltn.training.run import num_epochs_in, run

    config = SearchConfig.from_json(part)
    directory = folder / config.name
    names = ("model", "data", "density", "epochs", "batch_size", "seed")
    row = {"method": config.method_name, **{name: part[name] for name in names}}
    try:
        result = run(config, directory)
    except TrainingDiverged:
        return [{**row, "diverged_after": num_epochs_in(directory)}]
    for name in (CHECKPOINT, MASKS):
        remove_file(directory / name)
    last = result.metrics[-1]
    rates = [epoch["steps_per_second"] for epoch in result.metrics]
    return [
        {
            **row,
            "test_accuracy": result.test_accuracy,
            "best_test_accuracy": max(epoch["test_accuracy"] for epoch in result.metrics),
            "num_kept": result.num_kept,
            "num_weights": result.num_weights,
            "seconds": result.seconds,
            "steps_per_second": median(rates),
            "device": _device(last["device"]),
            "threads": last["threads"],
        }
    ]


def _device(name: str) -> str:
    """Return the device with the name of its maker, where it can still be asked."""
    import torch

    if name.startswith("cuda") and torch.cuda.is_available():
        return f"{name}, {torch.cuda.get_device_name(name)}"
    return name
