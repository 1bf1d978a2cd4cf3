"""The adversarial dynamic program, computed so that every rounding is upwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import islice, pairwise, product

import numpy as np
import numpy.typing as npt
from flint import arb

from proofs_check.claims import constants
from proofs_check.claims.adversary import Adversary, edge_growth, ends
from proofs_check.claims.cells import Cover, Law, draw_cells
from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.simulated_tail import (
    Simulation,
    ball,
    false_alarm_text,
    is_consistent,
)
from proofs_check.claims.unimodal_drift import least_growth

Floats = npt.NDArray[np.float64]

_GRID = 1 << 40
_DELTA = Fraction(1, 100)
_REFINEMENTS = 2
_BLOCK_ROWS = 128
_CHORDS = 8  # tried; each gives a bound
_HALF = Fraction(1, 2)
_ONE = Fraction(1)
_WIDER = Fraction(5, 4)
_SIMULATED = -6
_TWIN_SAMPLES = 36
_TABLE_LAWS = ((Law.UNIFORM, _ONE), (Law.UNIFORM, _WIDER), (Law.PRODUCT, _ONE))

# The recalled table of this project: eta, law, length of the window, samples at delta = 0.01.
_TABLE = {
    -6: ((Law.UNIFORM, _ONE, 36), (Law.UNIFORM, _WIDER, 32), (Law.PRODUCT, _ONE, 42)),
    -12: ((Law.UNIFORM, _ONE, 56), (Law.UNIFORM, _WIDER, 53), (Law.PRODUCT, _ONE, 62)),
}


@dataclass(frozen=True)
class Program:
    """The program for one law and window, on cells [points[i], points[i+1]] of the fraction p.

    The window [-L/2, L/2] holds all targets [-1/2, 1/2]. A target farther than eta from A makes
    a hole of 2 eta, or of eta at the end of a window with L = 1; L >= 1 + 2 eta otherwise.

    `means` are bounds from below of the mean growth at the points; the growth is concave in p.
    """

    points: Floats
    means: Floats

    @staticmethod
    def of(law: Law, eta: Fraction, *, length: Fraction, cells_per_octave: int) -> Program:
        """Return the program on cells that are halved and doubled cells, up to 1/2."""
        start = 2 * eta / length
        missing = eta if length == 1 else 2 * eta / length
        # A smaller start and a later end are safe, since a subset does not fail less often.
        whole = {_GRID // 2, _GRID}
        for i in range(cells_per_octave):
            point = int(_floor(start) * 2 ** (i / cells_per_octave))
            while 2 * point <= _GRID:
                whole.add(point)
                point *= 2
        number = int(np.ceil(cells_per_octave * np.log2(0.5 / float(missing))))
        for i in range(number):
            whole.add(_GRID - int(_floor(missing) * (0.5 / float(missing)) ** (i / number)))
        points = sorted(whole)
        means = [_mean(law, Fraction(i, _GRID), length) for i in points]
        return Program(np.array(points) / _GRID, np.array(means) / _GRID)

    def failure_bounds(self) -> Iterator[float]:
        """Yield, for n = 0, 1, ..., a bound on the probability of failure after n samples."""
        return (min(1.0, float(values[0])) for values in self.all_values())

    def failure_bounds_after(self, mean_hole: float) -> Iterator[float]:
        """Yield the same from a random set that misses at most `mean_hole` of W in the mean.

        The set contains [-eta, eta]. For any s >= 0, E F(A) <= max_y (U(y) + s (y - aim)) with
        aim = 1 - mean_hole, as E p >= aim.
        """
        ends = np.repeat(self.points, 2)[1:-1]
        offsets = ends - (1.0 - mean_hole) * (1 - 2.0**-50)
        for values in self.all_values():
            best, left, right = 1.0, 0, len(ends) - 1
            for _ in range(_CHORDS):
                slope = (values[left] - values[right]) / (ends[right] - ends[left])
                heights = values + slope * offsets
                top = int(np.argmax(heights))
                best = min(best, float(heights[top]) + (2 + slope) * 2.0**-49)
                left, right = (top, right) if offsets[top] < 0 else (left, top)
                if left == right:
                    break
            yield best

    def all_values(self) -> Iterator[Floats]:
        """Yield U_n at both ends of every cell, for n = 0, 1, ...

        Let F_n(A) be that probability from a set A, and U_n >= F_n(A) at the fraction p of A,
        linear on each cell. A sample adds q in [0, min(p, 1-p)] of mean at least d(p). For any
        slope s >= 0 let K be the maximum of U_n(y) + s y over all y that the cell can reach, a
        maximum over ends of cells. Then F_(n+1)(A) <= E[K - s (p+q)] <= K - s (p + d(p)), which
        is convex in p, as d is concave: its values at the ends of the cell are those of
        U_(n+1), whatever s is. The slopes are those of chords above p + d(p).
        """
        points = self.points
        aims = points + self.means  # multiples of 2^-40, as are all points: no rounding
        last = np.searchsorted(points, np.minimum(2 * points[1:], 1.0))
        blocks = []
        for first in range(0, len(points) - 2, _BLOCK_ROWS):
            rows = np.arange(first, min(first + _BLOCK_ROWS, len(points) - 2))
            cells = np.repeat(np.arange(first, last[rows[-1]]), 2)
            ends = points[cells + np.arange(len(cells)) % 2]
            is_reached = (cells >= rows[:, None]) & (cells < last[rows, None])
            offsets = np.where(is_reached, ends - aims[rows, None], -np.inf)
            blocks.append(_Block(2 * first, ends, offsets, aims[rows + 1] - aims[rows]))
        values = np.ones(2 * len(points) - 2)
        values[-2:] = 0.0  # the last cell is the success
        while True:
            yield values
            values[:-2] = np.concatenate([block.next_values(values) for block in blocks])


@dataclass(frozen=True)
class _Block:
    """Some cells, and the ends of the cells that they reach seen from their aims p + d(p)."""

    first_end: int
    ends: Floats
    offsets: Floats
    advances: Floats

    def next_values(self, values: Floats) -> Floats:
        """Return the bounds at both ends of each cell, one sample later."""
        seen = values[self.first_end : self.first_end + len(self.ends)]
        rows = np.arange(len(self.offsets))
        left = 2 * rows
        right = len(seen) - 1 - np.argmax(np.isfinite(self.offsets[:, ::-1]), axis=1)
        best = np.full((len(rows), 2), np.inf)
        for _ in range(_REFINEMENTS):
            slopes = (seen[left] - seen[right]) / (self.ends[right] - self.ends[left])
            # A slope of exactly 0 would make a forbidden end 0 * -inf.
            slopes = np.maximum(slopes, 1e-300)
            heights = seen + slopes[:, None] * self.offsets
            top = np.argmax(heights, axis=1)
            # Each of the few roundings is of a number of size at most twice this sum.
            low = heights[rows, top] + (1 + seen.max() + slopes) * 2.0**-49
            pair = np.stack([low, low - slopes * self.advances], axis=1)
            best = np.where((low < best[:, 0])[:, None], pair, best)
            is_left = self.offsets[rows, top] < 0
            left, right = np.where(is_left, top, left), np.where(is_left, right, top)
        return best.ravel()


def _floor(value: Fraction) -> int:
    return value.numerator * _GRID // value.denominator


def _mean(law: Law, p: Fraction, length: Fraction) -> int:
    """Return a bound from below of E q at p, in units of the grid."""
    if law is Law.UNIFORM and length == 1:
        return _floor(constants.DRIFT * p * (1 - p))
    least = least_growth(law, p, length)
    if isinstance(least, Fraction):
        return _floor(least)
    return int((least * _GRID).lower().floor().unique_fmpz() or 0)


def _ingredient_steps(steps: Steps, effort: Effort) -> None:
    """Check what the program is made of against intervals: its drifts, its start and its end."""
    is_drift = True
    for law, length in _TABLE_LAWS:
        for i in range(1, number := effort.pick(32, 256)):
            v = Fraction(i, number)
            lost = edge_growth(law, v, length) * _GRID - _mean(law, v, length)
            is_drift &= 0 <= lost < 2  # both round a product, in opposite directions
    steps.step("drift of the program = exact growth at the edge, rounded down", is_drift)
    is_end = True
    for (law, length), eta in product(_TABLE_LAWS, (Fraction(1, 8), Fraction(1, 64))):
        program = Program.of(law, eta, length=length, cells_per_octave=3)
        start, enough = ends(eta, length)
        is_end &= 0 <= start - Fraction(program.points[0]) < Fraction(1, _GRID)
        is_end &= 0 <= Fraction(program.points[-2]) - enough < Fraction(1, _GRID)
    steps.step("it starts with the measure of [-eta, eta], and ends when no hole is left", is_end)
    is_first = True
    for eta in (Fraction(1, 6), Fraction(1, 64)):
        # From p >= 1/2 the worst law of mean p(1-p)/2 is on just below 1-eta and on 1.
        program = Program.of(Law.UNIFORM, eta, length=_ONE, cells_per_octave=16)
        values = list(islice(program.all_values(), 2))[1]
        cells = zip(pairwise(program.points), values[::2], values[1::2], strict=True)
        for (low, high), left, right in list(cells)[:-1]:
            true, true_right = (
                min(_ONE, (1 - p) * (1 - p / 2) / eta) for p in (Fraction(low), Fraction(high))
            )
            if low >= _HALF:
                is_first &= true <= Fraction(left) <= true + Fraction(1, 10**6)
                is_first &= true_right <= Fraction(right)
    steps.step("one sample from p >= 1/2: (1-p)(1-p/2)/eta, at most 1", is_first)


def _adversary_steps(steps: Steps, law: Law, eta: Fraction, length: Fraction) -> None:
    """Compare with the slow twin, which is less than the true value, for every n."""
    twin = Adversary.of(law, eta, length=length, per_octave=6)
    program = Program.of(law, eta, length=length, cells_per_octave=60)
    hole = Fraction(float(3 * (1 - twin.enough)))
    rows = twin.values(_TWIN_SAMPLES)
    plain = list(islice(program.failure_bounds(), len(rows)))
    after = list(islice(program.failure_bounds_after(float(hole)), 0, len(rows), 9))
    least = [row[0] for row in rows]
    least_after = [twin.at_mean(row, 1 - hole) for row in rows[::9]]
    is_above = all(Fraction(u) >= w for u, w in zip(plain, least, strict=True))
    is_near = all(Fraction(u) <= w * 8 / 5 for u, w in zip(plain, least, strict=True))
    name = f"{law}, L = {length}, eta = {eta}"
    text = f"{name}: above the adversary on {len(twin.points)} fractions, by at most a factor 1.6"
    steps.step(text, is_above and is_near)
    is_above = all(Fraction(u) >= w for u, w in zip(after, least_after, strict=True))
    is_near = all(Fraction(u) <= w * 8 / 5 for u, w in zip(after, least_after, strict=True))
    steps.step(f"{name}: the same from a set of which the mean hole is known", is_above and is_near)


def _program(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    _ingredient_steps(steps, effort)
    for law, length in _TABLE_LAWS:
        _adversary_steps(steps, law, Fraction(2) ** _SIMULATED, length)
    if not steps.hold:
        return steps.evidence()
    cells, num_tests = effort.pick(100, 160), 0
    for log2_eta, rows in _TABLE.items():
        for law, length, stated in rows:
            eta = Fraction(2) ** log2_eta
            program = Program.of(law, eta, length=length, cells_per_octave=cells)
            bounds = _until_delta(program)
            n = len(bounds) - 1
            text = f"{law}, L = {length}, eta = 2^{log2_eta}: {n} samples, table {stated}"
            steps.step(text, stated - 1 <= n <= stated)
            if log2_eta == _SIMULATED and length == 1:
                run = _simulate(law, effort=effort, rng=rng)
                num_tests = run.num_samples + 1
                holds = is_consistent([run], partial(_at, bounds))
                steps.step(f"{law}: above the tail of {len(run.times)} simulated paths", holds)
    return steps.evidence(f"{false_alarm_text(num_tests)} for each law")


def _at(bounds: list[float], num_samples: int, eta: Fraction) -> arb:
    """Return the last bound that is known for `num_samples` samples; `eta` is fixed."""
    del eta
    return ball(Fraction(bounds[min(num_samples, len(bounds) - 1)]))


def _until_delta(program: Program) -> list[float]:
    """Return the bounds for n = 0, 1, ... up to the first that is at most 1/100."""
    found = []
    for bound in program.failure_bounds():
        found.append(bound)
        if Fraction(bound) <= _DELTA:
            break
    return found


def _simulate(law: Law, *, effort: Effort, rng: np.random.Generator) -> Simulation:
    """Return times of the admissible process, whose tail the program bounds."""
    cover = Cover.at(_SIMULATED, 8)
    rows = draw_cells(law, (effort.pick(4000, 40000), 40), bits=cover.bits, rng=rng)
    times = cover.admissible_times(rows)
    return Simulation(f"admissible process, {law}", Fraction(2) ** _SIMULATED, times, 40)


CLAIMS = (
    Claim(
        "C10",
        "Let U_n be the value of the adversarial program with rounding upwards, for targets in "
        "[-1/2, 1/2] within 2 eta: samples uniform on [-1, 1] and windows of length 1 and 5/4, or "
        "products of two such and length 1. For every n >= 0 it is at least the probability of "
        "p_n < 1 - eta (length 5/4: 1 - 8 eta/5) under every law of the growth that has the "
        "proved mean and range; U_n <= 0.01 at n = 36, 32, 42 for eta = 2^-6 and at n = 56, 53, "
        "62 for eta = 2^-12",
        Method.STATISTICAL,
        "this project",
        _program,
    ),
)
