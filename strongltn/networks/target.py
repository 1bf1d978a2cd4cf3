"""Target networks: Linear layers with ReLU between them, exact and immutable."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.networks.reading import Reading, short_list, short_name, shown
from strongltn.numerics.dyadic import DyadicArray, apply, positive_part
from strongltn.process.default_state import in_default_state
from strongltn.values.arguments import as_parameter, described, instance
from strongltn.values.arrays import array_of
from strongltn.values.by_value import ByValue

if TYPE_CHECKING:
    import torch

#: What is accepted where a target network is asked for; see `TargetNetwork.of`.
TargetLike: TypeAlias = (
    "TargetNetwork | torch.nn.Module | Mapping[str, torch.Tensor] | str | os.PathLike[str]"
)


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


@dataclass(frozen=True, eq=False)
class TargetNetwork(ByValue):
    """The fixed network f to approximate: Linear layers with ReLU between them.

    Two of them are equal if their layers are, wherever they were read from.

    Attributes
    ----------
    layers : tuple of LinearLayer, at least one, widths matching
    reading : Reading
        Where the layers come from and what was assumed; empty where they were given one by one.
    """

    layers: tuple[LinearLayer, ...]
    reading: Reading = field(default_factory=Reading, compare=False)

    def __post_init__(self) -> None:
        is_sequence = isinstance(self.layers, Sequence)
        if not is_sequence or not all(isinstance(layer, LinearLayer) for layer in self.layers):
            raise InvalidInputError(
                "target",
                got=described(self.layers),
                allowed="a sequence of LinearLayer, one after the other",
                hint="A module, a state dict or a file: TargetNetwork.of(model).",
            )
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise InvalidInputError("target", got="no layer", allowed="at least one Linear layer")
        for before, after in zip(self.layers, self.layers[1:], strict=False):
            if before.num_outputs != after.num_inputs:
                raise InvalidInputError(
                    "target",
                    got=f"{shown(before.name)} with {before.num_outputs} outputs before "
                    f"{shown(after.name)} with {after.num_inputs} inputs",
                    allowed="a chain of Linear layers, each fed by the one before",
                )

    @property
    def widths(self) -> tuple[int, ...]:
        """Numbers of inputs, hidden neurons and outputs."""
        return (self.layers[0].num_inputs, *(layer.num_outputs for layer in self.layers))

    @property
    def chain(self) -> str:
        """The chain in one line of ASCII: ``784 -(fc1)-> 500, ReLU, -(fc2)-> 10``."""
        return chain_text(self.layers)

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
        """Return the network as a frozen `torch.nn.Sequential`, in float64 if any weight is."""
        import torch

        is_single = all(layer.weight.dtype == np.float32 for layer in self.layers)
        dtype = torch.float32 if is_single else torch.float64
        modules: list[torch.nn.Module] = []
        for layer in self.layers:
            if modules:
                modules.append(torch.nn.ReLU())
            linear = torch.nn.Linear(
                layer.num_inputs,
                layer.num_outputs,
                bias=layer.bias is not None,
                device="meta",  # random weights would move torch's generator
                dtype=dtype,
            ).to_empty(device="cpu")
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(layer.weight.copy()))
                if layer.bias is not None:
                    linear.bias.copy_(torch.from_numpy(layer.bias.copy()))
            modules.append(linear)
        return torch.nn.Sequential(*modules).requires_grad_(False)

    def __repr__(self) -> str:
        widths = short_list(self.widths, "-")
        return f"TargetNetwork({widths}, ReLU between, {self.num_weights:,} weights)"

    @staticmethod
    def of(value: TargetLike) -> TargetNetwork:
        """Return the target network that a caller holds, whatever holds it.

        Parameters
        ----------
        value : TargetNetwork, torch.nn.Module, state dict, or path
            A module is read by `from_module`, a mapping by `from_state_dict`, a file of weights as
            by ``strongltn prune``, of a ticket directory its target; the `reading` of the network
            says what was assumed.

        Raises
        ------
        InvalidInputError
            It is none of these, or no chain of Linear layers with ReLU between them.

        Examples
        --------
        >>> import torch
        >>> TargetNetwork.of(torch.nn.Linear(3, 2))
        TargetNetwork(3-2, ReLU between, 8 weights)
        """
        if isinstance(value, TargetNetwork):
            return value
        if isinstance(value, Mapping):
            return TargetNetwork.from_state_dict(value)
        if isinstance(value, str | os.PathLike):
            return _from_path(Path(value))
        torch = sys.modules.get("torch")  # who holds a module has loaded it
        if torch is not None and isinstance(value, torch.nn.Module):
            return TargetNetwork.from_module(value)
        raise InvalidInputError(
            "target",
            got=described(value),
            allowed="a TargetNetwork, a torch module, a state dict, or the path of a file of one",
        )

    @staticmethod
    def from_state_dict(
        state: Mapping[str, torch.Tensor], *, layers: Sequence[str] | None = None
    ) -> TargetNetwork:
        """Return the network of a state dict of Linear layers with ReLU between them.

        A state dict does not say in which order its layers run. The order is that of names which
        differ in one number alone (fc1, fc2, fc10), or the only one in which the widths fit; where
        neither decides, or they contradict each other, `layers` must. That ReLU stands between the
        layers, and nothing elsewhere, is assumed.

        Parameters
        ----------
        state : mapping from names to tensors
            ``NAME.weight`` (2-D) and ``NAME.bias`` (1-D), or for both ``_orig`` and ``_mask`` of
            `torch.nn.utils.prune`, whose product is taken.
        layers : sequence of str, optional
            The names of the layers in the order in which they run; others are left out.

        Raises
        ------
        InvalidInputError
            A key or a tensor that no Linear layer has, a non-finite weight, an empty network, an
            order that is not known.
        """
        from strongltn.networks.state_dict import read_state_dict

        return read_state_dict(state, layers=layers)

    @staticmethod
    def from_module(
        module: torch.nn.Module, *, example: torch.Tensor | None = None
    ) -> TargetNetwork:
        """Return the network that a module computes, read from the graph that it runs.

        The graph is that of `torch.export`, with all hooks, subclasses and parametrizations. It
        must be a chain Linear, ReLU, ..., Linear; reshapes of each input, identities and Dropout in
        eval mode are passed over, weights that depend on no input are evaluated once. The module is
        left as it is, in the mode in which it is.

        Parameters
        ----------
        module : torch.nn.Module
        example : float tensor (batch, ...), optional
            An input of the shape that the forward expects; default: (batch, inputs).

        Raises
        ------
        InvalidInputError
            The operator and the place of what is no such chain, or why the forward did not run.
        """
        from strongltn.networks.module_graph import read_module

        return read_module(module, example=example)


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


def _from_path(path: Path) -> TargetNetwork:
    from strongltn.networks.target_file import load_target
    from strongltn.networks.ticket_directory import read_ticket

    if not path.is_dir():
        return load_target(path)
    with as_parameter("target", of="DIR"):
        return read_ticket(path)[0]


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
