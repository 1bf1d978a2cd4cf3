"""Pensia et al. 2020, experiment 1: subset sums for the weights of a trained network.

Published: 397,000 subset sums of 21 samples put back into the dense 784-500-10 network. Here: the
ticket, a mask over one random network, its own accuracy on the MNIST test images, and a certificate
checked by proofs_check. Run as
``python -m experiments.studies.pensia2020_experiment1 --target fc2.pt``; the network is that of the
authors' repository, MNIST is read from --data or STRONGLTN_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from strongltn.datasets.images import load_mnist_test
from strongltn.networks.pruned import PrunedNetwork
from strongltn.networks.target import load_target
from strongltn.networks.ticket_directory import read_ticket
from strongltn.pipeline.demo import accuracy
from strongltn.report.text import outward
from strongltn.storage import make_directory, write_whole
from strongltn.values.json_text import json_text

RECORD = Path(__file__).parents[1] / "recorded" / "pensia2020_experiment1.json"

#: From the authors' repository and log; epsilon is 0.01 for one weight.
PUBLISHED = {
    "construction": "dense target network with subset sums for weights",
    "samples_per_weight": 21,
    "source_weights": 8_337_000,
    "kept_weights": 3_725_871,
    "accuracy": 0.9719,
    "seconds_solving": 77_266,
    "cores": 36,
}


@dataclass(frozen=True)
class Run:
    """One ticket: the arguments of ``strongltn prune``."""

    name: str
    arguments: tuple[str, ...]


RUNS = (
    Run("relu-diamond, 21 samples, ball", ("--samples", "21")),
    Run("relu-diamond, 21 samples, box", ("--samples", "21", "--domain", "box")),
    Run(
        "linear-diamond, 21 samples, ball",
        ("--samples", "21", "--construction", "linear-diamond"),
    ),
    Run("relu-diamond, epsilon 0.1, ball", ("--epsilon", "0.1")),
)


def main() -> None:
    """Run every ticket, measure its accuracy, verify it, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", type=Path, required=True, help="fc2.pt of the authors")
    parser.add_argument("--data", type=Path, help="directory with MNIST [STRONGLTN_DATA]")
    parser.add_argument("--out", type=Path, default=Path("results/pensia2020_experiment1"))
    options = parser.parse_args()
    test = load_mnist_test(options.data)
    target = load_target(options.target)
    record: dict[str, Any] = {
        "published": PUBLISHED,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "target_accuracy": accuracy(target.to_module(), test),
        "num_test_images": len(test.labels),
        "runs": [_run(run, options.target, options.out, test) for run in RUNS],
    }
    make_directory(options.out)
    text = json_text(record, indent=1) + "\n"
    write_whole(options.out / "record.json", text.encode("ascii"))
    print(text)
    print(
        f"written to {options.out / 'record.json'}; cited runs are kept in {RECORD}",
        file=sys.stderr,
    )


def markdown_table(record: dict[str, Any]) -> list[str]:
    """Return the table published / ours, as in the README."""
    header = "| | published | " + " | ".join(run["name"] for run in record["runs"]) + " |"
    rule = "|---" * (len(record["runs"]) + 2) + "|"
    published, runs = record["published"], record["runs"]

    def row(name: str, first: str, cell: Callable[[dict[str, Any]], str]) -> str:
        return f"| {name} | {first} | " + " | ".join(map(cell, runs)) + " |"

    return [
        header,
        rule,
        row("source weights", f"{published['source_weights']:,}", _counted("source_weights")),
        row("kept weights", f"{published['kept_weights']:,}", _counted("kept_weights")),
        row("samples per subset sum", "21", _counted("samples_per_weight")),
        row("worst weight error", "< 0.01", _outward("max_weight_error", upwards=True)),
        row("weights out of reach", "0", _counted("unreached_weights")),
        row(
            f"accuracy (target {100 * record['target_accuracy']:.2f} %)",
            "97.19 % (dense, sums put back)",
            lambda r: f"{100 * r['accuracy']:.2f} %",
        ),
        row("sup norm of f - g, at least", "-", _outward("empirical_error", upwards=False)),
        row("sup norm of f - g, at most", "-", _outward("certified_error", upwards=True)),
        row(
            "checked by proofs_check", "-", lambda r: f"{r['verdict']}, {r['verify_seconds']:.1f} s"
        ),
        row(
            "drawing and solving",
            f"{published['seconds_solving']:,} s, {published['cores']} cores",
            lambda r: f"{_drawn_and_solved(r):.1f} s, {record['cores']} cores",
        ),
        row("in all", "-", lambda r: f"{r['seconds']['total']:.1f} s"),
    ]


def _drawn_and_solved(run: dict[str, Any]) -> float:
    return float(run["seconds"]["drawing"] + run["seconds"]["solving"])


def _outward(key: str, *, upwards: bool) -> Callable[[dict[str, Any]], str]:
    return lambda run: outward(run[key], upwards=upwards, digits=2)


def _counted(key: str) -> Callable[[dict[str, Any]], str]:
    return lambda run: f"{run[key]:,}"


def _run(run: Run, target: Path, out: Path, test: Any) -> dict[str, Any]:
    directory = out / run.name.replace(", ", "_").replace(" ", "-")
    print(f"{run.name} ...", file=sys.stderr)
    command = ["strongltn", "prune", str(target), "--out", str(directory), "--overwrite", "--json"]
    pruned = subprocess.run(
        [sys.executable, "-m", *command, *run.arguments], stdout=subprocess.PIPE, check=False
    )
    if pruned.returncode not in (0, 1):  # 1: some weight is out of reach, a result like any other
        raise SystemExit(pruned.returncode)
    peak_megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    report = json.loads(pruned.stdout)
    began = time.perf_counter()
    verified = subprocess.run(
        [sys.executable, "-m", "proofs_check", "verify", str(directory), "--json"],
        stdout=subprocess.PIPE,
        check=False,
    )
    verify_seconds = time.perf_counter() - began
    _, ticket = read_ticket(directory)
    return {
        **asdict(run),
        "exit_code": pruned.returncode,
        "accuracy": accuracy(PrunedNetwork(ticket), test),
        "verdict": json.loads(verified.stdout)["verdict"],
        "verify_seconds": verify_seconds,
        "peak_megabytes_so_far": round(peak_megabytes),
        **report,
    }


if __name__ == "__main__":
    main()
