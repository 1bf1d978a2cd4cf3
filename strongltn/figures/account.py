"""The figure of an account: certified and empirical error, layer by layer and by the radius."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from strongltn.figures.style import (
    BLACK,
    BLUE,
    COLUMN_INCHES,
    DASH_DOT_DOT,
    GREEN,
    LONG_DASHES,
    LOOKS,
    OLIVE,
    ORANGE,
    PAGE_INCHES,
    PURPLE,
    TEAL,
    Look,
    add_legend,
    draw_line,
    new_figure,
    set_title,
)
from strongltn.storage import write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAX_DRAWN = 1e150  # ticks go far beyond what is drawn
_ATTACK = "found by an attack"
_METHODS = {
    "spectral-triangle": Look(ORANGE, "^", "--"),
    "centre-split": Look(OLIVE, "v", LONG_DASHES, is_open=True, size=7.0),
    "differential-interval": Look(PURPLE, "s", "-."),
    "backward-differential": Look(BLUE, "o"),
    "input-splitting": Look(TEAL, "P", (0, (3, 1))),
    "quadratic": Look(GREEN, "D", DASH_DOT_DOT),
    _ATTACK: Look(BLACK, "x", ":", size=5.0),
}
_MOST_LEVEL_NAMES = 4  # more names of layers stand upright


def plot_account(report: dict[str, Any], curve: list[dict[str, Any]], *, path: Path) -> list[Path]:
    """Draw certified and empirical error layer by layer, and against the radius of the domain.

    Parameters
    ----------
    report : dict
        What ``strongltn certify --json`` prints.
    curve : list of dict
        Rows of `radius_curve`; without any, only the left half is drawn.
    path : Path
        Its suffix does not matter.
    """
    columns = 2 if curve else 1
    width = PAGE_INCHES if curve else 1.3 * COLUMN_INCHES
    figure, axes = new_figure(1, columns, height=3.2, width=width)
    layers = report["layers"]
    left = axes[0]
    _draw_errors(
        left,
        list(range(len(layers))),
        [layer["difference"] for layer in layers],
        found=[layer["empirical_error"] for layer in layers],
    )
    names = [f"{k + 1}\n“{_label(layer['name'])}”" for k, layer in enumerate(layers)]
    left.set_xticks(range(len(layers)), names)
    if len(layers) > _MOST_LEVEL_NAMES:
        left.set_xticks(range(len(layers)), [name.replace("\n", " ") for name in names])
        left.tick_params("x", labelrotation=90)
    left.set_xlim(-0.4, len(layers) - 0.6)
    left.set_xlabel("after layer: number, “name in the target”")
    last = "" if report["output_norm"] == 2 else "\n(at the end the largest coordinate)"
    left.set_ylabel(f"sup of the difference, Euclidean norm{last}")
    set_title(left, f"layer by layer, on {report['domain']}")
    if curve:
        _draw_errors(
            axes[1],
            [row["radius"] for row in curve],
            [row["certified_error_by_method"] for row in curve],
            found=[row["empirical_error"] for row in curve],
        )
        axes[1].set_xscale("log")
        axes[1].set_xlabel("radius of the domain")
        norm = "Euclidean norm" if report["output_norm"] == 2 else "largest coordinate"
        axes[1].set_ylabel(f"sup of f - g, {norm}")
        set_title(axes[1], "against the radius")
    caption = "Every curve but the attack's is a proved upper bound, and the attack's a lower one."
    add_legend(figure, axes, columns=3 if curve else 2, caption=[caption])
    return write_figure(figure, path)


def _label(name: str) -> str:
    """Return a name of the user's as matplotlib draws it: no formulas, no control characters."""
    text = name if name.isprintable() else ascii(name)[1:-1]
    return text.replace("$", r"\$")


def _draw_errors(
    axes: Axes, at: list[float], certified: list[dict[str, Any]], *, found: list[Any]
) -> None:
    """Draw a line for each method, and one for what an attack has found.

    A number that has no place on a logarithmic axis, 0 or one near the largest double, is drawn at
    the edge with an arrow.
    """
    lines = {
        name: [float(bounds.get(name, "nan")) for bounds in certified]
        for name in dict.fromkeys(name for bounds in certified for name in bounds)
    }
    lines[_ATTACK] = [float(value) for value in found]
    drawn = [v for values in lines.values() for v in values if 0 < v < _MAX_DRAWN]
    others = [name for name in lines if name not in _METHODS]
    looks = _METHODS | {name: LOOKS[-1 - k % len(LOOKS)] for k, name in enumerate(others)}
    for name, values in lines.items():
        between = (min(drawn), max(drawn)) if drawn else (0.0, 0.0)
        draw_line(axes, at, values, looks[name], label=name, between=between, markers=len(values))
    if drawn:
        axes.set_yscale("log")
