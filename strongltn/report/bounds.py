"""Promises of theorems as lines of plain text, from the JSON objects that ``--json`` prints."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from textwrap import wrap
from typing import Any

from strongltn.report.text import outward

_NOTHING = "-"
_MAX_SHOWN = 30  # characters of a rational
_WIDTH = 100
_PROVED = "proved here"


def theorem_lines(report: dict[str, Any]) -> list[str]:
    """Return the table of ``strongltn bound list``."""
    rows = [["theorem", "status", "source", "title"]]
    for group in ("samples", "networks"):
        rows.append([f"on {group}", "", "", ""])
        rows += [
            ["  " + row["key"], row["status"], re.split("[,:;]", row["source"])[0], row["title"]]
            for row in report[group]
        ]
    return [
        *_table(rows),
        "",
        "strongltn bound show KEY prints one whole, with all its conditions.",
    ]


def show_lines(report: dict[str, Any]) -> list[str]:
    """Return the text of ``strongltn bound show``: the theorem, and what a network meets of it."""
    theorem = report["theorem"]
    lines = [f"{theorem['key']}: {theorem['title']}", ""]
    for label, text in report["statement"]:
        lines += _labelled(label, f"{text}.")
    lines.append("")
    constants = theorem["constants"]
    for label in ("source", "page", "proof"):
        lines += _labelled(label, theorem[label])
    lines += _labelled("constants", constants)
    for text in report["references"]:
        lines += _labelled("reference", text)
    if report["target"] is not None:
        lines += ["", *_target_lines(report["target"], theorem["key"])]
    return lines


def _target_lines(target: dict[str, Any], key: str) -> list[str]:
    lines = [f"The network {target['chain']}:"]
    rows = {True: "met", False: "NOT MET", None: "for you to see to"}
    for finding in target["findings"]:
        found = f" ({finding['found']})" if finding["found"] else ""
        lines += _labelled(rows[finding["holds"]], f"{finding['text']}{found}", width=18)
        if finding["remedy"]:
            lines += _labelled("", f"-> {finding['remedy']}", width=18)
    rescaled = target["rescaled"]
    if rescaled is None:
        return lines
    widths, factor = ",".join(map(str, rescaled["widths"])), f"{rescaled['factor']:g}"
    lines += [
        "",
        *wrap(
            f"So it is at most {factor} times a network of widths {widths} that meets the "
            f"conditions above, with weights up to {rescaled['max_weight']:g}. A promise for that "
            f"one within epsilon / {factor} is one for this one within epsilon, for example "
            "(epsilon 0.1):",
            _WIDTH,
        ),
        f"  strongltn bound {key} --widths {widths} --epsilon {rescaled['epsilon_for_a_tenth']:g} "
        f"--delta 0.01 --max-weight {rescaled['max_weight']:g}",
    ]
    return lines


def samples_lines(report: dict[str, Any]) -> list[str]:
    """Return the table of ``strongltn bound samples``."""
    question = report["question"]
    radius = "1/2" if question["window"] == "half" else "1"
    power = "" if question["dimension"] == 1 else f"^{question['dimension']}"
    lines = wrap(
        f"How many samples ({question['law']}) put every target in [-{radius}, {radius}]{power}, "
        f"all at once, within {_six_digits(question['tolerance'])} of a subset sum, except with "
        f"probability {_short(question['failure_probability'])} over their draw?",
        _WIDTH,
    )
    measured = report["measured"]
    for group in _classes(report["theorems"]):
        rows = [["theorem", "samples", "failure", "status", "title"]]
        for row in group:
            number, necessary = row["num_samples"], row["necessary_samples"]
            least = _NOTHING if necessary is None else f">= {necessary}"
            cell = least if number is None else f"{number:,}"
            rows.append([row["key"], cell, _chance(row, question), row["status"], row["title"]])
        if measured is not None:
            rows.append(["measured", _measured(measured), "", "", _trials(measured)])
            measured = None
        lines += ["", *_class_lines(group[0]), "", *_table(rows, right=(1, 2))]
    return lines + _best(report["theorems"], "num_samples", "samples") + _footnotes(report)


def network_lines(report: dict[str, Any]) -> list[str]:
    """Return the table of ``strongltn bound THEOREM``, one for each class of targets."""
    question = report["question"]
    widths = "-".join(map(str, question["widths"]))
    lines = wrap(
        f"How large must a random network ({question['law']}) be so that some mask brings it "
        f"within {_short(question['epsilon'])} of a target {widths}, except with probability "
        f"{_short(question['failure_probability'])} over its draw?",
        _WIDTH,
    )
    for group in _classes(report["theorems"]):
        rows = [["theorem", "samples", "widths", "parameters", "failure", "status"]]
        for row in group:
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
        lines += ["", *_class_lines(group[0]), "", *_table(rows, right=(1, 3, 4))]
    best = _best(report["theorems"], "num_parameters", "source weights")
    return lines + best + _footnotes(report)


def _classes(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Group theorems that speak of the same targets, inputs and distance."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["class"], []).append(row)
    return list(groups.values())


def _class_lines(row: dict[str, Any]) -> list[str]:
    """Return the conditions that a class of targets is made of, all of them."""
    lines: list[str] = []
    for about in dict.fromkeys(c["about"] for c in row["conditions"] if c["about"] != "source"):
        texts = [c["text"] for c in row["conditions"] if c["about"] == about]
        lines += _labelled(about, "; ".join(texts))
    return lines


def _best(rows: list[dict[str, Any]], size: str, unit: str) -> list[str]:
    """Return which proved promise of each class is the least, where there is a choice."""
    lines = []
    for group in _classes(rows):
        sized = [row for row in group if row["status"] == _PROVED and isinstance(row[size], int)]
        if len(sized) > 1:
            best = min(sized, key=lambda row: int(row[size]))
            lines.append(f"least proved: {_number(best[size])} {unit}, by {best['key']}")
    return ["", *lines] if lines else []


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
    """Return a bound in four digits, rounded upwards once, but never above what was asked for.

    The decimal of the JSON number is not below the bound.
    """
    exact, asked = row["failure_probability_exact"], question["failure_probability"]
    if exact is None:
        return _NOTHING
    rounded = outward(repr(row["failure_probability"]), upwards=True)
    is_above = Fraction(exact) <= Fraction(asked) < Fraction(rounded)
    return _short(asked) if is_above else rounded


def _labelled(label: str, text: str, *, width: int = 11) -> list[str]:
    """Return a paragraph with a label in front of it."""
    lines = wrap(text, _WIDTH - width - 2) or [""]
    return [f"  {label if number == 0 else '':<{width}}{line}" for number, line in enumerate(lines)]


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
