"""How commands end: the table of exit codes, one line on stderr, signals, a stdout that fails."""

import os
import re
import signal
import subprocess
import sys
from concurrent.futures import BrokenExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from proofs_check import __main__ as auditor
from strongltn import errors
from strongltn.cli import main as cli
from strongltn.pipeline import tickets as pipeline
from strongltn.process import exits
from strongltn.process.exits import ExitCode, Stopped, exit_code_of, keeping, status_of
from strongltn.subset_sum.solvers.cp_sat import WorkerDied

BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
TABLE = [
    (errors.InvalidInputError("seed", got=-1, allowed=">= 0"), 2, "'seed' parameter must be >= 0"),
    (errors.BudgetExceeded("206 GB are more than 8 GB."), 2, "206 GB"),
    (errors.TrainingDiverged("The loss became NaN."), 1, "The loss became NaN."),
    (errors.MachineError("The disk is full."), 3, "The disk is full."),
    (WorkerDied("It ended."), 3, "It ended."),
    (OSError(28, "No space left on device", "a", None, "b"), 3, "No space left on device: a: b"),
    (PermissionError(13, "Permission denied", b"a"), 3, "Permission denied: a"),
    (OSError("odd"), 3, "strongltn: odd"),
    (MemoryError(), 3, "strongltn: memory does not suffice\n"),
    (MemoryError("Unable to allocate 8 TiB"), 3, "memory does not suffice: Unable to allocate"),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory: 8 TB"), 3, "does not suffice"),
    (BrokenExecutor("abruptly"), 3, "the same command goes on from there"),
    (BrokenProcessPool("abruptly"), 3, "the same command goes on from there"),
    (UnicodeEncodeError("ascii", "\xe9", 0, 1, "no"), 3, "PYTHONIOENCODING=utf-8"),
    (errors.SoundnessBug("Bounds contradict."), 4, "please report it: SoundnessBug: Bounds"),
    (RuntimeError("cannot cache function"), 4, "please report it: RuntimeError: cannot cache"),
    (RecursionError("depth"), 4, "please report it: RecursionError: depth"),
    (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), 4, "UnicodeDecodeError"),
    (ZeroDivisionError("of\ntwo lines"), 4, r"ZeroDivisionError: of\ntwo lines"),
]


def thrower(error):
    def command():
        raise error

    return command


@pytest.mark.parametrize(("error", "status", "message"), TABLE, ids=lambda value: repr(value)[:40])
def test_every_error_is_one_line_and_its_exit_code(
    capsys, monkeypatch, tmp_path, error, status, message
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert status_of(thrower(error)) == status == exit_code_of(error)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("strongltn: ")
    assert len(err.splitlines()) == 1
    assert message in err
    kept = re.findall(r"\(traceback: (.*)\)", err)
    assert len(kept) == (status == ExitCode.BUG)
    assert [Path(name) for name in kept] == list(tmp_path.iterdir())
    assert all("in command" in Path(name).read_text() for name in kept)


def test_a_traceback_that_cannot_be_kept_is_left_out(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    assert status_of(thrower(KeyError("x"))) == ExitCode.BUG
    assert capsys.readouterr().err.endswith("please report it: KeyError: 'x'\n")


@pytest.mark.parametrize("number", exits._SIGNALS)
def test_a_signal_ends_a_command_and_says_what_is_kept(capsys, number):
    before = [signal.getsignal(each) for each in exits._SIGNALS]
    cleaned = []

    def command():
        try:
            with keeping("epoch 3 is kept."):
                os.kill(os.getpid(), number)
        finally:
            os.kill(os.getpid(), number)  # the same press, told twice
            cleaned.append(True)

    try:
        assert status_of(command) == 128 + number
        assert cleaned == [True]
        assert capsys.readouterr().err == "strongltn: stopped; epoch 3 is kept.\n"
    finally:
        for each, handler in zip(exits._SIGNALS, before, strict=True):
            signal.signal(each, handler)


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(143), Stopped(130)])
def test_without_a_word_of_the_command_all_is_as_it_was(capsys, stop):
    assert status_of(thrower(stop)) in (130, 143)
    assert capsys.readouterr().err == "strongltn: stopped; what was there before is as it was.\n"


def test_handlers_are_put_back(capsys):
    before = [signal.getsignal(number) for number in exits._SIGNALS]
    assert status_of(lambda: None) == ExitCode.OK
    assert [signal.getsignal(number) for number in exits._SIGNALS] == before


def test_exits_of_the_command_pass():
    assert status_of(lambda: sys.exit(None)) == 0
    assert status_of(lambda: sys.exit(2)) == 2
    with keeping("nothing"), pytest.raises(SystemExit, match="7"), keeping("nothing"):
        sys.exit(7)


def in_a_process(code, **options):
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_a_second_signal_later_on_ends_at_once():
    code = (
        "import time\n"
        "from strongltn.process.exits import status_of\n"
        "def command():\n"
        "    try:\n"
        "        print('ready', flush=True); time.sleep(60)\n"
        "    finally:\n"
        "        print('cleaning', flush=True); time.sleep(60)\n"
        "raise SystemExit(status_of(command))\n"
    )
    with in_a_process(code) as process:
        for word, pause in (("ready", 0.0), ("cleaning", exits._SAME_PRESS_SECONDS + 0.1)):
            assert process.stdout.readline() == f"{word}\n"
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(pause)
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err == "strongltn: stopped at once; what was whole is whole.\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_auditor_stops_without_a_traceback(number):
    code = (
        "import sys, time\n"
        "from proofs_check import __main__ as auditor\n"
        "def verify(directory):\n"
        "    print('ready', flush=True); time.sleep(60)\n"
        "auditor.verify_all = verify\n"
        "sys.argv = ['proofs_check', 'verify', 'x']\n"
        "sys.exit(auditor.run())\n"
    )
    with in_a_process(code) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (128 + number, "")
    assert err == "error: stopped before there was an answer; a ticket is as it was.\n"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), 130),
        (OSError(28, "No space left"), 3),
        (MemoryError(), 3),
        (ZeroDivisionError("odd"), 4),
        (UnicodeEncodeError("ascii", "\xe9", 0, 1, "no"), 4),
    ],
)
def test_no_crash_of_the_auditor_has_the_status_of_a_rejection(capsys, monkeypatch, error, status):
    monkeypatch.setattr(auditor, "verify_all", lambda directory: thrower(error)())
    assert auditor.main(["verify", "x"]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1


def test_a_file_of_claims_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    table, precious = tmp_path / "table.html", tmp_path / "precious"
    table.write_text("old")

    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert auditor.main(["claims", "--only", "C01", "--html", str(table)]) == 3
    assert table.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["table.html"]
    precious.write_text("a user's")
    table.unlink()
    table.symlink_to(precious)
    assert auditor.main(["claims", "--only", "C01", "--html", str(table)]) == 0
    assert precious.read_text() == "a user's"
    assert "C01" in table.read_text()


def test_a_file_of_claims_that_cannot_be_finished_leaves_none(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "proofs_check.claims.run.run", lambda *_, **__: thrower(KeyboardInterrupt())()
    )
    assert auditor.main(["claims", "--only", "C01", "--html", str(tmp_path / "table.html")]) == 130
    assert list(tmp_path.iterdir()) == []


def in_a_shell(line, code):
    """Run a line of the shell in which $1 is Python and $2 the code."""
    command = ["sh", "-c", line, "sh", sys.executable, code]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=BUFFERED)


WRITERS = {
    "strongltn": "from strongltn.process.exits import *; "
    "raise SystemExit(status_of(lambda: [answer('x' * {size}), sys.exit(1)]))",
    "print": "from strongltn.process.exits import *; "
    "raise SystemExit(status_of(lambda: [print('x'), sys.exit(1)]))",
    "proofs_check": "from proofs_check import __main__ as auditor\n"
    "auditor._verify = lambda options: auditor._answer('x' * {size}) or 1\n"
    "raise SystemExit(auditor.main(['verify', 'x']))",
}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("stderr", ["", "2>/dev/full"])
@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_stdout_is_an_error_of_the_machine(writer, stderr):
    """Found: Python's own flush at the end made it 120, after the command had said 0 or 1."""
    code = "import sys; " + WRITERS[writer].format(size=9)
    line = f'"$1" -c "$2" >/dev/full {stderr}'
    done = in_a_shell(line, code)
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == (0 if stderr else 1)


@pytest.mark.parametrize("size", [9, 1_000_000])
@pytest.mark.parametrize("end", [">&-", "| true", ">&- 2>&-"])
@pytest.mark.parametrize("writer", ["strongltn", "proofs_check"])
def test_a_stdout_that_nobody_reads_keeps_the_status(writer, end, size):
    code = "import sys, time; time.sleep(0.2); " + WRITERS[writer].format(size=size)
    line = f'{{ "$1" -c "$2"; echo $? >&3; }} {end}'
    done = in_a_shell("exec 3>&1; " + line, code)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_the_command_line_goes_through_the_table(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(pipeline, "describe_directory", lambda _: thrower(MemoryError("9 TB"))())
    monkeypatch.setattr(sys, "argv", ["strongltn", "info", str(tmp_path)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == ExitCode.MACHINE
    assert capsys.readouterr().err == "strongltn: memory does not suffice: 9 TB\n"
