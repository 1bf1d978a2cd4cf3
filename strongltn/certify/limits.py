"""What a certificate may ask of its checker: limits of ``proofs_check/FORMAT.md``, and our own.

Those of the format keep a short file from asking for much work. Within them an honest certificate
could still be large and slow to check, so that trees of splits have a budget of bytes besides.
"""

from __future__ import annotations

from itertools import accumulate

from strongltn.networks.layer import ScaledLayer

_MAX_RANGE_WORK = 1 << 24
_MAX_MATRIX_ENTRIES = 1 << 25
_MAX_LEAF_BYTES = 1 << 29  # of multipliers on one leaf: a quarter of what a file may have
_MAX_SPLIT_BYTES = 48 << 20  # of multipliers on all leaves: about ten seconds of the checker
_INTEGER_BYTES = 8


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


def fits_matrix(size: int, *, layers: tuple[ScaledLayer, ...]) -> bool:
    """Return whether a matrix inequality of `size` rows may stand in a certificate."""
    widest = max(layer.weight.shape[0] for layer in layers)
    return size * max(size, 2 * widest) <= _MAX_MATRIX_ENTRIES


def _max_nodes(layers: tuple[ScaledLayer, ...]) -> int:
    """Return how many nodes the format allows a tree of ranges with multipliers."""
    shapes = [layer.weight.shape for layer in layers]
    work = sum(inputs for _, inputs in shapes) * max(outputs for outputs, _ in shapes)
    return _MAX_RANGE_WORK // work
