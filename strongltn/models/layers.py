"""The layers of a module whose weights a search may mask. Importing this module imports torch."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from strongltn.errors import InvalidInputError
from strongltn.values.arguments import names_of

_MASKABLE = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)


def maskable_layers(
    module: torch.nn.Module, names: Sequence[str] | None = None
) -> dict[str, torch.nn.Module]:
    """Return layers by the name of their weight, such as ``"features.0.weight"``.

    Parameters
    ----------
    module : torch module
    names : sequence of str, optional
        Names of layers, of any type that has a parameter ``weight``; by default all Linear and
        convolution layers, in the module's order.

    Raises
    ------
    InvalidInputError
        No such layer; a layer of `names` without a ``weight``; a weight that is masked already,
        shared by two layers, or neither float32 nor float64.
    """
    found = dict(module.named_modules())
    if names is not None:
        names = names_of("names", names)
    else:
        names = [name for name, layer in found.items() if isinstance(layer, _MASKABLE)]
    if not names:
        raise InvalidInputError(
            "module",
            got=f"a {type(module).__name__} without such layers",
            allowed="a module with Linear or convolution layers",
        )
    layers = {}
    for name in names:
        if name not in found:
            raise InvalidInputError(
                "names", got=name, allowed=f"names of layers: {', '.join(filter(None, found))}"
            )
        _check_weight(name, found[name])
        layers[f"{name}.weight" if name else "weight"] = found[name]
    if len({id(layer.weight) for layer in layers.values()}) < len(layers):
        raise InvalidInputError(
            "module", got="one weight in two layers", allowed="a weight of its own for each layer"
        )
    return layers


def _check_weight(name: str, layer: torch.nn.Module) -> None:
    if torch.nn.utils.parametrize.is_parametrized(layer):
        raise InvalidInputError(
            "module",
            got=f"layer {name!r}, which is parametrized already",
            allowed="a plain module",
            hint="Detach the search that runs on it first.",
        )
    weight = getattr(layer, "weight", None)
    if not isinstance(weight, torch.nn.Parameter):
        raise InvalidInputError(
            "names", got=f"{name!r}, without a weight", allowed="layers with a parameter 'weight'"
        )
    if weight.dtype not in (torch.float32, torch.float64) or weight.numel() == 0:
        raise InvalidInputError(
            "module",
            got=f"{weight.numel()} weights of {weight.dtype} in layer {name!r}",
            allowed="float32 or float64 weights, at least one",
            hint="For mixed precision use torch.autocast: the weights stay float32.",
        )
