"""Subset sum as a mixed-integer program: bits, one window of sums per target, what is minimised.

A `Program` is numbers alone, so it can be handed to any solver, also to one in another process.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any

import numpy as np

from strongltn.numerics.exact import FloatArray, dyadic_numerators
from strongltn.subset_sum.integer_units import quarter_target

# Coefficients beyond 2**30 meet the integrality tolerance of the solvers, 1e-10 at best, and the 13
# digits with which PuLP writes a model to a file.
_MAX_REAL_BITS = 30
# The solver of integers wants all partial sums of a constraint, in quarter units and with room for
# the error, within int64.
_MAX_INTEGER_BITS = 57


class Objective(StrEnum):
    """What a program minimises."""

    WITHIN_TOLERANCE = "within-tolerance"
    """Nothing: any subset within the tolerance will do."""

    LEAST_ERROR = "least-error"
    """The distance between sum and target, the largest one if there are several targets."""

    FEWEST_SAMPLES = "fewest-samples"
    """The number of samples kept for at least one target, subject to the tolerance."""


@dataclass(frozen=True)
class Program:
    """Bits b[j, i], whether sample i is kept for target j, under the constraints below.

    With z >= 0 for LEAST_ERROR, and z = 0 for the other objectives,
    ``lower[j] - z <= sum(coefficients * b[j]) <= upper[j] + z``.

    Attributes
    ----------
    coefficients : sequence of int or of float, length n
    windows : sequence of (lower, upper), length m
        Integers if the coefficients are.
    objective : Objective
        LEAST_ERROR minimises z; FEWEST_SAMPLES the number of columns i of b that are not zero.
    size : int, optional
        Each row of b has exactly so many ones.
    is_disjoint : bool
        Each column of b has at most one 1.

    Notes
    -----
    Rigor: exact (a statement in numbers).  Cost: none.  Randomness: none.

    Source
    ------
    `pensia2020`, experiment 1, for LEAST_ERROR and one target.

    Examples
    --------
    >>> Program([4, 2], [(5, 5)], Objective.LEAST_ERROR).is_disjoint
    False
    """

    coefficients: Sequence[float]
    windows: Sequence[tuple[float, float]]
    objective: Objective
    size: int | None = None
    is_disjoint: bool = False


def real_numbers(
    samples: FloatArray, targets: Sequence[float], tolerance: float | None
) -> tuple[list[float], list[tuple[float, float]]]:
    """Return coefficients and windows for solvers that compute in floating point.

    All is divided by the power of two that makes the number that decides of order 1: the tolerance
    if there is one, otherwise the expected least error, the largest sample divided by 2**n.

    Parameters
    ----------
    samples : float64 array, shape (n,)
        Finite, n >= 1.
    targets : sequence of m finite floats
    tolerance : float >= 0, optional
        Half the width of the windows, which have none without it.

    Returns
    -------
    (list of n floats, list of m pairs of floats)
        Of magnitude 2**30 n + 1 at most.

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
        exponent = top - min(samples.size, _MAX_REAL_BITS)
    else:
        wanted = math.frexp(tolerance)[1] if tolerance > 0.0 else top - samples.size
        exponent = min(max(wanted, top - _MAX_REAL_BITS), top)
    with np.errstate(under="ignore"):  # what underflows here is far below the solvers' tolerances
        coefficients = np.ldexp(samples, -exponent)
    end = float(np.abs(coefficients).sum()) + 1
    windows = _windows(targets, tolerance, unit=Fraction(2) ** exponent, end=end)
    return coefficients.tolist(), [(float(lower), float(upper)) for lower, upper in windows]


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

    Parameters
    ----------
    samples : float64 array, shape (n,)
        Finite, n >= 1.
    targets : sequence of m finite floats
    tolerance : float >= 0, optional
        Half the width of the windows, which have none without it.

    Returns
    -------
    (list of n ints, list of m pairs of ints)
        Of magnitude 2**60 at most; an empty window has lower > upper.

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
    excess = sum(map(abs, coefficients)).bit_length() - _MAX_INTEGER_BITS
    if excess > 0:
        half = 1 << (excess - 1)
        coefficients = [(coefficient + half) >> excess for coefficient in coefficients]
        exponent += excess
    end = sum(map(abs, coefficients)) + 1
    windows = _windows(targets, tolerance, unit=factor * Fraction(2) ** exponent, end=end)
    if tolerance is not None:
        room = Fraction(len(coefficients) if excess > 0 else 0, 2)  # what was rounded, at most
        return coefficients, [
            (math.ceil(lower - room), math.floor(upper + room)) for lower, upper in windows
        ]
    goals = [quarter_target(target) for target, _ in windows]
    return [4 * coefficient for coefficient in coefficients], [(goal, goal) for goal in goals]


def _windows(
    targets: Sequence[float], tolerance: float | None, *, unit: Fraction, end: float
) -> list[tuple[Fraction, Fraction]]:
    """Return target - tolerance and target + tolerance in units.

    An edge beyond `end`, which is beyond the reach of the samples, is moved there: the same subsets
    are within, the same subset is nearest, and all numbers stay small.
    """
    slack = Fraction(tolerance or 0.0)
    last = Fraction(end)

    def edge(value: Fraction) -> Fraction:
        return min(max(value / unit, -last), last)

    exact = [Fraction(target) for target in targets]
    return [(edge(target - slack), edge(target + slack)) for target in exact]


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
