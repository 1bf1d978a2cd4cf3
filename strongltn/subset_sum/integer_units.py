"""Integers that stand for samples, targets and subsets, in which comparisons are exact.

Two grids serve the searches. Quarter units find the nearest sum and never tie; tolerance units are
coarse, fit 32 bits and decide "within tolerance" for most subsets.

**Quarter units.** A subset sum S lies on the grid of its samples, the target t usually does not.
Write, in grid units, t = floor + frac with 0 <= frac < 1, and encode t as the integer
T = 4 floor + q with

    q = -1 if frac = 0,    q = 1 if 0 < frac <= 1/2,    q = 3 if frac > 1/2.

Then abs(4 S - T) orders the subset sums as (abs(S - t), S) does: a sum k units below the floor is
at distance abs(4 k + q), one k units above the next grid point at 4 k + 4 - q. The cases put the
two kinds in the order of their true distances, and of equal true distances the smaller sum first.
As T is odd, different sums never have the same distance.

**Tolerance units.** Let u be a power of two and q(v) the integer nearest to v / u. For a subset of
k samples with D = abs(sum(q(x)) - q(t)), the true error divided by u lies within (k + 1) / 2 of D,
because each of the k + 1 numbers moved by at most 1/2. So D decides "within tolerance" for all
subsets but those whose error is a few units beside it, whatever the samples are.

**The index of a subset.** Bit k of it keeps sample k.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from strongltn.numerics.exact import BoolArray, FloatArray, IntArray, RowGrid


def quarter_targets(grid: RowGrid, targets: FloatArray) -> IntArray:
    """Return T for the target of each row of samples that `grid` holds.

    Parameters
    ----------
    grid : RowGrid
        The samples, shape (m, n).
    targets : float64 array, shape (m,)
        Finite. One beyond the reach of all sums is moved to the end of the reach, which orders the
        sums alike. One so small that it underflows counts as 0, the empty subset's own sum.

    Returns
    -------
    int64 array, shape (m,)
        Odd, of magnitude below 2**62.
    """
    reach = np.abs(grid.numerators).sum(axis=1)
    with np.errstate(over="ignore", under="ignore"):
        magnitude = np.ldexp(np.abs(targets), -grid.exponents)
    is_beyond = magnitude > reach
    whole = np.floor(np.where(is_beyond, 0.0, magnitude))
    fraction = np.where(is_beyond, 0.0, magnitude - whole)
    units = np.where(is_beyond, reach, whole.astype(np.int64))
    above = np.where(fraction == 0.0, -1, np.where(fraction <= 0.5, 1, 3))
    # -t = -floor - frac: its own floor is one lower when frac > 0, and its own fraction 1 - frac.
    below = np.where(fraction < 0.5, -1, -3)
    return np.where(targets < 0.0, 4 * -units + below, 4 * units + above)


def quarter_target(target: Fraction) -> int:
    """Return T for one target in grid units of any size, in Python integers."""
    whole = math.floor(target)
    fraction = target - whole
    if fraction == 0:
        return 4 * whole - 1
    return 4 * whole + (1 if 2 * fraction <= 1 else 3)


def mask_of(indices: int | IntArray, num_samples: int) -> BoolArray:
    """Return the masks of subsets, shape (..., num_samples), from their indices below 2**63."""
    return (np.asarray(indices)[..., None] >> np.arange(num_samples) & 1).astype(np.bool_)


_MAX_EXPONENT = 1000


class ToleranceUnits(NamedTuple):
    """A grid for one tolerance; every field is a float64, as compiled loops take it.

    Attributes
    ----------
    scale : float
        1 / u, a power of two.
    tolerance : float
        In units, exact.
    largest : float
        Magnitudes up to this many units are admitted: no sum of them leaves 31 bits.
    """

    scale: float
    tolerance: float
    largest: float

    @classmethod
    def of(cls, tolerance: float, *, bits: int, num_terms: int) -> ToleranceUnits | None:
        """Return the grid on which the tolerance has `bits` bits; None for the smallest tolerances.

        `num_terms` is how many numbers are ever added up, the target included.
        """
        exponent = bits - math.frexp(tolerance)[1]
        if tolerance == 0.0 or exponent > _MAX_EXPONENT:
            return None
        scale = math.ldexp(1.0, exponent)
        return cls(scale, tolerance * scale, float(2**30 // num_terms))
