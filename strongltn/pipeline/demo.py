"""The demonstration: a small network trained on digits, its three tickets, and two figures."""

from __future__ import annotations

import json
import os
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from strongltn.construct import LINEAR_DIAMOND, RELU_DIAMOND, SINGLE_WEIGHT, Construction
from strongltn.datasets.images import LabelledImages, load_digits
from strongltn.errors import InvalidInputError
from strongltn.figures import gadget as gadget_figure
from strongltn.figures import weight_errors
from strongltn.networks import Ball, Box, LinearLayer, TargetNetwork, Ticket
from strongltn.networks.ticket_directory import TICKET_CONTENTS
from strongltn.pipeline import tickets as pipeline
from strongltn.process.default_state import in_default_state
from strongltn.rng import WeightLaw, named_generator, stream_key
from strongltn.storage import (
    check_writable,
    in_use,
    is_partial,
    make_directory,
    new_directory,
    read_file,
    write_whole,
)
from strongltn.subset_sum.solvers import MeetInTheMiddle, SingleWeight
from strongltn.values.json_text import json_text

if TYPE_CHECKING:
    import torch

    from strongltn.values.arguments import Progress

_WIDTHS = (64, 32, 10)
_EPOCHS = 40
_BATCH_SIZE = 64
_SAMPLES: tuple[tuple[Construction, int], ...] = (
    (RELU_DIAMOND, 22),
    (LINEAR_DIAMOND, 22),
    (SINGLE_WEIGHT, 2000),
)
_CURVE_WEIGHTS = 1000
_SINGLE_SIZES = tuple(2**k for k in range(13))
_SUBSET_SIZES = tuple(range(1, 29))
# one weight of the drawn gadget: few enough neurons to read, the best of the seeds 0 to 29
_GADGET_WEIGHT, _GADGET_SAMPLES, _GADGET_SEED = 0.3, 10, 4
_GADGET_NOTE = "The source is the one of 30 whose error is the least."
_REPORT = "demo.json"
_MAX_REPORT_BYTES = 1 << 24


@in_default_state()
def run_demo(out: Path, *, seed: int, progress: Progress | None = None) -> dict[str, Any]:
    """Train, build, certify, verify, draw; return the report and write it to ``out/demo.json``.

    Parameters
    ----------
    out : Path
        A new or empty directory, or that of an earlier demonstration, whose tickets and figures are
        replaced.
    seed : int in [0, 2^64)
        The seed of training and of the sources.
    progress : callable, optional

    Raises
    ------
    InvalidInputError
        The seed is none, the directory holds something else, or another command is at work in it.
    MachineError
        It cannot be written.
    """
    stream_key(seed, name="training")  # refuses a wrong seed while nothing is written
    check_writable(out)
    _check_ours(out)
    make_directory(out)
    with in_use(out, parameter="out"):
        _write_report(out, {"is_finished": False})
        return _run(out, seed=seed, progress=progress)


def _run(out: Path, *, seed: int, progress: Progress | None) -> dict[str, Any]:
    train, test = load_digits(seed=seed)
    began = time.perf_counter()
    target = train_network(train, widths=_WIDTHS, epochs=_EPOCHS, seed=seed, progress=progress)
    report: dict[str, Any] = {
        "target": {
            "widths": list(target.widths),
            "weights": target.num_weights,
            "accuracy": accuracy(target.to_module(), test),
            "num_test_images": len(test.labels),
            "seconds": time.perf_counter() - began,
        },
        "domain": str(Box()),
        "tickets": [
            _make_ticket(target, construction, samples, test, out=out, seed=seed, progress=progress)
            for construction, samples in _SAMPLES
        ],
    }
    report["figures"] = [str(path) for path in _draw(target, out, seed=seed, progress=progress)]
    _write_report(out, {"is_finished": True, **report})
    return report


def _check_ours(out: Path) -> None:
    """Refuse, before anything is trained, a directory with files of which some might be replaced.

    An earlier demonstration says in its report that the directory is its own.
    """
    if not os.path.isdir(out) or all(is_partial(path.name) for path in out.iterdir()):
        return
    try:
        report = json.loads(read_file(out / _REPORT, parameter="out", max_bytes=_MAX_REPORT_BYTES))
        is_ours = "is_finished" in report or {"target", "tickets", "figures"} <= report.keys()
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        is_ours = False
    if not is_ours:
        raise InvalidInputError(
            "out",
            got=f"{out}, which holds other files",
            allowed="a new or empty directory, or that of an earlier strongltn demo",
        )
    for construction, _ in _SAMPLES:
        if (out / construction.name).exists():
            TICKET_CONTENTS.check(out / construction.name, parameter="out")


def _write_report(out: Path, report: dict[str, Any]) -> None:
    write_whole(out / _REPORT, (json_text(report, indent=1) + "\n").encode("ascii"))


@in_default_state()
def train_network(
    data: LabelledImages,
    *,
    widths: tuple[int, ...],
    epochs: int,
    seed: int,
    progress: Progress | None = None,
) -> TargetNetwork:
    """Return a network of Linear layers with biases and ReLU, trained by Adam.

    Randomness: initial weights and batches from `seed`; no global generator is touched.
    """
    import torch

    from strongltn.training.loop import AllWeights, Loop

    generator = named_generator(seed, name="training")
    layers = []
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        weight = generator.normal(0, np.sqrt(2 / inputs), (outputs, inputs)).astype(np.float32)
        layers.append(LinearLayer(f"fc{i + 1}", weight, np.zeros(outputs, dtype=np.float32)))
    module = TargetNetwork(tuple(layers)).to_module().requires_grad_(True)
    optimizer = torch.optim.Adam(module.parameters(), lr=3e-3, weight_decay=1e-4)
    loop = Loop(module, AllWeights(module), optimizer)
    images, labels = torch.from_numpy(data.images), torch.from_numpy(data.labels)
    for epoch in range(epochs):
        order = torch.from_numpy(generator.permutation(len(labels)))
        loop.run((images[batch], labels[batch]) for batch in torch.split(order, _BATCH_SIZE))
        if progress:
            progress("training", epoch + 1, epochs)
    return TargetNetwork.from_module(module)


def accuracy(module: torch.nn.Module, data: LabelledImages) -> float:
    """Return the share of images whose largest output is at their label."""
    import torch

    with torch.no_grad():
        guesses = module(torch.from_numpy(data.images)).argmax(dim=1)
    return float((guesses == torch.from_numpy(data.labels)).double().mean())


def _make_ticket(
    target: TargetNetwork,
    construction: Construction,
    num_samples: int,
    test: LabelledImages,
    *,
    out: Path,
    seed: int,
    progress: Progress | None,
) -> dict[str, Any]:
    from proofs_check import verify
    from strongltn.networks.pruned import PrunedNetwork

    def renamed(stage: str, done: int, total: int) -> None:
        if progress:
            progress(f"{construction.name}: {stage}", done, total)

    renamed("building", 0, 1)
    directory = out / construction.name
    with new_directory(directory, replaces=TICKET_CONTENTS) as work:
        result = pipeline.prune(
            target,
            construction=construction,
            num_samples=num_samples,
            seed=seed,
            domain=Box(),
            progress=renamed,
        )
        pipeline.save(result, work)
    began = time.perf_counter()
    audit = verify(directory)
    report = result.report()
    report["seconds"]["verifying"] = time.perf_counter() - began
    report["verdict"] = audit.verdict.value
    report["accuracy"] = accuracy(PrunedNetwork(result.ticket), test)
    return report


def _draw(target: TargetNetwork, out: Path, *, seed: int, progress: Progress | None) -> list[Path]:
    weights = target.layers[0].weight.astype(np.float64).ravel()
    weights = weights / (2 * np.abs(weights).max())
    chosen = named_generator(seed, name="error curve").choice(weights, _CURVE_WEIGHTS)
    law = WeightLaw.UNIFORM
    total = len(_SINGLE_SIZES) + len(_SUBSET_SIZES)

    def report(done: int) -> None:
        if progress:
            progress("figures", done, total)

    single = weight_errors.measure_errors(
        chosen, list(_SINGLE_SIZES), solver=SingleWeight(), law=law, seed=seed, progress=report
    )
    subset = weight_errors.measure_errors(
        chosen,
        list(_SUBSET_SIZES),
        solver=MeetInTheMiddle(),
        law=law,
        seed=seed,
        progress=lambda done: report(len(_SINGLE_SIZES) + done),
    )
    files = weight_errors.plot_errors(chosen, single, subset, law=law, path=out / "weight_error")
    gadget = gadget_ticket(_GADGET_SEED)
    files += gadget_figure.plot_gadget(
        gadget, target=_GADGET_WEIGHT, path=out / "diamond", note=_GADGET_NOTE
    )
    return [path for path in files if path.suffix == ".png"]


def gadget_ticket(seed: int) -> Ticket:
    """Return the ticket of one weight that the demonstration draws, in the source of a seed."""
    weight = np.array([[_GADGET_WEIGHT]], dtype=np.float32)
    one = TargetNetwork((LinearLayer("weight", weight),))
    return pipeline.prune(one, num_samples=_GADGET_SAMPLES, seed=seed, domain=Ball()).ticket
