"""The figure of a report: time per instance against n, for every solver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strongltn.bench.audit import Claim
from strongltn.figures.style import (
    LOOKS,
    Look,
    add_legend,
    add_own_legends,
    draw_line,
    new_figure,
    set_heading,
    set_title,
    whole_ticks,
)
from strongltn.storage import write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OURS = LOOKS
_PEERS = tuple(replace(look, is_open=True) for look in LOOKS)


def plot_times(report: dict[str, Any], path: Path) -> list[Path]:
    """Draw CPU time per instance against n; return the files.

    Left the least error, ours and the peers' (empty markers; default and tight tolerances); right
    all other questions. Products where ours has both laws; peers have the uniform law.

    Parameters
    ----------
    report : dict
        From `last_report`.
    path : Path
        Without suffix.
    """
    figure, (left, right) = new_figure(1, 2, height=4.6, sharey=True)
    ours = [row for row in report["contestants"] if row["law"] == "products"]
    is_exact = [row["claim"] == Claim.LEAST_ERROR.value for row in ours]
    exact = [row for row, found in zip(ours, is_exact, strict=True) if found]
    _draw(left, exact, _OURS)
    exact_peers = [row for row in report["peers"] if row["claim"] == Claim.LEAST_ERROR.value]
    _draw(left, exact_peers, _PEERS)
    others = [row for row, found in zip(ours, is_exact, strict=True) if not found]
    _draw(right, others, (*_OURS, *_PEERS))
    set_title(left, "least error over all subsets")
    set_title(right, "other questions")
    for axes in (left, right):
        axes.set_yscale("log")
        whole_ticks(axes)
        axes.set_xlabel("samples n")
        axes.set_ylabel("CPU seconds per instance, one core")
    machine = report["machine"]
    set_heading(figure, f"{machine['cpu']}, {machine['isa']}, {report['date'][:10]}")
    add_own_legends((left, right), columns=2)
    add_legend(
        figure,
        (),
        columns=1,
        caption=[
            "Samples are products of two uniforms where both laws were timed. Left, empty markers: "
            "general solvers, uniform samples."
        ],
    )
    return write_figure(figure, path)


def _draw(axes: Axes, rows: list[dict[str, Any]], looks: Sequence[Look]) -> None:
    """Draw one line for each name."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        curves.setdefault(_label(row), []).append((row["n"], row["cpu_seconds"]))
    for k, (label, points) in enumerate(curves.items()):
        sizes, seconds = zip(*sorted(points), strict=True)
        draw_line(axes, sizes, seconds, looks[k % len(looks)], label=label)


def _label(row: dict[str, Any]) -> str:
    if "settings" in row:
        return f"{row['name']}, {row['settings']}"
    return str(row["name"]) + ("" if row["tolerance"] is None else f", {row['tolerance']:g}")
