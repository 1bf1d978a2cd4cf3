"""The building blocks of the searched networks. Importing this module imports torch."""

from __future__ import annotations

from collections.abc import Callable

import torch

from strongltn.datasets.images import Shape


class ImageClassifier(torch.nn.Sequential):
    """A chain of layers without biases, from images to a score for each class.

    Attributes
    ----------
    input_shape : (channels, height, width)
        Of one image; a batch is (count, channels, height, width).
    searched : tuple of str
        Names of the layers whose weights a search masks, in order; what else there is stays frozen.
    """

    input_shape: Shape
    searched: tuple[str, ...]


class InputCopies(torch.nn.Module):
    """The first half of a diamond: several copies of each input, each with a weight of its own.

    Parameters
    ----------
    num_inputs, num_copies : int >= 1

    Attributes
    ----------
    weight : parameter (num_copies, num_inputs)
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
    num_inputs, num_outputs : int >= 1
        Channels; more outputs than inputs halve the image.
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
    build : callable
        Makes the layers. It runs on torch's meta device, so that their constructors neither fill
        memory nor draw from the global generator.
    input_shape : (channels, height, width)
    unsearched : str
        Layers whose name starts with this are not searched; by default every layer is.
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
