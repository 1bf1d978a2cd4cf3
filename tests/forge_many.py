"""Forge tickets by the ten thousand, have the auditor judge each, and keep the counts.

Run as ``python tests/forge_many.py --record FILE`` beside an installed strongltn, or in a checkout;
the test suite judges a slice of the same forgeries. It ends with an error at the first forgery that
is accepted though it is false, that takes too long, or whose answer is no plain text.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers")]

from forgeries import forgeries  # noqa: E402
from forgery_judge import NUM_ORIGINALS, check_forgeries, limit_worker  # noqa: E402
from honest_tickets import honest_tickets  # noqa: E402
from ticket_files import read_files  # noqa: E402


def main() -> None:
    """Judge them all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--at-most", type=int, default=100, help="of a kind and a ticket")
    parser.add_argument("--seed", type=int, default=2, help="of the forger (the tests have 1)")
    parser.add_argument("--record", type=Path, metavar="FILE", help="where to keep the counts")
    options = parser.parse_args()
    began, context = time.perf_counter(), get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, mp_context=context, initializer=limit_worker) as worker,
    ):
        originals = []
        for n, honest in enumerate(honest_tickets(NUM_ORIGINALS)):
            honest.write(Path(folder) / f"honest-{n}")
            originals.append(read_files(Path(folder) / f"honest-{n}"))
        distinct = {
            hashlib.sha256(repr(sorted(forgery.files.items())).encode()).digest()
            for forgery in forgeries(originals, at_most=options.at_most, seed=options.seed)
        }
        found = check_forgeries(
            originals,
            worker,
            Path(folder) / "forged",
            at_most=options.at_most,
            num_false=1000,
            seed=options.seed,
        )
    counts = {f"{kind}: {verdict}": number for (kind, verdict), number in sorted(found.items())}
    summary = ("false: ", "by chance: ")  # each forgery is counted by its kind too
    record = {
        "forgeries": sum(n for key, n in counts.items() if key.startswith(summary)),
        "distinct": len(distinct),
        "false_and_accepted": counts.get("false: PROVED", 0),
        "at_most": options.at_most,
        "seed": options.seed,
        "seconds": round(time.perf_counter() - began),
        "counts": counts,
    }
    text = json.dumps(record, indent=1, allow_nan=False)
    print(text)
    if options.record is not None:
        options.record.write_text(text + "\n")


if __name__ == "__main__":
    main()
