"""The commands that read a ticket directory: `verify` checks it, `info` shows what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from strongltn.cli.console import print_report, progress_bars
from strongltn.cli.program import Json

VERIFY_EXAMPLES = (
    "strongltn verify ticket",
    "strongltn verify ticket --target model.pt",
    "strongltn verify ticket --json",
)
INFO_EXAMPLES = ("strongltn info ticket", "strongltn info ticket --json")

TicketDirectory = Annotated[Path, typer.Argument(metavar="DIR", help="A ticket directory.")]


def verify(
    directory: TicketDirectory,
    target: Annotated[
        Path | None,
        typer.Option(
            "--target",
            metavar="FILE",
            help="Also compare the target, bit for bit, with your own model: .safetensors, "
            ".npz, or a state dict of torch.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a ticket and its certificate in exact arithmetic, with the independent proofs_check."""
    from proofs_check.__main__ import main as proofs_check_main
    from strongltn.networks.ticket_directory import require_ticket

    require_ticket(directory)
    compared = [] if target is None else ["--target", str(target)]
    arguments = ["verify", str(directory), *compared] + (["--json"] if as_json else [])
    with progress_bars():
        status = proofs_check_main(arguments)
    raise typer.Exit(status)


def info(directory: TicketDirectory, as_json: Json = False) -> None:
    """Show what a ticket directory holds, after comparing its digests."""
    from strongltn.pipeline import tickets as pipeline
    from strongltn.report.text import info_lines

    report = pipeline.describe_directory(directory)
    print_report(report, info_lines(report), as_json=as_json)
