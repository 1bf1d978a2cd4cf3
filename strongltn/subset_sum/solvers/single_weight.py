"""One sample in place of each weight: the oldest construction of a strong ticket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from strongltn.numerics.exact import BoolArray, FloatArray
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers.abstract import AbstractRowSolver, CandidateBatch


@dataclass(frozen=True)
class SingleWeight(AbstractRowSolver):
    """Return the one sample nearest to the target; never the empty subset.

    Of two samples at the same distance the smaller one is taken, of equal samples the first. The
    comparison is exact: of the nearest samples below and above the target, the distances are
    compared with their rounding errors.

    Notes
    -----
    Rigor: exact for its own family, single samples; not complete.  Cost: O(n), vectorised over a
    batch.  Randomness: none.

    Source
    ------
    `malach2020`: one weight of the source stands in for one weight of the target.

    Examples
    --------
    >>> SingleWeight().is_complete
    False
    """

    is_complete: ClassVar[bool] = False

    def search_batch(
        self, samples: FloatArray, targets: FloatArray, tolerance: float | None
    ) -> CandidateBatch:
        """Return the nearest sample of each row."""
        goals = targets[:, None]
        below = np.where(samples <= goals, samples, -np.inf).max(axis=1)
        above = np.where(samples >= goals, samples, np.inf).min(axis=1)
        nearest = np.where(_is_below_nearer(below, above, targets), below, above)
        mask = np.zeros(samples.shape, dtype=np.bool_)
        mask[np.arange(len(samples)), (samples == nearest[:, None]).argmax(axis=1)] = True
        return CandidateBatch(mask, np.full(len(samples), Stop.FAMILY_COVERED, dtype=object))


def _is_below_nearer(below: FloatArray, above: FloatArray, targets: FloatArray) -> BoolArray:
    """Return whether ``targets - below <= above - targets``, exactly; one may be infinite.

    Rounding is monotone, so rounded differences that differ are in the order of the true ones, and
    equal ones are ordered by their rounding errors. Of two finite samples at most one is so far
    that the difference overflows.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        down, down_rest = _difference(targets, below)
        up, up_rest = _difference(above, targets)
        is_nearer: BoolArray = (down < up) | ((down == up) & (down_rest <= up_rest))
    return is_nearer | np.isinf(above)


def _difference(minuend: FloatArray, subtrahend: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the rounded difference and its rounding error, both exact (Knuth's TwoSum)."""
    difference = minuend - subtrahend
    virtual = minuend - difference
    rest = (minuend - (difference + virtual)) + (virtual - subtrahend)
    return difference, rest
