"""The script that kills commands sees what is lost, and what is not."""

import json
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from experiments.studies import kill_scenarios, kills
from strongltn.storage import read_entries, write_whole

ROOT = Path(__file__).parents[3]
SAFE = """
import sys, time
from pathlib import Path
from strongltn.storage import read_entries, write_whole
path = Path(sys.argv[1])
for k in range(20):
    write_whole(path, b"whole" * 10_000)
    time.sleep(0.01)
"""
CARELESS = """
import sys, time
with open(sys.argv[1], "wb") as file:
    time.sleep(1)
    file.write(b"whole" * 10_000)
"""
RUDE = """
import sys, time
from pathlib import Path
from strongltn.storage import read_entries, write_whole
write_whole(Path(sys.argv[1]), b"whole" * 10_000)
(Path(sys.argv[1]).parent / "out" / "notes.txt").unlink(missing_ok=True)
time.sleep(0.5)
"""


SEED = 4  # of a kill that is neither early nor late


class Writer(kills.Scenario):
    """A command that writes one file."""

    name = "writer"

    def prepare(self, folder):
        write_whole(folder / "file", b"whole" * 10_000)

    def command(self, folder):
        return [str(folder / "file")]

    def problems(self, folder, *, is_done):
        if (folder / "file").stat().st_size != 50_000:
            yield "the file is not whole"


@pytest.fixture
def trial(tmp_path, monkeypatch, capsys):
    """Try a script that stands for strongltn; return exit code, lines and rows."""
    before = signal.getsignal(signal.SIGTERM)

    def call(script, *arguments):
        out = tmp_path / "kills.jsonl"
        monkeypatch.setattr(kill_scenarios, "COMMAND", (sys.executable, "-c", script))
        monkeypatch.setattr("sys.argv", ["kills", "--out", str(out), *arguments])
        try:
            kills.main((Writer(),))
            code = 0
        except SystemExit as end:
            code = end.code
        rows = [json.loads(line) for line in Path(out).read_text().splitlines()[1:]]
        return code, capsys.readouterr().out.splitlines(), rows

    yield call
    signal.signal(signal.SIGTERM, before)


def test_a_safe_command_loses_nothing(trial):
    code, lines, rows = trial(SAFE, "--kills", "2", "--full-disks", "0")
    assert (code, lines) == (0, ["writer: 2 kills, 0 full disks, 0 with a loss"])
    assert [row["number"] for row in rows] == [0, 1]
    assert all(row["delay_seconds"] > 0 for row in rows)
    again = trial(SAFE, "--kills", "3", "--full-disks", "0")[2]
    assert again[:2] == rows
    assert len(again) == 3


@pytest.mark.parametrize(
    ("script", "message"),
    [(CARELESS, "at once: the file is not whole"), (RUDE, "notes.txt of the user is gone")],
    ids=["careless", "rude"],
)
def test_a_loss_is_seen(trial, script, message):
    assert 0.5 < kills._chance(SEED, "writer", "kill", 0).random() < 0.8
    code, lines, rows = trial(script, "--kills", "1", "--full-disks", "0", "--seed", str(SEED))
    assert code == 1
    assert "1 with a loss" in lines[0]
    assert message in lines[1]
    assert rows[0]["problems"]


def test_without_a_disk_it_is_said(trial, monkeypatch):
    monkeypatch.setattr(kills, "_MOUNT", ("false",))
    code, lines, rows = trial(SAFE, "--kills", "0", "--full-disks", "3")
    assert (code, rows) == (0, [])
    assert lines[1] == "skipped: writer: no disk can be mounted (only root can)"


def test_every_scenario_has_a_name_of_its_own():
    names = [scenario.name for scenario in kills.SCENARIOS]
    assert len(set(names)) == len(names)


def test_the_pages_say_what_is_recorded():
    rows = read_entries(ROOT / "experiments" / "recorded" / "kills.jsonl", parameter="record")
    assert not any(row["problems"] for row in rows)
    tries = Counter((row["scenario"].split()[0], row["kind"]) for row in rows)
    commands = {scenario.name.split()[0] for scenario in kills.SCENARIOS}
    each = {kind: {tries[command, kind] for command in commands} for kind in ("kill", "full disk")}
    assert [len(numbers) for numbers in each.values()] == [1, 1]
    (num_kills,), (num_disks,) = each.values()
    assert {row["scenario"] for row in rows} == {scenario.name for scenario in kills.SCENARIOS}
    text = " ".join((ROOT / "docs" / "installation.md").read_text().split())
    total = f"in {len(commands) * num_kills} kills at random moments and on "
    total += f"{len(commands) * num_disks} full disks, {num_kills} and {num_disks} for each of"
    assert total in text
