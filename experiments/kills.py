"""Are old results safe whatever happens to a command? Real commands, killed, and on full disks.

A command is killed (SIGKILL) at a random moment between its first write and its end, of which the
first is seen and the other is rehearsed; or it runs on a disk with too little room. Then nothing
may be lost or touched that was there before, the next command must succeed, and nothing half
written may be left. A line of the record for each try.

A command is a `Scenario`; to add one, write its class and name it in `SCENARIOS`. Full disks are
small tmpfs, which only root can mount (Linux).
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
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from safetensors.numpy import save

from experiments.recipe import read_rows
from proofs_check import Verdict, verify_all
from strongltn.errors import StrongLTNError
from strongltn.pipeline import describe_directory
from strongltn.rng import named_generator
from strongltn.search.experiment import run
from strongltn.search.fresh import replaced_by
from strongltn.search.result import finished_result
from strongltn.search.settings import settings_of
from strongltn.storage import Record, make_directory, remove_file, write_whole

Row = dict[str, Any]

_PRECIOUS = b"what the user has written\n"
_LOOK_SECONDS = 0.002  # how often a folder is looked at for the first write
_TRIES = 20  # as many kills of a command that ends before it is killed are made again, at most
_NOT_WITHIN = 1  # the exit code of prune where a weight is out of reach; the ticket is written
_MACHINE = 3  # the exit code where the machine would not let a command go on
_COMMAND = (sys.executable, "-m", "strongltn")
_MOUNT = ("mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs")


class Scenario(ABC):
    """A command, and what must hold after it was interrupted. A folder is all that it writes to."""

    #: What the record calls it.
    name: str

    @abstractmethod
    def prepare(self, folder: Path) -> None:
        """Make what is there before the command runs, in a folder that exists."""

    @abstractmethod
    def command(self, folder: Path) -> list[str]:
        """Return the arguments of strongltn for the command that is interrupted."""

    def next_command(self, folder: Path) -> list[str]:
        """Return those of the one that follows; by default the same once more."""
        return self.command(folder)

    @abstractmethod
    def problems(self, folder: Path, *, is_done: bool) -> Iterator[str]:
        """Yield what is lost; after the next command with `is_done`, also what it has not done."""


class Prune(Scenario):
    """A ticket is made beside another one."""

    name = "prune"
    _SEED = 1
    _SAMPLES = 18

    def prepare(self, folder: Path) -> None:
        """Make the target and a ticket."""
        generator = named_generator(0, name="kills")
        weights = {
            "fc1.weight": generator.uniform(-1, 1, (60, 40)),
            "fc2.weight": generator.uniform(-1, 1, (10, 60)),
        }
        write_whole(folder / "target.safetensors", save(weights))
        make_directory(folder / "out")
        code, text = strongltn(self._prune(folder, "old", seed=0))
        if code == _NOT_WITHIN:  # a weight is out of reach: the ticket is there all the same
            code = 0
        if code:
            raise SystemExit(f"{self.name}: no ticket can be made: {text}")

    def command(self, folder: Path) -> list[str]:
        """Make a ticket with another source."""
        return self._prune(folder, "new", seed=self._SEED)

    def next_command(self, folder: Path) -> list[str]:
        """Make it once more, in place of one that was whole before the kill."""
        return [*self.command(folder), "--overwrite"]

    def problems(self, folder: Path, *, is_done: bool) -> Iterator[str]:
        """The old ticket is proved; the new one is, too, or is not there at all."""
        yield from self._unproved(folder / "out" / "old", has_to_be_there=True)
        yield from self._unproved(folder / "out" / "new", has_to_be_there=is_done)

    def _prune(self, folder: Path, name: str, *, seed: int) -> list[str]:
        target, out = str(folder / "target.safetensors"), str(folder / "out" / name)
        options = ["--samples", str(self._SAMPLES), "--tolerance", "0.1", "--seed", str(seed)]
        return ["prune", target, *options, "--out", out]

    def _unproved(self, ticket: Path, *, has_to_be_there: bool) -> Iterator[str]:
        """Yield what is wrong with a ticket."""
        if not ticket.exists():
            if has_to_be_there:
                yield f"the ticket {ticket.name} is gone"
            return
        for name, audit in verify_all(ticket).items():
            if audit.verdict is not Verdict.PROVED:
                yield f"{ticket.name}, {name}: {audit.rejected}"
        describe_directory(ticket)
        if not (ticket / "report.json").is_file():
            yield f"{ticket.name} has no report"


class PruneOverwrite(Prune):
    """A ticket is replaced."""

    name = "prune --overwrite"

    def command(self, folder: Path) -> list[str]:
        """Replace the old ticket."""
        return [*self._prune(folder, "old", seed=self._SEED), "--overwrite"]

    def next_command(self, folder: Path) -> list[str]:
        """Replace it once more."""
        return self.command(folder)

    def problems(self, folder: Path, *, is_done: bool) -> Iterator[str]:
        """One of the two is there, and proved."""
        yield from self._unproved(folder / "out" / "old", has_to_be_there=True)
        seed = json.loads((folder / "out" / "old" / "ticket.json").read_bytes())["source"]["seed"]
        if is_done and seed != self._SEED:
            yield "the ticket was not replaced"


class Certify(Prune):
    """The certificate of a ticket is replaced, on the same domain."""

    name = "certify --replace"
    _OPTIONS = ("--domain", "ball", "--replace", "--restarts", "2", "--steps", "20")

    def command(self, folder: Path) -> list[str]:
        """Certify the old ticket."""
        return ["certify", str(folder / "out" / "old"), *self._OPTIONS]

    def next_command(self, folder: Path) -> list[str]:
        """Certify it once more."""
        return self.command(folder)

    def problems(self, folder: Path, *, is_done: bool) -> Iterator[str]:
        """Every certificate that is there is proved."""
        ticket = folder / "out" / "old"
        yield from self._unproved(ticket, has_to_be_there=True)
        witnesses, audits = list(ticket.glob("witness*")), verify_all(ticket)
        if is_done and len(witnesses) != len(audits):
            yield f"{len(witnesses)} files of witnesses for {len(audits)} certificates"


class CertifyBeside(Certify):
    """A certificate on another domain is put beside the first one."""

    name = "certify"
    _OPTIONS = ("--domain", "box:-1,1", "--restarts", "2", "--steps", "20")


class FreshSearch(Scenario):
    """A finished run is begun anew."""

    name = "search --fresh"
    _CONFIG = settings_of("edge-popup", epochs=8)

    def prepare(self, folder: Path) -> None:
        """Make the finished run that is replaced."""
        run(self._CONFIG, self._place(folder))

    def command(self, folder: Path) -> list[str]:
        """Begin it anew."""
        return [*self.next_command(folder), "--fresh"]

    def next_command(self, folder: Path) -> list[str]:
        """Go on with what was begun."""
        epochs = str(self._CONFIG.epochs)
        return ["search", "edge-popup", "--epochs", epochs, "--out", str(folder / "out")]

    def problems(self, folder: Path, *, is_done: bool) -> Iterator[str]:
        """Either the old run or the new one is there, whole."""
        places = [self._place(folder)]
        if not is_done:
            places.append(replaced_by(places[0]))
        results = [finished_result(self._CONFIG, place) for place in places]
        if not any(results):
            yield "no finished run is there"
        for result in filter(None, results):
            result.network()
            result.masks()
        if is_done and replaced_by(self._place(folder)).exists():
            yield "what was replaced is still there"

    def _place(self, folder: Path) -> Path:
        return folder / "out" / self._CONFIG.name


class NewSearch(FreshSearch):
    """A run that goes on beside another, finished one."""

    name = "search"
    _SEED = 1

    def command(self, folder: Path) -> list[str]:
        """Carry out a run of another seed."""
        return [*super().next_command(folder), "--seed", str(self._SEED)]

    def next_command(self, folder: Path) -> list[str]:
        """Go on with it."""
        return self.command(folder)


class Reproduce(Scenario):
    """A recipe that was computed in part goes on."""

    name = "reproduce"
    _KEY = "parameters"
    _NUM_PARTS = 3

    def prepare(self, folder: Path) -> None:
        """Compute all parts, and keep the first."""
        strongltn(self.command(folder))
        whole = self._record(folder).read_bytes().splitlines(keepends=True)
        shutil.rmtree(folder / "out")
        make_directory(self._record(folder).parent)
        write_whole(self._record(folder), b"".join(whole[: 1 + self._NUM_PARTS]))
        write_whole(folder / "whole", b"".join(whole))

    def command(self, folder: Path) -> list[str]:
        """Compute what is missing."""
        return ["reproduce", self._KEY, "--quick", "--out", str(folder / "out")]

    def problems(self, folder: Path, *, is_done: bool) -> Iterator[str]:
        """The record begins as before, is readable, and holds the rows that it should."""
        whole = (folder / "whole").read_bytes().splitlines(keepends=True)
        found = self._record(folder).read_bytes()
        if not found.startswith(b"".join(whole[: 1 + self._NUM_PARTS])):
            yield "parts that were done are lost"
        read_rows(self._record(folder))
        if is_done and found != b"".join(whole):
            yield "the record is not that of an undisturbed run"

    def _record(self, folder: Path) -> Path:
        return folder / "out" / self._KEY / "quick.jsonl"


#: All commands that are tried.
SCENARIOS: tuple[Scenario, ...] = (
    Prune(),
    PruneOverwrite(),
    Certify(),
    CertifyBeside(),
    FreshSearch(),
    NewSearch(),
    Reproduce(),
)


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


def strongltn(arguments: list[str]) -> tuple[int, str]:
    """Run a command; return its exit code and stderr."""
    done = subprocess.run(
        [*_COMMAND, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    return done.returncode, done.stderr


def killed_after(arguments: list[str], folder: Path, *, delay: float) -> bool:
    """Kill a command some seconds after its first write; return False if it had ended before."""
    before = _state(folder)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*_COMMAND, *arguments], **quiet) as process:
        while process.poll() is None and _state(folder) == before:
            time.sleep(_LOOK_SECONDS)
        with suppress(subprocess.TimeoutExpired):
            process.wait(delay)
        process.kill()
    return process.returncode == -signal.SIGKILL


def rehearsed(scenario: Scenario, template: Path, work: Path) -> Rehearsal:
    """Run a command undisturbed, and measure it."""
    with _copied(template, work) as folder:
        before, most = _state(folder), 0
        command = [*_COMMAND, *scenario.command(folder)]
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
        if process.returncode not in (0, _NOT_WITHIN) or first is None:
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
        if code not in (0, _NOT_WITHIN, _MACHINE) or "Traceback" in text:
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
    if code not in (0, _NOT_WITHIN):
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
