"""Chains of convolutions and fully connected layers, by the sizes that papers publish.

Light to import: torch is loaded when a network is built.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from strongltn.datasets.images import CIFAR10_SHAPE, DIGITS_SHAPE, MNIST_SHAPE, Shape
from strongltn.errors import InvalidInputError

if TYPE_CHECKING:
    import torch

    from strongltn.models.layers import ImageClassifier

DenseStage = Callable[[int, int], "list[torch.nn.Module]"]

NUM_CLASSES = 10


@dataclass(frozen=True)
class Convolution:
    """A square convolution followed by ReLU, with or without 2 x 2 max pooling after it."""

    channels: int
    size: int = 3
    padding: int = 1
    is_pooled: bool = False


@dataclass(frozen=True)
class Architecture:
    """Convolutions, then fully connected layers; ReLU between all, no biases, ten classes.

    Attributes
    ----------
    input_shape
        The channels, height and width of one image.
    convolutions
        The convolutions, in order.
    hidden
        The widths of the hidden fully connected layers.
    """

    input_shape: Shape
    convolutions: tuple[Convolution, ...]
    hidden: tuple[int, ...]

    @property
    def num_features(self) -> int:
        """How many numbers enter the first fully connected layer."""
        channels, *sides = self.input_shape
        for layer in self.convolutions:
            channels = layer.channels
            sides = [side + 2 * layer.padding - layer.size + 1 for side in sides]
            if layer.is_pooled:
                sides = [side // 2 for side in sides]
            if min(sides) < 1:
                raise InvalidInputError(
                    "input_shape",
                    got=self.input_shape,
                    allowed="images that are large enough for all convolutions and poolings",
                    hint="Take a network with fewer of them.",
                )
        return channels * math.prod(sides)

    @property
    def widths(self) -> tuple[int, ...]:
        """The inputs, hidden widths and outputs of the fully connected layers."""
        return (self.num_features, *self.hidden, NUM_CLASSES)

    def for_images(self, input_shape: Shape | None) -> Architecture:
        """Return the same layers over images of another shape; of the same, where none is named.

        Raises
        ------
        InvalidInputError
            The shape is not three positive sizes, or too small for the convolutions.
        """
        if input_shape is None:
            return self
        check_shape(input_shape)
        other = replace(self, input_shape=input_shape)
        _ = other.num_features  # refuses what is too small
        return other

    def over(self, input_shape: Shape | None) -> ImageClassifier:
        """Return the network of these layers for images of a shape."""
        return self.for_images(input_shape).network()

    def network(
        self, *, stage: DenseStage | None = None, searches_features: bool = True
    ) -> ImageClassifier:
        """Return the network, all its weights 0.

        Without convolutions it is a flat chain Flatten, Linear, ReLU, ..., Linear; else a chain of
        two, named ``features`` and ``classifier``.

        Parameters
        ----------
        stage
            The function of inputs and outputs that makes what stands for a fully connected layer;
            by default a Linear layer.
        searches_features
            Whether convolutions are searched too.
        """
        from strongltn.models.layers import assembled

        return assembled(
            lambda: _chain(self, stage or _linear),
            input_shape=self.input_shape,
            unsearched="" if searches_features else "features.",
        )


def check_shape(input_shape: Shape) -> None:
    """Refuse what is not the shape of an image."""
    if len(input_shape) != 3 or min(input_shape) < 1:
        raise InvalidInputError(
            "input_shape", got=input_shape, allowed="(channels, height, width), each at least 1"
        )


def _linear(num_inputs: int, num_outputs: int) -> list[torch.nn.Module]:
    import torch

    return [torch.nn.Linear(num_inputs, num_outputs, bias=False)]


def _chain(architecture: Architecture, stage: DenseStage) -> ImageClassifier:
    from torch import nn

    from strongltn.models.layers import ImageClassifier

    classifier: list[nn.Module] = []
    for num_inputs, num_outputs in pairwise(architecture.widths):
        classifier += [nn.ReLU(), *stage(num_inputs, num_outputs)]
    del classifier[0]  # nothing but the inputs is before the first
    if not architecture.convolutions:
        return ImageClassifier(nn.Flatten(), *classifier)
    features: list[nn.Module] = []
    channels = architecture.input_shape[0]
    for layer in architecture.convolutions:
        features += [
            nn.Conv2d(channels, layer.channels, layer.size, padding=layer.padding, bias=False),
            nn.ReLU(),
        ]
        if layer.is_pooled:
            features.append(nn.MaxPool2d(2))
        channels = layer.channels
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        features=nn.Sequential(*features, nn.Flatten()), classifier=nn.Sequential(*classifier)
    )
    return ImageClassifier(parts)


def _vgg(*stages: int) -> tuple[Convolution, ...]:
    """Return two convolutions a stage, the second pooled."""
    return tuple(
        Convolution(channels, is_pooled=is_pooled)
        for channels in stages
        for is_pooled in (False, True)
    )


#: The chains by name; a new one is an entry here.
#: Sources: `lecun1998`, `frankle2019`, `ramanujan2020`, `pensia2020`; the digits ones are ours.
ARCHITECTURES = {
    "lenet-300-100": Architecture(MNIST_SHAPE, (), (300, 100)),
    "lenet-5": Architecture(
        MNIST_SHAPE,
        (
            Convolution(6, size=5, padding=2, is_pooled=True),
            Convolution(16, size=5, padding=0, is_pooled=True),
        ),
        (120, 84),
    ),
    "lenet-5-caffe": Architecture(
        MNIST_SHAPE,
        (
            Convolution(20, size=5, padding=0, is_pooled=True),
            Convolution(50, size=5, padding=0, is_pooled=True),
        ),
        (500,),
    ),
    "fc2": Architecture(MNIST_SHAPE, (), (500,)),
    "fc4": Architecture(MNIST_SHAPE, (), (500, 500, 500)),
    "conv2": Architecture(CIFAR10_SHAPE, _vgg(64), (256, 256)),
    "conv4": Architecture(CIFAR10_SHAPE, _vgg(64, 128), (256, 256)),
    "conv6": Architecture(CIFAR10_SHAPE, _vgg(64, 128, 256), (256, 256)),
    "conv8": Architecture(CIFAR10_SHAPE, _vgg(64, 128, 256, 512), (256, 256)),
    "digits-fc": Architecture(DIGITS_SHAPE, (), (200,)),
    "digits-conv": Architecture(
        DIGITS_SHAPE, (Convolution(16, is_pooled=True), Convolution(32, is_pooled=True)), ()
    ),
}
