"""Lower bounds on sup ||f' - g'||: projected gradient ascent, its best input evaluated exactly."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.networks.domain import Ball, Box, Domain
from strongltn.networks.target import ScaledLayer
from strongltn.networks.weight_error import LayerError
from strongltn.numerics.dyadic import DyadicArray, lower_sqrt, positive_part
from strongltn.rng import named_generator

if TYPE_CHECKING:
    import torch

_INPUT_BITS = 40  # of the stored input, below the size of the domain
_NUM_HALVINGS = 6  # of the restarts, evenly over the steps: those that fall behind are left


@dataclass(frozen=True)
class Attack:
    """Settings of the ascent.

    Attributes
    ----------
    num_restarts, num_steps : int >= 1
    seed : int in [0, 2^64)
        Of the starting points only.
    """

    num_restarts: int = 32
    num_steps: int = 120
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in (("restarts", self.num_restarts), ("steps", self.num_steps)):
            if value < 1:
                raise InvalidInputError(name, got=value, allowed="an integer >= 1")


@dataclass(frozen=True, eq=False)
class AttackResult:
    """An input of the domain and a proved lower bound on ||f' - g'|| there.

    Attributes
    ----------
    inputs : DyadicArray (inputs,), int64
    lower_bound : Fraction
        <= ||f'(x) - g'(x)||, from exact integers.
    """

    inputs: DyadicArray
    lower_bound: Fraction


def attack(
    layers: tuple[ScaledLayer, ...],
    errors: tuple[LayerError, ...],
    domain: Domain,
    *,
    settings: Attack | None = None,
) -> AttackResult:
    """Search an input with a large difference, and evaluate the difference there exactly.

    Notes
    -----
    Rigor: the returned lower bound is rigorous; how near it comes to the supremum is not known.
    Cost: restarts * steps forward and backward passes in float64. Randomness: `settings.seed`.
    """
    settings = settings or Attack()
    best = _ascend(layers, errors, domain, settings)
    inputs = _round_into(best, domain)
    return AttackResult(inputs, lower_sqrt(exact_difference(layers, errors, inputs)))


def exact_difference(
    layers: tuple[ScaledLayer, ...], errors: tuple[LayerError, ...], inputs: DyadicArray
) -> Fraction:
    """Return ||f'(x) - g'(x)||^2 exactly at one input (inputs,)."""
    ours = theirs = inputs
    for i, (layer, error) in enumerate(zip(layers, errors, strict=True)):
        if i:
            ours, theirs = positive_part(ours), positive_part(theirs)
        ours, theirs = layer(ours) + error(ours), layer(theirs)
    return (ours - theirs).squared_norm()


def _ascend(
    layers: tuple[ScaledLayer, ...],
    errors: tuple[LayerError, ...],
    domain: Domain,
    settings: Attack,
) -> NDArray[np.float64]:
    import torch

    network = _DifferenceNetwork(layers, errors)
    generator = named_generator(settings.seed, name="attack")
    shape = (settings.num_restarts, layers[0].weight.shape[1])
    if isinstance(domain, Ball):
        x = torch.from_numpy(generator.standard_normal(shape))
    else:
        x = torch.from_numpy(generator.uniform(domain.lower, domain.upper, shape))
    x = _project(x, domain)
    best, best_value = x[0], -1.0
    for step in range(settings.num_steps + 1):
        x.requires_grad_(True)
        values = network.squared_difference(x)
        (gradient,) = torch.autograd.grad(values.sum(), x)
        num_left = max(1, settings.num_restarts >> (_NUM_HALVINGS * step // settings.num_steps))
        values, leaders = values.detach().topk(min(num_left, len(x)))
        x, gradient = x.detach()[leaders], gradient[leaders]
        if float(values[0]) > best_value:
            best, best_value = x[0], float(values[0])
        rate = 0.02 ** (step / settings.num_steps)  # from the size of the domain to a fiftieth
        x = _project(x + rate * _direction(gradient, domain), domain)
    result: NDArray[np.float64] = best.numpy()
    return result


class _DifferenceNetwork:
    """Propagates (activation of f', difference) in float64; never subtracts g' from f'."""

    def __init__(self, layers: tuple[ScaledLayer, ...], errors: tuple[LayerError, ...]) -> None:
        self.weights = [_tensor(layer.weight) for layer in layers]
        self.biases = [None if layer.bias is None else _tensor(layer.bias) for layer in layers]
        self.plus = [_tensor(error.plus) for error in errors]
        self.minus = [None if error.minus is None else _tensor(error.minus) for error in errors]
        self.bias_errors = [None if error.bias is None else _tensor(error.bias) for error in errors]
        # a typical size, so that squares of tiny errors do not vanish
        self.unit = float(self.plus[0].abs().max()) or 1.0

    def squared_difference(self, x: torch.Tensor) -> torch.Tensor:
        """Return ||g'(x) - f'(x)||^2 / unit^2 for a batch (batch, inputs)."""
        import torch

        activation, difference = self._affine(0, x), self._excess(0, x)
        for i in range(1, len(self.weights)):
            shifted = activation + difference
            both_active = (activation > 0) & (shifted > 0)
            difference = torch.where(both_active, difference, shifted.relu() - activation.relu())
            activation = activation.relu()
            excess = self._excess(i, activation + difference)
            difference = difference @ self.weights[i].T + excess
            activation = self._affine(i, activation)
        return (difference / self.unit).square().sum(dim=1)

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


def _tensor(array: DyadicArray) -> torch.Tensor:
    import torch

    return torch.from_numpy(array.to_floats())


def _direction(gradient: torch.Tensor, domain: Domain) -> torch.Tensor:
    """Return the step of steepest ascent, of the size of the domain."""
    if isinstance(domain, Ball):
        norms = gradient.norm(dim=1, keepdim=True)
        direction: torch.Tensor = domain.radius * gradient / norms.clamp_min(1e-300)
        return direction
    return float(domain.half_width) * gradient.sign()


def _project(x: torch.Tensor, domain: Domain) -> torch.Tensor:
    if isinstance(domain, Ball):
        norms = x.norm(dim=1, keepdim=True)
        inside: torch.Tensor = x * (domain.radius / norms.clamp_min(domain.radius))
        return inside
    return x.clamp(domain.lower, domain.upper)


def _round_into(point: NDArray[np.float64], domain: Domain) -> DyadicArray:
    """Return a point on an int64 grid inside the domain, near `point`."""
    if isinstance(domain, Ball):
        exponent = int(np.frexp(domain.radius)[1]) - _INPUT_BITS
    else:
        size = max(abs(domain.lower), abs(domain.upper))
        narrow = int(np.frexp(float(domain.half_width))[1]) - 4  # a thin box far from the origin
        exponent = min(int(np.frexp(size)[1]) - _INPUT_BITS, narrow)
    numerators = np.rint(np.ldexp(point, -exponent)).astype(np.int64)
    if isinstance(domain, Box):
        unit = Fraction(2) ** exponent
        lowest, highest = -((-Fraction(domain.lower)) // unit), Fraction(domain.upper) // unit
        return DyadicArray(np.clip(numerators, lowest, highest), exponent)
    limit = (Fraction(domain.radius) / Fraction(2) ** exponent) ** 2
    while sum(k * k for k in numerators.tolist()) > limit:
        # rounding left the ball by about sqrt(inputs) units: draw every coordinate in by 2^-30
        numerators = numerators - np.sign(numerators) * ((np.abs(numerators) >> 30) + 1)
    return DyadicArray(numerators, exponent)
