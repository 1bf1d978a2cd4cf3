"""All targets at once: how far a target of an interval can be from every subset sum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

import numpy as np
from numpy.typing import ArrayLike

from strongltn.errors import InvalidInputError
from strongltn.numerics.exact import (
    BoolArray,
    FloatArray,
    IntArray,
    RowGrid,
    dyadic_numerators,
    round_once,
)
from strongltn.process.default_state import in_default_state
from strongltn.subset_sum.big_integers import BYTES_PER_SUM
from strongltn.subset_sum.problem import (
    check_budget,
    checked_bytes,
    checked_number,
    checked_samples,
    checked_tolerance,
)
from strongltn.subset_sum.solvers.abstract import run_tasks

_BYTES_PER_SUM = 28  # at most four cells of a byte and three int64 for each sum
_SUMS_PER_TASK = 2**22


@dataclass(frozen=True)
class CoveringRadius:
    """The least distance within which every target of an interval has a subset sum.

    Attributes
    ----------
    exact_radius : Fraction
        The largest distance of a target in the interval from its nearest subset sum.
    worst_target : Fraction
        The least target at that distance.

    Notes
    -----
    Rigor: exact.  Cost: none.  Randomness: none.
    """

    exact_radius: Fraction
    worst_target: Fraction

    def __repr__(self) -> str:
        return f"CoveringRadius({self.radius!r}, at target {round_once(self.worst_target)!r})"

    @property
    def radius(self) -> float:
        """The exact radius, rounded once to the nearest double."""
        return round_once(self.exact_radius)


@in_default_state()
def covering_radius(
    samples: ArrayLike, *, low: float, high: float, max_bytes: int = 2**30
) -> CoveringRadius:
    r"""Return how well the subset sums of the samples cover an interval.

    .. math:: r = \max_{z \in [low, high]} \min_{S} |z - \sum_{i \in S} x_i|

    Parameters
    ----------
    samples : float64 array, shape (n,)
        Finite, n >= 1. Another real dtype, a tensor or a sequence must lose nothing in float64.
    low, high : float
        Finite, low <= high. Sums outside the interval count as well.
    max_bytes : int >= 1
        28 * 2**n bytes are needed: n <= 25 with the default of 1 GiB. Samples that do not fit int64
        (their exponents span more than about 58 bits) are listed as Python integers and need
        512 * 2**n bytes: n <= 21.

    Returns
    -------
    CoveringRadius
        The radius and the least worst target, exact.

    Raises
    ------
    InvalidInputError
        A value is outside the above.
    BudgetExceeded
        The sums do not fit `max_bytes`; nothing was started.

    Notes
    -----
    Rigor: exact.  Cost: O(2**n) time, about a nanosecond per sum in the interval, by cells and not
    by sorting.  Randomness: none.

    Source
    ------
    The event of Lueker's theorem, `lueker1998`, is ``exact_radius <= tolerance``.

    Examples
    --------
    >>> found = covering_radius([0.5, 0.25], low=0.0, high=1.0)
    >>> found.radius, found.worst_target
    (0.25, Fraction(1, 1))
    """
    rows = checked_samples(samples, num_dimensions=1)[None, :]
    interval = _checked_interval(low, high)
    _max_threads(rows, max_bytes)
    return _radius_of(rows[0], *interval)


@in_default_state()
def covering_radii(
    samples: ArrayLike, *, low: float, high: float, max_bytes: int = 2**30
) -> FloatArray:
    """Return the radius of `covering_radius` for each row of samples, rounded once.

    Parameters
    ----------
    samples : float64 array, shape (m, n)
        m may be 0.
    low, high, max_bytes
        As in `covering_radius`; the memory is that of all threads together.

    Returns
    -------
    float64 array, shape (m,)
        Each the double nearest to the exact radius. For a comparison with a tolerance that no
        rounding touches see `is_covering`.

    Raises
    ------
    InvalidInputError, BudgetExceeded
        As in `covering_radius`.

    Notes
    -----
    Rigor: exact value, rounded once.  Cost: that of `covering_radius` and some 0.1 milliseconds per
    row, on all cores (the variable NUMBA_NUM_THREADS limits them).  Randomness: none.

    Source
    ------
    As `covering_radius`.

    Examples
    --------
    >>> covering_radii(np.array([[0.5, 0.25], [1.0, 1.0]]), low=0.0, high=1.0).tolist()
    [0.25, 0.5]
    """
    rows = checked_samples(samples, num_dimensions=2)
    interval = _checked_interval(low, high)
    radii = np.empty(len(rows))

    def radius_task(at: slice) -> None:
        radii[at] = [_radius_of(row, *interval).radius for row in rows[at]]

    _run_on_rows(radius_task, rows, max_bytes)
    return radii


@in_default_state()
def is_covering(
    samples: ArrayLike, *, low: float, high: float, tolerance: float, max_bytes: int = 2**30
) -> BoolArray:
    """Return for each row of samples whether its radius is at most the tolerance.

    Parameters
    ----------
    samples, low, high, max_bytes
        As in `covering_radii`.
    tolerance : float >= 0
        Finite.

    Returns
    -------
    bool array, shape (m,)
        Whether every target in [low, high] has a subset sum within `tolerance`.

    Raises
    ------
    InvalidInputError, BudgetExceeded
        As in `covering_radius`.

    Notes
    -----
    Rigor: exact.  Cost: at most that of `covering_radius`; a row that covers the interval easily is
    decided after a small part of its sums. All cores are used.  Randomness: none.

    Source
    ------
    As `covering_radius`.

    Examples
    --------
    >>> is_covering([[0.5, 0.25], [1.0, 1.0]], low=0.0, high=1.0, tolerance=0.25).tolist()
    [True, False]
    """
    rows = checked_samples(samples, num_dimensions=2)
    interval = _checked_interval(low, high)
    limit = checked_tolerance(tolerance)
    if limit is None:
        raise InvalidInputError("tolerance", got=None, allowed="a finite float >= 0")
    is_row_covering = np.empty(len(rows), dtype=np.bool_)

    def decide_task(at: slice) -> None:
        from strongltn.subset_sum.kernels.gaps import mark_covering

        grid = RowGrid.of(rows[at])
        bounds = hole_bounds(grid, *interval, Fraction(limit))
        mark_covering(grid.numerators, bounds, is_row_covering[at])
        for row in np.flatnonzero(~grid.fits) + at.start:
            is_row_covering[row] = _radius_of(rows[row], *interval).exact_radius <= limit

    _run_on_rows(decide_task, rows, max_bytes)
    return is_row_covering


def _checked_interval(low: object, high: object) -> tuple[Fraction, Fraction]:
    first, last = checked_number("low", low), checked_number("high", high)
    if first > last:
        raise InvalidInputError("low", got=first, allowed=f"at most high, which is {last!r}")
    return Fraction(first), Fraction(last)


def _run_on_rows(task: Callable[[slice], None], rows: FloatArray, max_bytes: int) -> None:
    """Run a task on slices of the rows, as many at a time as fit `max_bytes`."""
    run_tasks(
        task,
        len(rows),
        rows_per_task=max(1, _SUMS_PER_TASK >> rows.shape[1]),
        max_threads=_max_threads(rows, max_bytes),
    )


def _max_threads(rows: FloatArray, max_bytes: int) -> int:
    """Return how many rows fit `max_bytes` at a time; raise if not even one does."""
    max_bytes = checked_bytes(max_bytes)
    num_samples = int(rows.shape[1])
    num_bytes = _BYTES_PER_SUM << num_samples
    if num_bytes <= max_bytes and len(rows) and not RowGrid.of(rows).fits.all():
        num_bytes = BYTES_PER_SUM << num_samples
    check_budget("The covering radius", num_bytes, max_bytes, num_samples=num_samples)
    return max_bytes // num_bytes


def _radius_of(samples: FloatArray, low: Fraction, high: Fraction) -> CoveringRadius:
    """Return the worst over gaps between neighbouring sums s < t, where None is infinite.

    In a gap the distance rises from s to the middle and falls to t, so within [low, high] it is the
    largest at the middle or at the end of the interval that is nearest to the middle.
    """
    grid = RowGrid.of(samples[None, :])
    if grid.fits[0]:
        unit = Fraction(2) ** int(grid.exponents[0])
        gaps = wide_gaps(grid.numerators[0], low / unit, high / unit)
    else:
        numerators, exponent = dyadic_numerators(samples.tolist())
        unit = Fraction(2) ** exponent
        gaps = all_gaps(numerators, low / unit, high / unit)
    radius, worst = Fraction(-1), low
    for s, t in gaps:
        middle = low if s is None else high if t is None else (s * unit + t * unit) / 2
        target = min(max(middle, low), high)
        distance = min(abs(target - end * unit) for end in (s, t) if end is not None)
        if distance > radius or (distance == radius and target < worst):
            radius, worst = distance, target
    return CoveringRadius(radius, worst)


Gap = tuple[int | None, int | None]  # None: there is no sum on that side

_BEYOND = 2**61  # beyond the sums of every row that fits int64


def wide_gaps(numerators: IntArray, low: Fraction, high: Fraction) -> list[Gap]:
    """Return the gaps at low and at high, and the first widest of those in between."""
    from strongltn.subset_sum.kernels.gaps import FAR, NONE, neighbours, sorted_sums, widest_gap

    half = numerators.size // 2
    a, b = sorted_sums(numerators[:half]), sorted_sums(numerators[half:])
    before, first, num_before = neighbours(a, b, _clamped(floor(low)))
    last, after, num_upto = neighbours(a, b, _clamped(ceil(high) - 1))
    gaps = [(before, first), (last, after)]
    if first < last:
        width, start = widest_gap(a, b, first, last, num_upto - num_before)
        gaps.append((start, start + width))
    return [(None if s == NONE else int(s), None if t == FAR else int(t)) for s, t in gaps]


def all_gaps(numerators: list[int], low: Fraction, high: Fraction) -> list[Gap]:
    """Return all gaps that meet [low, high], of Python integers."""
    sums = {0}
    for numerator in numerators:
        sums |= {numerator + earlier for earlier in sums}
    ends = [None, *sorted(sums), None]
    return [
        (s, t) for s, t in pairwise(ends) if (s is None or s <= high) and (t is None or t >= low)
    ]


def hole_bounds(grid: RowGrid, low: Fraction, high: Fraction, tolerance: Fraction) -> IntArray:
    """Return X, Y and G of each row, shape (m, 3): see `mark_covering`.

    The targets s + r < z < t - r between two neighbouring sums s < t are the ones that r, the
    tolerance, does not reach. One of them lies in [low, high] iff s < high - r, t > low + r and
    t - s > 2 r; s and t are integers.
    """
    bounds = np.empty((len(grid.exponents), 3), dtype=np.int64)
    for exponent in np.unique(grid.exponents).tolist():
        unit = Fraction(2) ** exponent
        bounds[grid.exponents == exponent] = [
            _clamped(ceil((high - tolerance) / unit) - 1),
            _clamped(floor((low + tolerance) / unit) + 1),
            _clamped(floor(2 * tolerance / unit)),
        ]
    return bounds


def _clamped(units: int) -> int:
    return min(max(units, -_BEYOND), _BEYOND)
