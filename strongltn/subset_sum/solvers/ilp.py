"""Subset sum as an integer program, for any solver that PuLP can reach."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from strongltn.errors import InvalidInputError
from strongltn.numerics.exact import FloatArray
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers.program import (
    AbstractProgramSolver,
    Answer,
    Objective,
    Program,
    SolveTime,
    windows_of,
)

# Each backend's own names of its tolerances, at the tightest values that it takes and is stable
# with. The gaps are 0: a claimed optimum is one up to these tolerances.
_CBC = {
    "gapRel": 0.0,
    "gapAbs": 0.0,
    "options": [
        "primalTolerance 1e-9",
        "dualTolerance 1e-9",
        "integerTolerance 1e-12",
        "increment 1e-12",
    ],
}
_TIGHT: dict[str, dict[str, Any]] = {
    "PULP_CBC_CMD": _CBC,
    "COIN_CMD": _CBC,
    "HiGHS": {
        "gapRel": 0.0,
        "gapAbs": 0.0,
        "mip_feasibility_tolerance": 1e-10,
        "primal_feasibility_tolerance": 1e-10,
        "dual_feasibility_tolerance": 1e-10,
    },
    "GUROBI": {
        "MIPGap": 0.0,
        "MIPGapAbs": 0.0,
        "FeasibilityTol": 1e-9,
        "IntFeasTol": 1e-9,
        "OptimalityTol": 1e-9,
    },
    "SCIP_PY": {  # it divides by 1000 when it is in doubt, and its linear programs stop at 1e-10
        "gapRel": 0.0,
        "gapAbs": 0.0,
        "options": ["numerics/feastol", 1e-7, "numerics/dualfeastol", 1e-7],
    },
}
# One thread each, so that rates compare; Gurobi in an environment of its own, which prints nothing.
_PLAIN: dict[str, dict[str, Any]] = {
    "HiGHS": {"parallel": "off"},
    "GUROBI": {"Threads": 1, "manageEnv": True},
}
# The presolve of HiGHS takes time quadratic in the number of bits, and does not look at the clock.
_MAX_BITS_OF_PRESOLVE = 500


@dataclass(frozen=True)
class IntegerProgram(AbstractProgramSolver):
    """Let a mixed-integer solver choose the samples; what it claims is reported, not trusted.

    With bits b and z >= 0, all divided by a power of two,

    - LEAST_ERROR: minimise z subject to ``-z <= sum(x * b) - t <= z``;
    - FEWEST_SAMPLES: minimise ``sum(b)`` subject to ``abs(sum(x * b) - t) <= tolerance``;
    - WITHIN_TOLERANCE: any b with ``abs(sum(x * b) - t) <= tolerance``;

    and with `size`, ``sum(b) == size``.

    These solvers compute in floating point, with tolerances of 1e-6 to 1e-9: about the size of the
    optimum for n = 21. The division makes the expected optimum, or the tolerance, of order 1, and
    the tolerances and gaps are set to the tightest. The bits returned are rounded to 0 or 1; their
    error is then computed exactly as for every solver. A claimed optimum is usually one, and not
    always: `audit_claims` counts.

    Attributes
    ----------
    backend : str
        A name from ``pulp.listSolvers(onlyAvailable=True)``, such as "HiGHS", "PULP_CBC_CMD",
        "GUROBI" (needs gurobipy) or "SCIP_PY" (needs pyscipopt).
    is_tight : bool
        Whether tolerances and gaps are set. Without, they are the backend's own; and so they are
        for a backend other than the four above and "COIN_CMD".
    objective, size, time_limit_seconds
        What is minimised, and within what; see `AbstractProgramSolver`.

    Raises
    ------
    InvalidInputError
        A value is outside the above, or `backend` is not available: the message lists those that
        are. From `check`: an objective without the tolerance that it needs, `size` larger than n.

    Notes
    -----
    Rigor: heuristic (floating point).  Cost: exponential in n at worst; at n = 21 seconds for the
    least error, milliseconds for the fewest samples within 0.01. One thread.  Randomness: none; but
    a time limit makes the answer depend on the speed of the machine.

    Source
    ------
    `pensia2020`, experiment 1, whose objective is LEAST_ERROR.

    Examples
    --------
    >>> IntegerProgram(objective="fewest-samples").objective
    <Objective.FEWEST_SAMPLES: 'fewest-samples'>
    """

    backend: str = "HiGHS"
    is_tight: bool = True

    def __post_init__(self) -> None:
        available = _available_backends()
        if self.backend not in available:
            raise InvalidInputError(
                "backend", got=repr(self.backend), allowed=f"one of {', '.join(available)}"
            )
        if type(self.is_tight) is not bool:
            raise InvalidInputError("is_tight", got=self.is_tight, allowed="a bool")
        super().__post_init__()

    def _numbers(
        self, samples: FloatArray, targets: Sequence[float], tolerance: float | None
    ) -> tuple[list[float], list[tuple[float, float]]]:
        return real_numbers(samples, targets, tolerance)

    def _answer(self, program: Program) -> Answer:
        import pulp

        started = time.perf_counter()
        model, bits = pulp_model(program)
        solver = self._backend(num_bits=len(bits) * len(bits[0]))
        built, cpu_built = time.perf_counter(), _cpu_seconds()
        model.solve(solver)
        elapsed = time.perf_counter() - built
        spent = SolveTime(built - started, elapsed, _cpu_seconds() - cpu_built)
        if model.sol_status == pulp.LpSolutionOptimal:
            is_any = program.objective is Objective.WITHIN_TOLERANCE
            stop = Stop.TOLERANCE_MET if is_any else Stop.CLAIMED_OPTIMAL
        elif model.status == pulp.LpStatusInfeasible:
            return Answer(None, Stop.CLAIMED_INFEASIBLE, spent)
        else:
            stop = Stop.TIME if elapsed >= self.time_limit_seconds else Stop.GAVE_UP
        return Answer([[_is_kept(bit) for bit in row] for row in bits], stop, spent)

    def _backend(self, *, num_bits: int) -> Any:
        import pulp

        options = dict(_PLAIN.get(self.backend, {}))
        if self.is_tight:
            options |= _TIGHT.get(self.backend, {})
        if self.backend == "HiGHS" and num_bits > _MAX_BITS_OF_PRESOLVE:
            options["presolve"] = "off"
        with warnings.catch_warnings():
            # The CBC that comes with PuLP 3 is announced to move to a package of its own.
            warnings.simplefilter("ignore", DeprecationWarning)
            return pulp.getSolver(
                self.backend, msg=False, timeLimit=self.time_limit_seconds, **options
            )


def _is_kept(bit: Any) -> bool:
    return bit.varValue is not None and bit.varValue > 0.5


def _available_backends() -> list[str]:
    import pulp

    return list(pulp.listSolvers(onlyAvailable=True))


def _cpu_seconds() -> float:
    """CPU time of this process and of its children that have ended."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


# Coefficients beyond 2**30 meet the integrality tolerance of the solvers, 1e-10 at best, and the 13
# digits with which PuLP writes a model to a file.
_MAX_BITS = 30


def real_numbers(
    samples: FloatArray, targets: Sequence[float], tolerance: float | None
) -> tuple[list[float], list[tuple[float, float]]]:
    """Return coefficients and windows for solvers that compute in floating point.

    All is divided by the power of two that makes the number that decides of order 1: the tolerance
    if there is one, otherwise the expected least error, the largest sample divided by 2**n.

    Returns
    -------
    (list of n floats, list of m pairs of floats)
        The numbers have a magnitude of 2**30 n + 1 at most.

    Notes
    -----
    Rigor: each number is rounded once.  Cost: O(n + m).  Randomness: none.

    Examples
    --------
    >>> import numpy as np
    >>> real_numbers(np.array([0.5, 0.25]), [0.4], 0.125)
    ([2.0, 1.0], [(1.1, 2.1)])
    """
    top = math.frexp(float(np.abs(samples).max()))[1]
    if tolerance is None:
        exponent = top - min(samples.size, _MAX_BITS)
    else:
        wanted = math.frexp(tolerance)[1] if tolerance > 0.0 else top - samples.size
        exponent = min(max(wanted, top - _MAX_BITS), top)
    with np.errstate(under="ignore"):  # what underflows here is far below the solvers' tolerances
        coefficients = np.ldexp(samples, -exponent)
    end = float(np.abs(coefficients).sum()) + 1
    windows = windows_of(targets, tolerance, unit=Fraction(2) ** exponent, end=end)
    return coefficients.tolist(), [(float(lower), float(upper)) for lower, upper in windows]


def pulp_model(program: Program) -> tuple[Any, list[list[Any]]]:
    """Return the program as a ``pulp.LpProblem``, and its bits b[j][i]."""
    import pulp

    model = pulp.LpProblem("subset_sum", pulp.LpMinimize)
    num_targets, num_samples = len(program.windows), len(program.coefficients)
    bits = [
        [model.add_variable(f"keep_{j}_{i}", cat="Binary") for i in range(num_samples)]
        for j in range(num_targets)
    ]
    slack: Any = 0
    if program.objective is Objective.LEAST_ERROR:
        slack = model.add_variable("error", lowBound=0)
        model += slack
    elif program.objective is Objective.FEWEST_SAMPLES:
        is_used = bits[0]
        if num_targets > 1:
            is_used = [model.add_variable(f"use_{i}", cat="Binary") for i in range(num_samples)]
        model += pulp.lpSum(is_used)
        for row in bits if num_targets > 1 else []:
            for used, bit in zip(is_used, row, strict=True):
                model += used >= bit
    for (lower, upper), row in zip(program.windows, bits, strict=True):
        total = pulp.LpAffineExpression(zip(row, program.coefficients, strict=True))
        model += total - slack <= upper
        model += total + slack >= lower
        if program.size is not None:
            model += pulp.lpSum(row) == program.size
    if program.is_disjoint and num_targets > 1:
        for column in zip(*bits, strict=True):
            model += pulp.lpSum(column) <= 1
    return model, bits
