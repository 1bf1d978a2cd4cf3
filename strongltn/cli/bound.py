"""``strongltn bound``: what theorems promise, side by side, with what is measured."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer

from strongltn.cli.console import Update, print_report, progress_bars
from strongltn.cli.program import Group, Json, command, completing, shown_examples
from strongltn.errors import AssumptionViolated, InvalidInputError
from strongltn.process.exits import ExitCode
from strongltn.rng import WeightLaw
from strongltn.subset_sum.sample_laws import SampleLaw, Window

_TRIALS = 4000
_MAX_TRIALS = 10**8  # a gigabyte
_MAX_SHOWN = 60  # characters of a wrong value
_MAX_SECONDS = 10.0  # of one theorem; what would take longer is left to the library
_MAX_MEASURED_SECONDS = 60.0
_ALL = "all"

FailureProbability = Annotated[
    str, typer.Option("--delta", help="Failure probability, e.g. 0.01, 1/100 or 2^-7.")
]
Constant = Annotated[
    str | None, typer.Option("--constant", help="A value for constants that a paper leaves open.")
]


class _Theorems(Group):
    """A word that is no command is a theorem: ``bound all`` is short for ``bound network all``."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command of the first word."""
        from strongltn.theorems.catalogue import theorem_named

        is_command = bool(args) and self.get_command(ctx, args[0]) is not None
        if args and not is_command and args[0] != _ALL and not args[0].startswith("-"):
            theorem_named(args[0])  # says which there are
        return super().resolve_command(ctx, args if is_command else ["network", *args])


bound = typer.Typer(
    cls=_Theorems,
    help="What theorems promise. In place of a command, THEOREM is short for network THEOREM.",
    epilog=shown_examples(
        (
            "strongltn bound list",
            "strongltn bound all --widths 784,500,10 --epsilon 0.1 --delta 0.01",
        )
    ),
)


@command(bound, "list", examples=("strongltn bound list", "strongltn bound list --json"))
def list_theorems(as_json: Json = False) -> None:
    """List all theorems: key, status, title and source."""
    from strongltn.report.bounds import theorem_lines
    from strongltn.theorems.catalogue import cover_theorems, network_theorems

    report = {
        "samples": [theorem.to_json() for theorem in cover_theorems()],
        "networks": [theorem.to_json() for theorem in network_theorems()],
    }
    print_report(report, theorem_lines(report), as_json=as_json)


@command(
    bound,
    "show",
    examples=(
        "strongltn bound show Cover.SecondMoment",
        "strongltn bound show Pensia2020.Theorem1Sharpest --target model.pt",
    ),
)
def show(
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY", help="A key of the list.", autocompletion=completing(lambda: _all_keys())
        ),
    ],
    target: Annotated[
        Path | None,
        typer.Option(
            "--target",
            metavar="FILE",
            help="A network (.pt, .pth or .safetensors): which conditions does it meet, and what "
            "is to be rescaled?",
        ),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            "--layers", help="Names of its layers in their order, with commas, as in prune."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print one theorem whole: all of its conditions, source, constants, and who proved it.

    Exit 1: a network was given, and it does not meet a condition.
    """
    from strongltn.report.bounds import show_lines
    from strongltn.theorems.catalogue import references_in, theorem_named

    theorem = theorem_named(key)
    if layers is not None and target is None:
        raise InvalidInputError("layers", got=layers, allowed="given with --target")
    examined = None if target is None else _examined(theorem, target, layers)
    report = {
        "theorem": {**theorem.to_json(), "constants": _constants(theorem)},
        "statement": theorem.statement_parts(),
        "references": references_in(theorem.source),
        "target": examined,
    }
    print_report(report, show_lines(report), as_json=as_json)
    if examined is not None and any(row["holds"] is False for row in examined["findings"]):
        raise typer.Exit(ExitCode.NO)


@command(
    bound,
    "samples",
    examples=(
        "strongltn bound samples --eta 2^-12 --delta 0.01",
        "strongltn bound samples --eta 0.001 --delta 1/100 --targets unit --trials 0",
    ),
)
def bound_samples(
    eta: Annotated[
        str, typer.Option("--eta", help="Half the tolerance of a target, e.g. 0.001 or 2^-12.")
    ],
    delta: FailureProbability,
    law: Annotated[SampleLaw, typer.Option("--law", help="Law of one sample.")] = SampleLaw.UNIFORM,
    targets: Annotated[
        Window, typer.Option("--targets", help="All of [-1/2, 1/2] or of [-1, 1].")
    ] = Window.HALF,
    dimension: Annotated[int, typer.Option("--dimension", help="Of samples and targets.")] = 1,
    constant: Constant = None,
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials",
            min=0,
            max=_MAX_TRIALS,
            help="Simulated draws, however long they take; 0 measures nothing (default: "
            f"{_TRIALS}, where they take about a minute at most).",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the simulation.")] = 0,
    as_json: Json = False,
) -> None:
    """Say how many samples put every target within 2 eta of a subset sum: proved and measured.

    Exit 2: bad input, or no theorem applies; the violated assumptions are on stderr.
    """
    from strongltn.report.bounds import samples_lines
    from strongltn.theorems.catalogue import cover_theorems
    from strongltn.theorems.question import CoverQuestion, rational, refuse_wrong_numbers

    question = CoverQuestion(
        eta=rational("eta", eta),
        failure_probability=rational("delta", delta),
        law=law,
        window=targets,
        dimension=dimension,
        constant=None if constant is None else rational("constant", constant),
    )
    refuse_wrong_numbers(question)
    with progress_bars() as progress:
        report = {
            "question": {**question.to_json(), "tolerance": _tolerance(2 * question.eta)},
            **_answers(cover_theorems(), question, progress=progress),
            **_measured(question, trials=trials, seed=seed, progress=progress),
        }
    print_report(report, samples_lines(report), as_json=as_json)


@command(
    bound,
    "network",
    examples=(
        "strongltn bound network all --widths 784,500,10 --epsilon 0.1 --delta 0.01",
        "strongltn bound network Pensia2020.Theorem1 --widths 9,4,2 --epsilon 0.1 --delta 0.01",
    ),
)
def bound_network(
    theorem: Annotated[
        str,
        typer.Argument(
            metavar="THEOREM",
            help="all, or a key of the list.",
            autocompletion=completing(lambda: _network_keys()),
        ),
    ],
    widths: Annotated[str, typer.Option("--widths", help="Of the target, e.g. 784,500,10.")],
    epsilon: Annotated[str, typer.Option("--epsilon", help="Error of the whole network.")],
    delta: FailureProbability,
    law: Annotated[WeightLaw, typer.Option("--law", help="Of the source.")] = WeightLaw.UNIFORM,
    max_weight: Annotated[
        str | None,
        typer.Option(
            "--max-weight",
            help="Largest |weight| of the targets (default: that of each theorem's own class).",
        ),
    ] = None,
    constant: Constant = None,
    kernel_size: Annotated[int, typer.Option("--kernel-size", help="Of convolutions.")] = 1,
    heads: Annotated[int | None, typer.Option("--heads", help="Of attention.")] = None,
    input_norm: Annotated[
        str | None, typer.Option("--input-norm", help="Bound on inputs of attention.")
    ] = None,
    grid_bits: Annotated[
        int | None, typer.Option("--grid-bits", help="Quantised targets: multiples of 2^-bits.")
    ] = None,
    density: Annotated[
        str | None, typer.Option("--density", help="Fraction kept, for masks of a given size.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say how large a random network holds every target network of these widths, within epsilon.

    Exit 2: bad input, or no theorem applies; the violated assumptions are on stderr.
    """
    from strongltn.report.bounds import network_lines
    from strongltn.theorems.catalogue import network_theorems, theorem_named
    from strongltn.theorems.question import NetworkQuestion, rational, refuse_wrong_numbers

    def optional(name: str, text: str | None) -> Any:
        return None if text is None else rational(name, text)

    chosen = network_theorems() if theorem == _ALL else (theorem_named(theorem),)
    if chosen[0].asks is not NetworkQuestion:
        raise InvalidInputError(
            "theorem", got=theorem, allowed="one on networks", hint="Try strongltn bound samples."
        )
    question = NetworkQuestion(
        widths=_parse_widths(widths),
        epsilon=rational("epsilon", epsilon),
        failure_probability=rational("delta", delta),
        law=law,
        max_weight=optional("max_weight", max_weight),
        constant=optional("constant", constant),
        kernel_size=kernel_size,
        num_heads=heads,
        input_norm=optional("input_norm", input_norm),
        grid_bits=grid_bits,
        density=optional("density", density),
    )
    refuse_wrong_numbers(question)
    with progress_bars() as progress:
        report = {
            "question": question.to_json(),
            **_answers(chosen, question, progress=progress),
        }
    print_report(report, network_lines(report), as_json=as_json)


def _constants(theorem: Any) -> str:
    from strongltn.theorems.theorem import EXPLICIT, NOT_EXPLICIT, Status

    is_open = theorem.status is not Status.PROVED
    return f"{NOT_EXPLICIT}; --constant gives one, and no theorem" if is_open else EXPLICIT


def _examined(theorem: Any, path: Path, layers: str | None) -> dict[str, Any]:
    """Return what a network in a file meets of a theorem, as JSON objects."""
    from strongltn.networks.target import load_target
    from strongltn.theorems.condition import examination
    from strongltn.theorems.question import NetworkQuestion

    if theorem.asks is not NetworkQuestion:
        raise InvalidInputError(
            "theorem",
            got=theorem.key,
            allowed="one on networks, with --target",
            hint="It is on sums of random samples, and says nothing of a network.",
        )
    target = load_target(path, layers=None if layers is None else layers.split(","))
    return {"file": str(path), **examination(theorem.conditions, target)}


def _all_keys() -> list[str]:
    from strongltn.theorems.catalogue import cover_theorems, network_theorems

    return [
        *(theorem.key for theorem in cover_theorems()),
        *(theorem.key for theorem in network_theorems()),
    ]


def _network_keys() -> list[str]:
    from strongltn.theorems.catalogue import network_theorems

    return [_ALL, *(theorem.key for theorem in network_theorems())]


def _parse_widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        shown = text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
        raise InvalidInputError(
            "widths", got=shown, allowed="integers with commas, such as 784,500,10"
        ) from None


def _answers(
    theorems: tuple[Any, ...], question: Any, *, progress: Update | None = None
) -> dict[str, Any]:
    """Return the promises of the theorems that apply, and why there are none of the others."""
    rows, others, later, violated = [], [], [], {}
    for index, theorem in enumerate(theorems):
        violations = theorem.violations(question)
        if violations:
            texts = [str(violation) for violation in violations]
            violated.update(dict.fromkeys(texts))
            others.append({"key": theorem.key, "violations": texts})
        elif (seconds := theorem.estimate_seconds(question)) > _MAX_SECONDS:
            later.append({"key": theorem.key, "seconds": seconds})
        else:
            rows.append({**theorem.to_json(), **theorem.promise(question).to_json()})
        if progress is not None:
            progress("theorems", index + 1, len(theorems))
    if not rows and not later:
        raise AssumptionViolated("no theorem applies: " + "; ".join(violated) + ".")
    return {"theorems": rows, "not_applicable": others, "not_computed": later}


def _tolerance(value: Fraction) -> float | str:
    """Return a rational as a float, or as text where floats are too coarse or too short."""
    from strongltn.theorems.theorem import short_text

    is_float = sys.float_info.min <= abs(value) <= sys.float_info.max
    return float(value) if is_float else short_text(value)


def _measured(question: Any, *, trials: int | None, seed: int, progress: Update) -> dict[str, Any]:
    """Simulate the requirement, unless that was not asked for, or is out of reach."""
    from strongltn.simulate import required_samples
    from strongltn.simulate.event import LEAST_ETA
    from strongltn.simulate.hitting import estimate_seconds

    if trials == 0 or question.dimension != 1 or not LEAST_ETA <= question.eta < Fraction(1, 2):
        return {"measured": None}
    if trials is None:
        trials = _TRIALS
        seconds = estimate_seconds(question.eta, trials=trials)
        if seconds > _MAX_MEASURED_SECONDS:
            return {"measured": None, "not_measured": {"trials": trials, "seconds": seconds}}
    required = required_samples(
        question.eta,
        question.failure_probability,
        law=question.law,
        window=question.window,
        trials=trials,
        seed=seed,
        progress=lambda done, total: progress("simulation", done, total),
    )
    return {"measured": required.to_json()}
