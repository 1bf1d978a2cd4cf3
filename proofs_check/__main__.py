"""Command line: ``proofs_check verify DIR`` and ``proofs_check claims``.

The command, or ``python -P -m proofs_check``, imports nothing from the directory in which it runs.

Exit status of verify: 0 all certificates PROVED, and the FILE of --target holds the target; else 1.
Of claims: 0 when no claim is REFUTED except the negative controls, which all are; else 1. Of both,
2: wrong arguments, no ticket directory, or a FILE that cannot be read; 3: the machine would not let
us (disk, memory); 4: a crash of this program; 130 and 143: told to stop.
"""

import os
import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # The first place of the path is the directory in which python -m runs: a stranger's ticket may
    # lie there, with a numpy.py beside it. Only a checkout imports from where it is.
    _home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path[:1] = [place for place in sys.path[:1] if os.path.abspath(place) == _home]

import argparse
import json
import signal
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from proofs_check import __version__
from proofs_check.against import Comparison, compare
from proofs_check.answers import answer_lines, answer_record
from proofs_check.certificate.audit import Audit, Verdict
from proofs_check.certificate.reader import NotATicketError
from proofs_check.model_file import ModelFileError
from proofs_check.tickets import verify_all

_STOPPED = "stopped before there was an answer; a ticket is as it was."
_EXITS = """exit status:
  0    verify: all certificates PROVED, and --target FILE holds the target;
       claims: no claim REFUTED but the negative controls, which all are
  1    that is not so
  2    wrong arguments, no ticket directory, or a FILE that cannot be read
  3    the machine would not let us (disk, memory)
  4    a crash of this program
  130, 143    told to stop"""


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
    parser = _command_parser(
        argparse.ArgumentParser,
        prog="proofs_check",
        description="The independent auditor: it trusts nothing that strongltn wrote.",
        epilog=_EXITS
        + "\n\nexample:\n  proofs_check verify ticket\n  proofs_check claims --only C01",
    )
    parser.add_argument("--version", action="version", version=f"proofs_check {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = _command_parser(
        commands.add_parser,
        "verify",
        help="prove or reject the claims of a saved ticket",
        description="Prove or reject every certificate of a ticket directory in exact arithmetic, "
        "and print the whole theorem that was proved, and what was not checked.",
        epilog="example:\n  proofs_check verify ticket\n"
        "  proofs_check verify ticket --target model.pt --json\n\n"
        "In a directory that you do not trust, use this command or python -P -m proofs_check:\n"
        "python -m may import what lies there.",
    )
    command.add_argument("directory", metavar="DIR", help="the ticket directory")
    command.add_argument(
        "--target",
        metavar="FILE",
        type=Path,
        help="also compare the ticket's target, bit for bit, with your own model: .safetensors, "
        ".npz, or a state dict of torch (.pt, .pth, .bin, .ckpt), of which nothing is run",
    )
    command.add_argument("--json", action="store_true", help="print the audit as one JSON object")
    command.set_defaults(run=_verify)
    command = _command_parser(
        commands.add_parser,
        "claims",
        help="check every step of every proof again",
        description="Check every step of every proof of the theorems again.",
        epilog="example:\n  proofs_check claims --only C01,C07\n  proofs_check claims --full",
    )
    command.add_argument(
        "--only", metavar="IDS", default="", help="such as C01,C07; C25: all of it"
    )
    command.add_argument("--full", action="store_true", help="deeper: 20 minutes, not half a one")
    command.add_argument("--seed", type=_seed, default=0, help="of the random cases (default: 0)")
    command.add_argument("--html", metavar="FILE", type=Path, help="write the table there too")
    command.add_argument("--json", action="store_true", help="print one JSON object, no table")
    command.set_defaults(run=_claims)
    return parser


def _command_parser(make: Any, *names: str, **texts: str) -> argparse.ArgumentParser:
    """Return a parser whose texts keep their lines."""
    parser: argparse.ArgumentParser = make(
        *names, formatter_class=argparse.RawDescriptionHelpFormatter, **texts
    )
    return parser


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer >= 0")
    return int(text)


def _verify(options: argparse.Namespace) -> int:
    comparison = None
    try:
        audits = verify_all(options.directory)
        proved = [audit for audit in audits.values() if audit.verdict is Verdict.PROVED]
        if options.target is not None and proved:
            comparison = _compared(proved, options.target)
    except (NotATicketError, ModelFileError) as error:
        _say(str(error))
        return 2
    is_other = comparison is not None and comparison.difference is not None
    is_good = len(proved) == len(audits) and not is_other
    if options.json:
        record = answer_record(audits, comparison, is_good=is_good)
        text = json.dumps(record, indent=2, allow_nan=False)
    else:
        is_asked = options.target is not None
        text = "\n".join(answer_lines(audits, comparison, is_compared=is_asked))
    _answer(text)
    return 0 if is_good else 1


def _compared(proved: Sequence[Audit], path: Path) -> Comparison:
    """Compare a user's model with the target of each certificate; return the first difference.

    All speak of one ticket.json, unless somebody writes another one while it is verified.
    """
    first = proved[0].facts
    others = [
        audit.facts
        for audit in proved[1:]
        if any(audit.facts[key] != first[key] for key in ("ticket", "target"))
    ]
    found = [compare(facts, path) for facts in (first, *others)]
    return next((one for one in found if one.difference is not None), found[0])


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
