"""Subset sum as a program in integers, for CP-SAT of OR-Tools in a process of its own."""

from __future__ import annotations

import atexit
import dataclasses
import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Lock, Timer
from typing import Any

from strongltn.errors import InvalidInputError, MachineError, SoundnessBug
from strongltn.numerics.exact import FloatArray, dyadic_numerators
from strongltn.subset_sum.integer_units import quarter_target
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers.program import (
    AbstractProgramSolver,
    Answer,
    Objective,
    Program,
    SolveTime,
    windows_of,
)


@dataclass(frozen=True)
class ConstraintProgram(AbstractProgramSolver):
    """Let CP-SAT choose the samples; what it claims is reported, not trusted.

    The programs are those of `IntegerProgram`, in integers: samples on their common grid, and the
    target in quarter units of it, so that the least error is that of the target as given. Where the
    magnitudes sum to more than 2**57 grid units the samples are rounded to a coarser grid: then a
    claim of an optimum is one about the rounded samples, and the window of a tolerance is wider, so
    that a subset found may miss it.

    Attributes
    ----------
    objective, size, time_limit_seconds
        What is minimised, and within what; see `AbstractProgramSolver`.

    Raises
    ------
    InvalidInputError
        A value is outside the above. From `check`: OR-Tools is not installed, an objective without
        the tolerance that it needs, `size` larger than n.
    WorkerDied
        The process that runs CP-SAT ended by itself.

    Notes
    -----
    Rigor: heuristic (the search is exact by design, but it is not checked here; that no subset is
    within the tolerance is claimed only where a second search, without presolve, finds none
    either).  Cost: exponential in n at worst; at n = 21 some 0.2 seconds for the least error, a
    millisecond within 0.01; half a second for the first call, which starts the process. One thread.
    Randomness: none; but a time limit makes the answer depend on the speed of the machine.

    Source
    ------
    `ortools`, CP-SAT; the task is that of `pensia2020`, experiment 1.

    Examples
    --------
    >>> ConstraintProgram(objective="within-tolerance", time_limit_seconds=5.0).time_limit_seconds
    5.0
    """

    def check(self, num_samples: int, tolerance: float | None) -> None:
        """Raise InvalidInputError if OR-Tools is missing, or what the settings need."""
        if find_spec("ortools") is None:
            raise InvalidInputError(
                "solver",
                got="ConstraintProgram, and OR-Tools is not installed.",
                allowed="one whose packages are installed",
                hint=INSTALL_HINT,
            )
        super().check(num_samples, tolerance)

    def _numbers(
        self, samples: FloatArray, targets: Sequence[float], tolerance: float | None
    ) -> tuple[list[int], list[tuple[int, int]]]:
        return integer_numbers(samples, targets, tolerance)

    def _answer(self, program: Program) -> Answer:
        found = self._ask(program, self.time_limit_seconds)
        if found.stop is not Stop.CLAIMED_INFEASIBLE:
            return found
        # Its presolve has been wrong before: what says that there is nothing is asked again, by
        # other means.
        left = self.time_limit_seconds - found.time.search_seconds
        if left <= 0:
            return dataclasses.replace(found, stop=Stop.TIME)
        any_subset = dataclasses.replace(program, objective=Objective.WITHIN_TOLERANCE)
        again = self._ask(any_subset, left, has_presolve=False)
        if again.stop is Stop.TOLERANCE_MET and program.objective is not any_subset.objective:
            again = dataclasses.replace(again, stop=Stop.GAVE_UP)
        return dataclasses.replace(again, time=found.time + again.time)

    def _ask(
        self, program: Program, time_limit_seconds: float, *, has_presolve: bool = True
    ) -> Answer:
        fields = dataclasses.asdict(program)
        answer = ask_cp_sat(fields, time_limit_seconds, has_presolve=has_presolve)
        if answer is None:
            return Answer(None, Stop.TIME, SolveTime(search_seconds=time_limit_seconds))
        spent = SolveTime(
            answer["build_seconds"], answer["search_seconds"], answer["search_cpu_seconds"]
        )
        if answer["status"] == "MODEL_INVALID":
            raise SoundnessBug("CP-SAT refuses a program of ours: its numbers are too large.")
        if answer["status"] == "OPTIMAL":
            is_any = program.objective is Objective.WITHIN_TOLERANCE
            stop = Stop.TOLERANCE_MET if is_any else Stop.CLAIMED_OPTIMAL
        elif answer["status"] == "INFEASIBLE":
            stop = Stop.CLAIMED_INFEASIBLE
        else:  # the time limit is the only one that is set
            stop = Stop.TIME
        return Answer(answer["bits"], stop, spent)


# CP-SAT wants all partial sums of a constraint within int64, in quarter units and with room for the
# error.
_MAX_BITS = 57


def integer_numbers(
    samples: FloatArray, targets: Sequence[float], tolerance: float | None
) -> tuple[list[int], list[tuple[int, int]]]:
    """Return coefficients and windows for solvers that compute in integers of 64 bits.

    The unit is the largest number of which all samples are multiples, so that nothing is rounded
    and the coefficients are as small as can be; or, where magnitudes sum to more than 2**57 units,
    as many times two for which they do not, with the samples rounded to it.
    Then the windows are wider by what was rounded: where they hold no subset, there is none.
    Without a tolerance all is in quarters of it, as in `quarter_targets`: the least error is that
    of the true targets, on the grid or not.

    Returns
    -------
    (list of n ints, list of m pairs of ints)
        All are of magnitude 2**60 at most; an empty window has lower > upper.

    Notes
    -----
    Rigor: exact if the magnitudes sum to at most 2**57 grid units.  Cost: O(n + m) operations on
    integers as long as the exponents span.  Randomness: none.

    Examples
    --------
    >>> import numpy as np
    >>> integer_numbers(np.array([0.5, 0.25]), [0.25], None)
    ([8, 4], [(3, 3)])
    >>> integer_numbers(np.array([0.5, 0.25]), [0.25], 0.3)
    ([2, 1], [(0, 2)])
    """
    coefficients, exponent = dyadic_numerators(samples.tolist())
    factor = math.gcd(*coefficients) or 1
    coefficients = [coefficient // factor for coefficient in coefficients]
    excess = sum(map(abs, coefficients)).bit_length() - _MAX_BITS
    if excess > 0:
        half = 1 << (excess - 1)
        coefficients = [(coefficient + half) >> excess for coefficient in coefficients]
        exponent += excess
    end = sum(map(abs, coefficients)) + 1
    windows = windows_of(targets, tolerance, unit=factor * Fraction(2) ** exponent, end=end)
    if tolerance is not None:
        room = Fraction(len(coefficients) if excess > 0 else 0, 2)  # what was rounded, at most
        return coefficients, [
            (math.ceil(lower - room), math.floor(upper + room)) for lower, upper in windows
        ]
    goals = [quarter_target(target) for target, _ in windows]
    return [4 * coefficient for coefficient in coefficients], [(goal, goal) for goal in goals]


INSTALL_HINT = "Install it with: pip install 'strongltn[cpsat]'."
_WORKER = Path(__file__).with_name("cp_sat_worker.py")
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
