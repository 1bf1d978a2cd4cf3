"""``strongltn certify``: bounds between target and ticket, their account and its figure."""

from __future__ import annotations

import math
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strongltn.cli.console import Update, print_report, progress_bars
from strongltn.cli.program import Json, completing
from strongltn.errors import InvalidInputError
from strongltn.process.exits import ExitCode
from strongltn.storage import check_writable, make_directory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from strongltn.certify import Attack, CertifySettings
    from strongltn.networks.domain import Domain

EXAMPLES = (
    "strongltn certify ticket",
    "strongltn certify ticket --domain box --restarts 100",
    "strongltn certify ticket --domain local:0.03,0,1 --center image.npy --norm inf",
    "strongltn certify ticket --domain ball --figure errors --radii 0.01,0.1,1",
)
_RECORD_SUFFIX = ".jsonl"


class NormName(Enum):
    """Names of the norms of the output."""

    TWO = "2"
    INF = "inf"


def certify(
    directory: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="A ticket directory; with --against, that of a run."),
    ],
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="RUN",
            help="DIR and RUN are runs of strongltn search, such as an edge-popup and a dense one "
            "of the same shape: bound the distance between what they found.",
        ),
    ] = None,
    domain: Annotated[
        str | None,
        typer.Option(
            "--domain",
            help="ball:RADIUS, box:LOWER,UPPER, local:RADIUS or local:RADIUS,LOWER,UPPER "
            "(default: that of the present certificate; with --against, all images).",
            autocompletion=completing(lambda: ("ball", "ball:", "box", "box:", "local:")),
        ),
    ] = None,
    center: Annotated[
        Path | None, typer.Option("--center", help="Centre of a local domain: one input, .npy.")
    ] = None,
    norm: Annotated[NormName, typer.Option("--norm", help="Of the output.")] = NormName.TWO,
    is_tight: Annotated[
        bool, typer.Option("--tight", help="Also the slow methods: seconds to minutes.")
    ] = False,
    epsilon: Annotated[
        float | None, typer.Option("--epsilon", help="Exit 1 if the certified error is above.")
    ] = None,
    restarts: Annotated[
        int | None,
        typer.Option("--restarts", min=1, max=10**4, help="Of the search for the lower bound."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, max=10**6, help="Of each restart.")
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option("--figure", help="Draw the account: .png, .svg and .pdf of this name."),
    ] = None,
    radii: Annotated[
        str | None,
        typer.Option(
            "--radii",
            help="With --figure: also certify the domain at these radii, e.g. 0.01,0.1; "
            "kept in the .jsonl beside the figure.",
        ),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Replace the certificate of this domain and norm, even a better one or one that "
            "cannot be read.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Bound the distance between the target and the ticket anew, and keep the better certificate.

    A ticket keeps one certificate for each domain and norm, side by side; of two for the same one
    it keeps the better one. With --against, between the networks of two runs; nothing is written
    then.

    Exit 1: the certified error is above epsilon. Exit 2: bad input; nothing is written.
    """
    from strongltn.certify import CertifySettings
    from strongltn.networks.domain import OutputNorm
    from strongltn.networks.domain_text import parse_domain
    from strongltn.networks.ticket_directory import require_ticket
    from strongltn.pipeline import tickets as pipeline
    from strongltn.report.certificate import account_lines

    pipeline.check_positive("epsilon", epsilon)
    point = _center(domain, center)
    settings = CertifySettings(
        attack=_attack(restarts, steps), output_norm=OutputNorm[norm.name], is_tight=is_tight
    )
    if against is not None:
        _refuse_with_against(figure=figure, radii=radii, replace=replace or None)
        between = None if domain is None else parse_domain(domain, center=point)
        report = _certify_runs(directory, against, domain=between, settings=settings)
        print_report(report, _run_lines(report), as_json=as_json)
        _exit_above(epsilon, report["certified_error"])
        return
    require_ticket(directory)
    chosen = (
        pipeline.present_domain(directory) if domain is None else parse_domain(domain, center=point)
    )
    curve = _curve(domain, radii, chosen=chosen, center=point, figure=figure)
    if figure is not None:
        if figure.is_dir():
            raise InvalidInputError("figure", got=f"{figure}, a directory", allowed="a file's name")
        check_writable(figure.parent, parameter="figure")
    with progress_bars() as progress:
        report = pipeline.certify_directory(
            directory, domain=chosen, settings=settings, replace=replace, progress=progress
        )
        if figure is not None:
            drawn = _draw(
                report, directory, figure, curve=curve, settings=settings, progress=progress
            )
            report |= drawn
    print_report(report, account_lines(report), as_json=as_json)
    _exit_above(epsilon, report["certificate"]["certified_error"])


def _exit_above(epsilon: float | None, certified_error: float | Decimal) -> None:
    if epsilon is not None and not certified_error <= epsilon:
        raise typer.Exit(ExitCode.NO)


def _refuse_with_against(**options: object) -> None:
    for name, value in options.items():
        if value is not None:
            raise InvalidInputError(name, got=str(value), allowed="left out with --against")


def _certify_runs(
    found: Path, dense: Path, *, domain: Domain | None, settings: CertifySettings
) -> dict[str, Any]:
    from strongltn.groundtruth.found import certify_runs

    with progress_bars() as progress:
        return certify_runs(found, dense, domain=domain, settings=settings, progress=progress)


def _run_lines(report: dict[str, Any]) -> list[str]:
    from strongltn.report.text import certificate_lines

    accuracies = [f"{report[f'{name}_accuracy']:.2%}" for name in ("found", "dense")]
    return [
        f"  test images   {accuracies[0]} of them right in DIR, {accuracies[1]} in RUN",
        *certificate_lines(report),
        *(f"note: {note}" for note in report["notes"]),
    ]


def _center(domain: str | None, center: Path | None) -> NDArray[np.float64] | None:
    from strongltn.networks.domain_text import load_center

    if center is None:
        return None
    if domain is None or not domain.startswith("local:"):
        raise InvalidInputError(
            "center",
            got=str(center),
            allowed="given together with --domain local:RADIUS or local:RADIUS,LOWER,UPPER",
        )
    return load_center(center)


def _attack(restarts: int | None, steps: int | None) -> Attack:
    from strongltn.certify import Attack

    given = {"num_restarts": restarts, "num_steps": steps}
    return Attack(**{name: value for name, value in given.items() if value is not None})


def _curve(
    text: str | None,
    radii: str | None,
    *,
    chosen: Domain,
    center: NDArray[np.float64] | None,
    figure: Path | None,
) -> dict[float, Domain]:
    """Return the domain at every radius that was asked for."""
    from strongltn.pipeline.radius_curve import domain_at, read_rows

    if radii is None:
        return {}
    if figure is None:
        raise InvalidInputError("radii", got=radii, allowed="given together with --figure")
    try:
        values = [float(part) for part in radii.split(",")]
    except ValueError:
        values = []
    if not values or not all(math.isfinite(value) and value > 0 for value in values):
        raise InvalidInputError(
            "radii", got=radii, allowed="finite numbers > 0 with commas, such as 0.001,0.01,0.1"
        )
    if text is None:
        text = str(chosen)
        if chosen.resized(1.0) is None:  # a local box may be cut off at a corner
            raise InvalidInputError(
                "domain",
                got=f"none, and the certificate's is a {chosen}",
                allowed="given together with --radii: local:RADIUS, and --center",
            )
    read_rows(figure.with_suffix(_RECORD_SUFFIX))
    return {value: domain_at(text, value, center=center) for value in values}


def _draw(
    report: dict[str, Any],
    directory: Path,
    figure: Path,
    *,
    curve: dict[float, Domain],
    settings: CertifySettings,
    progress: Update,
) -> dict[str, Any]:
    """Certify at the radii, draw, and return what the report gains."""
    from strongltn.figures.account import plot_account
    from strongltn.pipeline.radius_curve import radius_curve

    make_directory(figure.parent)
    rows = []
    if curve:
        record = figure.with_suffix(_RECORD_SUFFIX)
        rows = radius_curve(directory, curve, settings=settings, record=record, progress=progress)
    files = plot_account(report, rows, path=figure)
    return {"radii": rows, "files": [str(path) for path in files]}
