"""The quadratic bound: a search for multipliers in floats, then a proof in integers with a witness.

The witness is the multipliers as dyadics and a factor of the matrix, as they stand in the file.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.certify.differential.ranges import LayerRanges
from strongltn.certify.quadratic.constraints import Family, float_estimates
from strongltn.certify.quadratic.exact_inequality import (
    Inequality,
    by_family,
    exact_inequality,
    is_positive,
)
from strongltn.certify.quadratic.interior_point import InteriorPoint, search
from strongltn.certify.quadratic.matrix_inequality import MatrixInequality
from strongltn.certify.quadratic.relaxation import Multipliers, Relaxation, relax
from strongltn.certify.quadratic.starting_point import starting_parameters
from strongltn.errors import SoundnessBug, UnsolvedError
from strongltn.networks.difference import DifferenceNetwork
from strongltn.numerics.dyadic import DyadicArray, round_up, to_text, upper_sqrt
from strongltn.values.arguments import Progress

_MAX_MATRIX_ENTRIES = 1 << 25  # of the format of certificates
_MANY_ROWS = 1500  # below, more threads cost more than they do
_MULTIPLIER_BITS = 32  # of every multiplier
_LEAST_MULTIPLIER = 2.0**-100  # share of the largest; smaller ones are nothing
_WITNESS_BITS = 46
_SLACKS = (1e-10, 1.6e-9, 2.6e-8, 4e-7)  # shares of the (scaled) diagonal left to rounding
# of the starting point, mixed in until a proof goes through
_SHARES = (0.0, 1e-8, 1e-6, 1e-4, 1e-2)
_MAX_CANDIDATES = 3
_INFLATION = 1e-9  # of tau and of the domain's multipliers, for rounding


@dataclass(frozen=True)
class Search:
    """How multipliers were found.

    Attributes
    ----------
    num_steps : int
    gap : float
        About the share of the squared bound that better multipliers could still win.
    seconds : float
        With the proof.
    """

    num_steps: int
    gap: float
    seconds: float


@dataclass(frozen=True, eq=False)
class QuadraticWitness:
    """A proved bound on sup ||f' - g'||_2.

    Attributes
    ----------
    bound : Fraction
        >= sup ||f' - g'||_2, dyadic.
    tau : Fraction
        The multiplier of the constant 1, dyadic.
    unit_exponent : int
        Differences are measured in units of two to this power.
    multipliers : int64 (2, constraints)
        Numerators and exponents, in the order of the families.
    diagonal : int64 (num_inputs,)
        r, times two to `factor_exponent`.
    factor : int64 (rest, num_inputs + rest)
        [C | F], times two to `factor_exponent`; rest are the variables behind the inputs, and the
        outputs.
    factor_exponent : int
    search : Search, or None
        How the multipliers were found, where they were searched for.
    """

    bound: Fraction
    tau: Fraction
    unit_exponent: int
    multipliers: NDArray[np.int64]
    diagonal: NDArray[np.int64]
    factor: NDArray[np.int64]
    factor_exponent: int
    search: Search | None = None

    def entry(self) -> dict[str, Any]:
        """Return what certificate.json says of the method."""
        return {
            "unit_exponent": self.unit_exponent,
            "tau": to_text(self.tau),
            "factor_exponent": self.factor_exponent,
            "bound": to_text(self.bound),
        }

    def arrays(self) -> dict[str, NDArray[np.int64]]:
        """Return its part of witness.safetensors."""
        return {
            "quadratic.multipliers": self.multipliers,
            "quadratic.diagonal": self.diagonal,
            "quadratic.factor": self.factor,
        }


def quadratic_bound(
    network: DifferenceNetwork,
    *,
    ranges: tuple[LayerRanges, ...],
    settings: InteriorPoint | None = None,
    progress: Progress | None = None,
) -> QuadraticWitness:
    """Return a proved bound on sup ||f' - g'||_2 over the domain from quadratic constraints.

    Parameters
    ----------
    network : DifferenceNetwork
    ranges : tuple of LayerRanges
        True of every input of the domain, one for each layer.
    settings : InteriorPoint, optional
    progress : callable, optional
        Called with "quadratic", the steps done and the most steps, after every step.

    Raises
    ------
    UnsolvedError
        Numbers too far apart for float64: no start was found, or no iterate could be proved.

    Notes
    -----
    Rigor: rigorous bound, proved in integers before it is returned. Cost: steps times the cube of
    inputs + 2 switching neurons, and of 5 switching neurons + inputs. Randomness: none.
    """
    from threadpoolctl import threadpool_limits

    begin = time.perf_counter()
    settings = settings or InteriorPoint()
    relaxation = relax(network, ranges=ranges)
    size = relaxation.num_variables + relaxation.output.shape[0]
    if size * max(size, 2 * max(network.widths[1:])) > _MAX_MATRIX_ENTRIES:
        raise UnsolvedError(f"a matrix of {size} rows is too large for a certificate", result=size)
    iterates: list[Multipliers] = []
    # what overflows is refused by the proof
    with np.errstate(all="ignore"), threadpool_limits(1 if size < _MANY_ROWS else None):
        try:
            for found in search(relaxation, settings=settings):
                iterates.append(found)
                if progress is not None:
                    progress("quadratic", len(iterates) - 1, settings.num_steps)
        except np.linalg.LinAlgError as failure:
            if not iterates:
                raise UnsolvedError(f"the search has no start: {failure}", result=None) from failure
        witness = prove(relaxation, iterates)
    record = Search(len(iterates) - 1, iterates[-1].gap, time.perf_counter() - begin)
    return replace(witness, search=record)


def prove(relaxation: Relaxation, candidates: Sequence[Multipliers]) -> QuadraticWitness:
    """Return the least bound that candidates give, proved, with its witness.

    Multipliers that are not quite feasible are repaired: a share of a strictly feasible point is
    mixed in, as large as the exact residual needs.

    Parameters
    ----------
    relaxation : Relaxation
    candidates : sequence of Multipliers
        Those of the least estimates are tried first.

    Raises
    ------
    UnsolvedError
        No witness passed the exact check.

    Notes
    -----
    Rigor: rigorous bound, checked in integers before it is returned. Cost: one float Cholesky
    factor and one integer product of the size of the state for every trial; the first one is
    meant to do. Randomness: none.
    """
    feasible: NDArray[np.float64] | None = None
    for found in sorted(candidates, key=lambda each: each.estimate)[:_MAX_CANDIDATES]:
        parameters = np.append(found.theta, found.tau)
        for share in _SHARES:
            if share:
                if feasible is None:
                    feasible = starting_parameters(MatrixInequality(relaxation))
                parameters = (1 - share) * parameters + share * feasible
            witness = _proved(relaxation, parameters)
            if witness is not None:
                return witness
    raise UnsolvedError("no witness for the quadratic bound was accepted", result=candidates)


def _proved(relaxation: Relaxation, parameters: NDArray[np.float64]) -> QuadraticWitness | None:
    if not np.isfinite(2 * parameters).all():
        return None
    multipliers = _rounded(relaxation, parameters[:-1])
    tau = round_up(Fraction(max(float(parameters[-1]), 0.0) * (1 + _INFLATION)))
    inequality = exact_inequality(relaxation, multipliers, tau)
    for slack in _SLACKS:
        suggestion = _suggest(inequality, slack)
        if suggestion is not None and is_positive(inequality, *suggestion):
            bound = bound_of(relaxation, multipliers, tau)
            return QuadraticWitness(bound, tau, relaxation.exponent, multipliers, *suggestion)
    return None


def bound_of(relaxation: Relaxation, multipliers: NDArray[np.int64], tau: Fraction) -> Fraction:
    """Return the bound on ||f' - g'|| that Lambda >= 0 proves.

    Raises
    ------
    SoundnessBug
        The multiplier of an inequality is negative, or their number is wrong.
    """
    total = tau
    for family, part in by_family(relaxation, multipliers):
        total += _cost(family, part)
    return upper_sqrt(total) * Fraction(2) ** relaxation.exponent


def _cost(family: Family, multipliers: DyadicArray) -> Fraction:
    negative = np.minimum(multipliers.numerators, 0)
    if family.penalty is None:
        if negative.any():
            raise SoundnessBug(f"a multiplier of the inequality {family.name} is negative")
        return Fraction(0)
    cost = -int(negative @ family.penalty.numerators.astype(object))
    return cost * Fraction(2) ** (multipliers.exponent + family.penalty.exponent)


def _suggest(
    inequality: Inequality, slack: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], int] | None:
    """Return diagonal, factor and exponent; unchecked."""
    scales = inequality.scales()
    if scales is None:
        return None
    powers = np.ldexp(1.0, scales.astype(np.int64))
    inputs = float_estimates(inequality.diagonal)
    rows = float_estimates(inequality.rows)
    num_inputs = len(inputs)
    near, far = powers[:num_inputs], powers[num_inputs:]
    roots = np.sqrt(inputs * near**2 - slack)
    left = rows[:, :num_inputs] * far[:, None] * near / roots
    schur = rows[:, num_inputs:] * far[:, None] * far - left @ left.T
    try:
        lower = np.linalg.cholesky(schur - slack * np.eye(len(schur)))
    except np.linalg.LinAlgError:
        return None
    exponent = 1 - _WITNESS_BITS
    factor = np.rint(np.ldexp(np.concatenate([left, lower], axis=1), -exponent)).astype(np.int64)
    diagonal = np.rint(np.ldexp(roots, -exponent)).astype(np.int64)
    return diagonal, factor, exponent


def _rounded(relaxation: Relaxation, theta: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return numerators of a few bits and exponents; multipliers of the domain a little larger."""
    values = theta.copy()
    start = 0
    for family in relaxation.families:
        part = values[start : start + family.size]
        if family.name in ("ball", "box"):
            part *= 1 + _INFLATION
        part[np.abs(part) < _LEAST_MULTIPLIER * np.abs(part).max(initial=0.0)] = 0
        start += family.size
    mantissas, exponents = np.frexp(values)
    numerators = np.rint(np.ldexp(mantissas, _MULTIPLIER_BITS))
    exponents = np.where(numerators == 0, 0, exponents - _MULTIPLIER_BITS)
    return np.array([numerators, exponents]).astype(np.int64)
