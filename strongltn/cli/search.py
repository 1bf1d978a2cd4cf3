"""The commands `search` and `bench search`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strongltn.cli.console import print_report, progress_bars
from strongltn.cli.program import Json, as_typed, completing
from strongltn.errors import InvalidInputError
from strongltn.models.density import Schedule, Scope
from strongltn.models.initialization import Init
from strongltn.process.exits import ExitCode, exit_code_of, explained, keeping, say
from strongltn.search.method import Dense, method_names
from strongltn.training.config import Execution, Precision

if TYPE_CHECKING:
    from strongltn.search.config import SearchConfig
    from strongltn.training.many import Outcome

EXAMPLES = (
    "strongltn search edge-popup",
    "strongltn search edge-popup --density 0.3 --seeds 0,1,2 --epochs 5",
    "strongltn search dense --model lenet-300-100 --data mnist --download",
)
BENCH_EXAMPLES = ("strongltn bench search --quick",)


def search(
    ctx: typer.Context,
    method: Annotated[
        str,
        typer.Argument(
            metavar="METHOD",
            help=f"{', '.join(method_names())}, or dense: train the weights themselves.",
            autocompletion=completing(lambda: (*method_names(), Dense.name)),
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="digits-fc, lenet-300-100, lenet-5, fc2, conv2, resnet20, fc2-relu-diamond, ...: "
            "any other word lists all (default: a small one for the data).",
            autocompletion=completing(lambda: _model_names()),
        ),
    ] = None,
    data: Annotated[
        str,
        typer.Option(
            "--data",
            help="digits, mnist or cifar10.",
            autocompletion=completing(lambda: ("digits", "mnist", "cifar10")),
        ),
    ] = "digits",
    density: Annotated[
        float | None,
        typer.Option("--density", help="Fraction kept (default: 0.5; dense: 1)."),
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", help="Passes over the images.")] = 20,
    seed: Annotated[
        list[int] | None, typer.Option("--seed", help="Repeat for several runs (default: 0).")
    ] = None,
    seeds: Annotated[
        str | None, typer.Option("--seeds", help="Several at once, such as 0,1,2.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--lr", help="Of the first epoch (default: by method).")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", help="Images of a step (default: 128).")
    ] = None,
    momentum: Annotated[float | None, typer.Option("--momentum", help="Default: 0.9.")] = None,
    weight_decay: Annotated[
        float | None, typer.Option("--weight-decay", help="On the scores (default: by method).")
    ] = None,
    init: Annotated[
        Init | None, typer.Option("--init", help="Law of the weights (default: by method).")
    ] = None,
    scope: Annotated[Scope, typer.Option("--scope", help="Where the density holds.")] = Scope.LAYER,
    schedule: Annotated[
        Schedule, typer.Option("--schedule", help="How the density comes down from 1.")
    ] = Schedule.CONSTANT,
    precision: Annotated[
        Precision, typer.Option("--precision", help="Of the products.")
    ] = Precision.FLOAT32,
    device: Annotated[
        str,
        typer.Option(
            "--device",
            help="cpu, cuda, cuda:1, ...; auto: a GPU if there is one.",
            autocompletion=completing(lambda: ("auto", "cpu", "cuda")),
        ),
    ] = "auto",
    execution: Annotated[
        Execution, typer.Option("--execution", help="Other than eager: on GPUs only.")
    ] = Execution.EAGER,
    out: Annotated[Path, typer.Option("--out", help="Directory of runs, a folder each.")] = Path(
        "search-results"
    ),
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--fresh",
            help="Go on where a run was; or begin it anew: the old one "
            "stays in RUN.replaced until the new one is finished.",
        ),
    ] = True,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch the data set if it is not there.")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write TensorBoard's event files.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Search a random network for a mask under which it classifies, its weights as they were drawn.

    A run that was stopped goes on after its last whole epoch; one that is done is not repeated.

    Exit 0: all runs are done. Exit 1: one failed; the others are done. Exit 2: bad input. Exit 3:
    one failed for want of memory, disk or the like; the others are done.
    """
    from strongltn.search.config import settings_of

    configs = [
        settings_of(
            method,
            data=data,
            model=model,
            epochs=epochs,
            seed=number,
            density=density,
            learning_rate=learning_rate,
            batch_size=batch_size,
            momentum=momentum,
            weight_decay=weight_decay,
            init=init,
            scope=scope,
            schedule=schedule,
            precision=precision,
        )
        for number in _all_seeds(seed, seeds)
    ]
    if download:
        from strongltn.datasets.catalogue import dataset_named

        dataset_named(data, download=True)
    options = {
        "execution": execution,
        "resume": resume,
        "has_tensorboard": tensorboard,
    }
    outcomes = _run_all(configs, out, device=device, options=options)
    report = _report(outcomes)
    lines = _lines(report)
    if lines or as_json:
        print_report(report, lines, as_json=as_json)
    for message in _complaints(outcomes, ctx):
        say(message)
    if report["failures"]:
        raise typer.Exit(_worst(outcomes))


def bench_search(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer steps.")] = False,
    as_json: Json = False,
) -> None:
    """Time a training step: dense, edge-popup, and edge-popup with a full sort of the scores.

    On LeNet-300-100 and Conv2, in turns, with random images in batches of 128, on the CPU.
    """
    from strongltn.bench.search import report_lines, run_benchmark

    with progress_bars() as progress:
        report = run_benchmark(is_quick=quick, progress=progress)
    print_report(report, report_lines(report), as_json=as_json)


def _model_names() -> tuple[str, ...]:
    from strongltn.models.catalogue import MODEL_NAMES

    return MODEL_NAMES


def _all_seeds(seed: list[int] | None, seeds: str | None) -> list[int]:
    try:
        listed = [] if seeds is None else [int(part) for part in seeds.split(",")]
    except ValueError:
        raise InvalidInputError(
            "seeds", got=repr(seeds), allowed="integers with commas, such as 0,1,2"
        ) from None
    found = [*(seed or []), *listed] or [0]
    if len(set(found)) < len(found):
        raise InvalidInputError("seeds", got=found, allowed="different from each other")
    return found


def _run_all(
    configs: list[SearchConfig], out: Path, *, device: str, options: dict[str, Any]
) -> list[Outcome]:
    """Run one seed, or several on a GPU, in this process; several on a CPU in processes."""
    from strongltn.training.execution import device_named
    from strongltn.training.many import InThisProcess, run_many
    from strongltn.training.run import run

    is_here = device_named(device).type == "cuda" or len(configs) == 1
    carry_out = partial(run, device=device, **options)
    kept = "the same command goes on after the last whole epoch."
    with keeping(kept), progress_bars() as progress:
        if is_here:
            carry_out = partial(carry_out, progress=progress)
            return run_many(configs, out, run=carry_out, executor=InThisProcess())
        return run_many(configs, out, run=carry_out, progress=progress)


def _worst(outcomes: list[Outcome]) -> ExitCode:
    """Return the gravest exit code of the failures; that of bad input only if all of them are."""
    codes = {exit_code_of(row.error) for row in outcomes if row.error is not None}
    return max(codes - {ExitCode.BAD_INPUT}, default=ExitCode.BAD_INPUT)


def _report(outcomes: list[Outcome]) -> dict[str, Any]:
    """Return all runs, without their epochs, which are in their files; and the failures."""
    runs, failures = [], []
    for outcome in outcomes:
        place = {"directory": str(outcome.directory), "seed": outcome.config.seed}
        if outcome.result is None:
            error = outcome.error
            failures.append({**place, "error": type(error).__name__, "message": str(error)})
        else:
            found = outcome.result.to_json()
            del found["epochs"]
            runs.append({**place, **found})
    mean = sum(row["test_accuracy"] for row in runs) / len(runs) if runs else None
    return {"mean_test_accuracy": mean, "runs": runs, "failures": failures}


def _complaints(outcomes: list[Outcome], ctx: typer.Context) -> list[str]:
    """Return what went wrong: bad input once for all runs, all else with the place of the run."""
    found = []
    for outcome in outcomes:
        error = outcome.error
        if isinstance(error, InvalidInputError):
            found.append(str(as_typed(error, ctx)))
        elif error is not None:
            found.append(f"{outcome.directory}: {explained(error)}")
    return list(dict.fromkeys(found))


def _lines(report: dict[str, Any]) -> list[str]:
    rows = report["runs"]
    if not rows:
        return []
    lines = [
        f"{row['test_accuracy']:7.2%} of the test images, {row['num_kept']:,} of "
        f"{row['num_weights']:,} weights kept ({row['density']:.2%}), {row['seconds']:.1f} s, "
        f"{row['directory']}"
        for row in rows
    ]
    if len(rows) > 1:
        lines.append(f"{report['mean_test_accuracy']:7.2%} on average")
    config = rows[0]["config"]
    is_dense = config["method"]["name"] == "dense"
    lines += [
        f"There: {'checkpoint' if is_dense else 'masks'}.safetensors, metrics.jsonl (every epoch), "
        "result.json.",
        f"To compare: strongltn search {'edge-popup' if is_dense else 'dense'} "
        f"--model {config['model']} --data {config['data']}",
    ]
    return lines
