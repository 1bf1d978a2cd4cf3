"""The README runs, and its numbers are those of recorded runs."""

import json
import re
from pathlib import Path

import pytest

import strongltn
from experiments.studies import certificate_tightness, pensia2020_experiment1, pensia2020_tables
from strongltn.recipes.run import read_rows

ROOT = Path(__file__).parents[2]
PAGES = {
    path.relative_to(ROOT): path.read_text(encoding="utf-8")
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "experiments" / "README.md")
    if path.name != "CHANGELOG.md"
}
README = PAGES[Path("README.md")]
BLOCKS = [
    pytest.param(path, block, id=f"{path}-{number}")
    for path, text in sorted(PAGES.items())
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
]


@pytest.mark.parametrize(("path", "block"), BLOCKS)
def test_python_blocks_run(path, block, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # they may write
    exec(compile(block, str(path), "exec"), {})
    says = re.search(re.escape(block) + r"```\n\n```text\n(.*?)```", PAGES[path], re.DOTALL)
    if says:
        assert capsys.readouterr().out == says[1]


def test_the_readme_is_short_and_shows_its_output():
    assert len(README.splitlines()) <= 150
    assert "```text" in README


@pytest.mark.parametrize("path", sorted(PAGES), ids=str)
def test_links_lead_somewhere(path):
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGES[path]):
        if not link.startswith("https://"):
            assert (ROOT / path.parent / link).exists(), link


WAY = ROOT / "docs" / "find-your-way.md"
STEPS = re.findall(r"\]\(([^)]+)\),\s+at\s+`([^`]+)`", WAY.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("link", "code"), STEPS)
def test_the_way_leads_to_one_line(link, code):
    text = (WAY.parent / link).read_text(encoding="utf-8")
    assert sum(code in line for line in text.splitlines()) == 1


def test_the_way_has_three_steps_at_most():
    questions = WAY.read_text(encoding="utf-8").split("\n## ")[1:]
    assert len(STEPS) > len(questions) >= 3
    assert all(question.count("\n4. ") == 0 for question in questions)


def test_the_reference_has_every_public_package():
    pages = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("docs/api/*.rst"))
    shown = re.findall(r"^\.\. automodule:: (\S+)$", pages, re.MULTILINE)
    packages = {f"strongltn.{name}" for name in strongltn._MODULES}
    assert set(shown) == packages | {"strongltn", "strongltn.subset_sum.solvers"}


def readme_table(name):
    """Return the lines of a table, on whichever page it stands."""
    mark = rf"<!-- table: {name} -->\n(.*?)<!-- end of table -->"
    (found,) = (one for text in PAGES.values() for one in re.findall(mark, text, re.DOTALL))
    return found.splitlines()


def test_table_of_experiment_1_is_the_recorded_one():
    record = json.loads(pensia2020_experiment1.RECORD.read_text(encoding="ascii"))
    table = pensia2020_experiment1.markdown_table(record)
    assert readme_table("pensia2020_experiment1") == table


def test_table_of_tightness_is_the_recorded_one():
    rows = certificate_tightness.read(certificate_tightness.RECORD)
    assert readme_table("certificate_tightness") == certificate_tightness.table(rows)


@pytest.mark.parametrize("network", ["fc2", "lenet-5"])
def test_tables_of_experiment_2_are_the_recorded_ones(network):
    rows = [row for path in pensia2020_tables.RECORDS for row in read_rows(path)]
    name = network.replace("-", "")
    table = pensia2020_tables.markdown_table(rows, network)
    assert readme_table(f"pensia2020_experiment2_{name}") == table
    rows += read_rows(pensia2020_tables.LONGER)
    table = pensia2020_tables.log_table(rows, network)
    assert readme_table(f"pensia2020_logs_{name}") == table


def test_options_on_the_pages_exist():
    paths = (ROOT / "strongltn" / "cli").glob("*.py")
    source = "".join(path.read_text(encoding="utf-8") for path in paths)
    others = {"--target", "--install", "--no", "--jobs"}  # of studies, of typer, of pip
    for path, text in PAGES.items():
        if path.name not in ("FORMAT.md", "DESIGN.md", "CONTRIBUTING.md"):
            for option in set(re.findall(r"`?(--[a-z]+)", text)) - others:
                assert f'"{option}"' in source, (path, option)
