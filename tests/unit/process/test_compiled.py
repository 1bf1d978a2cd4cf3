"""Loops are compiled in one place, which does without a cache where none can be written."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numba
import pytest
import torch
from numba.core import caching

from strongltn.process import compiled as compiled_module
from strongltn.process.compiled import compiled

ROOT = Path(__file__).parents[3]


def triple(x):
    return 3 * x


@pytest.fixture
def nowhere(monkeypatch):
    """No place for compiled code can be written."""
    for locator in caching.CacheImpl._locator_classes:
        monkeypatch.setattr(locator, "from_function", classmethod(lambda *_: None))
    compiled_module._say_that_nothing_is_kept.cache_clear()
    yield
    compiled_module._say_that_nothing_is_kept.cache_clear()


def test_without_a_place_for_a_cache_loops_work_and_it_is_said_once(nowhere, capsys):
    """Found: every command died with numba's "no locator available"."""
    with pytest.raises(RuntimeError, match="no locator available"):
        numba.njit(cache=True)(triple)
    assert [compiled()(triple)(2), compiled(inline="always")(triple)(5)] == [6, 15]
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("NUMBA_CACHE_DIR") == len(err.splitlines()) == 1


def test_without_a_home_no_folder_is_made_here(monkeypatch, tmp_path, capsys):
    """Found: a user without HOME and without a name got a folder named "~" where he stood."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    monkeypatch.setattr("os.access", lambda *_: False)
    compiled_module._say_that_nothing_is_kept.cache_clear()
    assert compiled()(triple)(2) == 6
    assert list(tmp_path.iterdir()) == []
    assert "NUMBA_CACHE_DIR" in capsys.readouterr().err


def test_a_worker_does_not_say_it_again(nowhere, capsys, monkeypatch):
    monkeypatch.setattr("multiprocessing.parent_process", lambda: object())
    assert compiled()(triple)(2) == 6
    assert capsys.readouterr().err == ""


def test_another_error_of_the_cache_is_no_excuse(monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_LOCATOR_CLASSES", "Nothing")
    numba.config.reload_config()
    try:
        with pytest.raises(RuntimeError, match="Unknown cache locator"):
            compiled()(triple)
    finally:
        monkeypatch.undo()
        numba.config.reload_config()


def test_code_is_kept_where_it_can_be(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    assert compiled()(triple)(2) == 6
    assert list(tmp_path.rglob("*.nbi"))


def test_loops_are_compiled_in_one_place():
    for package in ("strongltn", "experiments"):
        for path in (ROOT / package).rglob("*.py"):
            if path.name != "compiled.py":
                assert not re.search(r"\bnjit\b|numba\.(jit|\w*vectorize)", path.read_text()), path


def cube(x):
    return x**3


def test_compiling_is_told_apart_from_work_and_said_once(tmp_path, monkeypatch, caplog):
    """Found: the first run compiled for 12 s without a word, booked under one construction."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiled_module._COMPILER, "_is_said", False)
    caplog.set_level("INFO", logger="strongltn.process.compiled")
    function, began = compiled()(cube), time.perf_counter()
    working, compiling = compiled_module.working_seconds(), compiled_module.compiling_seconds()
    assert function(2) == 8
    spent = compiled_module.compiling_seconds() - compiling
    assert 0 < spent <= time.perf_counter() - began
    assert compiled_module.working_seconds() - working <= time.perf_counter() - began - spent
    assert function(2.0) == 8
    assert [record.getMessage() for record in caplog.records] == [
        "the loops of the solvers are being compiled for this machine, once: some 10 to 30 seconds "
        "in all."
    ]


def test_what_is_kept_is_not_compiled_and_nothing_is_said(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    assert compiled()(cube)(3) == 27
    monkeypatch.setattr(compiled_module._COMPILER, "_is_said", False)
    caplog.set_level("INFO", logger="strongltn.process.compiled")
    before = compiled_module.compiling_seconds()
    assert compiled()(cube)(3) == 27
    assert compiled_module.compiling_seconds() == before
    assert not caplog.records


def test_a_failed_compilation_ends_the_clock(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    with pytest.raises(numba.TypingError):
        compiled()(cube)("text")
    assert compiled_module._COMPILER._depth == 0


def test_a_worker_says_nothing_of_compiling(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiled_module._COMPILER, "_is_said", False)
    monkeypatch.setattr("multiprocessing.parent_process", lambda: object())
    caplog.set_level("INFO", logger="strongltn.process.compiled")
    assert compiled()(cube)(1) == 1
    assert not caplog.records


def test_the_command_line_says_it_and_keeps_it_out_of_the_stages(tmp_path):
    """In a process of its own, with a cache that is empty and then is not."""
    torch.save({"fc.weight": torch.eye(2)}, tmp_path / "target.pt")
    words = ["prune", "target.pt", "--samples", "3", "--json", "--overwrite", "--out", "ticket"]
    environment = {
        **os.environ,
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    told, seconds = [], []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "strongltn", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        told.append(done.stderr.count("compiled for this machine, once"))
        seconds.append(json.loads(done.stdout)["seconds"])
    assert told == [1, 0]
    assert seconds[1]["compiling"] == 0
    first = seconds[0]
    assert first["compiling"] > first["drawing"] + first["solving"]
    assert sum(first.values()) - first["total"] <= first["total"]


@pytest.mark.skipif(os.name == "nt" or not Path("/dev/shm").is_dir(), reason="not Linux")
def test_a_command_in_a_container_of_another_user(tmp_path):
    """The package is read-only, HOME is not there, and the user has no name.

    As root nothing is unwritable, so that one becomes another user first.
    """
    if os.getuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root cannot become another user here")
    tmp_path.chmod(0o755)
    temporary = Path(tempfile.gettempdir())
    for folder in tmp_path.parents if os.getuid() == 0 else ():
        if temporary in folder.parents:
            folder.chmod(0o755)
    for name in ("strongltn", "proofs_check"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [tmp_path, *tmp_path.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    code = (
        "import strongltn.subset_sum.solvers, strongltn.rng.philox; print(strongltn.__file__)\n"
        "from strongltn.numerics.row_sums import sum_rows\n"
    )
    user = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"]
    done = subprocess.run(
        [*(user if os.getuid() == 0 else []), sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": str(tmp_path)},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path))
    assert "NUMBA_CACHE_DIR" in done.stderr
    assert len(done.stderr.splitlines()) == 1
