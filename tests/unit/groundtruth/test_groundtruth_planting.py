"""Planted and constructed networks: what is known of them is exactly true."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongltn.construct import LINEAR_DIAMOND, RELU_DIAMOND, build_ticket, make_plan
from strongltn.errors import InvalidInputError
from strongltn.groundtruth import (
    GroundTruth,
    agreement_of,
    circle,
    constructed_truth,
    helix,
    plant,
    relu_unit,
)
from strongltn.groundtruth.agreement import Examples, outputs_of
from strongltn.models.initialization import Init
from strongltn.networks import Ball, Box, LinearLayer, TargetNetwork
from strongltn.networks.layer import evaluate
from strongltn.networks.pruned import PrunedNetwork
from strongltn.numerics.dyadic import DyadicArray
from strongltn.rng import WeightLaw, named_generator


def network(*weights):
    return TargetNetwork(
        tuple(
            LinearLayer(f"fc{i}", np.array(weight, dtype=np.float32))
            for i, weight in enumerate(weights)
        )
    )


def random_target(widths, seed):
    generator = np.random.default_rng(seed)
    weights = []
    for inputs, outputs in pairwise(widths):
        weight = generator.normal(size=(outputs, inputs))
        weight[generator.random(weight.shape) < 0.3] = 0
        weight[:, 0] += weight[:, 0] == 0  # no neuron without inputs
        weights.append(weight)
    return network(*weights)


def exactly(chain, point):
    return evaluate(chain.scaled((0,) * len(chain.layers)), DyadicArray.from_floats(point))


@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=4),
    st.integers(0, 3),
    st.integers(0, 2**32 - 1),
    st.sampled_from(Init),
)
def test_a_planted_network_is_the_target_exactly(widths, more, seed, init):
    target = random_target(widths, seed)
    truth = plant(target, tuple(width + more for width in widths[1:-1]), seed=seed, init=init)
    for point in np.random.default_rng(seed).normal(size=(3, widths[0])):
        found = exactly(truth.pruned, point).scaled(truth.output_exponent)
        assert not (found - exactly(target, point)).numerators.any()
    num_weights = [np.count_nonzero(layer.weight) for layer in target.layers]
    assert [mask.sum() for mask in truth.masks] == num_weights


@pytest.fixture(scope="module")
def helix_truth():
    return plant(helix(), (20,), seed=3)


def test_only_the_planted_weights_are_replaced(helix_truth):
    for i, (layer, mask) in enumerate(
        zip(helix_truth.source.layers, helix_truth.masks, strict=True)
    ):
        drawn = Init.KAIMING_NORMAL.draw(
            layer.weight.shape, generator=named_generator(3, name=f"planting/{i}"), density=1.0
        )
        assert np.array_equal(layer.weight[~mask], drawn[~mask])
        assert not np.isclose(layer.weight[mask], drawn[mask]).any()


def test_a_planted_row_is_as_long_as_the_one_that_it_replaces(helix_truth):
    weight = helix_truth.source.layers[0].weight
    drawn = Init.KAIMING_NORMAL.draw(
        weight.shape, generator=named_generator(3, name="planting/0"), density=1.0
    )
    rows = helix_truth.masks[0].any(axis=1)
    planted = np.where(helix_truth.masks[0], weight, 0)[rows]
    ratios = np.linalg.norm(planted, axis=1) / np.linalg.norm(drawn[rows], axis=1)
    assert (np.abs(np.log2(ratios)) <= 0.5).all()


def test_neurons_are_planted_where_the_rows_resemble_them_most():
    target = network([[1, 0.5], [-1, 2]], [[1, 1]])
    truth = plant(target, (5,), seed=1)
    drawn = Init.KAIMING_NORMAL.draw(
        (5, 2), generator=named_generator(1, name="planting/0"), density=1.0
    )
    wanted = target.layers[0].weight
    cosines = (wanted @ drawn.T) / np.outer(
        np.linalg.norm(wanted, axis=1), np.linalg.norm(drawn, axis=1)
    )
    best = max(permutations(range(5), 2), key=lambda rows: sum(cosines[[0, 1], rows]))
    planted = truth.source.layers[0].weight[list(best)]
    assert np.array_equal(np.sign(planted), [[1, 1], [-1, 1]])
    assert set(np.flatnonzero(truth.masks[0].any(axis=1))) == set(best)


@pytest.mark.parametrize(
    ("target", "hidden", "parameter"),
    [
        (circle(), (8,), "hidden_widths"),
        (circle(), (20, 20), "hidden_widths"),
        (network([[0, 0]], [[1]]), (2,), "target"),
        (network([[1, 0]], [[0]]), (2,), "target"),
        (TargetNetwork((LinearLayer("fc", np.ones((1, 1)), np.ones(1)),)), (), "target"),
        (TargetNetwork((LinearLayer("fc", np.full((1, 1), 0.1)),)), (), "target"),
    ],
)
def test_what_cannot_be_planted_is_refused(target, hidden, parameter):
    with pytest.raises(InvalidInputError) as raised:
        plant(target, hidden, seed=0)
    assert raised.value.parameter == parameter


def test_the_targets_are_what_they_are_called():
    line = np.linspace(-1, 1, 9, dtype=np.float32)
    assert np.array_equal(outputs_of(relu_unit(), line[:, None])[:, 0], np.maximum(line, 0))
    knots = np.stack([line, np.ones(9, dtype=np.float32)], axis=1)
    points = np.stack([np.cos(2 * np.pi * line), np.sin(2 * np.pi * line), line], axis=1)
    assert np.allclose(outputs_of(helix(8), knots), points, atol=1e-5)
    square = np.random.default_rng(0).uniform(-1, 1, (4000, 3)).astype(np.float32)
    square[:, 2] = 1
    inside = outputs_of(circle(), square).argmax(1).numpy() == 0
    assert np.mean(inside == (np.hypot(*square[:, :2].T) < np.sqrt(2 / np.pi))) > 0.97
    for make in (circle, helix):
        with pytest.raises(InvalidInputError, match="num_"):
            make(2)


def test_a_constructed_truth_is_its_ticket():
    target = random_target((3, 4, 2), 0)
    truth = constructed_truth(target, num_samples=6, domain=Ball(), seed=5)
    plan = make_plan(
        target,
        construction=RELU_DIAMOND,
        num_samples=6,
        tolerance=0.01,
        domain=Ball(),
    )
    source = plan.source(target, law=WeightLaw.UNIFORM, seed=5)
    for i, layer in enumerate(truth.source.layers):
        assert np.array_equal(layer.weight, source.dense(i))
    ticket = build_ticket(target, source, plan).ticket
    points = np.random.default_rng(0).uniform(-1, 1, (50, 3)).astype(np.float32)
    import torch

    expected = PrunedNetwork(ticket)(torch.from_numpy(points)).numpy()
    got = outputs_of(truth.pruned, points).numpy() * 2.0**truth.output_exponent
    assert np.allclose(got, expected, atol=1e-4)
    examples = Examples(points, points)
    assert agreement_of(truth.pruned, truth, examples).unexplained < 0.2
    more = constructed_truth(target, num_samples=14, domain=Ball(), seed=5)
    assert agreement_of(more.pruned, more, examples).unexplained < 1e-4


def test_what_is_not_searched_is_not_constructed():
    with pytest.raises(InvalidInputError, match="ReLU inside"):
        constructed_truth(
            relu_unit(), num_samples=4, domain=Box(), seed=0, construction=LINEAR_DIAMOND
        )
    biased = TargetNetwork((LinearLayer("fc", np.ones((1, 1)), np.ones(1)),))
    with pytest.raises(InvalidInputError, match="without biases"):
        constructed_truth(biased, num_samples=4, domain=Box(), seed=0)


def test_parts_that_do_not_fit_are_refused():
    one, two = relu_unit(), network([[1, 1]], [[1]])
    masks = (np.ones((1, 1), dtype=bool),) * 2
    with pytest.raises(InvalidInputError, match="masks"):
        GroundTruth(one, two, masks, 0)
    with pytest.raises(InvalidInputError, match="those of the target"):
        GroundTruth(one, two, (np.ones((1, 2), dtype=bool), masks[1]), 0)
    with pytest.raises(ValueError, match="read-only"):
        GroundTruth(one, one, masks, 0).masks[0][0, 0] = False
