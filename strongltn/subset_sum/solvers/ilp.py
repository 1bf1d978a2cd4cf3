"""Subset sum as an integer program, for any solver that PuLP can reach."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

import numpy as np

from strongltn.errors import InvalidInputError
from strongltn.numerics.exact import FloatArray
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers.abstract import AbstractSolver, Candidate

# Coefficients beyond 2**30 meet the integrality tolerance of the solvers, 1e-6 at most, and the 13
# digits with which PuLP writes a model to a file.
_MAX_COEFFICIENT_BITS = 30
_LARGEST_TOLERANCE = 1e15  # in units: far beyond the reach of any samples in these units
# PuLP passes the gaps on to these; other backends may refuse the two options.
_TAKE_GAPS = ("PULP_CBC_CMD", "COIN_CMD", "HiGHS")


class Objective(StrEnum):
    """What an integer program minimises."""

    LEAST_ERROR = "least-error"
    """The distance between sum and target."""

    FEWEST_SAMPLES = "fewest-samples"
    """The number of samples kept, subject to the tolerance."""


@dataclass(frozen=True)
class IntegerProgram(AbstractSolver[FloatArray]):
    """Let a mixed-integer solver choose the samples; what it claims is reported, not trusted.

    With bits b and z >= 0, all divided by a power of two,

    - LEAST_ERROR: minimise z subject to ``-z <= sum(x * b) - t <= z``;
    - FEWEST_SAMPLES: minimise ``sum(b)`` subject to ``abs(sum(x * b) - t) <= tolerance``.

    These solvers compute in floating point, with tolerances of 1e-6 to 1e-9: about the size of the
    optimum for n = 21. The division makes the expected optimum, or the tolerance, of order 1, and
    the gaps are set to 0. The bits returned are rounded to 0 or 1; their error is then computed
    exactly as for every solver. A claimed optimum is usually one, and not always.

    Attributes
    ----------
    backend : str
        A name from ``pulp.listSolvers(onlyAvailable=True)``, such as "HiGHS" or "PULP_CBC_CMD".
    objective : Objective or its value as a str
        LEAST_ERROR ignores the tolerance; FEWEST_SAMPLES needs one.
    time_limit_seconds : float > 0
        Per instance. At the limit the best subset so far is returned, with ``Stop.TIME``.

    Raises
    ------
    InvalidInputError
        A value is outside the above, or `backend` is not available: the message lists those that
        are. From `check`: FEWEST_SAMPLES without a tolerance.

    Notes
    -----
    Rigor: heuristic (floating point).  Cost: exponential in n at worst; at n = 21 seconds for the
    least error, milliseconds for the fewest samples within 0.01.  Randomness: none; but a time
    limit makes the answer depend on the speed of the machine.

    Source
    ------
    `pensia2020`, experiment 1, whose objective is LEAST_ERROR.

    Examples
    --------
    >>> IntegerProgram(objective="fewest-samples").objective
    <Objective.FEWEST_SAMPLES: 'fewest-samples'>
    """

    backend: str = "HiGHS"
    objective: Objective = Objective.LEAST_ERROR
    time_limit_seconds: float = 60.0

    is_complete: ClassVar[bool] = False

    def __post_init__(self) -> None:
        available = _available_backends()
        if self.backend not in available:
            raise InvalidInputError(
                "backend", got=repr(self.backend), allowed=f"one of {', '.join(available)}"
            )
        if self.objective not in list(Objective):
            values = " or ".join(repr(objective.value) for objective in Objective)
            raise InvalidInputError("objective", got=repr(self.objective), allowed=values)
        object.__setattr__(self, "objective", Objective(self.objective))
        limit = self.time_limit_seconds
        is_number = isinstance(limit, int | float) and not isinstance(limit, bool)
        if not is_number or not 0 < limit < math.inf:
            raise InvalidInputError("time_limit_seconds", got=limit, allowed="a finite number > 0")

    def check(self, num_samples: int, tolerance: float | None) -> None:
        """Raise InvalidInputError if the objective needs a tolerance and there is none."""
        if self.objective is Objective.FEWEST_SAMPLES and tolerance is None:
            raise InvalidInputError(
                "tolerance", got=None, allowed="given when the objective is 'fewest-samples'"
            )

    def prepare(self, samples: FloatArray) -> FloatArray:
        """Return the samples: the scale depends on the tolerance as well."""
        return samples

    def search(self, state: FloatArray, target: float, tolerance: float | None) -> Candidate:
        """Return the subset that the backend ends with, the empty one if it has none."""
        self.check(state.size, tolerance)
        mask = np.zeros(state.size, dtype=np.bool_)
        limit = tolerance if self.objective is Objective.FEWEST_SAMPLES else None
        if limit is not None and abs(target) <= limit:
            return Candidate(mask, Stop.CLAIMED_OPTIMAL)
        positions = np.flatnonzero(state)
        if positions.size == 0:
            return Candidate(
                mask, Stop.CLAIMED_OPTIMAL if limit is None else Stop.CLAIMED_INFEASIBLE
            )
        exponent = _unit_exponent(state, limit)
        coefficients = _in_units(state[positions], exponent)
        tolerance_units = None
        reach = float(np.abs(coefficients).sum())
        if limit is not None:
            tolerance_units = min(float(_in_units(limit, exponent)), _LARGEST_TOLERANCE)
            reach += tolerance_units
        # A target beyond reach stays beyond when it is moved closer, and all numbers stay small.
        target_units = float(np.clip(_in_units(target, exponent), -2 * reach - 1, 2 * reach + 1))
        model, bits = _model(coefficients.tolist(), target=target_units, tolerance=tolerance_units)
        stop = self._run(model)
        if stop is not Stop.CLAIMED_INFEASIBLE:  # what the bits hold then is no proposal
            mask[positions] = [bit.varValue is not None and bit.varValue > 0.5 for bit in bits]
        return Candidate(mask, stop)

    def _run(self, model: Any) -> Stop:
        """Solve the model and say why that ended."""
        import pulp

        options: dict[str, Any] = {"msg": False, "timeLimit": self.time_limit_seconds}
        if self.backend in _TAKE_GAPS:
            options |= {"gapRel": 0.0, "gapAbs": 0.0}
        with warnings.catch_warnings():
            # The CBC that comes with PuLP 3 is announced to move to a package of its own.
            warnings.simplefilter("ignore", DeprecationWarning)
            solver = pulp.getSolver(self.backend, **options)
        started = time.monotonic()
        model.solve(solver)
        if model.sol_status == pulp.LpSolutionOptimal:
            return Stop.CLAIMED_OPTIMAL
        if model.status == pulp.LpStatusInfeasible:
            return Stop.CLAIMED_INFEASIBLE
        elapsed = time.monotonic() - started
        return Stop.TIME if elapsed >= self.time_limit_seconds else Stop.GAVE_UP


def _available_backends() -> list[str]:
    import pulp

    return list(pulp.listSolvers(onlyAvailable=True))


def _unit_exponent(samples: FloatArray, tolerance: float | None) -> int:
    """Return e such that, in units of 2**e, the number that decides is of order 1.

    That number is the tolerance if there is one. Otherwise it is the expected least error, which is
    about the largest sample divided by 2**n.
    """
    top = math.frexp(float(np.abs(samples).max()))[1]
    if tolerance is None:
        return top - min(samples.size, _MAX_COEFFICIENT_BITS)
    wanted = math.frexp(tolerance)[1] if tolerance > 0.0 else top - samples.size
    return min(max(wanted, top - _MAX_COEFFICIENT_BITS), top)


def _in_units(values: FloatArray | float, exponent: int) -> FloatArray:
    with np.errstate(over="ignore", under="ignore"):
        scaled: FloatArray = np.ldexp(values, -exponent)
    return scaled


def _model(
    coefficients: list[float], *, target: float, tolerance: float | None
) -> tuple[Any, list[Any]]:
    """Return the program and its bits; without a tolerance the error is what it minimises."""
    import pulp

    model = pulp.LpProblem("subset_sum", pulp.LpMinimize)
    bits = [model.add_variable(f"keep_{k}", cat="Binary") for k in range(len(coefficients))]
    total = pulp.lpSum(
        coefficient * bit for coefficient, bit in zip(coefficients, bits, strict=True)
    )
    slack: Any = tolerance
    if tolerance is None:
        slack = model.add_variable("error", lowBound=0)
    model += slack if tolerance is None else pulp.lpSum(bits)
    model += total - slack <= target
    model += total + slack >= target
    return model, bits
