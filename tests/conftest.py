"""Hypothesis profiles, what is slow, and `run`, which calls the command line.

The profile is chosen by the variable HYPOTHESIS_PROFILE, or by CI being set.
"""

import logging
import math
import os
import shutil
import sys
import zlib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import Phase, settings

# One thread for torch, set before anything imports it: sums in the same order on every machine.
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

# Triton decides when it is first imported, by torch perhaps, whether its functions are interpreted.
if shutil.which("nvidia-smi") is None:
    os.environ["TRITON_INTERPRET"] = "1"

settings.register_profile("dev", max_examples=30, deadline=None)
settings.register_profile(
    "ci", max_examples=200, deadline=None, derandomize=True, print_blob=True, database=None
)
settings.register_profile(  # for mutants: any failure will do, so none is made smaller
    "kill",
    parent=settings.get_profile("ci"),
    phases=(Phase.explicit, Phase.generate),
)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if "CI" in os.environ else "dev")
)

SLOW = frozenset((Path(__file__).parent / "slow.txt").read_text(encoding="utf-8").split())
DRAWN_FROM = 12  # of so many cases of a slow function and more, the fast run keeps one in so many


@pytest.hookimpl(tryfirst=True)  # before cases are chosen by their markers
def pytest_collection_modifyitems(items):
    """Mark as slow what `slow.txt` lists, but a few cases of large families.

    They are drawn by a checksum of their names, so that all processes draw the same.
    """
    functions = [item.nodeid.split("[")[0] for item in items]
    sizes = Counter(functions)
    for item, function in zip(items, functions, strict=True):
        is_drawn = zlib.crc32(item.nodeid.encode()) % DRAWN_FROM == 0
        if function in SLOW and not (is_drawn and sizes[function] >= DRAWN_FROM):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def run(monkeypatch, capsys):
    """Call the command line in this process; return (exit code, stdout, stderr)."""
    from strongltn.cli import console
    from strongltn.cli import main as cli

    # What is said where the machine is slow, or has compiled nothing yet, is tested on its own.
    monkeypatch.setattr(console, "_LINE_SECONDS", math.inf)
    monkeypatch.setattr(logging.getLogger("strongltn.process.compiled"), "level", logging.WARNING)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["strongltn", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
