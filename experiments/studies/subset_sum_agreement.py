"""Ten million subset sums against an oracle that shares no code with the solvers: no disagreement.

An answer is right if the mask is the one of the tie rule (see `MeetInTheMiddle`) bit for bit, the
error is the exact one rounded once, and the verdict on a tolerance is the true one. Run as
``python -m experiments.studies.subset_sum_agreement``; stopped at any moment, it goes on.

The instances come in blocks of 2000 rows. Block k has the family k modulo their number and the n at
place k modulo 97 of `SIZES`, so every family meets every n: of 97 blocks 60 have n <= 10, 29 have n
from 11 to 16, and one each has n from 17 to 24.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from experiments.studies.subset_sum_families import FAMILIES, FloatArray
from experiments.studies.subset_sum_oracle import BoolArray, best_subsets
from strongltn.errors import StrongLTNError
from strongltn.rng import named_generator
from strongltn.storage import Record, make_directory
from strongltn.subset_sum import BatchResult, Verdict, solve_batch, solve_targets, solvers
from strongltn.values.json_text import json_text

SIZES = (*[*range(1, 11)] * 6, *([*range(11, 17)] * 5)[:29], *range(17, 25))
ROWS_PER_BLOCK = 2000
_SHOWN = 5  # disagreements of one block that are written out


@dataclass(frozen=True)
class Subject:
    """What is judged: on the first `max_rows` rows of every block.

    Attributes
    ----------
    search : (samples, targets, tolerance) -> BatchResult
    is_optimal : bool
        Whether it owes the optimum; otherwise only the verdict on the tolerance is compared.
    """

    search: Callable[[FloatArray, FloatArray, float], BatchResult]
    max_rows: int
    is_optimal: bool = True


def _with(solver: Any, max_rows: int, *, is_optimal: bool = True) -> Subject:
    def search(samples: FloatArray, targets: FloatArray, tolerance: float) -> BatchResult:
        return solve_batch(samples, targets, solver=solver, tolerance=tolerance)

    return Subject(search, max_rows, is_optimal)


def _shared(samples: FloatArray, targets: FloatArray, tolerance: float) -> BatchResult:
    return solve_targets(samples[0], targets, tolerance=tolerance)


SUBJECTS = {
    "MeetInTheMiddle, all rows": _with(solvers.MeetInTheMiddle(), ROWS_PER_BLOCK),
    "MeetInTheMiddle, 37 rows": _with(solvers.MeetInTheMiddle(), 37),
    "SchroeppelShamir": _with(solvers.SchroeppelShamir(), 20),
    "GrowingPrefix": _with(solvers.GrowingPrefix(first=6, step=3), 200, is_optimal=False),
    "WithinTolerance": _with(solvers.WithinTolerance(), 500, is_optimal=False),
    "Sparsest": _with(solvers.Sparsest(), 200, is_optimal=False),
}
SHARED_SUBJECTS = {"MeetInTheMiddle, shared samples": Subject(_shared, 100)}


def check_block(block: int, *, seed: int, num_rows: int = ROWS_PER_BLOCK) -> dict[str, Any]:
    """Draw a block, search it with every subject, and return what was compared and what differs.

    Subjects for shared samples get the first row, repeated, with the targets of all.
    """
    began = time.process_time()
    family = list(FAMILIES)[block % len(FAMILIES)]
    generator = named_generator(seed, name=f"agreement {block}")
    samples, targets = FAMILIES[family](generator, num_rows, SIZES[block % len(SIZES)])
    compared, wrong = _judged(SUBJECTS, samples, targets)
    shared = np.repeat(samples[:1], min(num_rows, 100), axis=0)
    compared_shared, wrong_shared = _judged(SHARED_SUBJECTS, shared, targets[: len(shared)])
    wrong += wrong_shared
    return {
        "block": block,
        "family": family,
        "n": samples.shape[1],
        "compared": compared | compared_shared,
        "num_disagreements": len(wrong),
        "disagreements": wrong[:_SHOWN],
        "cpu_seconds": round(time.process_time() - began, 3),
    }


def _judged(
    subjects: dict[str, Subject], samples: FloatArray, targets: FloatArray
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Return how many rows each subject was asked for, and every answer that is wrong."""
    mask, errors = best_subsets(samples, targets)
    tolerance = _tolerance(errors)
    compared, wrong = {}, []
    for name, subject in subjects.items():
        rows = slice(subject.max_rows)
        found = subject.search(samples[rows], targets[rows], tolerance)
        compared[name] = len(found)
        wrong += [
            {
                "subject": name,
                "samples": [value.hex() for value in samples[row].tolist()],
                "target": float(targets[row]).hex(),
                "tolerance": tolerance.hex(),
            }
            for row in _disagreements(found, mask, errors, tolerance=tolerance, subject=subject)
        ]
    return compared, wrong


def _tolerance(errors: list[Fraction]) -> float:
    """Return the error of one row, rounded: the verdict on that row hangs on the last bit."""
    return min(_rounded(errors[len(errors) // 2]), sys.float_info.max)


def _rounded(error: Fraction) -> float:
    try:
        return float(error)
    except OverflowError:
        return float("inf")


def _disagreements(
    found: BatchResult,
    mask: BoolArray,
    errors: list[Fraction],
    *,
    tolerance: float,
    subject: Subject,
) -> Iterator[int]:
    """Yield the rows on which the answer is not the true one."""
    limit = Fraction(tolerance)
    for row in range(len(found)):
        verdict = Verdict.SOLVED if errors[row] <= limit else Verdict.INFEASIBLE
        is_right = found.verdict[row] is verdict
        if subject.is_optimal:
            is_right &= np.array_equal(found.mask[row], mask[row])
            is_right &= bool(found.error[row] == _rounded(errors[row]))
        if not is_right:
            yield row


def open_record(path: Path, *, seed: int) -> Record[dict[str, Any]]:
    """Open the record of the blocks that are checked, each as `check_block` has returned it."""

    def parse(block: dict[str, Any]) -> dict[str, Any]:
        if block["seed"] != seed or type(block["block"]) is not int:
            raise ValueError("it is no block of this seed")
        return block

    configuration = {"experiment": "subset-sum-agreement", "seed": seed}
    return Record(path, configuration=configuration, parse=parse, is_headless=True)


def summary(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what all blocks together say."""
    compared: Counter[str] = Counter()
    by_size: Counter[int] = Counter()
    by_family: Counter[str] = Counter()
    for block in blocks:
        compared.update(block["compared"])
        num_rows = block["compared"]["MeetInTheMiddle, all rows"]
        by_size[block["n"]] += num_rows
        by_family[block["family"]] += num_rows
    return {
        "instances": by_size.total(),
        "disagreements": sum(block["num_disagreements"] for block in blocks),
        "compared": dict(compared),
        "instances_by_n": dict(sorted(by_size.items())),
        "instances_by_family": dict(by_family),
        "cpu_seconds": round(sum(block["cpu_seconds"] for block in blocks), 1),
        "seed": blocks[0]["seed"] if blocks else None,
    }


def main() -> None:
    """Check the blocks that the record lacks and print what all say; exit 1 on disagreement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instances", type=int, default=10**7, help="in all, in whole blocks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("results/subset_sum_agreement.jsonl"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--json", action="store_true", help="print one object on stdout")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    os.environ["NUMBA_NUM_THREADS"] = "1"  # of each process: the processes share the cores
    try:
        make_directory(options.out.parent)
        with open_record(options.out, seed=options.seed) as record:
            _check_all(record, options)
    except KeyboardInterrupt:
        print(f"interrupted; the same command goes on from {options.out}", file=sys.stderr)
        raise SystemExit(128 + signal.SIGINT) from None
    except StrongLTNError as error:
        raise SystemExit(str(error)) from None
    report = summary(record.entries)
    lines = [f"{name}: {value}" for name, value in report.items()]
    print(json_text(report) if options.json else "\n".join(lines))
    if report["disagreements"]:
        raise SystemExit(1)


def _check_all(record: Record[dict[str, Any]], options: argparse.Namespace) -> None:
    """Check the blocks that the record lacks on all cores, and add each."""
    from rich.console import Console
    from rich.progress import Progress

    known = {block["block"] for block in record.entries}
    num_blocks = -(-options.instances // ROWS_PER_BLOCK)
    missing = [block for block in range(num_blocks) if block not in known]
    pool = ProcessPoolExecutor(options.jobs, get_context("spawn"), initializer=_leave_interrupts)
    console = Console(stderr=True)
    bar = Progress(console=console, transient=True, disable=not console.is_terminal)
    with bar:
        task = bar.add_task("blocks", total=len(missing))
        try:
            for block in pool.map(partial(check_block, seed=options.seed), missing):
                record.add({"seed": options.seed, **block})
                bar.advance(task)
        finally:
            pool.shutdown(cancel_futures=True)


def _leave_interrupts() -> None:
    """Let the parent alone act on Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    main()
