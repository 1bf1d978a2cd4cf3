"""The command `search`: exit codes, one JSON object, nothing repeated, nothing lost."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext

import pytest
import torch

from strongltn.bench import search as bench
from strongltn.cli import search as search_command
from strongltn.errors import TrainingDiverged
from strongltn.models.density import Schedule, Scope
from strongltn.models.initialization import Init
from strongltn.training import many
from strongltn.training.config import Execution, Precision
from strongltn.training.loop import Training

QUICK = ("--epochs", 1, "--batch-size", 512)


@pytest.fixture
def no_processes(monkeypatch):
    """Let what would be spread over processes run here: torch takes seconds to import."""
    monkeypatch.setattr(many, "processes", lambda num_workers: nullcontext(many.InThisProcess()))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_a_search_with_defaults(run, out):
    code, text, err = run("search", "edge-popup", "--out", out)
    assert code == 0, err
    assert "7,400 of 14,800 weights kept (50.00%)" in text
    assert float(text.split("%")[0]) > 90
    (folder,) = out.iterdir()
    assert {path.name for path in folder.iterdir()} == {
        "checkpoint.safetensors",
        "masks.safetensors",
        "metrics.jsonl",
        "result.json",
    }


def test_json_is_one_object_and_a_second_call_repeats_nothing(run, out):
    arguments = ("search", "biprop", *QUICK, "--density", 0.25, "--json", "--out", out)
    code, text, err = run(*arguments)
    report = json.loads(text)
    assert (code, err, report["failures"]) == (0, "", [])
    (row,) = report["runs"]
    assert row["density"] == 0.25
    assert row["seed"] == 0
    assert report["mean_test_accuracy"] == row["test_accuracy"]
    assert json.loads(run(*arguments)[1]) == report  # seconds, too
    assert json.loads(run(*arguments, "--fresh")[1]) != report


@pytest.mark.usefixtures("no_processes")
def test_several_seeds_are_several_runs(run, out):
    code, text, err = run(
        "search", "dense", *QUICK, "--seed", 3, "--seeds", "1,2", "--json", "--out", out
    )
    assert code == 0, err
    rows = json.loads(text)["runs"]
    assert [row["seed"] for row in rows] == [3, 1, 2]
    assert len({row["identity"] for row in rows}) == 3
    assert all(row["density"] == 1 for row in rows)
    _, lines, _ = run("search", "dense", *QUICK, "--seeds", "3,1,2", "--out", out)
    *_, mean, _, compared = lines.splitlines()
    assert mean.endswith("on average")
    assert compared.endswith("strongltn search edge-popup --model digits-fc --data digits")


def test_every_option_reaches_the_configuration(run, out, monkeypatch):
    seen = []

    def run_all(configs, directory, *, device, options):
        seen.append((configs, directory, device, options))
        return []

    monkeypatch.setattr(search_command, "_run_all", run_all)
    options = {
        "--model": "lenet-5-linear-diamond",
        "--data": "mnist",
        "--density": 0.3,
        "--epochs": 7,
        "--seeds": "5,6",
        "--lr": 0.4,
        "--batch-size": 9,
        "--momentum": 0.8,
        "--weight-decay": 0.01,
        "--init": "kaiming-normal",
        "--scope": "global",
        "--schedule": "cubic",
        "--precision": "bfloat16",
        "--device": "cuda",
        "--execution": "captured",
        "--out": out,
    }
    words = [word for pair in options.items() for word in pair]
    code, _, err = run("search", "edge-popup", *words, "--fresh", "--tensorboard")
    assert code == 0, err
    configs, directory, device, chosen = seen[0]
    assert [config.seed for config in configs] == [5, 6]
    config = configs[0]
    assert (config.model, config.data, config.density) == ("lenet-5-linear-diamond", "mnist", 0.3)
    assert (config.epochs, config.learning_rate, config.batch_size) == (7, 0.4, 9)
    assert (config.momentum, config.weight_decay) == (0.8, 0.01)
    assert (config.init, config.scope) == (Init.KAIMING_NORMAL, Scope.GLOBAL)
    assert (config.schedule, config.precision) == (Schedule.CUBIC, Precision.BFLOAT16)
    assert (directory, device) == (out, "cuda")
    assert chosen == {
        "execution": Execution.CAPTURED,
        "resume": False,
        "has_tensorboard": True,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("edge-popup", "--density", 0), "--density must be in (0, 1]"),
        (("edge-popup", "--density", 1.01), "--density must be in (0, 1]"),
        (("magic",), "edge-popup, biprop"),
        (("edge-popup", "--model", "magic"), "lenet-300-100, "),
        (("edge-popup", "--data", "magic"), "digits, mnist, cifar10"),
        (("edge-popup", "--seeds", "1;2"), "such as 0,1,2"),
        (("edge-popup", "--seeds", "1,2", "--seed", 1), "different from each other"),
        (("edge-popup", "--epochs", 0), "--epochs"),
        (("edge-popup", "--execution", "compiled"), "eager without a GPU"),
        (("edge-popup", "--data", "mnist"), "STRONGLTN_DATA"),
        (("dense", "--density", 0.5), "1 for a dense network"),
    ],
)
def test_bad_input_exits_with_2_and_leaves_nothing(
    run, out, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.setenv("STRONGLTN_DATA", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    code, text, err = run("search", *arguments, "--out", out)
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert not out.exists()
    assert text.strip() == ""


def test_a_gpu_that_is_not_there_is_an_error(run, out, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for seeds in ("0", "0,1"):
        code, _, err = run(
            "search", "edge-popup", "--device", "cuda", "--seeds", seeds, "--out", out
        )
        assert code == 2
        assert "torch sees no GPU here" in err
    assert not out.exists()


def test_a_gpu_that_is_not_there_is_one_where_the_result_is(run, out):
    assert run("search", "edge-popup", *QUICK, "--out", out)[0] == 0
    assert run("search", "edge-popup", *QUICK, "--out", out)[0] == 0
    code, text, err = run("search", "edge-popup", *QUICK, "--out", out, "--device", "cuda:7")
    assert (code, text) == (2, "")
    assert err.startswith("strongltn: --device must be one of auto, cpu")


@pytest.mark.usefixtures("no_processes")
def test_bad_input_is_said_once_for_all_runs(run, out, monkeypatch, tmp_path):
    monkeypatch.setenv("STRONGLTN_DATA", str(tmp_path))
    code, text, err = run("search", "dense", "--data", "mnist", "--seeds", "0,1,2", "--out", out)
    assert (code, text) == (2, "")
    assert err.count("STRONGLTN_DATA") == 1
    assert str(out) not in err


@pytest.mark.parametrize(
    ("error", "expected", "message"),
    [
        (OSError(28, "No space left on device", "file"), 3, "No space left on device: file"),
        (RuntimeError("CUDA out of memory"), 3, "memory does not suffice: CUDA out of memory"),
        (RuntimeError("odd"), 4, "this is a bug in strongltn, please report it: RuntimeError: odd"),
    ],
)
def test_an_error_that_nobody_foresaw_is_no_success_and_no_traceback(
    run, out, monkeypatch, error, expected, message
):
    def fail(self, epoch, *, step_done):
        raise error

    monkeypatch.setattr("strongltn.training.loop.Training.train_epoch", fail)
    code, text, err = run("search", "edge-popup", *QUICK, "--out", out)
    assert (code, text) == (expected, "")
    assert message in err
    assert "Traceback" not in err
    (path,) = out.glob("*/failure.json")
    assert "Traceback" in json.loads(path.read_text())["traceback"][0]


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt, 130), (SystemExit, 143)])
def test_a_run_that_is_stopped_says_how_to_go_on(run, out, monkeypatch, stop, code):
    whole = run("search", "edge-popup", "--epochs", 2, "--json", "--out", out / "whole")[1]
    train = Training.train_epoch

    def stopped(self, epoch, *, step_done):
        if epoch == 1:
            raise stop(*([143] if stop is SystemExit else []))
        return train(self, epoch, step_done=step_done)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "train_epoch", stopped)
        found = run("search", "edge-popup", "--epochs", 2, "--out", out)
    assert found[:2] == (code, "")
    assert "the same command goes on after the last whole epoch" in found[2]
    rest = run("search", "edge-popup", "--epochs", 2, "--json", "--out", out)[1]
    runs = [json.loads(text)["runs"][0] for text in (whole, rest)]
    assert runs[0]["test_accuracy"] == runs[1]["test_accuracy"]


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="not a POSIX system")
def test_ctrl_c_for_all_processes_of_a_search_is_one_line(out):
    """Found: a second Ctrl-C printed tracebacks. Here two come at once, to workers as well."""
    command = [sys.executable, "-m", "strongltn", "search", "edge-popup", "--epochs", "100000"]
    with subprocess.Popen(
        [*command, "--seeds", "0,1", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + 120
        while not any(path.stat().st_size for path in out.glob("*/metrics.jsonl")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for _ in range(2):
            os.killpg(process.pid, signal.SIGINT)
        text, err = process.communicate(timeout=60)
    assert (process.returncode, text) == (130, "")
    assert err == "strongltn: stopped; the same command goes on after the last whole epoch.\n"


def test_a_run_that_fails_is_no_success(run, out, monkeypatch):
    def diverge(self, epoch, *, step_done):
        raise TrainingDiverged("The loss became NaN.")

    monkeypatch.setattr("strongltn.training.loop.Training.train_epoch", diverge)
    code, text, err = run("search", "edge-popup", *QUICK, "--json", "--out", out)
    report = json.loads(text)
    assert code == 1
    assert report["runs"] == []
    assert report["mean_test_accuracy"] is None
    assert report["failures"][0]["error"] == "TrainingDiverged"
    assert "The loss became NaN. No epoch was done." in err


def test_download_asks_for_the_data_first(run, out, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "strongltn.datasets.catalogue.dataset_named",
        lambda name, **options: asked.append((name, options)),
    )
    code, _, err = run("search", "edge-popup", *QUICK, "--download", "--out", out)
    assert code == 0, err
    assert asked == [("digits", {"download": True})]


def test_bench_search_compares_three_steps(run, monkeypatch):
    monkeypatch.setattr(bench, "MODELS", {"digits-fc": 2})
    code, text, err = run("bench", "search", "--quick", "--json")
    assert code == 0, err
    report = json.loads(text)
    assert [row["name"] for row in report["steps"]] == ["dense", "edge-popup", "full sort"]
    of = {row["name"]: row for row in report["steps"]}
    (ratio,) = report["ratios"]
    for key, clock in (("cpu", "cpu_seconds"), ("wall_all_cores", "wall_seconds_all_cores")):
        ours = of["edge-popup"][clock]
        assert ratio[key]["of_dense"] == ours / of["dense"][clock]
        assert ratio[key]["sorting"] == of["full sort"][clock] / ours
    lines = bench.report_lines(report)
    assert len(lines) == 5
    assert "x as fast as sorting" in lines[-1]


def test_the_sorted_mask_is_that_of_edge_popup():
    weight = torch.ones(3, 4)
    layer = bench._SortedWeight(weight, bench.named_generator(0, name="test"))
    effective = layer(weight)
    order = layer.scores.detach().abs().flatten().sort().values
    assert effective.count_nonzero() == 6
    assert torch.equal(effective != 0, layer.scores.abs() >= order[6])
    (effective * torch.arange(12.0).view(3, 4)).sum().backward()
    assert torch.equal(layer.scores.grad, torch.arange(12.0).view(3, 4) * layer.scores.sign())
