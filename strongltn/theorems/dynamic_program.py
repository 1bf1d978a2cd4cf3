r"""How many samples put every target of an interval within 2 eta of a subset sum: sharpest bounds.

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
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count, islice
from math import ceil, floor
from typing import NamedTuple

import numpy as np

from strongltn.errors import InvalidInputError
from strongltn.numerics.exact import IntArray
from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.theorems.drift import certified_drift, has_component

#: Below it, 55 bits are too few for the grid.
LEAST_ETA = Fraction(1, 2**40)
_MAX_BITS = 55
_GUARD_BITS = 16  # of a state beyond the least cell
_CELLS = 512  # of the grid in each octave of p and of 1 - p; finer ones gain one sample at most
_COARSE_CELLS = 32  # to choose a length: every length is valid, so any choice is
_STRETCHES = (9, 10, 11, 12, 16, 18, 20, 24)  # lengths in eighths of the targets' interval


@dataclass(frozen=True)
class CoverProcess:
    """One run of the program: what is asked, and in which window.

    Attributes
    ----------
    eta : Fraction in [2^-40, 1/2)
        Half the tolerance.
    window : Window
        The interval of the targets.
    length : Fraction
        L, at least that of the targets' interval.
    component : bool
        Whether the drift is that of the uniform component of the law only.
    cells : int >= 1
        How many the grid has in each octave.
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

    def _games(self) -> Iterator[tuple[IntArray, int, IntArray]]:
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

    ends: IntArray
    last: IntArray
    reach: IntArray
    mean: IntArray


def _grid(start: Fraction, end: Fraction, process: CoverProcess) -> tuple[IntArray, _Steps]:
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


# the best of several windows


def failure_bounds(
    eta: Fraction | float,
    max_samples: int,
    *,
    law: SampleLaw,
    window: Window,
    length: Fraction | None = None,
    component: bool = False,
) -> tuple[Fraction, ...]:
    r"""Return bounds on the probability that some target has no subset sum within 2 eta.

    .. math:: \Pr[\exists z \in [-R, R]\ \forall S:\ |z - \sum_{i \in S} x_i| > 2 \eta] \le
              \text{bound}_n

    Parameters
    ----------
    eta : Fraction or float in [2^-40, 1/2)
        Half the tolerance.
    max_samples : int >= 0
        The largest number n of independent samples.
    law : SampleLaw
        The law of the samples: uniform, product or gaussian.
    window : Window
        The interval of the targets: R = 1/2 or 1.
    length : Fraction, optional
        The length of the window of the process, in [2 R, 6 R]. Any length gives a valid bound; the
        default is the best of a short list.
    component : bool
        Whether to use the uniform component of the law only; see `drift.certified_drift`.

    Returns
    -------
    tuple of Fraction in [0, 1]
        The bounds with 0, 1, ..., `max_samples` samples, in the window that is best for the last.

    Raises
    ------
    AssumptionViolated
        The law has no density, or no uniform component.
    InvalidInputError
        A parameter is out of range.

    Notes
    -----
    Rigor: rigorous upper bound, in integers rounded upwards; it rests on `drift`.
    Cost: a second at eta = 2^-12. Randomness: none.

    Source
    ------
    The process is that of `lueker1998` (recalled); the dynamic program is this project's.

    Examples
    --------
    >>> bounds = failure_bounds(0.125, 24, law=SampleLaw.UNIFORM, window=Window.HALF)
    >>> len(bounds), bounds[0], 0.001 < bounds[-1] < 0.01
    (25, Fraction(1, 1), True)
    """
    if max_samples < 0:
        raise InvalidInputError("num_samples", got=max_samples, allowed="an integer >= 0")
    runs = _Runs(eta, law=law, window=window, length=length, component=component)
    return tuple(islice(runs.best(max_samples).bounds(), max_samples + 1))


def sample_size(
    eta: Fraction | float,
    failure_probability: Fraction | float,
    *,
    law: SampleLaw,
    window: Window,
    length: Fraction | None = None,
    component: bool = False,
) -> int:
    """Return a number of samples at which the failure bound is at most `failure_probability`.

    That probability is in (0, 1); all else is as in `failure_bounds`.

    Notes
    -----
    Rigor: rigorous upper bound of the number that suffices. Cost: a second at eta = 2^-12.
    Randomness: none.

    Examples
    --------
    >>> sample_size(0.125, 0.01, law=SampleLaw.UNIFORM, window=Window.HALF)
    20
    """
    if not 0 < failure_probability < 1:
        raise InvalidInputError("failure_probability", got=failure_probability, allowed="in (0, 1)")
    runs = _Runs(eta, law=law, window=window, length=length, component=component)
    num_samples = runs.first_success(failure_probability)
    while runs.bound(num_samples) > failure_probability:
        num_samples += 1
    while num_samples and runs.bound(num_samples - 1) <= failure_probability:
        num_samples -= 1
    return num_samples


class _Runs:
    """Runs of the program in windows of several lengths, as far as they are asked for.

    Every length gives valid bounds: so coarse grids choose one, and a fine grid gives its bound.
    """

    def __init__(
        self,
        eta: Fraction | float,
        *,
        law: SampleLaw,
        window: Window,
        length: Fraction | None,
        component: bool,
    ) -> None:
        if not LEAST_ETA <= eta < Fraction(1, 2):
            raise InvalidInputError("eta", got=eta, allowed="in [2^-40, 1/2)")
        shortest, exact_eta = 2 * window.radius, Fraction(eta)
        if length is not None and not shortest <= length <= 3 * shortest:
            allowed = f"in [{shortest}, {3 * shortest}], one to three times that of the targets"
            raise InvalidInputError("length", got=str(length), allowed=allowed)
        lengths = [shortest, shortest + 2 * exact_eta, *(shortest * k / 8 for k in _STRETCHES)]
        if length is not None:
            lengths = [length]
        elif component:  # of the lengths that are too long one stays, to say why
            lengths = [one for one in lengths if has_component(law, one)] or [shortest]
        self._coarse = [
            CoverProcess(exact_eta, law, window, one, component, _COARSE_CELLS) for one in lengths
        ]
        self._runs: dict[CoverProcess, tuple[list[Fraction], Iterator[Fraction]]] = {}

    def first_success(self, failure_probability: Fraction | float) -> int:
        """Return the least number of samples that suffices by some coarse run."""
        return next(
            n
            for n in count()
            if any(self._bound(process, n) <= failure_probability for process in self._coarse)
        )

    def best(self, num_samples: int) -> CoverProcess:
        """Return the fine process in the window that is best on coarse grids."""
        chosen = min(self._coarse, key=lambda process: self._bound(process, num_samples))
        return replace(chosen, cells=_CELLS)

    def bound(self, num_samples: int) -> Fraction:
        """Return the bound of the best process."""
        return self._bound(self.best(num_samples), num_samples)

    def _bound(self, process: CoverProcess, num_samples: int) -> Fraction:
        known, more = self._runs.setdefault(process, ([], process.bounds()))
        known.extend(islice(more, max(0, num_samples + 1 - len(known))))
        return known[num_samples]
