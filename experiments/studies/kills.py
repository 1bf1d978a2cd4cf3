"""Are old results safe whatever happens to a command? Real commands, killed, and on full disks.

A command is killed (SIGKILL) at a random moment between its first write and its end, of which the
first is seen and the other is rehearsed; or it runs on a disk with too little room. Then nothing
may be lost or touched that was there before, the next command must succeed, and nothing half
written may be left. A line of the record for each try.

The commands are in `experiments.studies.kill_scenarios`: to add one, write its class and name it in
`SCENARIOS`. Full disks are small tmpfs, which only root can mount (Linux).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from experiments.studies import kill_scenarios
from experiments.studies.kill_scenarios import NOT_WITHIN, SCENARIOS, Scenario, strongltn
from strongltn.errors import StrongLTNError
from strongltn.storage import Record, make_directory, remove_file, write_whole

Row = dict[str, Any]

_PRECIOUS = b"what the user has written\n"
_LOOK_SECONDS = 0.002  # how often a folder is looked at for the first write
_TRIES = 20  # as many kills of a command that ends before it is killed are made again, at most
_MACHINE = 3  # the exit code where the machine would not let a command go on
_MOUNT = ("mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs")


@dataclass(frozen=True)
class Rehearsal:
    """What an undisturbed run needs.

    Attributes
    ----------
    first, end : float
        Seconds from the start to its first write, and to its end.
    num_bytes : int
        By which the files in the folder grow at most, while it runs.
    """

    first: float
    end: float
    num_bytes: int


def killed_after(arguments: list[str], folder: Path, *, delay: float) -> bool:
    """Kill a command some seconds after its first write; return False if it had ended before."""
    before = _state(folder)
    command = [*kill_scenarios.COMMAND, *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and _state(folder) == before:
            time.sleep(_LOOK_SECONDS)
        with suppress(subprocess.TimeoutExpired):
            process.wait(delay)
        process.kill()
    return bool(process.returncode == -signal.SIGKILL)


def rehearsed(scenario: Scenario, template: Path, work: Path) -> Rehearsal:
    """Run a command undisturbed, and measure it."""
    with _copied(template, work) as folder:
        before, most = _state(folder), 0
        command = [*kill_scenarios.COMMAND, *scenario.command(folder)]
        began, first = time.monotonic(), None
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            while process.poll() is None:
                state = _state(folder)
                if first is None and state != before:
                    first = time.monotonic() - began
                most = max(most, sum(size for _, _, size in state))
                time.sleep(_LOOK_SECONDS)
        end = time.monotonic() - began
        if process.returncode not in (0, NOT_WITHIN) or first is None:
            raise SystemExit(f"{scenario.name}: undisturbed, it ends with {process.returncode}")
        return Rehearsal(first, end, max(most - sum(size for _, _, size in before), 1 << 12))


def killed(scenario: Scenario, template: Path, work: Path, *, delays: Iterator[float]) -> Row:
    """Kill a command after one of the delays, before it ends, and look at what is left."""
    for delay in delays:
        with _copied(template, work) as folder:
            if killed_after(scenario.command(folder), folder, delay=delay):
                return {"delay_seconds": delay, "problems": _aftermath(scenario, folder)}
    raise SystemExit(f"{scenario.name}: it always ends before it is killed")


def on_full_disk(scenario: Scenario, template: Path, mount: Path, *, room: int) -> Row:
    """Run a command where so many bytes are free, and look at what is left."""
    with _copied(template, mount) as folder:
        filler = mount / "filler"
        free = shutil.disk_usage(mount).free
        write_whole(filler, bytes(max(free - room, 0)))
        code, text = strongltn(scenario.command(folder))
        remove_file(filler)
        problems = []
        if code not in (0, NOT_WITHIN, _MACHINE) or "Traceback" in text:
            problems.append(f"exit code {code}: {text[-500:]}")
        return {
            "room_bytes": room,
            "exit_code": code,
            "problems": problems + _aftermath(scenario, folder),
        }


def _aftermath(scenario: Scenario, folder: Path) -> list[str]:
    """Return what is wrong after an interruption, and after the next command."""
    problems = _problems(scenario, folder, is_done=False)
    code, text = strongltn(scenario.next_command(folder))
    if code not in (0, NOT_WITHIN):
        problems.append(f"the next command ends with {code}: {text[-500:]}")
    problems += _problems(scenario, folder, is_done=True)
    left = sorted(path.name for path in folder.rglob(".strongltn-*"))
    return problems + [f"left behind: {name}" for name in left]


def _problems(scenario: Scenario, folder: Path, *, is_done: bool) -> list[str]:
    try:
        found = list(scenario.problems(folder, is_done=is_done))
    except (StrongLTNError, OSError) as error:
        found = [str(error)]
    for path in (folder / "notes.txt", folder / "out" / "notes.txt"):
        if not path.exists() or path.read_bytes() != _PRECIOUS:
            found.append(f"{path.name} of the user is gone or changed")
    return [f"{'after the next command' if is_done else 'at once'}: {problem}" for problem in found]


@contextmanager
def _prepared(scenario: Scenario, work: Path) -> Iterator[Path]:
    """Yield a folder as it is before the command, with files of the user in it."""
    with TemporaryDirectory(dir=work) as name:
        folder = Path(name)
        scenario.prepare(folder)
        make_directory(folder / "out")
        for path in (folder / "notes.txt", folder / "out" / "notes.txt"):
            write_whole(path, _PRECIOUS)
        yield folder


@contextmanager
def _copied(template: Path, work: Path) -> Iterator[Path]:
    with TemporaryDirectory(dir=work) as name:
        shutil.copytree(template, name, dirs_exist_ok=True)
        yield Path(name)


@contextmanager
def small_disk(work: Path) -> Iterator[Path | None]:
    """Yield a disk of 32 MiB; None where none can be mounted."""
    with TemporaryDirectory(dir=work) as name:
        try:
            subprocess.run([*_MOUNT, name], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            yield None
            return
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", name], check=True)


def _state(folder: Path) -> set[tuple[str, int, int]]:
    """Return path, time and size of all files at this moment."""
    found = set()
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # a partial file that has got its name
                status = os.stat(os.path.join(parent, name))
                found.add((os.path.join(parent, name), status.st_mtime_ns, status.st_size))
    return found


def tried(
    scenarios: tuple[Scenario, ...], record: Record[Row], *, options: argparse.Namespace, work: Path
) -> list[str]:
    """Make all tries that the record lacks; return what could not be tried."""
    known = {(row["scenario"], row["kind"], row["number"]) for row in record.entries}
    skipped = []
    for scenario in scenarios:
        tries = [("kill", number) for number in range(options.kills)]
        tries += [("full disk", number) for number in range(options.full_disks)]
        missing = [(kind, k) for kind, k in tries if (scenario.name, kind, k) not in known]
        if not missing:
            continue
        with _prepared(scenario, work) as template, small_disk(work) as disk:
            rehearsal = rehearsed(scenario, template, work)
            for done, (kind, number) in enumerate(missing, start=1):
                print(f"{scenario.name}: {kind} {done} of {len(missing)}", file=sys.stderr)
                chance = _chance(options.seed, scenario.name, kind, number)
                if kind == "kill":
                    longest = rehearsal.end - rehearsal.first
                    delays = (chance.uniform(0, longest) for _ in range(_TRIES))
                    row = killed(scenario, template, work, delays=delays)
                elif disk is not None:
                    room = chance.randrange(rehearsal.num_bytes)
                    row = on_full_disk(scenario, template, disk, room=room)
                else:
                    skipped.append(f"{scenario.name}: no disk can be mounted (only root can)")
                    break
                record.add({"scenario": scenario.name, "kind": kind, "number": number, **row})
    return skipped


def _chance(seed: int, *address: object) -> random.Random:
    digest = hashlib.sha256(json.dumps([seed, *address], allow_nan=False).encode("ascii")).digest()
    return random.Random(digest)


def _row(entry: Row) -> Row:
    if not {"scenario", "kind", "number"} <= entry.keys() or type(entry["problems"]) is not list:
        raise ValueError("it is no try")
    return entry


def main(scenarios: tuple[Scenario, ...] = SCENARIOS) -> None:
    """Make the tries that the record lacks and print what all say; exit 1 if anything is lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="of each command")
    parser.add_argument("--full-disks", type=int, default=20, help="for each command")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the room")
    parser.add_argument("--out", type=Path, default=Path("results/kills.jsonl"))
    parser.add_argument("--only", default="", help="commands whose name holds this text")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # unmount the disk
    make_directory(options.out.parent)
    chosen = tuple(scenario for scenario in scenarios if options.only in scenario.name)
    with (
        Record(
            options.out, configuration={"experiment": "kills", "seed": options.seed}, parse=_row
        ) as record,
        TemporaryDirectory() as work,
    ):
        skipped = tried(chosen, record, options=options, work=Path(work))
    for scenario in chosen:
        rows = [row for row in record.entries if row["scenario"] == scenario.name]
        kills = sum(row["kind"] == "kill" for row in rows)
        full = sum(row["kind"] == "full disk" for row in rows)
        broken = [row for row in rows if row["problems"]]
        print(f"{scenario.name}: {kills} kills, {full} full disks, {len(broken)} with a loss")
        for row in broken:
            print(f"  {row['kind']} {row['number']}: {'; '.join(row['problems'])}")
    for line in skipped:
        print(f"skipped: {line}")
    if any(row["problems"] for row in record.entries):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
