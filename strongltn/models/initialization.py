"""Frozen weights: drawn once, from one named stream of the seed for each layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.models.density import check_density
from strongltn.rng import checked_seed, named_generator, stream_key
from strongltn.values.arguments import chosen, instance

if TYPE_CHECKING:
    import torch


class Init(Enum):
    """The law of the frozen weights; the gain is that of ReLU, sqrt(2)."""

    SIGNED_CONSTANT = "signed-constant"
    """+gain / sqrt(fan_in) or -gain / sqrt(fan_in), equally likely."""

    KAIMING_NORMAL = "kaiming-normal"
    """Normal with standard deviation gain / sqrt(fan_in)."""

    SCALED = "scaled"
    """`KAIMING_NORMAL` divided by sqrt(density): what is kept has the variance of the whole."""

    def draw(
        self,
        shape: tuple[int, ...],
        *,
        generator: np.random.Generator,
        density: float,
        fan_in: int | None = None,
    ) -> NDArray[np.float32]:
        """Return the weights of one layer.

        Parameters
        ----------
        shape
            The shape of the weight: (outputs, inputs, ...).
        generator
            The source of the draws.
        density
            The density of the search to come, in (0, 1], which `SCALED` alone uses.
        fan_in
            How many inputs a neuron has, at least one; by default the number of weights of an
            output.

        Raises
        ------
        InvalidInputError
            `density` is outside (0, 1] or `fan_in` < 1.
        """
        check_density(density)
        fan_in = math.prod(shape[1:]) if fan_in is None else fan_in
        if fan_in < 1:
            raise InvalidInputError("fan_in", got=fan_in, allowed="at least 1")
        scale = math.sqrt(2 / fan_in)
        if self is Init.SIGNED_CONSTANT:
            signs = generator.integers(0, 2, shape, dtype=np.int8)
            return np.where(signs == 1, np.float32(scale), np.float32(-scale))
        if self is Init.SCALED:
            scale /= math.sqrt(density)
        return generator.standard_normal(shape, dtype=np.float32) * np.float32(scale)


@dataclass(frozen=True)
class LayerStreams:
    """The random streams of one layer: each a pure function of seed, layer, purpose and round.

    Parameters
    ----------
    seed
        The seed of the run, in [0, 2^64).
    layer
        The name of the weight within the network, in ASCII.
    """

    seed: int
    layer: str

    def __post_init__(self) -> None:
        if not self.layer.isascii():
            raise InvalidInputError("layer", got=self.layer, allowed="a name in ASCII")
        object.__setattr__(self, "seed", checked_seed(self.seed))

    def key(self, purpose: str, round_: int = 0) -> int:
        """Return the key of the stream for one purpose, such as "mask", and one round."""
        return stream_key(self.seed, name=self._name(purpose, round_))

    def generator(self, purpose: str, round_: int = 0) -> np.random.Generator:
        """Return the generator of that stream."""
        return named_generator(self.seed, name=self._name(purpose, round_))

    def _name(self, purpose: str, round_: int) -> str:
        return f"search/{purpose}/{self.layer}/{round_}"


def uniform_like(
    weight: torch.Tensor, generator: np.random.Generator, *, low: float, high: float
) -> torch.Tensor:
    """Return numbers uniform in [low, high): shape, type and device of the weight."""
    import torch

    drawn = low + (high - low) * generator.random(tuple(weight.shape))
    return torch.from_numpy(drawn).to(dtype=weight.dtype, device=weight.device)


def fan_in_uniform(weight: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
    """Return numbers uniform between +-1 / sqrt(fan_in): kaiming_uniform with a = sqrt(5)."""
    half_width = 1 / math.sqrt(max(1, math.prod(weight.shape[1:])))
    return uniform_like(weight, generator, low=-half_width, high=half_width)


def initialize(module: torch.nn.Module, init: Init, *, seed: int, density: float = 1.0) -> None:
    """Draw all weights of Linear and convolution layers anew, in place; their biases become 0.

    Parameters
    ----------
    module
        The network.
    init
        The law of the weights, such as "kaiming-normal".
    seed
        The seed of all draws, in [0, 2^64).
    density
        The density of the search to come, in (0, 1]; `Init.SCALED` divides by its root.

    Raises
    ------
    InvalidInputError
        Seed or density is out of range.

    Notes
    -----
    Rigor: exact.  Cost: one draw a weight.
    Randomness: one stream for each layer's name; no global generator is read or set.
    """
    import torch

    from strongltn.models.layers import maskable_layers

    init = chosen("init", init, Init)
    instance("module", module, torch.nn.Module, allowed="a torch module")
    for name, layer in maskable_layers(module).items():
        generator = LayerStreams(seed, name).generator("weight")
        weight = module.get_parameter(name)
        drawn = init.draw(tuple(weight.shape), generator=generator, density=density)
        with torch.no_grad():
            weight.copy_(torch.from_numpy(drawn))
            if isinstance(layer.bias, torch.nn.Parameter):
                layer.bias.zero_()
