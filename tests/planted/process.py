"""Plants in the process that grows a covered set: its drift, its range, what it proves."""

from __future__ import annotations

from fractions import Fraction

from planted.error import PlantedError

HALF = Fraction(1, 2)

PLANTS = (
    PlantedError(
        "C02",
        "the drift is 3/5 p(1-p) instead of 1/2",
        "constants",
        "DRIFT",
        lambda true: Fraction(3, 5),
    ),
    PlantedError(
        "C02",
        "the mean growth is p(1-p)/3",
        "drift",
        "expected_growth",
        lambda true: lambda a, w: a.measure * (1 - a.measure) / 3,
    ),
    PlantedError(
        "C02",
        "the growth bends at three samples only",
        "drift",
        "growth_breaks",
        lambda true: lambda a, w: [-HALF, Fraction(0), HALF],
    ),
    PlantedError(
        "C04",
        "the slope of the logit lemma is ln 3 instead of ln 2",
        "constants",
        "LOGIT_BASE",
        lambda true: 3,
    ),
    PlantedError(
        "C04",
        "no enclosure is positive",
        "logit_lemma",
        "is_positive_on",
        lambda true: lambda f, boxes, depth: False,
    ),
    PlantedError(
        "C05",
        "the drift is 3/5 p(1-p) instead of 1/2",
        "constants",
        "DRIFT",
        lambda true: Fraction(3, 5),
    ),
    PlantedError(
        "C05",
        "the rate is 2/3 instead of 3/4",
        "constants",
        "COVER_RATE",
        lambda true: Fraction(2, 3),
    ),
    PlantedError(
        "C05",
        "the rate is 4/5 instead of 3/4",
        "constants",
        "COVER_RATE",
        lambda true: Fraction(4, 5),
        is_small=True,
    ),
    PlantedError(
        "C05",
        "Markov's inequality is left out of the bound",
        "supermartingale",
        "_bound",
        lambda true: lambda n: Fraction(3, 4) ** n,
    ),
    PlantedError(
        "C06",
        "the drift is 3/5 v(1-v) instead of 1/2",
        "constants",
        "DRIFT",
        lambda true: Fraction(3, 5),
    ),
    PlantedError(
        "C06",
        "the integrand has a product with the wrong sign",
        "unit_window",
        "surplus",
        lambda true: lambda a, b, s, t: a[t] * (1 - a[s]) - a[t] * b[s],
    ),
    PlantedError(
        "C06",
        "all pairs of cells are near",
        "unit_window",
        "twice_near_pairs",
        lambda true: lambda cells: sum(cells),
    ),
    PlantedError(
        "C07",
        "no path covers the window",
        "drift",
        "_path_covers",
        lambda true: lambda eta, rng: False,
    ),
)
