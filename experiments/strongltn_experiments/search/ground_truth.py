"""Recipe: does edge-popup find what provably exists, and at which over-parameterization?

Planted: three small targets of known structure in random networks that are wider by a ratio. Their
mask is known and exact; the search keeps as many weights. Constructed: a target trained on digits
of 4 x 4 pixels, a source with diamonds for it, and the mask that the subset sums choose; the search
gets the same source, and in every layer the same number of weights. It either imitates the target
or learns the labels. Of several settings the figure shows the best in hindsight: in favour of the
search.

Last, networks that a search found on the whole digits, at several densities, against the trained
dense network of their shape: certified bounds of sup ||f - g|| over all images.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from strongltn.recipes.recipe import AbstractRecipe, Effort, Row, Task, Tier
from strongltn_experiments.search.ground_truth_answer import answer
from strongltn_experiments.search.ground_truth_chart import draw

if TYPE_CHECKING:
    from strongltn.groundtruth import Examples, GroundTruth

_PLANTED = ("relu-unit", "circle", "helix")
_HIDDEN = ((), (12,))  # of the digits' targets: one diamond, and two
_STARTS = ("random", "annealed", "truth")
_NUM_EXAMPLES = 4096

_EFFORTS: dict[Effort, dict[str, Any]] = {
    Effort.QUICK: {
        "ratios": (1, 4, 16),
        "num_samples": (4, 12),
        "planted_rates": (0.1,),
        "constructed_rates": (0.01,),
        "num_steps": 300,
        "seeds": 1,
        "densities": (0.1, 0.5),
        "epochs": 10,
    },
    Effort.FULL: {
        "ratios": (1, 2, 4, 8, 16, 32),
        "num_samples": (4, 8, 12, 16),
        "planted_rates": (0.1, 0.01),
        "constructed_rates": (0.03, 0.003),
        "num_steps": 600,
        "seeds": 2,
        "densities": (0.05, 0.1, 0.25, 0.5, 0.75),
        "epochs": 50,
    },
}


@dataclass(frozen=True, kw_only=True)
class _GroundTruthRecipe(AbstractRecipe):
    """A recipe of short parts, spread over as many processes as there are cores."""

    def task(self, part: Row, folder: Path) -> Task:
        """Return what computes a part; no files are needed."""
        return partial(compute, part)

    def workers(self, num_parts: int) -> AbstractContextManager[Executor]:
        """Return new processes."""
        from strongltn.training.processes import processes

        return processes(min(num_parts, os.cpu_count() or 1))


def _parts(effort: Effort) -> list[Row]:
    sizes = _EFFORTS[effort]
    planted: list[Row] = [
        {"kind": "planted", "target": target, "ratio": ratio, "objective": "imitate"}
        for target in _PLANTED
        for ratio in sizes["ratios"]
    ]
    constructed: list[Row] = [
        {"kind": "constructed", "hidden": list(hidden), "num_samples": n, "objective": objective}
        for hidden in _HIDDEN
        for n in sizes["num_samples"]
        for objective in ("imitate", "classify")
    ]
    settings: list[Row] = [
        {"start": start, "num_steps": sizes["num_steps"], "seed": seed}
        for start in _STARTS
        for seed in range(sizes["seeds"])
    ]
    searches = [
        {**case, **setting, "learning_rate": rate}
        for case in planted + constructed
        for setting in settings
        for rate in sizes[f"{case['kind']}_rates"]
        if not (case["objective"] == "classify" and setting["start"] == "truth")
    ]
    certified: list[Row] = [
        {"kind": "certified", "density": density, "epochs": sizes["epochs"], "seed": seed}
        for density in sizes["densities"]
        for seed in range(sizes["seeds"])
    ]
    return searches + certified


def compute(part: Row) -> list[Row]:
    """Return the one row of a part: its settings and what came of them."""
    computations: dict[str, Callable[[Row], Row]] = {
        "planted": _planted,
        "constructed": _constructed,
        "certified": _certified,
    }
    return [part | computations[part["kind"]](part)]


def _planted(part: Row) -> Row:
    from strongltn.groundtruth import Examples, circle, helix, plant, relu_unit

    target = {"relu-unit": relu_unit, "circle": circle, "helix": helix}[part["target"]]()
    hidden = tuple(part["ratio"] * width for width in target.widths[1:-1])
    examples = Examples.in_cube(
        target,
        count=_NUM_EXAMPLES,
        seed=part["seed"],
        has_constant=part["target"] != "relu-unit",
        has_classes=part["target"] == "circle",
    )
    return _recovered(plant(target, hidden, seed=part["seed"]), examples, part)


def _constructed(part: Row) -> Row:
    from strongltn.groundtruth import constructed_truth
    from strongltn.networks import Box
    from strongltn_experiments.search.ground_truth_target import small_digits, trained_target

    examples = small_digits()
    target = trained_target(tuple(part["hidden"]), examples)
    truth = constructed_truth(
        target, num_samples=part["num_samples"], domain=Box(), seed=part["seed"]
    )
    return _recovered(truth, examples, part)


def _recovered(truth: GroundTruth, examples: Examples, part: Row) -> Row:
    from strongltn.groundtruth import (
        Objective,
        RecoverySettings,
        Start,
        agreement_of,
        recover,
    )

    settings = RecoverySettings(
        start=Start(part["start"]),
        objective=Objective(part["objective"]),
        num_steps=part["num_steps"],
        learning_rate=part["learning_rate"],
    )
    found = recover(truth, examples, seed=part["seed"], settings=settings)
    known = agreement_of(truth.pruned, truth, examples)
    return {
        "widths": list(truth.source.widths),
        "densities": list(truth.densities),
        "unexplained": found.agreement.unexplained,
        "largest_distance": found.agreement.largest_distance,
        "accuracy": found.agreement.accuracy,
        "is_dead": found.agreement.is_dead,
        "iou": found.overlap.iou,
        "iou_by_chance": found.overlap.chance,
        "truth_unexplained": known.unexplained,
        "truth_accuracy": known.accuracy,
    }


def _certified(part: Row) -> Row:
    """Return bounds on the distance of a found network from the dense one, and on its size."""
    from strongltn.certify import Attack, CertifySettings
    from strongltn.groundtruth.found import certify_found
    from strongltn.groundtruth.runs import image_box
    from strongltn.networks import LinearLayer, OutputNorm, TargetNetwork
    from strongltn.search.config import settings_of
    from strongltn.training.run import run

    place = {"data": "digits", "epochs": part["epochs"], "seed": part["seed"]}
    configs = [
        settings_of("edge-popup", density=part["density"], **place),
        settings_of("dense", **place),
    ]
    with TemporaryDirectory() as folder:
        results = [run(config, Path(folder) / config.name, device="cpu") for config in configs]
        found, dense = (TargetNetwork.from_module(result.network()) for result in results)
    nothing = TargetNetwork(
        tuple(LinearLayer(layer.name, np.zeros_like(layer.weight)) for layer in dense.layers)
    )
    settings = CertifySettings(attack=Attack(num_steps=240), output_norm=OutputNorm.INF)
    domain = image_box("digits")
    distance = certify_found(found, dense, domain=domain, settings=settings).to_json()
    size = certify_found(nothing, dense, domain=domain, settings=settings).to_json()
    return {
        "widths": list(dense.widths),
        "found_accuracy": results[0].test_accuracy,
        "dense_accuracy": results[1].test_accuracy,
        "upper_bound": distance["certified_error"],
        "lower_bound": distance["empirical_error"],
        "dense_upper_bound": size["certified_error"],
        "dense_lower_bound": size["empirical_error"],
    }


RECIPE = _GroundTruthRecipe(
    key="edge-popup-finds",
    question="Does edge-popup find the tickets that provably exist, planted and constructed, and "
    "at which over-parameterization?",
    source="fischer2022 (planting, recalled); pensia2020 (construction); ramanujan2020",
    version=1,
    parts=_parts,
    draw=draw,
    answer=answer,
    tiers={Effort.QUICK: Tier(140), Effort.FULL: Tier(3600, "estimated")},
)
