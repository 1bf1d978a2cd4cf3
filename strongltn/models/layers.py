"""The layers of networks: what they are built of, and those whose weights a search may mask.

Importing this module imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from strongltn.datasets.images import Shape
from strongltn.errors import InvalidInputError
from strongltn.values.arguments import names_of

_MASKABLE = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)


class ImageClassifier(torch.nn.Sequential):
    """A chain of layers without biases, from images to a score for each class.

    Attributes
    ----------
    input_shape
        The channels, height and width of one image; a batch is (count, channels, height, width).
    searched
        The names of the layers whose weights a search masks, in order; all else stays frozen.
    """

    input_shape: Shape
    searched: tuple[str, ...]


class InputCopies(torch.nn.Module):
    """The first half of a diamond: several copies of each input, each with a weight of its own.

    The parameter `weight` has the shape (num_copies, num_inputs), both at least 1.
    """

    def __init__(self, num_inputs: int, num_copies: int) -> None:
        super().__init__()
        self.num_inputs = num_inputs
        self.num_copies = num_copies
        self.weight = torch.nn.Parameter(torch.empty(num_copies, num_inputs))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (..., num_copies * num_inputs) of inputs (..., num_inputs), copy after copy."""
        copies: torch.Tensor = self.weight * inputs.unsqueeze(-2)
        return copies.flatten(-2)

    def extra_repr(self) -> str:
        """Return the two sizes."""
        return f"num_inputs={self.num_inputs}, num_copies={self.num_copies}"


class ResidualBlock(torch.nn.Module):
    """Two 3 x 3 convolutions with non-affine BatchNorm, beside a shortcut without weights.

    Where the shape changes, the shortcut drops every other row and column and adds channels of
    zeros (option A of He et al.).

    Parameters
    ----------
    num_inputs, num_outputs
        The numbers of channels, at least 1; more outputs than inputs halve the image.
    """

    def __init__(self, num_inputs: int, num_outputs: int) -> None:
        super().__init__()
        self.num_added = num_outputs - num_inputs
        self.stride = 2 if self.num_added else 1
        self.body = torch.nn.Sequential(
            convolution(num_inputs, num_outputs, stride=self.stride),
            torch.nn.BatchNorm2d(num_outputs, affine=False),
            torch.nn.ReLU(),
            convolution(num_outputs, num_outputs),
            torch.nn.BatchNorm2d(num_outputs, affine=False),
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (count, num_outputs, height / stride, width / stride), rounded up."""
        shortcut = inputs[:, :, :: self.stride, :: self.stride]
        shortcut = torch.nn.functional.pad(shortcut, (0, 0, 0, 0, 0, self.num_added))
        return torch.relu(self.body(inputs) + shortcut)


def convolution(num_inputs: int, num_outputs: int, *, stride: int = 1) -> torch.nn.Conv2d:
    """Return a 3 x 3 convolution that keeps the size of the image, or divides it by the stride."""
    return torch.nn.Conv2d(num_inputs, num_outputs, 3, stride=stride, padding=1, bias=False)


def assembled(
    build: Callable[[], ImageClassifier], *, input_shape: Shape, unsearched: str = ""
) -> ImageClassifier:
    """Return a network with all weights 0, ready for the draws of an initialisation.

    Parameters
    ----------
    build
        The function that makes the layers. It runs on torch's meta device, so that their
        constructors neither fill memory nor draw from the global generator.
    input_shape
        The channels, height and width of one image.
    unsearched
        What the names of the layers begin with that are not searched; by default every layer is.
    """
    with torch.device("meta"):
        network = build()
    network.to_empty(device="cpu")
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.reset_running_stats()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    network.input_shape = input_shape
    network.searched = tuple(
        name.removesuffix(".weight")
        for name, _ in network.named_parameters()
        if not (unsearched and name.startswith(unsearched))
    )
    return network


def maskable_layers(
    module: torch.nn.Module, names: Sequence[str] | None = None
) -> dict[str, torch.nn.Module]:
    """Return layers by the name of their weight, such as ``"features.0.weight"``.

    Parameters
    ----------
    module
        The network.
    names
        The names of layers, of any type that has a parameter ``weight``; by default all Linear and
        convolution layers, in the module's order.

    Raises
    ------
    InvalidInputError
        There is no such layer, or one of `names` has no ``weight``, or a weight is masked already,
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
