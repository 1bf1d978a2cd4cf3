"""What is printed and written at the edge: no Infinity in JSON, no control character in text."""

import io
import json
import math
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from proofs_check.__main__ import main as audit_main
from strongltn.certify import Attack, CertifySettings
from strongltn.cli import certify as certify_command
from strongltn.cli.console import print_report
from strongltn.figures.account import plot_account
from strongltn.networks.layer import LinearLayer
from strongltn.networks.target import TargetNetwork
from strongltn.numerics.dyadic import outward_number
from strongltn.pipeline import tickets as pipeline
from strongltn.process.exits import say, shown
from strongltn.report.certificate import account_lines
from strongltn.report.text import info_lines, outward, prune_lines
from strongltn.values.json_text import json_text

LARGEST = Fraction(sys.float_info.max)
QUICK = CertifySettings(attack=Attack(num_restarts=2, num_steps=2))
ODD_NAME = "fc\x1b[31m\n\N{EURO SIGN}$x_\udc80"


def strict(text):
    """Read JSON as other languages do."""

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


@contextmanager
def ascii_streams():
    """Yield stdout and stderr of a terminal that has ASCII only; their bytes are checked."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="ascii") for _ in range(2)]
    with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
        yield streams


def written(stream):
    stream.flush()
    return stream.buffer.getvalue().decode("ascii")


@given(
    st.fractions() | st.integers(-(2**3000), 2**3000).map(Fraction),
    st.booleans(),
    st.sampled_from((1, LARGEST)),
)
def test_outward_numbers_are_bounds(value, upwards, unit):
    value *= unit
    bound = outward_number(value, upwards=upwards)
    text = outward(bound, upwards=upwards)
    for number in (Fraction(bound), Fraction(text)):
        assert number >= value if upwards else number <= value
        # and useful ones
        assert abs(number - value) <= abs(value) / 999 + Fraction(1, 2**1074)
    assert isinstance(bound, float) == (abs(value) <= LARGEST)
    assert outward(f"{bound:e}" if isinstance(bound, Decimal) else bound, upwards=upwards) == text


def test_json_has_no_infinity():
    report = {"rows": [{"a": math.inf, "b": (math.nan, -math.inf)}], "c": Decimal("1.3e400")}
    found = strict(json_text(report))
    assert found["rows"] == [{"a": None, "b": [None, None]}]
    assert found["c"] == "1.3e+400"
    assert "largest double" in found["numbers"]
    plain = {"rows": [1, (2.5, "x", None, True)], "b": {}}
    for options in ({}, {"indent": 1}, {"sort_keys": True}):
        assert json_text(plain, **options) == json.dumps(plain, **options)


@given(st.text())
def test_text_stays_on_its_line(text):
    line = shown(text)
    assert line.isprintable()
    assert shown("fc1.weight[0, 2] \N{EURO SIGN}") == "fc1.weight[0, 2] \N{EURO SIGN}"


@given(st.text())
def test_any_terminal_takes_any_name(text):
    for encoding in ("ascii", "latin-1", "utf-8"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdout", stream)
            print_report({"name": text}, [text, "end"], as_json=False)
            print_report({"name": text}, [text, "end"], as_json=True)
        stream.flush()
        assert len(stream.buffer.getvalue().decode(encoding).splitlines()) == 3


def test_messages_are_one_line_of_ascii():
    with ascii_streams() as (_, stderr):
        say(f"The file holds {ODD_NAME}.")
    assert written(stderr) == "strongltn: The file holds fc\\x1b[31m\\n\\u20ac$x_\\udc80.\n"


def test_nothing_is_written_where_streams_are_closed(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    print_report({}, ["line"], as_json=False)
    say("message")


@pytest.fixture(scope="module")
def beyond(tmp_path_factory):
    """A ticket whose certified error is beyond the doubles, its report, and its directory."""
    weights = np.random.default_rng(0).uniform(size=(11, 2, 2)) * 1e35
    layers = [LinearLayer(f"{i} {ODD_NAME}", w.astype(np.float32)) for i, w in enumerate(weights)]
    result = pipeline.prune(TargetNetwork(tuple(layers)), num_samples=4, settings=QUICK)
    directory = tmp_path_factory.mktemp("beyond") / "ticket"
    directory.mkdir()
    pipeline.save(result, directory)
    return result, directory


def test_errors_beyond_the_doubles_are_decimals(beyond):
    result, directory = beyond
    exact = result.certificate.upper_bound
    assert exact > LARGEST
    written = strict((directory / "report.json").read_text("ascii"))
    assert exact <= Fraction(written["certified_error"]) <= exact * (1 + Fraction(1, 10**15))
    assert written["ratio"] is None
    assert "largest double" in written["numbers"]
    assert strict(json_text(result.report()))["certified_error"] == written["certified_error"]


def test_every_text_copes_with_them(beyond):
    result, directory = beyond
    certified = pipeline.certify_directory(directory, settings=QUICK)
    described = pipeline.describe_directory(directory)
    assert strict((directory / "report.json").read_text("ascii"))["notes"] == certified["notes"]
    lines = [
        *prune_lines(result.report(), directory=directory),
        *account_lines(certified),
        *info_lines(described),
    ]
    with ascii_streams() as (stdout, _):
        print_report({}, lines, as_json=False)
    printed = written(stdout)
    assert printed.count("e+3") + printed.count("e+4") > 10
    assert "inf]" not in printed
    assert "nan" not in printed
    assert "\x1b" not in printed


def test_the_figure_copes_with_them(beyond, tmp_path):
    _, directory = beyond
    report = pipeline.certify_directory(directory, settings=QUICK)
    row = {"radius": 1.0, **json.loads(json_text(report))}
    assert len(plot_account(report, [row], path=tmp_path / "account")) == 3


def test_epsilon_is_compared_with_decimals(beyond):
    _, directory = beyond
    report = pipeline.certify_directory(directory, settings=QUICK)
    assert isinstance(report["certified_error"], Decimal)
    for epsilon in (1e-300, 1e308):
        with pytest.raises(typer.Exit) as end:
            certify_command._exit_above(epsilon, report["certified_error"])
        assert end.value.exit_code == 1
    certify_command._exit_above(None, report["certified_error"])


def test_the_auditor_prints_plain_lines(beyond, tmp_path):
    _, directory = beyond
    with ascii_streams() as (stdout, stderr):
        assert audit_main(["verify", str(directory)]) == 0
        assert audit_main(["verify", str(tmp_path / ODD_NAME[:10])]) == 2
        assert audit_main(["verify", "--json", str(directory)]) == 0
    out, err = written(stdout), written(stderr)
    assert out.startswith("PROVED")
    assert "E+" in out.splitlines()[0]
    assert strict(out[out.index("{\n") :])["verdict"] == "PROVED"
    assert len(err.splitlines()) == 1
    assert "\\x1b" in err
