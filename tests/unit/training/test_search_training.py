"""Frozen convolutions see every image once, and nothing of the run changes by it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from strongltn.datasets.catalogue import Dataset
from strongltn.datasets.images import LabelledImages
from strongltn.models.catalogue import model_named
from strongltn.search.defaults import settings_of
from strongltn.training.loop import Training, fixed_features

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
