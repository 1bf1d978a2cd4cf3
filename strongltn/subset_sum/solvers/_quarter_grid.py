"""Targets in quarter units: the integer form in which a search is exact and never ties.

A subset sum S lies on the grid of its samples, the target t usually does not. Write, in grid units,
t = floor + frac with 0 <= frac < 1, and encode t as the integer T = 4 floor + q with

    q = -1 if frac = 0,    q = 1 if 0 < frac <= 1/2,    q = 3 if frac > 1/2.

Then abs(4 S - T) orders the subset sums as (abs(S - t), S) does: a sum k units below the floor is
at distance abs(4 k + q), one k units above the next grid point at 4 k + 4 - q. The cases put the
two kinds in the order of their true distances, and of equal true distances the smaller sum first.
As T is odd, different sums never have the same distance.
"""

from __future__ import annotations

import numpy as np

from strongltn.numerics.exact import FloatArray, IntArray, RowGrid


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
