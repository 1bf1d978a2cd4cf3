"""Strategies for source networks, legal masks over them, and tickets: any mask, good or bad."""

from __future__ import annotations

from itertools import chain

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from numpy.typing import NDArray

from strongltn.networks import PairMask, SourceNetwork, TargetNetwork, Ticket
from strongltn.networks.source import Activation
from strongltn.rng import WeightLaw

_SEEDS = st.integers(0, 3) | st.integers(0, 2**64 - 1)


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
        Of the hidden layers, and of all layers without a target.

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
