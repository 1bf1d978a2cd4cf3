"""Recovery: what the search may know and change, and that it can tell finding from not finding."""

from dataclasses import replace

import numpy as np
import pytest

from strongltn.errors import InvalidInputError
from strongltn.groundtruth import (
    Examples,
    GroundTruth,
    Objective,
    RecoverySettings,
    Start,
    agreement_of,
    circle,
    plant,
    recover,
    relu_unit,
)
from strongltn.networks import LinearLayer, TargetNetwork

QUICK = RecoverySettings(num_steps=40)


@pytest.fixture(scope="module")
def truth():
    return plant(circle(), (36,), seed=0)


@pytest.fixture(scope="module")
def examples(truth):
    return Examples.in_cube(truth.target, count=512, seed=0, has_constant=True, has_classes=True)


def counts(masks):
    return [int(mask.sum()) for mask in masks]


@pytest.mark.parametrize("start", Start)
def test_as_many_weights_are_kept_as_in_the_truth_and_none_is_changed(truth, examples, start):
    found = recover(truth, examples, seed=0, settings=replace(QUICK, start=start))
    assert counts(found.masks) == counts(truth.masks)
    for layer, source, mask in zip(
        found.network.layers, truth.source.layers, found.masks, strict=True
    ):
        assert np.array_equal(layer.weight, np.where(mask, source.weight, 0))
    assert found.agreement == agreement_of(found.network, truth, examples)


def test_the_same_seed_finds_the_same_masks(truth, examples):
    runs = [recover(truth, examples, seed=seed, settings=QUICK).masks for seed in (1, 1, 2)]
    same, other = (
        all(np.array_equal(a, b) for a, b in zip(runs[0], masks, strict=True)) for masks in runs[1:]
    )
    assert same
    assert not other


def test_a_power_of_two_on_the_last_layer_changes_nothing(truth, examples):
    *first, last = truth.source.layers
    larger = TargetNetwork((*first, LinearLayer(last.name, 8 * last.weight)))
    scaled = GroundTruth(truth.target, larger, truth.masks, truth.output_exponent - 3)
    one, other = (recover(t, examples, seed=0, settings=QUICK) for t in (truth, scaled))
    assert all(np.array_equal(a, b) for a, b in zip(one.masks, other.masks, strict=True))
    assert one.agreement == other.agreement


def test_the_truth_is_where_it_starts_and_stays_where_it_is_exact(truth, examples):
    found = recover(truth, examples, seed=0, settings=replace(QUICK, start=Start.TRUTH))
    assert found.overlap.iou == 1
    assert found.agreement.unexplained < 1e-10
    assert found.agreement.accuracy == 1


def test_a_random_start_knows_nothing_of_the_truth(truth, examples):
    settings = RecoverySettings(num_steps=1, learning_rate=1e-9)
    overlaps = [recover(truth, examples, seed=s, settings=settings).overlap for s in range(10)]
    mean = np.mean([overlap.iou for overlap in overlaps])
    assert mean == pytest.approx(overlaps[0].chance, abs=0.06)


def test_a_relu_unit_is_found_by_annealing():
    hidden = plant(relu_unit(), (4,), seed=0)
    points = Examples.in_cube(
        hidden.target, count=512, seed=0, has_constant=False, has_classes=False
    )
    settings = RecoverySettings(start=Start.ANNEALED, num_steps=200)
    found = recover(hidden, points, seed=0, settings=settings)
    assert found.agreement.unexplained == 0
    assert found.overlap.iou == 1
    assert found.agreement.accuracy is None


def test_labels_are_learnt(truth, examples):
    settings = RecoverySettings(objective=Objective.CLASSIFY, start=Start.ANNEALED, num_steps=150)
    dense = replace_masks(truth, density=1)
    found = recover(dense, examples, seed=0, settings=settings)
    assert counts(found.masks) == [36 * 3, 2 * 36]
    half = replace_masks(truth, density=0.5)
    before = agreement_of(half.pruned, half, examples).accuracy
    assert recover(half, examples, seed=0, settings=settings).agreement.accuracy > before + 0.2


def replace_masks(truth, *, density):
    """The same source with masks that keep another share, wherever."""
    masks = tuple(
        np.arange(mask.size).reshape(mask.shape) < density * mask.size for mask in truth.masks
    )
    return GroundTruth(truth.target, truth.source, masks, truth.output_exponent)


def test_agreement_measures_what_it_says(examples):
    target = circle()
    same = GroundTruth(target, target, tuple(np.ones(s, bool) for s in ((9, 3), (2, 9))), 0)
    twice = TargetNetwork((target.layers[0], LinearLayer("twice", 2 * target.layers[1].weight)))
    outputs = target.to_module()(to_tensor(examples.test)).numpy().astype(np.float64)
    spread = ((outputs - outputs.mean(0)) ** 2).sum(1).mean()
    found = agreement_of(twice, same, examples)
    assert found.unexplained == pytest.approx((outputs**2).sum(1).mean() / spread, rel=1e-5)
    assert found.largest_distance == pytest.approx(np.linalg.norm(outputs, axis=1).max(), rel=1e-5)
    assert found.accuracy == 1
    assert not found.is_dead
    nothing = TargetNetwork((target.layers[0], LinearLayer("nothing", 0 * target.layers[1].weight)))
    assert agreement_of(nothing, same, examples).is_dead
    halved = GroundTruth(target, target, same.masks, -1)
    assert agreement_of(twice, halved, examples).unexplained == 0


def to_tensor(points):
    import torch

    return torch.from_numpy(points)


@pytest.mark.parametrize(
    ("parameter", "make"),
    [
        ("num_steps", lambda: RecoverySettings(num_steps=0)),
        ("batch_size", lambda: RecoverySettings(batch_size=0)),
        ("learning_rate", lambda: RecoverySettings(learning_rate=float("nan"))),
        (
            "count",
            lambda: Examples.in_cube(
                circle(), count=0, seed=0, has_constant=True, has_classes=True
            ),
        ),
    ],
)
def test_bad_settings_are_refused(parameter, make):
    with pytest.raises(InvalidInputError) as raised:
        make()
    assert raised.value.parameter == parameter


def test_bad_examples_are_refused(truth, examples):
    unlabelled = Examples(examples.train, examples.test)
    classify = RecoverySettings(objective=Objective.CLASSIFY)
    with pytest.raises(InvalidInputError, match="labels, to classify"):
        recover(truth, unlabelled, seed=0, settings=classify)
    narrow = Examples(examples.train[:, :2], examples.test[:, :2])
    with pytest.raises(InvalidInputError, match="3 inputs"):
        recover(truth, narrow, seed=0)
    still = Examples(np.ones((4, 3), np.float32), np.ones((4, 3), np.float32))
    with pytest.raises(InvalidInputError, match="tells apart"):
        recover(truth, still, seed=0)
