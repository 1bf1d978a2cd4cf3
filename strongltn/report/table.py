"""A table of text, rendered in Markdown that reads well as text too, and as JSON."""

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
