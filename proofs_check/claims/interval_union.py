"""Finite unions of intervals with rational ends: the sets of the proofs, with exact measures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

Interval = tuple[Fraction, Fraction]


@dataclass(frozen=True)
class IntervalUnion:
    """Disjoint intervals (low, high), low < high, from left to right; sets of measure zero drop."""

    parts: tuple[Interval, ...]

    @staticmethod
    def of(pieces: Iterable[Interval]) -> IntervalUnion:
        """Return the union of any intervals."""
        merged: list[Interval] = []
        for low, high in sorted(piece for piece in pieces if piece[0] < piece[1]):
            if merged and low <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(high, merged[-1][1])
            else:
                merged.append((low, high))
        return IntervalUnion(tuple(merged))

    @staticmethod
    def draw(rng: np.random.Generator, window: Interval) -> IntervalUnion:
        """Return a random set in `window`: one to four intervals with ends of mixed denominators.

        About half of the sets touch an end of the window, where the inequalities are tight.
        """
        low, high = window
        cuts = sorted(
            low + (high - low) * Fraction(int(rng.integers(0, bottom + 1)), bottom)
            for bottom in rng.integers(2, 60, 2 * int(rng.integers(1, 5))).tolist()
        )
        if rng.integers(2):
            cuts[0] = low
        return IntervalUnion.of(zip(cuts[::2], cuts[1::2], strict=True))

    @property
    def measure(self) -> Fraction:
        """The sum of the lengths."""
        return sum((high - low for low, high in self.parts), Fraction(0))

    def shifted(self, step: Fraction) -> IntervalUnion:
        """Return the set plus `step`."""
        return IntervalUnion(tuple((low + step, high + step) for low, high in self.parts))

    def within(self, window: Interval) -> IntervalUnion:
        """Return the part in `window`."""
        pieces = ((max(low, window[0]), min(high, window[1])) for low, high in self.parts)
        return IntervalUnion.of(pieces)

    def __or__(self, other: IntervalUnion) -> IntervalUnion:
        return IntervalUnion.of(self.parts + other.parts)

    def grown(self, sample: Fraction, window: Interval) -> IntervalUnion:
        """Return the next set of the process: A united with (A + sample) within the window."""
        return self | self.shifted(sample).within(window)

    def sup_distance(self, window: Interval) -> Fraction:
        """Return the greatest distance of a point of `window` to the set, which lies in it."""
        edges = self.parts[0][0] - window[0], window[1] - self.parts[-1][1]
        gaps = [(right[0] - left[1]) / 2 for left, right in pairwise(self.parts)]
        return max([*edges, *gaps])


def growth_breaks(covered: IntervalUnion, window: Interval) -> list[Fraction]:
    """Return where in [-1, 1] the growth, as a function of the sample, may bend; with -1 and 1.

    The growth is the sum of the overlaps of shifted parts with gaps, each piecewise linear with
    bends where two ends meet.
    """
    ends = {end for part in covered.parts for end in part}
    differences = {right - left for right in ends | set(window) for left in ends}
    inner = {step for step in differences if -1 < step < 1}
    return sorted(inner | {Fraction(-1), Fraction(1)})


def expected_growth(covered: IntervalUnion, window: Interval) -> Fraction:
    """Return E |((A + X) within W) without A| for X uniform on [-1, 1], exactly."""
    breaks = growth_breaks(covered, window)
    before = covered.measure
    growths = [covered.grown(step, window).measure - before for step in breaks]
    areas = (
        (right - left) * (first + second) / 2
        for (left, right), (first, second) in zip(pairwise(breaks), pairwise(growths), strict=True)
    )
    return sum(areas, Fraction(0)) / 2  # the density of X is 1/2
