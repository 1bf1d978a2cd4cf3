"""What the checks said, as one table of text, as HTML or as an object for JSON."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from typing import Any

from proofs_check.claims.claim import Outcome

_HEADERS = ("claim", "method", "verdict", "evidence", "seconds")
_WIDTHS = (46, 11, 10, 70)

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Claims checked</title><style>
body {{ font: 15px/1.4 sans-serif; margin: 2em auto; max-width: 80em; }}
table {{ border-collapse: collapse; }}
th, td {{ border-bottom: 1px solid #ccc; padding: .4em .7em; }}
th, td {{ text-align: left; vertical-align: top; }}
.unexpected {{ background: #fdd; }}
</style></head><body><h1>Claims checked</h1><p>{summary}</p><table>
<tr>{headers}</tr>
{rows}
</table></body></html>
"""


def table(outcomes: Sequence[Outcome]) -> str:
    """Return one text table: a row a claim, then a line of summary."""
    rule = "  ".join("-" * width for width in (*_WIDTHS, 7))
    lines = ["  ".join(map(str.ljust, _HEADERS, (*_WIDTHS, 7))).rstrip(), rule]
    for outcome in outcomes:
        *texts, seconds = _cells(outcome)
        wrapped = [
            textwrap.wrap(text, width) or [""] for text, width in zip(texts, _WIDTHS, strict=True)
        ]
        for row in range(max(map(len, wrapped))):
            cells = [column[row] if row < len(column) else "" for column in wrapped]
            cells = [cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)]
            lines.append("  ".join([*cells, seconds if row == 0 else ""]).rstrip())
    return "\n".join([*lines, rule, summary(outcomes)])


def page(outcomes: Sequence[Outcome]) -> str:
    """Return the table as one HTML page that stands alone."""
    rows = []
    for outcome in outcomes:
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in _cells(outcome))
        mark = "" if outcome.is_expected else ' class="unexpected"'
        rows.append(f"<tr{mark}>{cells}</tr>")
    headers = "".join(f"<th>{name}</th>" for name in _HEADERS)
    text = html.escape(summary(outcomes))
    return _PAGE.format(summary=text, headers=headers, rows="\n".join(rows))


def record(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the outcomes as an object for JSON."""
    claims = [
        {
            "id": outcome.claim.id,
            "statement": outcome.claim.statement,
            "method": outcome.claim.method,
            "source": outcome.claim.source,
            "is_control": outcome.claim.is_control,
            "verdict": outcome.verdict,
            "evidence": outcome.evidence.summary,
            "confidence": outcome.evidence.confidence,
            "seconds": round(outcome.seconds, 3),
        }
        for outcome in outcomes
    ]
    return {"as_expected": all(outcome.is_expected for outcome in outcomes), "claims": claims}


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return one line: how many verdicts of each kind, and which were not to be expected."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        name = f"{outcome.verdict} (control)" if outcome.claim.is_control else outcome.verdict
        counts[name] = counts.get(name, 0) + 1
    text = ", ".join(f"{count} {name}" for name, count in counts.items())
    seconds = sum(outcome.seconds for outcome in outcomes)
    wrong = ", ".join(outcome.claim.id for outcome in outcomes if not outcome.is_expected)
    end = f"NOT AS EXPECTED: {wrong}" if wrong else "as expected"
    return f"{len(outcomes)} claims in {seconds:.1f} s: {text}; {end}"


def _cells(outcome: Outcome) -> tuple[str, str, str, str, str]:
    claim, evidence = outcome.claim, outcome.evidence
    control = "negative control, must be refuted: " if claim.is_control else ""
    confidence = f" [{evidence.confidence}]" if evidence.confidence else ""
    return (
        f"{claim.id} {control}{claim.statement} ({claim.source})",
        claim.method.value,
        outcome.verdict.value,
        evidence.summary + confidence,
        f"{outcome.seconds:7.2f}",
    )
