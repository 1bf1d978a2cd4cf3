"""The nearest known word is suggested for one that was misspelt."""

import pytest

from strongltn.errors import suggestion

KNOWN = ["relu-diamond", "linear-diamond", "single-weight", "Pensia2020.Theorem1", "uniform"]


@pytest.mark.parametrize(
    ("got", "meant"),
    [
        ("relu-diamnod", "relu-diamond"),
        ("RELU_DIAMOND", "relu-diamond"),
        ("pensia2020.theorem", "Pensia2020.Theorem1"),
        ("pens", "Pensia2020.Theorem1"),
        ("uniformly", "uniform"),
    ],
)
def test_a_misspelt_word_is_answered_with_the_nearest(got, meant):
    assert suggestion(got, KNOWN).startswith(f"Did you mean {meant!r}")


@pytest.mark.parametrize(
    "got", ["", "u", "fermat", "normal", 3, None, b"uniform", "uniform" * 100, "\n"]
)
def test_what_is_near_to_nothing_has_no_suggestion(got):
    assert suggestion(got, KNOWN) == ""
    assert suggestion(got, []) == ""


def test_several_are_named_in_one_question():
    known = ["aa1", "aa2", "aa3", "aa4"]
    assert suggestion("aa", known).count("aa") == 3
    assert " or " in suggestion("aa", known)
