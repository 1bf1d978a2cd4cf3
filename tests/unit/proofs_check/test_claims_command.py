"""The command `claims`: what it prints, what its status says, and what a seed fixes."""

import json
import subprocess
import sys
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from proofs_check.__main__ import main
from proofs_check.claims import constants, ledger, report
from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps, Verdict
from proofs_check.claims.run import UnknownClaimError, run, selected

ROOT = Path(__file__).parents[3]


def claim(identity="C90", *, holds=True, confidence="", **fields):
    evidence = Evidence(holds, "a step & <another>", confidence)
    parts = {"statement": "One", "method": Method.EXACT, "source": "here"} | fields
    return Claim(identity, check=lambda effort, rng: evidence, **parts)


def outcomes(*claims):
    return run(claims, effort=Effort.QUICK, seed=0)


def test_the_ledger_is_complete_and_its_ids_are_unique():
    ids = [one.id for one in ledger.CLAIMS]
    assert ids == sorted(set(ids))
    # C08 to C11 and the like may come in parts; each number of the ledger is there.
    assert {name[:3] for name in ids} >= {f"C{number:02}" for number in range(1, 30)}
    assert {one.id for one in ledger.CLAIMS if one.is_control} == {f"C25{part}" for part in "abcd"}
    for one in ledger.CLAIMS:
        assert one.statement
        assert one.source
        assert not one.statement.endswith(".")


def test_every_module_of_claims_is_in_the_ledger():
    folder = Path(ledger.__file__).parent
    homes = {path.stem for path in folder.glob("*.py") if "\nCLAIMS = (" in path.read_text()}
    assert homes == {one.check.__module__.rsplit(".", 1)[1] for one in ledger.CLAIMS}


@pytest.mark.parametrize(
    ("fields", "verdict", "is_expected"),
    [
        ({}, Verdict.VERIFIED, True),
        ({"confidence": "false-alarm rate 1/1000"}, Verdict.CONSISTENT, True),
        ({"method": Method.DESCRIPTIVE}, Verdict.CONSISTENT, True),
        ({"holds": False}, Verdict.REFUTED, False),
        ({"holds": False, "is_control": True}, Verdict.REFUTED, True),
        ({"is_control": True}, Verdict.VERIFIED, False),
    ],
)
def test_verdicts(fields, verdict, is_expected):
    (outcome,) = outcomes(claim(**fields))
    assert (outcome.verdict, outcome.is_expected) == (verdict, is_expected)
    assert outcome.seconds >= 0


def test_steps_name_the_first_that_fails_and_no_step_proves_nothing():
    steps = Steps()
    assert not steps.evidence().holds
    steps.step("first", True)
    assert steps.evidence() == Evidence(True, "first")
    steps.step("second", False)
    steps.step("third", False)
    assert steps.evidence() == Evidence(False, "fails: second")


def test_selection():
    claims = [claim("C01"), claim("C25a"), claim("C25b"), claim("C02")]
    names = [one.id for one in selected(claims, ["C25", "C01"])]
    assert names == ["C01", "C25a", "C25b"]
    assert [one.id for one in selected(claims, ["C25b"])] == ["C25b"]
    assert selected(claims, []) == claims
    with pytest.raises(UnknownClaimError, match="C03, C2"):
        selected(claims, ["C01", "C2", "C03"])


def test_a_seed_fixes_each_claim_whatever_runs_beside_it():
    seen = []

    def check(effort, rng):
        seen.append(int(rng.integers(1 << 60)))
        return Evidence(True, "")

    one, other = (Claim(name, "One", Method.EXACT, "here", check) for name in ("C01", "C02"))
    run([one, other], effort=Effort.QUICK, seed=3)
    run([other], effort=Effort.QUICK, seed=3)
    run([other], effort=Effort.QUICK, seed=4)
    assert seen[1] == seen[2]
    assert len(set(seen)) == 3


def test_json_output(capsys):
    assert main(["claims", "--only", "C01,C25", "--seed", "7", "--json"]) == 0
    captured = capsys.readouterr()
    data = json.loads(captured.out)
    assert (data["effort"], data["seed"], data["as_expected"]) == ("quick", 7, True)
    assert [one["id"] for one in data["claims"]] == ["C01", "C25a", "C25b", "C25c", "C25d"]
    first, control = data["claims"][:2]
    assert (first["verdict"], first["method"], first["is_control"]) == ("VERIFIED", "exact", False)
    assert (control["verdict"], control["is_control"]) == ("REFUTED", True)
    assert "[1/5] C01" in captured.err


def test_the_text_is_one_table_that_fits(capsys):
    assert main(["claims", "--only", "C25"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["claim", "method", "verdict", "evidence", "seconds"]
    assert lines[1] == lines[-2]
    assert max(map(len, lines)) <= len(lines[1])
    assert sum("REFUTED" in line for line in lines[2:-2]) == 4
    assert lines[-1].endswith("4 REFUTED (control); as expected")


def test_a_planted_error_changes_the_status(capsys, monkeypatch):
    monkeypatch.setattr(constants, "DRIFT", Fraction(3, 5))
    assert main(["claims", "--only", "C02"]) == 1
    assert "NOT AS EXPECTED: C02" in capsys.readouterr().out


def test_the_status_sees_a_control_that_holds(capsys, monkeypatch):
    monkeypatch.setattr(ledger, "CLAIMS", (claim("C25a", is_control=True),))
    assert main(["claims"]) == 1
    assert "NOT AS EXPECTED: C25a" in capsys.readouterr().out


class Cells(HTMLParser):
    """Collects the text of the cells of a table."""

    def __init__(self):
        super().__init__()
        self.rows, self.classes = [], []

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
            self.classes.append(dict(attributes).get("class"))
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def test_html_output(tmp_path, capsys):
    path = tmp_path / "claims.html"
    assert main(["claims", "--only", "C01", "--html", str(path)]) == 0
    capsys.readouterr()
    parser = Cells()
    parser.feed(path.read_text(encoding="utf-8"))
    assert len(parser.rows) == 2
    assert parser.rows[1][2] == "VERIFIED"


def test_html_escapes_and_marks_what_is_not_expected():
    parser = Cells()
    parser.feed(report.page(outcomes(claim("C01"), claim("C02", holds=False))))
    assert parser.rows[1][3] == "a step & <another>"
    assert parser.classes[1:] == [None, "unexpected"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["claims", "--only", "C99"], "no claim is called C99"),
        (["claims", "--seed", "-1"], "not an integer >= 0"),
        (["claims", "--seed", "x"], "not an integer >= 0"),
        (["claims", "--html", "/nowhere/at/all.html", "--only", "C25c"], "/nowhere/at/all.html"),
    ],
)
def test_wrong_arguments(arguments, text, capsys):
    try:
        status = main(arguments)
    except SystemExit as end:
        status = end.code
    captured = capsys.readouterr()
    assert status == 2
    assert text in captured.err
    assert captured.out == ""


def test_verify_does_not_load_the_claims():
    code = (
        "import sys; from proofs_check.__main__ import main\n"
        "status = main(['verify', '/nowhere'])\n"
        "late = ('sympy', 'proofs_check.claims')\n"
        "print(status, [name for name in sys.modules if name.startswith(late)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "2 []"


def test_a_generator_is_handed_to_each_check():
    kinds = []

    def check(effort, rng):
        kinds.append((effort, type(rng)))
        return Evidence(True, "")

    run([Claim("C01", "One", Method.EXACT, "here", check)], effort=Effort.FULL, seed=0)
    assert kinds == [(Effort.FULL, np.random.Generator)]
