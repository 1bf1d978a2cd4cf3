"""Strategies for targets, domains and their points, sources, masks and tickets, good or bad."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain, pairwise
from math import isqrt

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from numpy.typing import NDArray

from strongltn.networks import (
    Activation,
    Ball,
    Box,
    Domain,
    LinearLayer,
    LocalBox,
    PairMask,
    SourceNetwork,
    TargetNetwork,
    Ticket,
)
from strongltn.rng import WeightLaw

_SEEDS = st.integers(0, 3) | st.integers(0, 2**64 - 1)
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
        What weights and biases are drawn from. Default: zeros, ties, dyadics, magnitudes from 1e-6
        to 1e6. A theorem about a class of networks wants that class here, say
        ``st.floats(-0.5, 0.5)``.
    max_layers, max_size : int >= 1
        The largest number of layers, and the largest width.

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


@st.composite
def sources(
    draw: DrawFn, *, target: TargetNetwork | None = None, max_width: int = 5
) -> SourceNetwork:
    """Return a strategy for source networks of one or two pairs of layers, of any law and seed.

    Parameters
    ----------
    target : TargetNetwork, optional
        Then the source has a pair of layers for each of the target's, of the target's widths, with
        or without columns for the biases.
    max_width : int >= 1
        The largest width of the hidden layers, and of all layers without a target.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(sources(), lambda source: source.num_pairs == 2).widths
    (1, 1, 1, 1, 1)
    """
    width = st.integers(1, max_width)
    if target is None:
        outer = tuple(draw(st.lists(width, min_size=2, max_size=3)))
    else:
        outer = target.widths
    hidden = [draw(width) for _ in outer[1:]]
    pairs = zip(hidden, outer[1:], strict=True)
    return SourceNetwork(
        (outer[0], *chain.from_iterable(pairs)),
        draw(st.sampled_from(WeightLaw)),
        draw(_SEEDS),
        biases=tuple(draw(st.booleans()) for _ in hidden),
        inner_activation=draw(st.sampled_from(Activation)),
    )


@st.composite
def masks(draw: DrawFn, source: SourceNetwork, pair: int) -> PairMask:
    """Return a strategy for masks over one pair of layers, empty and full ones among them.

    Parameters
    ----------
    source : SourceNetwork
        Small: every entry of the second layer is drawn on its own.
    pair : int in [0, source.num_pairs)
    """
    outputs, width = source.shape(2 * pair + 1)
    num_columns = source.shape(2 * pair)[1]
    entries = st.sets(st.tuples(st.integers(0, outputs - 1), st.integers(0, width - 1)))
    everything = {(row, hidden) for row in range(outputs) for hidden in range(width)}
    kept = sorted(draw(entries | st.just(everything)))
    rows, hidden = np.array(kept, dtype=np.int64).reshape(-1, 2).T
    columns = st.integers(0, num_columns - 1)
    column_of = np.array(draw(st.lists(columns, min_size=width, max_size=width)))

    def inputs(live: NDArray[np.int64]) -> NDArray[np.int64]:
        return column_of[live]

    return PairMask.from_entries(rows, hidden, inputs=inputs, num_outputs=outputs)


@st.composite
def tickets(draw: DrawFn, *, target: TargetNetwork | None = None, max_width: int = 5) -> Ticket:
    """Return a strategy for tickets: any source, any mask. What is certified must hold for all.

    Parameters
    ----------
    target : TargetNetwork, optional
        Then the ticket has the target's widths, and may be compared with it.
    max_width : int >= 1
        As in `sources`.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(tickets(), lambda ticket: ticket.num_kept > 0).num_kept
    2
    """
    source = draw(sources(target=target, max_width=max_width))
    return Ticket(
        source,
        tuple(draw(masks(source, pair)) for pair in range(source.num_pairs)),
        tuple(draw(st.integers(-2, 2)) for _ in range(source.num_pairs)),
        "any mask",
        draw(st.integers(1, max_width)),
    )
