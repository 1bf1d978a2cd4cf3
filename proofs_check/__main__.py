"""Command line: ``python -m proofs_check verify DIR`` and ``python -m proofs_check claims``.

Exit status of verify: 0 PROVED, 1 REJECTED. Of claims: 0 when no claim is REFUTED except the
negative controls, which all are; else 1. Of both, 2: wrong arguments or no ticket directory.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR
from pathlib import Path
from typing import TextIO

from proofs_check.certificate.audit import Verdict, verify
from proofs_check.certificate.exact import decimal, dyadic_text
from proofs_check.certificate.reader import NotATicketError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = _parser().parse_args(arguments)
    status: int = options.run(options)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="proofs_check", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("verify", help="prove or reject the claims of a saved ticket")
    command.add_argument("directory", metavar="DIR", help="the ticket directory")
    command.add_argument("--json", action="store_true", help="print the audit as one JSON object")
    command.set_defaults(run=_verify)
    command = commands.add_parser("claims", help="check every step of every proof again")
    command.add_argument(
        "--only", metavar="IDS", default="", help="such as C01,C07; C25: all of it"
    )
    command.add_argument("--full", action="store_true", help="deeper: minutes, not one")
    command.add_argument("--seed", type=_seed, default=0, help="of the random cases (default: 0)")
    command.add_argument("--html", metavar="FILE", type=Path, help="write the table there too")
    command.add_argument("--json", action="store_true", help="print one JSON object, no table")
    command.set_defaults(run=_claims)
    return parser


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer >= 0")
    return int(text)


def _verify(options: argparse.Namespace) -> int:
    try:
        audit = verify(options.directory)
    except NotATicketError as error:
        _write(sys.stderr, f"error: {_shown(str(error))}")
        return 2
    exact = {"lower_bound": audit.lower_bound, "upper_bound": audit.upper_bound}
    ends = {key: dyadic_text(value) for key, value in exact.items() if value is not None}
    facts = {**ends, **audit.facts}
    if options.json:
        report = {"verdict": audit.verdict, "rejected": audit.rejected, **facts}
        text = json.dumps(report | {"statements": audit.statements}, indent=2, allow_nan=False)
    elif audit.upper_bound is None or audit.lower_bound is None:
        text = f"REJECTED: {_shown(str(audit.rejected))}"
    else:
        lower = decimal(audit.lower_bound, 7, ROUND_FLOOR)
        upper = decimal(audit.upper_bound, 7, ROUND_CEILING)
        lines = [f"PROVED  {lower} <= sup |f - g| <= {upper}"]
        lines += [
            f"  {name.replace('_', ' ')}: {_shown(str(fact))}" for name, fact in facts.items()
        ]
        lines += [f"  {seconds:6.2f} s  {text}" for text, seconds in audit.statements]
        text = "\n".join(lines)
    _answer(text)
    return 0 if audit.verdict is Verdict.PROVED else 1


def _claims(options: argparse.Namespace) -> int:
    from proofs_check.claims import ledger, report
    from proofs_check.claims.claim import Effort
    from proofs_check.claims.run import UnknownClaimError, run, selected

    try:
        claims = selected(ledger.CLAIMS, filter(None, options.only.split(",")))
        if options.html is not None:
            options.html.touch()  # rather now than after minutes
    except (UnknownClaimError, OSError) as error:
        _write(sys.stderr, f"error: {_shown(str(error))}")
        return 2
    effort = Effort.FULL if options.full else Effort.QUICK
    outcomes = run(claims, effort=effort, seed=options.seed)
    if options.html is not None:
        options.html.write_text(report.page(outcomes), encoding="utf-8")
    if options.json:
        facts = {"effort": effort, "seed": options.seed}
        text = json.dumps(facts | report.record(outcomes), indent=2, allow_nan=False)
    else:
        text = report.table(outcomes)
    _answer(text)
    return 0 if all(outcome.is_expected for outcome in outcomes) else 1


def _answer(text: str) -> None:
    """Print in one write, and nothing where stdout is closed.

    A reader that stops early, or none, must not turn PROVED into the status of REJECTED.
    """
    _write(sys.stdout, text)


def _write(stream: TextIO | None, text: str) -> None:
    """Write text; characters that the terminal does not have are escaped."""
    if stream is not None:
        encoding = stream.encoding or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def _shown(text: str) -> str:
    """Return text from a stranger's file with its control characters and line ends escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


if __name__ == "__main__":
    sys.exit(main())
