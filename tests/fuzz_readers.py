"""Coverage-guided fuzzing of everything that reads a file nobody vouches for.

Run as ``python tests/fuzz_readers.py`` where atheris (``pip install atheris``) and strongltn can be
imported; atheris is a tool, not a dependency. A reader may refuse its bytes by the exception that
it documents, and do nothing else. ``--record FILE`` keeps what was run.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import io
import json
import platform
import random
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers")]

import numpy as np  # noqa: E402
from forgeries.documents import MALFORMED  # noqa: E402
from safetensors.numpy import load, save  # noqa: E402
from ticket_files import (  # noqa: E402
    ARRAYS,
    DOCUMENTS,
    MASK,
    TARGET,
    Files,
    places,
    put,
    read_files,
    redrawn,
    repaired,
    to_json,
    write_files,
)

NUM_ORIGINALS = 6
MAX_SECONDS = 20  # for one input
MAX_MEBIBYTES = 4096
NAMES = (*DOCUMENTS, *ARRAYS)

Originals = list[dict[str, bytes]]


class Choices:
    """Decisions, taken from the bytes of a fuzzer one after the other; zeros when they run out."""

    def __init__(self, data: bytes) -> None:
        self._data, self._position = data, 0

    def __bool__(self) -> bool:
        return self._position < len(self._data)

    def integer(self, size: int) -> int:
        """Return a signed integer of so many bytes."""
        taken = self._data[self._position : self._position + size]
        self._position += size
        return int.from_bytes(taken, "little", signed=True)

    def below(self, limit: int) -> int:
        """Return an integer in [0, limit)."""
        return self.integer(2) % limit

    def rest(self) -> bytes:
        """Return all bytes that are left."""
        return self._data[self._position :]


def with_other_bytes(data: bytes, originals: Originals) -> Files:
    """One file of a ticket replaced by the rest of the bytes; digests repaired."""
    choices = Choices(data)
    files = originals[choices.integer(1) % len(originals)]
    return repaired(files | {NAMES[choices.integer(1) % len(NAMES)]: choices.rest()})


def with_edits(data: bytes, originals: Originals) -> Files:
    """A ticket with one edit after another: leaves of documents, entries of arrays; repaired."""
    choices = Choices(data)
    files: Files = dict(originals[choices.integer(1) % len(originals)])
    while choices:
        name = NAMES[choices.integer(1) % len(NAMES)]
        if name in DOCUMENTS:
            tree = json.loads(files[name])
            leaves = [at for at, value in places(tree) if not isinstance(value, dict | list)]
            at = leaves[choices.below(len(leaves))]
            kind, value = choices.integer(1) % 4, choices.integer(8)
            numeral = f"{value}*2^{choices.integer(1)}"
            new = (value, value % 64, numeral, MALFORMED[value % len(MALFORMED)])[kind]
            edited = to_json(put(tree, at, new))
            try:
                json.loads(edited)
            except ValueError:  # an edit that no other can follow
                return repaired(files | {name: edited})
            files[name] = edited
        else:
            arrays = load(files[name])
            key = sorted(arrays)[choices.below(len(arrays))]
            array = arrays[key].copy()
            if array.size:
                value = np.array([choices.integer(8)], np.int64)
                new = value.view(np.float64) if array.dtype.kind == "f" else value
                with np.errstate(all="ignore"):
                    array.flat[choices.below(array.size)] = new.astype(array.dtype)[0]
            files[name] = save(arrays | {key: array})
    try:
        return redrawn(files)
    except (IndexError, KeyError, OverflowError, TypeError, ValueError):  # no seed, no drawing
        return repaired(files)


def seeds_of_bytes(originals: Originals) -> Iterator[bytes]:
    """Each file of each ticket, as `with_other_bytes` wants it."""
    for (n, files), (k, name) in product(enumerate(originals), enumerate(NAMES)):
        yield bytes([n, k]) + files[name]


def seeds_of_edits(originals: Originals) -> Iterator[bytes]:
    """One or two random edits, as `with_edits` wants them."""
    rng = random.Random(0)
    for n, _ in product(range(len(originals)), range(8)):
        yield bytes([n]) + rng.randbytes(rng.choice((11, 12, 24)))


def seeds_of(*names: str) -> Callable[[Originals], Iterator[bytes]]:
    """The files of these names."""
    return lambda originals: (files[name] for files in originals for name in names)


@dataclass(frozen=True)
class Reader:
    """What reads: (bytes, originals, a new directory) -> anything; and what it refuses by."""

    read: Callable[[bytes, Originals, Path], object]
    refusals: tuple[str, ...]
    seeds: Callable[[Originals], Iterator[bytes]]
    share: int = 1  # of the time

    def __call__(self, data: bytes, originals: Originals, directory: Path) -> None:
        """Read once; a refusal is fine, any other exception is a crash."""
        shutil.rmtree(directory, ignore_errors=True)
        try:
            self.read(data, originals, directory)
        except Exception as error:
            if type(error).__name__ not in self.refusals:
                raise


def _json(data: bytes, originals: Originals, directory: Path) -> None:
    from proofs_check.certificate import reader

    reader.parse_json(data, "fuzzed.json")


def _arrays(data: bytes, originals: Originals, directory: Path) -> None:
    from proofs_check.certificate import reader

    reader.parse_arrays(data, "fuzzed.safetensors")


def _documents(data: bytes, originals: Originals, directory: Path) -> None:
    from proofs_check.certificate import reader, schema

    tree = reader.parse_json(data, "fuzzed.json")
    is_ticket = isinstance(tree, dict) and "source" in tree
    schema.parse_ticket(tree) if is_ticket else schema.parse_certificate(tree, 2)


def _whole(
    forge: Callable[[bytes, Originals], Files], read: Callable[[Path], object]
) -> Callable[[bytes, Originals, Path], None]:
    def judge(data: bytes, originals: Originals, directory: Path) -> None:
        write_files(forge(data, originals), directory)
        read(directory)

    return judge


def _verify(directory: Path) -> None:
    from proofs_check import verify

    verify(directory)


def _load_ticket(directory: Path) -> None:
    from strongltn.networks.ticket_directory import read_ticket

    read_ticket(directory)


def _read_certificate(directory: Path) -> None:
    from strongltn.certify.statement import read_certificate

    read_certificate(directory)


def _target(data: bytes, originals: Originals, directory: Path) -> None:
    from strongltn.networks.target import load_target

    directory.mkdir()
    (directory / TARGET).write_bytes(data)
    load_target(directory / TARGET)


def _model(suffix: str) -> Callable[[bytes, Originals, Path], None]:
    def read(data: bytes, originals: Originals, directory: Path) -> None:
        from proofs_check.model_file import read_model

        directory.mkdir()
        path = directory / f"model{suffix}"
        if suffix == ".pt":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("model/data.pkl", data)
                archive.writestr("model/data/0", bytes(64))
        else:
            path.write_bytes(data)
        read_model(path)

    return read


def seeds_of_state_dicts(originals: Originals) -> Iterator[bytes]:
    """The pickles of two state dicts, as torch writes them."""
    import torch

    states = ({"fc.weight": torch.ones(2, 3)}, {"epoch": 3, "model": {"a": torch.ones(4)[1:]}})
    for state in states:
        stream = io.BytesIO()
        torch.save(state, stream)
        with zipfile.ZipFile(stream) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith("data.pkl"))
            yield archive.read(name)


_READING = (
    "proofs_check.certificate.audit",
    "proofs_check.model_file",
    "strongltn.certify.statement",
    "strongltn.networks.state_dict",
    "strongltn.networks.target_file",
    "strongltn.networks.ticket_directory",
)
_REJECTED = ("Rejected", "NotATicketError")
_INVALID = ("InvalidInputError",)
_UNREADABLE = ("ModelFileError",)
READERS = {
    "JSON": Reader(_json, _REJECTED, seeds_of(*DOCUMENTS)),
    "arrays": Reader(_arrays, _REJECTED, seeds_of(*ARRAYS)),
    "documents": Reader(_documents, _REJECTED, seeds_of(*DOCUMENTS)),
    "verify, bytes": Reader(_whole(with_other_bytes, _verify), _REJECTED, seeds_of_bytes, 4),
    "verify, edits": Reader(_whole(with_edits, _verify), _REJECTED, seeds_of_edits, 8),
    "read_ticket, bytes": Reader(_whole(with_other_bytes, _load_ticket), _INVALID, seeds_of_bytes),
    "read_ticket, edits": Reader(_whole(with_edits, _load_ticket), _INVALID, seeds_of_edits),
    "read_certificate": Reader(
        _whole(with_other_bytes, _read_certificate), _INVALID, seeds_of_bytes
    ),
    "load_target": Reader(_target, _INVALID, seeds_of(TARGET, MASK)),
    "read_model, torch": Reader(_model(".pt"), _UNREADABLE, seeds_of_state_dicts),
    "read_model, safetensors": Reader(_model(".safetensors"), _UNREADABLE, seeds_of(TARGET)),
}


def write_originals(directory: Path) -> None:
    """Build the tickets that are fuzzed."""
    from honest_tickets import honest_tickets

    for n, honest in enumerate(honest_tickets(NUM_ORIGINALS)):
        honest.write(directory / str(n))


def read_originals(directory: Path) -> Originals:
    """Return the tickets that `write_originals` wrote."""
    return [read_files(directory / str(n)) for n in range(NUM_ORIGINALS)]


def fuzz(name: str, work: Path, arguments: list[str]) -> None:
    """Fuzz one reader until libFuzzer has had enough; never returns."""
    import atheris

    # What numba compiles has to stay as it is written.
    compiled = ["strongltn.rng.philox", "strongltn.numerics.row_sums"]
    with atheris.instrument_imports(include=["proofs_check", "strongltn"], exclude=compiled):
        for module in _READING:
            importlib.import_module(module)
    importlib.import_module("safetensors.torch")  # or torch is imported within the first input
    reader, originals = READERS[name], read_originals(work / "originals")

    def read(data: bytes) -> None:
        reader(data, originals, work / "fuzzed")

    atheris.Setup([sys.argv[0], *arguments], read)
    atheris.Fuzz()


def run(name: str, work: Path, *, seconds: int) -> dict[str, Any]:
    """Fuzz one reader in a process of its own; return what it did."""
    corpus, crashes = work / name / "corpus", work / name / "crashes"
    for directory in (corpus, crashes):
        directory.mkdir(parents=True)
    for n, data in enumerate(READERS[name].seeds(read_originals(work / "originals"))):
        (corpus / f"seed{n}").write_bytes(data)
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={MAX_SECONDS}",
        f"-rss_limit_mb={MAX_MEBIBYTES}",
        f"-artifact_prefix={crashes}/",
        "-print_final_stats=1",
        "-max_len=65536",
        "-seed=1",
        str(corpus),
    ]
    command = [sys.executable, __file__, "--reader", name, "--work", str(work), "--", *options]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    progress = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", done.stderr) or [(0, 0, 0)]
    executed = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    if done.returncode:
        print(done.stdout[-2000:], done.stderr[-6000:], file=sys.stderr)
        shutil.copytree(crashes, Path("fuzz-crashes") / name, dirs_exist_ok=True)
    coverage, features, inputs = map(int, progress[-1])
    return {
        "executions": int(executed[1]) if executed else 0,
        "seconds": seconds,
        "coverage": coverage,
        "features": features,
        "inputs_kept": inputs,
        "crashes": len(list(crashes.iterdir())),
        "exit_status": done.returncode,
    }


def main() -> int:
    """Fuzz every reader in turn; return 1 if one crashed, 2 without atheris."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="of all readers together")
    parser.add_argument("--only", default="", help="readers whose name holds this text")
    parser.add_argument("--record", type=Path, help="a file of JSON to write")
    parser.add_argument("--reader", choices=READERS, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("options", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("error: atheris is missing. Try: pip install atheris", file=sys.stderr)
        return 2
    if options.reader:
        fuzz(options.reader, options.work, options.options)
    names = [name for name in READERS if options.only in name]
    in_memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=in_memory if in_memory.is_dir() else None) as folder:
        work = Path(folder)
        write_originals(work / "originals")
        runs, shares = {}, sum(READERS[name].share for name in names)
        for name in names:
            seconds = max(1, options.seconds * READERS[name].share // shares)
            runs[name] = run(name, work, seconds=seconds)
            print(name, runs[name], flush=True)
    packages = ("atheris", "numpy", "python-flint", "safetensors")
    record = {
        "executions": sum(one["executions"] for one in runs.values()),
        "minutes": round(sum(one["seconds"] for one in runs.values()) / 60, 1),
        "crashes": sum(one["crashes"] for one in runs.values()),
        "readers": runs,
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in packages},
    }
    if options.record:
        options.record.write_text(json.dumps(record, indent=1) + "\n")
    return int(any(one["exit_status"] for one in runs.values()))


if __name__ == "__main__":
    sys.exit(main())
