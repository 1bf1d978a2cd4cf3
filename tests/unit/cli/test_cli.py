"""The command line: exit codes, one JSON object, errors that name the parameter, no leftovers."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from strongltn.certify import Attack
from strongltn.construct import CONSTRUCTIONS
from strongltn.networks.ticket_directory import read_ticket
from strongltn.pipeline import prune_result
from strongltn.pipeline import tickets as pipeline

PRUNE_KEYS = {
    "target_weights",
    "samples_per_weight",
    "source_weights",
    "kept_weights",
    "max_weight_error",
    "unreached_weights",
    "certified_error",
    "empirical_error",
    "domain",
    "seconds",
}
SECONDS = {"drawing", "solving", "certifying", "compiling", "writing", "total"}


@pytest.fixture(autouse=True)
def _short_attack(monkeypatch):
    """How good the lower bound is does not matter here."""
    monkeypatch.setattr(Attack.__init__, "__defaults__", (4, 20, 0))


def save_state(path, state):
    torch.save(state, path)
    return path


@pytest.fixture
def target(tmp_path):
    """A state dict of a small network, in a folder of its own."""
    torch.manual_seed(3)
    module = torch.nn.Sequential(
        torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.Linear(2, 2, bias=False)
    )
    (tmp_path / "in").mkdir()
    return save_state(tmp_path / "in" / "target.pt", module.state_dict())


@pytest.fixture
def out(tmp_path):
    """A path to write to, alone in its folder."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "ticket"


@pytest.fixture
def ticket(run, target, out):
    """A written ticket directory."""
    code, _, err = run("prune", target, "--samples", 14, "--out", out)
    assert code == 0, err
    return out


def test_prune_within_tolerance(run, target, out):
    code, text, err = run("prune", target, "--samples", 14, "--out", out)
    assert code == 0, err
    assert text.startswith("relu-diamond ticket for 12 weights in ")
    assert "UNREACHED" not in text
    assert {path.name for path in out.parent.iterdir()} == {"ticket"}
    assert read_ticket(out)[0].widths == (3, 2, 2)


def test_json_is_one_object_with_all_keys(run, target, out):
    code, text, _ = run("prune", target, "--epsilon", 0.1, "--seed", 5, "--json", "--out", out)
    report = json.loads(text)
    assert code == 0
    assert report.keys() >= PRUNE_KEYS
    assert report["seconds"].keys() == SECONDS
    assert all(seconds >= 0 for seconds in report["seconds"].values())
    assert report["target_weights"] == 12
    assert report["unreached_weights"] == 0
    assert report["domain"] == "ball:1"
    assert 0 < report["empirical_error"] <= report["certified_error"] <= 0.1
    _, ticket = read_ticket(out)
    assert report["kept_weights"] == ticket.num_kept
    assert report["source_weights"] == ticket.source.num_weights
    assert json.loads((out / "report.json").read_text()) == report


@pytest.mark.parametrize("construction", ["relu-diamond", "linear-diamond", "single-weight"])
@pytest.mark.parametrize("law", ["uniform", "signed-constant", "gaussian"])
def test_every_choice_reaches_the_ticket(run, target, out, construction, law):
    options = ["--construction", construction, "--law", law, "--seed", 9, "--domain", "box:-1,2"]
    code, text, _ = run("prune", target, "--samples", 6, *options, "--json", "--out", out)
    report = json.loads(text)
    assert code == (0 if report["is_within"] else 1)
    assert [report[key] for key in ("construction", "law", "seed", "domain")] == [
        construction,
        law,
        9,
        "box:-1,2",
    ]
    assert report["samples_per_weight"] == 6
    _, text, _ = run("info", out, "--json")
    info = json.loads(text)
    for key in ("construction", "law", "seed", "source_weights", "kept_weights"):
        assert info[key] == report[key]
    code, text, _ = run("verify", out)
    assert code == 0
    assert text.startswith("PROVED")


def test_large_weights_are_reported_unreached(run, tmp_path, out):
    generator = torch.Generator().manual_seed(0)
    weight = 1000 * torch.randn(6, 8, generator=generator)
    large = save_state(tmp_path / "large.pt", {"fc.weight": weight})
    code, text, _ = run("prune", large, "--samples", 12, "--out", out)
    assert code == 1
    assert "UNREACHED" in text
    assert "fc.weight[" in text
    code, text, _ = run("prune", large, "--samples", 12, "--json", "--overwrite", "--out", out)
    report = json.loads(text)
    assert code == 1
    assert 0 < report["unreached_weights"] <= 48
    assert report["max_weight_error"] > report["tolerance"]
    assert not report["is_within"]
    worst = report["worst_unreached"][0]
    row, column = json.loads(worst["name"].removeprefix("fc.weight"))
    assert worst["value"] == float(weight[row, column])
    assert worst["error"] == report["max_weight_error"]
    code, text, _ = run("verify", out, "--json")  # far off, and proved to be no further
    assert code == 0
    assert json.loads(text)["verdict"] == "PROVED"


def test_epsilon_missed_is_exit_1(run, target, out):
    options = ["--samples", 3, "--tolerance", 100, "--epsilon", 1e-9]
    code, text, _ = run("prune", target, *options, "--out", out)
    assert code == 1
    assert "NOT within epsilon = 1e-09" in text
    assert (out / "ticket.json").is_file()


def test_printed_ends_are_outside(run, target, out):
    """Found: four digits, rounded to nearest, claimed an interval that was not proved."""
    for seed in range(6):
        _, text, _ = run(
            *("prune", target, "--samples", 5, "--seed", seed, "--overwrite", "--out", out)
        )
        report = json.loads((out / "report.json").read_text())
        line = next(line for line in text.splitlines() if "sup|f - g|" in line)
        lower, upper = json.loads(line[line.index("[") : line.index("]") + 1])
        assert lower <= report["empirical_error"] <= report["certified_error"] <= upper
        line = next(line for line in text.splitlines() if "weight error" in line)
        assert float(line.split("at most")[1].split(",")[0]) >= report["max_weight_error"]


def test_certify_and_verify(run, ticket):
    options = ["--domain", "ball:2", "--restarts", 2, "--steps", 4]
    code, text, _ = run("certify", ticket, *options, "--json")
    assert code == 0
    figures = json.loads(text)
    assert figures["domain"] == "ball:2"
    assert run("certify", ticket, *options, "--epsilon", 1e-9)[0] == 1
    assert run("certify", ticket, *options, "--epsilon", 1e9)[0] == 0
    code, text, _ = run("verify", ticket)
    assert code == 0
    assert text.startswith("PROVED")
    assert text.count("PROVED") == 2
    code, text, _ = run("info", ticket)
    assert code == 0
    assert "ball:2" in text
    assert "ball:1" in text
    code, text, _ = run("verify", ticket, "--json")
    audit = json.loads(text)
    assert code == 0
    assert [audit["file"], *(other["file"] for other in audit["others"])] == [
        "certificate.json",
        figures["certificate"]["file"],
    ]
    code, text, _ = run("certify", ticket, *options)
    assert code == 0
    assert "NOT written: certificate-" in text
    assert "--replace writes the new one" in text


QUICK = ["--restarts", 2, "--steps", 4]


@pytest.fixture
def center(tmp_path):
    """An input in a file."""
    np.save(tmp_path / "center.npy", np.array([0.0, 0.875, 0.25]))
    return tmp_path / "center.npy"


def test_certify_on_a_local_box(run, ticket, center):
    options = ["--domain", "local:0.125,0,1", "--center", center, "--norm", "inf", *QUICK]
    code, text, err = run("certify", ticket, *options, "--json")
    assert code == 0, err
    report = json.loads(text)
    assert report["output_norm"] == "inf"
    assert 0 < report["empirical_error"] <= report["certified_error"]
    code, text, _ = run("verify", ticket)
    assert code == 0, text
    again = json.loads(run("certify", ticket, *options, "--json")[1])
    assert report["certificate"].pop("is_new")
    assert not again["certificate"].pop("is_new")
    for each in (report, again):
        del each["seconds"]
    assert again == report
    code, text, _ = run("info", ticket)
    assert code == 0
    assert report["domain"] in text
    assert "sup|f - g|_inf in [" in text
    assert "backward-differential" in text


def test_certify_says_what_every_method_gives_at_every_layer(run, ticket):
    code, text, _ = run("certify", ticket, "--domain", "ball", "--tight", *QUICK)
    assert code == 0
    _, table, *_ = text.split("\n\n")
    lines = [line.split() for line in table.splitlines()]
    for method in ("spectral-triangle", "centre-split", "differential-interval"):
        assert [len(words) for words in lines if words[:1] == [method]] == [3, 3]
    (found,) = (words for words in lines if words[:2] == ["difference", "found"])
    (quadratic,) = (words for words in lines if words[:1] == ["quadratic"])
    assert quadratic[1] == "-"
    assert float(found[-1]) <= float(quadratic[2])
    assert "largest difference between the two networks after this layer (proved)" in table
    assert "note: input-splitting is left out: it splits boxes, and the domain ball:1 is" in text
    assert run("verify", ticket)[0] == 0


def test_a_figure_and_its_radii(run, ticket, center, tmp_path):
    options = ["--domain", "local:0.25,0,1", "--center", center, *QUICK]
    options += ["--figure", tmp_path / "new" / "errors.png"]
    radii = ["--radii", "0.25,0.01,0.1", "--json"]
    code, text, err = run("certify", ticket, *options, *radii)
    assert code == 0, err
    report = json.loads(text)
    record = tmp_path / "new" / "errors.jsonl"
    suffixes = {path.suffix for path in record.parent.iterdir()}
    assert suffixes == {".png", ".svg", ".pdf", ".jsonl"}
    assert [row["radius"] for row in report["radii"]] == [0.01, 0.1, 0.25]
    errors = [row["certified_error"] for row in report["radii"]]
    assert errors == sorted(errors)
    assert errors[-1] == report["certified_error"]
    before = record.read_bytes()
    record.write_bytes(before[:-3])  # as if killed in the middle of a line
    code, text, _ = run("certify", ticket, *options, *radii)
    assert code == 0
    assert [row["key"] for row in json.loads(text)["radii"]] == [
        row["key"] for row in report["radii"]
    ]
    after = record.read_bytes()
    assert after.count(b"\n") == 1 + 3
    assert after.splitlines()[:3] == before.splitlines()[:3]  # not computed again
    code, text, _ = run("certify", ticket, *options, "--radii", "0.5")
    assert code == 0
    assert record.read_bytes().count(b"\n") == 1 + 4
    assert "radius" in text


@pytest.mark.parametrize(
    ("domain", "expected"),
    [(["--domain", "ball"], "ball:0.5"), (["--domain", "box:-1,2"], "box:0,1"), ([], "ball:0.5")],
)
def test_radii_of_balls_and_boxes(run, ticket, tmp_path, domain, expected):
    figure = ["--figure", tmp_path / "figure", "--radii", "0.5"]
    code, text, err = run("certify", ticket, *domain, *figure, *QUICK, "--json")
    assert code == 0, err
    assert json.loads(text)["radii"][0]["domain"] == expected


LOCAL = ["--domain", "local:0.125"]
BAD_CERTIFIES = {
    "no center": (LOCAL, "center"),
    "center without a local domain": (["--center", "CENTER"], "--center must be given"),
    "center of a ball": (["--domain", "ball", "--center", "CENTER"], "--center"),
    "center that is no file": ([*LOCAL, "--center", "absent.npy"], "absent.npy"),
    "center that is text": ([*LOCAL, "--center", "TEXT"], "text.npy"),
    "center of another length": (
        [*LOCAL, "--center", "LONG"],
        "--domain must be of 3 inputs, as the network is. Got a centre or ends of 4 numbers",
    ),
    "norm": (["--norm", "1"], "--norm"),
    "domain": (["--domain", "cube"], "--domain"),
    "epsilon": (["--epsilon", "0"], "--epsilon must be a finite number > 0"),
    "radii without a figure": (["--radii", "0.1"], "--radii must be given together"),
    "radii of text": (["--figure", "F", "--radii", "a"], "--radii must be finite"),
    "radii below 0": (["--figure", "F", "--radii", "1,-1"], "--radii must be finite"),
    "radii nan": (["--figure", "F", "--radii", "nan"], "--radii must be finite"),
    "no radii": (["--figure", "F", "--radii", ""], "--radii must be finite"),
    "figure below a file": (["--figure", "TEXT/figure"], "--figure must be a directory"),
    "figure that is a directory": (["--figure", "."], "--figure must be a file's name"),
    "figure beside something else": (
        ["--figure", "other", "--radii", "1"],
        "--figure must be a record of the same",
    ),
}


@pytest.mark.parametrize(("options", "message"), BAD_CERTIFIES.values(), ids=BAD_CERTIFIES)
def test_bad_certify_options_are_exit_2_and_write_nothing(
    run, ticket, center, tmp_path, monkeypatch, options, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.npy").write_text("text")
    (tmp_path / "other.jsonl").write_text("text")
    np.save(tmp_path / "long.npy", np.zeros(4))
    names = {"CENTER": str(center), "LONG": "long.npy", "TEXT": "text.npy"}
    given = [names.get(option, option.replace("TEXT", "text.npy")) for option in options]
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    code, text, err = run("certify", ticket, *given, *QUICK)
    assert code == 2
    assert text == ""
    assert message in " ".join(err.split())
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


def test_radii_about_an_unknown_centre_are_refused(run, ticket, center, tmp_path):
    (ticket / "certificate.json").unlink()
    assert run("certify", ticket, *LOCAL, "--center", center, *QUICK)[0] == 0
    code, _, err = run("certify", ticket, "--figure", tmp_path / "f", "--radii", "1", *QUICK)
    assert code == 2
    assert "--domain must be given together with --radii" in err


def test_an_old_certificate_is_refused_and_replaced(run, ticket):
    (ticket / "certificate.json").write_text('{"version": 1}')
    for command in (["info", ticket], ["certify", ticket]):
        code, _, err = run(*command)
        assert code == 2
        assert "of version 1, not 2" in err
        assert "Run strongltn certify with --domain and --replace" in err
    assert run("certify", ticket, "--domain", "ball", *QUICK)[0] == 2
    assert run("certify", ticket, "--domain", "ball", "--replace", *QUICK)[0] == 0
    assert run("verify", ticket)[0] == 0


def test_a_changed_ticket_is_rejected(run, ticket):
    path = ticket / "mask.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    code, text, _ = run("verify", ticket)
    assert code == 1
    assert text.startswith("REJECTED: SHA-256 of mask.safetensors")
    for command in ("info", "certify"):
        code, text, err = run(command, ticket)
        assert code == 2
        assert text == ""
        assert "DIR must be an unchanged ticket directory" in err


def test_a_truncated_ticket_is_refused(run, ticket):
    path = ticket / "target.safetensors"
    path.write_bytes(path.read_bytes()[:10])
    for command in ("info", "certify"):
        code, _, err = run(command, ticket)
        assert code == 2
        assert "target.safetensors differs from the digest" in err
    assert run("verify", ticket)[0] == 1


def test_no_ticket_is_exit_2(run, tmp_path):
    for command in ("info", "certify", "verify"):
        code, text, err = run(command, tmp_path)
        assert code == 2
        assert text == ""
        assert str(tmp_path) in err


BAD_OPTIONS = {
    "epsilon 0": (["--epsilon", 0], "--epsilon must be a finite number > 0. Got 0.0"),
    "epsilon < 0": (["--epsilon", -1], "--epsilon must be a finite number > 0. Got -1.0"),
    "epsilon nan": (["--epsilon", "nan"], "--epsilon must be a finite number > 0"),
    "samples 0": (["--samples", 0], "--samples must be an integer in [1, 64]"),
    "samples -1": (["--samples", -1], "--samples must be an integer in [1, 64]"),
    "no size": ([], "--epsilon must be given, or --samples. Got neither. Try --epsilon 0.1."),
    "tolerance": (["--samples", 3, "--tolerance", 0], "--tolerance must be"),
    "seed": (
        ["--samples", 3, "--seed", -1],
        "--seed must be an integer in [0, 2^64). Got -1",
    ),
    "domain": (["--samples", 3, "--domain", "cube"], "--domain must be ball, ball:"),
    "box": (["--samples", 3, "--domain", "box:1,0"], "--domain must be finite ends"),
    "radius": (["--samples", 3, "--domain", "ball:-1"], "the radius of --domain must be a finite"),
    "too many": (["--samples", 80], "--samples must be an integer in [1, 64]"),
    "no number": (["--samples", "many"], "--samples"),
    "no law": (["--samples", 3, "--law", "cauchy"], "--law"),
    "no construction": (["--samples", 3, "--construction", "x"], "--construction"),
}


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_bad_options_are_exit_2_and_leave_nothing(run, target, out, options, message):
    code, text, err = run("prune", target, *options, "--out", out)
    assert code == 2
    assert text == ""
    assert message in " ".join(err.split())
    assert list(out.parent.iterdir()) == []


BAD_STATES = {
    "nan": ({"fc.weight": torch.tensor([[float("nan")]])}, "'fc.weight' parameter must be finite"),
    "inf": ({"fc.weight": torch.tensor([[-float("inf")]])}, "'fc.weight' parameter must be finite"),
    "conv": ({"conv.weight": torch.ones(1, 1, 2, 2)}, "'conv.weight'"),
    "empty": ({}, "Got no layer"),
    "empty layer": ({"fc.weight": torch.ones(0, 2)}, "'fc.weight' parameter must be 2-dimensional"),
    "list": ([1, 2], "list that does not map names to tensors"),
}


@pytest.mark.parametrize(("state", "message"), BAD_STATES.values(), ids=BAD_STATES)
def test_bad_targets_are_exit_2_and_leave_nothing(run, tmp_path, out, state, message):
    path = save_state(tmp_path / "bad.pt", state)
    code, text, err = run("prune", path, "--samples", 3, "--out", out)
    assert code == 2
    assert text == ""
    assert message in err
    assert err.count("\n") == 1
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"text", b"(0", b"\x80\x02)", b"PK\x03\x04"])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".npz"])
def test_bad_files_are_exit_2_and_leave_nothing(run, tmp_path, out, content, suffix):
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    code, text, err = run("prune", path, "--samples", 3, "--out", out)
    assert code == 2
    assert text == ""
    assert "TARGET must be a state-dict file" in err
    assert list(out.parent.iterdir()) == []


def test_a_missing_target_is_exit_2(run, tmp_path, out):
    code, _, err = run("prune", tmp_path / "absent.pt", "--samples", 3, "--out", out)
    assert code == 2
    assert "absent.pt, which does not exist" in err
    assert list(out.parent.iterdir()) == []


def test_bad_outputs_are_exit_2(run, target, out, ticket):
    before = {path.name: path.read_bytes() for path in ticket.iterdir()}
    (out.parent / "file").write_text("text")
    for path, options in (
        (ticket, []),
        (out.parent / "file" / "below", []),
        (out.parent / "file", ["--overwrite"]),
        (out.parent, ["--overwrite"]),
    ):
        code, text, err = run("prune", target, "--samples", 3, *options, "--out", path)
        assert code == 2
        assert text == ""
        assert "--out must be" in err
    assert {path.name for path in out.parent.iterdir()} == {"ticket", "file"}
    assert {path.name: path.read_bytes() for path in ticket.iterdir()} == before
    assert run("prune", target, "--samples", 14, "--overwrite", "--out", ticket)[0] == 0


@pytest.mark.parametrize("where", ["build_ticket", "certify_ticket", "write_whole"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_leaves_nothing(run, target, out, monkeypatch, where, error):
    def interrupt(*_, **__):
        raise error

    monkeypatch.setattr(prune_result if where == "write_whole" else pipeline, where, interrupt)
    code, text, err = run("prune", target, "--samples", 3, "--out", out)
    assert (code, text) == (4 if error is RuntimeError else 130, "")
    assert len(err.splitlines()) == 1
    assert list(out.parent.iterdir()) == []


def test_the_same_command_writes_the_same_ticket(run, target, out):
    contents = []
    for _ in range(2):
        run("prune", target, "--samples", 6, "--overwrite", "--out", out)
        contents.append({p.name: p.read_bytes() for p in out.iterdir() if p.name != "report.json"})
    assert contents[0] == contents[1]


def test_python_m_in_a_process_of_its_own(target, out, tmp_path):
    """Progress goes to stderr, stdout holds the object alone; torch warns of nothing."""
    command = [sys.executable, "-W", "error", "-m", "strongltn", "prune", target, "--samples", "14"]
    done = subprocess.run(
        [*command, "--json", "--out", out], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert json.loads(done.stdout)["unreached_weights"] == 0


def test_sigterm_leaves_nothing(target, out):
    """A process that is told to stop in the middle cleans up."""
    script = (
        "import os, signal, sys\n"
        "from strongltn.cli import main as cli\n"
        "from strongltn.pipeline import tickets as pipeline\n"
        "pipeline.build_ticket = lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM)\n"
        f"sys.argv = ['strongltn', 'prune', {str(target)!r}, '--samples', '3', '--out', "
        f"{str(out)!r}]\n"
        "cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 128 + signal.SIGTERM
    assert os.listdir(out.parent) == []


def test_reports_are_plain_numbers(run, target, out):
    _, text, _ = run("prune", target, "--samples", 3, "--json", "--out", out)
    for value in json.loads(text).values():
        assert not isinstance(value, float) or np.isfinite(value)


def test_the_help_names_all_constructions(run):
    """It names them in a sentence, so that --help need not import numba and the solvers."""
    _, text, _ = run("prune", "--help")
    assert all(name in text for name in CONSTRUCTIONS)
