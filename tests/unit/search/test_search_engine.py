"""The engine: one identity for all settings, exact resume, refusals that lose nothing."""

import errno
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import time
import types
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from search_settings import UNUSUAL

from strongltn.datasets.batches import Augmentation, ResidentData
from strongltn.datasets.catalogue import dataset_named
from strongltn.errors import InvalidInputError, MachineError, TrainingDiverged, UnsolvedError
from strongltn.models.density import Schedule, Scope
from strongltn.models.initialization import Init
from strongltn.search.config import SearchConfig, settings_of
from strongltn.search.method import Dense, method_names
from strongltn.search.methods.edge_popup import EdgePopup, InitialScores, IteRand
from strongltn.search.methods.supermasks import GemMiner, LearnedSupermask
from strongltn.training import many
from strongltn.training import run as experiment
from strongltn.training.checkpoint import (
    Checkpoint,
    load_tensors,
    save_tensors,
    tensor_digest,
)
from strongltn.training.config import Execution, Precision
from strongltn.training.execution import autocast, check_execution, device_named
from strongltn.training.loop import Training
from strongltn.training.many import FAILURE, InThisProcess, run_many
from strongltn.training.metrics import FILE_NAME, MetricsLog, num_epochs_in
from strongltn.training.run import CHECKPOINT, MASKS, RESULT, run

CPU = torch.device("cpu")
OTHER = {**UNUSUAL, "model": "digits-conv", "epochs": 5}


def settings(method="edge-popup", **given):
    return settings_of(method, **{"epochs": 2, "batch_size": 512, **given})


class Stopped(Exception):
    """An interruption that a test makes."""


def stopping_after(num_epochs, num_steps):
    """A progress that breaks off in the middle of an epoch."""

    def progress(stage, done, total):
        if done == num_epochs * num_steps + 1:
            raise Stopped

    return progress


def end_state(directory):
    """Every tensor at the end, bit for bit, and the metrics without the clock."""
    tensors, metadata = load_tensors(directory / CHECKPOINT)
    metrics = [
        {name: value for name, value in line.items() if "second" not in name}
        for line in metadata["metrics"]
    ]
    return tensor_digest(tensors), metrics


# --- configuration


@pytest.mark.parametrize("method", [*method_names(), "dense"])
def test_configurations_survive_json(method):
    config = settings(method)
    again = SearchConfig.from_json(json.loads(json.dumps(config.to_json())))
    assert again == config
    assert again.identity == config.identity
    assert config.method_name == method


def test_every_field_belongs_to_the_identity():
    config = settings()
    assert OTHER.keys() == {field.name for field in fields(config)}
    for name, value in OTHER.items():
        other = replace(config, **{name: value})
        assert other.identity != config.identity, name
        assert other.to_json()[name] != config.to_json()[name]


def test_a_number_has_one_identity():
    config = settings(learning_rate=1, weight_decay=0, density=1)
    same = settings(learning_rate=1.0, weight_decay=0.0, density=np.float64(1))
    assert config.identity == same.identity
    assert len(config.identity) == 64
    assert config.name.endswith(config.identity[:12])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("density", 0.0),
        ("density", 1.5),
        ("density", float("nan")),
        ("method", "edge-popup"),
        ("model", "lenet-6"),
        ("data", "imagenet"),
        ("epochs", 0),
        ("epochs", 2.0),
        ("epochs", True),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("inf")),
        ("momentum", 1.0),
        ("momentum", "0.9"),
        ("weight_decay", -1e-4),
        ("seed", -1),
        ("init", "scaledd"),
        ("scope", "layers"),
        ("schedule", "quadratic"),
        ("precision", "float16"),
    ],
)
def test_bad_settings_are_refused_by_name(name, value):
    with pytest.raises(InvalidInputError, match=f"The '{name}' parameter"):
        replace(settings(), **{name: value})


def test_settings_that_contradict_each_other_are_refused():
    for bad in (
        {"method": Dense(), "density": 0.5},
        {"method": Dense(), "density": 1.0, "schedule": Schedule.LINEAR},
        {"method": Dense(), "density": 1.0, "scope": Scope.GLOBAL},
        {"method": LearnedSupermask(), "schedule": Schedule.LINEAR},
        {"method": LearnedSupermask(), "scope": Scope.GLOBAL},
        {"method": IteRand(init=Init.KAIMING_NORMAL), "init": Init.SIGNED_CONSTANT},
        {"model": "fc2-relu-diamond", "init": Init.SIGNED_CONSTANT},
    ):
        with pytest.raises(InvalidInputError):
            replace(settings(), **bad)


def test_the_known_ones_are_listed():
    with pytest.raises(InvalidInputError, match=r"edge-popup, biprop, .*, dense"):
        settings("magic")
    with pytest.raises(InvalidInputError, match=r"lenet-300-100.*fc4-wide"):
        settings(model="magic")
    with pytest.raises(InvalidInputError, match="digits, mnist, cifar10"):
        settings(data="magic")


def test_json_of_another_kind_is_refused():
    good = settings().to_json()
    for bad in (
        {},
        {**good, "more": 1},
        {**good, "schema": 0},
        {**good, "init": "magic"},
        {**good, "method": {"name": "edge-popup"}},
        {**good, "method": {**good["method"], "initial": "magic"}},
    ):
        with pytest.raises(InvalidInputError):
            SearchConfig.from_json(bad)


def test_the_density_comes_down_to_that_of_the_settings():
    config = settings(schedule=Schedule.LINEAR, density=0.2, epochs=4)
    assert [config.density_at(epoch) for epoch in range(4)] == [0.8, 0.6, 0.4, 0.2]
    rates = [config.learning_rate_at(epoch) for epoch in range(4)]
    assert rates[0] == config.learning_rate
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] > 0


def test_settings_fit_the_method_and_the_network():
    assert settings("dense").density == 1
    assert settings("iterand", init=Init.SCALED).method.init is Init.SCALED
    diamond = settings(model="lenet-5-relu-diamond", data="mnist", batch_size=None)
    assert diamond.method.initial is InitialScores.WEIGHT_SCALE
    assert (diamond.learning_rate, diamond.batch_size) == (0.01, 64)
    assert settings(model="fc2-wide").method == EdgePopup()


# --- data


def test_an_epoch_sees_every_image_once_in_an_order_of_its_own():
    data = ResidentData(dataset_named("digits"), device=CPU, batch_size=100)
    orders = []
    for epoch, seed in ((0, 0), (0, 0), (1, 0), (0, 1)):
        batches = list(data.training_batches(epoch, seed=seed))
        assert len(batches) == data.num_steps == 15
        orders.append(torch.cat([images for images, _ in batches]).flatten(1))
    assert torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[0], orders[2])
    assert not torch.equal(orders[0], orders[3])
    sums = [order.sum(1).sort().values for order in orders]
    assert all(torch.equal(sums[0], other) for other in sums)


def test_augmented_images_are_normalised_afterwards():
    plain = dataset_named("digits")
    data = ResidentData(replace(plain, padding=1), device=CPU, batch_size=64)
    images, _ = next(data.training_batches(0, seed=3))
    again, _ = next(data.training_batches(0, seed=3))
    other, _ = next(data.training_batches(1, seed=3))
    assert torch.equal(images, again)
    assert not torch.equal(images, other)
    black = plain.normalised(torch.zeros(1, 64))[0, 0, 0, 0]
    assert images.min() == black  # the frame is black before normalisation
    test, _ = next(data.test_batches())
    assert torch.equal(test, plain.normalised(torch.from_numpy(plain.test.images)))
    assert isinstance(data._augment, Augmentation)


# --- one run


@pytest.mark.parametrize("method", [*method_names(), "dense"])
def test_every_method_runs_and_leaves_its_files(tmp_path, method):
    config = settings(method, epochs=1)
    result = run(config, tmp_path / "run")
    masks = result.masks()
    weights = dict(config.drawn_network(dataset_named("digits").input_shape).named_parameters())
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        CHECKPOINT,
        MASKS,
        RESULT,
        FILE_NAME,
    }
    assert masks.keys() == (set() if method == "dense" else weights.keys())
    assert all(mask.dtype is torch.bool for mask in masks.values())
    if masks and method != "learned-supermask":
        assert result.density == 0.5
        assert result.num_weights == 14_800
    report = json.loads((tmp_path / "run" / RESULT).read_text())
    assert report["identity"] == config.identity
    assert report["test_accuracy"] == result.test_accuracy
    lines = (tmp_path / "run" / FILE_NAME).read_text().splitlines()
    assert [json.loads(line) for line in lines] == list(result.metrics) == report["epochs"]


def test_the_network_found_is_the_masked_source(tmp_path):
    config = settings(epochs=3, batch_size=64)
    result = run(config, tmp_path)
    dataset = dataset_named("digits")
    source = dict(config.drawn_network(dataset.input_shape).named_parameters())
    network, masks = result.network(), result.masks()
    for name, weight in network.named_parameters():
        assert torch.equal(weight, source[name].detach() * masks[name])
    frozen = {
        name.replace("weight", "parametrizations.weight.original"): weight
        for name, weight in source.items()
    }
    assert result.frozen_sha256 == tensor_digest(frozen)
    images = dataset.normalised(torch.from_numpy(dataset.test.images))
    right = network(images).argmax(1) == torch.from_numpy(dataset.test.labels)
    assert float(right.double().mean()) == pytest.approx(result.test_accuracy)
    assert result.test_accuracy > 0.85


@pytest.mark.parametrize(
    "config",
    [
        settings(epochs=4),
        settings(epochs=4, scope=Scope.GLOBAL, schedule=Schedule.LINEAR),
        settings("learned-supermask", epochs=4),
        replace(settings("iterand", epochs=4), method=IteRand(period=2, fraction=0.5)),
        settings("gem-miner", epochs=4),
        settings("dense", epochs=4),
        settings(epochs=4, momentum=0.0),
        settings(model="resnet20", epochs=2),
    ],
    ids=lambda config: config.name,
)
def test_a_resumed_run_has_the_bits_of_an_uninterrupted_one(tmp_path, config):
    run(config, tmp_path / "whole")
    for num_epochs in {0, 1, config.epochs - 1}:
        with pytest.raises(Stopped):
            run(config, tmp_path / "parts", progress=stopping_after(num_epochs, 3))
        assert num_epochs_in(tmp_path / "parts") == num_epochs
        assert not (tmp_path / "parts" / RESULT).exists()
    run(config, tmp_path / "parts")
    assert end_state(tmp_path / "parts") == end_state(tmp_path / "whole")
    masks = [load_tensors(tmp_path / part / MASKS) for part in ("parts", "whole")]
    assert masks[0][1] == masks[1][1]
    assert tensor_digest(masks[0][0]) == tensor_digest(masks[1][0])


def test_a_torn_line_of_metrics_is_mended(tmp_path):
    config = settings(epochs=3)
    with pytest.raises(Stopped):
        run(config, tmp_path, progress=stopping_after(2, 3))
    with (tmp_path / FILE_NAME).open("a") as file:
        file.write('{"epoch": 3, "lo')
    run(config, tmp_path)
    lines = (tmp_path / FILE_NAME).read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]


def test_what_is_done_is_not_repeated(tmp_path, monkeypatch):
    config = settings()
    first = run(config, tmp_path)
    monkeypatch.setattr(experiment, "Training", None)
    again = run(config, tmp_path)
    assert again.to_json() == first.to_json()
    with pytest.raises(TypeError):
        run(config, tmp_path, resume=False)


def test_a_fresh_start_replaces_what_is_there(tmp_path):
    run(settings(seed=1), tmp_path)
    result = run(settings(), tmp_path, resume=False)
    assert run(settings(), tmp_path).to_json() == result.to_json()


def test_files_of_another_configuration_are_refused(tmp_path):
    with pytest.raises(Stopped):
        run(settings(), tmp_path, progress=stopping_after(1, 3))
    before = (tmp_path / CHECKPOINT).read_bytes()
    with pytest.raises(InvalidInputError, match=r"another configuration \(density, seed\)"):
        run(settings(density=0.25, seed=2), tmp_path)
    assert (tmp_path / CHECKPOINT).read_bytes() == before
    result = run(settings(), tmp_path)
    with pytest.raises(InvalidInputError, match=r"another configuration \(scope\)"):
        run(settings(scope=Scope.GLOBAL), tmp_path)
    run(settings(seed=2), tmp_path / "other")
    (tmp_path / "other" / MASKS).replace(tmp_path / MASKS)
    with pytest.raises(InvalidInputError, match=r"another configuration \(seed\)"):
        result.masks()


@pytest.mark.parametrize("place", [0, 200, -1])
def test_a_damaged_checkpoint_is_refused(tmp_path, place):
    with pytest.raises(Stopped):
        run(settings(), tmp_path, progress=stopping_after(1, 3))
    content = bytearray((tmp_path / CHECKPOINT).read_bytes())
    content[place] ^= 1
    (tmp_path / CHECKPOINT).write_bytes(content)
    with pytest.raises(InvalidInputError):
        run(settings(), tmp_path)
    (tmp_path / CHECKPOINT).write_bytes(content[:1000])
    with pytest.raises(InvalidInputError, match="as they were written"):
        run(settings(), tmp_path)


def test_a_damaged_result_is_refused(tmp_path):
    (tmp_path / RESULT).write_text('{"config": ')
    with pytest.raises(InvalidInputError, match="no result of a run"):
        run(settings(), tmp_path)


def test_a_file_in_the_way_is_bad_input(tmp_path):
    (tmp_path / "file").write_text("")
    for directory in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(InvalidInputError, match=r"'directory'.*file is in the way"):
            run(settings(), directory)


def test_a_file_that_cannot_be_written_is_the_machines_fault(tmp_path):
    (tmp_path / "run" / FILE_NAME).mkdir(parents=True)
    with pytest.raises(MachineError, match=r"Could not write .*metrics\.jsonl"):
        run(settings(), tmp_path / "run")


def test_what_is_asked_for_is_checked_before_what_is_there(tmp_path, monkeypatch):
    """No GPU and no TensorBoard are errors, even where the result is there; nothing is touched."""
    config = settings(epochs=1)
    run(config, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    for resume in (True, False):
        with pytest.raises(InvalidInputError, match="torch sees no GPU"):
            run(config, tmp_path, device="cuda", resume=resume)
        with pytest.raises(InvalidInputError, match="pip install tensorboard"):
            run(config, tmp_path, has_tensorboard=True, resume=resume)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_crash_while_writing_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    config = settings()
    with pytest.raises(Stopped):
        run(config, tmp_path, progress=stopping_after(1, 3))
    before = (tmp_path / CHECKPOINT).read_bytes()

    def crash(file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", crash)
    with pytest.raises(MachineError, match=r"No space left on device\. Free some space"):
        run(config, tmp_path)
    assert (tmp_path / CHECKPOINT).read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {CHECKPOINT, FILE_NAME}
    (outcome,) = run_many([config], tmp_path / "many", executor=InThisProcess())
    assert isinstance(outcome.error, MachineError)
    assert not (outcome.directory / FAILURE).exists()  # it could not be written either


@pytest.mark.parametrize("method", ["edge-popup", "biprop", "dense"])
def test_divergence_stops_with_the_last_good_checkpoint(tmp_path, monkeypatch, method):
    config = settings(method)
    with pytest.raises(Stopped):
        run(config, tmp_path, progress=stopping_after(1, 3))
    before = (tmp_path / CHECKPOINT).read_bytes()
    monkeypatch.setattr(SearchConfig, "learning_rate_at", lambda self, epoch: 1e38)
    with pytest.raises(TrainingDiverged, match=r"epoch 2 .* holds epoch 1"):
        run(config, tmp_path)
    assert (tmp_path / CHECKPOINT).read_bytes() == before
    assert not (tmp_path / RESULT).exists()
    with pytest.raises(TrainingDiverged, match="No epoch was done"):
        run(config, tmp_path / "other")


@pytest.mark.parametrize(
    ("loss", "score", "what"),
    [(float("nan"), 0.0, "the loss"), (1.0, float("inf"), "a score or weight")],
)
def test_loss_and_scores_must_both_be_finite(monkeypatch, loss, score, what):
    training = Training(settings(), dataset_named("digits"), device=CPU)

    def train(epoch, step_done):
        training.trained()[0].data[0, 0] = score
        return loss, 0

    monkeypatch.setattr(training, "_train", train)
    with pytest.raises(TrainingDiverged, match=f"In epoch 2 {what} became NaN or infinite"):
        training.train_epoch(1)


def test_steps_are_counted_and_the_density_moves(tmp_path):
    config = settings(epochs=4, schedule=Schedule.LINEAR, density=0.2)
    result = run(config, tmp_path)
    assert [line["density"] for line in result.metrics] == pytest.approx([0.8, 0.6, 0.4, 0.2])
    assert result.metrics[1]["densities"] == pytest.approx({"1.weight": 0.6, "3.weight": 0.6})
    checkpoint = Checkpoint.load(tmp_path / CHECKPOINT, config)
    counts = [int(value) for name, value in checkpoint.network.items() if "num_steps" in name]
    assert counts == [12, 12]  # four epochs of three batches


def test_the_penalty_of_a_method_is_trained_on():
    digits = dataset_named("digits")
    losses = []
    for factor in (0.0, 1.0):
        config = replace(settings("gem-miner"), method=GemMiner(l2=factor))
        training = Training(config, digits, device=CPU)
        images, labels = next(training.data.training_batches(0, seed=0))
        before = sum(float(scores.detach().square().sum()) for scores in training.trained())
        losses.append(float(training.step(images, labels)[0]))
    assert losses[1] == pytest.approx(losses[0] + before, rel=1e-5)


def test_no_global_generator_is_touched(tmp_path):
    random.seed(1)
    np.random.seed(2)  # noqa: NPY002
    torch.manual_seed(3)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # noqa: NPY002
    run(settings("learned-supermask"), tmp_path / "1")
    random.seed(9)
    torch.manual_seed(9)
    run(settings("learned-supermask"), tmp_path / "2")
    random.seed(1)
    torch.manual_seed(3)
    assert before[0] == random.getstate()
    assert before[1] == np.random.get_state()[1].tolist()  # noqa: NPY002
    assert torch.equal(before[2], torch.get_rng_state())
    assert end_state(tmp_path / "1") == end_state(tmp_path / "2")


def test_products_in_bfloat16_are_another_computation(tmp_path):
    exact = run(settings(), tmp_path / "1")
    rounded = run(settings(precision=Precision.BFLOAT16), tmp_path / "2")
    assert exact.metrics[0]["loss"] != rounded.metrics[0]["loss"]
    assert exact.metrics[0]["loss"] == pytest.approx(rounded.metrics[0]["loss"], rel=0.02)
    tensors, _ = load_tensors(tmp_path / "2" / CHECKPOINT)
    assert torch.bfloat16 not in {tensor.dtype for tensor in tensors.values()}
    with autocast(settings(), CPU):
        assert not torch.is_autocast_enabled("cpu")


# --- devices and execution


def test_devices(monkeypatch):
    assert device_named("cpu") == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_named("auto") == CPU
    with pytest.raises(InvalidInputError, match="torch sees no GPU"):
        device_named("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_named("auto") == device_named("cuda") == torch.device("cuda:0")
    assert device_named("cuda:1") == torch.device("cuda:1")
    with pytest.raises(InvalidInputError, match="cuda:1"):
        device_named("cuda:2")


def test_execution_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="eager without a GPU"):
        run(settings(), tmp_path / "run", device="cpu", execution=Execution.COMPILED)
    assert not (tmp_path / "run").exists()
    gpu = torch.device("cuda:0")
    check_execution(Execution.CAPTURED, settings(), gpu)
    check_execution(Execution.COMPILED, settings("learned-supermask"), gpu)
    for config in (settings("learned-supermask"), settings(schedule=Schedule.LINEAR)):
        with pytest.raises(InvalidInputError, match="masks are drawn or the density moves"):
            check_execution(Execution.CAPTURED, config, gpu)


def test_a_network_too_large_for_the_images_leaves_nothing(tmp_path):
    with pytest.raises(InvalidInputError, match="large enough"):
        run(settings(model="lenet-5-caffe"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


# --- TensorBoard


def test_tensorboard_gets_the_metrics(tmp_path, monkeypatch):
    calls = []

    class Writer:
        def __init__(self, directory, purge_step):
            calls.append((directory, purge_step))

        def add_scalar(self, name, value, epoch):
            calls.append((name, epoch))

        def flush(self):
            calls.append("flush")

        def close(self):
            calls.append("close")

    fake = types.ModuleType("torch.utils.tensorboard")
    fake.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", fake)
    run(settings(epochs=1), tmp_path, has_tensorboard=True)
    assert calls[0] == (str(tmp_path / "tensorboard"), 1)
    assert ("test_accuracy", 1) in calls
    assert calls[-2:] == ["flush", "close"]


def test_tensorboard_that_is_not_there_is_bad_input(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InvalidInputError, match="pip install tensorboard"):
        MetricsLog(tmp_path, [], has_tensorboard=True)


# --- several runs


def failing_for_seed_1(config, directory):
    if config.seed == 1:
        raise TrainingDiverged("as the test wants it")
    return run(config, directory)


def several(count=3):
    return [settings(seed=seed) for seed in range(count)]


@pytest.mark.parametrize(
    "executor", [InThisProcess(), ThreadPoolExecutor(2)], ids=lambda e: type(e).__name__
)
def test_one_failure_stops_no_other_run(tmp_path, executor):
    seen = []
    outcomes = run_many(
        several(),
        tmp_path,
        run=failing_for_seed_1,
        executor=executor,
        progress=lambda *update: seen.append(update),
    )
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    assert [outcome.config.seed for outcome in outcomes] == [0, 1, 2]
    failure = json.loads((outcomes[1].directory / FAILURE).read_text())
    assert failure["error"] == "TrainingDiverged"
    assert failure["message"] == "as the test wants it"
    assert failure["config"] == outcomes[1].config.to_json()
    assert "in failing_for_seed_1" in "".join(failure["traceback"])
    assert seen[0][0] == "epochs"
    assert {total for _, _, total in seen} == {6}
    again = run_many(several(), tmp_path, executor=executor)
    assert [outcome.result.config.seed for outcome in again] == [0, 1, 2]
    assert not (outcomes[1].directory / FAILURE).exists()


def test_runs_that_are_done_are_not_repeated(tmp_path, monkeypatch):
    run_many(several(2), tmp_path, executor=InThisProcess())
    monkeypatch.setattr(experiment, "Training", None)
    outcomes = run_many(several(2), tmp_path, executor=InThisProcess())
    assert all(outcome.error is None for outcome in outcomes)


def test_processes_are_the_default(tmp_path, monkeypatch):
    monkeypatch.setattr(many.os, "cpu_count", lambda: 1)
    good = settings(epochs=1)
    bad = settings(model="lenet-5-caffe")  # the digits are too small for it
    outcomes = run_many([good, bad], tmp_path)
    assert outcomes[0].error is None
    assert isinstance(outcomes[1].error, InvalidInputError)
    assert outcomes[1].error.parameter == "input_shape"
    assert not outcomes[1].directory.exists()
    here = run(good, tmp_path / "here")
    assert here.metrics[0]["test_accuracy"] == outcomes[0].result.metrics[0]["test_accuracy"]


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="not a POSIX system")
def test_processes_end_with_the_one_that_made_them():
    """It is killed without a chance to clean up; the worker is in the middle of a run."""
    script = (
        "import os, time\n"
        "from strongltn.training.processes import processes\n"
        "with processes(1) as pool:\n"
        "    print(pool.submit(os.getpid).result(), flush=True)\n"
        "    pool.submit(time.sleep, 60).result()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        worker = int(parent.stdout.readline())
        ignored = Path(f"/proc/{worker}/status")
        if ignored.exists():
            (line,) = [li for li in ignored.read_text().splitlines() if li.startswith("SigBlk")]
            assert int(line.split()[1], 16) >> (signal.SIGINT - 1) & 1  # Ctrl-C is the parent's
        began = time.monotonic()
        parent.kill()
        parent.stdout.read()  # until all that could write to it have ended
    assert time.monotonic() - began < 30


def test_interruption_cancels_what_has_not_begun(tmp_path):
    futures = []

    class Later(InThisProcess):
        def submit(self, fn, /, *args, **kwargs):
            futures.append(many.Future())
            return futures[-1]

    def interrupt(stage, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_many(several(), tmp_path, executor=Later(), progress=interrupt)
    assert all(future.cancelled() for future in futures)


@pytest.mark.parametrize("configs", [[], [settings(), settings()]])
def test_no_run_and_twice_the_same_are_refused(tmp_path, configs):
    with pytest.raises(InvalidInputError, match="no two the same"):
        run_many(configs, tmp_path, executor=InThisProcess())


# --- files and errors


def test_tensors_are_written_with_their_bits(tmp_path):
    tensors = {
        "b": torch.tensor([[0.1, float("-inf")], [-0.0, 3.0]]).T,
        "a": torch.tensor([True, False]),
        "c": torch.tensor(7),
    }
    save_tensors(tmp_path / "file", tensors, {"x": [1, None]})
    loaded, metadata = load_tensors(tmp_path / "file")
    assert metadata == {"x": [1, None]}
    assert tensor_digest(loaded) == tensor_digest(tensors)
    assert tensor_digest(tensors) != tensor_digest({**tensors, "c": torch.tensor(8)})
    assert tensor_digest(tensors) != tensor_digest({**tensors, "c": torch.tensor([7])})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with pytest.raises(InvalidInputError):
        load_tensors(tmp_path / "absent")


def test_the_same_content_is_the_same_file(tmp_path):
    tensors = {name: torch.arange(3.0) for name in "cab"}
    values = {name: [1, name] for name in "zyxwvu"}
    for name in ("one", "other"):
        save_tensors(tmp_path / name, tensors, values)
        tensors, values = (dict(reversed(part.items())) for part in (tensors, values))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_file_with_any_byte_altered_is_refused(tmp_path):
    path = tmp_path / "file"
    save_tensors(path, {"a": torch.tensor([True]), "b": torch.arange(3.0)}, {"metrics": [1, 2]})
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(InvalidInputError):
            load_tensors(path)


def test_a_checkpoint_is_of_this_moment(tmp_path):
    config = settings()
    training = Training(config, dataset_named("digits"), device=CPU)
    training.train_epoch(0)
    Checkpoint.of(training, ()).save(tmp_path / "file")
    other = Training(config, dataset_named("digits"), device=CPU)
    Checkpoint.load(tmp_path / "file", config).restore(other)
    for number, scores in enumerate(training.trained()):
        buffers = [t.optimizer.state_dict()["state"][number] for t in (training, other)]
        assert torch.equal(*(state["momentum_buffer"] for state in buffers))
        assert torch.equal(scores, other.trained()[number])


@pytest.mark.parametrize(
    "error",
    [
        InvalidInputError("density", got=2, allowed="in (0, 1]", hint="Less."),
        UnsolvedError("no subset", result=[1, 2]),
        TrainingDiverged("at once"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_errors_cross_processes_whole(error, protocol):
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.args == error.args
    assert vars(again) == vars(error)


def test_a_partial_of_run_is_what_a_process_can_be_given():
    assert pickle.loads(pickle.dumps(partial(run, device="cpu", resume=False))).func is run
