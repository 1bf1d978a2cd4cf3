"""Input splitting: a box is cut in halves, ever again where the bound is worst.

Trees are as large as a certificate may hold. The limits of ``proofs_check/FORMAT.md`` keep a short
file from asking for much work; within them an honest certificate could still be large and slow to
check, so that trees have a budget of bytes besides.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from strongltn.certify.differential.backward import (
    BackwardSettings,
    Differential,
    backward_differential,
)
from strongltn.certify.differential.float_neurons import FloatRegion
from strongltn.certify.differential.multiplier_search import MultiplierSearch
from strongltn.certify.differential.ranges import LEAF
from strongltn.errors import InvalidInputError
from strongltn.networks.boxes import LocalBox
from strongltn.networks.difference import DifferenceNetwork
from strongltn.networks.layer import ScaledLayer
from strongltn.values.arguments import Progress, integer

_MOST_LEAVES = 1 << 15  # certificates hold trees of at most 2^16 nodes ...
_MOST_CUTS = 256  # ... and of this depth
_BATCH = 16  # worst leaves that are cut together

_MAX_RANGE_WORK = 1 << 24  # of the format
_MAX_LEAF_BYTES = 1 << 29  # of multipliers on one leaf: a quarter of what a file may have
_MAX_SPLIT_BYTES = 48 << 20  # of multipliers on all leaves: about ten seconds of the checker
_INTEGER_BYTES = 8

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SplittingSettings:
    """Settings of input splitting.

    Attributes
    ----------
    max_leaves : int in [1, 2^15]
    goal : Fraction, float or None
        Stop once the last layer's difference is at most this.
    num_steps : int >= 0
        Steps of the optimiser of multipliers, on all leaves at the end.
    """

    max_leaves: int = 1000
    goal: Fraction | float | None = None
    num_steps: int = 0

    def __post_init__(self) -> None:
        leaves = integer("max_leaves", self.max_leaves, low=1, last=_MOST_LEAVES)
        object.__setattr__(self, "max_leaves", leaves)
        object.__setattr__(self, "num_steps", integer("num_steps", self.num_steps, low=0))


@dataclass(eq=False)
class _Node:
    """A box of the tree, and its two halves if it was cut."""

    lower: Floats
    upper: Floats
    estimate: float
    depth: int
    coordinate: int = LEAF
    halves: tuple[_Node, ...] = ()


def input_splitting(
    network: DifferenceNetwork,
    *,
    settings: SplittingSettings | None = None,
    progress: Progress | None = None,
) -> Differential:
    """Return backward differential bounds on the leaves of a tree that is grown best first.

    The leaf with the largest estimate is cut across the coordinate whose worse half is best. Never
    worse at the last layer than `backward_differential` on the whole box.

    Parameters
    ----------
    network : DifferenceNetwork
        Over a box or a local box. Sensible for up to about eight inputs.
    progress : callable, optional
        Gets ("leaves", leaves so far, most leaves).

    Raises
    ------
    InvalidInputError
        The domain is a ball.

    Notes
    -----
    Rigor: rigorous bounds; floats only choose the cuts and the multipliers.
    Cost: for every leaf, the bounds of two halves for each input in floats, and one exact bound.
    Randomness: none.
    """
    settings = settings or SplittingSettings()
    box = network.domain.box(network.num_inputs)
    if box is None:
        raise InvalidInputError("domain", got=str(network.domain), allowed="a box or a local box")
    with np.errstate(all="ignore"):  # floats only choose
        forest = _Forest(MultiplierSearch(network))
        tree = forest.grow(box, settings=settings, progress=progress)
    backward = BackwardSettings(settings.num_steps)
    whole = backward_differential(network, settings=backward)
    if tree.size == 1:
        return whole
    split = backward_differential(network, settings=backward, tree=tree)
    return min(split, whole, key=lambda one: one.difference[-1])


def max_leaves(layers: tuple[ScaledLayer, ...]) -> int:
    """Return how many leaves with multipliers a tree of splits may have; 0: none.

    Notes
    -----
    On 3-60-60-2 over a box: 204 leaves, 48 MB and a bound 1.5 % above that of 1,000 leaves, which
    take 250 MB.
    """
    per_leaf = multiplier_bytes(layers)
    fitting = _MAX_SPLIT_BYTES // per_leaf if per_leaf else _max_nodes(layers)
    return min(fitting, (_max_nodes(layers) + 1) // 2)  # a tree of n leaves has 2 n - 1 nodes


def fits_multipliers(layers: tuple[ScaledLayer, ...]) -> bool:
    """Return whether ranges on one leaf may have multipliers in a certificate."""
    return _max_nodes(layers) > 0 and multiplier_bytes(layers) <= _MAX_LEAF_BYTES


def multiplier_bytes(layers: tuple[ScaledLayer, ...]) -> int:
    """Return how many bytes the multipliers of one leaf take."""
    outputs = [layer.weight.shape[0] for layer in layers]
    pairs = zip(outputs[1:], accumulate(outputs), strict=False)
    return _INTEGER_BYTES * sum(4 * own * 2 * before for own, before in pairs)


def _max_nodes(layers: tuple[ScaledLayer, ...]) -> int:
    """Return how many nodes the format allows a tree of ranges with multipliers."""
    shapes = [layer.weight.shape for layer in layers]
    work = sum(inputs for _, inputs in shapes) * max(outputs for outputs, _ in shapes)
    return _MAX_RANGE_WORK // work


class _Forest:
    """Boxes, and estimates of the bound on each."""

    def __init__(self, search: MultiplierSearch) -> None:
        self._search = search

    def grow(
        self,
        box: LocalBox,
        *,
        settings: SplittingSettings,
        progress: Progress | None,
    ) -> NDArray[np.int64]:
        """Return the tree in preorder."""
        goal = -np.inf if settings.goal is None else float(settings.goal)
        lower, upper = np.array(box.lower), np.array(box.upper)
        root = _Node(lower, upper, self._estimates(lower[None], upper[None])[0], 0)
        heap, count = [(-root.estimate, 0, root)], 1
        while heap and count < settings.max_leaves and -heap[0][0] > goal:
            worst: list[_Node] = []
            while heap and len(worst) < min(_BATCH, settings.max_leaves - count):
                node = heapq.heappop(heap)[2]
                if node.estimate > goal and node.depth < _MOST_CUTS:
                    worst.append(node)
            for node in self._cut(worst):
                count += 1
                for k, half in enumerate(node.halves):
                    heapq.heappush(heap, (-half.estimate, 2 * count + k, half))
            if progress is not None:
                progress("leaves", count, settings.max_leaves)
        return _preorder(root)

    def _cut(self, nodes: list[_Node]) -> list[_Node]:
        """Cut boxes where it helps most; return those that were cut."""
        cuts = [
            (node, j, half)
            for node in nodes
            for j in np.flatnonzero(node.upper > node.lower).tolist()
            for half in _halves(node, j)
        ]
        if not cuts:
            return []
        estimates = self._estimates(
            np.stack([half[0] for _, _, half in cuts]), np.stack([half[1] for _, _, half in cuts])
        )
        best: dict[int, float] = {}
        for k in range(0, len(cuts), 2):
            node, j, _ = cuts[k]
            pair = estimates[k : k + 2]
            merit = float(pair.max() + 1e-3 * pair.min())  # the better half decides between equals
            if merit < best.get(id(node), np.inf):
                best[id(node)] = merit
                node.coordinate = j
                node.halves = tuple(
                    _Node(*half, float(value), node.depth + 1)
                    for (_, _, half), value in zip(cuts[k : k + 2], pair, strict=True)
                )
        return [node for node in nodes if node.halves]

    def _estimates(self, lower: Floats, upper: Floats) -> Floats:
        last = self._search.ranges(FloatRegion(lower, upper))[-1]
        sizes: Floats = np.maximum(last.d_upper, -last.d_lower)
        norms: Floats = np.linalg.norm(sizes, axis=1)
        return norms


def _halves(node: _Node, coordinate: int) -> list[tuple[Floats, Floats]]:
    middle = node.lower[coordinate] / 2 + node.upper[coordinate] / 2
    upper, lower = node.upper.copy(), node.lower.copy()
    upper[coordinate] = lower[coordinate] = middle
    return [(node.lower, upper), (lower, node.upper)]


def _preorder(root: _Node) -> NDArray[np.int64]:
    order, pending = [], [root]
    while pending:
        node = pending.pop()
        order.append(node.coordinate)
        pending += reversed(node.halves)
    return np.array(order, dtype=np.int64)
