"""Our accuracies of Pensia et al., experiment 2, beside the published ones."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean

from strongltn.recipes.answer import Answer, listed
from strongltn.recipes.recipe import Row, rows_where
from strongltn.report.table import Table
from strongltn_experiments.search.accuracies import percents, shown
from strongltn_experiments.search.pensia2020_forms import (
    FORMS,
    TITLES,
    by_pruned,
    model_of,
    of_network,
)
from strongltn_experiments.search.published import (
    PENSIA_ACCURACY,
    PENSIA_DENSE,
    PENSIA_PRUNED,
)

#: Points within which an accuracy counts as the published one.
CLOSE = 3.0


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
        if accuracies[pruned] < mean(dense) - CLOSE:
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
            f"Within {CLOSE:g} points of the dense network? {answer}. {best} What was published "
            f"is of MNIST and not comparable with {rows[0]['data']}.",
            table,
        )
    num_close = sum(abs(point.difference) <= CLOSE for point in points)
    farthest = max(points, key=lambda point: abs(point.difference))
    says = f"{num_close} of {len(points)} accuracies are within {CLOSE:g} points of the published"
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
