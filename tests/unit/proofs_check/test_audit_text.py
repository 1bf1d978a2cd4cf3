"""What the auditor says: the whole theorem, a refusal as a refusal, and whose model it is."""

from __future__ import annotations

import ast
import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plain_tickets.edits import edit_json, rehash
from plain_tickets.network import Case
from plain_tickets.writer import write_ticket

from proofs_check import Verdict, __version__, verify
from proofs_check.__main__ import main
from proofs_check.certificate.exact import Dyadic
from proofs_check.certificate.ranges import Setting
from proofs_check.certificate.reader import MAX_BYTES
from proofs_check.domain_text import domain_record
from proofs_check.numbers_text import (
    dyadic_text,
    float_above,
    float_below,
    number_text,
)
from proofs_check.theorem_text import STEPS, refusal, theorem, theorem_lines

ROOT = Path(__file__).parents[3]
CASES = {
    "ball": Case(seed=31),
    "box": Case(domain="box", seed=32, law="gaussian"),
    "local": Case(sizes=(4, 3, 2), domain="local", seed=33, norm="inf"),
    "no-bias": Case(bias=False, seed=34, law="signed-constant"),
    "linear": Case(activation="linear", domain="unit", seed=35),
    "one-layer": Case(sizes=(3, 2), scales=(2,), seed=36),
}


@pytest.fixture(scope="module")
def tickets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("tickets")
    for name, case in CASES.items():
        write_ticket(root / name, case)
    return {name: root / name for name in CASES}


def value_of(text: str) -> Fraction:
    p, k = text.split("*2^")
    return int(p) * Fraction(2) ** int(k)


@pytest.mark.parametrize("name", CASES)
def test_the_theorem_is_whole(name: str, tickets: dict[str, Path], capsys: Any) -> None:
    """Each condition without which the bounds would be false stands in the text and in the JSON."""
    directory, case = tickets[name], CASES[name]
    ticket = json.loads((directory / "ticket.json").read_bytes())
    certificate = json.loads((directory / "certificate.json").read_bytes())
    assert main(["verify", str(directory)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert main(["verify", str(directory), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    widths = "-".join(map(str, ticket["source"]["widths"]))
    sizes = "-".join(map(str, case.sizes))
    norm = {2: "||f(x) - g(x)||_2", "inf": "||f(x) - g(x)||_inf"}[case.norm]
    for condition in (
        *ticket["sha256"].values(),
        f"target network {sizes}",
        f"network {widths}",
        f"seed {case.seed}",
        f"law {case.law}",
        "philox4x32-10",
        "after the first " + ("nothing" if case.activation == "linear" else "a ReLU"),
        f"k = {ticket['scale_exponents']}",
        f"2^{sum(ticket['scale_exponents'])} times",
        "biases in every layer" if case.bias else "biases in no layer",
        norm,
        document["domain"]["text"],
        "report.json, which is not read",
    ):
        assert condition in text, condition
    assert "{" not in text
    for condition in (document["domain"]["name"], norm, f"seed {case.seed}", sizes, widths):
        assert condition in document["theorem"]
    for side in ("lower", "upper"):
        bound = document["bounds"][side]
        assert value_of(bound["exact"]) == value_of(document[f"{side}_bound"])
        assert value_of(bound["exact"]) == value_of(certificate[f"{side}_bound"])
    assert Fraction(document["bounds"]["lower"]["float"]) <= value_of(document["lower_bound"])
    assert Fraction(document["bounds"]["upper"]["float"]) >= value_of(document["upper_bound"])
    pruned, target = document["pruned"], document["target"]
    assert [pruned[key] for key in ("seed", "law")] == [case.seed, case.law]
    assert (pruned["widths"], target["widths"]) == (ticket["source"]["widths"], list(case.sizes))
    assert 0 < pruned["num_kept"] < pruned["num_weights"]
    assert sum(pruned["num_kept_by_pair"]) == pruned["num_kept"]
    assert target["biases"] == [case.bias] * (len(case.sizes) - 1)
    assert document["domain"]["kind"] == certificate["domain"]["kind"]


def setting_of(lower: list[float], upper: list[float]) -> Setting:
    """Return the inputs of a local box alone."""
    grid = -60
    ends = {
        f"domain_{name}": np.array([int(Fraction(v) * 2**-grid) for v in values], dtype=np.int64)
        for name, values in (("lower", lower), ("upper", upper))
    }
    claim = {"domain": {"kind": "local-box", "exponent": grid}}
    return Setting(claim, ends, len(lower))


def test_a_local_box_says_where_it_lies() -> None:
    wide = domain_record(setting_of([0.25, 0.25, 0.25], [0.75, 0.75, 0.75]))
    narrow = domain_record(setting_of([0.4995, 0.4995, 0.4995], [0.5005, 0.5005, 0.5005]))
    moved = domain_record(setting_of([0.25, 0.25, 0.5], [0.75, 0.75, 1.0]))
    cut = domain_record(setting_of([0.25, 0.0, 0.25], [0.75, 0.125, 0.75]))
    assert "radius 0.25 " in wide["text"]
    assert "radius 0.0005 about (0.5, 0.5, 0.5)" in narrow["name"]
    assert "half widths down to 0.0625" in cut["text"]
    assert wide["centre"]["max"]["float"] != moved["centre"]["max"]["float"]
    for key in ("lower", "upper", "centre"):
        assert wide[key]["sha256"] != moved[key]["sha256"]
    assert "(0.5, 0.5, 0.75)" in moved["text"]
    assert "1 of 3 coordinates are narrower, as where a box is cut off" in cut["text"]
    assert "narrower" not in wide["text"]
    ends = np.array([0.25, 0.25, 0.25], dtype="<f8").tobytes()
    assert wide["lower"]["sha256"] == hashlib.sha256(ends).hexdigest()


def test_a_domain_is_rounded_inwards() -> None:
    """What was proved of the domain is not said of a larger one."""
    third = Dyadic((1 << 90) // 3, -90)
    ball = domain_record(Setting({"domain": {"kind": "ball", "radius": third}}, {}, 2))
    assert Fraction(ball["radius"]["float"]) < third.fraction()
    claim = {"domain": {"kind": "box", "lower": third, "upper": third + 1}}
    box = domain_record(Setting(claim, {}, 2))
    assert Fraction(box["lower"]["float"]) > third.fraction()
    assert Fraction(box["upper"]["float"]) < (third + 1).fraction()


@given(st.fractions() | st.floats(allow_nan=False, allow_infinity=False).map(Fraction))
def test_floats_are_rounded_in_their_direction(value: Fraction) -> None:
    below, above = float_below(value), float_above(value)
    assert below is not None
    assert above is not None
    assert Fraction(below) <= value <= Fraction(above)
    assert above in (below, math.nextafter(below, math.inf))


def test_floats_end_where_floats_end() -> None:
    huge = Fraction(2) ** 2000
    assert float_above(huge) is None
    assert float_below(huge) == sys.float_info.max
    assert float_below(-huge) is None
    assert float_above(1 / huge) == 5e-324
    assert number_text(huge).startswith("about 1.148131E+602")
    assert number_text(Fraction(3)) == "3"
    assert dyadic_text(Fraction(-12)) == "-3*2^2"


# (file, edit, what is said, the step)
REFUSALS: list[tuple[str, Any, str, int]] = [
    ("mask.safetensors", None, "mask.safetensors is missing", 1),
    ("certificate.json", None, "certificate.json is missing", 1),
    ("witness.safetensors", None, "witness-[0-9a-f]{16}.safetensors is missing", 1),
    ("ticket.json", b"{", "ticket.json is no JSON: ", 1),
    ("mask.safetensors", b"", "SHA-256 of mask.safetensors is [0-9a-f]{64}, not .* as stated", 1),
    ("ticket.json", {"seed": -1}, "seed must be one of the integers 0 to .*: got -1", 1),
    ("ticket.json", {"law": "normal"}, "law must be one of .*: got 'normal'", 1),
    ("ticket.json", {"seed": 7}, "drawn_sha256 is [0-9a-f]{64}, not .* as stated", 2),
    ("certificate.json", {"upper_bound": 0}, "upper_bound .* is not proved: 0 < 0?[.0-9]+", 5),
    ("certificate.json", {"output_norm": 3}, "output_norm must be one of .*: got 3", 1),
]


@pytest.mark.parametrize(("file", "edit", "words", "step"), REFUSALS)
def test_a_refusal_reads_as_one(
    file: str,
    edit: Any,
    words: str,
    step: int,
    tickets: dict[str, Path],
    tmp_path: Path,
    capsys: Any,
) -> None:
    folder = tmp_path / "ticket"
    shutil.copytree(tickets["ball"], folder)
    if edit is None:
        (folder / file).unlink()
    elif isinstance(edit, bytes):
        (folder / file).write_bytes(edit)
    else:

        def change(document: dict[str, Any]) -> None:
            place = document["source"] if next(iter(edit)) in ("seed", "law") else document
            place.update(edit)

        edit_json(folder / file, change)
        rehash(folder)
    assert main(["verify", str(folder)]) == 1
    text = capsys.readouterr().out
    assert re.match(f"REJECTED: .*{words}.*", text)
    assert text.endswith(f" (step {step} of {len(STEPS)}: {STEPS[step - 1]})\n")
    assert main(["verify", str(folder), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "REJECTED"
    assert document["step"] == {"number": step, "of": len(STEPS), "name": STEPS[step - 1]}
    assert document["statement"]
    assert text == f"REJECTED: {document['refusal']}\n"


def test_every_fault_says_that_it_is_one() -> None:
    """A text that states what must hold, as if it held, would be read as praise."""
    words = re.compile(
        r"\b(must|missing|no|not|empty|huge|ends (within|before)|something follows|goes on|"
        r"a key twice|too many|at most)\b"
    )
    seen = 0
    for path in (ROOT / "proofs_check" / "certificate").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
                "require",
                "Rejected",
            ):
                said = node.args[-1]
                if isinstance(said, ast.Name) and said.id in ("wanted", "fault"):
                    continue  # the text is made a line before, or is the caller's
                seen += 1
                assert words.search(ast.unparse(said)), f"{path.name}: {ast.unparse(said)}"
    assert seen > 40


def test_a_stranger_s_words_are_shown_as_stated(
    tickets: dict[str, Path], tmp_path: Path, capsys: Any
) -> None:
    """The name of a construction is checked by nobody; a terminal is safe from it."""
    folder = tmp_path / "ticket"
    shutil.copytree(tickets["ball"], folder)

    def rename(ticket: dict[str, Any]) -> None:
        ticket["construction"] = "my-own\x1b[31m\nPROVED" + "x" * 5000
        ticket["samples_per_weight"] = 12345

    edit_json(folder / "ticket.json", rename)
    rehash(folder)
    assert main(["verify", str(folder)]) == 0
    text = capsys.readouterr().out
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    assert max(map(len, text.splitlines())) < 400
    words = " ".join(text.split())
    assert re.search(r"not checked How the mask was found: construction 'my-own", words)
    assert "12345 samples for each weight, as stated" in words


@pytest.mark.parametrize("value", [3, None, True, ["my-own"]])
def test_a_construction_is_text(value: object, tickets: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(tickets["ball"], tmp_path / "ticket")
    edit_json(tmp_path / "ticket" / "ticket.json", lambda ticket: ticket.update(construction=value))
    rehash(tmp_path / "ticket")
    audit = verify(tmp_path / "ticket")
    assert audit.verdict is Verdict.REJECTED
    assert "construction must be a string" in refusal(audit)


def test_nothing_is_said_of_what_was_not_proved(tickets: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(tickets["ball"], tmp_path / "ticket")
    (tmp_path / "ticket" / "mask.safetensors").unlink()
    for words in (theorem, theorem_lines):
        with pytest.raises(ValueError, match="nothing was proved"):
            words(verify(tmp_path / "ticket"))


def test_help_has_examples(capsys: Any) -> None:
    for arguments in (["-h"], ["verify", "-h"], ["claims", "-h"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 0
        text = capsys.readouterr().out
        assert "example" in text
        assert re.search(r"^  proofs_check (verify|claims) ", text, re.MULTILINE)
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"proofs_check {__version__}\n"
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text()


PLANTED = ("numpy", "flint", "json", "argparse", "typing", "__future__", "hashlib", "decimal")


@pytest.mark.parametrize(
    ("module", "planted"),
    [
        ("proofs_check", PLANTED),
        ("strongltn", ("numpy", "torch", "typer", "flint", "proofs_check")),
    ],
)
def test_nothing_is_imported_from_where_it_runs(
    module: str, planted: tuple[str, ...], tickets: dict[str, Path], tmp_path: Path
) -> None:
    """A stranger's ticket with a numpy.py beside it."""
    folder = tmp_path / "ticket"
    shutil.copytree(tickets["ball"], folder)
    for name in planted:
        (folder / f"{name}.py").write_text(f"raise SystemExit('planted {name}')\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for flags in ([], ["-P"]):
        done = subprocess.run(
            [sys.executable, *flags, "-m", module, "verify", "."],
            cwd=folder,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("PROVED")


def test_a_checkout_runs_where_it_is(tickets: dict[str, Path]) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-m", "proofs_check", "verify", str(tickets["ball"])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("PROVED")


def test_the_public_names_are_found_when_they_are_asked_for() -> None:
    import proofs_check

    for name in proofs_check.__all__:
        assert name in dir(proofs_check)
        assert getattr(proofs_check, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = proofs_check.nothing  # type: ignore[attr-defined]


def test_the_format_says_what_is_answered(
    tickets: dict[str, Path], tmp_path: Path, capsys: Any
) -> None:
    """Every key of the JSON stands in FORMAT.md, and so do the limits of bytes."""
    text = (ROOT / "proofs_check" / "FORMAT.md").read_text()
    shutil.copytree(tickets["ball"], tmp_path / "ticket")
    (tmp_path / "ticket" / "mask.safetensors").unlink()
    for directory in (*tickets.values(), tmp_path / "ticket"):
        main(["verify", str(directory), "--json"])
        document = json.loads(capsys.readouterr().out)
        for part in (document, document.get("target", {}), document.get("pruned", {})):
            for key in part:
                assert f'"{key}"' in text, key
    for limit in MAX_BYTES.values():
        assert f"2^{limit.bit_length() - 1} bytes" in " ".join(text.split())
