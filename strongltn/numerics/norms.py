"""Norms, of rows and spectral ones, from float products whose rounding is bounded.

The witness of a spectral norm is a float Cholesky factor L of N^2 I - A A^T, a suggestion; the
proof is that no row of A A^T + L L^T has a sum of absolute values above N^2: ||A||^2 = ||A A^T|| <=
||A A^T + L L^T|| <= N^2. (N^2 I - A A^T - L L^T is then diagonally dominant, which is how auditors
put it, who look at it in integers.)

Summed in any order, with or without fused multiplication, a float product of two vectors with k
entries is off by at most k u / (1 - k u) times the product of their lengths, u = 2^-53: true of any
BLAS that adds up the k products, as Strassen's method would not. That each entry was rounded before
adds 2 u + u^2. Underflow is far below u, since entries are scaled to have the largest in [1/2, 1].
Both bounds leave room for twice that error.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import SoundnessBug
from strongltn.numerics.decimals import outward_text
from strongltn.numerics.dyadic import DyadicArray, upper_sqrt
from strongltn.values.by_value import ByValue

_EPSILON = 2.0**-52  # 2 u
_MORE_TERMS = 8  # beside those of a product: roundings before and after it
_UNDERFLOW = 2.0**-400  # above the length of all that has no square in floats

_WITNESS_BITS = 46  # below the largest entry; L L^T is then off by about 1e-13 of N^2
_FIRST_SLACK = 2e-9  # share of N^2 left to rounding; grows until the proof goes through
_SLACK_GROWTH = 32
_MAX_TRIES = 5


@dataclass(frozen=True, eq=False)
class NormWitness(ByValue):
    """What proves an upper bound of a spectral norm, for anyone who checks it again.

    Attributes
    ----------
    bound : Fraction
        N >= ||A||, dyadic.
    factor : int64 (size * (size + 1) // 2,)
        Lower triangle of L, row by row; L = factor * 2**exponent.
    exponent : int
        The power of two that all entries of L share.
    """

    bound: Fraction
    factor: NDArray[np.int64]
    exponent: int

    def __repr__(self) -> str:
        return f"NormWitness(norm <= {outward_text(self.bound, upwards=True)})"


def spectral_norm_bound(matrix: DyadicArray) -> NormWitness:
    """Return a rigorous bound on the spectral norm with its witness.

    It is tight to about 3e-9, for more than a million entries to as many times 5e-16.

    Raises
    ------
    SoundnessBug
        No witness passed the check (never seen).

    Notes
    -----
    Rigor: rigorous bound, from floats in which every rounding is accounted for.
    Cost: two float products and one eigenvalue problem of the smaller side.
    Randomness: none.
    """
    rows, columns = matrix.shape
    floats, unit = _below_one(matrix if rows <= columns else matrix.transpose())
    size, num_terms = floats.shape
    if not floats.any():
        return NormWitness(Fraction(0), np.zeros(size * (size + 1) // 2, dtype=np.int64), 0)
    gram = floats @ floats.T
    largest = float(np.linalg.eigvalsh(gram)[-1])
    slack = _FIRST_SLACK + 2 * size * num_terms * _EPSILON
    for _ in range(_MAX_TRIES):
        witness = _suggest(gram, largest=largest, slack=slack)
        if witness is not None and _is_proved(gram, witness, num_terms=num_terms):
            return NormWitness(
                witness.bound * Fraction(2) ** unit, witness.factor, witness.exponent + unit
            )
        slack *= _SLACK_GROWTH
    raise SoundnessBug(f"no witness for the norm of a {rows} x {columns} matrix was accepted")


def row_norm_bounds(matrix: DyadicArray) -> DyadicArray:
    """Return rigorous bounds (rows,) on the Euclidean norms of the rows of a matrix.

    Returns
    -------
    DyadicArray (rows,)
        Tight to about columns * 2**-52; 0 for a row of zeros.

    Notes
    -----
    Rigor: rigorous bounds, from floats in which every rounding is accounted for.
    Cost: O(rows * columns) in floats. Randomness: none.
    """
    floats, unit = _below_one(matrix)
    room = 1 + (floats.shape[1] + _MORE_TERMS) * _EPSILON
    lengths = np.linalg.norm(floats, axis=1) * room + _UNDERFLOW
    is_zero = ~matrix.numerators.any(axis=1)
    return DyadicArray.from_floats(np.where(is_zero, 0.0, lengths)).scaled(unit)


def _below_one(matrix: DyadicArray) -> tuple[NDArray[np.float64], int]:
    """Return floats, the largest in [1/2, 1], and a unit: the matrix is about floats * 2**unit."""
    bits = int(np.abs(matrix.numerators).max(initial=0)).bit_length()
    if matrix.numerators.dtype == object:  # a quotient of integers is rounded once, like to_floats
        floats = (matrix.numerators / (1 << bits)).astype(np.float64)
    else:
        floats = DyadicArray(matrix.numerators, -bits).to_floats()
    return floats, matrix.exponent + bits


def _suggest(gram: NDArray[np.float64], *, largest: float, slack: float) -> NormWitness | None:
    """Return an unchecked witness for a Gram matrix."""
    bound = upper_sqrt(Fraction(largest) * Fraction(1 + 2 * slack))
    shifted = float(bound**2) - largest * slack
    try:
        factor = np.linalg.cholesky(shifted * np.eye(len(gram)) - gram)
    except np.linalg.LinAlgError:
        return None
    grid = int(np.frexp(np.abs(factor).max())[1]) - _WITNESS_BITS
    lower = np.rint(np.ldexp(factor, -grid)).astype(np.int64)
    return NormWitness(bound, lower[np.tril_indices(len(gram))], grid)


def _is_proved(gram: NDArray[np.float64], witness: NormWitness, *, num_terms: int) -> bool:
    """Return whether no row of A A^T + L L^T sums to more than N^2, whatever was rounded.

    With s the lengths of the rows of [A | L], entry jk is off by less than (num_terms + 8) u s_j
    s_k, and s_j s_k is at most the largest entry of the diagonal. So an entry is off by less than
    that share of the largest sum, and a sum by `size` times as much.
    """
    size = len(gram)
    lower = np.zeros_like(gram)
    lower[np.tril_indices(size)] = np.ldexp(witness.factor.astype(np.float64), witness.exponent)
    largest = Fraction(float(np.abs(gram + lower @ lower.T).sum(axis=1).max()))
    room = 1 + size * (num_terms + _MORE_TERMS) * Fraction(_EPSILON)
    return largest * room <= witness.bound**2
