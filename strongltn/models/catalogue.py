"""The networks that are searched, by name. Light to import: torch is loaded when one is built."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from strongltn.datasets.images import CIFAR10_SHAPE, Shape
from strongltn.errors import unknown_word
from strongltn.models.architectures import (
    ARCHITECTURES,
    NUM_CLASSES,
    check_shape,
)
from strongltn.models.diamonds import PENSIA_FORMS, PENSIA_KINDS, pensia_network

if TYPE_CHECKING:
    from strongltn.models.layers import ImageClassifier


def model_named(name: str, *, input_shape: Shape | None = None) -> ImageClassifier:
    """Return a network to search, all its weights 0: an initialisation has to follow.

    Parameters
    ----------
    name
        One of `MODEL_NAMES`. "lenet-5" is the network of Pensia et al.; "lenet-5-caffe" that of
        Deep Compression, 1,720 KB in float32. "resnet20" is the CIFAR form with non-affine
        BatchNorm and shortcuts without weights. The diamonds and their "-wide" forms are those of
        `pensia_network` with redundancy 5.
    input_shape
        The channels, height and width of the images. By default they are those of the publication:
        MNIST, CIFAR-10 or, for "digits-fc" and "digits-conv", scikit-learn's digits. The first
        fully connected layer follows them.

    Returns
    -------
    ImageClassifier
        The network on the CPU, without biases, in training mode. Its attributes `input_shape` and
        `searched` say what goes in and which layers a search masks.

    Raises
    ------
    InvalidInputError
        The name is unknown, or the images are too small for the network.

    Notes
    -----
    Numbers of weights as published: lenet-300-100 266,200; conv2 4,300,992; conv4 2,425,024; conv6
    2,261,184; conv8 5,275,840.
    Cost: one pass over the weights.  Randomness: none.

    Source
    ------
    `frankle2019`, figure 2; `ramanujan2020`, section 4; `pensia2020`, section 5; `he2016`.

    Examples
    --------
    >>> model = model_named("lenet-300-100")
    >>> sum(weight.numel() for weight in model.parameters())
    266200
    """
    if name not in MODEL_NAMES:
        raise unknown_word("model", got=name, known=MODEL_NAMES)
    return _BUILDERS[name](input_shape)


def _resnet20(input_shape: Shape | None) -> ImageClassifier:
    input_shape = input_shape or CIFAR10_SHAPE
    check_shape(input_shape)
    from torch import nn

    from strongltn.models.layers import ImageClassifier, ResidualBlock, assembled, convolution

    def build() -> ImageClassifier:
        channels = (16, 16, 16, 16, 32, 32, 32, 64, 64, 64)
        return ImageClassifier(
            convolution(input_shape[0], channels[0]),
            nn.BatchNorm2d(channels[0], affine=False),
            nn.ReLU(),
            *(ResidualBlock(*sizes) for sizes in pairwise(channels)),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(channels[-1], NUM_CLASSES, bias=False),
        )

    return assembled(build, input_shape=input_shape)


_BUILDERS: dict[str, Callable[[Shape | None], ImageClassifier]] = {
    **{name: architecture.over for name, architecture in ARCHITECTURES.items()},
    "resnet20": _resnet20,
    **{
        f"{kind}-{form}" + ("" if form == "wide" else "-diamond"): partial(
            pensia_network, kind, form
        )
        for kind in PENSIA_KINDS
        for form in PENSIA_FORMS
    },
}

#: Every name that `model_named` takes.
MODEL_NAMES = tuple(_BUILDERS)
