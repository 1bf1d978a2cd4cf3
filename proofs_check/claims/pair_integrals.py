r"""Integrals over the sums of two subsets that share samples.

The samples are w (kappa + U), U uniform on [0, 1), kappa an integer. Given the kappas, the sum of k
of them is w (Q + S_k): Q the sum of their kappas, S_k of the Irwin-Hall law with density f_k. Two
subsets with i samples in common, u more in the first and v more in the second, have a joint
density at (x, x), in units of w, of J(x - Q_1) with d = Q_1 - Q_2 and

.. math:: J_{i,u,v,d}(x) = \int f_i(y) f_u(x - y) f_v(x + d - y)\, dy.

f_u f_v is a piecewise polynomial, and the integral against f_i smooths it i times over a unit
interval. All pieces are exact rational polynomials; only the integrals over cells are rounded, to
the nearest double.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from flint import fmpq, fmpq_poly

#: Cells in a unit of length.
CELLS_PER_UNIT = 4

_NOTHING = fmpq_poly([0])

Pieces = list[fmpq_poly]


class PairIntegrals:
    """The integrals over all cells, for subsets of at most `num_samples` samples.

    Cell t is [t, t + 1] / CELLS_PER_UNIT; there are `num_cells`. `sums[k, t]` is the integral of
    f_k over cell t, and `at_integers[k, r]` = f_k(r) for k >= 2.
    """

    def __init__(self, num_samples: int) -> None:
        self.num_cells = CELLS_PER_UNIT * (num_samples + 1)
        self._max_shared = num_samples
        self._densities: list[Pieces] = [[], [fmpq_poly([1])]]
        for _ in range(2, num_samples + 1):
            self._densities.append(_smoothed(self._densities[-1]))
        self.sums = np.array([self._over_cells(pieces) for pieces in self._densities])
        self.at_integers = np.zeros((num_samples + 1, num_samples + 2))
        for k in range(2, num_samples + 1):
            for r, piece in enumerate(self._densities[k]):
                self.at_integers[k, r] = _double(piece(fmpq(0)))
        self._rows: dict[tuple[int, int, int], int] = {}
        self._table = np.zeros((64, num_samples, self.num_cells))

    def rows(self, u: npt.NDArray[np.int64], v: npt.NDArray[np.int64], d: npt.NDArray[np.int64]):  # type: ignore[no-untyped-def]
        """Return the table (row, i, cell) of the integrals of J, and the row of each (u, v, d)."""
        triples, where = np.unique(np.stack([u, v, d]), axis=1, return_inverse=True)
        rows = [self._row(int(a), int(b), int(c)) for a, b, c in triples.T]
        return self._table, np.array(rows, dtype=np.int64)[where.ravel()]

    def _row(self, u: int, v: int, d: int) -> int:
        key = (u, v, d)
        if key not in self._rows:
            row = self._rows[key] = len(self._rows)
            if row == len(self._table):
                self._table = np.concatenate([self._table, np.zeros_like(self._table)])
            first, second = self._densities[u], self._densities[v]
            pieces = [
                piece * second[r + d] if 0 <= r + d < len(second) else _NOTHING
                for r, piece in enumerate(first)
            ]
            for i in range(self._max_shared - max(u, v) + 1):
                self._table[row, i] = self._over_cells(pieces)
                pieces = _smoothed(pieces)
        return self._rows[key]

    def _over_cells(self, pieces: Pieces) -> npt.NDArray[np.float64]:
        """Return the integrals of a piecewise polynomial over all cells."""
        integrals = np.zeros(self.num_cells)
        for r, piece in enumerate(pieces):
            if piece == _NOTHING:
                continue
            whole = piece.integral()
            ends = [whole(fmpq(k, CELLS_PER_UNIT)) for k in range(CELLS_PER_UNIT + 1)]
            for k in range(CELLS_PER_UNIT):
                integrals[CELLS_PER_UNIT * r + k] = _double(ends[k + 1] - ends[k])
        return integrals


def _smoothed(pieces: Pieces) -> Pieces:
    """Return x -> the integral from x - 1 to x; piece r is a polynomial in x - r on [0, 1]."""
    wholes = [piece.integral() for piece in pieces]
    smoothed = []
    for r in range(len(pieces) + 1):
        piece = wholes[r] if r < len(pieces) else _NOTHING
        if r > 0:
            piece = piece + wholes[r - 1](fmpq(1)) - wholes[r - 1]
        smoothed.append(piece)
    return smoothed


def _double(value: fmpq) -> float:
    """Return the nearest double."""
    return int(value.p) / int(value.q)
