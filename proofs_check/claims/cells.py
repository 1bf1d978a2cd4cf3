"""Random subset sums on cells: sets of reals are outlined by the bits of one Python integer.

A sample is known up to a cell, x in [j, j + 1] / 2^bits, and every answer is bracketed: what is
said to fail fails for all samples of those cells, so that rounding cannot refute a true claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]


class Law(StrEnum):
    """Law of one sample: U[-1, 1], or the product of two such."""

    UNIFORM = "uniform"
    PRODUCT = "product"


def draw_cells(
    law: Law, shape: tuple[int, int], *, bits: int, rng: np.random.Generator
) -> list[list[int]]:
    """Return rows of the cells j of independent samples, x in [j, j + 1] / 2^bits."""
    if law is Law.UNIFORM:
        cells = rng.integers(-(1 << bits), 1 << bits, shape)
    else:
        products = rng.uniform(-1.0, 1.0, shape) * rng.uniform(-1.0, 1.0, shape)
        cells = np.floor(np.ldexp(products, bits)).astype(np.int64)
    rows: list[list[int]] = cells.tolist()
    return rows


@dataclass(frozen=True)
class Cover:
    """The targets [-1/2, 1/2], cut into 2^bits cells, and eta = eta_cells / 2^bits.

    A time is the number of samples up to an event, or one more than there are samples.
    """

    bits: int
    eta_cells: int

    @staticmethod
    def at(log2_eta: int, extra_bits: int) -> Cover:
        """Return eta = 2^log2_eta of 2^extra_bits cells."""
        return Cover(extra_bits - log2_eta, 1 << extra_bits)

    def admissible_times(self, rows: Sequence[Sequence[int]]) -> Times:
        """Return, for each row of cells, a time that no sample of them exceeds for p >= 1 - eta.

        p is the fraction of the window that the admissible process reaches: A_0 = [-eta, eta],
        A' = A | (A + x) & window. Cells that A may touch are counted, so that p is never too low.
        """
        return np.array([self._admissible_time(row) for row in rows])

    def _admissible_time(self, row: Sequence[int]) -> int:
        size = 1 << self.bits
        window, enough = (1 << size) - 1, size - self.eta_cells
        reached = ((1 << 2 * self.eta_cells) - 1) << (size // 2 - self.eta_cells)
        for time, cell in enumerate(row):
            if reached.bit_count() >= enough:
                return time
            reached |= _shift(reached | reached << 1, cell) & window
        return len(row) if reached.bit_count() >= enough else len(row) + 1

    def hitting_times(self, rows: Sequence[Sequence[int]]) -> tuple[Times, Times]:
        """Return bounds from below and above of the time when all sums cover the window.

        Covered: every target of [-1/2, 1/2] is within 2 eta of the sum of some subset.
        """
        pairs = [self._hitting_times(row) for row in rows]
        below, above = zip(*pairs, strict=True)
        return np.array(below), np.array(above)

    def _hitting_times(self, row: Sequence[int]) -> tuple[int, int]:
        sums, lowest, below = 1, 0, 0
        for time in range(len(row) + 1):
            if time:
                # Sums with and without the sample; a negative one moves the origin instead.
                sums |= sums << abs(row[time - 1])
                lowest += min(row[time - 1], 0)
            # A sum of m samples of the cells j lies in [s, s + m], s the sum of the j.
            if not below and self._covered(sums, lowest, early=time, late=0):
                below = time + 1
            if below and self._covered(sums, lowest, early=0, late=time):
                return below - 1, time
        return (below - 1 if below else len(row) + 1), len(row) + 1

    def _covered(self, sums: int, lowest: int, *, early: int, late: int) -> bool:
        """Return whether each (i, i + 1) has an s in [i + 1 - 2 eta - early, i + 2 eta - late]."""
        half, tolerance = 1 << (self.bits - 1), 2 * self.eta_cells
        first = -half + 1 - tolerance - early
        length = 2 * tolerance + early - late
        if length < 1:
            return False
        width = 2 * half + length - 1
        near = _shift(sums, lowest - first) & ((1 << width) - 1)
        # Bit x of `near` becomes: is there a sum among the `length` bits from x on?
        done = 1
        while done < length:
            step = min(done, length - done)
            near |= near >> step
            done += step
        every = (1 << 2 * half) - 1
        return near & every == every


def _shift(bits: int, places: int) -> int:
    return bits << places if places >= 0 else bits >> -places
