"""The figure of a gadget: one weight, drawn as the neurons that stand in for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from strongltn.figures.style import (
    BLUE,
    GREY,
    MIN_POINTS,
    RED,
    TEXT_POINTS,
    Look,
    add_legend,
    new_figure,
    set_heading,
)
from strongltn.networks import Ticket
from strongltn.storage import write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POSITIVE, _NEGATIVE, _PRUNED = (
    Look(BLUE, "^"),
    Look(RED, "v", "--"),
    Look(GREY, "o", ":", is_open=True),
)
_ROW_INCHES = 0.19  # a neuron of the drawn gadget
_LABELS_FROM, _LABELS_TO = 1.06, 1.86  # where the edges of its second layer make room


def plot_gadget(ticket: Ticket, *, target: float, path: Path, note: str = "") -> list[Path]:
    """Draw the first gadget of a ticket, one input to one output, as a network.

    Parameters
    ----------
    ticket : Ticket
        One pair of source layers, one input, one output; narrow enough to draw.
    target : float
        The target weight.
    path : Path
        Without suffix.
    note : str, optional
        What else the caption says, such as how the ticket was chosen.
    """
    source, mask = ticket.source, ticket.pairs[0]
    hidden = np.arange(source.widths[1])
    zeros = np.zeros_like(hidden)
    first = np.ldexp(source.entries(0, hidden, zeros).astype(np.float64), -24)
    second = np.ldexp(source.entries(1, zeros, hidden).astype(np.float64), -24)
    groups = [np.flatnonzero(sign * first > 0)[: ticket.samples_per_weight] for sign in (1, -1)]
    drawn = np.concatenate(groups)
    heights = np.linspace(1, -1, drawn.size + 1)  # a gap between the two sign groups
    heights = np.delete(heights, groups[0].size)
    figure, (axes,) = new_figure(1, 1, height=_ROW_INCHES * (drawn.size + 3))
    for k, height in zip(drawn, heights, strict=True):
        look = _PRUNED
        if k in mask.hidden:
            look = _POSITIVE if first[k] > 0 else _NEGATIVE
        _draw_neuron(axes, height, look, first=float(first[k]), second=float(second[k]))
    for x, label in ((0, "x"), (3, "y")):
        axes.plot(x, 0, "o", ms=18, color="black", zorder=6)
        axes.text(
            x, 0, label, color="white", ha="center", va="center", fontsize=TEXT_POINTS, zorder=7
        )
    effective = ticket.effective(0)
    scale = 2.0**ticket.output_exponent
    plus = scale * float(effective.plus.to_floats()[0, 0])
    minus = 0.0 if effective.minus is None else -scale * float(effective.minus.to_floats()[0, 0])
    set_heading(
        figure,
        f"{ticket.construction} of one weight w = {target:+.5f}:  "
        f"y = {plus:+.5f} ReLU(x) {-minus:+.5f} ReLU(-x)",
    )
    for look, label in (
        (_POSITIVE, "kept, first weight > 0"),
        (_NEGATIVE, "kept, first weight < 0"),
        (_PRUNED, "pruned"),
    ):
        axes.plot([], [], label=label, **look.style())
    axes.set(xlim=(-0.15, 3.15), ylim=(-1.06, 1.06))
    axes.set_axis_off()
    add_legend(
        figure,
        [axes],
        columns=3,
        caption=[
            "On each edge: first weight × second weight = product; thicker where the weight is "
            f"larger. {hidden.size - drawn.size} surplus neurons, pruned, are not drawn.",
            *([note] if note else []),
        ],
    )
    return write_figure(figure, path)


def _draw_neuron(axes: Axes, height: float, look: Look, *, first: float, second: float) -> None:
    """Draw a neuron with its two edges, the second with its label in a gap."""
    is_kept = look is not _PRUNED
    style: dict[str, Any] = {"color": look.color, "ls": look.dashes, "zorder": 2 if is_kept else 1}
    thin, thick = 0.4 + 1.6 * abs(first), 0.4 + 1.6 * abs(second)
    axes.plot([0, 1], [0, height], lw=thin, **style)
    axes.plot([_LABELS_TO, 3], [height, 0], lw=thick, **style)
    face = look.color if is_kept else "white"
    axes.plot(1, height, look.marker, ms=6, color=look.color, mfc=face, zorder=3)
    axes.text(
        (_LABELS_FROM + _LABELS_TO) / 2,
        height,
        f"{first:+.3f} × {second:+.3f} = {first * second:+.4f}",
        fontsize=MIN_POINTS,
        ha="center",
        va="center_baseline",
        color=look.color,
    )
