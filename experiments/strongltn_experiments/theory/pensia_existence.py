"""Recipe: the existence claim of Pensia et al., from the promise to the certificate.

Asked for epsilon and delta, the theorem names widths: a source of these, one for each seed and
never redrawn, holds a ticket within epsilon of the target with probability at least 1 - delta. Here
that ticket is built and certified. A certified success proves that it exists, however it was found;
a failure is one of the construction, and another mask might do. Sources with fewer neurons show
where success ends.

``python -m strongltn_experiments.theory.pensia_existence RECORD`` prints the verdicts of a record,
such as results/pensia-existence/quick.jsonl.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from strongltn.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    MEASURED,
    ORANGE,
    PURPLE,
    Look,
    add_legend,
    draw_limits,
    draw_line,
    new_figure,
    set_heading,
    set_title,
)
from strongltn.recipes.recipe import Effort, Recipe, Row, Tier, rows_where
from strongltn.recipes.run import read_rows
from strongltn.theorems.promises import conditions_named
from strongltn_experiments.theory.existence_source import source_row
from strongltn_experiments.theory.existence_verdict import Tally, existence_answer, verdict_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from strongltn.theorems.question import NetworkQuestion

_TARGETS = ((4, 3, 2), (6, 8, 3))
_EPSILONS = ("1/10", "1/100")
_THEOREMS = {
    "Pensia2020.Theorem1Explicit": Look(PURPLE, "v"),
    "Pensia2020.Theorem1Rearranged": Look(GREEN, "D"),
}
_COUNTING, _COVERING = "by counting, for the class", "to reach all of [-1, 1]"
_REASONS = {_COUNTING: Look(ORANGE, "s"), _COVERING: Look(BLUE, "^")}
_NECESSARY = ("Pensia2020.Theorem2", "Cover.LowerBound")
_UNDECIDED = Look(BLACK, "o", "", is_open=True, size=5.0)
_DASHES = {"1/10": "-", "1/100": "--"}
_FAILURE_PROBABILITIES = {
    Effort.QUICK: ("1/10",),  # 51 sources can confirm it; 1/100 takes 528
    Effort.FULL: ("1/10", "1/100"),
}
_NEURONS = {
    Effort.QUICK: (16, 24, 32, 48, 64, 96),
    Effort.FULL: (6, 8, 12, 16, 20, 24, 28, 32, 36, 40, 48, 56, 64, 96, 128),
}
_NUM_SEEDS = {  # of sources as promised, of others
    Effort.QUICK: (51, 51),
    Effort.FULL: (2000, 1000),
}
_SEEDS_PER_PART = 20


def _parts(effort: Effort) -> list[Row]:
    questions: list[Row] = [
        {"kind": "question", "widths": list(w), "epsilon": e, "failure_probability": d}
        for w, e, d in product(_TARGETS, _EPSILONS, _FAILURE_PROBABILITIES[effort])
    ]
    as_promised, others = _NUM_SEEDS[effort]
    num_seeds = {(w, (n,) * (len(w) - 1)): others for w, n in product(_TARGETS, _NEURONS[effort])}
    for question in questions:
        for row in _promised(question):
            num_seeds[tuple(question["widths"]), tuple(row["neurons"])] = as_promised
    sources: list[Row] = [
        {
            "kind": "sources",
            "widths": list(widths),
            "neurons": list(neurons),
            "first_seed": first,
            "num_seeds": min(_SEEDS_PER_PART, total - first),
        }
        for (widths, neurons), total in num_seeds.items()
        for first in range(0, total, _SEEDS_PER_PART)
    ]
    return questions + sources


def _compute(part: Row) -> list[Row]:
    if part["kind"] == "question":
        place = {name: part[name] for name in ("widths", "epsilon", "failure_probability")}
        return [row | place for row in (*_promised(part), *_necessary(part))]
    first = part["first_seed"]
    return [source_row(part, seed=seed) for seed in range(first, first + part["num_seeds"])]


# what theorems say


def _promised(part: Row) -> list[Row]:
    """Return the neurons an input that the theorems promise to be enough, layer by layer."""
    from strongltn.theorems.catalogue import theorem_named

    rows: list[Row] = []
    for key in _THEOREMS:
        widths = theorem_named(key).promise(_question(part)).widths or ()
        pairs = zip(widths[::2], widths[1::2], strict=False)
        neurons = [hidden // inputs for inputs, hidden in pairs]
        rows.append({"kind": "promised", "theorem": key, "neurons": neurons})
    return rows


def _necessary(part: Row) -> list[Row]:
    """Return lower bounds on the neurons an input.

    By counting, for a source that holds every network of the class; and for weights of all sizes at
    the tolerances of the proof, samples of one sign: what the proof's route needs at least.
    """
    from strongltn.subset_sum.sample_laws import SampleLaw, Window
    from strongltn.theorems.catalogue import theorem_named
    from strongltn.theorems.layers import layer_shapes, weight_tolerances
    from strongltn.theorems.question import CoverQuestion

    question = _question(part)
    counted = theorem_named("Pensia2020.Theorem2").promise(question).necessary_parameters or 0
    weights = sum(d * (d + e) for d, e in layer_shapes(question.widths))  # of a neuron an input
    covers = [
        CoverQuestion(
            eta=tolerance / 2,
            failure_probability=question.failure_probability,
            law=SampleLaw.PRODUCT,
            window=Window.UNIT,
        )
        for tolerance in weight_tolerances(question)
    ]
    theorem = theorem_named("Cover.LowerBound")
    samples = [theorem.promise(cover).necessary_samples or 0 for cover in covers]
    return [
        {"kind": "necessary", "reason": _COUNTING, "neurons": [math.ceil(counted / weights)]},
        {"kind": "necessary", "reason": _COVERING, "neurons": [max(samples)]},
    ]


def _question(part: Row) -> NetworkQuestion:
    from strongltn.rng import WeightLaw
    from strongltn.theorems.question import NetworkQuestion

    return NetworkQuestion(
        widths=tuple(part["widths"]),
        epsilon=Fraction(part["epsilon"]),
        failure_probability=Fraction(part["failure_probability"]),
        law=WeightLaw.UNIFORM,
    )


# the figure


def _draw(rows: list[Row]) -> Figure:
    figure, axes = new_figure(len(_TARGETS), len(_EPSILONS), height=5.4)
    for one, (widths, epsilon) in zip(axes, product(_TARGETS, _EPSILONS), strict=True):
        some = list(rows_where(rows, widths=list(widths)))
        sources = list(rows_where(some, kind="source"))
        theory = list(rows_where(some, epsilon=epsilon))
        _draw_theory(one, theory)
        _draw_sources(one, sources, theory, epsilon=Fraction(epsilon))
        set_title(one, rf"target {'-'.join(map(str, widths))}, $\varepsilon$ = {epsilon}")
        one.set_xscale("log", base=2)
        one.xaxis.set_major_formatter("{x:.0f}")
        one.set_xlabel("neurons of the source an input, largest layer")
        one.set_ylabel(r"share of sources with a ticket within $\varepsilon$")
    set_heading(figure, "Existence of tickets, from the promise to the certificate")
    add_legend(
        figure,
        axes,
        columns=2,
        caption=[
            "The vertical axis is logarithmic in the share of failures. Bars are 99 % limits for "
            "each size; at 'all' no source failed.",
            *conditions_named((*_THEOREMS, *_NECESSARY)),
        ],
    )
    return figure


def _draw_theory(axes: Axes, rows: list[Row]) -> None:
    for delta in dict.fromkeys(row["failure_probability"] for row in rows):
        dashes = _DASHES[delta]
        axes.axhline(
            float(Fraction(delta)),
            color=BLACK,
            lw=1,
            ls=dashes,
            zorder=1,
            label=rf"promised: 1 - $\delta$, $\delta$ = {delta}",
        )
        for row in rows_where(rows, failure_probability=delta):
            if row["kind"] == "promised":
                name, look = row["theorem"], _THEOREMS[row["theorem"]]
            else:
                name, look = f"necessary {row['reason']}", _REASONS[row["reason"]]
            axes.plot(
                [max(row["neurons"])] * 2,
                [0.03, 0.97],
                transform=axes.get_xaxis_transform(),
                zorder=1,
                label=rf"{name}, $\delta$ = {delta}",
                **replace(look, dashes=dashes, width=1.0).style(),
            )


def _draw_sources(axes: Axes, rows: list[Row], theory: list[Row], *, epsilon: Fraction) -> None:
    """Draw a bar for each size of a source, failures downwards, and none of them at the top."""
    counts = Counter(tuple(row["neurons"]) for row in rows)
    top = 1 / (3 * max(counts.values(), default=1))
    promised = {tuple(row["neurons"]) for row in rows_where(theory, kind="promised")}
    # promised for another epsilon are those that differ from layer to layer and are not promised
    sizes = [n for n in counts if len(set(n)) == 1 or n in promised]
    tallies = [Tally.of(rows_where(rows, neurons=list(n)), epsilon=epsilon) for n in sizes]
    at = [max(neurons) for neurons in sizes]
    certain = [max((t.outside + t.undecided) / t.trials, top) for t in tallies]
    limits = []
    for tally in tallies:
        high, low = (max(1 - float(limit), top) for limit in tally.limits())
        limits.append((low, high))
    draw_limits(axes, at, certain, limits, MEASURED, label="certified")
    possible = [max(t.outside / t.trials, top) for t in tallies]
    label = "certified, or undecided by the certificate"
    draw_line(axes, at, possible, _UNDECIDED, label=label)
    axes.set_yscale("log")
    axes.set_ylim(1.2, top / 1.5)
    ticks = [1.0, *(10.0**-k for k in range(1, 6) if 10.0**-k > 1.5 * top), top]
    axes.set_yticks(ticks, [*(f"{1 - tick:.6g}" for tick in ticks[:-1]), "all"])


RECIPE = Recipe(
    key="pensia-existence",
    question="How often does a source of the promised size hold a ticket within epsilon?",
    source="pensia2020, Theorems 1 and 2; the constants are this project's; limits of clopper1934",
    version=1,
    parts=_parts,
    compute=_compute,
    draw=_draw,
    answer=existence_answer,
    tiers={Effort.QUICK: Tier(50), Effort.FULL: Tier(3000, "estimated")},
    theorems=(*_THEOREMS, *_NECESSARY),
)


def main() -> None:
    """Print the verdicts of a record."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("record", type=Path)
    print("\n".join(verdict_lines(read_rows(parser.parse_args().record))))


if __name__ == "__main__":
    main()
