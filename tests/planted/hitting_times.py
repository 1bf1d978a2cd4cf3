"""Plants in the table of simulated sample sizes, in its record and in how times are drawn."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from planted.error import PlantedError, edited


def entry(law, delta, place, change):
    """Return a `wrong` for the table: one entry off by `change`."""

    def wrong(true):
        row = list(true[law][delta])
        row[place] += change
        return true | {law: true[law] | {delta: tuple(row)}}

    return wrong


def later(trials):
    """Return a `wrong` for the record: `trials` fewer have reached all targets, at every n."""

    def wrong(true):
        return lambda: {
            key: tuple(tuple(max(0, count - trials) for count in row) for row in rows)
            for key, rows in true().items()
        }

    return wrong


PLANTS = (
    PlantedError(
        "C23",
        "uniform samples at 2^-12, delta = 0.01, need one more",
        "hitting_times",
        "_TABLE",
        entry("uniform", Fraction(1, 100), 9, 1),
        is_small=True,
    ),
    PlantedError(
        "C23",
        "uniform samples at 2^-12, delta = 0.01, need one less",
        "hitting_times",
        "_TABLE",
        entry("uniform", Fraction(1, 100), 9, -1),
        is_small=True,
    ),
    PlantedError(
        "C23",
        "uniform samples at 2^-10, delta = 0.1, need one more",
        "hitting_times",
        "_TABLE",
        entry("uniform", Fraction(1, 10), 7, 1),
        is_small=True,
    ),
    PlantedError(
        "C23",
        "product samples at 2^-11, delta = 0.05, need one less",
        "hitting_times",
        "_TABLE",
        entry("product", Fraction(1, 20), 8, -1),
        is_small=True,
    ),
    PlantedError(
        "C23",
        "product samples at 2^-3, delta = 0.01, need one more",
        "hitting_times",
        "_TABLE",
        entry("product", Fraction(1, 100), 0, 1),
        is_small=True,
    ),
    PlantedError(
        "C23",
        "product samples at 2^-6, delta = 0.1, need one less",
        "hitting_times",
        "_TABLE",
        entry("product", Fraction(1, 10), 3, -1),
        is_small=True,
    ),
    PlantedError(
        "C23",
        "in the record 200 of 4000 trials have not ended",
        "hitting_times",
        "recorded_shares",
        later(200),
        is_small=True,
    ),
    PlantedError(
        "C23",
        "the tolerance is eta instead of 2 eta",
        "hitting_times",
        "Cover.hitting_times",
        lambda true: lambda self, rows: true(replace(self, eta_cells=self.eta_cells // 2), rows),
    ),
    PlantedError(
        "C23",
        "the tolerance is 2.2 eta",
        "hitting_times",
        "Cover.hitting_times",
        lambda true: (
            lambda self, rows: true(replace(self, eta_cells=self.eta_cells * 11 // 10), rows)
        ),
        is_small=True,
    ),
    PlantedError(
        "C23",
        "the targets are [-1/4, 1/4]",
        "hitting_times",
        "Cover._covered",
        edited("1 << (self.bits - 1)", "1 << (self.bits - 2)"),
    ),
    PlantedError(
        "C23",
        "a time counts the sample after it too",
        "hitting_times",
        "Cover.hitting_times",
        lambda true: lambda self, rows: tuple(times + 1 for times in true(self, rows)),
        is_small=True,
    ),
    PlantedError(
        "C23",
        "the first sample is lost",
        "hitting_times",
        "draw_cells",
        lambda true: lambda law, shape, **k: [[0, *row[1:]] for row in true(law, shape, **k)],
        is_small=True,
    ),
    PlantedError(
        "C23",
        "uniform samples are on [-0.95, 0.95]",
        "hitting_times",
        "draw_cells",
        lambda true: (
            lambda law, shape, **k: [
                [int(0.95 * x) if law == "uniform" else x for x in row]
                for row in true(law, shape, **k)
            ]
        ),
        is_small=True,
    ),
    PlantedError(
        "C23",
        "products are uniform samples",
        "hitting_times",
        "draw_cells",
        lambda true: lambda law, shape, **k: true(type(law)("uniform"), shape, **k),
    ),
    PlantedError(
        "C23",
        "brackets forget where samples lie in their cells",
        "hitting_times",
        "Cover._hitting_times",
        edited("early=0, late=time", "early=0, late=0"),
        is_small=True,
    ),
    PlantedError(
        "C23",
        "quantiles are those of 1 - 1.1 delta",
        "hitting_times",
        "quantiles",
        lambda true: lambda found, trials, delta: true(found, trials, delta * Fraction(11, 10)),
        is_small=True,
    ),
)
