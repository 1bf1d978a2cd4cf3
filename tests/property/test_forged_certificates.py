"""Nothing unsound passes: forgeries are refused, in bounded time and memory; honest tickets pass.

Refused means REJECTED, or no ticket at all. Where chance decides whether a forgery is one, the
auditor may accept what is true: exact differences at points of the stated domain are the judge.
"""

import json
import random
import re
import resource
import shutil
import signal
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from forgeries import forgeries
from fuzz_readers import READERS
from honest_tickets import honest_tickets
from oracles import pruned_output, target_output
from safetensors.numpy import load, save
from ticket_files import (
    ARRAYS,
    CERTIFICATE,
    DOCUMENTS,
    MASK,
    TICKET,
    points_of,
    put,
    read_files,
    redrawn,
    repaired,
    to_json,
    write_files,
)

from proofs_check import NotATicketError, Verdict, verify
from proofs_check.theorem_text import refusal, theorem, theorem_lines
from strongltn.certify.statement import read_certificate
from strongltn.errors import InvalidInputError
from strongltn.networks.ticket_directory import read_ticket

ROOT = Path(__file__).parents[2]
MAX_SECONDS = 20  # wall time of one forgery, after which its worker is ended
MAX_BYTES = 1 << 30  # of address space of a worker, beyond that of an idle one
NUM_HONEST = 200
NUM_ORIGINALS = 8  # honest tickets that are forged, the first ones of the list
# Where another check would refuse as well, the one that is meant has to come first.
REASONS = {"negative multipliers": "multipliers of .* >= 0", "attacks outside": "attack"}


@dataclass(frozen=True)
class Judgement:
    """What the auditor says of a directory, and what it took, memory beyond that of before."""

    verdict: str
    upper_bound: Fraction | None
    lower_bound: Fraction | None
    reason: str | None
    cpu_seconds: float
    peak_bytes: int


def limit_worker():
    """Bound the memory of this process, in which the auditor has been imported."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MAX_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def judge(directory):
    """Verify a directory under an alarm that ends the process, whatever it is doing."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(MAX_SECONDS)
    before = peak_bytes(anew=True)
    began = time.process_time()
    try:
        audit = verify(directory)
        check_words(audit)
        found = (audit.verdict.value, audit.upper_bound, audit.lower_bound, audit.rejected)
    except NotATicketError as error:
        found = ("NOT A TICKET", None, None, str(error))
    signal.alarm(0)
    return Judgement(*found, time.process_time() - began, peak_bytes() - before)


def check_words(audit):
    """Have the answer written, whatever a forger wrote: plain text, and JSON that is read back."""
    if audit.verdict is Verdict.REJECTED:
        lines = [refusal(audit)]
        if not re.search(r" \(step [1-5] of 5: [a-z ,]+\)$", lines[0]):
            raise ValueError(f"no refusal: {lines[0]}")
    else:
        lines = theorem_lines(audit)
        json.loads(json.dumps(theorem(audit), allow_nan=False))
    for line in lines:
        if not (line.isascii() and line.isprintable()):
            raise ValueError(f"{line!r} is not for a terminal")


def peak_bytes(*, anew=False):
    """Return the most memory that this process has had, at all or since it was last asked anew."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024


def read_by_us(directory):
    """Read a directory with strongltn's own readers, which may only call it invalid."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(MAX_SECONDS)
    for read in (read_ticket, read_certificate):
        with suppress(InvalidInputError):
            read(directory)
    signal.alarm(0)


@pytest.fixture(scope="module")
def worker():
    context = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=limit_worker) as pool:
        yield pool


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """Return the files of an honest ticket, built when it is first asked for."""
    root = tmp_path_factory.mktemp("honest")

    @cache
    def build(n):
        honest_tickets(n + 1)[n].write(root / str(n))
        return root / str(n)

    return build


def exact_difference(target, ticket, x, *, norm):
    """Return ||f(x) - g(x)||^2 in the stated norm."""
    pairs = zip(target_output(target, x), pruned_output(ticket, x), strict=True)
    squares = [(a - b) ** 2 for a, b in pairs]
    return sum(squares) if norm == 2 else max(squares)


def false_statement(directory, judgement, *, seed, count):
    """Return what is false about an accepted directory, evaluated exactly, or None."""
    target, ticket = read_ticket(directory)
    certificate = json.loads((directory / CERTIFICATE).read_bytes())
    (witness_file,) = directory.glob("witness*.safetensors")
    witness = load(witness_file.read_bytes())
    shape = json.loads((directory / TICKET).read_bytes())
    rng = random.Random(seed)
    points = points_of(certificate, witness, shape, rng=rng, count=count)
    for n, x in enumerate(points):
        square = exact_difference(target, ticket, x, norm=certificate["output_norm"])
        if square > judgement.upper_bound**2:
            return f"{x} is further than the upper bound: {float(square)}"
        if n == 0 and square < judgement.lower_bound**2:
            return f"the attack does not reach the lower bound: {float(square)}"
    return None


def check_forgeries(originals, worker, root, *, at_most, num_false, seed=1):
    """Have every forgery judged; return the counts by kind and verdict."""
    counts, slowest, peak = Counter(), 0.0, 0
    wrong = []
    for n, forgery in enumerate(forgeries(originals, at_most=at_most, seed=seed)):
        directory = root / str(n)
        write_files(forgery.files, directory)
        try:
            judgement = worker.submit(judge, directory).result()
        except BrokenProcessPool:
            raise AssertionError(f"{forgery.kind}, {forgery.what}: took too long") from None
        except Exception as error:
            wrong.append(f"{forgery.kind}, {forgery.what}: the auditor raises {error!r}")
            continue
        if forgery.kind != "strange files":  # of pipes and devices only the auditor is wary
            try:
                worker.submit(read_by_us, directory).result()
            except Exception as error:
                wrong.append(f"{forgery.kind}, {forgery.what}: our readers raise {error!r}")
        counts[forgery.kind, judgement.verdict] += 1
        counts["false" if forgery.is_false else "by chance", judgement.verdict] += 1
        slowest = max(slowest, judgement.cpu_seconds)
        peak = max(peak, judgement.peak_bytes)
        if not re.search(REASONS.get(forgery.kind, ""), judgement.reason or ""):
            wrong.append(f"{forgery.kind}, {forgery.what}: refused for {judgement.reason}")
        if judgement.verdict == Verdict.PROVED:
            found = false_statement(directory, judgement, seed=n, count=6)
            if forgery.is_false or found:
                wrong.append(f"{forgery.kind}, {forgery.what}: accepted; {found}")
        shutil.rmtree(directory)
    print(*sorted(counts.items()), sep="\n")
    print(f"slowest {slowest:.2f} s of CPU, at most {peak / 2**20:.0f} MiB")
    assert not wrong, "\n".join(wrong)
    refused = counts["false", "REJECTED"] + counts["false", "NOT A TICKET"]
    assert refused >= num_false
    assert counts["by chance", "PROVED"] > 0  # else chance would have had no turn
    return counts


def test_forgeries_are_refused(honest, worker, tmp_path):
    originals = [read_files(honest(n)) for n in (0, 1)]
    check_forgeries(originals, worker, tmp_path, at_most=4, num_false=200)


@pytest.mark.slow
def test_a_thousand_forgeries_are_refused(honest, worker, tmp_path):
    originals = [read_files(honest(n)) for n in range(NUM_ORIGINALS)]
    check_forgeries(originals, worker, tmp_path, at_most=10, num_false=1000)


def test_ten_thousand_forgeries_were_refused():
    """As ``tests/forge_many.py`` recorded it."""
    record = json.loads((ROOT / "experiments" / "recorded" / "forgeries.json").read_text())
    assert record["distinct"] >= 10_000
    assert record["false_and_accepted"] == 0
    assert "false: PROVED" not in record["counts"]


def check_honest(directory, *, count):
    audit = verify(directory)
    assert audit.verdict is Verdict.PROVED, audit.rejected
    assert false_statement(directory, audit, seed=1, count=count) is None


@pytest.mark.parametrize("n", range(12))
def test_honest_tickets_pass_and_are_true(honest, n):
    check_honest(honest(n), count=20)


@pytest.mark.slow
@pytest.mark.parametrize("n", range(12, NUM_HONEST))
def test_all_honest_tickets_pass_and_are_true(honest, n):
    check_honest(honest(n), count=10)


def test_the_honest_go_round_all_choices():
    every = honest_tickets(NUM_HONEST)
    for name in ("construction", "law", "sizes", "has_bias", "domain", "norm", "is_tight"):
        for pair in ("domain", "is_tight"):
            if name != pair:
                seen = Counter((getattr(one, name), getattr(one, pair)) for one in every)
                ours, theirs = ({getattr(one, key) for one in every} for key in (name, pair))
                assert len(seen) == len(ours) * len(theirs), (name, pair)


@pytest.mark.parametrize("n", range(4))
def test_rewriting_and_repairing_alone_change_nothing(honest, tmp_path, n):
    """Else forgeries might be refused for how they were written."""
    files = read_files(honest(n))
    for name in DOCUMENTS:
        files[name] = to_json(json.loads(files[name]))
    for name in ARRAYS:
        files[name] = save(load(files[name]))
    wrong = files | {name: files[name].replace(b'": "', b'" : "') for name in DOCUMENTS}
    write_files(wrong, tmp_path / "wrong")
    assert verify(tmp_path / "wrong").verdict is Verdict.REJECTED
    write_files(redrawn(files), tmp_path / "repaired")
    assert verify(tmp_path / "repaired").verdict is Verdict.PROVED


def test_the_judge_sees_what_is_false(honest):
    """Else a silent judge would let forgeries pass."""
    directory = honest(0)
    audit = verify(directory)
    assert false_statement(directory, audit, seed=1, count=6) is None
    low = replace(audit, upper_bound=audit.lower_bound / 2)
    assert "further" in false_statement(directory, low, seed=1, count=6)
    high = replace(audit, lower_bound=audit.lower_bound * 2)
    assert "does not reach" in false_statement(directory, high, seed=1, count=6)


@pytest.mark.parametrize("harm", ["memory", "time"])
def test_the_limits_are_felt(harm):
    """A worker that takes too much is ended, or cannot have it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=limit_worker) as pool:
        if harm == "memory":
            with pytest.raises(MemoryError):
                pool.submit(bytes, 2 * MAX_BYTES).result()
        else:
            with pytest.raises(Exception, match="terminated abruptly"):
                pool.submit(wait_for_the_alarm).result()


def wait_for_the_alarm():
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    time.sleep(60)


def is_invalid(reader, directory):
    """Return whether a reader calls a directory invalid."""
    try:
        reader(directory)
    except InvalidInputError:
        return True
    return False


NESTED = b"[" * 10**5 + b"]" * 10**5


@pytest.mark.parametrize(
    ("name", "at", "value"),
    [
        (TICKET, (), NESTED),
        (TICKET, ("scale_exponents", 0), "one"),
        (TICKET, ("scale_exponents", 0), 1.5),
        (TICKET, ("scale_exponents", 0), 10**10),
        (TICKET, ("layers", 0, "name"), 1.5),
        (TICKET, ("construction",), 1.5),
        (CERTIFICATE, (), NESTED),
        (CERTIFICATE, ("domain", "radius"), "1*2^4000"),
        (CERTIFICATE, ("upper_bound",), "1*2^999999999"),
        (CERTIFICATE, ("lower_bound",), "1*2^-99999999999999"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_our_readers_call_it_invalid(honest, worker, tmp_path, name, at, value):
    """Once found to end in a traceback, or to fill the memory."""
    files = read_files(honest(0))
    if at:
        value = to_json(put(json.loads(files[name]), at, value))
    write_files(repaired(files | {name: value}), tmp_path / "ticket")
    reader = read_certificate if name == CERTIFICATE else read_ticket
    assert worker.submit(is_invalid, reader, tmp_path / "ticket").result()


def test_a_mask_of_other_integers_is_invalid(honest, tmp_path):
    files = read_files(honest(0))
    masks = load(files[MASK])
    kept = masks["0.kept"].astype(np.int64)
    files[MASK] = save(masks | {"0.kept": kept})
    write_files(repaired(files), tmp_path / "ticket")
    with pytest.raises(InvalidInputError):
        read_ticket(tmp_path / "ticket")


def damaged(data, rng):
    """Return bytes with one thing wrong: a bit, a byte, a piece missing or there twice."""
    at, size = rng.randrange(len(data) + 1), rng.randrange(1, 20)
    return (
        data[: at - 1] + bytes([data[at - 1] ^ 1 << rng.randrange(8)]) + data[at:],
        data[:at] + bytes([rng.randrange(256)]) + data[at:],
        data[:at] + data[at + size :],
        data[: at + size] + data[at:],
        data[:at],
    )[rng.randrange(5)]


@pytest.mark.parametrize("name", READERS)
def test_readers_refuse_damaged_bytes(name, honest, tmp_path):
    """A slice of what `fuzz_readers` does with coverage as its guide."""
    rng = random.Random(name)
    originals = [read_files(honest(n)) for n in (0, 1)]
    for data in READERS[name].seeds(originals):
        for _ in range(10):
            READERS[name](damaged(data, rng), originals, tmp_path / "damaged")
