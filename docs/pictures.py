"""Draw the pictures of the README and of these pages; write ``docs/pictures/*.png``.

Run as ``python docs/pictures.py`` in a checkout with strongltn installed, a minute. Every picture
is drawn from a ticket that is made here, or by a recipe.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from strongltn.figures.style import (
    BLUE,
    GREY,
    MIN_POINTS,
    ORANGE,
    PAGE_INCHES,
    TEXT_POINTS,
    new_figure,
    set_title,
)
from strongltn.networks import LinearLayer, TargetNetwork, Ticket
from strongltn.numerics.decimals import outward_text
from strongltn.pipeline.prune_result import PruneResult
from strongltn.pipeline.tickets import prune

FOLDER = Path(__file__).parent / "pictures"
_SAMPLES, _SEED = 16, 7


def small_result() -> PruneResult:
    """Return a ticket of a 2-2-1 network, small enough to be drawn edge by edge."""
    first, second = np.array([[0.42, -0.31], [-0.27, 0.45]]), np.array([[0.48, 0.36]])
    target = TargetNetwork((LinearLayer("first", first), LinearLayer("second", second)))
    return prune(target, num_samples=_SAMPLES, seed=_SEED, domain="ball")


def ticket_figure(result: PruneResult) -> Any:
    """Return the figure of a result: random network, mask, target, and the proved interval."""
    figure, axes = new_figure(1, 3, width=PAGE_INCHES, height=2.7)
    ticket = result.ticket
    widths = ticket.source.widths
    sizes = [one * other for one, other in pairwise(widths)]
    _draw_edges(axes[0], ticket, is_masked=False)
    set_title(axes[0], f"one random network, from seed {ticket.source.seed}:\n{sum(sizes)} weights")
    _draw_edges(axes[1], ticket, is_masked=True)
    set_title(axes[1], f"a mask keeps {ticket.num_kept} of them;\nnone is trained")
    _draw_target(axes[2], result.target)
    set_title(axes[2], "the target: a network\nthat was trained")
    for one in axes:
        one.set_axis_off()
        one.set(xlim=(-0.4, 4.4), ylim=(-1.25, 1.1))
    low = outward_text(result.lower_bound, upwards=False, digits=2)
    high = outward_text(result.upper_bound, upwards=True, digits=2)
    figure.text(
        0.5,
        -0.1,
        f"PROVED, for every input of the unit ball:  {low} $\\leq$ sup $\\|f - g\\|$ $\\leq$ "
        f"{high}",
        ha="center",
        fontsize=TEXT_POINTS + 3,
        bbox={"boxstyle": "round,pad=0.5", "fc": "white", "ec": BLUE},
    )
    return figure


def _heights(width: int) -> Any:
    return np.linspace(1, -1, width) if width > 2 else np.array([0.5, -0.5] if width == 2 else [0])


def _draw_edges(axes: Any, ticket: Ticket, *, is_masked: bool) -> None:
    widths = ticket.source.widths
    for layer, mask in enumerate(ticket.dense_masks().values()):
        below, above = _heights(widths[layer]), _heights(widths[layer + 1])
        kept = np.asarray(mask)
        for row, column in np.ndindex(*kept.shape):
            is_kept = is_masked and bool(kept[row, column])
            axes.plot(
                [layer, layer + 1],
                [below[column], above[row]],
                color=(BLUE if layer % 2 == 0 else ORANGE) if is_kept else GREY,
                lw=0.7 if is_kept else 0.25,
                alpha=1.0 if is_kept else (0.12 if is_masked else 0.5),
                zorder=2 if is_kept else 1,
            )
    for layer, width in enumerate(widths):
        size = 5 if width < 10 else 1.2
        axes.plot([layer] * width, _heights(width), "o", ms=size, color="black", zorder=3)
    text = "-".join(map(str, widths))
    axes.text(2, -1.25, text, fontsize=MIN_POINTS, ha="center", va="bottom")


def _draw_target(axes: Any, target: TargetNetwork) -> None:
    for layer, one in enumerate(target.layers):
        below, above = _heights(one.num_inputs), _heights(one.num_outputs)
        for row, column in np.ndindex(one.weight.shape):
            weight = float(one.weight[row, column])
            ends = [2 * layer, 2 * layer + 2], [below[column], above[row]]
            axes.plot(*ends, color="black", lw=4 * abs(weight), ls="-" if weight > 0 else "--")
            at = 0.3 if one.num_outputs > 1 else 0.5
            axes.text(
                2 * layer + 2 * at,
                below[column] + at * (above[row] - below[column]),
                f"{weight:+.2f}",
                fontsize=MIN_POINTS,
                ha="center",
                va="center",
                bbox={"fc": "white", "ec": "none", "pad": 0.5},
            )
    for layer, width in enumerate(target.widths):
        axes.plot([2 * layer] * width, _heights(width), "o", ms=9, color="black", zorder=3)
    text = "-".join(map(str, target.widths))
    axes.text(2, -1.25, text, fontsize=MIN_POINTS, ha="center", va="bottom")


def draw_all(folder: Path) -> list[Path]:
    """Write every picture into a folder; return the files."""
    from strongltn.pipeline.demo import run_demo

    folder.mkdir(exist_ok=True)
    hero = folder / "ticket.png"
    ticket_figure(small_result()).savefig(hero, dpi=130, bbox_inches="tight")
    files = [hero]
    with TemporaryDirectory() as place:
        out = Path(place)
        run_demo(out / "demo", seed=0)
        names = {"weight_error.png": "weight_error.png", "diamond.png": "gadget.png"}
        for name, ours in names.items():
            files.append(Path(shutil.copy(out / "demo" / name, folder / ours)))
        commands = {
            "account.png": f"certify {out}/demo/relu-diamond --figure {out}/account",
            "sample_size.png": f"reproduce sample-size --out {out}",
            "experiment2.png": f"reproduce pensia-experiment2-fc2 --recorded --out {out}",
        }
        made = {
            "account.png": out / "account.png",
            "sample_size.png": out / "sample-size" / "quick.png",
            "experiment2.png": out / "pensia-experiment2-fc2" / "recorded.png",
        }
        for name, command in commands.items():
            subprocess.run([sys.executable, "-m", "strongltn", *command.split()], check=True)
            files.append(Path(shutil.copy(made[name], folder / name)))
    return files


if __name__ == "__main__":
    print(*draw_all(FOLDER), sep="\n", file=sys.stderr)
