"""Target networks: Linear layers with ReLU between them, exact and immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from strongltn.default_state import in_default_state
from strongltn.errors import InvalidInputError
from strongltn.numerics.dyadic import DyadicArray, apply, positive_part

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class LinearLayer:
    """One linear layer x -> weight x + bias.

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
        _check_array(f"{self.name}.weight", self.weight, num_dimensions=2)
        object.__setattr__(self, "weight", _read_only(self.weight))
        if self.bias is not None:
            _check_array(f"{self.name}.bias", self.bias, num_dimensions=1)
            if self.bias.shape[0] != self.weight.shape[0]:
                raise InvalidInputError(
                    f"{self.name}.bias",
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


@dataclass(frozen=True, eq=False)
class ScaledLayer:
    """A layer of the scaled target f': exact weights and biases after division by powers of two."""

    weight: DyadicArray
    bias: DyadicArray | None

    def __call__(self, activations: DyadicArray) -> DyadicArray:
        """Return the exact pre-activation at one input (inputs,)."""
        product = apply(self.weight, activations)
        return product if self.bias is None else product + self.bias


@dataclass(frozen=True, eq=False)
class TargetNetwork:
    """The fixed network f to approximate: Linear layers with ReLU between them.

    Attributes
    ----------
    layers : tuple of LinearLayer, at least one, widths matching
    """

    layers: tuple[LinearLayer, ...]

    def __post_init__(self) -> None:
        if not self.layers:
            raise InvalidInputError("target", got="no layer", allowed="at least one Linear layer")
        for before, after in zip(self.layers, self.layers[1:], strict=False):
            if before.num_outputs != after.num_inputs:
                raise InvalidInputError(
                    "target",
                    got=f"{before.name} with {before.num_outputs} outputs before "
                    f"{after.name} with {after.num_inputs} inputs",
                    allowed="a chain of Linear layers, each fed by the one before",
                )

    @property
    def widths(self) -> tuple[int, ...]:
        """Numbers of inputs, hidden neurons and outputs."""
        return (self.layers[0].num_inputs, *(layer.num_outputs for layer in self.layers))

    @property
    def num_weights(self) -> int:
        """Number of weights and biases."""
        return sum(layer.num_weights for layer in self.layers)

    def scaled(self, scale_exponents: tuple[int, ...]) -> tuple[ScaledLayer, ...]:
        """Return the layers of f' = 2^-K f: weights / 2^k_i, biases / 2^(k_0 + ... + k_i)."""
        scaled, total = [], 0
        for layer, exponent in zip(self.layers, scale_exponents, strict=True):
            total += exponent
            bias = None
            if layer.bias is not None:
                bias = DyadicArray.from_floats(layer.bias).scaled(-total)
            weight = DyadicArray.from_floats(layer.weight).scaled(-exponent)
            scaled.append(ScaledLayer(weight, bias))
        return tuple(scaled)

    @in_default_state()
    def to_module(self) -> torch.nn.Sequential:
        """Return the network as a frozen `torch.nn.Sequential` in the weights' own dtype."""
        import torch

        modules: list[torch.nn.Module] = []
        for layer in self.layers:
            if modules:
                modules.append(torch.nn.ReLU())
            linear = torch.nn.Linear(
                layer.num_inputs,
                layer.num_outputs,
                bias=layer.bias is not None,
                device="meta",  # random weights would move torch's generator
                dtype=torch.float32 if layer.weight.dtype == np.float32 else torch.float64,
            ).to_empty(device="cpu")
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(layer.weight.copy()))
                if layer.bias is not None:
                    linear.bias.copy_(torch.from_numpy(layer.bias.copy()))
            modules.append(linear)
        return torch.nn.Sequential(*modules).requires_grad_(False)

    @staticmethod
    def from_state_dict(state: Mapping[str, torch.Tensor]) -> TargetNetwork:
        """Return the network of a state dict of Linear layers, in the order of its keys.

        Parameters
        ----------
        state : mapping from ``NAME.weight`` (2-D) and ``NAME.bias`` (1-D) to tensors
            ReLU is understood between the layers, nothing after the last.

        Raises
        ------
        InvalidInputError
            A key or a tensor that no Linear layer has, a non-finite weight, an empty network.
        """
        arrays: dict[str, dict[str, NDArray[Any]]] = {}
        for key, tensor in state.items():
            name, _, kind = key.rpartition(".")
            expected = {"weight": 2, "bias": 1}.get(kind)
            if expected is None or not name or getattr(tensor, "ndim", None) != expected:
                raise InvalidInputError(
                    "target",
                    got=f"the entry {key!r} ({_describe(tensor)})",
                    allowed="a state dict of Linear layers: NAME.weight (2-D), NAME.bias (1-D)",
                )
            arrays.setdefault(name, {})[kind] = _to_numpy(key, tensor)
        for name, parts in arrays.items():
            if "weight" not in parts:
                raise InvalidInputError(
                    "target",
                    got=f"{name}.bias without {name}.weight",
                    allowed="biases with weights",
                )
        return TargetNetwork(
            tuple(
                LinearLayer(name, parts["weight"], parts.get("bias"))
                for name, parts in arrays.items()
            )
        )

    @staticmethod
    @in_default_state()
    def from_module(module: torch.nn.Module) -> TargetNetwork:
        """Return the network that a module of Linear and ReLU computes.

        A `torch.nn.Sequential` is read layer by layer. Any other module is read from its state dict
        and then compared with the chain Linear, ReLU, ..., Linear on random inputs of several
        sizes: a check, not a proof.

        Raises
        ------
        InvalidInputError
            A layer that is not supported, or a module that computes something else.
        """
        import torch

        if isinstance(module, torch.nn.Sequential):
            _check_sequence(list(module))
            return TargetNetwork.from_state_dict(module.state_dict())
        if isinstance(module, torch.nn.Linear):
            return TargetNetwork.from_module(torch.nn.Sequential(module))
        target = TargetNetwork.from_state_dict(module.state_dict())
        first = target.layers[0]
        generator = torch.Generator().manual_seed(0)
        dtype = torch.float32 if first.weight.dtype == np.float32 else torch.float64
        sizes = torch.logspace(-2, 3, 6, dtype=dtype)[:, None, None]
        probe = torch.randn(6, 16, first.num_inputs, generator=generator, dtype=dtype) * sizes
        probe = probe.flatten(0, 1)
        with torch.no_grad():
            expected = target.to_module()(probe)
            got = module(probe)
        if got.shape != expected.shape or not torch.allclose(got, expected, rtol=1e-3, atol=1e-5):
            raise InvalidInputError(
                "target",
                got=f"a {type(module).__name__} whose outputs differ from that chain",
                allowed="a module that computes Linear, ReLU, ..., Linear",
                hint="Give a torch.nn.Sequential of Linear and ReLU.",
            )
        return target


def evaluate(layers: tuple[ScaledLayer, ...], inputs: DyadicArray) -> DyadicArray:
    """Return f'(x) exactly at one input (inputs,)."""
    activations = inputs
    for i, layer in enumerate(layers):
        activations = layer(positive_part(activations) if i else activations)
    return activations


def _check_sequence(modules: list[torch.nn.Module]) -> None:
    import torch

    if modules and isinstance(modules[0], torch.nn.Flatten):
        modules = modules[1:]
    for i, module in enumerate(modules):
        expected = torch.nn.ReLU if i % 2 else torch.nn.Linear
        if not isinstance(module, expected):
            raise InvalidInputError(
                "target",
                got=f"{type(module).__name__} at position {i}",
                allowed="Linear and ReLU in turn (a leading Flatten is skipped)",
            )
    if modules and len(modules) % 2 == 0:
        raise InvalidInputError(
            "target", got="a ReLU at the end", allowed="a network that ends in a Linear layer"
        )


def _check_array(name: str, array: NDArray[Any], *, num_dimensions: int) -> None:
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


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    copy = np.array(array, order="C")
    copy.setflags(write=False)
    return copy


def _to_numpy(key: str, tensor: torch.Tensor) -> NDArray[Any]:
    import torch

    if tensor.dtype in (torch.float16, torch.bfloat16):  # exact in float32
        tensor = tensor.float()
    if tensor.dtype not in (torch.float32, torch.float64):
        raise InvalidInputError(
            key, got=f"dtype {tensor.dtype}", allowed="float16, bfloat16, float32 or float64"
        )
    if tensor.is_meta or tensor.layout is not torch.strided:
        raise InvalidInputError(
            key, got=f"a tensor on {tensor.device}, {tensor.layout}", allowed="dense, with values"
        )
    array: NDArray[Any] = tensor.detach().cpu().numpy()
    return array


def _describe(value: object) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"shape {tuple(shape)}"
