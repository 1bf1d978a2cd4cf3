"""What a recipe answers: a sentence or two with numbers, and a small table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strongltn.report.table import Table


@dataclass(frozen=True)
class Answer:
    """What the rows of a recipe say to its question.

    Attributes
    ----------
    holds : bool or None
        Whether what the recipe puts to the test is so in these rows; None where they cannot tell.
    verdict : str
        A sentence or two with the numbers. It begins with "Yes", "No" or "Undecided" where the
        question asks for that.
    table : Table
    """

    holds: bool | None
    verdict: str
    table: Table


def listed(items: Sequence[str], *, most: int = 4) -> str:
    """Return the first few of them with commas, and how many more there are.

    Examples
    --------
    >>> listed(["a", "b", "c"], most=2), listed(["a"])
    ('a, b and 1 more', 'a')
    """
    shown = ", ".join(items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"
