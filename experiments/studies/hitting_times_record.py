"""How many samples cover all targets: the draws behind the table of claim C23.

Run as ``python -m experiments.studies.hitting_times_record``: some minutes. It writes
proofs_check/claims/hitting_times.csv, always the same bytes.
"""

from __future__ import annotations

from proofs_check.claims.cells import Law
from proofs_check.claims.hitting_times import LOG2_ETAS, RECORD, drawn_lines
from strongltn.storage import write_whole

_HEADER = "law,log2 eta,samples,surely reached,perhaps reached"


def main() -> None:
    """Draw all trials and write the record."""
    lines = [_HEADER]
    for log2_eta in LOG2_ETAS:
        for law in Law:
            lines += drawn_lines(law, log2_eta)
            print(f"{law}, eta = 2^{log2_eta}", flush=True)
    write_whole(RECORD, "\n".join([*lines, ""]).encode("ascii"))


if __name__ == "__main__":
    main()
