"""The README runs, and its numbers are those of recorded runs."""

import json
import re
from pathlib import Path

import pytest

from experiments.studies import certificate_tightness, pensia2020_experiment1, pensia2020_tables
from strongltn.recipes.run import read_rows

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_python_blocks_run(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # they may write
    exec(compile(block, "README.md", "exec"), {})


def readme_table(name):
    found = re.search(rf"<!-- table: {name} -->\n(.*?)<!-- end of table -->", README, re.DOTALL)
    assert found is not None
    return found[1].splitlines()


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


def test_options_in_the_readme_exist():
    paths = (ROOT / "strongltn" / "cli").glob("*.py")
    source = "".join(path.read_text(encoding="utf-8") for path in paths)
    for option in set(re.findall(r"`?(--[a-z]+)", README)) - {"--target", "--install"}:
        assert f'"{option}"' in source, option
