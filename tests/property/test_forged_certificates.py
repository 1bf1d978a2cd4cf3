"""Nothing unsound passes: forgeries are refused, in bounded time and memory; honest tickets pass.

`forgery_judge` says what refused means, and what is true.
"""

import json
import random
import signal
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from forgery_judge import MAX_BYTES, NUM_ORIGINALS, check_forgeries, false_statement, limit_worker
from fuzz_readers import READERS
from honest_tickets import honest_tickets
from safetensors.numpy import load, save
from ticket_files import (
    ARRAYS,
    CERTIFICATE,
    DOCUMENTS,
    MASK,
    TICKET,
    put,
    read_files,
    redrawn,
    repaired,
    to_json,
    write_files,
)

from proofs_check import Verdict, verify
from strongltn.certify.statement import read_certificate
from strongltn.errors import InvalidInputError
from strongltn.networks.ticket_directory import read_ticket

ROOT = Path(__file__).parents[2]
NUM_HONEST = 200


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
