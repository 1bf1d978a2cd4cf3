"""What a recipe answers: a sentence or two with numbers, and a small table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """A small table of text.

    Attributes
    ----------
    columns : tuple of str
    rows : tuple of tuple of str
        Each as long as `columns`.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @staticmethod
    def of(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
        """Return the table of these cells; None is shown as "-"."""
        texts = (tuple("-" if cell is None else str(cell) for cell in row) for row in rows)
        return Table(tuple(columns), tuple(texts))

    def lines(self) -> list[str]:
        """Return the table in Markdown, its columns aligned so that it reads well as text too.

        Examples
        --------
        >>> print("\\n".join(Table.of(["law", "n"], [["uniform", 37], ["product", None]]).lines()))
        | law     | n  |
        |---------|----|
        | uniform | 37 |
        | product | -  |
        """
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        rule = f"|{'|'.join('-' * (width + 2) for width in widths)}|"
        head, *rest = (
            f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
            for row in (self.columns, *self.rows)
        )
        return [head, rule, *rest]

    def to_json(self) -> dict[str, Any]:
        """Return columns and rows as lists."""
        return {"columns": list(self.columns), "rows": [list(row) for row in self.rows]}


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
