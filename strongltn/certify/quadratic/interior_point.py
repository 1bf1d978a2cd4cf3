r"""Multipliers of the quadratic constraints: an interior-point method on the matrix inequality.

Minimise tau + penalties over multipliers theta with Lambda(theta, tau) >= 0 (see `relaxation` and
`matrix_inequality`). The method is primal-dual with the direction of Helmberg, Rendl, Vanderbei and
Wolkowicz (1996), predicted and corrected as by Mehrotra (1992). Lambda is kept exactly affine in
the multipliers, so every iterate is a bound. (A barrier method on Lambda alone, without the moments
X, has cheaper steps and stalls near the boundary.) Nothing here is trusted: `proof.prove`
proves the result in integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from strongltn.certify.quadratic.matrix_inequality import Arrow, Floats, MatrixInequality
from strongltn.certify.quadratic.relaxation import Multipliers, Relaxation
from strongltn.certify.quadratic.starting_point import starting_parameters
from strongltn.errors import InvalidInputError, UnsolvedError
from strongltn.values.arguments import exact_real, integer

_ROOM = 0.95  # share of the way to the boundary that a step may go
_REFINEMENTS = 3  # halvings, in logarithms, of the distance to the boundary: to 9 %
_STUCK = 1e-4
_RIDGE = 1e-14


@dataclass(frozen=True)
class InteriorPoint:
    """Settings of the search for multipliers.

    Attributes
    ----------
    num_steps : int >= 1
        Newton steps, fewer if the gap closes.
    gap : float in (0, 1)
        Stop when better multipliers could win at most about this share of the squared bound.
    """

    num_steps: int = 40
    gap: float = 1e-2

    def __post_init__(self) -> None:
        object.__setattr__(self, "num_steps", integer("num_steps", self.num_steps, low=1))
        gap = exact_real("gap", self.gap, allowed="a number in (0, 1)")
        if not 0 < gap < 1:
            raise InvalidInputError("gap", got=gap, allowed="a number in (0, 1)")
        object.__setattr__(self, "gap", gap)


def find_multipliers(
    relaxation: Relaxation, *, settings: InteriorPoint | None = None
) -> Multipliers:
    """Return multipliers near the best ones: the last iterate of `search`.

    Raises
    ------
    UnsolvedError
        No start was found: numbers too far apart for float64.

    Notes
    -----
    Rigor: estimate. Cost: see `search`. Randomness: none.
    """
    *_, found = search(relaxation, settings=settings or InteriorPoint())
    return found


def search(relaxation: Relaxation, *, settings: InteriorPoint) -> Iterator[Multipliers]:
    """Yield the start and the multipliers after every step; each of them gives a bound.

    Ends when the gap has closed, after the last step, or where floats fail.

    Notes
    -----
    Rigor: estimate. Cost: a step is some thirty products of matrices of the size of the state, and
    one Cholesky factor of the size of the number of constraints. Randomness: none.
    """
    lmi = MatrixInequality(relaxation)
    point = _Point(lmi, starting_parameters(lmi))
    yield point.multipliers()
    for _ in range(settings.num_steps):
        if point.gap() <= settings.gap or not point.step():
            return
        yield point.multipliers()


class _Point:
    """Parameters x = (theta, tau), with the moments X and the values v of the constraints.

    Pairs whose products all tend to mu: Lambda and X; theta and v of an inequality; and for a
    constraint with a penalty p and theta = r - t, the pairs (r, v) and (t, p - v).
    """

    def __init__(self, lmi: MatrixInequality, parameters: Floats) -> None:
        self.lmi, self.parameters = lmi, parameters
        self.signed, self.kinked = lmi.is_signed, lmi.penalty > 0
        self.matrix = lmi.matrix(parameters)
        inverse = self.matrix.inverse()
        if inverse is None:
            raise UnsolvedError("the search has no start in floats", result=parameters[-1])
        self.inverse = inverse
        one = lmi.relaxation.num_variables - 1
        mu = 1 / inverse[one, one]  # the moments of the constant 1 are 1
        self.moments = mu * inverse
        self.values = np.zeros(len(parameters))
        self.values[self.signed] = mu / parameters[self.signed]
        self.values[self.kinked] = lmi.penalty[self.kinked] / 2
        self.below = np.zeros(len(parameters))
        self.below[self.kinked] = 2 * mu / lmi.penalty[self.kinked]
        self.degree = len(inverse) + int(self.signed.sum()) + 2 * int(self.kinked.sum())

    def multipliers(self) -> Multipliers:
        """Return the parameters as they stand."""
        return Multipliers(
            self.parameters[:-1].copy(), float(self.parameters[-1]), self.bound(), self.gap()
        )

    def bound(self) -> float:
        """Return tau and the penalties: nearly a bound."""
        penalties = self.lmi.penalty @ np.maximum(-self.parameters, 0)
        return float(self.parameters[-1] + penalties)

    def mu(self) -> float:
        """Return the mean of all products of pairs."""
        return self._mu_at(_Move.none(self), (0.0, 0.0))

    def gap(self) -> float:
        """Return about the share of the bound that is still to be won."""
        bound = self.bound()
        return self.mu() * self.degree / bound if bound > 0 else 0.0

    def step(self) -> bool:
        """Take a predicted and corrected step; return whether floats allowed one."""
        system = self._newton_system()
        if system is None:
            return False
        predicted = self._direction(system, 0.0, None)
        lengths = self._lengths(predicted)
        ahead = self._mu_at(predicted, lengths) / self.mu()
        centering = min(ahead**2, 0.9)
        move = self._direction(system, max(centering, 1e-3) * self.mu(), predicted)
        lengths = self._lengths(move)
        matrix = self.matrix.moved(move.matrix, lengths[0])
        inverse = matrix.inverse()
        if max(lengths) < _STUCK or inverse is None:
            return False
        self.matrix, self.inverse = matrix, inverse
        self.parameters = self.parameters + lengths[0] * move.parameters
        self.below = self.below + lengths[0] * move.below
        self.moments += lengths[1] * move.moments
        self.values = self.values + lengths[1] * move.values
        return True

    def _newton_system(self) -> _System | None:
        from scipy.linalg import cho_factor

        lmi, s, k = self.lmi, self.signed, self.kinked
        matrix = lmi.newton_matrix(lmi.gram(self.moments), lmi.gram(self.inverse))
        diagonal = np.zeros(len(self.parameters))
        diagonal[s] = self.values[s] / self.parameters[s]
        v, t = self.values[k], self.below[k]
        diagonal[k] = v / (self.parameters[k] + t + v * t / (lmi.penalty[k] - v))
        matrix[np.diag_indices(len(diagonal))] += diagonal
        scale = 1 / np.sqrt(np.diag(matrix))
        if not np.isfinite(scale).all():
            return None
        matrix *= scale[:, None]
        matrix *= scale
        matrix[np.diag_indices(len(matrix))] += _RIDGE
        try:
            factor = cho_factor(matrix.T, lower=True, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            return None
        return _System(factor, scale, diagonal, lmi.traces(self.inverse))

    def _direction(self, system: _System, mu: float, predicted: _Move | None) -> _Move:
        """Return the direction to the products mu, second-order terms from `predicted`."""
        from scipy.linalg import cho_solve

        lmi, s, k = self.lmi, self.signed, self.kinked
        theta, v, t = self.parameters, self.values[k], self.below[k]
        u = lmi.penalty[k] - v
        at_s, at_r, at_t = (np.full(int(part.sum()), mu) for part in (s, k, k))
        moments = mu * self.inverse
        moments -= self.moments
        right = -mu * system.pull
        right[-1] -= 1
        if predicted is not None:
            at_s -= (predicted.parameters * predicted.values)[s]
            at_r -= ((predicted.parameters + predicted.below) * predicted.values)[k]
            at_t += (predicted.below * predicted.values)[k]
            bent = self._times_inverse(predicted.matrix.after(predicted.moments))
            moments -= bent
            right += lmi.traces(bent)
        weight = theta[k] + t + v * t / u
        shift = (at_r - at_t * v / u - v * theta[k]) / weight
        right[s] += at_s / theta[s]
        right[k] += v + shift
        ahead = system.scale * cho_solve(system.factor, system.scale * right, check_finite=False)
        matrix = lmi.change(ahead)
        moments -= self._times_inverse(matrix.after(self.moments))
        values, below = np.zeros(len(theta)), np.zeros(len(theta))
        values[s] = at_s / theta[s] - self.values[s] - system.diagonal[s] * ahead[s]
        values[k] = shift - system.diagonal[k] * ahead[k]
        below[k] = (at_t - u * t + t * values[k]) / u
        return _Move(ahead, below, values, matrix, moments)

    def _times_inverse(self, matrix: Floats) -> Floats:
        """Return the symmetric part of a matrix times the inverse of Lambda."""
        m = self.lmi.num_inputs
        result = self.matrix.divided(matrix, corner=self.inverse[m:, m:])
        symmetric: Floats = result + result.T
        symmetric /= 2
        return symmetric

    def _lengths(self, move: _Move) -> tuple[float, float]:
        """Return how far parameters and moments may go, at most 1, to stay positive."""
        s, k = self.signed, self.kinked
        above, u = self.parameters + self.below, self.lmi.penalty - self.values
        up = _longest(
            lambda length: self.matrix.moved(move.matrix, length).factor() is not None,
            (self.parameters[s], move.parameters[s]),
            (self.below[k], move.below[k]),
            (above[k], (move.parameters + move.below)[k]),
        )
        down = _longest(
            lambda length: _is_positive(self.moments + length * move.moments),
            (self.values[s], move.values[s]),
            (self.values[k], move.values[k]),
            (u[k], -move.values[k]),
        )
        return up, down

    def _mu_at(self, move: _Move, lengths: tuple[float, float]) -> float:
        """Return the mean of all products of pairs after a move."""
        one, other = lengths
        s, k = self.signed, self.kinked
        theta = self.parameters + one * move.parameters
        values = self.values + other * move.values
        below = self.below + one * move.below
        # sum of Lambda * X entry by entry, without the sums of matrices
        total = sum(
            share * matrix.inner_product(moments)
            for left, matrix in ((1.0, self.matrix), (one, move.matrix))
            for right, moments in ((1.0, self.moments), (other, move.moments))
            if (share := left * right)
        )
        total += float(theta[s] @ values[s]) + float((theta + below)[k] @ values[k])
        total += float(below[k] @ (self.lmi.penalty - values)[k])
        return total / self.degree


@dataclass(frozen=True, eq=False)
class _System:
    """The factored Newton system, its scaling and diagonal, and Z against every constraint."""

    factor: Any
    scale: Floats
    diagonal: Floats
    pull: Floats


@dataclass(frozen=True, eq=False)
class _Move:
    """A direction in all variables of a point."""

    parameters: Floats
    below: Floats
    values: Floats
    matrix: Arrow
    moments: Floats

    @staticmethod
    def none(point: _Point) -> _Move:
        """Return the direction that stays."""
        zeros = np.zeros(len(point.parameters))
        return _Move(zeros, zeros, zeros, point.matrix, point.moments)


def _longest(is_positive: Callable[[float], bool], *pairs: tuple[Floats, Floats]) -> float:
    """Return how far to go, at most 1, so that all values and a matrix keep some room.

    `is_positive` says whether the matrix is positive definite after a step.
    """
    length = 1.0
    for value, move in pairs:
        falling = move < 0
        if falling.any():
            length = min(length, _ROOM * float((-value[falling] / move[falling]).min()))
    if is_positive(length / _ROOM):
        return length
    while length > _STUCK:
        outside, length = length, length / 2
        if is_positive(length / _ROOM):
            break
    for _ in range(_REFINEMENTS):
        middle = float(np.sqrt(length * outside))
        if is_positive(middle / _ROOM):
            length = middle
        else:
            outside = middle
    return length


def _is_positive(matrix: Floats) -> bool:
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True
