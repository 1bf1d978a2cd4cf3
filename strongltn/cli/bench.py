"""The commands `bench subset-sum`, which measures solvers, and `bench figure`, which draws it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from strongltn.cli.console import print_report, progress_bars
from strongltn.cli.program import Group, Json, command, completing, shown_examples
from strongltn.process.exits import ExitCode

bench = typer.Typer(
    cls=Group,
    help="Measure solvers and searches on this machine.",
    epilog=shown_examples(("strongltn bench subset-sum --quick", "strongltn bench search --quick")),
)


@command(
    bench,
    "subset-sum",
    examples=(
        "strongltn bench subset-sum --quick",
        "strongltn bench subset-sum --peers highs,cpsat --record mine.jsonl",
    ),
)
def bench_subset_sum(
    quick: Annotated[
        bool, typer.Option("--quick", help="Under a minute: fewer n, rounds and instances.")
    ] = False,
    peers: Annotated[
        str | None,
        typer.Option(
            "--peers",
            help="Of cbc, highs, cpsat, gurobi and scip, with commas, or none "
            "(default: those installed).",
            autocompletion=completing(
                lambda: ("none", *("cbc", "highs", "cpsat", "gurobi", "scip"))
            ),
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="Directory for report, figure and history.jsonl.")
    ] = Path("bench-results"),
    record: Annotated[
        Path | None, typer.Option("--record", help="Also add the report to this JSONL file.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the instances.")] = 0,
    as_json: Json = False,
) -> None:
    """Time every solver, and general ones beside them, on the same integers; audit what they claim.

    Exit 0: every claim of ours that was checked is true. Exit 1: one is not.

    Everything is written at the end; an interrupted run leaves nothing.
    """
    from strongltn.bench.figure import plot_times
    from strongltn.bench.peers import chosen_peers
    from strongltn.bench.record import HISTORY, append_report, check_places, last_report
    from strongltn.bench.subset_sum import is_all_right, run_benchmark
    from strongltn.bench.table import report_lines

    keys = chosen_peers(peers)
    check_places(out, record)
    with progress_bars() as progress:
        report = run_benchmark(peers=keys, is_quick=quick, seed=seed, progress=progress)
    for history in (out / HISTORY, *([] if record is None else [record])):
        append_report(history, report)
    plot_times(last_report(out / HISTORY), out / "subset_sum_times")
    print_report(report, report_lines(report), as_json=as_json)
    if not is_all_right(report):
        raise typer.Exit(ExitCode.NO)


@command(bench, "figure", examples=("strongltn bench figure bench-results/history.jsonl",))
def bench_figure(
    history: Annotated[Path, typer.Argument(metavar="HISTORY", help="JSONL file of reports.")],
    out: Annotated[Path, typer.Option("--out", help="File to write, without suffix.")] = Path(
        "bench-results/subset_sum_times"
    ),
) -> None:
    """Draw time per instance against n, from the last report of a history."""
    from strongltn.bench.figure import plot_times
    from strongltn.bench.record import last_report

    paths = plot_times(last_report(history), out)
    print_report({}, list(map(str, paths)), as_json=False)
