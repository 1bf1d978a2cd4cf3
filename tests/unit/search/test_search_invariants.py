"""What users of other codes complain about, complaint by complaint: here it cannot happen.

On a network with convolutions and a Linear layer, by the whole engine: under momentum and weight
decay, after resume, and in what is saved.
"""

import copy
import json
import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from search_settings import UNUSUAL

from strongltn.datasets.batches import ResidentData
from strongltn.datasets.catalogue import dataset_named
from strongltn.datasets.images import LabelledImages
from strongltn.errors import InvalidInputError
from strongltn.models.density import Schedule, Scope, num_kept_of
from strongltn.rng import named_generator
from strongltn.search.config import SearchConfig, settings_of
from strongltn.search.method import method_names
from strongltn.search.methods.edge_popup import EdgePopup, IteRand
from strongltn.search.methods.supermasks import LearnedSupermask
from strongltn.training import run as experiment
from strongltn.training.checkpoint import Checkpoint, load_tensors, tensor_digest
from strongltn.training.loop import Training
from strongltn.training.run import CHECKPOINT, MASKS, RESULT, run

CPU = torch.device("cpu")
DIGITS = dataset_named("digits")
SMALL = replace(
    DIGITS,
    train=LabelledImages(DIGITS.train.images[:48], DIGITS.train.labels[:48]),
    test=LabelledImages(DIGITS.test.images[:48], DIGITS.test.labels[:48]),
)
SHORT = {"model": "digits-conv", "batch_size": 16, "epochs": 2, "density": 0.3}
HARSH = {"momentum": 0.9, "weight_decay": 0.05}
WEIGHTS = ("features.0.weight", "features.3.weight", "classifier.0.weight")


def settings(method="edge-popup", **given):
    config = settings_of(method, **{**SHORT, **HARSH, **given})
    if isinstance(config.method, LearnedSupermask):  # its learning rate is 100
        config = replace(config, weight_decay=5e-4)
    if isinstance(config.method, IteRand):  # every other step redraws
        config = replace(config, method=replace(config.method, period=2, fraction=0.5))
    return config


SAMPLED = "learned-supermask"  # whose scores alone say how many weights a layer keeps
CONFIGS = [
    settings(method, scope=scope)
    for method in method_names()
    for scope in ([Scope.LAYER] if method == SAMPLED else Scope)
]
ALL = pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.method_name}-{c.scope.value}")
EXACT = pytest.mark.parametrize(
    "config",
    [config for config in CONFIGS if not isinstance(config.method, LearnedSupermask)],
    ids=lambda c: f"{c.method_name}-{c.scope.value}",
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Few images, and no wait for the disk."""
    monkeypatch.setattr(experiment, "_dataset", lambda name: SMALL)
    monkeypatch.setattr("os.fsync", lambda number: None)


def trained(config, num_epochs=2):
    training = Training(config, SMALL, device=CPU)
    for epoch in range(num_epochs):
        training.train_epoch(epoch)
    return training


def resumed(training, path):
    """The same training, brought back from a checkpoint into another process, as it were."""
    Checkpoint.of(training, ()).save(path)
    again = Training(training.config, SMALL, device=CPU)
    Checkpoint.load(path, training.config).restore(again)
    return again


def source(config):
    """The weights that the seed gives, by name: drawn anew, never trained."""
    return {
        name: w.detach() for name, w in config.drawn_network(SMALL.input_shape).named_parameters()
    }


def frozen(training):
    """The weights under the masks, by name."""
    parametrized = dict(training.network.named_parameters())
    return {
        name: parametrized[name.replace("weight", "parametrizations.weight.original")].detach()
        for name in WEIGHTS
    }


def effective(training):
    """The weights that the network computes with in evaluation, by name."""
    training.network.eval()
    with torch.no_grad():
        return {
            name: training.network.get_submodule(name.removesuffix(".weight")).weight.clone()
            for name in WEIGHTS
        }


def scores(training):
    return {name: layer.scores for name, layer in training.strategy.handle.layers.items()}


def same(one, other):
    return tensor_digest(one) == tensor_digest(other)


class Stopped(Exception):
    """An interruption that a test makes."""


def stopped_after(num_epochs, config, folder):
    """Run a search up to the middle of the epoch after these."""

    def progress(stage, done, total):
        if done == num_epochs * total // config.epochs + 1:
            raise Stopped

    with pytest.raises(Stopped):
        run(config, folder, progress=progress)


# --- masked weights that grow back under momentum or weight decay


@ALL
def test_masked_weights_do_not_grow_back(config, tmp_path):
    """Neither in training, nor after resume, nor in a state dict, nor in what was found."""
    first = trained(config, 1)
    for training in (first, resumed(first, tmp_path / "file")):
        training.train_epoch(1)
        masks, weights = training.masks(), effective(training)
        assert masks.keys() == weights.keys() == set(WEIGHTS)
        state = training.network.state_dict()
        found = training.strategy.handle.detach().state_dict()
        for name, mask in masks.items():
            assert torch.equal(weights[name] != 0, mask)
            assert torch.equal(found[name] != 0, mask)
            assert torch.equal(
                state[name.replace("weight", "parametrizations.weight.0.mask")], mask
            )


@EXACT
def test_a_network_follows_its_scores_at_once(config, tmp_path):
    """No weight of an earlier mask is left: after a restored checkpoint, a density, a score."""
    training = trained(config, 1)
    Checkpoint.of(training, ()).save(tmp_path / "file")
    before = effective(training)
    training.train_epoch(1)
    assert not same(effective(training), before)
    Checkpoint.load(tmp_path / "file", config).restore(training)
    assert same(effective(training), before)
    training.strategy.handle.set_density(0.6)
    assert min(float((w != 0).double().mean()) for w in effective(training).values()) > 0.5
    with torch.no_grad():
        for s in scores(training).values():
            s.copy_(s.flip(0))
    for name, weight in effective(training).items():
        assert torch.equal(weight != 0, training.masks()[name])


@ALL
def test_what_is_pruned_has_no_part_in_a_training_step(config):
    """Other values under the masked-out weights: the same outputs, bit for bit."""
    one, other = trained(config, 1), trained(config, 1)
    with torch.no_grad():
        for name, weight in frozen(other).items():
            pruned = ~other.masks()[name]
            weight.view(-1)[pruned.view(-1)] *= 3
    for training in (one, other):
        training.network.eval()
    images, _ = next(one.data.test_batches())
    assert torch.equal(one.network(images), other.network(images))


@pytest.mark.parametrize("density", [0.1, 0.9])
@pytest.mark.parametrize("scope", Scope)
def test_edge_popup_is_what_a_simple_loop_computes(scope, density):
    """Masks by sorting, gradients by plain autograd of the effective weight, SGD by hand."""
    config = settings(scope=scope, density=density)
    training = Training(config, SMALL, device=CPU)
    weights = source(config)
    values = {name: s.detach().clone() for name, s in scores(training).items()}
    velocity = {name: torch.zeros_like(s) for name, s in values.items()}
    names = [list(WEIGHTS)] if scope is Scope.GLOBAL else [[name] for name in WEIGHTS]

    def masks():
        found = {}
        for group in names:
            ranks = torch.cat([values[name].abs().flatten() for name in group])
            mask = torch.zeros(len(ranks), dtype=torch.bool)
            mask[ranks.argsort(descending=True)[: num_kept_of(density, len(ranks))]] = True
            parts = mask.split([values[name].numel() for name in group])
            found |= {n: p.view_as(values[n]) for n, p in zip(group, parts, strict=True)}
        return found

    for images, labels in list(training.data.training_batches(0, seed=config.seed))[:3]:
        kept = {n: (weights[n] * m).requires_grad_() for n, m in masks().items()}
        x = images  # in float32, too: of equal numbers the pooling takes the first
        for name in WEIGHTS[:2]:
            x = torch.nn.functional.conv2d(x, kept[name], padding=1).relu()
            x = torch.nn.functional.max_pool2d(x, 2)
        loss = torch.nn.functional.cross_entropy(x.flatten(1) @ kept[WEIGHTS[2]].T, labels)
        loss.backward()
        for name, s in values.items():
            gradient = kept[name].grad * weights[name] * s.sign() + config.weight_decay * s
            velocity[name] = config.momentum * velocity[name] + gradient
            values[name] = s - config.learning_rate * velocity[name]
        training.network.train()
        training.step(images, labels)
    for name, s in scores(training).items():
        torch.testing.assert_close(s.detach(), values[name], rtol=1e-3, atol=1e-6)
        assert (training.masks()[name] ^ masks()[name]).double().mean() < 0.002  # as rounding may


# --- negative weights frozen by a missing abs()


@EXACT
def test_negative_scores_and_weights_take_part(config):
    """Scores learn, whatever their sign and that of their weight, and both signs are kept."""
    config = replace(config, weight_decay=0.0)  # so that none moves but by its gradient
    training = Training(config, SMALL, device=CPU)
    before = {name: s.detach().clone() for name, s in scores(training).items()}
    weights = {name: weight.clone() for name, weight in frozen(training).items()}
    training.train_epoch(0)
    for name, s in scores(training).items():
        for is_part in (weights[name] < 0, weights[name] > 0, before[name] < 0, before[name] > 0):
            if is_part.any():
                assert (s.detach() != before[name])[is_part].double().mean() > 0.5
    kept = torch.cat([frozen(training)[n][m] for n, m in training.masks().items()])
    assert 0.3 < float((kept < 0).double().mean()) < 0.7


@EXACT
def test_a_magnitude_has_no_sign(config):
    """Where |score| ranks, scores and their negatives have the same masks; else they do not."""
    training = trained(config, 1)
    before = training.masks()
    with torch.no_grad():
        for s in scores(training).values():
            s.neg_()
    is_same = all(torch.equal(mask, before[name]) for name, mask in training.masks().items())
    assert is_same == config.method.by_magnitude
    assert is_same == (config.method_name != "gem-miner")


# --- a "lottery" mode that never rewinds


@ALL
def test_the_weights_found_are_those_of_the_start(config, tmp_path):
    """No rewinding is needed: what was found is masks over what the seed gives, bit for bit."""
    stopped_after(1, config, tmp_path)
    result = run(config, tmp_path)
    saved = Checkpoint.load(tmp_path / CHECKPOINT, config).network
    masks, network = result.masks(), dict(result.network().named_parameters())
    for name, weight in source(config).items():
        original = saved[name.replace("weight", "parametrizations.weight.original")]
        if isinstance(config.method, IteRand):  # draws anew what is pruned: that is its idea
            assert not torch.equal(original, weight)
        else:
            assert torch.equal(original, weight)
        if isinstance(config.method, EdgePopup) and config.method_name != "biprop":
            assert torch.equal(network[name], original * masks[name])
    names = {name.replace("weight", "parametrizations.weight.original") for name in masks}
    assert result.frozen_sha256 == tensor_digest({name: saved[name] for name in names})


def test_a_weight_that_was_always_kept_is_never_drawn_anew():
    config = settings("iterand")
    training = Training(config, SMALL, device=CPU)
    first = {name: weight.clone() for name, weight in frozen(training).items()}
    always = training.masks()
    training.network.train()
    for images, labels in training.data.training_batches(0, seed=0):
        training.step(images, labels)
        always = {name: mask & always[name] for name, mask in training.masks().items()}
    for name, mask in always.items():
        assert mask.any()
        assert torch.equal(frozen(training)[name][mask], first[name][mask])


# --- masks missing from checkpoints


@ALL
def test_every_file_has_the_masks(config, tmp_path):
    stopped_after(1, config, tmp_path)
    tensors, _ = load_tensors(tmp_path / CHECKPOINT)
    training = trained(config, 1)
    for name, mask in training.masks().items():
        saved = name.replace("weight", "parametrizations.weight.0.mask")
        assert torch.equal(tensors[f"network/{saved}"], mask)
    result = run(config, tmp_path)
    tensors, _ = load_tensors(tmp_path / CHECKPOINT)
    masks = load_tensors(tmp_path / MASKS)[0]
    assert masks.keys() == set(WEIGHTS)
    for name, mask in masks.items():
        saved = name.replace("weight", "parametrizations.weight.0.mask")
        assert mask.dtype is torch.bool
        assert torch.equal(tensors[f"network/{saved}"], mask)
        assert torch.equal(result.network().get_parameter(name) != 0, mask)


@ALL
def test_a_state_dict_has_the_masks_of_the_moment(config):
    training = trained(config, 1)
    training.network.train()
    training.step(*next(training.data.training_batches(1, seed=0)))
    state = copy.deepcopy(training.network.state_dict())  # before anything else asks for masks
    for name, mask in training.masks().items():
        assert torch.equal(state[name.replace("weight", "parametrizations.weight.0.mask")], mask)


@ALL
def test_a_checkpoint_without_a_mask_or_with_another_is_refused(config):
    training = trained(config, 1)
    state = training.network.state_dict()
    for name in WEIGHTS:
        key = name.replace("weight", "parametrizations.weight.0.mask")
        without = {other: tensor for other, tensor in state.items() if other != key}
        with pytest.raises(RuntimeError, match=r"Missing key.*mask"):
            Training(config, SMALL, device=CPU).network.load_state_dict(without)
        with pytest.raises(InvalidInputError, match="another mask"):
            Training(config, SMALL, device=CPU).network.load_state_dict({**state, key: ~state[key]})


# --- prune rate meaning kept in one place and pruned in another


@EXACT
@pytest.mark.parametrize("density", [0.1, 0.9])
def test_density_means_kept_everywhere(config, density, tmp_path):
    config = replace(config, density=density, epochs=1)
    result = run(config, tmp_path)
    sizes = {name: weight.numel() for name, weight in source(config).items()}
    kept = {name: int(mask.sum()) for name, mask in result.masks().items()}
    if config.scope is Scope.GLOBAL:
        assert sum(kept.values()) == num_kept_of(density, sum(sizes.values()))
        assert max(abs(kept[name] / sizes[name] - density) for name in sizes) > 0.005
    else:
        assert kept == {name: num_kept_of(density, size) for name, size in sizes.items()}
    nonzero = {name: int(w.count_nonzero()) for name, w in result.network().named_parameters()}
    assert nonzero == kept
    (line,) = result.metrics
    fraction = sum(kept.values()) / sum(sizes.values())
    assert fraction == pytest.approx(density, abs=0.01)
    report = json.loads((tmp_path / RESULT).read_text())
    for said in (result.density, line["density"], report["density"]):
        assert said == fraction
    assert line["densities"] == {name: kept[name] / sizes[name] for name in sizes}
    assert (report["num_kept"], report["num_weights"]) == (sum(kept.values()), sum(sizes.values()))
    assert "sparsity" not in json.dumps(report)


@pytest.mark.parametrize("density", [0.1, 0.9])
def test_density_is_the_probability_to_be_kept(density):
    training = Training(settings("learned-supermask", density=density), SMALL, device=CPU)
    masks = training.masks().values()
    size = sum(mask.numel() for mask in masks)
    deviation = math.sqrt(density * (1 - density) / size)
    assert abs(sum(int(m.sum()) for m in masks) / size - density) < 5 * deviation
    for s in scores(training).values():
        torch.testing.assert_close(s.sigmoid(), torch.full_like(s, density), rtol=0.01, atol=0)


@pytest.mark.parametrize("schedule", [Schedule.LINEAR, Schedule.CUBIC])
def test_a_schedule_comes_down_from_all_weights(schedule, tmp_path):
    result = run(settings(schedule=schedule, density=0.2, epochs=4), tmp_path)
    densities = [line["density"] for line in result.metrics]
    assert densities == sorted(densities, reverse=True)
    assert densities[-1] == result.density == pytest.approx(0.2, abs=0.01)
    assert densities[0] > 0.4


# --- samples silently redrawn until the instance succeeds


def test_nothing_is_drawn_again_after_a_failure(tmp_path, monkeypatch):
    """A run that failed goes on from the same weights, scores and seed, not from better ones."""
    config = settings()
    stopped_after(1, config, tmp_path)
    before = load_tensors(tmp_path / CHECKPOINT)
    monkeypatch.setattr(SearchConfig, "learning_rate_at", lambda self, epoch: 1e38)
    for _ in range(2):
        with pytest.raises(experiment.TrainingDiverged):
            run(config, tmp_path)
        after = load_tensors(tmp_path / CHECKPOINT)
        assert same(after[0], before[0])
        assert after[1] == before[1]
    monkeypatch.undo()
    monkeypatch.setattr(experiment, "_dataset", lambda name: SMALL)
    result = run(config, tmp_path)
    assert result.config.seed == config.seed
    assert result.frozen_sha256 == run(config, tmp_path / "at once").frozen_sha256


# --- seeds set for one generator and drawn from another


@ALL
def test_one_seed_decides_all(config):
    """The global generators decide nothing and stay as they are; the seed moves every stream."""
    ends = []
    for seed, noise in ((0, 1), (0, 2), (1, 1)):
        torch.manual_seed(noise)
        np.random.seed(noise)  # noqa: NPY002
        random.seed(noise)
        states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
        training = trained(replace(config, seed=seed), 1)
        ends.append(training.network.state_dict())
        assert torch.equal(torch.get_rng_state(), states[0])
        assert np.array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
        assert random.getstate() == states[2]
    assert same(ends[0], ends[1])
    for key in (key for key in ends[0] if key.endswith(("original", "scores", "mask"))):
        assert not torch.equal(ends[0][key], ends[2][key]), key


def test_every_purpose_has_a_stream_of_the_seed(monkeypatch):
    """Weights, scores, order, augmentation: none has that of another, each follows the seed."""
    names = []

    def recorded(seed, *, name):
        names.append(name)
        return named_generator(seed, name=name)

    monkeypatch.setattr("strongltn.models.initialization.named_generator", recorded)
    one_image = LabelledImages(np.repeat(SMALL.train.images[:1], 48, axis=0), SMALL.train.labels)
    same_images = replace(SMALL, padding=1, train=one_image)  # whatever their order
    plain, augmented = (
        ResidentData(data, device=CPU, batch_size=16) for data in (SMALL, same_images)
    )

    def draws(seed):
        training = Training(settings(seed=seed), SMALL, device=CPU)
        found = {f"weight {name}": weight for name, weight in frozen(training).items()}
        found |= {f"score {name}": s.detach() for name, s in scores(training).items()}
        for epoch in (0, 1):
            labels = [y for _, y in plain.training_batches(epoch, seed=seed)]
            images = [x for x, _ in augmented.training_batches(epoch, seed=seed)]
            found |= {f"order {epoch}": torch.cat(labels), f"cuts {epoch}": torch.cat(images)}
        return found

    one, again, other = draws(3), draws(3), draws(4)
    assert len(set(names)) == len(names) / 3 == len(one) - 4
    for name in one:
        assert torch.equal(one[name], again[name]), name
        assert not torch.equal(one[name], other[name]), name
    for name in ("order", "cuts"):
        assert not torch.equal(one[f"{name} 0"], one[f"{name} 1"]), name


@ALL
def test_a_resumed_run_draws_what_an_uninterrupted_one_does(config, tmp_path):
    whole = trained(config, 2)
    half = resumed(trained(config, 1), tmp_path / "file")
    half.train_epoch(1)
    assert same(whole.network.state_dict(), half.network.state_dict())


# --- "approximated accuracy" measured on the target network


@ALL
def test_the_accuracy_is_that_of_the_network_found(config, tmp_path, monkeypatch):
    """Measured again: a plain network, its weights from the files, on the test images."""
    data = replace(SMALL, test=DIGITS.test)
    monkeypatch.setattr(experiment, "_dataset", lambda name: data)
    result = run(replace(config, density=0.5), tmp_path)
    images = data.normalised(torch.from_numpy(data.test.images))
    labels = torch.from_numpy(data.test.labels)

    def accuracy(network):
        with torch.no_grad():
            return int((network(images).argmax(1) == labels).sum()) / len(labels)

    assert result.test_accuracy == accuracy(result.network())
    unmasked = result.network()
    with torch.no_grad():
        for name, weight in source(result.config).items():
            unmasked.get_parameter(name).copy_(weight)
    assert result.test_accuracy != accuracy(unmasked)


# --- results cached under a file name instead of under all settings

OTHER = {**UNUSUAL, "model": "digits-fc", "epochs": 1}


def test_a_result_is_that_of_all_settings(tmp_path):
    """Whatever setting differs, files in the same place are refused, and stay."""
    config = settings()
    stopped_after(1, config, tmp_path / "half")
    run(config, tmp_path / "done")
    assert OTHER.keys() | {"schema"} == config.to_json().keys()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for name, value in OTHER.items():
        for folder in ("half", "done"):
            with pytest.raises(InvalidInputError, match=rf"another configuration \({name}\)"):
                run(replace(config, **{name: value}), tmp_path / folder)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_the_data_are_what_is_in_them_not_their_name(tmp_path, monkeypatch):
    config = settings()
    stopped_after(1, config, tmp_path)
    pixels = SMALL.test.images.copy()
    pixels[0, 0] += 0.5
    other = replace(SMALL, test=LabelledImages(pixels, SMALL.test.labels))
    monkeypatch.setattr(experiment, "_dataset", lambda name: other)
    with pytest.raises(InvalidInputError, match="other images or labels by the name of digits"):
        run(config, tmp_path)
    monkeypatch.setattr(experiment, "_dataset", lambda name: SMALL)
    assert run(config, tmp_path).data_sha256 == SMALL.sha256 != other.sha256


@pytest.mark.parametrize(
    "change",
    [
        {"test_accuracy": 0.99},
        {"density": 0.5},
        {"num_kept": 1},
        {"num_weights": 0},
        {"num_kept": "all"},
        {"epochs": []},
        {"epochs": None},
        {"identity": "0"},
        {"more": 1},
    ],
    ids=str,
)
def test_a_result_that_contradicts_itself_is_refused(tmp_path, change):
    config = settings(epochs=1)
    run(config, tmp_path)
    report = json.loads((tmp_path / RESULT).read_text())
    (tmp_path / RESULT).write_text(json.dumps({**report, **change}))
    with pytest.raises(InvalidInputError, match="no result of a run"):
        run(config, tmp_path)


# --- a strict or non-strict threshold that keeps all ties


@EXACT
def test_ties_are_neither_all_kept_nor_all_pruned(config, tmp_path):
    """With all scores equal the first are kept, as many as the density says; after resume, too."""
    training = trained(config, 1)
    with torch.no_grad():
        for s in scores(training).values():
            s.fill_(0.5)
    again = resumed(training, tmp_path / "file")
    sizes = [s.numel() for s in scores(training).values()]
    for one in (training, again, copy.deepcopy(training)):
        kept = [mask.flatten() for mask in one.masks().values()]
        if config.scope is Scope.GLOBAL:
            kept, sizes = [torch.cat(kept)], [sum(sizes)]
        for mask, size in zip(kept, sizes, strict=True):
            assert torch.equal(mask, torch.arange(size) < num_kept_of(config.density, size))
        nonzero = sum(int(weight.count_nonzero()) for weight in effective(one).values())
        assert nonzero == sum(int(mask.sum()) for mask in kept)


@EXACT
def test_a_step_keeps_the_count_while_scores_tie(config):
    training = Training(replace(config, learning_rate=1e-30), SMALL, device=CPU)
    with torch.no_grad():
        for s in scores(training).values():
            s.fill_(0.5)
    training.train_epoch(0)
    sizes = [s.numel() for s in scores(training).values()]
    parts = [sum(sizes)] if config.scope is Scope.GLOBAL else sizes
    kept = sum(int(weight.count_nonzero()) for weight in effective(training).values())
    assert kept == sum(num_kept_of(config.density, size) for size in parts)
