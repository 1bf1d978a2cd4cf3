"""The other end of `_cp_sat_worker`: one process, started when first needed and then kept.

A process of its own, because highspy and ortools cannot be imported into one.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Timer
from typing import Any

from strongltn.errors import InvalidInputError, MachineError

INSTALL_HINT = "Install it with: pip install 'strongltn[cpsat]'."
_WORKER = Path(__file__).with_name("_cp_sat_worker.py")
_GRACE_SECONDS = 5.0  # beyond its own time limit, before the process is ended from here


class WorkerDied(MachineError):
    """The process that runs CP-SAT ended by itself: a crash, or killed for its memory."""


class _Worker:
    """A running process. It ends with its standard input, so it never outlives this one for long.

    Ctrl-C does not reach it, as it is in a session of its own: it is killed by `ask` instead.
    """

    def __init__(self) -> None:
        self.owner = os.getpid()
        # -P: the files beside the script are no top-level modules.
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        greeting = self._read()
        if greeting is None:
            self.end()
            raise WorkerDied("The process that runs CP-SAT ended before it had started.")
        if greeting["error"] is not None:
            self.end()
            raise InvalidInputError(
                "solver",
                got=f"ConstraintProgram, and importing OR-Tools fails with: {greeting['error']}.",
                allowed="one whose packages are installed",
                hint=INSTALL_HINT,
            )

    @property
    def is_usable(self) -> bool:
        """Whether it runs, and was not started by the process that this one was forked from."""
        return self.owner == os.getpid() and self.process.poll() is None

    def ask(self, question: dict[str, Any], deadline_seconds: float) -> dict[str, Any] | None:
        """Return the answer, or None if the deadline passes: then the process is gone."""
        has_overrun = Event()

        def stop() -> None:
            has_overrun.set()
            self.process.kill()

        clock = Timer(deadline_seconds, stop)
        clock.daemon = True
        clock.start()
        try:
            self._write(question)
            answer = self._read()
        except BaseException:  # Ctrl-C: nobody waits for the answer any more
            self.end()
            raise
        finally:
            clock.cancel()
        if answer is None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(1.0)  # for its own status: the pipes may close a moment before
            self.end()
            if not has_overrun.is_set():
                raise WorkerDied(
                    f"The process that runs CP-SAT ended with status {self.process.returncode}. "
                    "Solving again starts a new one; fewer samples need less memory."
                )
        return answer

    def _write(self, question: dict[str, Any]) -> None:
        with suppress(BrokenPipeError):  # it has ended: there will be nothing to read
            self.process.stdin.write(json.dumps(question) + "\n")  # type: ignore[union-attr]
            self.process.stdin.flush()  # type: ignore[union-attr]

    def _read(self) -> dict[str, Any] | None:
        line = self.process.stdout.readline()  # type: ignore[union-attr]
        if not line.endswith("\n"):
            return None
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        """Kill the process, wait for it and close the pipes."""
        if self.owner == os.getpid():
            self.process.kill()
            self.process.communicate()


_lock = Lock()
_current: _Worker | None = None


def ask_cp_sat(
    program: dict[str, Any], time_limit_seconds: float, *, has_presolve: bool = True
) -> dict[str, Any] | None:
    """Return the worker's answer to the fields of a `Program`; None if it overran its time limit.

    Programs of several threads wait for each other. Without presolve CP-SAT searches the program as
    it stands: more slowly, and by other means.

    Raises
    ------
    InvalidInputError
        OR-Tools cannot be imported.
    WorkerDied
        The process ended by itself.
    """
    global _current
    question = program | {
        "time_limit_seconds": time_limit_seconds,
        "has_presolve": has_presolve,
    }
    with _lock:
        if _current is not None and not _current.is_usable:
            _current.end()
            _current = None
        if _current is None:
            _current = _Worker()
        return _current.ask(question, time_limit_seconds + _GRACE_SECONDS)


@atexit.register
def end_cp_sat() -> None:
    """End the process, if there is one; the next program starts another."""
    global _current
    with _lock:
        if _current is not None:
            _current.end()
        _current = None
