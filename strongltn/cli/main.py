"""The command line: results on stdout, messages and progress on stderr, exit codes of `exits`."""

from __future__ import annotations

import sys
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from strongltn.cli import bound as bound_command
from strongltn.cli import certify as certify_command
from strongltn.cli import reproduce as reproduce_command
from strongltn.cli import search as search_command
from strongltn.cli.console import print_report, progress_bars
from strongltn.cli.program import PROGRAM, Group, Program, command, completing, shown_examples
from strongltn.errors import InvalidInputError
from strongltn.process.exits import ExitCode, answer, keeping, status_of
from strongltn.rng import WeightLaw

app = typer.Typer(
    name=PROGRAM,
    cls=Program,
    help="Strong lottery tickets: built from one seed, certified, checked in exact arithmetic.",
    epilog=shown_examples(
        (
            "strongltn demo",
            "strongltn prune model.pt --epsilon 0.1 --out ticket",
            "strongltn verify ticket",
            "strongltn help prune",
            "strongltn --install-completion",
        )
    ),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
bench = typer.Typer(
    cls=Group,
    help="Measure solvers and searches on this machine.",
    epilog=shown_examples(("strongltn bench subset-sum --quick", "strongltn bench search --quick")),
)


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Show the versions of strongltn, of its files and of what it stands on, and exit.",
            is_eager=True,
            callback=lambda value: _show_versions() if value else None,
        ),
    ] = False,
) -> None:
    pass


class ConstructionName(Enum):
    """Names of the constructions."""

    RELU_DIAMOND = "relu-diamond"
    LINEAR_DIAMOND = "linear-diamond"
    SINGLE_WEIGHT = "single-weight"


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
TicketDirectory = Annotated[Path, typer.Argument(metavar="DIR", help="A ticket directory.")]
DomainText = Annotated[
    str,
    typer.Option(
        "--domain",
        help="ball, ball:RADIUS, box (that is [0, 1]) or box:LOWER,UPPER.",
        autocompletion=completing(lambda: ("ball", "ball:", "box", "box:")),
    ),
]


@command(
    app,
    examples=(
        "strongltn prune model.pt --epsilon 0.1 --out ticket",
        "strongltn prune model.pt --samples 22 --out ticket --overwrite",
        "strongltn prune model.pt --samples 30 --domain box --seed 7 --out boxed",
    ),
)
def prune(
    target: Annotated[
        Path,
        typer.Argument(
            metavar="TARGET", help="State dict or checkpoint, .pt, .pth, .pth.tar or .safetensors."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Ticket directory to write.")],
    layers: Annotated[
        str | None,
        typer.Option(
            "--layers",
            help="Names of the layers in the order in which they run, with commas, where numbers "
            "and widths do not tell.",
        ),
    ] = None,
    like: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            "--like",
            metavar="INPUTS OUTPUTS",
            help="Two .npy files: inputs, and what your network gives on them, to compare with.",
        ),
    ] = None,
    epsilon: Annotated[
        float | None,
        typer.Option(
            "--epsilon", help="Error of the whole network to stay within; the certificate decides."
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            "--samples",
            help="Samples that each subset sum sees; the least error is found, up to 64 samples "
            "(default: as many as epsilon needs).",
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            help="Error that no weight may exceed, besides epsilon if that is given too (default: "
            "0.01; with epsilon an estimate from it, which decides nothing).",
        ),
    ] = None,
    construction: Annotated[
        ConstructionName, typer.Option("--construction", help="What stands in for one weight.")
    ] = ConstructionName.RELU_DIAMOND,
    law: Annotated[WeightLaw, typer.Option("--law", help="Law of the source.")] = WeightLaw.UNIFORM,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the source.")] = 0,
    domain: DomainText = "ball",
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace an existing ticket directory that holds nothing but the ticket.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Prune one random network to a target network, and certify the distance.

    Exit 0: the network is within epsilon, and every weight within tolerance: of these, what was
    given, and the default tolerance if neither was.

    Exit 1: that is not so; the ticket is written all the same.

    Exit 2: bad input; nothing is written.
    """
    from strongltn.construct import construction_named
    from strongltn.networks.domain import parse_domain
    from strongltn.networks.likeness import compared
    from strongltn.networks.target_file import load_target
    from strongltn.networks.ticket_directory import TICKET_CONTENTS
    from strongltn.pipeline import tickets as pipeline
    from strongltn.report.text import prune_lines
    from strongltn.storage import new_directory

    if domain.partition(":")[0] == "local":
        raise InvalidInputError(
            "domain",
            got=domain,
            allowed="ball, ball:RADIUS, box or box:LOWER,UPPER",
            hint="A local domain is for strongltn certify, which takes its --center.",
        )
    if epsilon is None and samples is None:
        raise InvalidInputError(
            "epsilon", got="neither", allowed="given, or --samples", hint="Try --epsilon 0.1."
        )
    parsed = parse_domain(domain)
    network = load_target(target, layers=None if layers is None else layers.split(","))
    if like is not None:
        network = compared(network, *like)
    with new_directory(out, replaces=TICKET_CONTENTS if overwrite else None) as directory:
        with progress_bars() as progress:
            result = pipeline.prune(
                network,
                construction=construction_named(construction.value),
                epsilon=epsilon,
                num_samples=samples,
                tolerance=tolerance,
                law=law,
                seed=seed,
                domain=parsed,
                progress=progress,
            )
        pipeline.save(result, directory)
    report = result.report()
    print_report(report, prune_lines(report, directory=out), as_json=as_json)
    if not result.is_within:
        raise typer.Exit(ExitCode.NO)


command(app, examples=certify_command.EXAMPLES)(certify_command.certify)


@command(
    app,
    examples=(
        "strongltn verify ticket",
        "strongltn verify ticket --target model.pt",
        "strongltn verify ticket --json",
    ),
)
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
    from strongltn.networks.no_ticket import require_ticket

    require_ticket(directory)
    compared = [] if target is None else ["--target", str(target)]
    arguments = ["verify", str(directory), *compared] + (["--json"] if as_json else [])
    with progress_bars():
        status = proofs_check_main(arguments)
    raise typer.Exit(status)


@command(app, examples=("strongltn info ticket", "strongltn info ticket --json"))
def info(directory: TicketDirectory, as_json: Json = False) -> None:
    """Show what a ticket directory holds, after comparing its digests."""
    from strongltn.pipeline import tickets as pipeline
    from strongltn.report.text import info_lines

    report = pipeline.describe_directory(directory)
    print_report(report, info_lines(report), as_json=as_json)


@command(app, examples=("strongltn demo", "strongltn demo --seed 3 --out demo-of-seed-3"))
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


command(app, examples=search_command.EXAMPLES)(search_command.search)
command(bench, "search", examples=search_command.BENCH_EXAMPLES)(search_command.bench_search)
app.add_typer(bound_command.bound, name="bound")
command(app, examples=("strongltn reproduce --list", "strongltn reproduce sample-size --quick"))(
    reproduce_command.reproduce
)
app.add_typer(bench, name="bench")


def _show_versions() -> None:
    """Print what a report of a bug should say, and end."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from strongltn import __version__
    from strongltn.certify.statement import VERSION

    names = []
    for name in ("numpy", "numba", "torch"):
        with suppress(PackageNotFoundError):
            names.append(f"{name} {version(name)}")
    answer(
        f"{PROGRAM} {__version__}\n"
        f"certificates of version {VERSION} (strongltn verify reads no other)\n"
        f"Python {platform.python_version()}, {', '.join(names)}, {platform.platform()}\n"
    )
    raise typer.Exit


def main() -> None:
    """Run the command line."""
    sys.exit(status_of(app))
