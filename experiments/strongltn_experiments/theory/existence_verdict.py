"""Do measured successes bear a promise out? Three outcomes of a source, three verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from strongltn.recipes.answer import Answer, listed
from strongltn.recipes.recipe import Row, rows_where
from strongltn.report.table import Table

_ERROR = Fraction(1, 200)  # chance that one limit is wrong: 99 % for both together


class Verdict(Enum):
    """What is known of "a source succeeds with probability >= 1 - delta"."""

    CONFIRMED = "confirmed"
    CONSISTENT = "consistent"
    REFUTED = "REFUTED"


@dataclass(frozen=True)
class Tally:
    """Sources by what is certified of their tickets; sup is that of ||f - g|| over the domain.

    Attributes
    ----------
    within : int
        sup <= epsilon is certified.
    outside : int
        sup > epsilon is certified, by an input.
    undecided : int
        The rest: there the certificate falls short, and perhaps not the ticket.
    """

    within: int
    outside: int
    undecided: int

    @staticmethod
    def of(rows: Iterable[Row], *, epsilon: Fraction) -> Tally:
        """Count the rows, each with `upper_bound` and `lower_bound`, compared as rationals."""
        within = outside = total = 0
        for row in rows:
            total += 1
            within += Fraction(row["upper_bound"]) <= epsilon
            outside += Fraction(row["lower_bound"]) > epsilon
        return Tally(within, outside, total - within - outside)

    @property
    def trials(self) -> int:
        """Number of sources."""
        return self.within + self.outside + self.undecided

    def limits(self) -> tuple[Fraction, Fraction]:
        """Return limits of the probability of success, which hold for either reading.

        Below: Clopper-Pearson with the undecided as failures; above: with them as successes. Each
        is wrong with a chance of at most 1/200.
        """
        from strongltn.simulate.limits import lower_limit, upper_limit

        failures = self.outside + self.undecided
        return (
            1 - upper_limit(failures, self.trials, error=_ERROR),
            1 - lower_limit(self.outside, self.trials, error=_ERROR),
        )

    def verdict(self, failure_probability: Fraction) -> Verdict:
        """Compare both limits with 1 - delta."""
        promised = 1 - failure_probability
        lower, upper = self.limits()
        if upper < promised:
            return Verdict.REFUTED
        return Verdict.CONFIRMED if lower >= promised else Verdict.CONSISTENT


@dataclass(frozen=True)
class Threshold:
    """What sources of ever fewer neurons say; success is the likelier the more there are.

    Attributes
    ----------
    too_few : int or None
        Most neurons an input at which probability 1 - delta is refuted.
    enough : int or None
        Fewest at which it is confirmed.
    """

    too_few: int | None
    enough: int | None

    @staticmethod
    def of(rows: list[Row], *, epsilon: Fraction, failure_probability: Fraction) -> Threshold:
        """Judge the sources of one target that have as many neurons an input in every layer."""
        sizes = {tuple(row["neurons"]) for row in rows}
        verdicts = {
            max(size): Tally.of(rows_where(rows, neurons=list(size)), epsilon=epsilon).verdict(
                failure_probability
            )
            for size in sizes
            if min(size) == max(size)
        }
        refuted = [n for n, verdict in verdicts.items() if verdict is Verdict.REFUTED]
        confirmed = [n for n, verdict in verdicts.items() if verdict is Verdict.CONFIRMED]
        return Threshold(max(refuted, default=None), min(confirmed, default=None))


def verdict_lines(rows: list[Row]) -> list[str]:
    """Return a table: every promise beside its verdict, the threshold, and what is necessary."""
    lines: list[str] = []
    places = ("widths", "epsilon", "failure_probability")
    for promise in rows_where(rows, kind="promised"):
        place = {name: promise[name] for name in places}
        sources = list(rows_where(rows, kind="source", widths=promise["widths"]))
        epsilon, delta = Fraction(promise["epsilon"]), Fraction(promise["failure_probability"])
        tally = Tally.of(rows_where(sources, neurons=promise["neurons"]), epsilon=epsilon)
        title = f"{_joined(promise['widths'])}, epsilon {epsilon}, delta {delta}"
        if title not in lines:
            threshold = Threshold.of(sources, epsilon=epsilon, failure_probability=delta)
            lines += [
                title,
                f"  neurons an input: refuted up to {threshold.too_few or 'none'}, "
                f"confirmed from {threshold.enough or 'none'}",
            ]
            for row in rows_where(rows, kind="necessary", **place):
                lines.append(f"  necessary, {row['reason']}: {row['neurons'][0]}")
        lower, upper = map(float, tally.limits())
        lines.append(
            f"  {promise['theorem']}, {_joined(promise['neurons'])}: of {tally.trials} sources "
            f"{tally.within} within, {tally.outside} outside, {tally.undecided} undecided; "
            f"success in [{lower:.4f}, {upper:.4f}]: {tally.verdict(delta).value}"
        )
    return lines


def existence_answer(rows: list[Row]) -> Answer:
    """Answer how often the promise is kept: refuted once is no, confirmed everywhere is yes."""
    lines: list[tuple[object, ...]] = []
    refuted, confirmed = [], []
    promises = list(rows_where(rows, kind="promised"))
    for promise in promises:
        epsilon, delta = Fraction(promise["epsilon"]), Fraction(promise["failure_probability"])
        sources = rows_where(
            rows, kind="source", widths=promise["widths"], neurons=promise["neurons"]
        )
        tally = Tally.of(sources, epsilon=epsilon)
        verdict = tally.verdict(delta)
        place = f"{_joined(promise['widths'])}, epsilon {epsilon}, delta {delta}"
        name = f"{promise['theorem']} ({place})"
        refuted += [name] if verdict is Verdict.REFUTED else []
        confirmed += [name] if verdict is Verdict.CONFIRMED else []
        lower, upper = map(float, tally.limits())
        lines.append(
            (
                _joined(promise["widths"]),
                epsilon,
                delta,
                promise["theorem"],
                _joined(promise["neurons"]),
                f"{tally.within} of {tally.trials}",
                tally.undecided,
                f"{lower:.4f} to {upper:.4f}",
                verdict.value,
            )
        )
    table = Table.of(
        (
            *("target", "epsilon", "delta", "theorem", "neurons an input"),
            *("within", "undecided", "success (99 %)", "promise"),
        ),
        lines,
    )
    if refuted:
        return Answer(
            False, f"No: less often than promised, refuted for {listed(refuted, most=2)}.", table
        )
    total = sum(int(str(line[5]).split(" of ")[1]) for line in lines)
    within = sum(int(str(line[5]).split(" of ")[0]) for line in lines)
    if not promises or len(confirmed) < len(promises):
        return Answer(
            None,
            f"Undecided: the promise is confirmed in {len(confirmed)} of {len(promises)} cases and "
            f"refuted in none; {within} of {total} sources have a certified ticket.",
            table,
        )
    return Answer(
        True,
        f"As often as promised, or more: {within} of {total} sources of the promised sizes have a "
        f"certified ticket, and the promise is confirmed in all {len(promises)} cases, each with "
        "99 % limits.",
        table,
    )


def _joined(numbers: list[int]) -> str:
    return "-".join(map(str, numbers))
