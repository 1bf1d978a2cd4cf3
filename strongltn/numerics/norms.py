"""Spectral norms proved by a witness: an exact integer Gram matrix and a Cholesky factor.

A float Cholesky factor L of N^2 I - G is a suggestion; the proof is that the exact residual
R = N^2 I - G - L L^T is diagonally dominant, hence R >= 0 and N^2 I >= G.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import flint
import numpy as np
from numpy.typing import NDArray

from strongltn.errors import SoundnessBug
from strongltn.numerics.dyadic import DyadicArray, upper_sqrt

_WITNESS_BITS = 46  # below the largest entry; the residual is then about 1e-13 of N^2
_FIRST_SLACK = 2e-9  # share of N^2 left to the residual; grows until the proof goes through
_SLACK_GROWTH = 32
_MAX_TRIES = 5


@dataclass(frozen=True, eq=False)
class NormWitness:
    """A proved spectral norm.

    Attributes
    ----------
    bound : Fraction
        N >= ||A||, dyadic.
    factor : int64 (size * (size + 1) // 2,)
        Lower triangle of L, row by row; L = factor * 2**exponent.
    exponent : int
    """

    bound: Fraction
    factor: NDArray[np.int64]
    exponent: int


def spectral_norm_bound(matrix: DyadicArray) -> NormWitness:
    """Return a rigorous bound on the spectral norm, tight to about 3e-9, with its witness.

    Parameters
    ----------
    matrix : DyadicArray (rows, columns)

    Returns
    -------
    NormWitness

    Raises
    ------
    SoundnessBug
        No witness passed the exact check (never seen).

    Notes
    -----
    Rigor: rigorous bound, checked in integers before it is returned.
    Cost: one integer Gram matrix and one eigenvalue problem of the smaller side.
    Randomness: none.
    """
    integers = matrix.to_matrix()
    rows, columns = matrix.shape
    gram = integers * integers.transpose() if rows <= columns else integers.transpose() * integers
    size = min(rows, columns)
    entries = [int(entry) for entry in gram.entries()]
    bits = max((entry.bit_length() for entry in entries), default=0)
    if bits == 0:
        return NormWitness(Fraction(0), np.zeros(size * (size + 1) // 2, dtype=np.int64), 0)
    # G = floats * 2^shift * 2^(2 exponent), rounded: only the suggestion uses it
    shift = bits - 62 + (bits - 62 + 2 * matrix.exponent) % 2  # makes shift + 2 exponent even
    floats = np.array(
        [float(e >> shift if shift >= 0 else e << -shift) for e in entries], dtype=np.float64
    ).reshape(size, size)
    power = shift + 2 * matrix.exponent
    largest = float(np.linalg.eigvalsh(floats)[-1])
    slack = _FIRST_SLACK
    for _ in range(_MAX_TRIES):
        witness = _suggest(floats, largest=largest, slack=slack, power=power)
        if witness is not None and _is_proved(gram, matrix.exponent, witness):
            return witness
        slack *= _SLACK_GROWTH
    raise SoundnessBug(f"no witness for the norm of a {rows} x {columns} matrix was accepted")


def _suggest(
    gram: NDArray[np.float64], *, largest: float, slack: float, power: int
) -> NormWitness | None:
    """Return an unchecked witness for the Gram matrix gram * 2**power (power even)."""
    scale = Fraction(2) ** (power // 2)
    bound = upper_sqrt(Fraction(largest) * Fraction(1 + 2 * slack)) * scale
    shifted = float((bound / scale) ** 2) - largest * slack
    try:
        factor = np.linalg.cholesky(shifted * np.eye(len(gram)) - gram)
    except np.linalg.LinAlgError:
        return None
    exponent = int(np.frexp(np.abs(factor).max())[1]) - _WITNESS_BITS
    lower = np.rint(np.ldexp(factor, -exponent)).astype(np.int64)
    return NormWitness(bound, lower[np.tril_indices(len(gram))], exponent + power // 2)


def _is_proved(gram: flint.fmpz_mat, exponent: int, witness: NormWitness) -> bool:
    """Return whether N^2 I - G - L L^T is diagonally dominant, in integers."""
    size = gram.nrows()
    lower = np.zeros((size, size), dtype=np.int64)
    lower[np.tril_indices(size)] = witness.factor
    factor = flint.fmpz_mat(size, size, lower.ravel().tolist())
    square = witness.bound**2
    grid = min(2 * exponent, 2 * witness.exponent, 1 - square.denominator.bit_length())
    square_units = square // Fraction(2) ** grid  # a floor: sound for any bound, exact for a dyadic
    residual = (
        gram * -(1 << (2 * exponent - grid))
        - factor * factor.transpose() * (1 << (2 * witness.exponent - grid))
    ).tolist()
    for j, row in enumerate(residual):
        diagonal = int(row[j]) + square_units
        if diagonal < sum(abs(int(entry)) for entry in row) - abs(int(row[j])):
            return False
    return True
