"""Charts: one look for all figures of the theory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE, OLIVE = "#1f5fa8", "#b5562b", "#2b8a5a", "#7a4fa3", "#a8891f"
PINK, TEAL, RED, BLACK, GREY = "#c2478a", "#3aa6a6", "#8a2b2b", "#111111", "#8a8a8a"


def new_chart(rows: int, columns: int, *, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """Return a figure without window or global state, and its axes row by row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    for one in axes.flat:
        one.grid(visible=True, which="major", alpha=0.3)
    return figure, list(axes.flat)


def whole_ticks(axes: Axes) -> None:
    """Put the ticks of the horizontal axis at integers."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def add_legend(figure: Figure, axes: list[Axes], *, columns: int) -> None:
    """Put one legend for all axes below them, each label once: never over the data."""
    handles: dict[str, Any] = {}
    for one in axes:
        for handle, label in zip(*one.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=columns, fontsize=8
    )
