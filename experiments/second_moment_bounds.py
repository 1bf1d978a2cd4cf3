"""Which share of a window no subset sum of m uniform samples reaches, in the mean: the record.

Run as ``python -m experiments.second_moment_bounds``: writes strongltn/theorems/second_moment.json.
Each line is a rigorous bound computed by the auditor, minutes each; lines that are there are kept,
so a stopped run goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import time
from fractions import Fraction

from proofs_check.claims.second_moment import mean_hole
from proofs_check.claims.subset_moments import Cover
from strongltn.json_text import json_text
from strongltn.storage import write_whole
from strongltn.theorems.second_moment import RECORD

_UNIT = 10**4  # holes are rounded upwards to its inverse

#: Samples, eta = 2^-bits, and the half window in eighths.
COVERS = (Cover(25, 12, 5),)


def main() -> None:
    """Compute the lines that are missing, and write the record after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--again", action="store_true", help="compute every line anew")
    options = parser.parse_args()
    is_fresh = options.again or not RECORD.exists()
    lines = [] if is_fresh else json.loads(RECORD.read_text("ascii"))
    for cover in COVERS:
        key = {
            "eta": f"1/{2**cover.eta_bits}",
            "num_samples": cover.num_samples,
            "length": str(Fraction(cover.half_cells, 4)),
        }
        if any(key.items() <= line.items() for line in lines):
            continue
        began = time.perf_counter()
        hole = mean_hole(cover)
        lines.append(key | {"mean_hole": str(Fraction(int(hole * _UNIT) + 1, _UNIT))})
        lines.sort(key=lambda line: (-Fraction(line["eta"]), line["num_samples"]))
        write_whole(RECORD, (json_text(lines, indent=1) + "\n").encode("ascii"))
        seconds = time.perf_counter() - began
        print(f"{cover}: mean hole {hole:.6f}, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
