"""The Lagrangian bound: from any multipliers, what they prove of one layer's ranges, exactly.

With x_i what layer i of the target sees, D_i how far the pruned network's input there is from it,

    z_i = W_i x_i + b_i,   d_i = (W_i + E_i) D_i + E_i(x_i) + e_i,
    x_{i+1} = ReLU(z_i),   D_{i+1} = ReLU(z_i + d_i) - ReLU(z_i),   D_0 = 0.

A statement about layer i is a form c x_i + g D_i + constant <= end. For any multipliers lambda, mu
of the layer before, its left side is

    constant + [c ReLU(z) + g (ReLU(z + d) - ReLU(z)) - lambda z - mu d] + lambda z + mu d,

the bracket is at most its maximum over the ranges of z and d, neuron by neuron, and the rest is a
form in x_{i-1} and D_{i-1}: so on down to the inputs, over which its supremum is known.

The bracket of one neuron is linear in (z, d) wherever z and z + d keep their signs, so its maximum
over [lower, upper of z] x [lower, upper of d] lies at a corner, where an edge meets z = 0 or
z + d = 0, or at (0, 0). A point that misses the rectangle is moved into it: one point more, and no
harm.
"""

from __future__ import annotations

from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from strongltn.certify.differential.ranges import LayerRanges, Leaf, Range
from strongltn.networks.difference import DifferenceNetwork
from strongltn.numerics.dyadic import DyadicArray, apply, concatenate, negative

_CHUNK = 1 << 18  # multiplier pairs at a time, to bound the memory of wide integers

_NUM_CORNERS = 4  # among the points of a neuron, of which they are the first

Index = NDArray[np.int64]
Integers = NDArray[Any]  # Python integers


def num_multipliers(network: DifferenceNetwork, layer: int) -> int:
    """Return how many multipliers a statement about that layer has."""
    return 2 * sum(network.widths[1 : layer + 1])


def first_ranges(network: DifferenceNetwork, leaf: Leaf) -> LayerRanges:
    """Return the ranges of z and d at the first layer, exact but for lengths on a ball."""
    layer, error = network.layers[0], network.errors[0]
    return LayerRanges(
        _shifted(leaf.range_of(layer.weight, None), layer.bias),
        _shifted(leaf.range_of(error.plus, error.minus), error.bias),
    )


def proved_ends(
    network: DifferenceNetwork,
    leaf: Leaf,
    before: tuple[LayerRanges, ...],
    *,
    multipliers: DyadicArray,
    rows: Index | None = None,
) -> DyadicArray:
    """Return the ends that multipliers prove for the layer behind `before`.

    Parameters
    ----------
    before : tuple of LayerRanges, at least one
        Proved on the leaf, of all layers before.
    multipliers : DyadicArray (4 * outputs, 2 * neurons before)
        Any numbers. Rows: -z, z, -d, d, each for every output; columns: the layers before, the
        nearest first, lambda and then mu of its neurons.
    rows : int64 (count,), increasing, at least one, optional
        The statements wanted. Default: all.

    Returns
    -------
    DyadicArray (count,)
        Upper bounds of -z, z, -d and d.

    Notes
    -----
    Rigor: exact, but for lengths on a ball, rounded upwards.
    Cost: per layer before, up to four integer matrix products with as many rows as statements, and
    eleven points for every statement and neuron. Randomness: none.
    """
    outputs = network.widths[len(before) + 1]
    rows = np.arange(4 * outputs) if rows is None else rows
    widest = max(network.widths[: len(before) + 1])
    parts: list[Index] = []
    for half in (rows[rows < 2 * outputs], rows[rows >= 2 * outputs]):
        parts += np.array_split(half, -(-len(half) * widest // _CHUNK)) if half.size else []
    return concatenate(
        [_lagrangian(network, leaf, before, part, multipliers[part]) for part in parts]
    )


def _lagrangian(
    network: DifferenceNetwork,
    leaf: Leaf,
    before: tuple[LayerRanges, ...],
    rows: Index,
    multipliers: DyadicArray,
) -> DyadicArray:
    """Return the Lagrangian bounds of statements that are all about z, or all about d."""
    *terms, constant = _statements(network, len(before), rows)
    parts, first = [] if constant is None else [constant], 0
    for k in range(len(before) - 1, -1, -1):
        layer, error, width = network.layers[k], network.errors[k], network.widths[k + 1]
        slope = multipliers[:, first : first + width]
        shift = multipliers[:, first + width : first + 2 * width]
        parts.append(neuron_maxima((terms[0], terms[1]), (slope, shift), before[k]))
        if not multipliers.numerators[:, first:].any():
            break  # nothing is left of the form, nor will be
        first += 2 * width
        if layer.bias is not None:
            parts.append(apply(slope, layer.bias))
        if error.bias is not None:
            parts.append(apply(shift, error.bias))
        c = _combined([(slope, layer.weight), (shift, error.plus)])
        if k:
            terms = [c, _combined([(shift, network.sums[k])])]
        elif error.minus is None or not shift.numerators.any():
            parts.append(leaf.range_of(c, None).upper)
        else:
            back = _combined([(negative(slope), layer.weight), (shift, error.minus)])
            parts.append(leaf.range_of(c, back).upper)
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _statements(
    network: DifferenceNetwork, i: int, rows: Index
) -> tuple[DyadicArray, DyadicArray, DyadicArray | None]:
    """Return c, g and the constants of statements that are all about z, or all about d."""
    layer, error = network.layers[i], network.errors[i]
    block, output = np.divmod(rows, network.widths[i + 1])
    sign = np.where(block % 2 == 0, -1, 1)
    if block[0] < 2:
        c, constant = layer.weight, layer.bias
        g = DyadicArray(np.zeros_like(c.numerators), 0)
    else:
        c, constant, g = error.plus, error.bias, network.sums[i]
    signed = [DyadicArray(one.numerators[output] * sign[:, None], one.exponent) for one in (c, g)]
    if constant is not None:
        constant = DyadicArray(constant.numerators[output] * sign, constant.exponent)
    return signed[0], signed[1], constant


def _combined(pairs: list[tuple[DyadicArray, DyadicArray]]) -> DyadicArray:
    """Return the exact sum of matrix products."""
    exponent = min(one.exponent + other.exponent for one, other in pairs)
    rows, columns = pairs[0][0].shape[0], pairs[0][1].shape[1]
    total = flint.fmpz_mat(rows, columns)
    for one, other in pairs:
        if one.numerators.any():
            total += (one.matrix * other.matrix) * (1 << (one.exponent + other.exponent - exponent))
    numerators = np.array([int(k) for k in total.entries()], dtype=object)
    return DyadicArray(numerators.reshape(rows, columns), exponent)


def _shifted(exact: Range, offset: DyadicArray | None) -> Range:
    return exact if offset is None else Range(exact.lower + offset, exact.upper + offset)


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
        The ranges of the neurons.

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
