"""The judge of forgeries: the auditor in a worker of bounded time and memory, and what is true.

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
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from forgeries import forgeries
from oracles import pruned_output, target_output
from safetensors.numpy import load
from ticket_files import CERTIFICATE, TICKET, points_of, write_files

from proofs_check import NotATicketError, Verdict, verify
from proofs_check.theorem_text import refusal, theorem, theorem_lines
from strongltn.certify.statement import read_certificate
from strongltn.errors import InvalidInputError
from strongltn.networks.ticket_directory import read_ticket

MAX_SECONDS = 20  # wall time of one forgery, after which its worker is ended
NUM_ORIGINALS = 8  # honest tickets that are forged, the first ones of the list
MAX_BYTES = 1 << 30  # of address space of a worker, beyond that of an idle one
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
