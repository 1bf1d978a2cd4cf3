"""Vectors and matrices of rationals, as numpy arrays of Fractions: what norms need, exactly."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

Rationals = npt.NDArray[Any]


def rationals(values: Any, denominator: int = 1) -> Rationals:
    """Return integers over a common denominator as Fractions."""
    array = np.asarray(values)
    flat = [Fraction(int(value), denominator) for value in array.ravel()]
    out = np.empty(len(flat), dtype=object)
    out[:] = flat
    return out.reshape(array.shape)


def norm_squared(values: Rationals) -> Fraction:
    """Return the sum of the squares of all entries."""
    return Fraction(sum(value * value for value in values.ravel()))


def reflection(rng: np.random.Generator, size: int) -> Rationals:
    """Return a random orthogonal matrix I - 2 v v' / v'v, v of integers."""
    v = rationals(rng.integers(1, 6, size) * rng.choice([-1, 1], size))
    projection = np.outer(v, v) / norm_squared(v)
    return np.asarray(rationals(np.eye(size, dtype=int)) - 2 * projection)


def relu(values: Rationals) -> Rationals:
    """Return max(x, 0) of every entry."""
    return np.asarray(np.maximum(values, rationals(0)))


def is_norm_at_most(matrix: Rationals, bound_squared: Fraction) -> bool:
    """Whether the spectral norm squared is at most the bound: elimination shows definiteness."""
    size = matrix.shape[1]
    gram = bound_squared * rationals(np.eye(size, dtype=int)) - matrix.T @ matrix
    for k in range(size):
        pivot = gram[k, k]
        if pivot < 0 or (pivot == 0 and any(gram[k, k + 1 :])):
            return False
        if pivot > 0:
            column = gram[k + 1 :, k]
            gram[k + 1 :, k + 1 :] -= np.outer(column, column) / pivot
    return True
