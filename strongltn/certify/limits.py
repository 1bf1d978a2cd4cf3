"""What a certificate may ask of its checker: limits of ``proofs_check/FORMAT.md``."""

from __future__ import annotations

from strongltn.networks.target import ScaledLayer

_MAX_RANGE_WORK = 1 << 24
_MAX_MATRIX_ENTRIES = 1 << 25


def max_nodes(layers: tuple[ScaledLayer, ...]) -> int:
    """Return how many nodes a tree of ranges with multipliers may have; 0: none."""
    shapes = [layer.weight.shape for layer in layers]
    work = sum(inputs for _, inputs in shapes) * max(outputs for outputs, _ in shapes)
    return _MAX_RANGE_WORK // work


def fits_matrix(size: int, *, layers: tuple[ScaledLayer, ...]) -> bool:
    """Return whether a matrix inequality of `size` rows may stand in a certificate."""
    widest = max(layer.weight.shape[0] for layer in layers)
    return size * max(size, 2 * widest) <= _MAX_MATRIX_ENTRIES
