"""Loops are compiled in one place, which does without a cache where none can be written."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numba
import pytest
from numba.core import caching

from strongltn import compiled as compiled_module
from strongltn.compiled import compiled

ROOT = Path(__file__).parents[2]


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
