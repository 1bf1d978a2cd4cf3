"""How tight certificates are: certified over empirical error on MNIST networks, three seeds.

The trained 784-500-10 network of Pensia et al. 2020 (``--target fc2.pt``, that of the authors'
repository) and networks with two and six hidden layers, trained here, are built with 21 samples a
weight; every ticket is certified with ``--tight`` and default iterations on the unit ball, the box
and local boxes about the first test image, and verified by proofs_check in a process of its own.

Run as ``python -m experiments.studies.certificate_tightness --target fc2.pt``. One line of JSON
for each certificate goes to ``OUT/rows.jsonl``; what is there is not computed again.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.datasets.images import load_mnist_test, load_mnist_train
from strongltn.pipeline.demo import train_network
from strongltn.storage import Record, make_directory, new_directory, read_entries, write_whole

RECORD = Path(__file__).parents[1] / "recorded" / "certificate_tightness.jsonl"
SEEDS = (0, 1, 2)
_EPOCHS = 2

Row = dict[str, Any]


@dataclass(frozen=True)
class Domain:
    """A domain, and the ratio certified / empirical to reach on one hidden layer."""

    name: str
    arguments: tuple[str, ...]
    goal: float


DOMAINS = (
    Domain("ball", ("--domain", "ball"), 1.5),
    Domain("box", ("--domain", "box"), 2.0),
    Domain("local 0.03", ("--domain", "local:0.03,0,1"), 1.8),
    Domain("local 0.005", ("--domain", "local:0.005,0,1"), 1.1),
)


@dataclass(frozen=True)
class Network:
    """A target: the file that is given, or widths to train."""

    name: str
    widths: tuple[int, ...] | None


NETWORKS = (
    Network("784-500-10", None),
    Network("784-256-256-10", (784, 256, 256, 10)),
    Network("784-64-64-64-64-64-64-10", (784, *6 * (64,), 10)),
)


def main() -> None:
    """Build, certify and verify what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", type=Path, required=True, help="fc2.pt of the authors")
    parser.add_argument("--data", type=Path, help="directory with MNIST [STRONGLTN_DATA]")
    parser.add_argument("--out", type=Path, default=Path("results/certificate_tightness"))
    parser.add_argument("--only", default="", help="networks whose name holds this text")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    options = parser.parse_args()
    make_directory(options.out)
    center = options.out / "center.npy"
    write_whole(center, _npy(load_mnist_test(options.data).images[0].astype(np.float64)))
    with Record(
        options.out / "rows.jsonl",
        configuration={"experiment": "certificate-tightness"},
        parse=_row,
        is_headless=True,
    ) as rows:
        for network in (one for one in NETWORKS if options.only in one.name):
            for seed in options.seeds:
                ticket = _ticket(network, seed, options=options)
                for domain in DOMAINS:
                    key = {"network": network.name, "seed": seed, "domain": domain.name}
                    if any(key.items() <= row.items() for row in rows.entries):
                        continue
                    print(f"{network.name}, seed {seed}, {domain.name} ...", file=sys.stderr)
                    rows.add(key | _certified(ticket, domain, center=center))
    print("\n".join(table(rows.entries)))
    print(f"rows in {rows.path}; cited runs are kept in {RECORD}", file=sys.stderr)


def read(path: Path) -> list[Row]:
    """Return the rows of a record."""
    return [_row(entry) for entry in read_entries(path, parameter="record")]


def _row(entry: Row) -> Row:
    if not {"network", "seed", "domain", "certified", "empirical"} <= entry.keys():
        raise ValueError("it is no row of this experiment")
    return entry


def _npy(array: NDArray[np.float64]) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def table(rows: list[Row]) -> list[str]:
    """Return the medians over seeds as a Markdown table, the ratio with its range."""
    lines = [
        "| network | domain | seeds | certified | empirical | ratio | goal | triangle ratio"
        " | method | certified in | verified in | memory |",
        "|---" * 12 + "|",
    ]
    for network in NETWORKS:
        for domain in DOMAINS:
            part = [
                row
                for row in rows
                if (row["network"], row["domain"]) == (network.name, domain.name)
            ]
            if part:
                goal = f"{domain.goal:g}" if network.widths is None else _deep_goal(domain)
                lines.append(_line(network.name, domain.name, part, goal=goal))
    return lines


def _deep_goal(domain: Domain) -> str:
    return "1.2" if domain.name == "local 0.005" else "half of the triangle"


def _line(network: str, domain: str, part: list[Row], *, goal: str) -> str:
    def median(key: str) -> float:
        return float(statistics.median(row[key] for row in part))

    ratios = [row["ratio"] for row in part]
    cells = [
        network,
        domain,
        str(len(part)),
        f"{median('certified'):.3g}",
        f"{median('empirical'):.3g}",
        f"{median('ratio'):.3f} ({min(ratios):.3f} to {max(ratios):.3f})",
        goal,
        f"{median('triangle_ratio'):.3g}",
        "/".join(sorted({row["method"] for row in part})),
        f"{median('certify_seconds'):.0f} s",
        f"{median('verify_seconds'):.1f} s",
        f"{median('verify_megabytes') / 1000:.2f} GB",
    ]
    return "| " + " | ".join(cells) + " |"


def _ticket(network: Network, seed: int, *, options: argparse.Namespace) -> Path:
    """Return the directory of a ticket, built unless it is there."""
    directory: Path = options.out / f"{network.name}-{seed}"
    if not directory.exists():
        target = options.target
        if network.widths is not None:
            target = options.out / f"{network.name}-{seed}.pt"
            _train(network.widths, target, seed=seed, data=options.data)
        build = ["prune", str(target), "--samples", "21", "--seed", str(seed)]
        _strongltn([*build, "--out", str(directory), "--json"], allowed=(0, 1))
    return directory


def _train(widths: tuple[int, ...], path: Path, *, seed: int, data: Path | None) -> None:
    import torch

    images = load_mnist_train(data)
    network = train_network(images, widths=widths, epochs=_EPOCHS, seed=seed)
    content = io.BytesIO()
    torch.save(network.to_module().state_dict(), content)
    write_whole(path, content.getvalue())


def _certified(ticket: Path, domain: Domain, *, center: Path) -> Row:
    work = ticket.with_name(f"{ticket.name}-{domain.name.replace(' ', '-')}")
    if not work.exists():
        with new_directory(work) as copy:
            shutil.copytree(ticket, copy, dirs_exist_ok=True)
    local = ["--center", str(center)] if domain.name.startswith("local") else []
    command = ["certify", str(work), *domain.arguments, *local, "--tight", "--json"]
    began = time.perf_counter()
    report = json.loads(_strongltn(command))
    seconds = time.perf_counter() - began
    verdict, verify_seconds, megabytes = _verified(work)
    lower, upper = report["empirical_error"], report["certified_error"]
    errors = report["certified_error_by_method"]
    return {
        "certified": upper,
        "empirical": lower,
        "ratio": upper / lower,
        "method": report["least_method"],
        "triangle_ratio": errors["spectral-triangle"] / lower,
        "ratios": {name: error / lower for name, error in errors.items()},
        "certify_seconds": seconds,
        "method_seconds": report["seconds"],
        "verdict": verdict,
        "verify_seconds": verify_seconds,
        "verify_megabytes": megabytes,
        "notes": report["notes"],
    }


def _strongltn(arguments: list[str], *, allowed: tuple[int, ...] = (0,)) -> bytes:
    command = [sys.executable, "-m", "strongltn", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode not in allowed:
        raise SystemExit(done.returncode)
    return done.stdout


def _verified(directory: Path) -> tuple[str, float, float]:
    """Return verdict, seconds and the peak of memory in megabytes of proofs_check."""
    command = [sys.executable, "-m", "proofs_check", "verify", str(directory), "--json"]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    output = process.stdout.read() if process.stdout else b""
    _, _, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    return json.loads(output)["verdict"], seconds, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
