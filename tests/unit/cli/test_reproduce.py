"""Recipes: streamed, resumable, idempotent; what is of another configuration is refused."""

import csv
import dataclasses
import errno
import json
import os
import subprocess
import sys
from concurrent.futures import BrokenExecutor
from contextlib import nullcontext, suppress
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import typer
from recipe_rows import RECIPES
from typer.testing import CliRunner

import strongltn_experiments
from strongltn.cli.reproduce import reproduce
from strongltn.errors import InvalidInputError, MachineError, StrongLTNError
from strongltn.figures.style import new_figure
from strongltn.process.exits import ExitCode, exit_code_of, explained
from strongltn.recipes import found as found_module
from strongltn.recipes.answer import Answer
from strongltn.recipes.found import GROUP, Found, FoundRecipe, found_recipes, recipes_in
from strongltn.recipes.recipe import AbstractRecipe, Effort, Recipe, Tier, rows_where
from strongltn.recipes.run import draw_recorded, read_rows, run_recipe
from strongltn.report.table import Table
from strongltn.theorems.promises import conditions_named

ROOT = Path(__file__).parents[3]
SUFFIXES = ("jsonl", "csv", "png", "svg", "pdf")


class Kitchen:
    """A recipe of squares that counts its calls and can be interrupted."""

    def __init__(self, *, last=None):
        self.calls = []
        self.last = last
        self.recipe = Recipe(
            key="squares",
            question="What are the first squares?",
            source="folklore",
            version=1,
            parts=lambda effort: [{"k": k} for k in range(3 if effort is Effort.QUICK else 5)],
            compute=self.compute,
            draw=self.draw,
            answer=self.answer,
            tiers={
                Effort.QUICK: Tier(3),
                Effort.FULL: Tier(7200, "estimated", ("MNIST", "a GPU")),
            },
            theorems=("Cover.Uniform", "Pensia2020.Theorem2"),
            published=({"value": 9, "source": "folklore"},),
        )

    def compute(self, part):
        if part["k"] == self.last:
            raise KeyboardInterrupt
        self.calls.append(part["k"])
        k = part["k"]
        square = {"k": k, "square": k**2, "between": (np.float64(k - 0.5), k + 0.5)}
        return [square, {"k": k, "note": "a, b"}]

    def draw(self, rows):
        figure, (axes,) = new_figure(1, 1, height=2)
        axes.plot([row["k"] for row in rows if "square" in row], label="k")
        return figure

    def answer(self, rows):
        squares = [row["square"] for row in rows if "square" in row]
        holds = squares == [k**2 for k in range(len(squares))]
        verdict = f"{'Yes' if holds else 'No'}: they are {squares}."
        return Answer(holds, verdict, Table.of(("k", "square"), enumerate(squares)))

    def run(self, out, *, effort=Effort.QUICK, **changes):
        return run_recipe(replace(self.recipe, **changes), effort=effort, out=out)


@pytest.fixture
def kitchen():
    return Kitchen()


def files(out):
    return {path.name: path.read_bytes() for path in (out / "squares").iterdir()}


def test_a_run_writes_rows_and_figure(kitchen, tmp_path):
    report = kitchen.run(tmp_path)
    assert sorted(files(tmp_path)) == sorted(f"quick.{suffix}" for suffix in SUFFIXES)
    assert report["files"] == [str(tmp_path / "squares" / f"quick.{s}") for s in SUFFIXES]
    assert (report["id"], report["effort"], report["parts"]) == ("squares", "quick", 3)
    assert (report["rows"], report["computed_now"]) == (6, 3)
    header, *lines = map(json.loads, files(tmp_path)["quick.jsonl"].splitlines())
    assert header["configuration"]["parts"] == [{"k": 0}, {"k": 1}, {"k": 2}]
    assert [line["part"] for line in lines] == [0, 1, 2]
    with (tmp_path / "squares" / "quick.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert table[4] == {"k": "2", "square": "4", "between": "[1.5, 2.5]", "note": ""}
    assert table[5] == {"k": "2", "square": "", "between": "", "note": "a, b"}


def test_a_second_run_only_redraws(kitchen, tmp_path):
    kitchen.run(tmp_path)
    before = files(tmp_path)
    (tmp_path / "squares" / "quick.svg").unlink()
    assert kitchen.run(tmp_path)["computed_now"] == 0
    assert kitchen.calls == [0, 1, 2]
    assert files(tmp_path) == before


def test_an_interrupted_run_goes_on(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        Kitchen(last=2).run(tmp_path)
    assert list(files(tmp_path)) == ["quick.jsonl"]
    after = Kitchen()
    assert after.run(tmp_path)["computed_now"] == 1
    assert after.calls == [2]
    Kitchen().run(tmp_path / "other")
    assert files(tmp_path) == files(tmp_path / "other")


@pytest.mark.parametrize("cut", [1, 5, -1, -30])
def test_a_torn_line_is_computed_again(kitchen, tmp_path, cut):
    """Wherever a kill tore the file: within the header, or within a later line."""
    kitchen.run(tmp_path)
    whole = files(tmp_path)
    path = tmp_path / "squares" / "quick.jsonl"
    path.write_bytes(whole["quick.jsonl"][:cut])
    report = kitchen.run(tmp_path)
    assert report["computed_now"] == (3 if cut > 0 else 1)
    assert files(tmp_path) == whole


def test_efforts_have_their_own_places(kitchen, tmp_path):
    kitchen.run(tmp_path)
    quick = files(tmp_path)
    assert kitchen.run(tmp_path, effort=Effort.FULL)["computed_now"] == 5
    assert {name: content for name, content in files(tmp_path).items() if "quick" in name} == quick


@pytest.mark.parametrize(
    "changes", [{"version": 2}, {"parts": lambda effort: [{"k": k} for k in range(4)]}]
)
def test_another_configuration_is_refused(kitchen, tmp_path, changes):
    kitchen.run(tmp_path)
    before = files(tmp_path)
    with pytest.raises(InvalidInputError, match=r"settings \((version|parts)\).*another place"):
        kitchen.run(tmp_path, **changes)
    assert files(tmp_path) == before


@pytest.mark.parametrize("content", ["[1]\n", "no json\n", "{}\n", '{"sha256": 1}\n{"part": 0}\n'])
def test_what_is_no_record_is_refused(kitchen, tmp_path, content):
    (tmp_path / "squares").mkdir()
    (tmp_path / "squares" / "quick.jsonl").write_text(content)
    with pytest.raises(InvalidInputError, match=r"line 1 is damaged|other settings"):
        kitchen.run(tmp_path)
    assert (tmp_path / "squares" / "quick.jsonl").read_text() == content


LINES = {
    "a part below 0": {"part": -1, "rows": []},
    "a part above all": {"part": 3, "rows": []},
    "a part of another type": {"part": True, "rows": []},
    "a part of text": {"part": "0", "rows": []},
    "no part": {"rows": []},
    "no rows": {"part": 1},
    "rows of another type": {"part": 1, "rows": {}},
    "rows of numbers": {"part": 1, "rows": [1]},
    "a part twice": {"part": 0, "rows": []},
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_lines_of_another_shape_are_refused_by_number(kitchen, tmp_path, line):
    """Without digests, as in records of earlier versions."""
    kitchen.run(tmp_path)
    path = tmp_path / "squares" / "quick.jsonl"
    header, first, *_ = map(json.loads, path.read_text().splitlines())
    del header["digest"], header["record"], first["digest"]
    path.write_text("".join(json.dumps(value) + "\n" for value in (header, first, line)))
    with pytest.raises(InvalidInputError, match="line 3 is damaged"):
        kitchen.run(tmp_path)
    with pytest.raises(InvalidInputError) if line.get("part") != 3 else nullcontext():
        read_rows(path)


def test_a_changed_value_is_refused(kitchen, tmp_path):
    kitchen.run(tmp_path)
    path = tmp_path / "squares" / "quick.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"square": 4', b'"square": 5'))
    for read in (lambda: kitchen.run(tmp_path), lambda: read_rows(path)):
        with pytest.raises(InvalidInputError, match="line 4 is damaged: it was changed"):
            read()


def test_records_of_earlier_versions_are_continued(tmp_path):
    """Their lines have no digests, and their first line has one of the configuration."""
    with pytest.raises(KeyboardInterrupt):
        Kitchen(last=1).run(tmp_path)
    path = tmp_path / "squares" / "quick.jsonl"
    header, first = map(json.loads, path.read_text().splitlines())
    del header["digest"], header["record"], first["digest"]
    old = "".join(json.dumps(value) + "\n" for value in (header | {"sha256": "0" * 64}, first))
    path.write_text(old)
    after = Kitchen()
    assert after.run(tmp_path)["computed_now"] == 2
    assert after.calls == [1, 2]
    assert path.read_text().startswith(old)
    assert [row["k"] for row in read_rows(path)] == [0, 0, 1, 1, 2, 2]


def test_two_on_one_folder_are_refused_before_anything_is_computed(kitchen, tmp_path):
    def compute(part):
        with pytest.raises(InvalidInputError, match="another strongltn command is writing"):
            kitchen.run(tmp_path)
        return kitchen.compute(part)

    run_recipe(replace(kitchen.recipe, compute=compute), effort=Effort.QUICK, out=tmp_path)
    assert kitchen.calls == [0, 1, 2]
    assert (tmp_path / "squares" / "quick.jsonl").read_bytes().count(b"\n") == 1 + 3


@pytest.mark.parametrize("prefix", ["", "partial-"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_is_written_through_a_link(kitchen, tmp_path, prefix, suffix):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / "squares").mkdir()
    (tmp_path / "squares" / f"{prefix}quick.{suffix}").symlink_to(precious)
    with suppress(MachineError):
        kitchen.run(tmp_path)
    assert precious.read_text() == "mine"


def test_a_full_disk_loses_no_row(kitchen, tmp_path, monkeypatch):
    """A write is cut short, and the next is refused."""
    write, room = os.write, [400]

    def fill(file, data):
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        length = min(room[0], len(data))
        room[0] -= length
        return write(file, bytes(data[:length]))

    with monkeypatch.context() as context:
        context.setattr(os, "write", fill)
        with pytest.raises(MachineError, match="No space left"):
            kitchen.run(tmp_path)
    kept = len((tmp_path / "squares" / "quick.jsonl").read_bytes().splitlines()) - 1
    assert list(files(tmp_path)) == ["quick.jsonl"]
    assert 0 < kept < 3
    after = Kitchen()
    assert after.run(tmp_path)["computed_now"] == 3 - kept


def test_a_torn_line_is_said(run, kitchen, tmp_path):
    kitchen.run(tmp_path)
    path = tmp_path / "squares" / "quick.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    done = run("squares", "--out", tmp_path, "--json")
    assert "line 4 was torn off by an interruption" in done.stderr
    assert len(json.loads(done.stdout)["notes"]) == 1


def test_progress_counts_what_was_there(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        Kitchen(last=1).run(tmp_path)
    seen = []
    run_recipe(
        Kitchen().recipe,
        effort=Effort.QUICK,
        out=tmp_path,
        progress=lambda *call: seen.append(call),
    )
    assert seen[:3] == [("squares", 1, 3), ("squares", 2, 3), ("squares", 3, 3)]
    assert seen[3:] == [("squares: figure", 0, 1), ("squares: figure", 1, 1)]


def test_rows_are_found_by_value():
    rows = [{"law": "uniform", "n": 1}, {"law": "product"}, {"n": 1}]
    assert list(rows_where(rows, law="uniform", n=1)) == rows[:1]


# the command


def cook(monkeypatch, *some, record=None):
    """Let the command find these recipes alone."""
    found = Found({recipe.key: FoundRecipe(recipe, record) for recipe in some}, ())
    monkeypatch.setattr(found_module, "found_recipes", lambda: found)


@pytest.fixture
def run(monkeypatch, kitchen):
    """Call the command with one recipe; return click's result."""
    cook(monkeypatch, kitchen.recipe)
    app = typer.Typer()
    app.command()(reproduce)
    return lambda *arguments: CliRunner().invoke(app, list(map(str, arguments)))


def test_the_command_lists(run):
    result = run("--list")
    assert result.exit_code == 0
    assert run().stdout == result.stdout
    lines = result.stdout.splitlines()
    assert lines[:6] == [
        "squares",
        "  What are the first squares?",
        "  source: folklore",
        "  --quick: 3 s (measured)",
        "  --full: 2 h (estimated), needs MNIST and a GPU",
        "  what is proved holds under these conditions:",
    ]
    conditions = conditions_named(["Cover.Uniform", "Pensia2020.Theorem2"])
    assert " ".join(" ".join(lines[6:-2]).split()) == " ".join(conditions)
    assert len(conditions) == 2  # on samples, and on networks
    assert lines[-1] == "Run one with: strongltn reproduce ID"
    (entry,) = json.loads(run("--list", "--json").stdout)["recipes"]
    assert entry["published"] == [{"value": 9, "source": "folklore"}]
    assert entry["tiers"]["full"]["seconds"] == 7200
    assert entry["tiers"]["full"]["needs"] == ["MNIST", "a GPU"]
    assert entry["theorems"] == ["Cover.Uniform", "Pensia2020.Theorem2"]


def test_the_command_runs(run, tmp_path, kitchen):
    result = run("squares", "--out", tmp_path, "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report["effort"] == "quick"
    assert (report["holds"], report["verdict"]) == (True, "Yes: they are [0, 1, 4].")
    assert report["table"] == {
        "columns": ["k", "square"],
        "rows": [["0", "0"], ["1", "1"], ["2", "4"]],
    }
    text = run("squares", "--quick", "--out", tmp_path).stdout
    assert text.splitlines()[:9] == [
        "squares, quick",
        "  What are the first squares?",
        "",
        "Yes: they are [0, 1, 4].",
        "",
        "| k | square |",
        "|---|--------|",
        "| 0 | 0      |",
        "| 1 | 1      |",
    ]
    assert "what is proved holds under these conditions" in text
    assert "6 rows of 3 parts, 3 of them computed before" in text
    assert str(tmp_path / "squares" / "quick.png") in text
    assert json.loads(run("squares", "--full", "--out", tmp_path, "--json").stdout)["parts"] == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["circles"], "'ID' parameter must be one of squares. Got circles. Without an ID"),
        (["sqaures"], "Got sqaures. Did you mean 'squares'?"),
        (["squares", "--quick", "--full"], "'effort'"),
        (["squares", "--list"], "'list'"),
        (["--quick"], "'list'"),
    ],
)
def test_bad_arguments_are_named(run, arguments, message):
    error = run(*arguments).exception
    assert isinstance(error, InvalidInputError)
    assert message in str(error)


def test_a_place_that_cannot_be_written_is_named(run, tmp_path):
    (tmp_path / "file").write_text("")
    error = run("squares", "--out", tmp_path / "file").exception
    assert isinstance(error, InvalidInputError)
    assert "'out'" in str(error)


def test_a_worker_that_died_is_no_traceback(run, tmp_path, kitchen, monkeypatch):
    def compute(part):
        raise BrokenExecutor("terminated abruptly")

    broken = replace(kitchen.recipe, compute=compute)
    cook(monkeypatch, broken)
    error = run("squares", "--out", tmp_path).exception
    assert exit_code_of(error) is ExitCode.MACHINE
    assert "the same command goes on" in explained(error)


def test_without_recipes_the_way_out_is_said(run, monkeypatch):
    cook(monkeypatch)
    error = run("--list").exception
    assert type(error) is StrongLTNError
    assert "pip install -e ." in str(error)


# recorded rows


def test_recorded_rows_are_drawn_and_answered(run, kitchen, monkeypatch, tmp_path):
    computed = kitchen.run(tmp_path)
    record = tmp_path / "squares" / "quick.jsonl"
    cook(monkeypatch, kitchen.recipe, record=record)
    kitchen.calls.clear()
    report = json.loads(run("squares", "--recorded", "--out", tmp_path / "drawn", "--json").stdout)
    assert kitchen.calls == []
    assert report["effort"] == "recorded"
    for name in ("verdict", "holds", "table", "rows", "parts"):
        assert report[name] == computed[name]
    names = sorted(f"recorded.{suffix}" for suffix in SUFFIXES[1:])
    assert sorted(path.name for path in (tmp_path / "drawn" / "squares").iterdir()) == names
    for suffix in SUFFIXES[1:]:
        quick, again = record.with_suffix(f".{suffix}"), f"recorded.{suffix}"
        assert (tmp_path / "drawn" / "squares" / again).read_bytes() == quick.read_bytes()
    assert "  --recorded: from the rows of a run that come with it" in run("--list").stdout


def test_what_has_no_record_is_refused(run, tmp_path):
    result = run("squares", "--recorded", "--out", tmp_path / "drawn")
    assert isinstance(result.exception, InvalidInputError)
    assert "squares, which came without a record" in str(result.exception)
    assert "no recipe has a record" in str(result.exception)
    assert not (tmp_path / "drawn").exists()
    assert "--recorded" not in run("--list").stdout


def test_a_damaged_record_is_refused(run, kitchen, monkeypatch, tmp_path):
    record = tmp_path / "squares.jsonl"
    record.write_text("no record\n")
    cook(monkeypatch, kitchen.recipe, record=record)
    result = run("squares", "--recorded", "--out", tmp_path / "drawn")
    assert isinstance(result.exception, InvalidInputError)


def test_the_recorded_runs_that_come_with_strongltn_are_of_their_recipes():
    some = {f.recipe.key: f for f in recipes_in(strongltn_experiments, []) if f.record is not None}
    assert set(some) == {
        *("edge-popup-finds", "pensia-experiment2-fc2", "pensia-experiment2-lenet5"),
    }
    for key, found in some.items():
        first = json.loads(found.record.read_text().splitlines()[0])
        assert first["configuration"]["recipe"] == key
        assert first["configuration"]["version"] == found.recipe.version
    folder = next(iter(some.values())).record.parent
    assert sorted(path.stem for path in folder.iterdir()) == sorted(some)


# finding them


def entry(monkeypatch, *packages):
    """Let these packages be the ones that have registered."""
    entries = [EntryPoint(name.removesuffix("_experiments"), name, GROUP) for name in packages]
    monkeypatch.setattr(found_module, "entry_points", lambda *, group: entries)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write a package with one recipe of its own."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, text):
        (tmp_path / name / "deeper").mkdir(parents=True)
        for folder in (tmp_path / name, tmp_path / name / "deeper"):
            (folder / "__init__.py").write_text("")
        (tmp_path / name / "deeper" / "own.py").write_text(text)

    return write


TOY = """
from strongltn_experiments.theory.growth import RECIPE as GROWTH
from dataclasses import replace
RECIPE = replace(GROWTH, key={key!r})
"""


def test_strongltn_registers_its_own():
    assert set(found_recipes().recipes) >= set(RECIPES)


def test_a_recipe_of_others_is_one_file(package, monkeypatch):
    package("their_recipes", TOY.format(key="toy"))
    entry(monkeypatch, "strongltn_experiments", "their_recipes")
    found = found_recipes()
    assert set(found.recipes) == {*RECIPES, "toy"}
    assert found.recipes["toy"].record is None
    assert found.failures == ()


def test_a_broken_package_hides_no_other(package, monkeypatch):
    package("broken_recipes", "1 / 0")
    package("second_recipes", TOY.format(key="growth"))
    entry(monkeypatch, "strongltn_experiments", "broken_recipes", "second_recipes")
    found = found_recipes()
    assert set(found.recipes) == set(RECIPES)
    broken, taken = sorted(found.failures)
    assert "'second_recipes' has a recipe 'growth'; another one is called so" in broken
    assert "'broken_recipes.deeper.own' cannot be imported: ZeroDivisionError" in taken


@pytest.mark.parametrize("fault", ["1 / 0", "import no_such_module", "raise SystemExit(3)"])
def test_a_broken_module_hides_no_other(package, monkeypatch, tmp_path, fault):
    package("mixed_recipes", TOY.format(key="toy"))
    (tmp_path / "mixed_recipes" / "broken.py").write_text(fault)
    (tmp_path / "mixed_recipes" / "aside").mkdir()
    (tmp_path / "mixed_recipes" / "aside" / "__init__.py").write_text(fault)
    entry(monkeypatch, "mixed_recipes")
    found = found_recipes()
    assert set(found.recipes) == {"toy"}
    aside, broken = found.failures
    assert aside.startswith("The recipes of 'mixed_recipes.aside' cannot be imported: ")
    assert broken.startswith("The recipes of 'mixed_recipes.broken' cannot be imported: ")


def test_who_asks_for_a_missing_record_is_told_which_there_are(tmp_path):
    with pytest.raises(InvalidInputError, match=r"one of edge-popup-finds, pensia-exp.*-lenet5"):
        draw_recorded(found_recipes(), "growth", out=tmp_path)


# the recipes


def test_the_recipes_are_light_and_well_formed():
    code = (
        "import sys\nfrom strongltn.recipes.found import found_recipes\n"
        "for found in found_recipes().recipes.values(): found.recipe.to_json()\n"
        "print({'numba', 'matplotlib', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "set()\n"
    for key, recipe in RECIPES.items():
        assert key == recipe.key
        assert recipe.question.endswith("?")
        for effort in Effort:
            json.dumps(recipe.parts(effort), allow_nan=False)


def test_every_recipe_has_an_answer_and_its_costs():
    fields = {field.name: field for field in dataclasses.fields(AbstractRecipe)}
    for name in ("answer", "tiers"):
        assert fields[name].default is dataclasses.MISSING
        assert fields[name].default_factory is dataclasses.MISSING
    for recipe in RECIPES.values():
        assert set(recipe.tiers) == set(Effort)
        assert 0 < recipe.tiers[Effort.QUICK].seconds <= 600
        assert recipe.tiers[Effort.QUICK].basis == "measured"
        is_theory = type(recipe) is Recipe
        assert bool(recipe.conditions()) == bool(recipe.theorems) == is_theory


CHEAP = {"trials": 1000, "max_samples": 24, "num_seeds": 1}


THEORY = {key: recipe for key, recipe in RECIPES.items() if isinstance(recipe, Recipe)}


def cheap(recipe):
    """The recipe with the parts of one tolerance only, few trials and few samples."""
    parts = recipe.parts(Effort.QUICK)
    some = [part for part in parts if part.get("exponent") == parts[0].get("exponent")]
    less = [part | {name: CHEAP[name] for name in CHEAP.keys() & part.keys()} for part in some]
    return replace(recipe, parts=lambda effort: less)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The rows and report of every recipe of the theory, at little cost."""
    out = tmp_path_factory.mktemp("results")
    found = {}
    for key, recipe in THEORY.items():
        report = run_recipe(cheap(recipe), effort=Effort.QUICK, out=out)
        _, *lines = map(json.loads, (out / key / "quick.jsonl").read_bytes().splitlines())
        found[key] = [row for line in lines for row in line["rows"]], report
    return found


@pytest.mark.slow
@pytest.mark.parametrize("key", THEORY)
def test_a_recipe_runs(results, key):
    rows, report = results[key]
    assert report["rows"] == len(rows) > 0
    assert all(Path(file).stat().st_size > 0 for file in report["files"])
    assert report["verdict"].endswith(".")
    assert report["table"]["rows"]


@pytest.mark.slow
@pytest.mark.parametrize("key", ["sample-size", "pensia-existence"])
def test_every_theorem_with_a_number_is_named(results, key):
    """So that its conditions are printed."""
    rows, _ = results[key]
    numbers = {row["theorem"] for row in rows if "theorem" in row and "does_not_apply" not in row}
    assert numbers
    assert numbers <= set(THEORY[key].theorems)


@pytest.mark.slow
def test_theorems_ask_for_enough(results):
    rows, _ = results["sample-size"]
    for law in ("uniform", "product"):
        for window in ("half", "unit"):
            panel = list(rows_where(rows, law=law, window=window))
            (measured,) = rows_where(panel, kind="measured")
            promised = [
                row["num_samples"]
                for row in rows_where(panel, kind="proved")
                if "num_samples" in row
            ]
            (floor,) = [row["necessary_samples"] for row in panel if "necessary_samples" in row]
            assert floor <= measured["upper"]
            assert measured["lower"] < min(promised)
            assert measured["lower"] <= measured["num_samples"] <= measured["upper"]
    refused = [row for row in rows if "does_not_apply" in row]
    assert any("law must be uniform" in row["does_not_apply"] for row in refused)


@pytest.mark.slow
def test_bounds_enclose_what_is_measured(results):
    rows, _ = results["failure-probability"]
    for law in ("uniform", "product"):
        panel = list(rows_where(rows, law=law))
        upper = {row["n"]: row["value"] for row in rows_where(panel, curve="dynamic program")}
        lower = {row["n"]: row["value"] for row in rows_where(panel, curve="proved lower bound")}
        measured = list(rows_where(panel, curve="measured"))
        assert len(measured) > 5
        measured = [row for row in measured if row["n"] <= CHEAP["max_samples"]]
        assert all(lower[row["n"]] <= row["upper"] for row in measured)
        assert all(row["lower"] <= upper[row["n"]] for row in measured)


@pytest.mark.slow
def test_growth_is_at_least_what_is_proved(results):
    rows, _ = results["growth"]
    for law in ("uniform", "product"):
        panel = list(rows_where(rows, law=law))
        bound = {row["fraction"]: row["growth"] for row in rows_where(panel, curve="bound")}
        for row in rows_where(panel, curve="drift"):
            nearest = min(bound, key=lambda v, at=row["fraction"]: abs(v - at))
            assert row["growth"] + 6 * row["standard_error"] + 0.01 >= bound[nearest]


@pytest.mark.slow
def test_nobody_goes_below_the_packing_bound(results):
    rows, _ = results["packing-bound"]
    (floor,) = [row["necessary_parameters"] for row in rows if "necessary_parameters" in row]
    sizes = [row["source_weights"] for row in rows if "source_weights" in row]
    assert len(sizes) == 3
    assert min(sizes) > floor > 0


@pytest.mark.slow
def test_the_orders_of_magnitude_are_those_of_the_literature(results):
    rows, _ = results["parameters"]
    sizes = {row["theorem"]: row["num_parameters"] for row in rows if "num_parameters" in row}
    single, greedy = sizes["Malach2020.WeightPruning"], sizes["Orseau2020.Greedy"]
    assert single > 1000 * greedy > 1000 * sizes["Pensia2020.Theorem1Rearranged"]
