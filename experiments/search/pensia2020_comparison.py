"""Our accuracies of Pensia et al., experiment 2, beside the published ones.

``python -m experiments.search.pensia2020_comparison [RECORD ...]`` prints them from records of the
recipes, finished or not, or from the recorded runs; with ``--figure FILE`` it draws them.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from experiments.answer import Answer, Table, listed
from experiments.recipe import Row, read_rows, rows_where
from experiments.search.accuracies import percents, shown
from experiments.search.pensia2020_forms import FORMS, TITLES, by_pruned, model_of, of_network
from experiments.search.published import (
    PENSIA_ACCURACY,
    PENSIA_DENSE,
    PENSIA_LOGS,
    PENSIA_PRUNED,
)
from strongltn.storage import write_figure

_RECORDED = Path(__file__).parents[1] / "recorded"
RECORDS = [_RECORDED / f"pensia2020_experiment2_{name}.jsonl" for name in ("fc2", "lenet5")]
#: Runs of fc2 that are longer than those of the recipe, for the table of the logs alone.
LONGER = _RECORDED / "pensia2020_experiment2_fc2_30_epochs.jsonl"

_CLOSE = 3.0  # points


@dataclass(frozen=True)
class Point:
    """Our accuracies at one fraction pruned of one form, beside the published one, in percent.

    Attributes
    ----------
    network, form : str
    pruned : float
        Fraction.
    found, best : list of float
        After the last epoch, and in the best one; a number for each seed.
    published : float
    """

    network: str
    form: str
    pruned: float
    found: list[float]
    best: list[float]
    published: float

    @property
    def difference(self) -> float:
        """Mean of the seeds minus published, in points."""
        return mean(self.found) - self.published

    def __str__(self) -> str:
        return (
            f"{TITLES[self.network]}, {FORMS[self.form][0]}, {100 * self.pruned:g} % pruned: "
            f"{shown(self.found)} % here, {self.published:g} % published, {self.difference:+.1f}; "
            f"in the best epoch {shown(self.best)} %"
        )


def compared(rows: list[Row]) -> list[Point]:
    """Return every point that is published and has a run on MNIST that did not diverge."""
    points = []
    for network, curves in PENSIA_ACCURACY.items():
        for form, curve in curves.items():
            runs = by_pruned(rows_where(rows, model=model_of(network, form), data="mnist"))
            for pruned, published in zip(PENSIA_PRUNED, curve, strict=True):
                at = runs.get(pruned, [])
                found, best = percents(at), percents(at, "best_test_accuracy")
                if found:
                    points.append(Point(network, form, pruned, found, best, published))
    return points


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
    num_close = sum(abs(point.difference) <= _CLOSE for point in points)
    return [
        f"{num_close} of {len(points)} accuracies are within {_CLOSE:g} points of the published "
        "ones. The largest differences:",
        *(f"- {point}" for point in points[:count]),
    ]


def comparison_answer(network: str, rows: list[Row]) -> Answer:
    """Answer how well the search does: beside the dense network, and beside what was published.

    Parameters
    ----------
    network : str
    rows : list of dict
        Of this network. On other data than MNIST nothing published is comparable, and the answer
        is whether the best of each form comes within 3 points of the dense network.
    """
    rows = of_network(rows, network)
    dense = percents(rows_where(rows, method="dense"))
    points = compared(rows)
    found = {form: by_pruned(rows_where(rows, model=model_of(network, form))) for form in FORMS}
    means = {
        form: {p: mean(percents(at)) for p, at in runs.items() if percents(at)}
        for form, runs in found.items()
    }
    table = _answer_table(network, found, dense, has_published=bool(points))
    if not dense or not all(means.values()):
        return Answer(None, "Undecided: a form, or the dense network, has no run.", table)
    sentences, behind = [], []
    for form, accuracies in means.items():
        pruned = max(accuracies, key=accuracies.__getitem__)
        sentences.append(f"{FORMS[form][0]} {accuracies[pruned]:.1f} % ({100 * pruned:g} % pruned)")
        if accuracies[pruned] < mean(dense) - _CLOSE:
            behind.append(FORMS[form][0])
    epochs = f"after {rows[0]['epochs']} epoch{'s' if rows[0]['epochs'] > 1 else ''}"
    best = (
        f"At their best, {epochs}: {', '.join(sentences)}; the trained dense network "
        f"{mean(dense):.1f} %."
    )
    if not points:
        answer = f"No, not {listed(behind)}" if behind else "Yes, all forms"
        return Answer(
            not behind,
            f"Within {_CLOSE:g} points of the dense network? {answer}. {best} What was published "
            f"is of MNIST and not comparable with {rows[0]['data']}.",
            table,
        )
    num_close = sum(abs(point.difference) <= _CLOSE for point in points)
    farthest = max(points, key=lambda point: abs(point.difference))
    says = f"{num_close} of {len(points)} accuracies are within {_CLOSE:g} points of the published"
    differs = "" if num_close == len(points) else f"; they differ most at: {farthest}"
    return Answer(
        2 * num_close > len(points),
        f"{'Mostly as published' if 2 * num_close > len(points) else 'No, not as published'}: "
        f"{says}{differs}. {best}",
        table,
    )


def _answer_table(
    network: str,
    found: dict[str, dict[float, list[Row]]],
    dense: list[float],
    *,
    has_published: bool,
) -> Table:
    """Return our accuracies by fraction pruned, the published ones beside them if they compare."""
    columns = ["% pruned"]
    for name, _ in FORMS.values():
        columns += [name, "published"] if has_published else [name]
    lines = []
    for pruned in sorted({p for runs in found.values() for p in runs}):
        cells: list[object] = [f"{100 * pruned:g}"]
        for form, runs in found.items():
            cells.append(shown(percents(runs.get(pruned, []))))
            if has_published:
                known = dict(zip(PENSIA_PRUNED, PENSIA_ACCURACY[network][form], strict=True))
                cells.append(known.get(pruned))
        lines.append(cells)
    last: list[object] = ["dense", shown(dense)]
    if has_published:
        last.append(PENSIA_DENSE[network])
    return Table.of(columns, [*lines, last + [""] * (len(columns) - len(last))])


def main() -> None:
    """Print tables and largest differences."""
    from experiments.search.pensia2020_experiment2 import draw

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
