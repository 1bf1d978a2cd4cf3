"""Which share of a window no subset sum of m uniform samples reaches, in the mean: the records.

Run as ``python -m experiments.studies.second_moment_bounds``. It computes, with the auditor's
program, the hole given how many samples lie in each quarter of [-1, 1], half an hour in all, and
writes these to proofs_check/claims/mean_holes.csv and their mean to
strongltn/theorems/second_moment.json. Holes that are in the former are kept, so a stopped run goes
on where it was.
"""

from __future__ import annotations

import argparse
import math
import time
from fractions import Fraction

from proofs_check.claims import constants
from proofs_check.claims.hole_record import RECORD as HOLES
from proofs_check.claims.hole_record import UNIT, recorded_holes
from proofs_check.claims.pair_integrals import PairIntegrals
from proofs_check.claims.second_moment import (
    LEAST_PROBABILITY,
    Counts,
    hole_given,
    kappa_counts,
    mean_hole,
)
from proofs_check.claims.subset_moments import Cover
from strongltn.storage import write_whole
from strongltn.theorems.second_moment import RECORD
from strongltn.values.json_text import json_text

_HEADER = "kappa -2,kappa -1,kappa 0,kappa 1,hole in 1e-8"
_MEAN_UNIT = 10**4  # the mean is rounded upwards to its inverse
_SAVED_EVERY = 60.0  # seconds

#: Samples, eta = 2^-bits, and the half window in eighths.
COVER = Cover(constants.SECOND_MOMENT_SAMPLES, 12, 5)


def main() -> None:
    """Compute the holes that are missing, and write both records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--again", action="store_true", help="compute every hole anew")
    options = parser.parse_args()
    holes = recorded_holes() if HOLES.exists() and not options.again else {}
    integrals = PairIntegrals(COVER.num_samples)
    saved = time.monotonic()
    for counts, probability in kappa_counts(COVER.num_samples):
        if probability >= LEAST_PROBABILITY and counts not in holes:
            hole = Fraction(hole_given(counts, COVER, integrals))
            # One unit more than needed: another machine's least squares differ in the last digits.
            holes[counts] = (math.ceil(hole / UNIT) + 1) * UNIT
            if time.monotonic() > saved + _SAVED_EVERY:
                _save(holes)
                print(f"{len(holes)} holes", flush=True)
                saved = time.monotonic()
    _save(holes)
    mean = mean_hole(COVER, hole_of=lambda counts: float(holes[counts]))
    line = {
        "eta": f"1/{2**COVER.eta_bits}",
        "num_samples": COVER.num_samples,
        "length": str(Fraction(COVER.half_cells, 4)),
        "mean_hole": str(Fraction(math.ceil(mean * _MEAN_UNIT), _MEAN_UNIT)),
    }
    write_whole(RECORD, (json_text([line], indent=1) + "\n").encode("ascii"))
    print(f"{COVER}: mean hole {mean:.6f}", flush=True)


def _save(holes: dict[Counts, Fraction]) -> None:
    lines = (",".join(map(str, (*counts, hole // UNIT))) for counts, hole in sorted(holes.items()))
    write_whole(HOLES, "\n".join([_HEADER, *lines, ""]).encode("ascii"))


if __name__ == "__main__":
    main()
