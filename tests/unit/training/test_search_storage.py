"""The files of a run: nothing foreign touched, nothing lost, nothing believed that was changed."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from strongltn.errors import InvalidInputError, MachineError
from strongltn.search.config import settings_of
from strongltn.storage import in_use, partial
from strongltn.training import fresh
from strongltn.training.checkpoint import load_tensors, save_tensors
from strongltn.training.many import FAILURE, InThisProcess, run_many
from strongltn.training.metrics import FILE_NAME
from strongltn.training.run import CHECKPOINT, MASKS, RESULT, run

ROOT = Path(__file__).parents[3]
CONFIG = settings_of("edge-popup", epochs=2, batch_size=512)


class Stopped(Exception):
    """An interruption that a test makes."""


class Killed(BaseException):
    """A kill, as far as a test can make one in its process."""


def stop_after(num_epochs):
    def progress(stage, done, total):
        if done == num_epochs * 3 + 1:
            raise Stopped

    return progress


def begun(directory, *, num_epochs=1, config=CONFIG, **options):
    """A run that was interrupted after some epochs."""
    with pytest.raises(Stopped):
        run(config, directory, progress=stop_after(num_epochs), **options)
    return directory


def content(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def epochs_in(directory):
    return [json.loads(line)["epoch"] for line in (directory / FILE_NAME).read_text().splitlines()]


# --- one command at a time


def test_a_second_search_of_a_run_is_refused(tmp_path):
    def progress(stage, done, total):
        for resume in (True, False):
            with pytest.raises(InvalidInputError, match="another strongltn command is at work"):
                run(CONFIG, tmp_path / "run", resume=resume)

    run(CONFIG, tmp_path / "run", progress=progress)
    assert epochs_in(tmp_path / "run") == [1, 2]


@pytest.fixture
def search(run, tmp_path):
    """Call the command line in this process; return (exit code, stderr)."""
    words = ["search", "edge-popup", "--epochs", "2", "--batch-size", "512"]
    return lambda: run(*words, "--out", tmp_path / "out")[::2]


def test_a_second_command_is_exit_2(tmp_path, search):
    directory = tmp_path / "out" / CONFIG.name
    directory.mkdir(parents=True)
    with in_use(directory, parameter="directory"):
        code, err = search()
    assert code == 2
    assert "another strongltn command is at work" in err
    assert "Traceback" not in err
    assert list(directory.iterdir()) == []


def test_a_directory_that_is_moved_away_is_not_locked_for_its_name(tmp_path, monkeypatch):
    """Between opening and locking, another command may have moved it aside."""
    (tmp_path / "run").mkdir()
    lock = partial.lock

    def late(file):
        (tmp_path / "run").rename(tmp_path / "away")
        (tmp_path / "run").mkdir()
        return lock(file)

    monkeypatch.setattr("strongltn.storage.directories.lock", late)
    with pytest.raises(InvalidInputError, match="at work"), in_use(tmp_path / "run", parameter="x"):
        pass


# --- links, pipes, full disks


@pytest.mark.parametrize("name", [CHECKPOINT, FILE_NAME, MASKS, RESULT, FAILURE])
def test_nothing_is_written_through_a_link(tmp_path, name):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    directory = tmp_path / "runs" / CONFIG.name
    directory.mkdir(parents=True)
    (directory / name).symlink_to(precious)
    run_many([CONFIG], tmp_path / "runs", run=diverging, executor=InThisProcess())
    run_many([CONFIG], tmp_path / "runs", executor=InThisProcess())
    assert precious.read_text() == "mine"


def diverging(config, directory):
    raise ZeroDivisionError("as the test wants it")


@pytest.mark.parametrize("name", [CHECKPOINT, RESULT, MASKS])
def test_files_outside_are_not_read(tmp_path, name):
    result = run(CONFIG, tmp_path / "run")
    (tmp_path / "run" / name).rename(tmp_path / name)
    (tmp_path / "run" / name).symlink_to(tmp_path / name)
    with pytest.raises(InvalidInputError, match="a link to"):
        {CHECKPOINT: result.network, MASKS: result.masks}.get(
            name, lambda: run(CONFIG, tmp_path / "run")
        )()


@pytest.mark.parametrize("name", [CHECKPOINT, RESULT, FILE_NAME])
def test_pipes_are_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    if name == FILE_NAME:  # it is written, and replaced by that
        run(CONFIG, tmp_path)
        assert epochs_in(tmp_path) == [1, 2]
        return
    with pytest.raises(InvalidInputError, match="pipe"):
        run(CONFIG, tmp_path)


def test_a_tensorboard_folder_elsewhere_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("strongltn.training.metrics.summary_writer_type", lambda: None)
    monkeypatch.setattr("strongltn.training.run.summary_writer_type", lambda: None)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "tensorboard").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidInputError, match="symbolic link"):
        run(CONFIG, tmp_path / "run", has_tensorboard=True)


def test_short_writes_lose_nothing(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, bytes(data[:4096])))
    result = run(CONFIG, tmp_path)
    assert epochs_in(tmp_path) == [1, 2]
    assert run(CONFIG, tmp_path).to_json() == result.to_json()


def test_a_full_disk_keeps_the_last_epoch(tmp_path, monkeypatch):
    begun(tmp_path)
    before = content(tmp_path)

    def refuse(file, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as context:
        context.setattr(os, "write", refuse)
        with pytest.raises(MachineError, match="No space left"):
            run(CONFIG, tmp_path)
    assert content(tmp_path) == before
    run(CONFIG, tmp_path)
    assert epochs_in(tmp_path) == [1, 2]


def test_a_file_size_limit_is_exit_3(tmp_path, search):
    run(CONFIG, tmp_path / "warm")  # what is compiled is kept in files, too
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 13, limits[1]))
    try:
        code, err = search()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 3, err
    assert "ulimit -f" in err
    assert "Traceback" not in err
    assert list((tmp_path / "out").rglob(".strongltn*")) == []
    assert search()[0] == 0


def test_a_name_that_is_too_long_is_the_machines_fault(tmp_path):
    with pytest.raises(MachineError, match="Choose a shorter name"):
        run(CONFIG, tmp_path / ("x" * 300))


def test_what_a_kill_has_left_is_removed(tmp_path):
    begun(tmp_path)
    for name in (CHECKPOINT, FILE_NAME, MASKS, RESULT):
        (tmp_path / partial.partial_name(name)).write_bytes(b"half")
    run(CONFIG, tmp_path)
    assert set(content(tmp_path)) == {CHECKPOINT, FILE_NAME, MASKS, RESULT}


# --- what is believed


def edit(path, change):
    report = json.loads(path.read_text())
    change(report)
    path.write_text(json.dumps(report))


def flatter(report):
    report["epochs"][-1]["test_accuracy"] = report["test_accuracy"] = 0.999


def thin_out(report):
    report["num_kept"] -= 100
    report["density"] = report["num_kept"] / report["num_weights"]


def exchange(report):
    report["frozen_sha256"] = "0" * 64


EDITS = [flatter, thin_out, exchange]


@pytest.mark.parametrize("change", EDITS)
def test_an_edited_result_is_refused(tmp_path, change):
    run(CONFIG, tmp_path)
    edit(tmp_path / RESULT, change)
    with pytest.raises(InvalidInputError, match="it was changed"):
        run(CONFIG, tmp_path)


@pytest.mark.parametrize("change", EDITS)
def test_an_edited_result_of_an_earlier_version_is_refused(tmp_path, change):
    """It has no digest, but checkpoint and masks have."""
    run(CONFIG, tmp_path)
    edit(tmp_path / RESULT, lambda report: (report.pop("digest"), change(report)))
    with pytest.raises(InvalidInputError, match="says otherwise"):
        run(CONFIG, tmp_path)


@pytest.mark.parametrize("method", ["edge-popup", "dense"])
@pytest.mark.parametrize("gone", [(), (CHECKPOINT,), (CHECKPOINT, MASKS)])
def test_results_of_earlier_versions_are_read(tmp_path, gone, method):
    config = settings_of(method, epochs=1, batch_size=512)
    result = run(config, tmp_path)
    edit(tmp_path / RESULT, lambda report: report.pop("digest"))
    for name in gone:
        (tmp_path / name).unlink()
    assert run(config, tmp_path).to_json() == result.to_json()


def test_what_is_no_number_is_refused(tmp_path):
    run(CONFIG, tmp_path)
    text = (tmp_path / RESULT).read_text()
    (tmp_path / RESULT).write_text(text.replace('"loss": ', '"loss": NaN, "x": ', 1))
    with pytest.raises(InvalidInputError, match="NaN is no JSON"):
        run(CONFIG, tmp_path)


SHAPES = ["", "[]", "3", "null", "{}", '"text"', "[" * 100_000, '{"config": 3}', "\xff"]


@pytest.mark.parametrize("text", SHAPES, ids=lambda text: text[:9])
def test_results_of_another_shape_are_refused(tmp_path, text):
    (tmp_path / RESULT).write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidInputError, match="'directory'"):
        run(CONFIG, tmp_path)


@pytest.mark.parametrize("name", ["epochs", "num_kept", "num_weights", "data_sha256", "seconds"])
@pytest.mark.parametrize("value", [None, [], {}, [None], -1, "x", True], ids=str)
def test_entries_of_another_type_are_refused(tmp_path_factory, finished, name, value):
    directory = tmp_path_factory.mktemp("run")
    report = json.loads((finished / RESULT).read_text())
    del report["digest"]
    (directory / RESULT).write_text(json.dumps(report | {name: value}))
    with pytest.raises(InvalidInputError, match="no result of a run"):
        run(CONFIG, directory)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    directory = tmp_path_factory.mktemp("finished")
    run(CONFIG, directory)
    return directory


@pytest.fixture(scope="module")
def halfway(tmp_path_factory):
    return begun(tmp_path_factory.mktemp("halfway"))


METADATA = {
    "no metrics": lambda values: values.pop("metrics"),
    "metrics of another type": lambda values: values.update(metrics=3),
    "metrics of numbers": lambda values: values.update(metrics=[1, 2]),
    "metrics without accuracy": lambda values: values.update(metrics=[{"epoch": 1}]),
    "metrics of other epochs": lambda values: values["metrics"][0].update(epoch=2),
    "metrics of more epochs": lambda values: values["metrics"].extend(
        {**values["metrics"][0], "epoch": epoch} for epoch in (2, 3)
    ),
    "an accuracy above 1": lambda values: values["metrics"][0].update(test_accuracy=1.5),
    "no data": lambda values: values.pop("data_sha256"),
    "no configuration": lambda values: values.pop("config"),
}


@pytest.mark.parametrize("change", METADATA.values(), ids=METADATA)
def test_checkpoints_with_other_values_are_refused(tmp_path, halfway, change):
    tensors, values = load_tensors(halfway / CHECKPOINT)
    change(values)
    save_tensors(tmp_path / CHECKPOINT, tensors, values)
    with pytest.raises(InvalidInputError):
        run(CONFIG, tmp_path)


@pytest.mark.parametrize("values", [[], 3, None, "text"], ids=str)
def test_checkpoints_whose_values_are_no_object_are_refused(tmp_path, halfway, values):
    tensors, _ = load_tensors(halfway / CHECKPOINT)
    save_tensors(tmp_path / CHECKPOINT, tensors, values)
    with pytest.raises(InvalidInputError, match="no JSON object"):
        run(CONFIG, tmp_path)


def first(tensors, prefix):
    return next(name for name in sorted(tensors) if name.startswith(prefix))


def reshape(tensors, prefix):
    name = first(tensors, prefix)
    tensors[name] = tensors[name].flatten()[:3].clone()


def retype(tensors, prefix):
    name = first(tensors, prefix)
    tensors[name] = tensors[name].to(torch.int16)


TENSORS = {
    "a momentum without number": lambda all_: all_.update({"momentum/x": torch.zeros(1)}),
    "a momentum of nothing": lambda all_: all_.update({"momentum/99": torch.zeros(1)}),
    "a momentum of another shape": lambda all_: reshape(all_, "momentum/"),
    "a momentum of another type": lambda all_: retype(all_, "momentum/"),
    "a tensor of another shape": lambda all_: reshape(all_, "network/"),
    "a tensor of another type": lambda all_: retype(all_, "network/"),
    "a tensor less": lambda all_: all_.pop(first(all_, "network/")),
    "a tensor more": lambda all_: all_.update({"network/more": torch.zeros(1)}),
}


@pytest.mark.parametrize("change", TENSORS.values(), ids=TENSORS)
def test_checkpoints_with_other_tensors_are_refused(tmp_path, halfway, change):
    tensors, values = load_tensors(halfway / CHECKPOINT)
    change(tensors)
    save_tensors(tmp_path / CHECKPOINT, tensors, values)
    with pytest.raises(InvalidInputError, match="'directory'"):
        run(CONFIG, tmp_path)


def test_masks_that_are_none_are_refused(tmp_path):
    result = run(CONFIG, tmp_path)
    tensors, values = load_tensors(tmp_path / MASKS)
    save_tensors(tmp_path / MASKS, {name: mask.float() for name, mask in tensors.items()}, values)
    with pytest.raises(InvalidInputError, match="no masks"):
        result.masks()


# --- begun anew


OTHER = settings_of("edge-popup", epochs=2, batch_size=512, seed=7)


def test_the_old_run_stays_until_the_new_one_is_finished(tmp_path):
    run(OTHER, tmp_path / "run")
    old = content(tmp_path / "run")
    begun(tmp_path / "run", resume=False)
    replaced = content(tmp_path / "run.replaced")
    assert old.items() <= replaced.items()
    run(CONFIG, tmp_path / "run")  # goes on with the new one
    assert epochs_in(tmp_path / "run") == [1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("is_made", [False, True])
def test_what_is_not_there_is_begun_anew_as_well(tmp_path, is_made):
    if is_made:
        (tmp_path / "run").mkdir()
    run(CONFIG, tmp_path / "run", resume=False)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_what_a_kill_has_left_of_a_beginning_does_not_stop_it(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / partial.partial_name(FILE_NAME)).write_bytes(b"half")
    run(CONFIG, tmp_path / "run", resume=False)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert set(content(tmp_path / "run")) == {CHECKPOINT, FILE_NAME, MASKS, RESULT}


def test_a_kill_before_the_old_run_is_moved_leaves_no_mark(tmp_path, monkeypatch):
    run(OTHER, tmp_path / "run")
    before = content(tmp_path / "run")
    with monkeypatch.context() as context:
        context.setattr(fresh, "move_aside", killing)
        with pytest.raises(Killed):
            run(OTHER, tmp_path / "run", resume=False)
    assert content(tmp_path / "run") != before
    run(OTHER, tmp_path / "run")
    assert content(tmp_path / "run") == before


def killing(*arguments):
    raise Killed


@pytest.mark.parametrize("is_late", [False, True])
def test_foreign_files_among_the_events_stay(tmp_path, monkeypatch, is_late):
    """In the folder of TensorBoard, before the old run is moved or after."""
    run(OTHER, tmp_path / "run")
    (tmp_path / "run" / "tensorboard").mkdir()
    (tmp_path / "run" / "tensorboard" / "events.out.tfevents.1").write_text("ours")
    if is_late:
        begun(tmp_path / "run", resume=False)
    folder = tmp_path / ("run.replaced" if is_late else "run") / "tensorboard"
    (folder / "notes").write_text("mine")
    if is_late:
        run(CONFIG, tmp_path / "run")
    else:
        with pytest.raises(InvalidInputError, match="also holds notes"):
            run(CONFIG, tmp_path / "run", resume=False)
    assert (folder / "notes").read_text() == "mine"


def test_begun_anew_twice_keeps_the_one_that_was_finished(tmp_path):
    run(OTHER, tmp_path / "run")
    old = content(tmp_path / "run")
    for _ in range(2):
        begun(tmp_path / "run", resume=False)
        assert old.items() <= content(tmp_path / "run.replaced").items()
    run(CONFIG, tmp_path / "run")
    begun(tmp_path / "run", config=OTHER, resume=False)
    assert json.loads(content(tmp_path / "run.replaced")[RESULT])["config"]["seed"] == CONFIG.seed


@pytest.mark.parametrize("name", ["notes.txt", "data/"])
def test_foreign_files_stop_it(tmp_path, name):
    run(OTHER, tmp_path / "run")
    if name.endswith("/"):
        (tmp_path / "run" / name).mkdir()
    else:
        (tmp_path / "run" / name).write_text("mine")
    before = content(tmp_path / "run")
    with pytest.raises(InvalidInputError, match=f"which also holds {name.rstrip('/')}"):
        run(CONFIG, tmp_path / "run", resume=False)
    assert content(tmp_path / "run") == before


@pytest.mark.parametrize("name", [RESULT, CHECKPOINT, FILE_NAME, FAILURE])
def test_a_file_that_only_has_the_name_of_ours_stops_it(tmp_path, name):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).write_text("mine")
    with pytest.raises(InvalidInputError, match="not the directory of a run"):
        run(CONFIG, tmp_path / "run", resume=False)
    assert (tmp_path / "run" / name).read_text() == "mine"


def test_what_a_user_calls_replaced_stays(tmp_path):
    run(OTHER, tmp_path / "run.replaced")
    run(OTHER, tmp_path / "run")
    before = content(tmp_path / "run.replaced"), content(tmp_path / "run")
    with pytest.raises(InvalidInputError, match=r"run\.replaced, which is not a run that --fresh"):
        run(CONFIG, tmp_path / "run", resume=False)
    run(OTHER, tmp_path / "run")
    assert (content(tmp_path / "run.replaced"), content(tmp_path / "run")) == before


STEPS = ["write_whole", "move_aside", "_remove", "remove_directory"]


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("has_replaced", [False, True])
def test_a_kill_loses_neither(tmp_path, monkeypatch, step, is_after, has_replaced):
    """Before and after each step of moving the old run and of forgetting it."""
    run(OTHER, tmp_path / "run")
    if has_replaced:
        begun(tmp_path / "run", resume=False)
    call = getattr(fresh, step)

    def killed(*arguments, **options):
        if is_after:
            call(*arguments, **options)
        raise Killed

    with monkeypatch.context() as context:
        context.setattr(fresh, step, killed)
        with suppress(Killed):
            run(CONFIG, tmp_path / "run", resume=False)
    places = [tmp_path / "run", tmp_path / "run.replaced"]
    kept = [place for place in places if seed_in(place) == OTHER.seed]
    assert kept or seed_in(tmp_path / "run") == CONFIG.seed, "both are lost"
    for place in kept:
        assert run(OTHER, place).config == OTHER
    run(CONFIG, tmp_path / "run", resume=False)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert set(content(tmp_path / "run")) == {CHECKPOINT, FILE_NAME, MASKS, RESULT}


def seed_in(directory):
    path = directory / RESULT
    return json.loads(path.read_text())["config"]["seed"] if path.exists() else None


def test_a_kill_while_the_old_run_is_forgotten_is_made_good(tmp_path, monkeypatch):
    run(OTHER, tmp_path / "run")

    def half(directory, contents):
        (directory / RESULT).unlink()
        (directory / CHECKPOINT).unlink()
        raise Killed

    with monkeypatch.context() as context:
        context.setattr(fresh, "remove_directory", half)
        with pytest.raises(Killed):
            run(CONFIG, tmp_path / "run", resume=False)
    assert run(CONFIG, tmp_path / "run").config == CONFIG
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_search_that_was_killed_goes_on(tmp_path):
    """A real kill, wherever it comes."""
    command = [sys.executable, "-m", "strongltn", "search", "edge-popup", "--epochs", "400"]
    with subprocess.Popen([*command, "--out", str(tmp_path)], cwd=ROOT, stderr=-3) as process:
        metrics = tmp_path / settings_of("edge-popup", epochs=400).name / FILE_NAME
        while not metrics.exists() or metrics.read_bytes().count(b"\n") < 2:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    done = epochs_in(metrics.parent)
    assert done == list(range(1, len(done) + 1))

    def stop(stage, step, total):
        if step > len(done) + 1:  # the next checkpoint takes what the kill left of this one
            raise Stopped

    with pytest.raises(Stopped):
        run(settings_of("edge-popup", epochs=400), metrics.parent, progress=stop)
    assert set(content(metrics.parent)) == {CHECKPOINT, FILE_NAME}
