r"""Overlap of two masks: intersection over union, beside what chance gives.

Chance: within every layer, one of the masks is replaced by a uniformly random one that keeps as
many weights. With a and b kept of N, the size of the intersection of that layer is hypergeometric,
layers are independent, and the expected intersection over union is

.. math:: \sum_k \Pr[I = k] \frac{k}{A + B - k}, \qquad I = \sum_{\text{layers}} I_l,

where A and B are the numbers kept in all layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.process.default_state import in_default_state


@dataclass(frozen=True)
class MaskOverlap:
    """How much two masks have in common.

    Attributes
    ----------
    intersection, union : int
        Weights kept by both, and by at least one.
    chance : float in [0, 1]
        Expected intersection over union of a random mask with as many kept in every layer.
    """

    intersection: int
    union: int
    chance: float

    @property
    def iou(self) -> float:
        """Intersection over union, in [0, 1]; 1 for two empty masks."""
        return self.intersection / self.union if self.union else 1.0


@in_default_state()
def mask_overlap(
    one: Sequence[NDArray[np.bool_]], other: Sequence[NDArray[np.bool_]]
) -> MaskOverlap:
    """Compare two masks of one network.

    Parameters
    ----------
    one, other : sequences of bool arrays, one for each layer, of the same shapes

    Raises
    ------
    InvalidInputError
        The shapes differ.

    Notes
    -----
    Rigor: counts are exact; `chance` is the exact expectation up to rounding in float64.
    Cost: one pass over the masks, and a convolution of short laws.  Randomness: none.

    Examples
    --------
    >>> overlap = mask_overlap([np.array([True, False])], [np.array([True, False])])
    >>> overlap.iou, overlap.chance
    (1.0, 0.5)
    """
    shapes = [[mask.shape for mask in masks] for masks in (one, other)]
    if shapes[0] != shapes[1]:
        raise InvalidInputError("other", got=f"shapes {shapes[1]}", allowed=f"shapes {shapes[0]}")
    pairs = list(zip(one, other, strict=True))
    kept = [(int(np.count_nonzero(a)), int(np.count_nonzero(b))) for a, b in pairs]
    total = sum(a + b for a, b in kept)
    intersection = sum(int(np.count_nonzero(a & b)) for a, b in pairs)
    least, chances = 0, np.ones(1)
    for (mask, _), (a, b) in zip(pairs, kept, strict=True):
        first, law = _intersection_law(mask.size, a, b)
        least, chances = least + first, np.convolve(chances, law)
    sizes = least + np.arange(len(chances))
    ratios = sizes / np.maximum(total - sizes, 1) if total else np.ones(1)
    return MaskOverlap(intersection, total - intersection, float(chances @ ratios))


def _intersection_law(size: int, one: int, other: int) -> tuple[int, NDArray[np.float64]]:
    """Return the least intersection of positive chance in float64, and the chances from there."""
    from scipy.stats import hypergeom

    least = max(0, one + other - size)
    chances = hypergeom.pmf(np.arange(least, min(one, other) + 1), size, one, other)
    positive = np.flatnonzero(chances)
    law: NDArray[np.float64] = chances[positive[0] : positive[-1] + 1]
    return least + int(positive[0]), law
