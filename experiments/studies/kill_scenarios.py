"""The commands that `studies.kills` interrupts, and what must hold after each of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

from safetensors.numpy import save

from proofs_check import Verdict, verify_all
from strongltn.pipeline.tickets import describe_directory
from strongltn.recipes.run import read_rows
from strongltn.rng import named_generator
from strongltn.search.config import settings_of
from strongltn.storage import make_directory, write_whole
from strongltn.training.fresh import replaced_by
from strongltn.training.result import finished_result
from strongltn.training.run import run

#: The exit code of prune where a weight is out of reach; the ticket is written all the same.
NOT_WITHIN = 1
#: What starts strongltn.
COMMAND = (sys.executable, "-m", "strongltn")


def strongltn(arguments: list[str]) -> tuple[int, str]:
    """Run a command; return its exit code and stderr."""
    done = subprocess.run(
        [*COMMAND, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    return done.returncode, done.stderr


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
        if code == NOT_WITHIN:  # a weight is out of reach: the ticket is there all the same
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
    _OPTIONS: tuple[str, ...] = (
        "--domain",
        "ball",
        "--replace",
        "--restarts",
        "2",
        "--steps",
        "20",
    )

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
