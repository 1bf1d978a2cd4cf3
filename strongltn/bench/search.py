"""The benchmark of a training step: dense, edge-popup, and edge-popup that sorts all its scores.

Importing this module imports torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch
from torch.nn.utils import parametrize

from strongltn.bench.machine import describe_machine, git_commit, now
from strongltn.bench.timing import Progress
from strongltn.datasets.catalogue import Dataset
from strongltn.datasets.images import LabelledImages
from strongltn.models.catalogue import model_named
from strongltn.models.density import num_kept_of
from strongltn.rng import named_generator
from strongltn.search.config import settings_of
from strongltn.training.loop import Training

DENSITY = 0.5
BATCH_SIZE = 128
#: Models, and how many steps of one contestant follow each other in a round.
MODELS = {"lenet-300-100": 20, "conv2": 2}
_NUM_ROUNDS, _NUM_ROUNDS_QUICK = 15, 5

Step = Callable[[], object]


class _SortedMask(torch.autograd.Function):
    """The mask of the largest |score| by a full sort, with a straight-through gradient."""

    @staticmethod
    def forward(ctx: Any, magnitudes: torch.Tensor, num_kept: int) -> torch.Tensor:
        mask = torch.zeros(magnitudes.numel())
        mask[magnitudes.flatten().argsort(descending=True)[:num_kept]] = 1
        return mask.view_as(magnitudes)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradient, None


class _SortedWeight(torch.nn.Module):
    """What edge-popup does, as directly as it can be written."""

    def __init__(self, weight: torch.Tensor, generator: np.random.Generator) -> None:
        super().__init__()
        drawn = generator.uniform(-1, 1, tuple(weight.shape)) / np.sqrt(weight[0].numel())
        self.scores = torch.nn.Parameter(torch.from_numpy(drawn.astype(np.float32)))
        self.num_kept = num_kept_of(DENSITY, weight.numel())

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        mask: torch.Tensor = _SortedMask.apply(self.scores.abs(), self.num_kept)  # type: ignore[no-untyped-call]
        return weight * mask


def run_benchmark(*, is_quick: bool, progress: Progress) -> dict[str, Any]:
    """Measure all steps in turns, and return the report.

    Returns
    -------
    dict
        Plain JSON. Seconds are medians over the rounds, of one step with a batch of 128 random
        images: CPU time on one core, wall time on all. The ratios are of these.

    Notes
    -----
    Rigor: estimates (timings).  Cost: a minute or two.
    Randomness: named streams of the seed 0.
    """
    began, machine = time.perf_counter(), describe_machine()
    num_rounds = _NUM_ROUNDS_QUICK if is_quick else _NUM_ROUNDS
    rows = []
    for model, num_steps in MODELS.items():
        rows += _measured(model, num_steps, num_rounds, progress)
    return {
        "benchmark": "search",
        "date": now(),
        "commit": git_commit(),
        "machine": {**machine, "torch": torch.__version__, "threads": torch.get_num_threads()},
        "is_quick": is_quick,
        "density": DENSITY,
        "batch_size": BATCH_SIZE,
        "num_rounds": num_rounds,
        "steps": rows,
        "ratios": [_ratios(model, rows) for model in MODELS],
        "seconds": time.perf_counter() - began,
    }


def report_lines(report: dict[str, Any]) -> list[str]:
    """Return the lines to print."""
    machine = report["machine"]
    lines = [
        f"{machine['cpu']}, {machine['threads']} threads, load {machine['load']} before; "
        f"{report['date']}; medians of {report['num_rounds']} rounds"
    ]
    lines += [
        f"{row['model']:<14} {row['name']:<11} {1e3 * row['cpu_seconds']:8.2f} ms on one core, "
        f"{1e3 * row['wall_seconds_all_cores']:8.2f} ms on all"
        for row in report["steps"]
    ]
    for ratio in report["ratios"]:
        one, every = ratio["cpu"], ratio["wall_all_cores"]
        lines.append(
            f"{ratio['model']:<14} edge-popup takes {one['of_dense']:.2f} x dense "
            f"({every['of_dense']:.2f} x on all cores) and is {one['sorting']:.1f} x as fast as "
            f"sorting ({every['sorting']:.1f} x)"
        )
    return lines


def _measured(
    model: str, num_steps: int, num_rounds: int, progress: Progress
) -> list[dict[str, Any]]:
    steps = _contestants(model)
    cpu: dict[str, list[float]] = {name: [] for name in steps}
    wall: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()  # compiles, and lays the first bracket of the scores
    for count in range(num_rounds):
        progress(model, count, num_rounds)
        for name, step in steps.items():
            with _one_thread():
                cpu[name].append(_seconds(step, num_steps, time.process_time))
            wall[name].append(_seconds(step, num_steps, time.perf_counter))
    return [
        {
            "model": model,
            "name": name,
            "cpu_seconds": median(cpu[name]),
            "wall_seconds_all_cores": median(wall[name]),
        }
        for name in steps
    ]


def _contestants(model: str) -> dict[str, Step]:
    dataset = _random_images(model)
    trainings = {
        method: Training(
            settings_of(method, model=model, batch_size=BATCH_SIZE),
            dataset,
            device=torch.device("cpu"),
        )
        for method in ("dense", "edge-popup")
    }
    images, labels = next(trainings["dense"].data.training_batches(0, seed=0))
    steps: dict[str, Step] = {
        name: partial(training.step, images, labels) for name, training in trainings.items()
    }
    steps["full sort"] = _sorting_step(model, images, labels)
    return steps


def _sorting_step(model: str, images: torch.Tensor, labels: torch.Tensor) -> Step:
    network = model_named(model)
    generator = named_generator(0, name="bench/search/sorting")
    network.requires_grad_(False)
    for name in network.searched:
        layer = network.get_submodule(name)
        weight = network.get_parameter(f"{name}.weight")
        scale = np.float32(np.sqrt(2 / weight[0].numel()))
        drawn = generator.standard_normal(tuple(weight.shape), dtype=np.float32) * scale
        weight.copy_(torch.from_numpy(drawn))
        parametrize.register_parametrization(layer, "weight", _SortedWeight(weight, generator))
    optimizer = torch.optim.SGD(
        [weight for weight in network.parameters() if weight.requires_grad],
        lr=0.1,
        momentum=0.9,
        weight_decay=1e-4,
        fused=True,
    )

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(images), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def _random_images(model: str) -> Dataset:
    shape = model_named(model).input_shape
    generator = named_generator(0, name="bench/search/images")
    part = LabelledImages(
        generator.random((BATCH_SIZE, int(np.prod(shape))), dtype=np.float32),
        generator.integers(0, 10, BATCH_SIZE),
    )
    flat = (0.5,) * shape[0]
    return Dataset("random", part, part, 10, shape, mean=flat, std=flat)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _seconds(step: Step, num_steps: int, clock: Callable[[], float]) -> float:
    began = clock()
    for _ in range(num_steps):
        step()
    return (clock() - began) / num_steps


def _ratios(model: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return edge-popup against the other two."""
    of = {row["name"]: row for row in rows if row["model"] == model}
    ratios: dict[str, Any] = {"model": model}
    for key, clock in (("cpu", "cpu_seconds"), ("wall_all_cores", "wall_seconds_all_cores")):
        dense, ours, sorting = (of[name][clock] for name in ("dense", "edge-popup", "full sort"))
        ratios[key] = {"of_dense": ours / dense, "sorting": sorting / ours}
    return ratios
