"""``strongltn bound``: the figures of the theorems, exit codes, and what bad input prints."""

import json
import subprocess
import sys
from fractions import Fraction

import pytest
from typer.testing import CliRunner

from strongltn.cli.bound import bound
from strongltn.errors import AssumptionViolated, InvalidInputError
from strongltn.theorems.question import rational

NETWORK = ["--widths", "6,5,3", "--epsilon", "0.1", "--delta", "0.01"]
SAMPLES = ["samples", "--eta", "2^-4", "--delta", "0.1", "--trials", "200"]


def run(*arguments):
    return CliRunner().invoke(bound, list(arguments))


def report_of(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def by_key(report):
    return {row["key"]: row for row in report["theorems"]}


def test_samples_are_proved_and_measured():
    report = report_of(*SAMPLES, "--law", "uniform", "--targets", "half")
    rows = by_key(report)
    assert report["question"]["eta"] == "1/16"
    assert report["question"]["tolerance"] == 0.125
    assert rows["Cover.Uniform"]["num_samples"] == 25
    assert rows["Lueker1998.Theorem2_4"]["num_samples"] == 45
    assert rows["Cover.DynamicProgram"]["num_samples"] <= 20
    assert rows["Cover.LowerBound"]["necessary_samples"] >= 4
    for row in rows.values():
        assert row["failure_probability"] is None or row["failure_probability"] <= 0.1
        assert row["constants"] == "explicit"
    measured = report["measured"]
    assert (
        measured["lower"] <= measured["num_samples"] <= rows["Cover.DynamicProgram"]["num_samples"]
    )
    assert measured["trials"] == 200


def test_what_does_not_apply_says_why():
    report = report_of(*SAMPLES, "--law", "product", "--targets", "unit", "--trials", "0")
    reasons = {row["key"]: row["violations"] for row in report["not_applicable"]}
    assert reasons["Cover.Uniform"] == ["law must be uniform on [-1, 1], not product"]
    assert "Cover.WideWindow" in by_key(report)
    assert report["measured"] is None


def test_too_few_trials_are_said():
    few = run("samples", "--eta", "0.2", "--delta", "0.001", "--trials", "50")
    assert "50 trials, 99 % limits; no proof; too few for an upper limit" in few.stdout
    assert "too few" not in run(*SAMPLES).stdout


def test_the_same_seed_measures_the_same():
    arguments = (*SAMPLES, "--seed", "7")
    assert report_of(*arguments)["measured"] == report_of(*arguments)["measured"]


@pytest.mark.parametrize("eta", ["0.0625", "1/16", "2^-4"])
def test_numbers_are_read_as_exact_rationals(eta):
    report = report_of("samples", "--eta", eta, "--delta", "1/10", "--trials", "0")
    assert report["question"]["eta"] == "1/16"
    assert report["question"]["failure_probability"] == "1/10"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--eta", "1/2", "--delta", "0.1"], "--eta must be in (0, 1/2). Got 1/2"),
        (["--eta", "0", "--delta", "0.1"], "--eta must be in (0, 1/2). Got 0"),
        (["--eta", "-0.1", "--delta", "1"], "--eta must be in (0, 1/2). Got -1/10"),
        (["--eta", "0.1", "--delta", "1"], "must be in (0, 1). Got 1"),
        (["--eta", "0.1", "--delta", "0.1", "--dimension", "0"], "must be >= 1. Got 0"),
        (["--eta", "0.1", "--delta", "0.1", "--constant", "-1"], "must be > 0. Got -1"),
    ],
)
def test_a_bad_number_is_the_one_thing_that_is_named(arguments, text):
    result = run("samples", *arguments, "--json")
    assert isinstance(result.exception, InvalidInputError)
    assert result.stdout == ""
    assert text in str(result.exception)
    assert str(result.exception).count("must be") == 1


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--epsilon", "1"),
        ("--delta", "0"),
        ("--widths", "784,0"),
        ("--max-weight", "2"),
        ("--kernel-size", "0"),
        ("--heads", "0"),
        ("--input-norm", "0"),
        ("--grid-bits", "-1"),
        ("--density", "0.6"),
        ("--constant", "0"),
    ],
)
def test_a_bad_number_of_a_network_is_the_one_thing_that_is_named(option, value):
    result = run("all", *NETWORK, option, value)
    assert isinstance(result.exception, InvalidInputError)
    assert str(result.exception).count("must be") == 1


def test_where_no_theorem_applies_every_reason_is_given_once():
    result = run("samples", "--eta", "0.1", "--delta", "0.1", "--law", "signed-constant")
    assert isinstance(result.exception, AssumptionViolated)
    text = "law must be one with a density, and so with a uniform part, not signed-constant"
    assert str(result.exception).count(text) == 1


def test_an_unknown_law_is_refused():
    result = run(*SAMPLES, "--law", "cauchy")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "cauchy" in result.stderr


def test_an_unknown_theorem_is_told_which_there_are():
    result = run("pensia2021", *NETWORK)
    assert isinstance(result.exception, InvalidInputError)
    assert "Pensia2020.Theorem2" in str(result.exception)


@pytest.mark.parametrize("text", ["x", "nan", "1/0", ""])
def test_what_is_no_number_is_refused(text):
    for arguments in (["--eta", text, "--delta", "0.1"], ["--eta", "0.1", "--delta", text]):
        assert isinstance(run("samples", *arguments).exception, InvalidInputError)


def test_all_theorems_on_a_network_side_by_side():
    report = report_of("all", *NETWORK)
    rows = by_key(report)
    assert rows["Pensia2020.Theorem2"]["necessary_parameters"] == 28
    explicit = rows["Pensia2020.Theorem1Rearranged"]
    assert explicit["widths"][0] == 6
    assert explicit["num_parameters"] > 28
    assert explicit["failure_probability"] <= Fraction(1, 100)
    assert rows["Pensia2020.Theorem1"]["num_samples"] is None
    assert rows["Pensia2020.Theorem1"]["constants"] == "constant not explicit in the paper"
    assert any(row["key"] == "Otsuka2025.Theorem3" for row in report["not_applicable"])


def test_one_theorem_with_and_without_the_word_network():
    key = "pensia2020.theorem1explicit"
    assert report_of(key, *NETWORK) == report_of("network", key, *NETWORK)


def test_a_constant_of_the_callers_is_labelled():
    row = by_key(report_of("Pensia2020.Theorem1", *NETWORK, "--constant", "2"))
    assert "no theorem" in row["Pensia2020.Theorem1"]["constants"]


def test_options_reach_their_theorems():
    quantised = report_of("Kumar2025.LowerBound", *NETWORK, "--grid-bits", "4")
    assert by_key(quantised)["Kumar2025.LowerBound"]["necessary_parameters"] > 18 * 4
    attention = ["--widths", "4,4", "--epsilon", "0.1", "--delta", "0.1", "--constant", "1"]
    options = ["--heads", "2", "--input-norm", "2"]
    assert by_key(report_of("Otsuka2025.Theorem3", *attention, *options))


def test_a_theorem_that_does_not_apply_is_no_number():
    result = run("Pensia2020.Theorem1Explicit", *NETWORK, "--law", "gaussian", "--json")
    assert isinstance(result.exception, AssumptionViolated)
    assert "law must be uniform or signed-constant, not gaussian" in str(result.exception)
    assert result.stdout == ""


def test_what_the_network_command_refuses():
    assert isinstance(run("nothing", *NETWORK).exception, InvalidInputError)
    assert isinstance(run("Cover.Uniform", *NETWORK).exception, InvalidInputError)
    wrong = ["--widths", "6,x", "--epsilon", "0.1", "--delta", "0.01"]
    assert isinstance(run("all", *wrong).exception, InvalidInputError)


def test_tables_show_every_row():
    samples = run(*SAMPLES).stdout
    assert "Cover.Uniform" in samples
    assert "measured" in samples
    assert "does not apply" in samples
    network = run("all", *NETWORK).stdout
    assert ">= 28" in network
    listed = run("list").stdout
    assert "Cover.LowerBound" in listed
    assert "proved here" in listed


def test_no_number_of_a_table_is_below_that_of_the_report():
    report = report_of("all", *NETWORK)
    table = run("all", *NETWORK).stdout
    for row in report["theorems"]:
        line = next(line for line in table.splitlines() if line.startswith(row["key"] + " "))
        if row["failure_probability"] is not None:
            shown = Fraction(line.split(row["status"])[0].split()[-1])
            exact = Fraction(row["failure_probability_exact"])
            assert exact <= shown <= Fraction(1, 100)
            assert exact <= Fraction(repr(row["failure_probability"]))


@pytest.mark.parametrize("delta", ["1e-6", "1/3", "0.01", "3e-5", "123456789e-15", "2^-20"])
def test_no_failure_probability_above_delta_is_printed(delta):
    """Rounded upwards once, and then no further than to what was asked for."""
    asked = rational("delta", delta)
    report = report_of("all", "--widths", "3,2", "--epsilon", "0.1", "--delta", delta)
    table = run("all", "--widths", "3,2", "--epsilon", "0.1", "--delta", delta).stdout
    seen = 0
    for row in report["theorems"]:
        if row["failure_probability_exact"] is not None and row["status"] == "proved here":
            line = next(line for line in table.splitlines() if line.startswith(row["key"] + " "))
            shown = Fraction(line.split(row["status"])[0].split()[-1])
            assert Fraction(row["failure_probability_exact"]) <= asked
            assert shown <= asked or delta == "123456789e-15"  # six digits of delta itself
            seen += 1
    assert seen > 5


def test_the_command_is_light():
    code = (
        "import sys; import strongltn.cli.bound; from strongltn.theorems import catalogue\n"
        "catalogue.cover_theorems(); catalogue.network_theorems()\n"
        "print([m for m in ('torch', 'numba', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
