"""A greedy walk down the samples: linear time, and a bound where they fill geometric bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from strongltn.numerics.exact import BoolArray, FloatArray, RowGrid, dyadic_numerators
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers.abstract import AbstractRowSolver, CandidateBatch

_ROWS_AT_ONCE = 2**12
_BEYOND_ALL_SUMS = 2.0**60  # units; a grid admits less


@dataclass(frozen=True)
class GreedyGeometric(AbstractRowSolver):
    r"""Decompose the target greedily along the samples of its own sign, the largest first.

    A sample is kept if it is at most what is left of the target, so the rest never changes its sign
    and the error never exceeds :math:`|t|`. Of equal samples the first is kept first.

    How small the error is depends on how well the samples fill a geometric series. With the golden
    section :math:`\gamma = (\sqrt5 - 1) / 2`, for which :math:`1 - \gamma^2 = \gamma`:

        If :math:`|t| \le R` and, for every i = 0, ..., K - 1, some sample of the sign of t has a
        magnitude in the bin :math:`(\gamma^{i + 2} R, \gamma^{i + 1} R]`, then the error is at
        most :math:`\gamma^K R`.

    Proof. Say that the rest is at most :math:`\gamma^i R` before the samples of bin i. Its first
    sample x is kept, and then the rest is less than
    :math:`\gamma^i R - \gamma^{i + 2} R = \gamma^{i + 1} R`; or x is larger than the rest, which
    is then less than :math:`x \le \gamma^{i + 1} R`. All other samples can only lower the rest.

    R is chosen by the analysis, not by the algorithm, and any decreasing radii with
    :math:`R_i \le R_{i + 1} + R_{i + 2}`, such as Fibonacci numbers, serve as well as powers.

    Where bins are empty the result is whatever the walk leads to; it is re-summed exactly as that
    of every solver. It ends with ``Stop.FAMILY_COVERED``: its family is the one subset on the walk.

    Notes
    -----
    Rigor: heuristic, with the above bound; all comparisons are exact.  Cost: O(n) after sorting,
    vectorised over a batch.  Randomness: none.

    Source
    ------
    In the form of `orseau2020`, which decomposes weights along a geometric series of samples from
    a hyperbolic law; the bound and its proof are our own.

    Examples
    --------
    >>> import numpy as np
    >>> GreedyGeometric().search(np.array([0.125, 0.5, -0.5, 0.25]), 0.7, None).mask.tolist()
    [True, True, False, False]
    """

    is_complete: ClassVar[bool] = False

    def search_batch(
        self, samples: FloatArray, targets: FloatArray, tolerance: float | None
    ) -> CandidateBatch:
        """Return the subset on the walk of each row."""
        mask = np.empty(samples.shape, dtype=np.bool_)
        for start in range(0, len(samples), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            mask[rows] = _walk_rows(samples[rows], targets[rows])
        return CandidateBatch(mask, np.full(len(samples), Stop.FAMILY_COVERED, dtype=object))


def _walk_rows(samples: FloatArray, targets: FloatArray) -> BoolArray:
    grid = RowGrid.of(samples)
    with np.errstate(over="ignore", under="ignore"):
        units = np.ldexp(np.abs(targets), -grid.exponents)
    # a sample is an integer, so it is at most the rest if it is at most the floor of the rest
    rest = np.minimum(units, _BEYOND_ALL_SUMS).astype(np.int64)
    pieces = np.where(targets[:, None] < 0.0, -grid.numerators, grid.numerators)
    order = np.argsort(-pieces, axis=1, kind="stable")
    descending = np.take_along_axis(pieces, order, axis=1)
    is_kept = np.empty(samples.shape, dtype=np.bool_)
    for k in range(samples.shape[1]):
        piece = descending[:, k]
        is_kept[:, k] = (piece > 0) & (piece <= rest)
        rest -= np.where(is_kept[:, k], piece, 0)
    mask = np.empty_like(is_kept)
    np.put_along_axis(mask, order, is_kept, axis=1)
    for row in np.flatnonzero(~grid.fits):
        mask[row] = _walk_big(samples[row], float(targets[row]))
    return mask


def _walk_big(samples: FloatArray, target: float) -> BoolArray:
    """Return the subset on the walk in Python integers, shape (n,)."""
    pieces, _ = dyadic_numerators([*samples.tolist(), target])
    rest = pieces.pop()
    if rest < 0:
        rest, pieces = -rest, [-piece for piece in pieces]
    mask = np.zeros(samples.size, dtype=np.bool_)
    for k in sorted(range(len(pieces)), key=pieces.__getitem__, reverse=True):
        if 0 < pieces[k] <= rest:
            mask[k] = True
            rest -= pieces[k]
    return mask
