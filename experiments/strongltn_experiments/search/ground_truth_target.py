"""What the constructed tickets are built for: a small network, trained on small digits."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongltn.groundtruth import Examples
    from strongltn.networks import TargetNetwork

_NUM_STEPS = 1500
_BATCH_SIZE = 64


def small_digits() -> Examples:
    """Return the digits, every 2 x 2 pixels averaged: 16 inputs in [0, 1]."""
    from strongltn.datasets.images import load_digits
    from strongltn.groundtruth import Examples

    train, test = load_digits(seed=0)
    small = [
        part.images.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16)
        for part in (train, test)
    ]
    return Examples(small[0], small[1], train.labels, test.labels)


def trained_target(hidden: tuple[int, ...], examples: Examples) -> TargetNetwork:
    """Return a network without biases, trained by Adam on the labels; always the same one."""
    import torch

    from strongltn.models.initialization import Init
    from strongltn.networks import LinearLayer, TargetNetwork
    from strongltn.rng import named_generator

    generator = named_generator(0, name="ground truth target")
    widths = (examples.train.shape[1], *hidden, 10)
    weights = [
        Init.KAIMING_NORMAL.draw((outputs, inputs), generator=generator, density=1.0)
        for inputs, outputs in pairwise(widths)
    ]
    layers = [LinearLayer(f"fc{i + 1}", weight) for i, weight in enumerate(weights)]
    module = TargetNetwork(tuple(layers)).to_module().requires_grad_(True)
    optimizer = torch.optim.Adam(module.parameters(), lr=5e-3)
    images, labels = torch.from_numpy(examples.train), torch.from_numpy(examples.train_labels)
    for _ in range(_NUM_STEPS):
        batch = torch.from_numpy(generator.integers(0, len(images), _BATCH_SIZE))
        loss = torch.nn.functional.cross_entropy(module(images[batch]), labels[batch])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    return TargetNetwork.from_module(module)
