"""The report for people: one table for each question, so that no column mixes two of them."""

from __future__ import annotations

from io import StringIO
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from strongltn.bench.audit import Claim
from strongltn.bench.workload import LAWS

_WIDTH = 120


def report_lines(report: dict[str, Any]) -> list[str]:
    """Return the lines to print."""
    console = Console(file=StringIO(), width=_WIDTH)
    machine = report["machine"]
    console.print(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['isa']}, load {machine['load']} "
        f"before; {report['date']}; "
        f"{'quick, ' if report['is_quick'] else ''}{report['seconds']:.0f} s"
    )
    for claim in Claim:
        for law in LAWS:
            title = f"{claim.value}: {law}"
            wanted = {"claim": claim.value, "law": law}.items()
            ours = [row for row in report["contestants"] if wanted <= row.items()]
            peers = [row for row in report["peers"] if wanted <= row.items()]
            if ours:
                console.print(_ours(title, ours))
            if peers:
                console.print(_peers(f"{title}, peers", peers))
    if report["peers_not_installed"]:
        console.print(f"not installed: {', '.join(report['peers_not_installed'])}")
    console.print(_legend(report))
    for line in _headlines(report):
        console.print(line, highlight=False)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return [line.rstrip() for line in text.splitlines()]


def _legend(report: dict[str, Any]) -> str:
    first_calls = sum(row["first_call_seconds"] for row in report["contestants"])
    peers = ""
    if report["peers"]:
        peers = (
            "; those of peers are medians over instances, one thread each, with the limit of "
            f"{report['peer_effort']['limit_seconds']:g} s as the wall time of a time-out"
        )
    return (
        "CPU time of one core and rates are medians per instance over rounds in which every "
        f"contestant has its turn{peers}. Drawing and model building are not in them, nor first "
        f"calls, which compile or load what is compiled: {first_calls:.1f} s in all. 'floor': CPU "
        "time over that of the compare-exchanges of the merges at 32 bits. 'right': of the rows "
        "checked, by a separate exact search. 'error': the median."
    )


def _headlines(report: dict[str, Any]) -> list[str]:
    lines = []
    for row in report["headline"]:
        rates = f"{_rate(row['rate_per_core'])} instances/s on one core, by CPU time"
        rates += f", {_rate(row['rate_all_cores'])} on all cores, by the clock"
        ratios = "; ".join(
            f"{peer['name']}, {peer['settings']}: {_ratio(peer)}" for peer in row["peers"]
        )
        lines.append(
            f"{row['law']}, n = {row['n']}: {rates}; {row['times_floor']:.1f} x floor; "
            f"{row['right']} of {row['checked']} exact"
            + (f". CPU time of peers over ours: {ratios}" if ratios else "")
        )
    return lines


def _table(title: str, columns: list[str]) -> Table:
    table = Table(title=title, box=box.SIMPLE, title_justify="left", pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=True)
    return table


def _ours(title: str, rows: list[dict[str, Any]]) -> Table:
    columns = ["", "n", "instances", "CPU us", "/s, one core", "/s, all", "floor"]
    table = _table(title, [*columns, "right", "error"])
    for row in rows:
        tolerance = "" if row["tolerance"] is None else f", {row['tolerance']:g}"
        table.add_row(
            row["name"] + tolerance,
            str(row["n"]),
            f"{row['instances']:,}",
            f"{1e6 * row['cpu_seconds']:,.3f}",
            _rate(row["rate_per_core"]),
            _rate(row["rate_all_cores"]),
            "-" if row["times_floor"] is None else f"{row['times_floor']:.1f}",
            f"{row['right']}/{row['checked']}" if row["checked"] else "-",
            _short(row["median_error"]),
        )
    return table


def _peers(title: str, rows: list[dict[str, Any]]) -> Table:
    columns = ["", "settings", "n", "instances", "CPU s", "wall s", "build s", "time-outs"]
    table = _table(title, [*columns, "claimed", "and right", "right", "ratio"])
    for row in rows:
        table.add_row(
            row["name"],
            row["settings"],
            *(str(row[key]) for key in ("n", "instances")),
            *(_short(row[key]) for key in ("cpu_seconds", "wall_seconds", "build_seconds")),
            *(str(row[key]) for key in ("timeouts", "claimed", "claimed_and_right", "right")),
            _ratio(row),
        )
    return table


def _rate(number: float | None) -> str:
    if number is None:
        return "-"
    rounded = float(f"{number:.3g}")
    return f"{rounded:,.0f}" if rounded >= 1000 else f"{rounded:g}"


def _ratio(row: dict[str, Any]) -> str:
    return (">" if row["is_ratio_lower"] else "") + _short(row["ratio"])


def _short(number: float | None) -> str:
    return "-" if number is None else f"{number:.2g}"
