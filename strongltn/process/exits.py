"""How every command ends: one table of exit codes, one line on stderr, never a traceback.

Light to import, because it stands around everything else, the imports of the commands included.
"""

from __future__ import annotations

import gc
import os
import re
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager, suppress
from enum import IntEnum
from types import FrameType
from typing import NoReturn, TextIO

from strongltn.errors import MachineError, SoundnessBug, StrongLTNError, TrainingDiverged

_KEPT = "what was there before is as it was."
_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
_SAME_PRESS_SECONDS = 0.5  # `timeout` sends its signal twice, and so does a nervous finger
_TORCH_MEMORY = re.compile("out of memory|can't allocate memory|not enough memory", re.IGNORECASE)


class ExitCode(IntEnum):
    """The exit codes of all commands; a signal ends them with 128 + its number."""

    OK = 0
    """All that was asked for is so."""

    NO = 1
    """An honest no: not within epsilon, rejected, refuted, or a run that diverged."""

    BAD_INPUT = 2
    """The caller's mistake; nothing was written."""

    MACHINE = 3
    """The machine would not let us: disk, permission, limit, memory, a process that was killed."""

    BUG = 4
    """A crash of ours."""


class Stopped(SystemExit):
    """A signal asks the command to end; everything is cleaned up on the way out.

    Parameters
    ----------
    status : int
        128 + the number of the signal.
    kept : str
        What is kept, a sentence without its capital letter.
    """

    def __init__(self, status: int, kept: str = _KEPT) -> None:
        self.kept = kept
        super().__init__(status)


def exit_code_of(error: BaseException) -> ExitCode:
    """Return the exit code that stands for an error."""
    if isinstance(error, SoundnessBug):
        return ExitCode.BUG
    if isinstance(error, TrainingDiverged):
        return ExitCode.NO
    if isinstance(
        error, MachineError | OSError | MemoryError | BrokenExecutor | UnicodeEncodeError
    ):
        return ExitCode.MACHINE
    if isinstance(error, StrongLTNError):
        return ExitCode.BAD_INPUT
    if isinstance(error, RuntimeError) and _TORCH_MEMORY.search(str(error)):
        return ExitCode.MACHINE
    return ExitCode.BUG


def explained(error: BaseException) -> str:
    """Return what a user is told of an error, in one line."""
    if exit_code_of(error) is ExitCode.BUG:
        return f"this is a bug in strongltn, please report it: {type(error).__name__}: {error}"
    if isinstance(error, StrongLTNError):
        return str(error)
    if isinstance(error, UnicodeEncodeError):
        return (
            f"the output cannot be written in the encoding {error.encoding!r}. "
            "Try again with the environment variable PYTHONIOENCODING=utf-8."
        )
    if isinstance(error, OSError):
        names = [os.fsdecode(name) for name in (error.filename, error.filename2) if name]
        return ": ".join([error.strerror or str(error) or type(error).__name__, *names])
    if isinstance(error, BrokenExecutor):
        return (
            "a process that computed a part has died, perhaps for want of memory. What is done is "
            "kept: the same command goes on from there."
        )
    return f"memory does not suffice: {error}".removesuffix(": ")


@contextmanager
def keeping(what: str) -> Iterator[None]:
    """Say what is kept, should a signal end the command in here.

    Parameters
    ----------
    what : str
        A sentence without its capital letter.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(128 + signal.SIGINT, what) from None
    except SystemExit as end:
        if not _is_signal(end):
            raise
        raise Stopped(int(end.code or 0), what) from None


def status_of(command: Callable[[], object]) -> int:
    """Run a command to its end, whatever comes, and return its exit status.

    SIGINT, SIGTERM and SIGHUP end it by an exception, so that it cleans up; a second one later on,
    while it does, ends the process at once, as a kill would, which every file of ours survives.
    Each error becomes one line on stderr; the traceback of a bug goes to a file that the line
    names. At the end stdout is written out: where it is full that is an error of the machine, and
    where nobody reads it no error at all, so that no reader of the answer can change the status.
    """
    with _signals_raise():
        try:
            command()
            status = int(ExitCode.OK)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
            if _is_signal(end):
                say(f"stopped; {end.kept if isinstance(end, Stopped) else _KEPT}")
            elif isinstance(end.code, str):
                say(end.code)
        except KeyboardInterrupt:
            status = 128 + signal.SIGINT
            say(f"stopped; {_KEPT}")
        except BaseException as error:
            status = int(exit_code_of(error))
            say(explained(error) + (_traceback(error) if status == ExitCode.BUG else ""))
        gc.freeze()  # the collection at exit would walk all of torch and numba: half a second
        return _written_out(status)


def answer(text: str) -> None:
    """Write to stdout at once; nothing where it is closed, or where nobody reads it any more.

    Raises
    ------
    OSError
        It cannot be written for another reason, such as a full disk.
    """
    if sys.stdout is None:
        return
    try:
        sys.stdout.write(_in_encoding_of(sys.stdout, text))
        sys.stdout.flush()
    except OSError as error:
        _forget(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            raise


def say(text: str) -> None:
    """Write one line to stderr, if there is one that can be written."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(_in_encoding_of(sys.stderr, f"strongltn: {shown(text)}\n"))
        sys.stderr.flush()
    except OSError:
        _forget(sys.stderr)


def shown(text: str) -> str:
    """Return text of one line: what would move the cursor or change colours is escaped.

    Names in a user's file may hold anything: line ends, escape sequences, half of a character.

    Examples
    --------
    >>> shown("up\\n\\x1b[31mred")
    'up\\\\n\\\\x1b[31mred'
    """
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in text
    )


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Turn the first signal that asks for an end into `Stopped`.

    The handlers are put back, unless one came.
    """
    stopped: list[float] = []

    def stop(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not stopped:
            stopped.append(now)
            raise Stopped(128 + number)
        if now - stopped[0] > _SAME_PRESS_SECONDS:
            _end_at_once(128 + number)

    before = {}
    try:
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                before[number] = signal.signal(number, stop)
    except ValueError:  # not the main thread: signals are another's
        pass
    try:
        yield
    finally:
        if not stopped:  # else the process is ending, and a further signal must find it quiet
            for number, handler in before.items():
                signal.signal(number, handler)


def _end_at_once(status: int) -> NoReturn:
    with suppress(OSError, ValueError):  # not `print`: the first signal may have come within one
        os.write(2, b"strongltn: stopped at once; what was whole is whole.\n")
    os._exit(status)


def _is_signal(end: SystemExit) -> bool:
    return end.code in [128 + number for number in _SIGNALS]


def _written_out(status: int) -> int:
    try:
        answer("")
    except OSError as error:
        if status != ExitCode.MACHINE:
            say(f"stdout: {explained(error)}")
        return int(ExitCode.MACHINE)
    return status


def _forget(stream: TextIO) -> None:
    """Send what a stream still holds nowhere, or the interpreter would fail with it at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()


def _traceback(error: BaseException) -> str:
    """Keep the traceback in a file for temporary files, and return where, if it can be written."""
    text = "".join(traceback.format_exception(error))
    with suppress(OSError):
        with tempfile.NamedTemporaryFile(
            "w", prefix="strongltn-", suffix=".txt", encoding="utf-8", delete=False
        ) as file:
            file.write(text.encode("utf-8", "backslashreplace").decode("utf-8"))
        return f" (traceback: {file.name})"
    return ""


def _in_encoding_of(stream: TextIO, text: str) -> str:
    """Return text with the characters escaped that the terminal does not have."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
