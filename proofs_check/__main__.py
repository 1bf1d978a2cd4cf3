"""Command line: ``python -m proofs_check verify DIR`` and ``python -m proofs_check claims``.

Exit status of verify: 0 all certificates PROVED, 1 one REJECTED. Of claims: 0 when no claim is
REFUTED except the negative controls, which all are; else 1. Of both, 2: wrong arguments or no
ticket directory; 3: the machine would not let us (disk, memory); 4: a crash of this program; 130
and 143: told to stop.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import suppress
from decimal import ROUND_CEILING, ROUND_FLOOR
from pathlib import Path
from typing import TextIO

from proofs_check.certificate.audit import Audit, Verdict
from proofs_check.certificate.exact import decimal, dyadic_text
from proofs_check.certificate.reader import NotATicketError
from proofs_check.tickets import verify_all

_STOPPED = "stopped before there was an answer; a ticket is as it was."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status; nothing but wrong arguments raises.

    No error may end with Python's own status of a crash, 1, which is that of REJECTED.
    """
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except KeyboardInterrupt:
        _say(_STOPPED)
        return 128 + signal.SIGINT
    except (OSError, MemoryError) as error:
        _say(f"the machine would not let us: {error or type(error).__name__}")
        return 3
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        _say(
            f"this is a bug in proofs_check, please report it: {type(error).__name__} in "
            f"{os.path.basename(place.filename)}, line {place.lineno}: {error}"
        )
        return 4
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
        audits = verify_all(options.directory)
    except NotATicketError as error:
        _say(str(error))
        return 2
    is_proved = all(audit.verdict is Verdict.PROVED for audit in audits.values())
    if options.json:
        first, *others = ({"file": name, **_record(audit)} for name, audit in audits.items())
        reasons = (f"{name}: {audit.rejected}" for name, audit in audits.items() if audit.rejected)
        whole = {
            "verdict": Verdict.PROVED if is_proved else Verdict.REJECTED,
            "rejected": next(reasons, None),
            "others": others,
        }
        text = json.dumps({**first, **whole}, indent=2, allow_nan=False)
    else:
        names = {name: f"  ({name})" if len(audits) > 1 else "" for name in audits}
        text = "\n".join(line for name in audits for line in _lines(audits[name], names[name]))
    _answer(text)
    return 0 if is_proved else 1


def _facts(audit: Audit) -> dict[str, str | int]:
    exact = {"lower_bound": audit.lower_bound, "upper_bound": audit.upper_bound}
    ends = {key: dyadic_text(value) for key, value in exact.items() if value is not None}
    return {**ends, **audit.facts}


def _record(audit: Audit) -> dict[str, object]:
    report = {"verdict": audit.verdict, "rejected": audit.rejected, **_facts(audit)}
    return report | {"statements": audit.statements}


def _lines(audit: Audit, which: str) -> list[str]:
    if audit.upper_bound is None or audit.lower_bound is None:
        return [f"REJECTED: {_shown(str(audit.rejected))}{which}"]
    lower = decimal(audit.lower_bound, 7, ROUND_FLOOR)
    upper = decimal(audit.upper_bound, 7, ROUND_CEILING)
    facts = _facts(audit).items()
    return [
        f"PROVED  {lower} <= sup |f - g| <= {upper}{which}",
        *(f"  {name.replace('_', ' ')}: {_shown(str(fact))}" for name, fact in facts),
        *(f"  {seconds:6.2f} s  {text}" for text, seconds in audit.statements),
    ]


def _claims(options: argparse.Namespace) -> int:
    from proofs_check.claims import ledger, report
    from proofs_check.claims.claim import Effort
    from proofs_check.claims.run import UnknownClaimError, run, selected

    try:
        claims = selected(ledger.CLAIMS, filter(None, options.only.split(",")))
        if options.html is not None:
            _check_writable(options.html)  # rather now than after minutes
    except (UnknownClaimError, OSError) as error:
        _say(str(error))
        return 2
    effort = Effort.FULL if options.full else Effort.QUICK
    outcomes = run(claims, effort=effort, seed=options.seed)
    if options.html is not None:
        _write_whole(options.html, report.page(outcomes))
    if options.json:
        facts = {"effort": effort, "seed": options.seed}
        text = json.dumps(facts | report.record(outcomes), indent=2, allow_nan=False)
    else:
        text = report.table(outcomes)
    _answer(text)
    return 0 if all(outcome.is_expected for outcome in outcomes) else 1


def _check_writable(path: Path) -> None:
    """Raise OSError unless a file can be written; leave none that was not there."""
    was_there = path.exists()
    path.touch()
    if not was_there:
        path.unlink()


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that its name always stands for whole content, the old or the new."""
    number, partial = tempfile.mkstemp(dir=path.parent, prefix=".proofs-check-", suffix=".partial")
    try:
        with open(number, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(partial, 0o644)
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise


def _answer(text: str) -> None:
    """Print in one write, and nothing where stdout is closed.

    A reader that stops early, or none, must not turn PROVED into the status of REJECTED; but a disk
    that is full must not pass in silence. Nothing is left for the interpreter to write at its end.
    """
    _write(sys.stdout, text + "\n")


def _say(text: str) -> None:
    """Print one line on stderr, if it can be written."""
    with suppress(OSError):
        _write(sys.stderr, f"error: {_shown(text)}\n")


def _write(stream: TextIO | None, text: str) -> None:
    """Write text at once; characters that the terminal does not have are escaped."""
    if stream is None:
        return
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except OSError as error:
        _forget(stream)
        if not isinstance(error, BrokenPipeError):
            raise


def _shown(text: str) -> str:
    """Return text from a stranger's file with its control characters and line ends escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _forget(stream: TextIO) -> None:
    """Send nowhere what a stream still holds."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        stream.flush()


def run() -> int:
    """Run the command line in a process of its own, which Ctrl-C and SIGTERM end at once."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _stop)
    return main()


def _stop(number: int, frame: object) -> None:
    with suppress(OSError):  # not `_say`, within which the signal may have come
        os.write(2, b"error: " + _STOPPED.encode("ascii") + b"\n")
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(run())
