"""The command `demo`: the main job on a network that needs no files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from strongltn.cli.console import print_report, progress_bars
from strongltn.cli.program import Json
from strongltn.process.exits import ExitCode, keeping

EXAMPLES = ("strongltn demo", "strongltn demo --seed 3 --out demo-of-seed-3")


def demo(
    out: Annotated[Path, typer.Option("--out", help="Directory for figures and tickets.")] = Path(
        "demo"
    ),
    seed: Annotated[int, typer.Option("--seed", help="Seed of training and of the sources.")] = 0,
    as_json: Json = False,
) -> None:
    """Train a network on digits; build, certify and verify its three tickets; draw figures."""
    from strongltn.pipeline.demo import run_demo
    from strongltn.report.text import demo_lines

    with (
        keeping(f"what is done is in {out}; the same command begins anew."),
        progress_bars() as progress,
    ):
        report = run_demo(out, seed=seed, progress=progress)
    print_report(report, demo_lines(report), as_json=as_json)
    if not all(row["verdict"] == "PROVED" for row in report["tickets"]):
        raise typer.Exit(ExitCode.NO)
