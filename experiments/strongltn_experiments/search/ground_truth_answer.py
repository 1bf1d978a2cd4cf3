"""The answer of the ground truth: which of the tickets that exist a search has found."""

from __future__ import annotations

from strongltn.recipes.answer import Answer, listed
from strongltn.recipes.recipe import Row, rows_where
from strongltn.report.table import Table
from strongltn_experiments.search.ground_truth_chart import FOUND, best_by

_STARTS = ("random", "annealed", "truth")


def answer(rows: list[Row]) -> Answer:
    """Answer whether the search finds every ticket that exists, from random scores."""
    lines: list[tuple[object, ...]] = []
    exists = 0
    found: dict[str, list[str]] = {start: [] for start in _STARTS}
    for name, size, some in _cases(rows):
        known = min(row["truth_unexplained"] for row in some)
        least = {start: _unexplained(some, start) for start in _STARTS}
        lines.append((name, size, _shown(known), *(_shown(least[start]) for start in _STARTS)))
        if known > FOUND:
            continue  # too few samples for a ticket that is near to the target
        exists += 1
        for start, value in least.items():
            if value is not None and value <= FOUND:
                found[start].append(f"{name} at {size}")
    table = Table.of(
        (
            "target",
            "size of the source",
            "unexplained: the ticket that exists",
            "random scores",
            "annealed density",
            "from the truth's scores",
        ),
        lines,
    )
    if not exists:
        return Answer(None, "Undecided: no source holds a ticket within 1 %.", table)
    counts = {start: len(names) for start, names in found.items()}
    is_found = counts["random"] == exists
    which = f" ({listed(found['random'])})" if found["random"] and not is_found else ""
    return Answer(
        is_found,
        f"{'Yes' if is_found else 'No'}: of {exists} sources that hold a ticket with less than "
        f"{100 * FOUND:g} % of the variance unexplained, edge-popup finds one as good in "
        f"{counts['random']} from random scores{which}, in {counts['annealed']} with annealed "
        f"density, and keeps it in {counts['truth']} when it starts at its scores. "
        f"{_certified(rows)}",
        table,
    )


def _cases(rows: list[Row]) -> list[tuple[str, str, list[Row]]]:
    """Return the rows that imitate a target, by target and size of the source."""
    cases: dict[tuple[str, str], list[Row]] = {}
    for row in rows_where(rows, objective="imitate"):
        if row["kind"] == "planted":
            place = (f"planted {row['target']}", f"ratio {row['ratio']}")
        else:
            number = len(row["hidden"]) + 1
            place = (
                f"constructed, {number} diamond{'s' if number > 1 else ''}",
                f"{row['num_samples']} samples a weight",
            )
        cases.setdefault(place, []).append(row)
    return [(*place, some) for place, some in cases.items()]


def _unexplained(rows: list[Row], start: str) -> float | None:
    """Return the best of all settings, as median over seeds; None without a run."""
    some = [row | {"all": 0.0} for row in rows_where(rows, start=start)]
    return best_by(some, along="all", value="unexplained", is_least=True).get(0.0)


def _shown(value: float | None) -> str | None:
    return None if value is None else f"{value:.2g}"


def _certified(rows: list[Row]) -> str:
    """Return how far the found networks provably are from the trained one."""
    some = list(rows_where(rows, kind="certified"))
    if not some:
        return "No network of the whole digits was compared."
    best = max(some, key=lambda row: float(row["found_accuracy"]))
    return (
        f"On the whole digits, at density {best['density']:g}, it classifies "
        f"{100 * best['found_accuracy']:.0f} % where the trained network has "
        f"{100 * best['dense_accuracy']:.0f} %, and is provably another function: outputs differ "
        f"by {best['lower_bound']:.3g} or more."
    )
