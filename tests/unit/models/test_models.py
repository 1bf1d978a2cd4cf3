"""The searched networks: their sizes are those published, their functions those written down."""

import copy
import math
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from strongltn.errors import InvalidInputError
from strongltn.models.architectures import ARCHITECTURES
from strongltn.models.blocks import InputCopies, ResidualBlock
from strongltn.models.catalogue import MODEL_NAMES, model_named
from strongltn.models.diamonds import PENSIA_FORMS, initialize_pensia, pensia_network
from strongltn.models.initialization import Init, initialize
from strongltn.networks import TargetNetwork
from strongltn.search.handle import attach
from strongltn.search.methods.edge_popup import EdgePopup, InitialScores

PUBLISHED = {
    "lenet-300-100": 266_200,
    "conv2": 4_300_992,
    "conv4": 2_425_024,
    "conv6": 2_261_184,
    "conv8": 5_275_840,
    "fc2": 397_000,
    "fc2-linear-diamond": 1_991_420,
    "fc2-relu-diamond": 1_991_420,
    "fc4-linear-diamond": 4_496_420,
    "fc4-relu-diamond": 4_496_420,
    "lenet-5-linear-diamond": 297_620,
    "lenet-5-relu-diamond": 297_620,
}
COUNTED_BY_HAND = {
    "fc4": 784 * 500 + 2 * 500**2 + 500 * 10,
    "lenet-5": 2_550 + 400 * 120 + 120 * 84 + 84 * 10,
    "lenet-5-caffe": 430_500,  # the 1,720 KB of Deep Compression in float32
    "resnet20": 16 * 27 + 9 * (6 * 16**2 + 16 * 32 + 5 * 32**2 + 32 * 64 + 5 * 64**2) + 640,
    "digits-fc": 64 * 200 + 200 * 10,
    "digits-conv": 9 * 16 + 9 * 16 * 32 + 128 * 10,
    "fc2-wide": 794 * 2508,
    "fc4-wide": 794 * 1314 + 2 * 1314**2,
    "lenet-5-wide": 410 * 378 + 378**2,
}


def searched_weights(network):
    return [network.get_parameter(f"{name}.weight") for name in network.searched]


def num_searched(network):
    return sum(weight.numel() for weight in searched_weights(network))


def test_every_model_is_counted():
    assert set(MODEL_NAMES) == PUBLISHED.keys() | COUNTED_BY_HAND.keys()


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_sizes_are_those_published(name):
    network = model_named(name)
    assert num_searched(network) == {**PUBLISHED, **COUNTED_BY_HAND}[name]
    frozen = 2_550 if name.startswith("lenet-5-") and name != "lenet-5-caffe" else 0
    assert sum(weight.numel() for weight in network.parameters()) == num_searched(network) + frozen
    assert not [key for key, _ in network.named_parameters() if not key.endswith("weight")]


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_images_go_in_and_ten_scores_come_out(name):
    network = model_named(name)
    for weight in searched_weights(network):
        assert not weight.any()
    with torch.no_grad():
        for weight in network.parameters():
            weight.fill_(0.01)
        scores = network.eval()(torch.ones(2, *network.input_shape))
    assert scores.shape == (2, 10)
    assert (scores > 0).all()


def test_the_first_layer_follows_the_images():
    network = model_named("lenet-300-100", input_shape=(1, 8, 8))
    assert network.input_shape == (1, 8, 8)
    assert num_searched(network) == 64 * 300 + 300 * 100 + 100 * 10
    for name in ("conv6", "resnet20", "fc2-relu-diamond"):
        network = model_named(name, input_shape=(1, 8, 8))
        assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    with pytest.raises(InvalidInputError, match="large enough"):
        model_named("conv8", input_shape=(1, 8, 8))
    for name in ("fc2", "resnet20"):
        with pytest.raises(InvalidInputError, match="channels, height, width"):
            model_named(name, input_shape=(64,))


def test_fully_connected_networks_are_chains_that_can_be_targets():
    network = model_named("fc2-wide", input_shape=(1, 8, 8))
    initialize_pensia(network, seed=1)
    target = TargetNetwork.from_module(network)
    assert target.layers[0].num_inputs == 64


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(InvalidInputError, match=r"lenet-300-100.*resnet20.*fc2-wide") as caught:
        model_named("alexnet")
    assert caught.value.parameter == "model"
    for bad in ({"kind": "fc3"}, {"form": "cubic"}, {"redundancy": 0}, {"redundancy": 2.5}):
        arguments = {"kind": "fc2", "form": "linear", **bad}
        with pytest.raises(InvalidInputError) as caught:
            pensia_network(**arguments)
        assert caught.value.parameter in bad


def test_building_draws_from_no_global_generator():
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    initialize_pensia(model_named("lenet-5-relu-diamond"), seed=3)
    model_named("resnet20")
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002
    assert before[2] == random.getstate()


def test_names_are_there_without_torch():
    code = (
        "import sys, strongltn.models.catalogue, strongltn.datasets.catalogue\n"
        "print([name for name in ('torch', 'sklearn', 'PIL', 'pooch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("form", ["linear", "relu"])
def test_a_diamond_is_its_formula(form):
    """W2 . [ReLU](w1 * x) copy by copy, in integers, so that every sum is exact."""
    network = pensia_network("fc2", form, redundancy=3, input_shape=(1, 2, 2))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randint(-3, 4, weight.shape, generator=generator))
    inputs = torch.randint(-4, 5, (5, 1, 2, 2), generator=generator).float()
    hidden = inputs.flatten(1)
    weights = searched_weights(network)
    for i in (0, 2):
        first, second = weights[i], weights[i + 1]
        outputs = torch.zeros(5, len(second))
        for k in range(3):
            copies = first[k] * hidden
            copies = copies.relu() if form == "relu" else copies
            outputs += copies @ second[:, k * hidden.shape[1] : (k + 1) * hidden.shape[1]].T
        hidden = outputs.relu() if i == 0 else outputs
    assert torch.equal(network(inputs), hidden)


@pytest.mark.parametrize("kind", ["fc2", "fc4", "lenet-5"])
def test_weights_follow_the_published_laws(kind):
    network = pensia_network(kind, "relu")
    initialize_pensia(network, seed=5)
    previous = None
    for name in network.searched:
        layer = network.get_submodule(name)
        variance = 2 if previous is None else 2 / previous.num_inputs
        measured = float(layer.weight.detach().square().mean()) / variance
        # The mean of n squares has deviation sqrt(2 / n); five of them.
        assert abs(measured - 1) < 5 * math.sqrt(2 / layer.weight.numel())
        previous = layer if isinstance(layer, InputCopies) else None


def test_draws_are_functions_of_seed_and_name():
    one, again, other = (pensia_network("fc2", "wide", input_shape=(1, 4, 4)) for _ in range(3))
    initialize_pensia(one, seed=7)
    initialize(again, Init.KAIMING_NORMAL, seed=7)  # the published law of a plain network
    initialize_pensia(other, seed=8)
    for weights in zip(*map(searched_weights, (one, again, other)), strict=True):
        assert torch.equal(weights[0], weights[1])
        assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("form", PENSIA_FORMS)
def test_only_the_classifier_of_experiment_2_is_searched(form):
    network = pensia_network("lenet-5", form)
    initialize_pensia(network, seed=5)
    assert all(name.startswith("classifier.") for name in network.searched)
    assert all(bool(weight.all()) for weight in searched_weights(network))


def test_copies_keep_the_attributes():
    twin = copy.deepcopy(model_named("fc2-linear-diamond", input_shape=(1, 2, 2)))
    assert twin.input_shape == (1, 2, 2)
    assert twin.searched == ("1", "2", "4", "5")
    assert repr(twin.get_submodule("1")) == "InputCopies(num_inputs=4, num_copies=5)"


def test_a_residual_block_without_weights_is_its_shortcut():
    block = ResidualBlock(2, 4).eval()
    with torch.no_grad():
        for weight in block.parameters():
            weight.zero_()
    images = torch.rand(1, 2, 5, 5)
    outputs = block(images)
    assert outputs.shape == (1, 4, 3, 3)
    assert torch.equal(outputs[:, :2], images[:, :, ::2, ::2])
    assert not outputs[:, 2:].any()
    for name, buffer in block.named_buffers():  # the statistics of BatchNorm before any batch
        assert (buffer == ("running_var" in name)).all()


def test_diamonds_are_masked_and_convolutions_are_not():
    network = pensia_network("lenet-5", "relu", redundancy=1)
    initialize_pensia(network, seed=5)
    method = EdgePopup(initial=InitialScores.WEIGHT_SCALE)
    handle = attach(network, method, density=0.25, seed=5, names=network.searched)
    kept = {name: int(mask.sum()) for name, mask in handle.masks().items()}
    assert kept == {
        f"{name}.weight": handle.layers[f"{name}.weight"].mask.numel() // 4
        for name in network.searched
    }
    assert "features.0.weight" in dict(network.named_parameters())


def test_convolutions_of_experiment_2_are_random_and_not_searched():
    network = pensia_network("lenet-5", "relu")
    initialize_pensia(network, seed=2)
    convolutions = {
        name: weight for name, weight in network.named_parameters() if name.startswith("features.")
    }
    assert sum(weight.numel() for weight in convolutions.values()) == 2550
    for weight in convolutions.values():
        bound = 1 / math.sqrt(weight[0].numel())
        assert 0.95 * bound < weight.abs().max() <= bound
        assert weight.mean().abs() < 0.15 * bound
    twin = pensia_network("lenet-5", "wide")
    initialize_pensia(twin, seed=2)
    for name, weight in convolutions.items():
        assert torch.equal(twin.get_parameter(name), weight)
        assert name.removesuffix(".weight") not in network.searched


def test_the_architectures_know_their_features():
    assert ARCHITECTURES["lenet-5"].widths == (400, 120, 84, 10)
    assert ARCHITECTURES["conv8"].num_features == 2 * 2 * 512
