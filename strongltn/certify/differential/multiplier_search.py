"""Search for Lagrangian multipliers of the difference network, in float64 and untrusted.

Whatever multipliers come out, the bound that exact arithmetic derives from them holds; so nothing
here is rounded in any direction. The multipliers of a neuron with the term c ReLU(z) + g (ReLU(z +
d) - ReLU(z)) are sought in the form

    slope = alpha c + nu |g| sup|d| / sup|z|,   shift = gamma g,

because a change in the layers behind it then moves them along with the term. Plain lines: alpha =
gamma = 1 for a neuron that is on, 0 for one that is off; else alpha is that of the chord of ReLU
where c > 0, and 0 or 1 where c < 0, whichever encloses the smaller triangle; gamma that of the
chord of max(d, 0) or min(d, 0); nu = 0. (Chords where c < 0, and a gamma from the range of z, were
tried and are worse.) From there Adam goes down the subgradients, all statements at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strongltn.certify.differential.float_neurons import FloatRanges, FloatRegion, Neurons
from strongltn.networks.difference import DifferenceNetwork
from strongltn.numerics.dyadic import DyadicArray

_FIRST_RATE, _LAST_RATE = 0.2, 0.005  # of Adam, for parameters that lie between 0 and 1
_MOMENTUM, _SQUARE_MOMENTUM = 0.9, 0.999
_CHUNK = 1 << 18  # pairs of statement and neuron at a time, to bound the memory

Floats = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Step:
    """One layer on the way down: the terms met there, their multipliers, and the highest points.

    Attributes
    ----------
    c, g : float64 (boxes, rows, bent)
    slope, shift : float64 (boxes, rows, outputs)
    lines : float64 (3, boxes, rows, bent)
        alpha, gamma and nu.
    highest : int64 (boxes, bent, rows)
    """

    c: Floats
    g: Floats
    slope: Floats
    shift: Floats
    lines: Floats
    highest: Index


class MultiplierSearch:
    """The Lagrangian bound in floats, over many boxes at once."""

    def __init__(self, network: DifferenceNetwork) -> None:
        self._weights = [layer.weight.to_floats() for layer in network.layers]
        self._errors = [error.plus.to_floats() for error in network.errors]
        self._sums = [total.to_floats() for total in network.sums]
        minus = network.errors[0].minus
        self._minus = -self._errors[0] if minus is None else minus.to_floats()
        self._biases = [
            _offset(layer.bias, len(layer.weight.numerators)) for layer in network.layers
        ]
        pairs = zip(network.errors, self._weights, strict=True)
        self._error_biases = [_offset(error.bias, len(weight)) for error, weight in pairs]

    def ranges(self, region: FloatRegion) -> list[FloatRanges]:
        """Return the ranges of every layer by plain lines: estimates for a choice between boxes."""
        weight, error, minus = self._weights[0], self._errors[0], self._minus
        plus = np.concatenate([-weight, weight, -error, error])
        minus = np.concatenate([weight, -weight, -minus, minus])
        ends = region.farthest(plus[None], minus[None])[0] + self._constants(0)
        ranges, neurons = [FloatRanges.from_ends(ends)], []
        for _ in self._weights[1:]:
            neurons.append(Neurons(ranges[-1]))
            ranges.append(FloatRanges.from_ends(self.plain(region, neurons)[0]))
        return ranges

    def plain(self, region: FloatRegion, neurons: Sequence[Neurons]) -> tuple[Floats, Floats]:
        """Return what plain lines prove for the layer behind `neurons`, and their multipliers.

        Returns
        -------
        float64 (boxes, 4 * outputs), float64 (boxes, 4 * outputs, 2 * neurons)
            Ends and multipliers, in the order of `proved_ends`.
        """
        return self.optimised(
            region, neurons, rows=np.arange(4 * len(self._weights[len(neurons)])), num_steps=0
        )

    def optimised(
        self, region: FloatRegion, neurons: Sequence[Neurons], *, rows: Index, num_steps: int
    ) -> tuple[Floats, Floats]:
        """Return the same for some statements, of the best lines that `num_steps` of Adam found."""
        width = max(len(one.is_on[0]) for one in neurons) * len(neurons[0].is_on)
        parts = np.array_split(rows, -(-len(rows) * width // _CHUNK) or 1)
        found = [self._optimised(region, neurons, rows=part, num_steps=num_steps) for part in parts]
        ends, multipliers = zip(*found, strict=True)
        return np.concatenate(ends, axis=1), np.concatenate(multipliers, axis=1)

    def _optimised(
        self, region: FloatRegion, neurons: Sequence[Neurons], *, rows: Index, num_steps: int
    ) -> tuple[Floats, Floats]:
        value, steps, point = self._descend(region, neurons, rows=rows)
        best, multipliers = value, _columns(steps)
        lines = [step.lines for step in steps]
        first, second = ([np.zeros_like(line) for line in lines] for _ in range(2))
        for t in range(1, num_steps + 1):
            rate = _FIRST_RATE * (_LAST_RATE / _FIRST_RATE) ** (t / num_steps)
            rate /= 1 - _MOMENTUM**t
            for k, gradient in enumerate(self._gradients(neurons, steps, point)):
                first[k] += (1 - _MOMENTUM) * (gradient - first[k])
                second[k] += (1 - _SQUARE_MOMENTUM) * (gradient**2 - second[k])
                size = np.sqrt(second[k] / (1 - _SQUARE_MOMENTUM**t))
                lines[k] = lines[k] - rate * first[k] / np.maximum(size, np.finfo(float).tiny)
            value, steps, point = self._descend(region, neurons, rows=rows, lines=lines)
            better = value < best
            best = np.where(better, value, best)
            multipliers = np.where(better[..., None], _columns(steps), multipliers)
        return best, multipliers

    def _descend(
        self,
        region: FloatRegion,
        neurons: Sequence[Neurons],
        *,
        rows: Index,
        lines: list[Floats] | None = None,
    ) -> tuple[Floats, list[_Step], tuple[Floats, Floats]]:
        """Return the bounds, the steps from the nearest layer down, and ReLU(x), ReLU(-x) below."""
        i = len(neurons)
        c, g = self._terms(i, rows=rows, num_boxes=len(neurons[0].is_on))
        value, steps = self._constants(i)[rows], []
        for k in range(i - 1, -1, -1):
            chosen = None if lines is None else lines[i - 1 - k]
            step, maxima = _take_step(neurons[k], c, g, lines=chosen)
            steps.append(step)
            value = value + maxima
            value = value + step.slope @ self._biases[k] + step.shift @ self._error_biases[k]
            if k:
                c = step.slope @ self._weights[k] + step.shift @ self._errors[k]
                g = step.shift @ self._sums[k]
        straight = steps[-1].slope @ self._weights[0]
        reach, on, off = region.farthest(
            straight + steps[-1].shift @ self._errors[0],
            steps[-1].shift @ self._minus - straight,
        )
        return value + reach, steps, (on, off)

    def _gradients(
        self, neurons: Sequence[Neurons], steps: list[_Step], point: tuple[Floats, Floats]
    ) -> list[Floats]:
        """Return the derivatives of the bounds by the lines, in the order of the steps.

        They follow from a pass upwards: x, D are the derivatives by c, g, and z, d those by slope
        and shift but for the neuron's own maximum.
        """
        on, off = point
        z = (on - off) @ self._weights[0].T + self._biases[0]
        d = on @ self._errors[0].T + off @ self._minus.T + self._error_biases[0]
        gradients = []
        for k, one in enumerate(neurons):
            gradient, x, moved = _climb(one, steps[-1 - k], z, d)
            gradients.append(gradient)
            if one is not neurons[-1]:
                z = x @ self._weights[k + 1].T + self._biases[k + 1]
                d = x @ self._errors[k + 1].T + moved @ self._sums[k + 1].T
                d = d + self._error_biases[k + 1]
        return gradients[::-1]

    def _terms(self, i: int, *, rows: Index, num_boxes: int) -> tuple[Floats, Floats]:
        weight, error, total = self._weights[i], self._errors[i], self._sums[i]
        nothing = np.zeros_like(weight)
        c = np.concatenate([-weight, weight, -error, error])[rows]
        g = np.concatenate([nothing, nothing, -total, total])[rows]
        shape = (num_boxes, *c.shape)
        return np.broadcast_to(c, shape), np.broadcast_to(g, shape)

    def _constants(self, i: int) -> Floats:
        bias, error = self._biases[i], self._error_biases[i]
        return np.concatenate([-bias, bias, -error, error])


def _take_step(
    neurons: Neurons, c: Floats, g: Floats, *, lines: Floats | None
) -> tuple[_Step, Floats]:
    """Return multipliers for the terms c, g (boxes, rows, outputs), and the sums of the maxima."""
    columns, is_on = neurons.columns, neurons.is_on[:, None]
    bent_c, bent_g = c[..., columns], g[..., columns]
    if lines is None:
        lines = neurons.plain_lines(bent_c, bent_g)
    bent_slope = lines[0] * bent_c + lines[2] * np.abs(bent_g) * neurons.unit[:, None]
    bent_shift = lines[1] * bent_g
    slope, shift = np.where(is_on, c, 0.0), np.where(is_on, g, 0.0)
    slope[..., columns], shift[..., columns] = bent_slope, bent_shift
    terms = np.stack([bent_c, bent_g, bent_slope, bent_shift], axis=-1)
    values = terms.transpose(0, 2, 1, 3) @ neurons.points
    highest = values.argmax(axis=-1)
    maxima = np.take_along_axis(values, highest[..., None], axis=-1)[..., 0].sum(axis=1)
    return _Step(bent_c, bent_g, slope, shift, lines, highest), maxima


def _climb(neurons: Neurons, step: _Step, z: Floats, d: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the derivatives by lines, c and g from those by slope and shift."""
    columns, unit = neurons.columns, neurons.unit[:, None]
    points = neurons.points.transpose(0, 1, 3, 2)
    highest = np.take_along_axis(points, step.highest[..., None], axis=2).transpose(3, 0, 2, 1)
    by_slope, by_shift = z[..., columns] + highest[2], d[..., columns] + highest[3]
    by_lines = [by_slope * step.c, by_shift * step.g, by_slope * np.abs(step.g) * unit]
    x = np.where(neurons.is_on[:, None], z, 0.0)
    moved = np.where(neurons.is_on[:, None], d, 0.0)
    x[..., columns] = highest[0] + by_slope * step.lines[0]
    tilt = by_slope * step.lines[2] * np.sign(step.g) * unit
    moved[..., columns] = highest[1] + by_shift * step.lines[1] + tilt
    return np.stack(by_lines) * neurons.switching[:, None], x, moved


def _columns(steps: list[_Step]) -> Floats:
    return np.concatenate([part for step in steps for part in (step.slope, step.shift)], axis=-1)


def _offset(bias: DyadicArray | None, num_outputs: int) -> Floats:
    return np.zeros(num_outputs) if bias is None else bias.to_floats()
