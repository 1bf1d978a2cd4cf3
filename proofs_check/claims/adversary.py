"""The slow twin of the dynamic program: the best of a few laws, in whole numbers.

The program of `dynamic_program` bounds what an adversary can do who chooses, sample after sample,
any law of the growth that has the least mean and the range that are proved. Here the adversary
has to keep to a few fractions, and every law on two of them is tried. That is less than it could
do, so a program that is right lies above this one and, where few fractions are enough, not far.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from proofs_check.claims.cells import Law
from proofs_check.claims.interval_union import IntervalUnion, expected_growth
from proofs_check.claims.unimodal_drift import growth

_GRID = 1 << 40  # fractions are multiples of 1 / _GRID, but for the start and what is enough
_UNIT = 1 << 60  # probabilities are multiples of 1 / _UNIT, rounded down
_HALF = Fraction(1, 2)


def edge_growth(law: Law, p: Fraction, length: Fraction) -> Fraction:
    """Return the mean growth of an interval at the edge that fills the fraction p of the window.

    No set grows less (claim C27). It is exact for uniform samples; for products it is rounded up,
    to the disadvantage of the adversary.
    """
    window = -length / 2, length / 2
    covered = IntervalUnion(((window[0], window[0] + p * length),))
    if law is Law.UNIFORM:
        return expected_growth(covered, window) / length
    upper = (growth(law, covered, window) * _GRID).upper()
    return Fraction(int(upper.ceil().unique_fmpz()), _GRID)


def ends(eta: Fraction, length: Fraction) -> tuple[Fraction, Fraction]:
    """Return the fraction that [-eta, eta] fills and the one that certainly is enough.

    A target farther than eta from the set is in the middle of a hole of 2 eta, or, where it is an
    end of the window itself, next to a hole of eta.
    """
    start = IntervalUnion(((-eta, eta),)).measure
    target = -_HALF
    hole = IntervalUnion(((target - eta, target + eta),)).within((-length / 2, length / 2)).measure
    return start / length, 1 - hole / length


@dataclass(frozen=True)
class Adversary:
    """Two-point laws on `points`, with the mean growth `mean` at each and no more than doubling.

    `points` rise to 1; `enough` is where failure ends.
    """

    points: tuple[Fraction, ...]
    enough: Fraction
    mean: Callable[[Fraction], Fraction]

    @staticmethod
    def of(law: Law, eta: Fraction, *, length: Fraction, per_octave: int) -> Adversary:
        """Return the adversary on fractions that a factor 2^(1/per_octave) separates, roughly."""
        start, enough = ends(eta, length)
        points = {_HALF, enough, Fraction(1)}
        ladder = [1 + Fraction(i, per_octave) for i in range(per_octave)]
        for step in ladder:
            point, hole = start * step, (1 - enough) * step
            while point < _HALF:
                points.add(Fraction(int(point * _GRID), _GRID))
                point *= 2
            while hole < _HALF:
                points.add(1 - Fraction(int(hole * _GRID), _GRID))
                hole *= 2
        # Just below what is enough, where the adversary likes to stay.
        points.add(Fraction(int(enough * _GRID) - 1, _GRID))
        points = {start} | {point for point in points if point > start}
        return Adversary(tuple(sorted(points)), enough, lambda p: edge_growth(law, p, length))

    def values(self, num_samples: int) -> list[list[Fraction]]:
        """Return probabilities of failure from each point, after 0, 1, ... samples."""
        chords = [self._chords(number) for number in range(len(self.points))]
        values = [_UNIT if point < self.enough else 0 for point in self.points]
        found = [values]
        for _ in range(num_samples):
            values = [
                max((values[a] * near + values[b] * far) // (near + far) for a, b, near, far in row)
                if row
                else 0
                for row in chords
            ]
            found.append(values)
        return [[Fraction(value, _UNIT) for value in row] for row in found]

    def at_mean(self, values: list[Fraction], mean: Fraction) -> Fraction:
        """Return the most that a random first point of this mean gives, of two points."""
        pairs = list(zip(self.points, values, strict=True))
        return max(
            (first * (high - mean) + second * (mean - low)) / (high - low)
            for low, first in pairs
            for high, second in pairs
            if low <= mean < high
        )

    def _chords(self, number: int) -> list[tuple[int, int, int, int]]:
        """Return the laws at a point: two indices and their weights, as whole numbers."""
        point = self.points[number]
        if point >= self.enough:
            return []
        aim = Fraction(math.ceil((point + self.mean(point)) * _GRID), _GRID)
        reached = [
            (index, other)
            for index, other in enumerate(self.points)
            if point <= other <= point + min(point, 1 - point)
        ]
        rows = []
        for a, low in reached:
            for b, high in reached:
                if low <= aim < high:
                    scale = _GRID * low.denominator * high.denominator
                    rows.append((a, b, int((high - aim) * scale), int((aim - low) * scale)))
        return rows
