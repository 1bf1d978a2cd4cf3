"""The picture of the house in DESIGN.md is the one that the imports give."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def house():
    spec = importlib.util.spec_from_file_location("house", ROOT / "docs" / "house.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_is_drawn_from_the_imports(house):
    written = house.PICTURE.read_text(encoding="utf-8")
    assert house.picture() == written, "run: python docs/house.py"


def test_arrows_that_follow_from_others_are_left_out(house):
    graph = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert house.reduced(graph) == {"a": {"b"}, "b": {"c"}, "c": set()}
    assert house.floors(house.reduced(graph)) == [["c"], ["b"], ["a"]]


def test_every_room_says_what_it_is_for(house):
    assert all(house.rooms().values())
