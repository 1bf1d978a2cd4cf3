"""Regions and neurons in floats, many boxes at once: what the search for multipliers looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strongltn.certify.differential.ranges import LayerRanges, Leaf

_TINY = np.finfo(np.float64).tiny

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FloatRegion:
    """Boxes, or one ball about 0.

    Attributes
    ----------
    lower, upper : float64 (boxes, inputs), or None for the ball
    radius : float
        The radius of the ball.
    """

    lower: Floats | None
    upper: Floats | None
    radius: float = 0.0

    @staticmethod
    def of(leaves: Sequence[Leaf]) -> FloatRegion:
        """Return leaves in floats."""
        lower = [leaf.lower.to_floats() for leaf in leaves if leaf.lower is not None]
        upper = [leaf.upper.to_floats() for leaf in leaves if leaf.upper is not None]
        if not lower:
            return FloatRegion(None, None, float(leaves[0].radius))
        return FloatRegion(np.stack(lower), np.stack(upper))

    def farthest(self, plus: Floats, minus: Floats) -> tuple[Floats, Floats, Floats]:
        """Return sup of plus ReLU(x) + minus ReLU(-x), and ReLU(x), ReLU(-x) where it is reached.

        Parameters
        ----------
        plus, minus : float64 (boxes, rows, inputs)

        Returns
        -------
        float64 (boxes, rows), and twice (boxes, rows, inputs)
        """
        if self.lower is None or self.upper is None:
            steepest = np.maximum(np.maximum(plus, minus), 0)
            length = np.linalg.norm(steepest, axis=-1, keepdims=True)
            point = steepest * (self.radius / np.maximum(length, _TINY))
            is_plus = plus >= minus
            return self.radius * length[..., 0], point * is_plus, point * ~is_plus
        low, high = self.lower[:, None], self.upper[:, None]
        at_low = np.where(low >= 0, plus, -minus) * low
        at_high = np.where(high >= 0, plus, -minus) * high
        at_middle = np.where((low < 0) & (high > 0), 0.0, -np.inf)
        best = np.maximum(np.maximum(at_low, at_high), at_middle)
        point = np.where(at_low == best, low, np.where(at_high == best, high, 0.0))
        return best.sum(axis=-1), np.maximum(point, 0), np.maximum(-point, 0)


@dataclass(frozen=True, eq=False)
class FloatRanges:
    """Ranges of z and d at one layer; attributes are float64 (boxes, outputs)."""

    z_lower: Floats
    z_upper: Floats
    d_lower: Floats
    d_upper: Floats

    @staticmethod
    def from_ends(ends: Floats) -> FloatRanges:
        """Return the ranges with these upper ends of -z, z, -d and d, (boxes, 4 * outputs)."""
        z_lower, z_upper, d_lower, d_upper = np.split(ends, 4, axis=-1)
        return FloatRanges(-z_lower, z_upper, -d_lower, d_upper)

    @staticmethod
    def of(ranges: Sequence[LayerRanges]) -> FloatRanges:
        """Return one layer's exact ranges over several leaves in floats."""
        pairs = [(one.target, one.difference) for one in ranges]
        z, d = zip(*pairs, strict=True)
        return FloatRanges(
            *(
                np.stack([end.to_floats() for end in ends])
                for one in (z, d)
                for ends in ([r.lower for r in one], [r.upper for r in one])
            )
        )


class Neurons:
    """The ReLUs behind one layer, on ranges of (z, d).

    Attributes
    ----------
    is_on, is_switching : bool (boxes, outputs)
    columns : int64 (bent,)
        The neurons that switch in some box.
    points : float64 (boxes, bent, 4, points)
        ReLU(z), ReLU(z + d) - ReLU(z), -z and -d at the points among which every maximum lies.
    unit : float64 (boxes, bent)
        sup |d| / sup |z|.
    """

    def __init__(self, ranges: FloatRanges) -> None:
        low, high = ranges.z_lower, ranges.z_upper
        d_low, d_high = ranges.d_lower, ranges.d_upper
        self.is_on = (low >= 0) & (low + d_low >= 0)
        self.is_switching = ~(self.is_on | ((high <= 0) & (high + d_high <= 0)))
        self.columns = np.flatnonzero(self.is_switching.any(axis=0))
        low, high, d_low, d_high = (end[:, self.columns] for end in (low, high, d_low, d_high))
        self.points = _points(low, high, d_low, d_high)
        largest = np.maximum(np.maximum(high, -low), _TINY)
        self.unit = np.maximum(d_high, -d_low) / largest
        self._prefers_on = high > -low
        self._chord = _share(high, low)
        self._rise = _share(d_high, d_low)

    @property
    def switching(self) -> NDArray[np.bool_]:
        """Which of the neurons `columns` switch, (boxes, bent)."""
        return self.is_switching[:, self.columns]

    def plain_lines(self, c: Floats, g: Floats) -> Floats:
        """Return alpha, gamma and nu of plain lines, (3, boxes, rows, bent).

        Parameters
        ----------
        c, g : float64 (boxes, rows, bent)
        """
        alpha = np.where(c > 0, self._chord[:, None], self._prefers_on[:, None])
        gamma = np.where(g > 0, self._rise[:, None], 1 - self._rise[:, None])
        lines = np.stack([alpha, gamma, np.zeros_like(alpha)])
        fixed = (
            self.is_on[:, self.columns][:, None] * np.array([1.0, 1.0, 0.0])[:, None, None, None]
        )
        return np.where(self.switching[:, None], lines, fixed)


def _share(high: Floats, low: Floats) -> Floats:
    """Return the slope of the chord of ReLU over [low, high]."""
    rise = np.maximum(high, 0)
    run: Floats = np.maximum(rise - np.minimum(low, 0), _TINY)
    return rise / run


def _points(low: Floats, high: Floats, d_low: Floats, d_high: Floats) -> Floats:
    zero = np.zeros_like(low)
    z = np.stack([low, low, high, high, zero, zero, low, high, -d_low, -d_high, zero], axis=-1)
    d = np.stack(
        [d_low, d_high, d_low, d_high, d_low, d_high, -low, -high, d_low, d_high, zero], axis=-1
    )
    z = np.clip(z, low[..., None], high[..., None])
    d = np.clip(d, d_low[..., None], d_high[..., None])
    moved = np.where(z >= 0, np.maximum(d, -z), np.maximum(z + d, 0))  # no cancellation
    return np.stack([np.maximum(z, 0), moved, -z, -d], axis=-2)
