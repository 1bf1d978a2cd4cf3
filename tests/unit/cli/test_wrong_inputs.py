"""Wrong inputs over all commands: no traceback, exit code 2 or 3, the parameter named, no litter.

One table a kind of input. Numbers at their limits have a table of their own
(`test_numbers_at_the_edge.py`).
"""

import contextlib
import json
import os
import pickle
import resource
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from strongltn.certify import Attack, CertifySettings
from strongltn.networks import LinearLayer, TargetNetwork
from strongltn.pipeline import tickets as pipeline
from strongltn.storage import new_directory


@pytest.fixture(scope="module")
def state():
    """The weights of a small network."""
    generator = torch.Generator().manual_seed(1)
    return {
        "fc1.weight": torch.rand(2, 3, generator=generator),
        "fc1.bias": torch.rand(2, generator=generator),
        "fc2.weight": torch.rand(1, 2, generator=generator),
    }


@pytest.fixture(scope="module")
def saved(tmp_path_factory, state):
    """A saved ticket that nobody changes."""
    layers = (
        LinearLayer("fc1", state["fc1.weight"].numpy(), state["fc1.bias"].numpy()),
        LinearLayer("fc2", state["fc2.weight"].numpy()),
    )
    path = tmp_path_factory.mktemp("saved") / "ticket"
    with new_directory(path) as work:
        settings = CertifySettings(attack=Attack(1, 1))
        result = pipeline.prune(TargetNetwork(layers), num_samples=4, settings=settings)
        pipeline.save(result, work)
    return path


@pytest.fixture
def place(tmp_path, state, saved, monkeypatch):
    """A working directory with a target, a ticket, a foreign folder, a file and a named pipe."""
    monkeypatch.chdir(tmp_path)
    torch.save(state, "target.pt")
    shutil.copytree(saved, "ticket")
    Path("foreign").mkdir()
    Path("foreign", "note").write_text("a user's")
    Path("file").write_text("a user's")
    Path("loop").symlink_to("loop")
    os.mkfifo("pipe")
    return tmp_path


def everything(folder):
    """Return all that is below a folder: what is written appears here."""
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = os.lstat(path).st_mode
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        found[str(path)] = (kind, content)
    return found


def check(run, place, arguments, parameter, *, codes=(2, 3)):
    before = everything(place)
    code, out, err = run(*arguments)
    said = " ".join(err.replace("│", " ").split())
    assert code in codes, (code, out, err)
    assert "Traceback" not in err
    assert parameter in said, said
    assert out == ""
    assert everything(place) == before
    return err


# --- targets ----------------------------------------------------------------------------------


def zeros(*shape, **options):
    return torch.zeros(shape, **options)


class Dangerous:
    def __reduce__(self):
        return (print, ("executed",))


STATES = {
    "no entry": {},
    "a number": {"fc.weight": 3},
    "a list": [zeros(2, 2)],
    "a tensor": zeros(2, 2),
    "none": None,
    "text": "fc1.weight",
    "int keys": {1: zeros(2, 2)},
    "a bias alone": {"fc.bias": zeros(2)},
    "a convolution": {"conv.weight": zeros(2, 2, 3, 3)},
    "a scalar": {"fc.weight": zeros()},
    "a vector": {"fc.weight": zeros(3)},
    "an empty matrix": {"fc.weight": zeros(0, 3)},
    "a matrix of bias": {"fc.weight": zeros(2, 2), "fc.bias": zeros(2, 2)},
    "a longer bias": {"fc.weight": zeros(2, 2), "fc.bias": zeros(3)},
    "nan": {"fc.weight": torch.tensor([[float("nan")]])},
    "inf": {"fc.weight": torch.tensor([[float("inf")]])},
    "nan bias": {"fc.weight": zeros(1, 1), "fc.bias": torch.tensor([float("nan")])},
    "integers": {"fc.weight": zeros(2, 2, dtype=torch.int64)},
    "booleans": {"fc.weight": zeros(2, 2, dtype=torch.bool)},
    "complex": {"fc.weight": zeros(2, 2, dtype=torch.complex64)},
    "widths apart": {"fc1.weight": zeros(2, 3), "fc2.weight": zeros(2, 3)},
    "a buffer": {"fc.weight": zeros(2, 2), "bn.running_mean": zeros(2)},
    "sparse": {"fc.weight": zeros(2, 2).to_sparse()},
    "meta": {"fc.weight": torch.empty(2, 2, device="meta")},
    "two networks": {"actor": {"fc.weight": zeros(2, 2)}, "critic": {"fc.weight": zeros(2, 2)}},
}


@pytest.mark.parametrize("content", STATES.values(), ids=STATES)
def test_states_that_are_no_chain(run, place, content):
    torch.save(content, "wrong.pt")
    check(run, place, ["prune", "wrong.pt", "--samples", 3, "--out", "new"], "must be")


TENSORS = {
    key: content
    for key, content in STATES.items()
    if isinstance(content, dict)
    and key not in ("sparse", "meta", "two networks")
    and all(isinstance(value, torch.Tensor) for value in content.values())
    and all(isinstance(name, str) for name in content)
}


@pytest.mark.parametrize("content", TENSORS.values(), ids=TENSORS)
def test_safetensors_that_are_no_chain(run, place, content):
    save_file(content, "wrong.safetensors")
    arguments = ["prune", "wrong.safetensors", "--samples", 3, "--out", "new"]
    check(run, place, arguments, "must be")


def huge_header():
    return struct.pack("<Q", 1 << 60)


CONTENTS = {
    "empty": b"",
    "text": b"no network",
    "zeros": bytes(1000),
    "a pickle that runs": pickle.dumps(Dangerous()),
    "an archive cut off": b"PK\x03\x04" + bytes(20),
    "a huge header": huge_header(),
    "a header of text": struct.pack("<Q", 4) + b"text",
    "a header of a list": struct.pack("<Q", 2) + b"[]",
}


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors", ".npy", ".onnx", ""])
@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_files_that_are_no_network(run, place, content, suffix):
    Path(f"wrong{suffix}").write_bytes(content)
    check(run, place, ["prune", f"wrong{suffix}", "--samples", 3, "--out", "new"], "TARGET")


PLACES = ["absent.pt", "foreign", ".", "pipe", "loop", "x" * 300 + ".pt", "", "file/x.pt", "\n.pt"]


@pytest.mark.parametrize("path", PLACES, ids=lambda path: repr(path[:20]))
def test_targets_that_are_no_files(run, place, path):
    what = "File name too long" if "xxx" in path else "TARGET"
    check(run, place, ["prune", path, "--samples", 3, "--out", "new"], what)


# --- ticket directories -------------------------------------------------------------------------


def cut(name, share):
    def change():
        path = Path("ticket", name)
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])

    return change


def replaced(name, content):
    return lambda: Path("ticket", name).write_bytes(content)


def removed(name):
    return lambda: Path("ticket", name).unlink()


def piped(name):
    def change():
        Path("ticket", name).unlink()
        os.mkfifo(Path("ticket", name))

    return change


def linked(name, to):
    def change():
        Path("ticket", name).unlink()
        Path("ticket", name).symlink_to(to)

    return change


def edited(**values):
    def change():
        path = Path("ticket", "ticket.json")
        path.write_text(json.dumps(json.loads(path.read_bytes()) | values))

    return change


DAMAGES = {
    f"{what}: {name}": make
    for name in ("ticket.json", "target.safetensors", "mask.safetensors")
    for what, make in {
        "empty": cut(name, 0),
        "cut off": cut(name, 0.7),
        "text": replaced(name, b"text"),
        "a list": replaced(name, b"[]"),
        "deep": replaced(name, b"[" * 100_000),
        "gone": removed(name),
        "a pipe": piped(name),
        "a device": linked(name, "/dev/zero"),
        "a folder": linked(name, "../foreign"),
        "a link elsewhere": linked(name, "/etc/hostname"),
        "a dangling link": linked(name, "nothing"),
    }.items()
} | {
    "another format": edited(format="strongltn-run"),
    "no layers": edited(layers=[]),
    "a law": edited(source={}),
    "widths": edited(scale_exponents=[1e400]),
    "names": edited(layers=[{"name": 3}]),
}


@pytest.mark.parametrize("command", ["info", "certify"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_tickets(run, place, damage, command):
    damage()
    check(run, place, [command, "ticket"], "DIR")


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_tickets_are_rejected_by_the_auditor(run, place, damage):
    damage()
    before = everything(place)
    code, out, err = run("verify", "ticket")
    assert code in (1, 2)
    assert "Traceback" not in out + err
    assert "REJECTED" in out or "DIR must be a ticket directory" in err
    assert everything(place) == before


@pytest.mark.parametrize("command", ["info", "certify", "verify"])
@pytest.mark.parametrize("path", PLACES, ids=lambda path: repr(path[:20]))
def test_places_that_are_no_tickets(run, place, command, path):
    what = "DIR must be a"
    check(run, place, [command, path], "File name too long" if "xxx" in path else what)


# --- places to write ----------------------------------------------------------------------------

PRUNE = ["prune", "target.pt", "--samples", 3, "--out"]
OUTS = {
    "a file": (2, "file"),
    "a foreign folder": (2, "foreign"),
    "below a file": (2, "file/new"),
    "deep below a file": (2, "file/a/b"),
    "a pipe": (2, "pipe"),
    "below a pipe": (2, "pipe/new"),
    "this folder": (2, "."),
    "above": (2, ".."),
    "a ticket": (2, "ticket"),
    "a loop": (2, "loop"),
    "below a loop": (2, "loop/new"),
    "300 characters": (3, "x" * 300),
    "below 300 characters": (3, "x" * 300 + "/new"),
    "a system folder": (3, "/proc/new"),
    "a device": (2, "/dev/null"),
    "nothing": (2, ""),
}


@pytest.mark.parametrize(("code", "path"), OUTS.values(), ids=OUTS)
def test_tickets_that_cannot_be_written(run, place, code, path):
    parameter = "--out" if code == 2 else "strongltn: Could not"
    check(run, place, [*PRUNE, path], parameter, codes=(code,))


@pytest.mark.parametrize("path", ["file", "foreign", "pipe", ".", "/dev/null", "loop"])
def test_overwrite_is_for_tickets_alone(run, place, path):
    check(run, place, [*PRUNE, path, "--overwrite"], "--out", codes=(2,))


def test_overwrite_stops_at_a_foreign_file(run, place):
    Path("ticket", "thesis.tex").write_text("a user's")
    check(run, place, [*PRUNE, "ticket", "--overwrite"], "also holds thesis.tex", codes=(2,))


WRITERS = {
    "demo": ["demo", "--out"],
    "search": ["search", "edge-popup", "--epochs", 1, "--out"],
    "reproduce": ["reproduce", "pensia-existence", "--out"],
    "bench": ["bench", "subset-sum", "--quick", "--peers", "none", "--out"],
}


@pytest.mark.parametrize("arguments", WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize("path", ["file", "file/new", "pipe", "/proc/new", "x" * 300, "loop"])
def test_results_that_cannot_be_written(run, place, arguments, path):
    check(run, place, [*arguments, path], "strongltn: ")


def test_a_demonstration_leaves_foreign_folders(run, place):
    check(run, place, ["demo", "--out", "foreign"], "which holds other files", codes=(2,))


def test_a_demonstration_leaves_notes_in_its_tickets(run, place):
    Path("demo").mkdir()
    Path("demo", "demo.json").write_text('{"is_finished": true}')
    shutil.copytree("ticket", "demo/relu-diamond")
    Path("demo", "relu-diamond", "note").write_text("a user's")
    check(run, place, ["demo", "--out", "demo"], "also holds note", codes=(2,))


@contextlib.contextmanager
def file_size_limit(num_bytes):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


COMMANDS = {"prune": [*PRUNE, "new"], "certify": ["certify", "ticket", "--domain", "ball:2"]}


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("num_bytes", [0, 100])
def test_a_file_size_limit_is_exit_3(run, place, arguments, num_bytes):
    with file_size_limit(num_bytes):
        err = check(run, place, arguments, "ulimit -f", codes=(3,))
    assert ".partial" not in err  # found: a name that the user has never seen
    assert str(place / "new") in err or "ticket/witness-" in err


# --- what may have been meant --------------------------------------------------------------------


@pytest.mark.parametrize("command", ["info", "certify", "verify"])
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("tickte", "tickte, which does not exist. Did you mean 'ticket'?"),
        (".", "in which there is no ticket.json. Did you mean ticket?"),
        ("target.pt", "To make a ticket of it: strongltn prune target.pt --epsilon 0.1"),
        ("run", "It is a run of strongltn search; strongltn certify --against compares"),
        ("foreign", "foreign, in which there is no ticket.json."),
        ("pipe", "pipe, which is no directory."),
        ("file/x", "file/x, which does not exist."),
    ],
)
def test_what_is_no_ticket_is_answered_with_what_may_have_been_meant(
    run, place, command, path, message
):
    """Found: "ticket.json: No such file or directory", whatever the path was."""
    Path("run").mkdir()
    Path("run", "result.json").write_text("{}")
    err = check(run, place, [command, path], message, codes=(2,))
    assert err.startswith("strongltn: DIR must be a ticket directory of strongltn prune. Got ")


def test_a_missing_file_of_a_ticket_is_said_to_be_missing(run, place):
    Path("ticket", "mask.safetensors").unlink()
    check(run, place, ["info", "ticket"], "Got ticket: mask.safetensors is missing.", codes=(2,))


def test_a_misspelt_file_is_answered_with_the_nearest(run, place):
    arguments = ["prune", "tarjet.pt", "--samples", 3, "--out", "new"]
    message = "Got tarjet.pt, which does not exist. Did you mean 'target.pt'?"
    check(run, place, arguments, message, codes=(2,))


def test_an_option_that_took_another_for_its_value_is_named(run, place):
    arguments = ["prune", "target.pt", "--samples", 3, "--like", "x.npy", "--out", "new"]
    check(run, place, arguments, "--like needs 2 values, and took --out for one", codes=(2,))


def test_a_local_domain_with_wrong_numbers_is_no_fault_of_its_centre(run, place):
    np.save("center.npy", np.zeros(3))
    for text in ("local:1,2", "local:x", "local"):
        arguments = ["certify", "ticket", "--domain", text, "--center", "center.npy"]
        check(run, place, arguments, "--" + ("domain" if ":" in text else "center"), codes=(2,))


# --- words ---------------------------------------------------------------------------------------

NEW = ["--out", "new"]
WORDS = {
    "no command": (["frobnicate"], "frobnicate"),
    "an unknown option": ([*PRUNE, "new", "--epsilom", "1"], "--epsilom"),
    "neither size": (["prune", "target.pt", *NEW], "--epsilon"),
    "no out": (["prune", "target.pt", "--samples", 3], "--out"),
    "no target": (["prune", *NEW, "--samples", 3], "TARGET"),
    "two targets": (
        ["prune", "target.pt", "target.pt", "--samples", 3, *NEW],
        "too many arguments",
    ),
    "a construction": ([*PRUNE, "new", "--construction", "sapphire"], "--construction"),
    "a law": ([*PRUNE, "new", "--law", "cauchy"], "--law"),
    "a domain": ([*PRUNE, "new", "--domain", "cube"], "--domain"),
    "a domain of text": ([*PRUNE, "new", "--domain", "ball:x"], "--domain"),
    "a domain of three": ([*PRUNE, "new", "--domain", "box:1,2,3"], "--domain"),
    "a box turned round": ([*PRUNE, "new", "--domain", "box:1,0"], "--domain"),
    "a local domain": ([*PRUNE, "new", "--domain", "local:1"], "--domain must be ball, ball:"),
    "an empty domain": ([*PRUNE, "new", "--domain", ""], "--domain"),
    "a norm": (["certify", "ticket", "--norm", "3"], "--norm"),
    "no run": (["certify", "ticket", "--against", "ticket"], "strongltn: "),
    "against and a figure": (
        ["certify", "ticket", "--against", "ticket", "--figure", "f"],
        "--figure",
    ),
    "against and replace": (["certify", "ticket", "--against", "ticket", "--replace"], "--replace"),
    "a theorem": (["bound", "fermat"], "fermat"),
    "a law of samples": (
        ["bound", "samples", "--eta", "0.1", "--delta", "0.1", "--law", "cauchy"],
        "--law",
    ),
    "targets": (
        ["bound", "samples", "--eta", "0.1", "--delta", "0.1", "--targets", "third"],
        "--targets",
    ),
    "no eta": (["bound", "samples", "--delta", "0.1"], "--eta"),
    "widths of text": (
        ["bound", "network", "all", "--widths", "a,b", "--epsilon", "0.1", "--delta", "0.1"],
        "--widths",
    ),
    "one width": (
        ["bound", "network", "all", "--widths", "3", "--epsilon", "0.1", "--delta", "0.1"],
        "widths must be at least two",
    ),
    "a recipe": (["reproduce", "everything"], "ID"),
    "both efforts": (["reproduce", "pensia-existence", "--quick", "--full"], "'effort'"),
    "a list of one": (["reproduce", "pensia-existence", "--list"], "--list"),
    "a method": (["search", "guessing"], "METHOD"),
    "a model": (["search", "edge-popup", "--model", "gpt"], "--model"),
    "data": (["search", "edge-popup", "--data", "imagenet"], "--data"),
    "seeds": (["search", "edge-popup", "--seeds", "a"], "--seeds"),
    "seeds twice": (["search", "edge-popup", "--seeds", "1,1"], "--seeds"),
    "a device": (["search", "edge-popup", "--device", "tpu"], "--device"),
    "a precision": (["search", "edge-popup", "--precision", "int4"], "--precision"),
    "an execution": (["search", "edge-popup", "--execution", "lazy"], "--execution"),
    "a schedule": (["search", "edge-popup", "--schedule", "never"], "--schedule"),
    "an initialisation": (["search", "edge-popup", "--init", "zeros"], "--init"),
    "a scope": (["search", "edge-popup", "--scope", "neuron"], "--scope"),
    "peers": (["bench", "subset-sum", "--peers", "oracle"], "--peers"),
    "no history": (["bench", "figure", "absent"], "HISTORY"),
    "a history of text": (["bench", "figure", "file"], "HISTORY"),
    "a history that is a pipe": (["bench", "figure", "pipe"], "HISTORY"),
    "a record below nothing": (
        ["bench", "subset-sum", "--quick", "--record", "absent/record"],
        "--record",
    ),
}


@pytest.mark.parametrize(("arguments", "parameter"), WORDS.values(), ids=WORDS)
def test_words(run, place, arguments, parameter):
    check(run, place, arguments, parameter)


def test_a_centre_of_another_kind(run, place):
    for name, content in {
        "objects": np.array([{}], dtype=object),
        "text": np.array(["a"]),
        "integers": np.arange(3),
        "nan": np.array([0.0, np.nan, 0.0]),
    }.items():
        np.save(f"{name}.npy", content)
        arguments = ["certify", "ticket", "--domain", "local:1", "--center", f"{name}.npy"]
        check(run, place, arguments, "--center", codes=(2,))
