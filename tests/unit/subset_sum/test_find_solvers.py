"""A solver is found by itself: a new file in the folder, or an entry point of another package."""

import subprocess
import sys

import pytest

from strongltn import testing
from strongltn.errors import InvalidInputError
from strongltn.subset_sum import solvers
from strongltn.subset_sum.solvers.find import find_solvers

TOY = """
from dataclasses import dataclass
import numpy as np
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers.abstract import AbstractRowSolver, CandidateBatch

@dataclass(frozen=True)
class KeepNothing(AbstractRowSolver):
    is_complete = False

    def search_batch(self, samples, targets, tolerance):
        stop = np.full(len(samples), Stop.FAMILY_COVERED, dtype=object)
        return CandidateBatch(np.zeros(samples.shape, dtype=np.bool_), stop)
"""


@pytest.fixture
def forgotten(monkeypatch):
    """Forget the toys that a test imports."""
    toys = ("another_package", "strongltn.subset_sum.solvers.keep_nothing")
    for name in toys:
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.delitem(sys.modules, name)


def bring(tmp_path, monkeypatch, value):
    """Put a package beside ours that names a value as its solver."""
    (tmp_path / "another_package.py").write_text(TOY)
    about = tmp_path / "another_package-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: another_package\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[strongltn.solvers]\nname = {value}\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("forgotten")
def test_a_file_in_the_folder_is_a_solver(tmp_path, monkeypatch):
    (tmp_path / "keep_nothing.py").write_text(TOY)
    monkeypatch.setattr(solvers, "__path__", [*solvers.__path__, str(tmp_path)])
    toy = find_solvers()["KeepNothing"]
    testing.check_solver_contract(toy(), num_examples=10)


@pytest.mark.usefixtures("forgotten")
def test_another_package_brings_a_solver(tmp_path, monkeypatch):
    bring(tmp_path, monkeypatch, "another_package:KeepNothing")
    toy = find_solvers()["KeepNothing"]
    assert toy.__module__ == "another_package"
    testing.check_solver_contract(toy(), num_examples=10)


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("value", ["another_package:Stop", "another_package:AbstractRowSolver"])
def test_what_is_no_solver_is_refused(tmp_path, monkeypatch, value):
    bring(tmp_path, monkeypatch, value)
    with pytest.raises(InvalidInputError, match=value):
        find_solvers()


@pytest.mark.usefixtures("forgotten")
def test_two_solvers_of_one_name_are_refused(tmp_path, monkeypatch):
    bring(tmp_path, monkeypatch, "another_package:KeepNothing")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "keep_nothing.py").write_text(TOY)
    monkeypatch.setattr(solvers, "__path__", [*solvers.__path__, str(tmp_path / "here")])
    with pytest.raises(InvalidInputError, match="KeepNothing from both"):
        find_solvers()


def test_nothing_is_looked_for_before_it_is_asked_for():
    code = (
        "import sys, strongltn.subset_sum;"
        "raise SystemExit(any(name.endswith('solvers.find') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
