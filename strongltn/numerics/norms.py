"""Spectral norms proved by a witness: a Cholesky factor and one exact integer product.

A float Cholesky factor L of N^2 I - A A^T is a suggestion; the proof is that no row of the exact
A A^T + L L^T has a sum of absolute values above N^2: ||A||^2 = ||A A^T|| <= ||A A^T + L L^T|| <=
N^2. (N^2 I - A A^T - L L^T is then diagonally dominant, which is how auditors put it.)
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import SoundnessBug
from strongltn.numerics.dyadic import DyadicArray, concatenate, upper_sqrt

_WITNESS_BITS = 46  # below the largest entry; L L^T is then off by about 1e-13 of N^2
_FIRST_SLACK = 2e-9  # share of N^2 left to rounding; grows until the proof goes through
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
    Cost: one integer product and one eigenvalue problem of the smaller side.
    Randomness: none.
    """
    rows, columns = matrix.shape
    wide = matrix if rows <= columns else matrix.transpose()
    bits = int(np.abs(wide.numerators).max(initial=0)).bit_length()
    if bits == 0:
        size = len(wide.numerators)
        return NormWitness(Fraction(0), np.zeros(size * (size + 1) // 2, dtype=np.int64), 0)
    floats = DyadicArray(wide.numerators, -bits).to_floats()  # below 1; only the suggestion's
    gram = floats @ floats.T
    largest = float(np.linalg.eigvalsh(gram)[-1])
    slack = _FIRST_SLACK
    for _ in range(_MAX_TRIES):
        witness = _suggest(gram, largest=largest, slack=slack, exponent=wide.exponent + bits)
        if witness is not None and _is_proved(wide, witness):
            return witness
        slack *= _SLACK_GROWTH
    raise SoundnessBug(f"no witness for the norm of a {rows} x {columns} matrix was accepted")


def _suggest(
    gram: NDArray[np.float64], *, largest: float, slack: float, exponent: int
) -> NormWitness | None:
    """Return an unchecked witness for the Gram matrix gram * 4**exponent."""
    bound = upper_sqrt(Fraction(largest) * Fraction(1 + 2 * slack))
    shifted = float(bound**2) - largest * slack
    try:
        factor = np.linalg.cholesky(shifted * np.eye(len(gram)) - gram)
    except np.linalg.LinAlgError:
        return None
    grid = int(np.frexp(np.abs(factor).max())[1]) - _WITNESS_BITS
    lower = np.rint(np.ldexp(factor, -grid)).astype(np.int64)
    return NormWitness(
        bound * Fraction(2) ** exponent, lower[np.tril_indices(len(gram))], grid + exponent
    )


def _is_proved(wide: DyadicArray, witness: NormWitness) -> bool:
    """Return whether no row of A A^T + L L^T, in integers, sums to more than N^2."""
    size = len(wide.numerators)
    lower = np.zeros((size, size), dtype=np.int64)
    lower[np.tril_indices(size)] = witness.factor
    joint = concatenate([wide, DyadicArray(lower, witness.exponent)], axis=1)
    square = witness.bound**2 // Fraction(4) ** joint.exponent  # a floor: sound for any bound
    products = (joint.matrix * joint.matrix.transpose()).tolist()
    return all(sum(map(abs, row)) <= square for row in products)
