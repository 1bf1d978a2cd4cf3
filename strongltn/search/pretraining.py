"""The trained convolutions on which experiment 2 searches LeNet-5. Importing imports torch."""

from __future__ import annotations

import math

import torch

from strongltn.errors import InvalidInputError
from strongltn.rng import named_generator
from strongltn.search.architectures import ARCHITECTURES
from strongltn.search.blocks import ImageClassifier
from strongltn.search.datasets import Dataset
from strongltn.search.initialization import Init, initialize

BATCH_SIZE = 64
LEARNING_RATE = 0.01


def pretrain_features(
    network: ImageClassifier, dataset: Dataset, *, seed: int, num_epochs: int
) -> ImageClassifier:
    """Train the dense LeNet-5 and copy its convolutions into a network of experiment 2, in place.

    Parameters
    ----------
    network : ImageClassifier
        `pensia_network` of kind "lenet-5". Its classifier stays as it is.
    dataset : Dataset
        With images of the network's shape.
    seed : int in [0, 2^64)
        Of the first weights and the order of the images.
    num_epochs : int >= 1

    Returns
    -------
    ImageClassifier
        The dense network, trained, on the device of `network`.

    Raises
    ------
    InvalidInputError
        A network without such convolutions, another shape, no epochs, or a loss that is not finite.

    Notes
    -----
    As published: SGD with learning rate 0.01, momentum 0.9, weight decay 5e-4, cosine by epoch,
    batches of 64.
    Cost: two passes over the images an epoch, seconds on MNIST.
    Randomness: named streams of the seed; no global generator.

    Source
    ------
    `pensia2020`, section 5, and its code.
    """
    features = dict(network.named_children()).get("features")
    if features is None or network.input_shape != dataset.input_shape or num_epochs < 1:
        raise InvalidInputError(
            "network",
            got=f"images of {network.input_shape}, data of {dataset.input_shape}, "
            f"{num_epochs} epochs, features: {features is not None}",
            allowed="a LeNet-5 of experiment 2 for the images of the data, at least one epoch",
        )
    dense = ARCHITECTURES["lenet-5"].for_images(dataset.input_shape).network()
    initialize(dense, Init.KAIMING_NORMAL, seed=seed)
    dense.to(next(network.parameters()).device)
    _train(dense, dataset, seed=seed, num_epochs=num_epochs)
    features.load_state_dict(dense.get_submodule("features").state_dict())
    return dense


def _train(dense: ImageClassifier, dataset: Dataset, *, seed: int, num_epochs: int) -> None:
    device = next(dense.parameters()).device
    images = dataset.normalised(torch.from_numpy(dataset.train.images).to(device))
    labels = torch.from_numpy(dataset.train.labels).to(device)
    optimizer = torch.optim.SGD(
        dense.parameters(), lr=LEARNING_RATE, momentum=0.9, weight_decay=5e-4
    )
    for epoch in range(num_epochs):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * (1 + math.cos(math.pi * epoch / num_epochs)) / 2
        order = named_generator(seed, name=f"pretraining/order/{epoch}").permutation(len(labels))
        for batch in torch.from_numpy(order).to(device).split(BATCH_SIZE):  # type: ignore[no-untyped-call]
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(dense(images[batch]), labels[batch])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        if not math.isfinite(loss.item()):
            raise InvalidInputError(
                "dataset", got=f"a loss of {loss.item()} in epoch {epoch}", allowed="finite images"
            )
