"""Subset sum as a program in integers, for CP-SAT of OR-Tools in a process of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from strongltn.errors import InvalidInputError, SoundnessBug
from strongltn.numerics.exact import FloatArray
from strongltn.subset_sum.formulations import Objective, Program, integer_numbers
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers._cp_sat_process import INSTALL_HINT, ask_cp_sat
from strongltn.subset_sum.solvers._program_solver import AbstractProgramSolver, Answer, SolveTime


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
    objective : Objective or its value as a str
        LEAST_ERROR ignores the tolerance; the others need one.
    size : int >= 0, optional
        The subset keeps exactly so many samples.
    time_limit_seconds : float > 0
        Per instance. At the limit the best subset so far is returned, with ``Stop.TIME``: the first
        `size` samples, or the empty subset, if there is none.

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
    either).  Cost: exponential
    in n at worst; at n = 21 some 0.2 seconds for the least error, a millisecond within 0.01; half a
    second for the first call, which starts the process. One thread.  Randomness: none; but a time
    limit makes the answer depend on the speed of the machine.

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
        return dataclasses.replace(again, time=_sum(found.time, again.time))

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


def _sum(one: SolveTime, other: SolveTime) -> SolveTime:
    return SolveTime(
        *(
            getattr(one, field.name) + getattr(other, field.name)
            for field in dataclasses.fields(SolveTime)
        )
    )
