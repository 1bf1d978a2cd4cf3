"""Strategies for target networks, domains, and points of a domain."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import isqrt

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from strongltn.networks import Ball, Box, Domain, LinearLayer, LocalBox, TargetNetwork

_ENDS = ((0.0, 1.0), (-1.0, 1.0), (-0.75, 2.0), (0.5, 0.625), (-3.0, -1.0), (0.0, 1e-3))


def _weights() -> SearchStrategy[float]:
    """Zeros, ties, dyadics, and magnitudes from 1e-6 to 1e6."""
    plain = st.floats(-1.0, 1.0, allow_subnormal=False)
    wide = st.tuples(plain, st.integers(-6, 6)).map(lambda pair: pair[0] * 10.0 ** pair[1])
    coarse = st.integers(-16, 16).map(lambda k: k / 16)
    return st.sampled_from([0.0, -0.0, 0.5, -0.5, 0.25, 1.0]) | coarse | plain | wide


@st.composite
def target_networks(
    draw: DrawFn,
    *,
    elements: SearchStrategy[float] | None = None,
    max_layers: int = 3,
    max_size: int = 3,
) -> TargetNetwork:
    """Return a strategy for target networks, each layer with or without biases.

    Parameters
    ----------
    elements : strategy of floats, optional
        Of weights and biases. Default: zeros, ties, dyadics, magnitudes from 1e-6 to 1e6. A theorem
        about a class of networks wants that class here, say ``st.floats(-0.5, 0.5)``.
    max_layers, max_size : int >= 1
        Of the number of layers, and of every width.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(target_networks(), lambda target: len(target.layers) == 2).widths
    (1, 1, 1)
    """
    family = _weights() if elements is None else elements
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    sizes = draw(st.lists(st.integers(1, max_size), min_size=2, max_size=max_layers + 1))
    layers = []
    for i, (columns, rows) in enumerate(pairwise(sizes)):
        flat = draw(st.lists(family, min_size=rows * columns, max_size=rows * columns))
        bias = draw(st.none() | st.lists(family, min_size=rows, max_size=rows))
        layers.append(
            LinearLayer(
                f"fc{i + 1}",
                np.array(flat, dtype=dtype).reshape(rows, columns),
                None if bias is None else np.array(bias, dtype=dtype),
            )
        )
    return TargetNetwork(tuple(layers))


def domains(*, num_inputs: int | None = None) -> SearchStrategy[Domain]:
    """Return a strategy for balls and boxes, also such as are never negative or lack the origin.

    Parameters
    ----------
    num_inputs : int >= 1, optional
        Adds local boxes of that many inputs: of different widths, also thin, also points.
    """
    common = balls() | boxes()
    return common if num_inputs is None else common | local_boxes(num_inputs)


def balls() -> SearchStrategy[Ball]:
    """Return a strategy for balls: the unit one, smaller, larger."""
    return st.sampled_from([1.0, 0.3, 10.0]).map(Ball)


def boxes() -> SearchStrategy[Box]:
    """Return a strategy for boxes, also such as are never negative or lack the origin."""
    return st.sampled_from(_ENDS).map(lambda ends: Box(*ends))


@st.composite
def local_boxes(draw: DrawFn, num_inputs: int) -> LocalBox:
    """Return a strategy for local boxes in [-1, 2]^inputs; half of them have no negative input."""
    least = draw(st.sampled_from([0, -16]))
    starts = st.integers(least, 16).map(lambda k: k / 16)
    widths = st.sampled_from([0.0, 2.0**-20, 2.0**-4, 1.0])
    sides = draw(st.lists(st.tuples(starts, widths), min_size=num_inputs, max_size=num_inputs))
    lower = np.array([start for start, _ in sides])
    return LocalBox(lower, lower + np.array([width for _, width in sides]))


@st.composite
def points(draw: DrawFn, domain: Domain, size: int) -> tuple[Fraction, ...]:
    """Return a strategy for points of a domain, rationals: the centre, ends, corners, axes.

    Parameters
    ----------
    domain : Domain
    size : int >= 1
        Number of coordinates.
    """
    box = domain.box(size)
    if box is not None:
        lows, highs = map(Fraction, box.lower.tolist()), map(Fraction, box.upper.tolist())
        shares = draw(st.lists(st.integers(0, 8), min_size=size, max_size=size))
        rows = zip(lows, highs, shares, strict=True)
        return tuple(low + (high - low) * Fraction(share, 8) for low, high, share in rows)
    steps = draw(st.lists(st.integers(-8, 8), min_size=size, max_size=size))
    square = sum(step**2 for step in steps)
    # an integer above the norm: the scaled point lies in the ball, for axes on the sphere
    norm = isqrt(square) + (isqrt(square) ** 2 < square)
    return tuple(domain.norm_bound(size) * Fraction(step, max(norm, 1)) for step in steps)
