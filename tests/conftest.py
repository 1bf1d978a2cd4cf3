"""Hypothesis profiles, chosen by the variable HYPOTHESIS_PROFILE, or by CI being set; `run`."""

import logging
import math
import os
import shutil
import sys

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
