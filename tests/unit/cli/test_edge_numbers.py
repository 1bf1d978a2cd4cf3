"""Every numeric option at its limits: an answer within seconds, or a refusal that names it."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from strongltn.certify import Attack
from strongltn.cli import main as cli

NOT_NUMBERS = ("nan", "inf", "-inf", "1/0", "2^-1000000000", "", "x", "1e99999", "9" * 5000)
HUGE = "100000000000000000000"

SAMPLES = {"--eta": "0.1", "--delta": "0.1", "--trials": "0"}
NETWORK = {"--widths": "6,5,3", "--epsilon": "0.1", "--delta": "0.01"}
PRUNE = {"--samples": "4", "--out": "OUT"}
CERTIFY = {"--steps": "2", "--restarts": "1"}
SEARCH = {"--epochs": "1", "--out": "OUT"}


def _rows(words, option, *, fine=(), bad=(), name=None, base=None):
    """Yield (argv, exit code, word of the message): 0 or 1 for fine, 2 for bad."""
    rest = [word for pair in (base or {}).items() if pair[0] != option for word in pair]
    for value in fine:
        yield [*words, *rest, f"{option}={value}"], (0, 1), ""
    for value in bad:
        yield [*words, *rest, f"{option}={value}"], (2,), name or option


def _table():
    samples, network = ["bound", "samples"], ["bound", "all"]
    tiny = ("1e-300", "1e-400", "2^-1074", "2^-5000")
    outside = ("0", "-1", "1e400", HUGE)
    yield from _rows(samples, "--eta", fine=tiny, bad=NOT_NUMBERS, name="eta", base=SAMPLES)
    yield from _rows(samples, "--eta", bad=outside, name="eta", base=SAMPLES)
    small = SAMPLES | {"--eta": "1e-4"}
    yield from _rows(samples, "--delta", fine=tiny, bad=NOT_NUMBERS, name="delta", base=small)
    yield from _rows(samples, "--delta", bad=outside, name="in (0, 1)", base=SAMPLES)
    yield from _rows(
        samples, "--constant", fine=("1e400", "1e-400"), bad=("0", *NOT_NUMBERS), name="constant",
        base=SAMPLES,
    )  # fmt: skip
    yield from _rows(samples, "--dimension", bad=("0", "-1", HUGE), name="dimension", base=SAMPLES)
    yield from _rows(samples, "--dimension", bad=("1e400", "", "x"), base=SAMPLES)
    yield from _rows(
        samples, "--trials", fine=("0", "1"), bad=("-1", HUGE, "1000000000", "nan", ""),
        base=SAMPLES,
    )  # fmt: skip
    for option in ("--epsilon", "--delta"):
        name = option.strip("-")
        yield from _rows(network, option, fine=tiny, bad=NOT_NUMBERS, name=name, base=NETWORK)
        yield from _rows(network, option, bad=outside, name="in (0, 1)", base=NETWORK)
    yield from _rows(
        network, "--widths", fine=("1000000000,1000000000,10", f"{HUGE},5,10", "7," * 300 + "7"),
        bad=("0,1", "1,-1", "10", "", ",", "1.5,2", "9" * 5000 + ",1"), name="widths", base=NETWORK,
    )  # fmt: skip
    for option in ("--max-weight", "--constant", "--input-norm", "--density"):
        yield from _rows(network, option, bad=NOT_NUMBERS, base=NETWORK)
        yield from _rows(network, option, fine=("1e-400", "2^-1074"), base=NETWORK)
    yield from _rows(network, "--max-weight", bad=outside, name="in (0, 1]", base=NETWORK)
    yield from _rows(
        network, "--kernel-size", fine=(HUGE,), bad=("0", "-1"), name=">= 1", base=NETWORK
    )
    for option in ("--heads", "--grid-bits"):
        yield from _rows(network, option, fine=(HUGE,), bad=("1e400", ""), base=NETWORK)
        yield from _rows(network, option, bad=("0", "-1"), name=">= 1", base=NETWORK)
    for option in ("--epsilon", "--tolerance"):
        bad = ("0", "-1", "nan", "inf", "1e400", "1e-400")
        yield from _rows(["prune", "TARGET"], option, bad=bad, base=PRUNE)
        yield from _rows(["prune", "TARGET"], option, bad=("1/0", "", "x"), base=PRUNE)
        yield from _rows(["prune", "TARGET"], option, fine=("1e-300", "1e300"), base=PRUNE)
    alone = {"--out": "OUT"}
    yield from _rows(["prune", "TARGET"], "--epsilon", bad=("1e-300",), name="epsilon", base=alone)
    bad = ("0", "-1", "65", "1000", "1000000000000", HUGE)
    yield from _rows(["prune", "TARGET"], "--samples", bad=bad, base=alone)
    yield from _rows(["prune", "TARGET"], "--samples", bad=("1e3", "nan", ""), base=alone)
    single = ["prune", "TARGET", "--construction", "single-weight"]
    bad = ("0", "4194305", "1000000000000", HUGE)
    yield from _rows(single, "--samples", fine=("20000",), bad=bad, base=alone)
    for words in (["prune", "TARGET"],):
        yield from _rows(words, "--seed", fine=("0", f"{2**64 - 1}"), base=PRUNE)
        yield from _rows(words, "--seed", bad=("-1", str(2**64)), base=PRUNE)
        yield from _rows(words, "--seed", bad=("1e3", "nan", ""), base=PRUNE)
    for ends in ("ball:0", "ball:-1", "ball:nan", "ball:1e400"):
        yield ["prune", "TARGET", *_flat(PRUNE), "--domain", ends], (2,), "the radius of --domain"
    for ends in ("box:0,0", "box:1,0", "box:nan,nan", "box:-inf,inf", "ball:x", "box:1/0,1"):
        yield ["prune", "TARGET", *_flat(PRUNE), "--domain", ends], (2,), "--domain"
    for ends in ("ball:1e-300", "ball:1e300", "box:0,1e-300", "box:-1e300,0"):
        yield ["prune", "TARGET", *_flat(PRUNE), "--domain", ends], (0, 1), ""
    certify = ["certify", "TICKET"]
    bad = ("0", "-1", "nan", "1e400")
    yield from _rows(certify, "--epsilon", bad=bad, base=CERTIFY)
    yield from _rows(certify, "--epsilon", fine=("1e-300", "1e300"), base=CERTIFY)
    for option in ("--restarts", "--steps"):
        yield from _rows(certify, option, bad=("0", "-1", HUGE, "nan", ""), base=CERTIFY)
    bad = ("0", "-1", "nan", "1e400", "", "1,,2")
    figure = {**CERTIFY, "--figure": "FIGURE"}
    yield from _rows(certify, "--radii", bad=bad, base=figure)
    search = ["search", "edge-popup"]
    for option in ("--epochs", "--batch-size"):
        yield from _rows(search, option, bad=("0", "-1"), base=SEARCH)
        yield from _rows(search, option, bad=("nan", "1e3", ""), base=SEARCH)
    for option in ("--density", "--lr", "--weight-decay", "--momentum"):
        bad = ("-1", "nan", "inf", "1e400")
        yield from _rows(search, option, bad=bad, base=SEARCH)
        yield from _rows(search, option, bad=("x", ""), base=SEARCH)
    for option in ("--seed", "--seeds"):
        yield from _rows(search, option, bad=("-1", HUGE, "x", ""), base=SEARCH)
    for words in (["demo"], ["bench", "subset-sum", "--quick"]):
        bad = ("-1", str(2**64), "x", "")
        yield from _rows(words, "--seed", bad=bad, base={"--out": "OUT"})


def _flat(options):
    return [word for pair in options.items() for word in pair]


TABLE = list(_table())


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A small state dict, and a ticket of it."""
    torch.manual_seed(3)
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
    folder = tmp_path_factory.mktemp("numbers")
    torch.save(module.state_dict(), folder / "target.pt")
    places = {"TARGET": folder / "target.pt", "TICKET": folder / "ticket"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Attack.__init__, "__defaults__", (1, 2, 0))
        code = _call(["prune", places["TARGET"], "--samples", "4", "--out", places["TICKET"]])
    assert code == 1
    return places


def _call(arguments):
    """Run the command line in this process, and leave its numbers as they were."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["strongltn", *map(str, arguments)])
        try:
            cli.main()
        except SystemExit as end:
            return end.code or 0
    return 0


@pytest.mark.parametrize(
    ("arguments", "codes", "named"), TABLE, ids=[" ".join(row[0])[-60:] for row in TABLE]
)
def test_a_numeric_option_at_its_limits(
    places, tmp_path, capsys, monkeypatch, arguments, codes, named
):
    monkeypatch.setattr(Attack.__init__, "__defaults__", (1, 2, 0))
    where = {**places, "OUT": tmp_path / "out", "FIGURE": tmp_path / "figure"}
    began = time.perf_counter()
    code = _call([where.get(word, word) for word in arguments])
    seconds = time.perf_counter() - began
    printed = capsys.readouterr()
    assert code in codes, printed.err
    assert "Traceback" not in printed.err
    assert seconds < 30  # on a busy machine; most take milliseconds
    if 2 in codes:
        assert re.search(rf"{re.escape(named)}(?![a-z-])", printed.err), printed.err
        assert "The '" not in printed.err or arguments[0] == "bound"
        assert printed.out == ""
        assert not (tmp_path / "out").exists() or not any((tmp_path / "out").rglob("*.json"))
    else:
        assert printed.out


def test_what_would_take_long_is_listed(capsys):
    code = _call(["bound", "samples", "--eta", "1e-9", "--delta", "1e-300", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert code == 0
    later = {row["key"]: row["seconds"] for row in report["not_computed"]}
    assert {"Cover.DynamicProgram", "Cover.ComponentProgram"} <= set(later)
    assert min(later.values()) > 10
    assert {row["key"] for row in report["theorems"]} >= {"Cover.Uniform", "Cover.WideWindow"}
    assert report["measured"] is None
    code = _call(["bound", "samples", "--eta", "2^-20", "--delta", "1e-300", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["not_measured"]["trials"] == 4000
    code = _call(["bound", "samples", "--eta", "2^-20", "--delta", "1e-300"])
    text = capsys.readouterr().out
    assert "Cover.DynamicProgram: not computed, it would take about" in text
    assert "not measured: 4,000 trials would take about" in text


def test_a_long_simulation_ends_with_ctrl_c():
    command = ["bound", "samples", "--eta", "2^-18", "--delta", "0.4", "--trials", "100000000"]
    program = "import sys; from strongltn.cli.main import main; sys.argv[0] = 'strongltn'; main()"
    with subprocess.Popen(
        [sys.executable, "-c", program, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"NUMBA_NUM_THREADS": "2"},
    ) as process:
        time.sleep(12)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        began = time.perf_counter()
        out, err = process.communicate(timeout=60)
    assert time.perf_counter() - began < 30
    assert process.returncode not in (0, 1, 2)
    assert out == b""
    assert b"Traceback" not in err


def test_the_attack_tells_how_far_it_is():
    from strongltn.certify.attack import attack
    from strongltn.networks import Ball, DifferenceNetwork, LinearLayer, TargetNetwork
    from strongltn.networks.difference import LayerError
    from strongltn.numerics.dyadic import DyadicArray

    target = TargetNetwork((LinearLayer("w", np.eye(2, dtype=np.float32)),))
    layers = target.scaled((0,))
    error = LayerError(plus=DyadicArray(np.eye(2, dtype=np.int64), -3), minus=None, bias=None)
    calls = []
    attack(
        DifferenceNetwork(layers, (error,), Ball()),
        settings=Attack(num_restarts=1, num_steps=200),
        progress=lambda *at: calls.append(at),
    )
    assert calls == [("attack", done, 4) for done in (1, 2, 3)]
