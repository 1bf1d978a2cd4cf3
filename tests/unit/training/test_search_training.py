"""The loop trains what it is given; convolutions that stand still see each image once."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from strongltn.datasets.catalogue import Dataset
from strongltn.datasets.images import LabelledImages
from strongltn.models.catalogue import model_named
from strongltn.search.config import settings_of
from strongltn.training.loop import Loop, Training, fixed_features
from strongltn.training.strategy import AllWeights

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def images():
    generator = np.random.default_rng(0)
    pixels = generator.random((120, 784), dtype=np.float32)
    part = LabelledImages(pixels, generator.integers(0, 10, 120))
    return Dataset("random", part, part, 10, (1, 28, 28), mean=(0.5,), std=(0.5,))


@pytest.fixture
def config():
    return settings_of("edge-popup", model="lenet-5-wide", data="mnist", epochs=2)


def test_features_that_nothing_changes_are_fixed(images, config):
    training = Training(config, images, device=CPU)
    assert fixed_features(training.network) is training.network.get_submodule("features")
    dense = settings_of("dense", model="lenet-5-wide", data="mnist")
    assert fixed_features(Training(dense, images, device=CPU).network) is None
    assert fixed_features(model_named("lenet-5")) is None
    assert fixed_features(model_named("fc2")) is None


def test_the_network_computes_what_its_head_computes_of_the_features(images, config):
    training = Training(config, images, device=CPU)
    training.train_epoch(0)
    whole = images.normalised(torch.from_numpy(images.test.images))
    with torch.no_grad():
        outputs = training.network.eval()(whole)
        num_right = int((outputs.argmax(1) == torch.from_numpy(images.test.labels)).sum())
    assert training.test_accuracy() == num_right / 120


def test_augmented_images_go_through_the_whole_network(images, config):
    frozen = Training(config, images, device=CPU)
    augmented = Training(config, replace(images, padding=1), device=CPU)
    batch, _ = next(frozen.data.training_batches(0, seed=0))
    assert batch.shape == (64, 400)
    batch, _ = next(augmented.data.training_batches(0, seed=0))
    assert batch.shape == (64, 1, 28, 28)
    augmented.train_epoch(0)


class _Pulled(AllWeights):
    """All weights, pulled towards 1 by the penalty; steps are counted."""

    num_steps = 0

    def penalty(self):
        return sum((1 - weight).square().sum() for weight in self.parameters()) / 2

    def after_step(self):
        self.num_steps += 1


def _descended(strategy_type, **given):
    """Return strategy, weights and losses after two steps from 0, towards the constant 0."""
    network = torch.nn.Linear(2, 1, bias=False)
    torch.nn.init.zeros_(network.weight)
    strategy = strategy_type(network)
    optimizer = strategy.optimizer(lr=0.5, momentum=0.0, weight_decay=0.0)
    loop = Loop(network, strategy, optimizer, loss=torch.nn.functional.mse_loss, **given)
    losses = []
    batches = [(torch.zeros(3, 2), torch.zeros(3, 1))] * 2
    loop.run(batches, after_step=lambda loss, outputs, wanted: losses.append(float(loss)))
    return strategy, network.weight.detach().flatten().tolist(), losses


def test_a_strategy_adds_its_penalty_and_is_told_of_every_step():
    strategy, weights, losses = _descended(_Pulled)
    assert strategy.num_steps == 2
    assert weights == [0.75, 0.75]  # half of the way, twice
    assert losses == [1.0, 0.25]
    assert _descended(AllWeights)[1:] == ([0.0, 0.0], [0.0, 0.0])


def test_a_long_gradient_is_shortened_before_the_step():
    _, weights, _ = _descended(_Pulled, max_gradient=0.1)
    assert np.allclose(weights, 2 * 0.5 * 0.1 / np.sqrt(2), rtol=1e-4)
