"""The networks of Pensia et al., experiment 2: linear diamonds, ReLU diamonds, plain widening.

Light to import: torch is loaded when a network is built.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from strongltn.datasets.images import Shape
from strongltn.errors import unknown_word
from strongltn.models.architectures import ARCHITECTURES, Architecture
from strongltn.models.initialization import Init, LayerStreams, fan_in_uniform
from strongltn.values.arguments import integer

if TYPE_CHECKING:
    import torch

    from strongltn.models.layers import ImageClassifier

PENSIA_KINDS = ("fc2", "fc4", "lenet-5")
PENSIA_FORMS = ("linear", "relu", "wide")


def pensia_network(
    kind: str, form: str, input_shape: Shape | None = None, *, redundancy: int = 5
) -> ImageClassifier:
    """Return a network of experiment 2, all its weights 0.

    A diamond stands for a fully connected layer W of d inputs: W2 * [ReLU](w1 . x copied), where
    w1 (`InputCopies`) has one weight for each of the r copies of each input and W2 is a Linear
    layer of r * d inputs. ReLU stands between the diamonds in both forms.

    Parameters
    ----------
    kind
        One of `PENSIA_KINDS`. The convolutions of "lenet-5" are not searched.
    form
        "linear" or "relu", by what is inside of the diamonds; or "wide": no diamonds, all hidden
        widths equal and such that the number of weights comes closest.
    redundancy
        How many copies each input has, at least one.
    input_shape
        The channels, height and width of the images; by default those of MNIST.

    Returns
    -------
    ImageClassifier
        The network. With redundancy 5 on MNIST its searched weights are 1,991,420 (fc2),
        4,496,420 (fc4) and 297,620 (lenet-5).

    Raises
    ------
    InvalidInputError
        Kind or form is unknown, the redundancy is below 1, or the images are too small.

    Source
    ------
    `pensia2020`, section 5, and its code.
    """
    for parameter, got, known in (("kind", kind, PENSIA_KINDS), ("form", form, PENSIA_FORMS)):
        if got not in known:
            raise unknown_word(parameter, got=got, known=known)
    redundancy = integer("redundancy", redundancy, low=1)
    architecture = ARCHITECTURES[kind].for_images(input_shape)
    if form == "wide":
        return _widened(architecture, redundancy).network(searches_features=False)
    stage = partial(_diamond, redundancy=redundancy, has_relu=form == "relu")
    return architecture.network(stage=stage, searches_features=False)


def initialize_pensia(network: ImageClassifier, *, seed: int) -> None:
    """Draw all weights of a network of experiment 2 by the published laws, in place.

    The searched ones are normal: w1 of variance 2, W2 of variance 2 / d for a diamond of d inputs,
    and without diamonds 2 / fan_in. For the first scores of diamonds the published law is
    ``EdgePopup(initial=InitialScores.WEIGHT_SCALE)``, of "wide" it is plain ``EdgePopup()``. The
    convolutions of LeNet-5 are uniform between +-1 / sqrt(fan_in): the authors load those of a
    dense LeNet-5 in which they were frozen as torch draws them, so that they were never trained.

    Parameters
    ----------
    network
        What `pensia_network` has made.
    seed
        The seed of all draws, in [0, 2^64).

    Notes
    -----
    Cost: one draw a weight.
    Randomness: one stream for each layer's name; no global generator is read or set.
    """
    import torch

    from strongltn.models.layers import InputCopies

    fan_in = None
    for name in network.searched:
        layer = network.get_submodule(name)
        num_copied = layer.num_inputs if isinstance(layer, InputCopies) else None
        weight = network.get_parameter(f"{name}.weight")
        drawn = Init.KAIMING_NORMAL.draw(
            tuple(weight.shape),
            generator=LayerStreams(seed, f"{name}.weight").generator("weight"),
            density=1.0,
            fan_in=fan_in if num_copied is None else 1,
        )
        with torch.no_grad():
            weight.copy_(torch.from_numpy(drawn))
        fan_in = num_copied
    for name, weight in network.named_parameters():
        if name.startswith("features."):
            generator = LayerStreams(seed, name).generator("weight")
            with torch.no_grad():
                weight.copy_(fan_in_uniform(weight, generator))


def _diamond(
    num_inputs: int, num_outputs: int, *, redundancy: int, has_relu: bool
) -> list[torch.nn.Module]:
    import torch

    from strongltn.models.layers import InputCopies

    inner = [torch.nn.ReLU()] if has_relu else []
    linear = torch.nn.Linear(redundancy * num_inputs, num_outputs, bias=False)
    return [InputCopies(num_inputs, redundancy), *inner, linear]


def _widened(architecture: Architecture, redundancy: int) -> Architecture:
    """Return as many hidden layers of one width, with about as many weights as the diamonds."""
    num_weights = sum(
        redundancy * num_inputs * (1 + num_outputs)
        for num_inputs, num_outputs in pairwise(architecture.widths)
    )
    num_ends = architecture.widths[0] + architecture.widths[-1]
    num_inner = len(architecture.hidden) - 1

    def excess(width: int) -> int:
        return abs(num_ends * width + num_inner * width**2 - num_weights)

    width = min(range(1, num_weights // num_ends + 2), key=excess)
    return replace(architecture, hidden=(width,) * len(architecture.hidden))
