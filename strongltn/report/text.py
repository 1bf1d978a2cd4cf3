"""Reports as lines of plain text, from the same JSON objects that ``--json`` prints."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from pathlib import Path
from textwrap import wrap
from typing import Any


def outward(value: float | Decimal | str | None, *, upwards: bool, digits: int = 4) -> str:
    """Return a bound in a few digits, rounded so that the text is a bound as well.

    Bounds beyond the largest double are decimals, or text where they were read from JSON.

    Examples
    --------
    >>> outward(0.123449, upwards=True), outward(0.123451, upwards=False)
    ('0.1235', '0.1234')
    >>> outward("1.23449e+400", upwards=True), outward(None, upwards=True)
    ('1.235e+400', '-')
    """
    if value is None:
        return "-"
    rounding = ROUND_CEILING if upwards else ROUND_FLOOR
    rounded = Context(prec=digits, rounding=rounding).plus(Decimal(value))
    as_float = float(rounded)
    if math.isinf(as_float) and rounded.is_finite():
        return f"{rounded:.{digits}g}"
    return f"{as_float:.{digits}g}"


_CELLS: tuple[Callable[[dict[str, Any]], str], ...] = (
    lambda row: row["construction"],
    lambda row: str(row["samples_per_weight"]),
    lambda row: f"{row['source_weights']:,}",
    lambda row: f"{row['kept_weights']:,}",
    lambda row: outward(row["max_weight_error"], upwards=True),
    lambda row: f"{100 * row['accuracy']:.2f} %",
    lambda row: outward(row["empirical_error"], upwards=False),
    lambda row: outward(row["certified_error"], upwards=True),
    lambda row: row["verdict"],
    lambda row: f"{row['seconds']['total'] - row['seconds']['compiling']:.1f}",
)


def prune_lines(report: dict[str, Any], *, directory: Path) -> list[str]:
    """Return the report of ``strongltn prune``."""
    lines = [
        f"{report['construction']} ticket for {report['target_weights']:,} weights in {directory}",
        *_reading_lines(report),
        f"  source        {_widths(report)}",
        _weights(report),
        f"  mask          keeps {report['kept_weights']:,} of them, "
        f"{report['kept_weights'] / report['target_weights']:.2f} for each target weight",
        f"  samples       {report['samples_per_weight']} for each subset sum; the source is wide "
        f"enough except with probability {report['width_failure_probability']:g}",
        f"  weight error  at most {outward(report['max_weight_error'], upwards=True)}, "
        f"tolerance {report['tolerance']:.3g}{_estimated(report)}",
    ]
    if any(report["scale_exponents"]):
        lines.append(f"  scales        layers divided by 2^k, k = {report['scale_exponents']}")
    lines += certificate_lines(report)
    seconds = ", ".join(
        f"{name} {value:.2f}"
        for name, value in report["seconds"].items()
        if value or name != "compiling"
    )
    lines.append(f"  seconds       {seconds}")
    for group in report["short_groups"][:10]:
        lines.append(
            f"  SHORT GROUP   layer {group['layer']}, input {group['input']}, "
            f"sign {group['sign']:+d}: only {group['num_members']} members"
        )
    lines += [f"  WARNING       {warning}" for warning in report["warnings"]]
    if report["unreached_weights"]:
        lines += _unreached_lines(report)
    epsilon = report["epsilon"]
    if epsilon is not None:
        verdict = "within" if report["certified_error"] <= epsilon else "NOT within"
        lines.append(f"  {verdict} epsilon = {epsilon:g}")
    return lines


def certificate_lines(report: dict[str, Any]) -> list[str]:
    """Return the two-sided bound of a report, and what every method gives."""
    lower, upper = report["empirical_error"], report["certified_error"]
    least, most = outward(lower, upwards=False), outward(upper, upwards=True)
    above, below = float(upper), float(lower)
    is_known = below > 0 and math.isfinite(above) and math.isfinite(above / below)
    ratio = f", ratio {above / below:.2f}" if is_known else ""
    name = "sup|f - g|" if report["output_norm"] == 2 else "sup|f - g|_inf"
    methods = ", ".join(
        f"{method}\N{NO-BREAK SPACE}{outward(value, upwards=True)}"
        for method, value in report.get("certified_error_by_method", {}).items()
    )
    margin = " " * 16
    lines = wrap(methods, 84, break_on_hyphens=False)
    return [
        f"  {name:<13} in [{least}, {most}] on {report['domain']}{ratio}",
        *(margin + line.replace("\N{NO-BREAK SPACE}", " ") for line in lines),
    ]


def info_lines(report: dict[str, Any]) -> list[str]:
    """Return the report of ``strongltn info``."""
    lines = [
        f"{report['construction']} ticket",
        f"  target        {' - '.join(map(str, report['target_widths']))}, "
        f"{report['target_weights']:,} weights",
        *_reading_lines(report),
        f"  source        {_widths(report)}",
        _weights(report),
        f"  mask          keeps {report['kept_weights']:,}",
        f"  samples       {report['samples_per_weight']} for each subset sum",
    ]
    if not report["certificates"]:
        return [*lines, "  no certificate: run strongltn certify"]
    for certificate in report["certificates"]:
        lines += [
            *certificate_lines(certificate),
            f"  methods       {', '.join(certificate['methods'])}",
        ]
    return [*lines, "  (run strongltn verify to check)"]


def demo_lines(report: dict[str, Any]) -> list[str]:
    """Return the table of ``strongltn demo``."""
    target = report["target"]
    header = ["ticket", "samples", "source", "kept", "worst weight error", "accuracy"]
    header += ["empirical error", "certified error", "verdict", "seconds"]
    name = "target " + "-".join(map(str, target["widths"]))
    accuracy, seconds = f"{100 * target['accuracy']:.2f} %", f"{target['seconds']:.1f}"
    rows = [
        header,
        [name, "", "", f"{target['weights']:,}", "", accuracy, "", "", "", seconds],
        *([format_(row) for format_ in _CELLS] for row in report["tickets"]),
    ]
    widths = [max(len(row[k]) for row in rows) for k in range(len(header))]
    table = [
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    table.insert(1, "-" * max(map(len, table)))
    notes = [
        "",
        f"Errors are sup ||f(x) - g(x)|| over all x in {report['domain']}, where all images lie;",
        f"accuracy is the pruned random network's own, on {target['num_test_images']} test images.",
        *_compiling(sum(row["seconds"]["compiling"] for row in report["tickets"])),
        *(f"figure: {path}" for path in report["figures"]),
    ]
    return table + notes


def _compiling(seconds: float) -> list[str]:
    if not seconds:
        return []
    return [f"Compiling the loops, once on this machine, took {seconds:.1f} s, in no row above."]


def _unreached_lines(report: dict[str, Any]) -> list[str]:
    number = report["unreached_weights"]
    lines = [
        f"  UNREACHED     {number:,} of {report['target_weights']:,} weights: no subset of their "
        f"{report['samples_per_weight']} samples is within {report['tolerance']:.3g}; the worst:"
    ]
    lines += [
        f"                {weight['name']} = {weight['value']:.6g}, off by {weight['error']:.3g}"
        for weight in report["worst_unreached"]
    ]
    if report["is_tolerance_estimated"]:
        lines.append("                That does not decide: the certified error does.")
    else:
        lines.append("                Try more samples or a larger tolerance.")
    return lines


def _estimated(report: dict[str, Any]) -> str:
    return ", an estimate from epsilon" if report["is_tolerance_estimated"] else ""


def _weights(report: dict[str, Any]) -> str:
    return (
        f"                {report['source_weights']:,} random weights, law {report['law']}, "
        f"seed {report['seed']}"
    )


def _reading_lines(report: dict[str, Any]) -> list[str]:
    """Return the network as read, and what was assumed of it."""
    lines = [report["target_chain"], *wrap(ascii(report["target_reading"])[1:-1], 84)]
    return [f"  {'' if i else 'network':<14}{line}" for i, line in enumerate(lines)]


def _widths(report: dict[str, Any]) -> str:
    return " - ".join(f"{width:,}" for width in report["source_widths"])
