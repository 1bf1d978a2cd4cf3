"""What all commands share: help, examples, versions, completion, the nearest word."""

import os
import re
import shlex
import subprocess
import sys

import pytest
import torch
import typer

from strongltn import __version__
from strongltn.certify import Attack
from strongltn.cli.main import app
from strongltn.cli.program import (
    Command,
    Group,
    as_typed,
    command,
    completing,
    shown_examples,
    spelled,
)
from strongltn.errors import InvalidInputError

ROOT = typer.main.get_command(app)


def commands(group, path=()):
    """Yield the path and the command of everything that can be called."""
    yield path, group
    for name, each in getattr(group, "commands", {}).items():
        yield from commands(each, (*path, name))


ALL = dict(commands(ROOT))
LEAVES = {path: each for path, each in ALL.items() if not hasattr(each, "commands")}


def examples(text):
    """Return the command lines of a help text, without their first word and comments."""
    block = text.partition("\nExamples:\n")[2]
    return [shlex.split(line, comments=True)[1:] for line in block.splitlines() if line.strip()]


EXAMPLES = [
    line
    for each in ALL.values()
    for line in (shlex.split(row, comments=True)[1:] for row in (each.epilog or "").splitlines())
]


@pytest.mark.parametrize("path", ALL, ids=" ".join)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_has_help_with_examples(run, path, option):
    """Found: no `-h`, and no example in any help."""
    code, out, err = run(*path, option)
    assert (code, err) == (0, "")
    assert out.startswith("Usage: strongltn")
    lines = examples(out)
    assert lines
    assert all(line[: len(path)] == list(path) or path == ("bound", "network") for line in lines)
    assert all(len(line) <= 100 for line in out.splitlines())


def test_every_command_is_of_the_kind_that_translates():
    assert len(LEAVES) > 10
    for path, each in ALL.items():
        assert isinstance(each, Command if path in LEAVES else Group), path


@pytest.mark.parametrize("line", EXAMPLES, ids=" ".join)
def test_every_example_can_be_parsed(line):
    """With its own words and no others; what it needs from the disk is not looked at."""
    words = line[1:] if line[0] == "help" else line
    context = ROOT.make_context("strongltn", ["info"])
    if words[0].startswith("--"):
        assert words[0] in {name for p in ROOT.get_params(context) for name in p.opts}
        return
    if words is not line:
        words = [*words, "--help"]
    group = ROOT
    while hasattr(group, "commands"):
        name, group, words = group.resolve_command(context, words)
        context = typer.Context(group, parent=context, info_name=name)
    if words[-1:] != ["--help"]:
        assert group.make_context(name, list(words)).args == []


QUICK = [
    ["prune", "model.pt", "--epsilon", "0.1", "--out", "ticket"],
    ["prune", "model.pt", "--samples", "22", "--out", "ticket", "--overwrite"],
    ["verify", "ticket"],
    ["info", "ticket"],
    ["certify", "ticket"],
    ["help", "prune"],
    ["bound", "list"],
    ["bound", "all", "--widths", "784,500,10", "--epsilon", "0.1", "--delta", "0.01"],
    ["reproduce", "--list"],
]


def test_quick_examples_do_what_they_say(run, tmp_path, monkeypatch):
    """In the order in which a newcomer reads them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Attack.__init__, "__defaults__", (4, 20, 0))
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    torch.save(network.state_dict(), "model.pt")
    for words in QUICK:
        assert words in EXAMPLES
        code, out, err = run(*words)
        assert code == 0, (words, err)
        assert out


@pytest.mark.parametrize("words", [[], ["help"], ["--help"], ["-h"]])
def test_no_word_and_the_word_help_are_answered_with_help(run, words):
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    assert "Commands:" in out
    assert "prune" in out
    assert "..." not in out.partition("Commands:")[2]  # what commands are for is not cut off


def test_help_of_a_command_by_word(run):
    assert run("help", "bench", "figure") == run("bench", "figure", "--help")
    assert run("bench", "help") == run("bench", "--help")


def test_the_version_is_told(run):
    """Found: no `--version`."""
    code, out, err = run("--version")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == f"strongltn {__version__}"
    assert "certificates of version 2" in out
    assert f"torch {torch.__version__}" in out


MISSPELT = {
    "a command": (["prun"], "'prune'"),
    "a command of a group": (["bench", "figur"], "'figure'"),
    "an option": (["prune", "--epsilom", "1"], "'--epsilon'"),
    "an option of a group": (["--versoin"], "'--version'"),
    "a law": (["prune", "x.pt", "--out", "y", "--law", "Unifrom"], "'uniform'"),
    "a construction": (
        ["prune", "x.pt", "--out", "y", "--construction", "relu-dimond"],
        "'relu-diamond'",
    ),
    "a norm": (["certify", "x", "--norm", "info"], "'inf'"),
    "a schedule": (["search", "edge-popup", "--schedule", "constat"], "'constant'"),
    "a scope": (["search", "edge-popup", "--scope", "layr"], "'layer'"),
    "targets": (
        ["bound", "samples", "--eta", "0.1", "--delta", "0.1", "--targets", "haft"],
        "'half'",
    ),
}


@pytest.mark.parametrize(("words", "near"), MISSPELT.values(), ids=MISSPELT)
def test_a_misspelt_word_is_answered_with_the_nearest(run, words, near):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert f"Did you mean {near}?" in err
    assert err.count("\n") == 1


WRONG = {
    "no such command": (["frobnicate"], "there is no command 'frobnicate'. Commands are prune,"),
    "no such option": (["info", "--frobnicate"], "there is no option '--frobnicate' here. See"),
    "a missing option": (["prune", "x.pt"], "--out is missing: Ticket directory to write."),
    "a missing argument": (["info"], "DIR is missing: A ticket directory."),
    "an argument too many": (["info", "a", "b"], "too many arguments: (b)"),
    "no value": (["prune", "x.pt", "--out"], "'--out' requires an argument"),
    "one value of two": (["prune", "x.pt", "--like", "a"], "'--like' requires 2 arguments"),
    "no integer": (["demo", "--seed", "x"], "--seed must be an integer. Got 'x'."),
    "no number": (["search", "biprop", "--lr", "fast"], "--lr must be a number. Got 'fast'."),
    "too small": (["certify", "x", "--steps", "0"], "--steps must be >= 1. Got '0'."),
    "too large": (["certify", "x", "--steps", "9999999"], "--steps must be <= 1000000. Got"),
    "an endless word": (["demo", "--seed", "x" * 1000], "x..."),
}


@pytest.mark.parametrize(("words", "message"), WRONG.values(), ids=WRONG)
def test_wrong_words_are_one_line_that_says_where_to_look(run, words, message):
    """Found: three lines in a box, and the value was not said."""
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert len(err) < 300


def test_a_mistake_names_the_option_that_was_typed():
    group = typer.Typer(cls=Group)
    seen = {}

    @command(group, "f", examples=("f",))
    def _(
        ctx: typer.Context,
        directory: str = typer.Argument("", metavar="DIR"),
        learning_rate: float = typer.Option(1, "-l", "--lr"),
        samples: int = typer.Option(1, "--samples"),
        seed: int = typer.Option(0, "--seed"),
        seeds: str = typer.Option("", "--seeds"),
        is_list: bool = typer.Option(False, "--list"),
        domain: str = typer.Option("", "--domain"),
    ):
        names = ("learning_rate", "num_samples", "directory", "seed", "list", "radius")
        names += ("other", "ID")
        for name in names:
            seen[name] = str(as_typed(InvalidInputError(name, got=1, allowed="2"), ctx))
        assert {spelled(p) for p in ctx.command.params} == {
            *("DIR", "--lr", "--samples", "--seed", "--seeds", "--list", "--domain")
        }
        raise InvalidInputError("learning_rate", got=1, allowed="2")

    @command(group, "g", examples=("g",))
    def _():
        pass

    with pytest.raises(InvalidInputError, match=r"^--lr must be 2\. Got 1\.$"):
        typer.main.get_command(group)(["f", "--seeds", "1"], standalone_mode=False)
    assert seen == {
        "learning_rate": "--lr must be 2. Got 1.",
        "num_samples": "--samples must be 2. Got 1.",
        "directory": "DIR must be 2. Got 1.",
        "seed": "--seeds must be 2. Got 1.",
        "list": "--list must be 2. Got 1.",
        "radius": "the radius of --domain must be 2. Got 1.",
        "other": "The 'other' parameter must be 2. Got 1.",
        "ID": "ID must be 2. Got 1.",
    }


def test_a_command_needs_an_example():
    with pytest.raises(ValueError, match="at least one example"):
        shown_examples(())


def completions(*words):
    """Return what a shell is told that could stand at the end of a line."""
    line = " ".join(("strongltn", *words))
    environment = {
        **os.environ,
        "_STRONGLTN_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        [sys.executable, "-m", "strongltn"], env=environment, capture_output=True, text=True
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["pr"], ["prune"]),
        (["bench", "su"], ["subset-sum"]),
        (["prune", "--ov"], ["--overwrite"]),
        (["prune", "--law", "g"], ["gaussian"]),
        (["prune", "--construction", "s"], ["single-weight"]),
        (["prune", "--domain", "ba"], ["ball", "ball:"]),
        (["search", "edge"], ["edge-popup"]),
        (["search", "biprop", "--data", "ci"], ["cifar10"]),
        (["search", "biprop", "--model", "lenet-3"], ["lenet-300-100"]),
        (["reproduce", "sample"], ["sample-size"]),
        (["bound", "network", "Natale"], ["Natale2024.Theorem3"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_shells_complete_words_and_values(words, expected):
    """Found: no completion at all."""
    assert completions(*words) == expected


def test_a_completion_script_can_be_shown(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "strongltn", "--show-completion", "bash"],
        capture_output=True,
        text=True,
        # the shell is the one that is named, not the one that started the tests
        env={
            **os.environ,
            "HOME": str(tmp_path),
            "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
        },
    )
    assert done.returncode == 0, done.stderr
    assert "_STRONGLTN_COMPLETE=complete_bash" in done.stdout
    assert re.search(r"^complete .* strongltn$", done.stdout, re.MULTILINE)


def test_completing_asks_for_the_words_when_it_is_asked():
    def words():
        calls.append(1)
        return ["Pensia", "Malach"]

    calls = []
    complete = completing(words)
    assert not calls
    assert [complete(text) for text in ("", "pe", "x")] == [["Pensia", "Malach"], ["Pensia"], []]
