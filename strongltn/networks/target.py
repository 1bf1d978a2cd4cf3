"""Target networks: Linear layers with ReLU between them, exact and immutable."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from strongltn.errors import InvalidInputError
from strongltn.networks.layer import LinearLayer, ScaledLayer, chain_text, frozen_linear
from strongltn.networks.reading import Reading, short_list, shown
from strongltn.numerics.dyadic import DyadicArray
from strongltn.process.default_state import in_default_state
from strongltn.values.arguments import as_parameter, described
from strongltn.values.by_value import ByValue

if TYPE_CHECKING:
    import torch

#: What is accepted where a target network is asked for; see `TargetNetwork.of`.
TargetLike: TypeAlias = (
    "TargetNetwork | torch.nn.Module | Mapping[str, torch.Tensor] | str | os.PathLike[str]"
)


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
            modules.append(frozen_linear(layer.weight, layer.bias, dtype=dtype))
        return torch.nn.Sequential(*modules)

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
            path = Path(value)
            return _of_ticket(path) if path.is_dir() else load_target(path)
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

        return TargetNetwork(*read_state_dict(state, layers=layers))

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

        return TargetNetwork(*read_module(module, example=example))


@in_default_state()
def load_target(path: Path, *, layers: Sequence[str] | None = None) -> TargetNetwork:
    """Return the target network that a file holds; its `reading` says how it was understood.

    Parameters
    ----------
    path : Path
        ``.pt``, ``.pth``, ``.pth.tar``, ``.bin`` or ``.ckpt``: a state dict, or a checkpoint with
        one state dict in it, read with ``weights_only``. ``.safetensors``: tensors that were
        dropped because they are tied are restored from the metadata.
    layers : sequence of str, optional
        The names of the layers in the order in which they run; without it the order must follow
        from names or widths, see `TargetNetwork.from_state_dict`.

    Raises
    ------
    InvalidInputError
        Not such a file, or not a chain of Linear layers with finite weights and a known order.
    """
    from strongltn.networks.state_dict import read_state_dict
    from strongltn.networks.target_file import read_file

    state, notes = read_file(path)
    return TargetNetwork(*read_state_dict(state, layers=layers, notes=notes))


def _of_ticket(directory: Path) -> TargetNetwork:
    from strongltn.networks.ticket_directory import read_ticket

    with as_parameter("target", of="DIR"):
        return read_ticket(directory)[0]
