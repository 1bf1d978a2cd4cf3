"""The look of every figure: text that can be read in print, and lines that differ without colour.

A figure is made as wide as it is printed: `COLUMN_INCHES` for one column of a paper, `PAGE_INCHES`
for both. No text is smaller than `MIN_POINTS` there. Each curve has a `Look`, which is a colour and
a marker and a dash pattern, so that a grey copy tells the curves apart as well.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Widths in print.
COLUMN_INCHES, PAGE_INCHES = 3.3, 7.0

#: Sizes of text in print: of captions and legends, and of all else.
MIN_POINTS, TEXT_POINTS = 7.0, 8.0

BLUE, ORANGE, GREEN, PURPLE, OLIVE = "#1f5fa8", "#d9731a", "#2b8a5a", "#7a4fa3", "#a8891f"
PINK, TEAL, RED, BLACK, GREY = "#c2478a", "#3aa6a6", "#8a2b2b", "#111111", "#6f6f6f"

Dashes = str | tuple[int, tuple[float, ...]]

DASH_DOT_DOT: Dashes = (0, (6, 1.5, 1, 1.5, 1, 1.5))
LONG_DASHES: Dashes = (0, (9, 2))

_MARKERS_A_LINE = 8
_CHARACTERS_AN_INCH = 18.5  # of a caption
_GAP_INCHES = 0.1
_ARROW_POINTS = 7.0  # from a mark that is beyond the axis to its arrow
_BELOW_LABELS = -0.24  # of the axes' height
_LEGEND: dict[str, Any] = {"fontsize": MIN_POINTS, "handlelength": 3.2, "columnspacing": 1.2}
_BEYOND = "arrow: beyond the axis, drawn at its edge"


@dataclass(frozen=True)
class Look:
    """How one curve or cloud of points is drawn.

    Attributes
    ----------
    color : str
    marker : str
        The marker, as matplotlib writes it; "" for none.
    dashes : str or tuple
        Line style of matplotlib; "" for points without a line.
    is_open : bool
        Whether the markers are empty.
    size : float
        The size of the markers, in points.
    width : float
        The width of the line, in points.
    """

    color: str
    marker: str = ""
    dashes: Dashes = "-"
    is_open: bool = False
    size: float = 4.0
    width: float = 1.2

    def style(self) -> dict[str, Any]:
        """Return the keywords of ``Axes.plot``."""
        return {
            "color": self.color,
            "marker": self.marker,
            "ls": self.dashes or "none",
            "mfc": "none" if self.is_open else self.color,
            "ms": self.size,
            "lw": self.width,
        }


#: Eight looks, any two of which differ in marker and in dashes.
LOOKS = (
    Look(BLUE, "o", "-"),
    Look(ORANGE, "s", "--"),
    Look(GREEN, "^", "-."),
    Look(PURPLE, "D", DASH_DOT_DOT),
    Look(OLIVE, "v", LONG_DASHES),
    Look(PINK, "P", (0, (3, 1))),
    Look(TEAL, "X", (0, (1, 1))),
    Look(RED, "<", (0, (4, 1, 1, 1))),
)

#: What is measured: black points, with bars where the limits are known.
MEASURED = Look(BLACK, "o", "", size=3.5)

#: What is proved to be necessary: nothing can lie on its other side.
NECESSARY = Look(BLACK, "", ":", width=1.8)


def new_figure(
    rows: int,
    columns: int,
    *,
    height: float,
    width: float = PAGE_INCHES,
    sharey: bool = False,
) -> tuple[Figure, list[Axes]]:
    """Return a figure without window or global state, and its axes row by row.

    Parameters
    ----------
    rows, columns : int
    height, width : float
        In print, in inches.
    sharey : bool
        Whether all axes have one vertical scale.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(rows, columns, squeeze=False, sharey=sharey).flat)
    for one in axes:
        one.grid(visible=True, which="major", alpha=0.3)
        one.tick_params(which="both", labelsize=TEXT_POINTS)
        for axis in (one.xaxis, one.yaxis):
            axis.label.set_size(TEXT_POINTS)
            axis.get_offset_text().set_size(TEXT_POINTS)
    return figure, axes


def set_title(axes: Axes, text: str) -> None:
    """Say above the axes what they show."""
    axes.set_title(text, fontsize=TEXT_POINTS)


def set_heading(figure: Figure, text: str) -> None:
    """Say above all axes what they have in common; long text is wrapped."""
    width = int(figure.get_size_inches()[0] * _CHARACTERS_AN_INCH * MIN_POINTS / (TEXT_POINTS + 1))
    figure.suptitle(textwrap.fill(text, width), fontsize=TEXT_POINTS + 1)


def whole_ticks(axes: Axes) -> None:
    """Put the ticks of the horizontal axis at integers."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def draw_line(
    axes: Axes,
    x: Sequence[float],
    y: Sequence[float],
    look: Look,
    *,
    label: str,
    between: tuple[float, float] | None = None,
    shift: float = 0.0,
    markers: int = _MARKERS_A_LINE,
) -> None:
    """Draw a curve with a handful of markers, or a cloud of points where the look has no line.

    Parameters
    ----------
    axes : Axes
    x, y : sequence of float
        Nothing is drawn where they are empty.
    look : Look
    label : str
        What the legend calls the line.
    between : (lowest, highest), optional
        What lies beyond is drawn there, with an arrow that the legend explains.
    shift : float
        To the right, in points, for curves that would cover one another.
    markers : int
        How many points have one, at most.
    """
    from matplotlib.transforms import ScaledTranslation

    if not len(x):
        return
    low, high = between or (-float("inf"), float("inf"))
    shown = [min(max(value, low), high) for value in y]
    inches = axes.figure.dpi_scale_trans
    moved = axes.transData + ScaledTranslation(shift / 72, 0, inches)
    step = max(1, -(-len(x) // max(markers, 1))) if look.dashes else 1
    (line,) = axes.plot(x, shown, label=label, markevery=step, **look.style())
    line.set_transform(moved)  # after the limits of the axes have learnt the numbers themselves
    for sign in (1, -1):
        at = [k for k, value in enumerate(y) if (value > high if sign > 0 else value < low)]
        if at:
            (arrows,) = axes.plot(
                [x[k] for k in at],
                [shown[k] for k in at],
                ls="none",
                marker=r"$\uparrow$" if sign > 0 else r"$\downarrow$",
                color=look.color,
                ms=6,
                mew=0.2,
                label=_BEYOND,
                clip_on=False,
            )
            away = ScaledTranslation(0, sign * _ARROW_POINTS / 72, inches)
            arrows.set_transform(moved + away)


def draw_limits(
    axes: Axes,
    x: Sequence[float],
    y: Sequence[float],
    limits: Sequence[tuple[float, float]],
    look: Look = MEASURED,
    *,
    label: str,
) -> None:
    """Draw points with a bar from the lower to the upper limit of each."""
    if not len(x):
        return
    below = [value - low for value, (low, _) in zip(y, limits, strict=True)]
    above = [high - value for value, (_, high) in zip(y, limits, strict=True)]
    axes.errorbar(
        x,
        y,
        yerr=[below, above],
        label=label,
        capsize=2,
        elinewidth=0.8,
        zorder=5,
        **look.style(),
    )


def add_own_legends(axes: Iterable[Axes], *, columns: int) -> None:
    """Put below each of the axes, which stand side by side, a legend of its own."""
    for one in axes:
        one.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, _BELOW_LABELS),
            borderaxespad=0,
            ncols=columns,
            **_LEGEND,
        )


def add_legend(
    figure: Figure, axes: Iterable[Axes], *, columns: int, caption: Iterable[str] = ()
) -> None:
    """Put one legend for all axes below them, and below it a caption.

    Parameters
    ----------
    figure : Figure
    axes : iterable of Axes
        Each label appears once, also where several axes have it.
    columns : int
        How many columns the legend has.
    caption : iterable of str
        Paragraphs, such as the conditions under which proved curves hold. They are wrapped.

    Notes
    -----
    The figure becomes higher by what is added, so that the axes keep their size.
    """
    width, height = figure.get_size_inches()
    lines = [
        line for text in caption for line in textwrap.wrap(text, int(width * _CHARACTERS_AN_INCH))
    ]
    below = 0.0
    if lines:
        text = figure.text(0.01, 0.005, "\n".join(lines), fontsize=MIN_POINTS, va="bottom")
        text.set_in_layout(False)  # the room of both is reserved here
        below = text.get_window_extent().height / figure.dpi + _GAP_INCHES
    handles: dict[str, Any] = {}
    for one in axes:
        for handle, label in zip(*one.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    room, legend = below, None
    if handles:
        legend = figure.legend(
            list(handles.values()),
            list(handles),
            loc="lower center",
            borderaxespad=0,
            ncols=columns,
            **_LEGEND,
        )
        legend.set_in_layout(False)
        room += legend.get_window_extent().height / figure.dpi + _GAP_INCHES
    figure.set_size_inches(width, height + room)
    share = room / (height + room)
    engine: Any = figure.get_layout_engine()
    engine.set(rect=(0, share, 1, 1 - share))
    if legend is not None:
        legend.set_bbox_to_anchor((0.5, below / (height + room)))
