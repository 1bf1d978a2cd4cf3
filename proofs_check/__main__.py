"""Command line: ``python -m proofs_check verify DIR [--json]``.

Exit status 0: PROVED. 1: REJECTED. 2: no ticket directory, or wrong arguments.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR

from proofs_check.certificate.audit import Verdict, verify
from proofs_check.certificate.exact import decimal, dyadic_text
from proofs_check.certificate.reader import NotATicketError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m proofs_check", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("verify", help="prove or reject the claims of a saved ticket")
    command.add_argument("directory", metavar="DIR", help="the ticket directory")
    command.add_argument("--json", action="store_true", help="print the audit as one JSON object")
    options = parser.parse_args(arguments)
    try:
        audit = verify(options.directory)
    except NotATicketError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    exact = {"lower_bound": audit.lower_bound, "upper_bound": audit.upper_bound}
    ends = {key: dyadic_text(value) for key, value in exact.items() if value is not None}
    facts = {**ends, **audit.facts}
    if options.json:
        report = {"verdict": audit.verdict, "rejected": audit.rejected, **facts}
        text = json.dumps(report | {"statements": audit.statements}, indent=2)
    elif audit.upper_bound is None or audit.lower_bound is None:
        text = f"REJECTED: {audit.rejected}"
    else:
        lower = decimal(audit.lower_bound, 7, ROUND_FLOOR)
        upper = decimal(audit.upper_bound, 7, ROUND_CEILING)
        lines = [f"PROVED  {lower} <= sup |f - g| <= {upper}"]
        lines += [f"  {name.replace('_', ' ')}: {fact}" for name, fact in facts.items()]
        lines += [f"  {seconds:6.2f} s  {text}" for text, seconds in audit.statements]
        text = "\n".join(lines)
    # one write: a reader that stops early must not turn PROVED into the status of REJECTED
    sys.stdout.write(text + "\n")
    return 0 if audit.verdict is Verdict.PROVED else 1


if __name__ == "__main__":
    sys.exit(main())
