"""The same bits whatever state the user's process is in, and that state as it was afterwards."""

import decimal
import hashlib
import json
import os
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from strongltn import Ball, Box, PrunedNetwork, TargetNetwork, certify_ticket, prune
from strongltn.certify import Attack, CertifySettings
from strongltn.datasets.images import load_digits
from strongltn.groundtruth import (
    Examples,
    Objective,
    RecoverySettings,
    circle,
    plant,
    recover,
)
from strongltn.networks import LinearLayer
from strongltn.networks.target import load_target
from strongltn.networks.ticket_directory import ticket_files
from strongltn.pipeline.demo import train_network
from strongltn.process.default_state import in_default_state, one_thread
from strongltn.search import EdgePopup, SearchConfig, run
from strongltn.subset_sum import SubsetSumProblem, solve
from strongltn.training.checkpoint import tensor_digest
from strongltn.training.epochs import Training

ROOT = Path(__file__).parents[3]
QUICK = CertifySettings(attack=Attack(num_restarts=4, num_steps=20))


def digest(content):
    return hashlib.sha256(content).hexdigest()[:16]


def network(*widths):
    rng = np.random.default_rng(7)
    layers = []
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        weight = rng.normal(size=(outputs, inputs)).astype(np.float32)
        layers.append(LinearLayer(f"fc{i}", weight, rng.normal(size=outputs).astype(np.float32)))
    return TargetNetwork(tuple(layers))


def weights_of(target):
    return b"".join(layer.weight.tobytes() for layer in target.layers)


def made_of_tickets(folder):
    """Masks, certificates and witnesses of small networks, and what torch makes of them."""
    target = network(4, 3, 2)
    result = prune(target, num_samples=8, domain=Box(), settings=QUICK)
    files = ticket_files(target, result.ticket)
    files |= result.certificate.to_files(files["ticket.json"])
    tight = certify_ticket(target, result.ticket, Ball(), settings=replace(QUICK, is_tight=True))
    module = target.to_module()
    torch.save(module.state_dict(), folder / "target.pt")
    read = [load_target(folder / "target.pt"), TargetNetwork.from_module(module)]
    weights = [
        b"".join(layer.weight.tobytes() for layer in each.layers) for each in (target, *read)
    ]
    assert len(set(weights)) == 1
    pruned = PrunedNetwork(result.ticket).state_dict()
    return {name: digest(content) for name, content in files.items()} | {
        "tight": digest(b"".join(tight.to_files(files["ticket.json"]).values())),
        "pruned": tensor_digest(pruned),
        "report": digest(json.dumps(result.report() | {"seconds": 0}).encode()),
    }


def searched(*, epochs):
    return SearchConfig(
        method=EdgePopup(),
        model="digits-fc",
        data="digits",
        density=0.5,
        epochs=epochs,
        seed=0,
        batch_size=512,
    )


def made_by_search(folder, *, epochs=1):
    """Masks and metrics of a short run, and the network that is read back from its files."""
    config = searched(epochs=epochs)
    result = run(config, folder / config.name, device="cpu")
    metrics = [result.metrics[-1][name] for name in ("loss", "train_accuracy", "test_accuracy")]
    return {
        "identity": config.identity,
        "masks": digest((folder / config.name / "masks.safetensors").read_bytes()),
        "masks read": tensor_digest(result.masks()),
        "network": tensor_digest(result.network().state_dict()),
        "frozen": result.frozen_sha256,
        "metrics": repr(metrics),
    }


def made_otherwise(folder):
    """Training, ground truth, and a subset sum of the smallest numbers that there are."""
    train, _ = load_digits(seed=0)
    trained = train_network(train, widths=(64, 8, 10), epochs=1, seed=0)
    truth = plant(circle(), (12,), seed=0)
    examples = Examples.in_cube(truth.target, count=64, seed=0, has_constant=True, has_classes=True)
    settings = RecoverySettings(num_steps=5, objective=Objective.CLASSIFY)
    found = recover(truth, examples, seed=0, settings=settings)
    tiny = solve(SubsetSumProblem([5e-324, -1e-323, 1.5e-323], 1e-323))
    return {
        "trained": digest(weights_of(trained)),
        "found": repr((digest(np.concatenate(found.masks, axis=None).tobytes()), found.agreement)),
        "tiny": repr((tiny.mask.tolist(), tiny.exact_error)),
    }


def everything(folder):
    return made_of_tickets(folder) | made_by_search(folder) | made_otherwise(folder)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What a process in its first state makes."""
    return everything(tmp_path_factory.mktemp("expected"))


@contextmanager
def changed(getter, setter, value):
    before = getter()
    setter(value)
    try:
        yield
    finally:
        setter(before)


@contextmanager
def attribute(owner, name, value):
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def default_device(name):
    torch.set_default_device(name)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextmanager
def seeds():
    """Global generators that stand elsewhere."""
    state, numpy_state = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    torch.manual_seed(123)
    np.random.seed(123)  # noqa: NPY002
    yield
    torch.set_rng_state(state)
    np.random.set_state(numpy_state)  # noqa: NPY002


@contextmanager
def flushed_denormals():
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def numbers_of_decimals():
    return decimal.localcontext(decimal.Context(prec=2, traps=[decimal.Inexact, decimal.Rounded]))


STATES = {
    "no gradients": torch.no_grad,
    "inference mode": torch.inference_mode,
    "float64 by default": lambda: changed(
        torch.get_default_dtype, torch.set_default_dtype, torch.float64
    ),
    "float16 by default": lambda: changed(
        torch.get_default_dtype, torch.set_default_dtype, torch.float16
    ),
    "meta by default": lambda: default_device("meta"),
    "in the context of meta": lambda: torch.device("meta"),
    "deterministic": lambda: changed(
        torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms, True
    ),
    "medium products": lambda: changed(
        torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "medium"
    ),
    "bfloat16 products": lambda: attribute(torch.backends.mkldnn.matmul, "fp32_precision", "bf16"),
    "coarse everything": lambda: attribute(torch.backends, "fp32_precision", "tf32"),
    "without oneDNN": lambda: attribute(torch.backends.mkldnn, "enabled", False),
    "benchmarks of cuDNN": lambda: attribute(torch.backends.cudnn, "benchmark", True),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "anomalies": lambda: torch.autograd.set_detect_anomaly(True),
    "no denormals": flushed_denormals,
    "traps of numpy": lambda: np.errstate(all="raise"),
    "print options": lambda: np.printoptions(precision=1, threshold=2, legacy="1.13"),
    "decimals": numbers_of_decimals,
    "short integers": lambda: changed(sys.get_int_max_str_digits, sys.set_int_max_str_digits, 640),
    "seeds": seeds,
}


def state_of_process():
    """Return all that a test below may find changed."""
    return {
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "precision": [
            op.fp32_precision.replace("none", "ieee")  # which are the same
            for backend in (torch.backends.mkldnn, torch.backends.cuda, torch.backends.cudnn)
            for op in (getattr(backend, name, None) for name in ("matmul", "conv", "rnn"))
            if op is not None
        ],
        "generic precision": torch.backends.fp32_precision,
        "onednn": torch.backends.mkldnn.enabled,
        "cudnn": (torch.backends.cudnn.enabled, torch.backends.cudnn.benchmark),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        "anomalies": (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        "flush": sys.float_info.min / 2 == 0.0,
        "numpy": np.geterr(),
        "threads": torch.get_num_threads(),
        "seed": digest(torch.get_rng_state().numpy().tobytes()),
        "numpy seed": digest(np.random.get_state()[1].tobytes()),  # noqa: NPY002
    }


@pytest.mark.parametrize("name", STATES)
def test_no_state_of_the_process_changes_a_bit_or_is_changed(expected, tmp_path, name):
    fresh = state_of_process()
    with STATES[name]():
        before = state_of_process()
        found = everything(tmp_path)
        after = state_of_process()
    assert found == expected
    assert after == before
    assert state_of_process() == fresh


@pytest.mark.parametrize("count", [2, 3])
def test_the_number_of_threads_changes_no_certificate(tmp_path, count):
    """Found: the witness of a norm depended on the threads of OpenBLAS from 100 neurons on."""
    target = network(160, 120, 4)

    def made():
        result = prune(target, num_samples=3, settings=QUICK)
        return result.certificate.to_files(ticket_files(target, result.ticket)["ticket.json"])

    with threadpool_limits(1):
        expected = made()
    with threadpool_limits(count), changed(torch.get_num_threads, torch.set_num_threads, count):
        assert made() == expected
        assert torch.get_num_threads() == count


def test_a_search_records_its_threads(tmp_path):
    with changed(torch.get_num_threads, torch.set_num_threads, 2):
        config = searched(epochs=1)
        assert run(config, tmp_path, device="cpu").metrics[0]["threads"] == 2


@pytest.mark.parametrize("name", ["inference mode", "float64 by default", "bfloat16 products"])
def test_a_run_begun_in_another_state_goes_on_to_the_same_bits(tmp_path, monkeypatch, name):
    whole = made_by_search(tmp_path / "whole", epochs=2)
    train = Training.train_epoch

    def stopped(self, epoch, *, step_done):
        if epoch == 1:
            raise KeyboardInterrupt
        return train(self, epoch, step_done=step_done)

    with monkeypatch.context() as patch, STATES[name]():
        patch.setattr(Training, "train_epoch", stopped)
        with pytest.raises(KeyboardInterrupt):
            made_by_search(tmp_path / "parts", epochs=2)
    assert made_by_search(tmp_path / "parts", epochs=2) == whole


@pytest.mark.parametrize("name", STATES)
def test_after_an_error_the_state_is_the_users(name):
    @in_default_state()
    def fail():
        raise ZeroDivisionError

    with STATES[name]():
        before = state_of_process()
        with pytest.raises(ZeroDivisionError):
            fail()
        assert state_of_process() == before


def test_the_default_state_is_that_of_a_fresh_process():
    with ExitStack() as stack:
        fresh = state_of_process() | {"seed": None, "numpy seed": None}
        for name in (
            "no gradients",
            "float64 by default",
            "meta by default",
            "medium products",
            "without oneDNN",
            "autocast",
            "anomalies",
            "no denormals",
            "traps of numpy",
        ):
            stack.enter_context(STATES[name]())
        with in_default_state(), in_default_state():
            inside = state_of_process() | {"seed": None, "numpy seed": None}
    for each in (fresh, inside):
        each["autocast"] = each["autocast"][0]
        each["anomalies"] = each["anomalies"][0]
    assert inside == fresh


def test_threads_that_overlap_leave_the_process_as_it_was():
    """Found in the obvious way to write it: the last thread to leave restored what was ours."""
    first, second = threading.Event(), threading.Event()
    seen = []

    def early():
        with in_default_state(), one_thread():
            first.set()
            second.wait(10)

    def late():
        first.wait(10)
        with in_default_state(), one_thread():
            second.set()
            threads[0].join(10)
            seen.append((torch.get_default_dtype(), [np.geterr()["over"]], blas_threads()))

    before = blas_threads()
    with STATES["float64 by default"]():
        threads = [threading.Thread(target=target) for target in (early, late)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert torch.get_default_dtype() is torch.float64
    assert seen == [(torch.float32, ["warn"], {1})]
    assert blas_threads() == before


def blas_threads():
    return {entry["num_threads"] for entry in threadpool_info() if entry["user_api"] == "blas"}


ENVIRONMENTS = {
    "optimised in C": {
        "PYTHONOPTIMIZE": "1",
        "PYTHONHASHSEED": "1",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONWARNINGS": "error",
    },
    "threads and hash": {
        "OMP_NUM_THREADS": "2",
        "OPENBLAS_NUM_THREADS": "2",
        "MKL_NUM_THREADS": "2",
        "PYTHONHASHSEED": "2",
    },
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_no_state_of_another_interpreter_changes_a_bit(expected, tmp_path, name):
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT), **ENVIRONMENTS[name]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == {name: expected[name] for name in found}


if __name__ == "__main__":  # in a process of its own, for what is fixed at its start
    print(json.dumps(everything(Path(sys.argv[1]))))
