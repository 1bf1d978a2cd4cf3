"""Theorems as objects: listed, sourced, and asked whether they apply."""

import re
from fractions import Fraction
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import strongltn
from strongltn.errors import AssumptionViolated, InvalidInputError
from strongltn.rng import WeightLaw
from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.theorems import catalogue
from strongltn.theorems.catalogue import cover_theorems, network_theorems, theorem_named
from strongltn.theorems.question import CoverQuestion, NetworkQuestion, rational
from strongltn.theorems.theorem import EXPLICIT, NOT_EXPLICIT, Promise, Status

ALL = (*cover_theorems(), *network_theorems())
PACKAGE = Path(strongltn.__file__).parent

GOOD_COVER = {"eta": "2^-6", "failure_probability": "0.01", "law": SampleLaw.UNIFORM}
GOOD_NETWORK = {
    "widths": (4, 3, 2),
    "epsilon": "0.1",
    "failure_probability": "0.1",
    "law": WeightLaw.UNIFORM,
}
# each breaks some assumptions; together they break every one
BAD_COVER = (
    {"eta": "1/2", "failure_probability": 1, "dimension": 0},
    {"eta": 0, "failure_probability": 0, "dimension": 2},
    {"eta": "2^-41"},
    {"law": SampleLaw.PRODUCT, "window": Window.UNIT},
    {"law": SampleLaw.SIGNED_CONSTANT, "constant": -1},
)
BAD_NETWORK = (
    {"widths": (3,), "epsilon": 1, "failure_probability": 0, "max_weight": 2, "kernel_size": 0},
    {"widths": (3, 0), "epsilon": 0, "failure_probability": 1, "max_weight": 0, "kernel_size": 3},
    {"law": WeightLaw.GAUSSIAN, "widths": (3, 4, 4, 3), "failure_probability": "0.01"},
    {"constant": -1, "num_heads": 0, "input_norm": 1, "grid_bits": 0, "density": "0.6"},
)

every_theorem = pytest.mark.parametrize("theorem", ALL, ids=lambda theorem: theorem.key)


def question_for(theorem, change=None):
    if theorem.asks is CoverQuestion:
        return CoverQuestion(**{**GOOD_COVER, **(change or {})})
    return NetworkQuestion(**{**GOOD_NETWORK, **(change or {})})


def bad_questions(theorem):
    changes = BAD_COVER if theorem.asks is CoverQuestion else BAD_NETWORK
    return [question_for(theorem, change) for change in changes]


def test_keys_are_unique_and_found_in_any_case():
    keys = [theorem.key for theorem in ALL]
    assert len({key.lower() for key in keys}) == len(keys)
    assert all(theorem_named(key.upper()).key == key for key in keys)
    with pytest.raises(InvalidInputError, match=re.escape("Pensia2020.Theorem1,")):
        theorem_named("nothing")
    with pytest.raises(InvalidInputError):
        theorem_named(3)


def test_no_module_with_theorems_is_forgotten():
    for path in (PACKAGE / "theorems").glob("*.py"):
        if re.search(r"^THEOREMS\b", path.read_text(), re.MULTILINE):
            module = import_module(f"strongltn.theorems.{path.stem}")
            assert {theorem.key for theorem in module.THEOREMS} <= {one.key for one in ALL}, path


@every_theorem
def test_sources_are_in_the_bibliography(theorem):
    known = set(re.findall(r"@\w+\{(\w+),", (PACKAGE / "references.bib").read_text()))
    words = re.findall(r"\b[a-z]+\d{4}[a-z]*\b", theorem.source)
    assert words
    assert set(words) <= known


@every_theorem
def test_every_assumption_is_violated_by_some_question(theorem):
    violated = {
        (violation.parameter, violation.allowed)
        for question in bad_questions(theorem)
        for violation in theorem.violations(question)
    }
    assert violated == {(a.parameter, a.allowed) for a in theorem.assumptions}


@every_theorem
def test_all_violated_assumptions_are_named(theorem):
    for question in bad_questions(theorem):
        violations = theorem.violations(question)
        if violations:
            with pytest.raises(AssumptionViolated) as raised:
                theorem.promise(question)
            assert all(str(violation) in str(raised.value) for violation in violations)


def test_two_wrong_numbers_are_two_violations():
    question = CoverQuestion(eta="0.7", failure_probability=2, law=SampleLaw.SIGNED_CONSTANT)
    texts = [str(violation) for violation in theorem_named("Cover.Mixture").violations(question)]
    assert texts[:2] == [
        "eta must be in (0, 1/2), not 7/10",
        "failure probability must be in (0, 1), not 2",
    ]
    assert len(texts) == 3


@every_theorem
def test_a_constant_that_is_not_explicit_is_no_number(theorem):
    """Unless the caller gives one; and then nothing is called a theorem."""
    extra = {"constant": None}
    given = {"constant": 3}
    if theorem.asks is NetworkQuestion:
        options = {"num_heads": 2, "input_norm": 2, "grid_bits": 4, "density": "0.4"}
        extra, given = {**extra, **options}, {**given, **options}
        if theorem.key.startswith("Otsuka"):
            extra, given = {**extra, "widths": (4, 3)}, {**given, "widths": (4, 3)}
    elif theorem.key.startswith("Becchetti"):
        shape = {"law": SampleLaw.GAUSSIAN, "window": Window.UNIT, "dimension": 2}
        extra, given = {**extra, **shape}, {**given, **shape}
    if theorem.status is Status.PROVED:
        if theorem.key == "Cover.DynamicProgram" or theorem.key == "Cover.ComponentProgram":
            return  # slow, and explicit: tested with its own module
        assert theorem.promise(question_for(theorem, given)).constants == EXPLICIT
        return
    without = theorem.promise(question_for(theorem, extra))
    assert without.constants == NOT_EXPLICIT
    assert without.notes
    assert without.num_samples is None
    assert without.widths is None
    with_constant = theorem.promise(question_for(theorem, given))
    assert with_constant.num_samples > 0
    assert "C = 3" in with_constant.constants
    assert "no theorem" in with_constant.constants


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.01", Fraction(1, 100)), ("2^-12", Fraction(1, 4096)), ("1/3", Fraction(1, 3)),
     (" 1e-6 ", Fraction(1, 10**6)), (0.5, Fraction(1, 2)), ("10^3", Fraction(1000))],
)  # fmt: skip
def test_numbers_are_read_exactly(text, value):
    assert rational("eta", text) == value


@pytest.mark.parametrize(
    "text",
    ["", "x", "nan", "inf", "1/0", "0^-1", "2^99999999", "1e999999999", "1" * 2000, None, [1],
     float("nan"), float("inf")],
)  # fmt: skip
def test_what_is_no_number_is_refused(text):
    with pytest.raises(InvalidInputError, match="'eta'"):
        rational("eta", text)


def test_huge_integers_can_be_written():
    report = Promise(num_samples=10**5000, widths=(3, 10**400), num_parameters=12).to_json()
    assert report["num_samples"] == "1.000e+5000"
    assert report["widths"] == [3, "1.000e+400"]
    assert report["num_parameters"] == 12


def test_probabilities_are_written_rounded_upwards():
    chance = Fraction(1, 3)
    written = Promise(failure_probability=chance).to_json()["failure_probability"]
    assert chance < Fraction(written) < chance + Fraction(1, 2**53)


@pytest.fixture
def emptied():
    """Let the catalogue look for theorems anew, now and afterwards."""
    caches = (catalogue._theorems, cover_theorems, network_theorems)
    for one in caches:
        one.cache_clear()
    yield
    for one in caches:
        one.cache_clear()


def test_a_theorem_of_others_is_one_module(tmp_path, monkeypatch, emptied):
    (tmp_path / "toy2026.py").write_text(
        "from dataclasses import replace\n"
        "from strongltn.theorems.cover import THEOREMS as OURS\n"
        "THEOREMS = (replace(OURS[0], key='Toy2026.Theorem1'),)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    entries = [EntryPoint("toy", "toy2026", catalogue.GROUP)]
    monkeypatch.setattr(catalogue, "entry_points", lambda *, group: entries)
    assert theorem_named("toy2026.theorem1") in cover_theorems()
    assert len(cover_theorems()) + len(network_theorems()) == len(ALL) + 1
