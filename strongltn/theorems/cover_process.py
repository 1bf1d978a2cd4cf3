r"""The covered fraction of a window, sample by sample, against an adversary.

Samples are added one at a time. The state is the fraction p of a window W of length L that is
approximable by the sums so far, prefix sums staying in W; with one more sample it grows by q with

.. math:: E[q] \ge I_L(p), \quad 0 \le q \le \min(p, 1 - p),

whatever the approximable set is (`drift`). The program lets an adversary choose the worst law of q
with these two properties at every step, so its failure probability bounds the true one.

From the process to targets. Start with [-eta, eta], all within eta of the empty sum: p = 2 eta / L.
Targets [-R, R] keep a distance d = L/2 - R from the ends of W. If one of them is farther than eta
from the approximable set, more than u = eta + min(eta, d) of W is not approximable. So as soon as
p >= 1 - u / L every target is within eta of that set, hence within 2 eta of a subset sum.

Why every rounding is safe. A larger set stays larger with every sample, and the two properties hold
for every measurable set: so an approximable set may be made smaller, down to a fraction on the
grid, at every step. Hence the start is rounded down, the end up, and a next state down to the grid;
the drift is taken at the grid point itself, where the set then is, and rounded down. The worst mean
is bounded from above through a slope (`adversary_kernel`), in integers rounded upwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.theorems.drift import certified_drift

#: Below it, 55 bits are too few for the grid.
LEAST_ETA = Fraction(1, 2**40)
_MAX_BITS = 55
_GUARD_BITS = 16  # of a state beyond the least cell


@dataclass(frozen=True)
class CoverProcess:
    """One run of the program: what is asked, and in which window.

    Attributes
    ----------
    eta : Fraction in [2^-40, 1/2)
        Half the tolerance.
    law : SampleLaw
    window : Window
        Of the targets.
    length : Fraction
        L, at least that of the targets' interval.
    component : bool
        Drift of the uniform component of the law only.
    cells : int >= 1
        Of the grid in each octave.
    """

    eta: Fraction
    law: SampleLaw
    window: Window
    length: Fraction
    component: bool = False
    cells: int = 512

    def bounds(self) -> Iterator[Fraction]:
        """Yield upper bounds of the failure probability with 0, 1, 2, ... samples, for ever."""
        for values, unit_bits, _ in self._games():
            yield Fraction(int(values[0]), 1 << unit_bits)

    def bounds_after(self, mean_hole: Fraction) -> Iterator[Fraction]:
        """Yield upper bounds with 0, 1, 2, ... samples more than those of a random start, for ever.

        Parameters
        ----------
        mean_hole : Fraction in [0, 1]
            At least the expected fraction of the window that is farther than eta from every sum
            of the start; the empty sum is one of them, and the further samples are independent.
        """
        from strongltn.theorems.adversary_kernel import worst_mean

        for values, unit_bits, ends in self._games():
            mean = floor((1 - mean_hole) * int(ends[-1]))
            yield Fraction(worst_mean(values, ends, mean), 1 << unit_bits)

    def _games(self) -> Iterator[tuple[NDArray[np.int64], int, NDArray[np.int64]]]:
        """Yield the bounds at all states in units of 2^-bits, the bits, and the ends of cells."""
        from strongltn.theorems.adversary_kernel import FULL_BITS, add_sample

        margin = self.length / 2 - self.window.radius
        start = 2 * self.eta / self.length
        end = 1 - (self.eta + min(self.eta, margin)) / self.length
        if start >= end or 2 * self.eta >= self.window.radius:  # the empty sum is enough
            end = start
        states, steps = _grid(start, end, self)
        values = np.where(states < states[-1], 1 << FULL_BITS, 0)
        if start == end:
            values[:] = 0
        unit_bits = FULL_BITS
        while True:
            yield values, unit_bits, steps.ends
            values = add_sample(values, steps)
            while 0 < values[0] < 1 << FULL_BITS - 1:  # the largest: keep all bits in use
                values, unit_bits = values << 1, unit_bits + 1


class _Steps(NamedTuple):
    """Where each state can get with one sample; see `adversary_kernel.add_sample`."""

    ends: NDArray[np.int64]
    last: NDArray[np.int64]
    reach: NDArray[np.int64]
    mean: NDArray[np.int64]


def _grid(
    start: Fraction, end: Fraction, process: CoverProcess
) -> tuple[NDArray[np.int64], _Steps]:
    """Return the states from `start` to `end` in units of 2^-bits, and where each can get.

    Octaves of p and of 1 - p are cut in equal cells, so that doubling leads from state to state.
    """
    octaves = ceil(1 / min(start, 1 - end)).bit_length()
    bits = min(octaves + process.cells.bit_length() + _GUARD_BITS, _MAX_BITS)
    one = 1 << bits
    first, past = floor(start * one), ceil(end * one)
    inner = {one // 2}
    for octave in range(max(bits - octaves - 1, 0), bits - 1):
        points = range(1 << octave, 2 << octave, max((1 << octave) // process.cells, 1))
        inner.update(points, (one - point for point in points))
    states = np.array(
        sorted({first, past}.union(point for point in inner if first < point < past)),
        dtype=np.int64,
    )
    reach = states + np.minimum(states, one - states)
    drift = certified_drift(
        states.tolist(),
        bits=bits,
        law=process.law,
        length=process.length,
        component=process.component,
    )
    steps = _Steps(
        ends=np.append(states[1:], one),
        last=np.searchsorted(states, reach, side="right") - 1,
        reach=reach,
        mean=states + np.minimum(drift, reach - states),
    )
    return states, steps
