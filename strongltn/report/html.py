"""A small table of what a value says of itself, for notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape


def html_table(title: str, rows: Mapping[str, str]) -> str:
    """Return a table of two columns below a title; whatever the texts hold, it stays text.

    Examples
    --------
    >>> "a &lt; b" in html_table("Ticket", {"proved": "a < b"})
    True
    """
    cells = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(text)}</td></tr>"
        for name, text in rows.items()
    )
    return f"<table><caption>{escape(title)}</caption><tbody>{cells}</tbody></table>"
