"""The command line: results on stdout, messages and progress on stderr, exit codes of `exits`."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Annotated

import typer

from strongltn.cli import bench as bench_command
from strongltn.cli import bound as bound_command
from strongltn.cli import certify as certify_command
from strongltn.cli import demo as demo_command
from strongltn.cli import prune as prune_command
from strongltn.cli import reproduce as reproduce_command
from strongltn.cli import search as search_command
from strongltn.cli import ticket
from strongltn.cli.program import PROGRAM, Program, command, shown_examples
from strongltn.process.exits import answer, status_of

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


command(app, examples=prune_command.EXAMPLES)(prune_command.prune)
command(app, examples=certify_command.EXAMPLES)(certify_command.certify)
command(app, examples=ticket.VERIFY_EXAMPLES)(ticket.verify)
command(app, examples=ticket.INFO_EXAMPLES)(ticket.info)
command(app, examples=demo_command.EXAMPLES)(demo_command.demo)
command(app, examples=search_command.EXAMPLES)(search_command.search)
command(bench_command.bench, "search", examples=search_command.BENCH_EXAMPLES)(
    search_command.bench_search
)
app.add_typer(bound_command.bound, name="bound")
command(app, examples=("strongltn reproduce --list", "strongltn reproduce sample-size --quick"))(
    reproduce_command.reproduce
)
app.add_typer(bench_command.bench, name="bench")


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
