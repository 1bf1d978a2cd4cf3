"""The figure of a report: time per instance against n, for every solver."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from strongltn.bench.audit import Claim
from strongltn.storage import write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLORS = (
    *("#1f5fa8", "#b5562b", "#2b8a5a", "#7a4fa3", "#a8891f", "#5a5a5a", "#c2478a", "#3aa6a6"),
    *("#8a2b2b", "#4b6b1f", "#26415f", "#d98a3a", "#111111"),
)


def plot_times(report: dict[str, Any], path: Path) -> list[Path]:
    """Draw CPU time per instance against n; return the files.

    Left the least error, ours and the peers' (dashed; default and tight tolerances); right all
    other questions. Products where ours has both laws; peers have the uniform law.

    Parameters
    ----------
    report : dict
        From `last_report`.
    path : Path
        Without suffix.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5.2), layout="constrained")
    FigureCanvasAgg(figure)  # no window, no global state
    left, right = figure.subplots(1, 2, sharey=True)
    ours = [row for row in report["contestants"] if row["law"] == "products"]
    is_exact = [row["claim"] == Claim.LEAST_ERROR.value for row in ours]
    _draw(left, [row for row, exact in zip(ours, is_exact, strict=True) if exact], "-o")
    exact_peers = [row for row in report["peers"] if row["claim"] == Claim.LEAST_ERROR.value]
    _draw(left, exact_peers, "--s", first_color=5)
    _draw(right, [row for row, exact in zip(ours, is_exact, strict=True) if not exact], "-o")
    left.set_title("least error over all subsets")
    right.set_title("other questions")
    left.set_ylabel("CPU seconds per instance, one core")
    for axes in (left, right):
        axes.set_yscale("log")
        axes.set_xlabel("samples n")
        axes.grid(visible=True, which="major", alpha=0.3)
        axes.legend(fontsize=7, ncols=2)
    machine = report["machine"]
    figure.suptitle(f"{machine['cpu']}, {machine['isa']}, {report['date'][:10]}", fontsize=9)
    return write_figure(figure, path)


def _draw(axes: Axes, rows: list[dict[str, Any]], style: str, first_color: int = 0) -> None:
    """Draw one line for each name."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        curves.setdefault(_label(row), []).append((row["n"], row["cpu_seconds"]))
    for index, (label, points) in enumerate(curves.items()):
        sizes, seconds = zip(*sorted(points), strict=True)
        color = _COLORS[(first_color + index) % len(_COLORS)]
        axes.plot(sizes, seconds, style, color=color, ms=4, lw=1.3, label=label)


def _label(row: dict[str, Any]) -> str:
    if "settings" in row:
        return f"{row['name']}, {row['settings']}"
    return str(row["name"]) + ("" if row["tolerance"] is None else f", {row['tolerance']:g}")
