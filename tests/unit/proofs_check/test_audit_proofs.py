"""The auditor proves every true ticket, whatever its sort, and what it accepts is true."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from plain_tickets.arithmetic import square
from plain_tickets.cases import CASES, TREE, AssertRejected, Original
from plain_tickets.differential import Box, cut
from plain_tickets.edits import bump, mutated, on, put, scaled
from plain_tickets.network import Case, domain_ends
from plain_tickets.writer import write_ticket
from safetensors.numpy import load_file
from ticket_files import CERTIFICATE, TICKET, WITNESS, number

from proofs_check import NotATicketError, Verdict, verify
from proofs_check.__main__ import main


@pytest.mark.parametrize("name", CASES)
def test_a_true_certificate_is_proved(name: str, original: Original) -> None:
    directory, written = original(name)
    audit = verify(directory)
    assert audit.rejected is None
    assert audit.verdict is Verdict.PROVED
    assert audit.upper_bound is not None
    assert audit.lower_bound is not None
    assert audit.facts["setting"].certificate["output_norm"] == written.case.norm
    rng = random.Random(1)
    for _ in range(50):
        x = written.random_input(rng)
        assert written.difference_squared(x) <= audit.upper_bound**2


@pytest.mark.parametrize("name", CASES)
def test_every_accepted_statement_is_true(name: str, original: Original) -> None:
    directory, written = original(name)
    assert verify(directory).verdict is Verdict.PROVED
    certificate = json.loads((directory / CERTIFICATE).read_text())
    arrays, rng = load_file(directory / WITNESS), random.Random(2)
    ends = domain_ends(written.case)
    for _ in range(25):
        x = written.random_input(rng)
        found = written.pre_activations(x)
        for key, method in certificate["methods"].items():
            if key == "quadratic":
                assert square(found[-1][1]) <= number(method["bound"]) ** 2
                continue
            inputs = [x, *([max(v, Fraction(0)) for v in z] for z, _ in found[:-1])]
            for values, claims in ((inputs, "activation"), ([d for _, d in found], "difference")):
                for value, claim in zip(values, method[claims], strict=True):
                    assert square(value) <= number(claim) ** 2
            if "range_exponents" in method:
                leaf = leaf_of(x, cut(ends, tuple(arrays[f"{key}.tree"].tolist())))
                for i, pair in enumerate(found):
                    assert_in_ranges(pair, i, key=key, arrays=arrays, leaf=leaf, method=method)


def leaf_of(x: list[Fraction], boxes: list[Box]) -> int:
    """Return the index of the first box that holds x."""
    inside = [all(low <= v <= high for v, low, high in zip(x, *box, strict=True)) for box in boxes]
    return inside.index(True)


def assert_in_ranges(
    pair: tuple[list[Fraction], list[Fraction]],
    i: int,
    *,
    key: str,
    arrays: dict[str, Any],
    leaf: int,
    method: dict[str, Any],
) -> None:
    """Assert that z and d of layer i lie between the stated ends of the leaf."""
    for values, kind, grid in zip(pair, KINDS, method["range_exponents"][i], strict=True):
        low, high = arrays[f"{key}.{i}.{kind}"][leaf].tolist()
        for value, lower, upper in zip(values, low, high, strict=True):
            assert lower * Fraction(2) ** grid <= value <= upper * Fraction(2) ** grid


KINDS = ("target", "difference")


def test_the_ends_are_exact(original: Original, tmp_path: Path) -> None:
    """Every end that is one unit tighter is refused, although the writer is another program."""
    rng = random.Random(7)
    for name in ("relu-ball", "local-split", "infinity-split", "deep"):
        directory, _ = original(name)
        arrays = load_file(directory / WITNESS)
        keys = [key for key in arrays if key.endswith(KINDS)]
        for key in rng.sample(keys, 8):
            leaf, side, j = (rng.randrange(size) for size in arrays[key].shape)
            edit = on(WITNESS, bump(key, 1 - 2 * side, (leaf, side, j)))
            folder = tmp_path / f"{name}-{key}"
            method, layer, _ = key.split(".")
            rejected = str(verify(mutated(directory, folder, edit)).rejected)
            tight = arrays[key][leaf]
            if (tight[0] == tight[1]).any() and "lower <= upper" in rejected:
                continue
            assert f"{method}: ranges of layer {layer}" in rejected


def test_a_ball_is_not_split(tmp_path: Path) -> None:
    write_ticket(tmp_path / "ball", Case(tree=TREE))
    assert "must cut boxes along coordinates" in str(verify(tmp_path / "ball").rejected)


def test_the_checker_can_be_read_in_one_sitting() -> None:
    folder = Path(__file__).parents[3] / "proofs_check" / "certificate"
    lines = sum(len(path.read_text().splitlines()) for path in folder.rglob("*.py"))
    assert lines < 1000


def test_a_negative_box_reaches_as_far_as_its_lower_end(assert_rejected: AssertRejected) -> None:
    lower = scaled("methods", "spectral-triangle", "activation", 0, factor=Fraction(99, 100))
    assert_rejected("relu-negative-box", on(CERTIFICATE, lower), "triangle: X_0")


def test_blocks_of_rows_do_not_show(original: Original, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proofs_check.certificate.effective._BLOCK", 1)
    assert verify(original("relu-ball")[0]).rejected is None


def test_without_a_certificate_nothing_is_claimed(original: Original, tmp_path: Path) -> None:
    shutil.copytree(original("relu-ball")[0], tmp_path / "bare")
    (tmp_path / "bare" / CERTIFICATE).unlink()
    assert verify(tmp_path / "bare").rejected == "certificate.json is missing"
    (tmp_path / "bare" / CERTIFICATE).mkdir()
    assert verify(tmp_path / "bare").rejected == "certificate.json is no regular file"


def test_what_is_no_ticket_is_not_judged(tmp_path: Path) -> None:
    with pytest.raises(NotATicketError, match="no ticket directory"):
        verify(tmp_path)
    with pytest.raises(NotATicketError, match="no ticket directory"):
        verify(tmp_path / "nothing")


def test_an_audit_has_no_truth_value(original: Original) -> None:
    audit = verify(original("relu-ball")[0])
    with pytest.raises(TypeError, match="verdict"):
        bool(audit)


def test_command_line(
    original: Original, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory, _ = original("relu-ball")
    assert main(["verify", str(directory)]) == 0
    assert capsys.readouterr().out.startswith("PROVED  ")
    assert main(["verify", str(directory), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    certificate = json.loads((directory / CERTIFICATE).read_text())
    p, k = document["upper_bound"].split("*2^")
    q, m = certificate["upper_bound"].split("*2^")
    assert int(p) * Fraction(2) ** int(k) == int(q) * Fraction(2) ** int(m)
    assert document["verdict"] == "PROVED"
    mutated(directory, tmp_path / "mutant", on(TICKET, put("source", "seed", value=6)))
    assert main(["verify", str(tmp_path / "mutant")]) == 1
    assert capsys.readouterr().out.startswith("REJECTED: drawn_sha256")
    assert main(["verify", str(tmp_path / "nothing")]) == 2
    for wrong in (["verify"], ["prove", str(directory)], []):
        with pytest.raises(SystemExit) as stop:
            main(wrong)
        assert stop.value.code == 2


def test_the_auditor_shares_no_module_with_the_writer() -> None:
    code = "import sys, proofs_check.__main__; print(*sys.modules)"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.decode().split()}
    assert not loaded & {"strongltn", "torch", "numba", "scipy", "sympy"}
