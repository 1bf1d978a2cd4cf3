"""The command `prune`: one random network, pruned to a target, certified and written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from strongltn.cli.console import print_report, progress_bars
from strongltn.cli.program import Json, completing
from strongltn.errors import InvalidInputError
from strongltn.process.exits import ExitCode
from strongltn.rng import WeightLaw

EXAMPLES = (
    "strongltn prune model.pt --epsilon 0.1 --out ticket",
    "strongltn prune model.pt --samples 22 --out ticket --overwrite",
    "strongltn prune model.pt --samples 30 --domain box --seed 7 --out boxed",
)


DomainText = Annotated[
    str,
    typer.Option(
        "--domain",
        help="ball, ball:RADIUS, box (that is [0, 1]) or box:LOWER,UPPER.",
        autocompletion=completing(lambda: ("ball", "ball:", "box", "box:")),
    ),
]


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
        str,
        typer.Option(
            "--construction",
            help="What stands in for one weight: relu-diamond, linear-diamond, single-weight, or "
            "one that another package registers.",
            autocompletion=completing(lambda: _construction_names()),
        ),
    ] = "relu-diamond",
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
    from strongltn.networks.domain_text import parse_domain
    from strongltn.networks.likeness import compared
    from strongltn.networks.target import load_target
    from strongltn.networks.ticket_directory import TICKET_CONTENTS
    from strongltn.pipeline import tickets as pipeline
    from strongltn.report.text import prune_lines
    from strongltn.storage import new_directory

    chosen = construction_named(construction)
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
                construction=chosen,
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


def _construction_names() -> Iterable[str]:
    from strongltn.construct import find_constructions

    return find_constructions()
