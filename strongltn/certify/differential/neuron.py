"""What one ReLU contributes to a Lagrangian bound: an exact maximum over a rectangle.

The function c ReLU(z) + g (ReLU(z + d) - ReLU(z)) - slope z - shift d of (z, d) is linear wherever
z and z + d keep their signs, so its maximum over [lower, upper of z] x [lower, upper of d] lies at
a corner, where an edge meets z = 0 or z + d = 0, or at (0, 0). A point that misses the rectangle is
moved into it: one point more, and no harm.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.certify.differential.ranges import LayerRanges
from strongltn.numerics.dyadic import DyadicArray

_NUM_CORNERS = 4  # among the points, of which they are the first

Integers = NDArray[Any]  # Python integers


def neuron_maxima(
    terms: tuple[DyadicArray, DyadicArray],
    multipliers: tuple[DyadicArray, DyadicArray],
    ranges: LayerRanges,
) -> DyadicArray:
    """Return the sums over the neurons of their maxima, row by row.

    Parameters
    ----------
    terms : pair of DyadicArray (rows, neurons)
        c and g.
    multipliers : pair of DyadicArray (rows, neurons)
        Slope and shift: what multiplies z and d.
    ranges : LayerRanges
        Of the neurons.

    Returns
    -------
    DyadicArray (rows,)

    Notes
    -----
    Rigor: exact. Cost: at most 44 integer products for every row and neuron; 16 where a neuron is
    always on or off. Randomness: none.
    """
    points, exponent = _breakpoints(ranges)
    unit = min(array.exponent for array in (*terms, *multipliers))
    factors = [
        (array.numerators.astype(object), values << (array.exponent - unit))
        for array, values in zip((*terms, *multipliers), points, strict=True)
        if array.numerators.any()
    ]
    if not factors:
        return DyadicArray(np.zeros(len(terms[0].numerators), dtype=object), 0)
    best = _largest(factors, slice(_NUM_CORNERS))
    bent = np.flatnonzero(~(ranges.is_active() | ranges.is_inactive()))
    if bent.size:
        bent_factors = [(array[:, bent], values[:, bent]) for array, values in factors]
        more = _largest(bent_factors, slice(_NUM_CORNERS, None))
        best[:, bent] = np.maximum(best[:, bent], more)
    return DyadicArray(best.sum(axis=1), unit + exponent)


def _largest(factors: list[tuple[Integers, Integers]], which: slice) -> Integers:
    """Return the largest over some points of the sum of factor * value, (rows, neurons)."""
    best: Integers | None = None
    for at in range(*which.indices(len(factors[0][1]))):
        total = sum(array * values[at] for array, values in factors)
        best = total if best is None else np.maximum(best, total)
    if best is None:
        raise ValueError("no point to compare")
    return best


def _breakpoints(ranges: LayerRanges) -> tuple[tuple[Integers, ...], int]:
    """Return ReLU(z), ReLU(z + d) - ReLU(z), -z and -d, (points, neurons) each, and an exponent."""
    ends = [end for one in (ranges.target, ranges.difference) for end in (one.lower, one.upper)]
    exponent = min(end.exponent for end in ends)
    z_low, z_high, d_low, d_high = (
        end.numerators.astype(object) << (end.exponent - exponent) for end in ends
    )
    zero = z_low * 0
    z = np.stack([z_low, z_low, z_high, z_high, zero, zero, z_low, z_high, -d_low, -d_high, zero])
    d = np.stack(
        [d_low, d_high, d_low, d_high, d_low, d_high, -z_low, -z_high, d_low, d_high, zero]
    )
    z = np.minimum(np.maximum(z, z_low), z_high)
    d = np.minimum(np.maximum(d, d_low), d_high)
    on = np.maximum(z, 0)
    return (on, np.maximum(z + d, 0) - on, -z, -d), exponent
