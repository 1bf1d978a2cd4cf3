"""Promises of theorems as lines of plain text, from the JSON objects that ``--json`` prints."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from strongltn.report.text import outward

_NOTHING = "-"
_MAX_SHOWN = 30  # characters of a rational


def theorem_lines(report: dict[str, Any]) -> list[str]:
    """Return the table of ``strongltn bound list``."""
    rows = [["theorem", "status", "title"]]
    for group in ("samples", "networks"):
        rows.append([f"on {group}", "", ""])
        rows += [["  " + row["key"], row["status"], row["title"]] for row in report[group]]
    return _table(rows)


def samples_lines(report: dict[str, Any]) -> list[str]:
    """Return the table of ``strongltn bound samples``."""
    question = report["question"]
    radius = "1/2" if question["window"] == "half" else "1"
    lines = [
        f"Samples ({question['law']}) such that every target in [-{radius}, {radius}] is within "
        f"{_six_digits(question['tolerance'])} of a subset sum,",
        f"except with probability {_short(question['failure_probability'])}",
        "",
    ]
    rows = [["theorem", "samples", "failure", "status", "title"]]
    for row in report["theorems"]:
        number, necessary = row["num_samples"], row["necessary_samples"]
        least = _NOTHING if necessary is None else f">= {necessary}"
        cell = least if number is None else f"{number:,}"
        rows.append([row["key"], cell, _chance(row, question), row["status"], row["title"]])
    measured = report["measured"]
    if measured is not None:
        rows.append(["measured", _measured(measured), "", "", _trials(measured)])
    return lines + _table(rows, right=(1, 2)) + _footnotes(report)


def network_lines(report: dict[str, Any]) -> list[str]:
    """Return the table of ``strongltn bound THEOREM``."""
    question = report["question"]
    lines = [
        f"Random networks ({question['law']}) that hold {' - '.join(map(str, question['widths']))} "
        f"within {_short(question['epsilon'])}, except with probability "
        f"{_short(question['failure_probability'])}",
        "",
    ]
    rows = [["theorem", "samples", "widths", "parameters", "failure", "status"]]
    for row in report["theorems"]:
        necessary = row["necessary_parameters"]
        least = _NOTHING if necessary is None else f">= {necessary:,}"
        rows.append(
            [
                row["key"],
                _number(row["num_samples"]),
                " - ".join(map(_number, row["widths"] or [])) or _NOTHING,
                least if row["num_parameters"] is None else _number(row["num_parameters"]),
                _chance(row, question),
                row["status"],
            ]
        )
    return lines + _table(rows, right=(1, 3, 4)) + _footnotes(report)


def _footnotes(report: dict[str, Any]) -> list[str]:
    lines = [""]
    for row in report["theorems"]:
        law = [] if row["source_law"] is None else [f"source: {row['source_law']}"]
        constants = [] if row["constants"] == "explicit" else [row["constants"]]
        notes = [*constants, *law, *row["notes"]]
        if notes:
            lines.append(f"{row['key']}: {'; '.join(notes)}")
    lines += [
        f"{other['key']} does not apply: {'; '.join(other['violations'])}"
        for other in report["not_applicable"]
    ]
    lines += [
        f"{other['key']}: not computed, it would take {_duration(other['seconds'])}"
        for other in report["not_computed"]
    ]
    if "not_measured" in report:
        missing = report["not_measured"]
        lines.append(
            f"not measured: {missing['trials']:,} trials would take "
            f"{_duration(missing['seconds'])}; choose --trials yourself"
        )
    return lines if len(lines) > 1 else []


def _measured(measured: dict[str, Any]) -> str:
    number, upper = measured["num_samples"], measured["upper"]
    last = "?" if upper is None else upper
    return f"{_NOTHING if number is None else number} [{measured['lower']}, {last}]"


def _trials(measured: dict[str, Any]) -> str:
    text = f"{measured['trials']:,} trials, {100 * measured['confidence']:g} % limits; no proof"
    if measured["censored"]:
        return f"{text}; {measured['censored']:,} never covered"
    return text + ("; too few for an upper limit" if measured["upper"] is None else "")


def _chance(row: dict[str, Any], question: dict[str, Any]) -> str:
    """Return a bound rounded upwards; the failure probability that was asked for as it is."""
    chance = row["failure_probability"]
    if chance is None:
        return _NOTHING
    asked = float(Fraction(question["failure_probability"]))
    return f"{chance:g}" if chance == asked else outward(chance, upwards=True)


def _short(text: str) -> str:
    """Return a rational as it is, or about six digits of a long one."""
    if len(text) <= _MAX_SHOWN:
        return text
    exact = Fraction(text)
    return f"{Decimal(exact.numerator) / Decimal(exact.denominator):.6g}"


def _six_digits(value: float | str) -> str:
    """Return a number in six digits; what no float holds is text already."""
    return value if isinstance(value, str) else f"{value:.6g}"


def _duration(seconds: float) -> str:
    """Return about how long that is, in words.

    Examples
    --------
    >>> _duration(40.0), _duration(7200.0), _duration(1e20)
    ('about 40 seconds', 'about 2 hours', 'more than a year')
    """
    if seconds > 365 * 86_400:
        return "more than a year"
    units = (("days", 86_400), ("hours", 3600), ("minutes", 60), ("seconds", 1))
    unit, length = next((u for u in units if seconds >= 2 * u[1]), units[-1])
    return f"about {seconds / length:.0f} {unit}"


def _number(value: int | str | None) -> str:
    """Return an integer; one of many digits with an exponent."""
    if value is None:
        return _NOTHING
    if isinstance(value, str):
        return value
    return f"{value:,}" if value < 10**12 else f"{value:.3e}"


def _table(rows: list[list[str]], *, right: tuple[int, ...] = ()) -> list[str]:
    """Return aligned columns with a line below the first row."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.rjust(width) if k in right else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    return lines
