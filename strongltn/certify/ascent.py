"""Ascent on ||g'(x) - f'(x)|| in float64: restarts, then hops from the inputs that did best.

The difference network propagates (activation of f', difference) and never subtracts g' from f', so
that differences far below the activations' rounding are seen. Inputs are written x = center +
half * u, with u in the unit ball or in [-1, 1]^inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from strongltn.networks.difference import DifferenceNetwork
from strongltn.networks.domain import OutputNorm
from strongltn.numerics.dyadic import DyadicArray

if TYPE_CHECKING:
    import torch

# Chosen by trials on random networks with one to six hidden layers: on two or more, hops ended
# higher than independent restarts of the same cost.
_ASCENT_STEPS = 60
_START_RATES = (1.0, 0.02)  # first and last step, in units of the domain's size
_HOP_RATES = (0.5, 0.02)
_POLISH_RATES = (0.02, 1e-4)
_NUM_FULL_STEPS = 6  # of a sign-pattern start
_NEAR_CENTER = 0.01
_TINY = 1e-300


class FloatDifference:
    """The difference g' - f' of a difference network as a function in float64.

    An inner layer is seen as the last one of `DifferenceNetwork.up_to`.
    """

    def __init__(self, network: DifferenceNetwork) -> None:
        layers, errors, self.output_norm = network.layers, network.errors, network.norm
        self.weights = [_tensor(layer.weight) for layer in layers]
        self.biases = [None if layer.bias is None else _tensor(layer.bias) for layer in layers]
        self.plus = [_tensor(error.plus) for error in errors]
        self.minus = [None if error.minus is None else _tensor(error.minus) for error in errors]
        self.bias_errors = [None if error.bias is None else _tensor(error.bias) for error in errors]

    def difference(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return g'(x) - f'(x) (batch, outputs) at inputs (batch, inputs)."""
        import torch

        activation, difference = self._affine(0, inputs), self._excess(0, inputs)
        for i in range(1, len(self.weights)):
            shifted = activation + difference
            both_active = (activation > 0) & (shifted > 0)
            difference = torch.where(both_active, difference, shifted.relu() - activation.relu())
            activation = activation.relu()
            excess = self._excess(i, activation + difference)
            difference = difference @ self.weights[i].T + excess
            activation = self._affine(i, activation)
        return difference

    def norm(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return an estimate of ||g'(x) - f'(x)|| (batch,), also where its square is no double."""
        difference = self.difference(inputs)
        if self.output_norm is OutputNorm.INF:
            return difference.abs().amax(dim=1)
        unit = difference.detach().abs().amax(dim=1, keepdim=True).clamp_min(_TINY)
        norms: torch.Tensor = (difference / unit).norm(dim=1) * unit[:, 0]
        return norms

    def _affine(self, layer: int, inputs: torch.Tensor) -> torch.Tensor:
        """Return the layer of f' at the inputs."""
        product, bias = inputs @ self.weights[layer].T, self.biases[layer]
        return product if bias is None else product + bias

    def _excess(self, layer: int, inputs: torch.Tensor) -> torch.Tensor:
        """Return the layer's error at the inputs of g'."""
        minus, bias = self.minus[layer], self.bias_errors[layer]
        if minus is None:
            excess = inputs @ self.plus[layer].T
        else:
            excess = inputs.relu() @ self.plus[layer].T + (-inputs).relu() @ minus.T
        return excess if bias is None else excess + bias


@dataclass(frozen=True, eq=False)
class Candidates:
    """Points u (batch, inputs) of the unit domain, best first, and the norms (batch,) there."""

    points: torch.Tensor
    values: torch.Tensor

    def best(self, count: int) -> Candidates:
        """Return the first `count`, or all."""
        return Candidates(self.points[:count], self.values[:count])


class Ascent:
    """Search of one domain for inputs with a large difference.

    Parameters
    ----------
    network : DifferenceNetwork
        Its domain is searched.
    generator : numpy Generator
        It draws the starts and the hops.
    """

    def __init__(self, network: DifferenceNetwork, *, generator: np.random.Generator) -> None:
        import torch

        self.function = FloatDifference(network)
        self.generator = generator
        self.num_inputs, domain = network.num_inputs, network.domain
        center, half = domain.frame(self.num_inputs)
        self.center, self.half = torch.from_numpy(center), torch.from_numpy(half)
        self.extreme, self.project = domain.farthest, domain.into_unit

    def run(
        self,
        num_restarts: int,
        num_steps: int,
        *,
        known: torch.Tensor | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Candidates:
        """Return the candidates after `num_steps` steps and a polish; points `known` start too.

        `progress` is called with (ascents done, ascents in all) after each but the polish.
        """
        num_leaders = -(-num_restarts // 8)
        num_ascents = -(-num_steps // _ASCENT_STEPS)
        steps = -(-num_steps // num_ascents)
        found = self._climb(self._starts(num_restarts, known), steps=steps, rates=_START_RATES)
        for done in range(1, num_ascents):
            if progress is not None:
                progress(done, num_ascents)
            leaders = found.best(num_leaders)
            hops = self._climb(self._hop(leaders, num_restarts), steps=steps, rates=_HOP_RATES)
            found = _merge(leaders, hops)
        leaders = found.best(num_leaders)
        return _merge(leaders, self._climb(leaders.points, steps=steps, rates=_POLISH_RATES))

    def inputs(self, points: torch.Tensor) -> torch.Tensor:
        """Return the inputs x of points u."""
        return self.center + self.half * points

    def _starts(self, count: int, known: torch.Tensor | None) -> torch.Tensor:
        """Return points of four kinds in turn: pattern, centre, anywhere, extreme."""
        import torch

        points = self._anywhere(count)
        points[1::4] = _NEAR_CENTER * self.extreme(self._noise(len(points[1::4])))
        points[3::4] = self.extreme(self._noise(len(points[3::4])))
        pattern = points[0::4]
        for _ in range(_NUM_FULL_STEPS):  # the best input of the linear network around the last
            pattern = self.extreme(self._slope(pattern)[1])
        points[0::4] = pattern
        return points if known is None else torch.cat([known, points])

    def _hop(self, leaders: Candidates, count: int) -> torch.Tensor:
        """Return the leaders in turn, a share of their coordinates drawn anew: few, or all."""
        import torch

        points = leaders.points.repeat(-(-count // len(leaders.points)), 1)[:count]
        least = np.log(min(64, self.num_inputs))
        shares = torch.from_numpy(np.exp(-self.generator.uniform(0, least, (count, 1))))
        is_redrawn = torch.from_numpy(self.generator.random(tuple(points.shape))) < shares
        return self.project(torch.where(is_redrawn, self._anywhere(count), points))

    def _climb(self, points: torch.Tensor, *, steps: int, rates: tuple[float, float]) -> Candidates:
        """Return the best point of every path, in the order of their values."""
        import torch

        best = points.clone()
        best_values = torch.full((len(points),), -1.0, dtype=torch.float64)
        for rate in np.geomspace(*rates, steps + 1).tolist():
            values, gradient = self._slope(points)
            is_better = values > best_values
            best_values = torch.where(is_better, values, best_values)
            best = torch.where(is_better[:, None], points, best)
            points = self.project(points + rate * self.extreme(gradient))
        order = best_values.argsort(descending=True, stable=True)
        return Candidates(best[order], best_values[order])

    def _slope(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the values (batch,) and their gradients, 0 where they are no numbers."""
        import torch

        points = points.detach().requires_grad_(True)
        values = self.function.norm(self.inputs(points))
        (gradient,) = torch.autograd.grad(values.sum(), points)
        is_finite = values.detach().isfinite() & gradient.isfinite().all(dim=1)
        return (
            torch.where(is_finite, values.detach(), -1.0),
            torch.where(is_finite[:, None], gradient, 0.0),
        )

    def _noise(self, count: int) -> torch.Tensor:
        import torch

        return torch.from_numpy(self.generator.standard_normal((count, self.num_inputs)))

    def _anywhere(self, count: int) -> torch.Tensor:
        import torch

        shares = self.generator.random((count, self.num_inputs))
        return self.extreme(self._noise(count)) * torch.from_numpy(shares)


def _merge(one: Candidates, other: Candidates) -> Candidates:
    import torch

    values = torch.cat([one.values, other.values])
    order = values.argsort(descending=True, stable=True)
    return Candidates(torch.cat([one.points, other.points])[order], values[order])


def _tensor(array: DyadicArray) -> torch.Tensor:
    import torch

    return torch.from_numpy(array.to_floats())
