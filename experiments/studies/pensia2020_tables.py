"""Our accuracies of Pensia et al., experiment 2, beside the published ones, as tables.

``python -m experiments.studies.pensia2020_tables [RECORD ...]`` prints them from records of the
recipes, finished or not, or from the recorded runs; with ``--figure FILE`` it draws them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import strongltn_experiments
from strongltn.recipes.recipe import Row, rows_where
from strongltn.recipes.run import read_rows
from strongltn.storage import write_figure
from strongltn_experiments.search.accuracies import percents, shown
from strongltn_experiments.search.pensia2020_comparison import CLOSE, compared
from strongltn_experiments.search.pensia2020_experiment2 import draw
from strongltn_experiments.search.pensia2020_forms import FORMS, TITLES, by_pruned, model_of
from strongltn_experiments.search.published import (
    PENSIA_ACCURACY,
    PENSIA_DENSE,
    PENSIA_LOGS,
    PENSIA_PRUNED,
)

_SHIPPED = Path(strongltn_experiments.__file__).parent / "recorded"
RECORDS = [_SHIPPED / f"pensia-experiment2-{name}.jsonl" for name in ("fc2", "lenet5")]
#: Runs of fc2 that are longer than those of the recipe, for the table of the logs alone.
LONGER = Path(__file__).parents[1] / "recorded" / "pensia2020_experiment2_fc2_30_epochs.jsonl"


def markdown_table(rows: list[Row], network: str) -> list[str]:
    """Return one network's accuracies, mean (range), each before the published one."""
    points = {(p.form, p.pruned): p for p in compared(rows) if p.network == network}
    names = " | ".join(f"{name} | published" for name, _ in FORMS.values())
    lines = [f"| {TITLES[network]}, % pruned | {names} |", "|---" * 7 + "|"]
    for k, pruned in enumerate(PENSIA_PRUNED):
        cells = []
        for form in FORMS:
            point = points.get((form, pruned))
            published = PENSIA_ACCURACY[network][form][k]
            cells.append(f"{shown(point.found if point else [])} | {published:g}")
        lines.append(f"| {100 * pruned:g} | {' | '.join(cells)} |")
    dense = percents(rows_where(rows, model=network, data="mnist"))
    return [*lines, f"| dense | {shown(dense)} | {PENSIA_DENSE[network]:g} | | | | |"]


def log_table(rows: list[Row], network: str) -> list[str]:
    """Return one network's accuracies beside those of the authors' logs and of their figure."""
    lines = [
        f"| {TITLES[network]}, % pruned | epochs | here | authors' log | authors' figure |",
        "|---" * 5 + "|",
    ]
    for form, pruned, epochs, logged in PENSIA_LOGS[network]:
        runs = rows_where(rows, model=model_of(network, form), data="mnist", epochs=epochs)
        found = percents(by_pruned(runs).get(pruned, []))
        figure = PENSIA_ACCURACY[network][form][PENSIA_PRUNED.index(pruned)]
        name = f"{FORMS[form][0]}, {100 * pruned:g}"
        lines.append(f"| {name} | {epochs} | {shown(found)} | {logged:g} | {figure:g} |")
    return lines


def difference_lines(rows: list[Row], *, count: int = 6) -> list[str]:
    """Return how many points are close to the published ones, and the largest differences."""
    points = sorted(compared(rows), key=lambda point: -abs(point.difference))
    num_close = sum(abs(point.difference) <= CLOSE for point in points)
    return [
        f"{num_close} of {len(points)} accuracies are within {CLOSE:g} points of the published "
        "ones. The largest differences:",
        *(f"- {point}" for point in points[:count]),
    ]


def main() -> None:
    """Print tables and largest differences."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("records", type=Path, nargs="*", default=RECORDS, metavar="RECORD")
    parser.add_argument("--figure", type=Path, help="draw FIGURE.png, .svg and .pdf")
    options = parser.parse_args()
    rows = [row for path in options.records for row in read_rows(path)]
    logged = rows + read_rows(LONGER) if options.records == RECORDS else rows
    for network in dict.fromkeys(point.network for point in compared(rows)):
        print("\n".join([*markdown_table(rows, network), "", *log_table(logged, network), ""]))
    print("\n".join(difference_lines(rows)))
    if options.figure:
        write_figure(draw(rows), options.figure)


if __name__ == "__main__":
    main()
