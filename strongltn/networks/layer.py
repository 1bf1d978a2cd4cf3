"""Layers: the linear layer of a target network, and the same layer scaled and exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.networks.reading import short_name, shown
from strongltn.numerics.dyadic import DyadicArray, apply, positive_part
from strongltn.values.arguments import described, instance
from strongltn.values.arrays import array_of
from strongltn.values.by_value import ByValue

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class LinearLayer(ByValue):
    """One linear layer x -> weight x + bias.

    Tensors and nested sequences are accepted, and kept as arrays. Two layers are equal if their
    names, dtypes and numbers are.

    Attributes
    ----------
    name : str
    weight : float32 or float64 (outputs, inputs), finite, read-only
    bias : the same dtype (outputs,), or None
    """

    name: str
    weight: NDArray[Any]
    bias: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        instance("name", self.name, str)
        weight = _checked(f"{shown(self.name)}.weight", self.weight, num_dimensions=2)
        object.__setattr__(self, "weight", _read_only(weight))
        if self.bias is not None:
            bias = _checked(f"{shown(self.name)}.bias", self.bias, num_dimensions=1)
            object.__setattr__(self, "bias", bias)
            if self.bias.shape[0] != self.weight.shape[0]:
                raise InvalidInputError(
                    f"{shown(self.name)}.bias",
                    got=f"{self.bias.shape[0]} entries",
                    allowed=f"one for each of the {self.weight.shape[0]} outputs",
                )
            object.__setattr__(self, "bias", _read_only(self.bias))

    @property
    def num_inputs(self) -> int:
        """Number of inputs, without the constant one."""
        return int(self.weight.shape[1])

    @property
    def num_outputs(self) -> int:
        """Number of outputs."""
        return int(self.weight.shape[0])

    @property
    def num_weights(self) -> int:
        """Number of weights and biases."""
        return int(self.weight.size) + (0 if self.bias is None else int(self.bias.size))

    def __repr__(self) -> str:
        biases = "" if self.bias is None else " with biases"
        name, dtype = short_name(self.name), self.weight.dtype
        return f"LinearLayer({name}: {self.num_inputs} to {self.num_outputs}{biases}, {dtype})"


@dataclass(frozen=True, eq=False)
class ScaledLayer(ByValue):
    """A layer of the scaled target f': exact weights and biases after division by powers of two."""

    weight: DyadicArray
    bias: DyadicArray | None

    def __repr__(self) -> str:
        outputs, inputs = self.weight.shape
        biases = "" if self.bias is None else " with biases"
        return f"ScaledLayer({inputs} to {outputs}{biases}, exact)"

    def __call__(self, activations: DyadicArray) -> DyadicArray:
        """Return the exact pre-activation at one input (inputs,)."""
        product = apply(self.weight, activations)
        return product if self.bias is None else product + self.bias


def frozen_linear(
    weight: NDArray[Any], bias: NDArray[Any] | None, *, dtype: torch.dtype
) -> torch.nn.Linear:
    """Return a `torch.nn.Linear` of these values, which takes none from torch's generator."""
    import torch

    (outputs, inputs), has_bias = weight.shape, bias is not None
    linear = torch.nn.Linear(inputs, outputs, bias=has_bias, device="meta", dtype=dtype)
    linear = linear.to_empty(device="cpu")
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(np.require(weight, requirements="W")))
        if bias is not None:
            linear.bias.copy_(torch.from_numpy(np.require(bias, requirements="W")))
    return linear.requires_grad_(False)


def chain_text(layers: Sequence[LinearLayer]) -> str:
    """Return a chain of layers in one line of ASCII.

    Examples
    --------
    >>> import numpy as np
    >>> first, last = LinearLayer("fc1", np.ones((5, 7))), LinearLayer("fc2", np.ones((1, 5)))
    >>> chain_text([first, last])
    '7 -(fc1)-> 5, ReLU, -(fc2)-> 1'
    """
    steps = [f"-({shown(layer.name)})-> {layer.num_outputs}" for layer in layers]
    return f"{layers[0].num_inputs} " + ", ReLU, ".join(steps)


def evaluate(layers: tuple[ScaledLayer, ...], inputs: DyadicArray) -> DyadicArray:
    """Return f'(x) exactly at one input (inputs,)."""
    activations = inputs
    for i, layer in enumerate(layers):
        activations = layer(positive_part(activations) if i else activations)
    return activations


def _checked(name: str, value: object, *, num_dimensions: int) -> NDArray[Any]:
    """Return an array of float32 or float64 of the right shape, all finite."""
    try:
        array = array_of(value)
    except (TypeError, ValueError, RuntimeError) as error:
        allowed = f"an array with {num_dimensions} dimensions, float32 or float64"
        raise InvalidInputError(name, got=described(value), allowed=allowed) from error
    if array.dtype not in (np.float32, np.float64):
        raise InvalidInputError(name, got=f"dtype {array.dtype}", allowed="float32 or float64")
    if array.ndim != num_dimensions or array.size == 0:
        raise InvalidInputError(
            name, got=f"shape {array.shape}", allowed=f"{num_dimensions}-dimensional and not empty"
        )
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        where = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
        raise InvalidInputError(
            name, got=f"{bad} NaN or infinite entries, the first at {where}", allowed="finite"
        )
    return array


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    copy = np.array(array, order="C")
    copy.setflags(write=False)
    return copy
