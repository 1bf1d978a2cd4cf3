"""Plants in the process that grows a covered set: its drift, its range, what it proves."""

from __future__ import annotations

from fractions import Fraction

from planted.error import PlantedError, edited

HALF = Fraction(1, 2)


def _drift(claim: str, drift: Fraction, *, is_small: bool = False) -> PlantedError:
    return PlantedError(
        claim,
        f"the drift is {float(drift)} p(1-p) instead of 0.5",
        "constants",
        "DRIFT",
        lambda true: drift,
        is_small=is_small,
    )


_DRIFT_IDENTITY = (
    _drift("C02", Fraction(3, 5)),
    _drift("C02", Fraction(11, 20), is_small=True),
    _drift("C02", Fraction(199, 400), is_small=True),
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
        "C02",
        "the window is a twentieth longer",
        "drift",
        "WINDOW",
        lambda true: (-HALF * 21 / 20, HALF * 21 / 20),
        is_small=True,
    ),
    PlantedError(
        "C02",
        "the window is a twentieth shorter",
        "drift",
        "WINDOW",
        lambda true: (-HALF * 19 / 20, HALF * 19 / 20),
        is_small=True,
    ),
    PlantedError(
        "C02",
        "what leaves the window is counted",
        "interval_union",
        "IntervalUnion.grown",
        lambda true: lambda self, x, window: self | self.shifted(x),
    ),
)

_GROWTH_RANGE = (
    PlantedError(
        "C03",
        "a sample adds at most 0.95 min(p, 1-p)",
        "drift",
        "most_growth",
        lambda true: lambda p: true(p) * 19 / 20,
        is_small=True,
    ),
    PlantedError(
        "C03",
        "a sample may add 1.05 min(p, 1-p)",
        "drift",
        "most_growth",
        lambda true: lambda p: true(p) * 21 / 20,
        is_small=True,
    ),
    PlantedError(
        "C03",
        "the most that a sample adds is p, also above 1/2",
        "drift",
        "most_growth",
        lambda true: lambda p: p,
    ),
    PlantedError(
        "C03",
        "the most that a sample adds is 2p(1-p)",
        "drift",
        "most_growth",
        lambda true: lambda p: 2 * p * (1 - p),
    ),
    PlantedError(
        "C03",
        "a sample and its opposite are both added",
        "interval_union",
        "IntervalUnion.grown",
        lambda true: lambda self, x, w: true(true(self, x, w), -x, w),
    ),
    PlantedError(
        "C03",
        "a set is moved instead of united with what is moved",
        "interval_union",
        "IntervalUnion.grown",
        lambda true: lambda self, x, window: self.shifted(x).within(window),
    ),
)

_LOGIT = (
    PlantedError(
        "C04",
        "the slope of the logit lemma is ln 3 instead of ln 2",
        "constants",
        "LOGIT_BASE",
        lambda true: 3,
    ),
    PlantedError(
        "C04",
        "the slope is ln 2.0625 instead of ln 2",
        "constants",
        "LOGIT_BASE",
        lambda true: 2.0625,
        is_small=True,
    ),
    PlantedError(
        "C04",
        "the slope is ln 1.9375 instead of ln 2",
        "constants",
        "LOGIT_BASE",
        lambda true: 1.9375,
        is_small=True,
    ),
    PlantedError(
        "C04",
        "q may be 1.1 min(p, 1-p)",
        "logit_lemma",
        "_MOST_SHARE",
        lambda true: Fraction(11, 10),
        is_small=True,
    ),
    PlantedError(
        "C04",
        "q is divided by p(1-p)^2 instead of p(1-p)",
        "logit_lemma",
        "slack",
        edited("q / (p * (1 - p))", "q / (p * (1 - p) ** 2)"),
    ),
    PlantedError(
        "C04",
        "the claimed rise is 1.05 times as large",
        "logit_lemma",
        "slack",
        edited("* q / (p", "* 1.05 * q / (p"),
        is_small=True,
    ),
    PlantedError(
        "C04",
        "the rise is that of ln p alone",
        "logit_lemma",
        "slack",
        edited("(p + q) / (1 - p - q)).log() - (p / (1 - p))", "p + q).log() - (p)"),
    ),
    PlantedError(
        "C04",
        "no enclosure is positive",
        "logit_lemma",
        "is_positive_on",
        lambda true: lambda f, boxes, depth: False,
    ),
)

_SUPERMARTINGALE = (
    _drift("C05", Fraction(3, 5)),
    _drift("C05", Fraction(49, 100), is_small=True),
    PlantedError(
        "C05",
        "the rate is 0.74 instead of 3/4",
        "constants",
        "COVER_RATE",
        lambda true: Fraction(74, 100),
        is_small=True,
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
        "failure_bound",
        lambda true: lambda n, eta: Fraction(3, 4) ** n,
    ),
    PlantedError(
        "C05",
        "the factor 1-eta is dropped",
        "supermartingale",
        "failure_bound",
        edited(" * (1 - eta)", ""),
        is_small=True,
    ),
    PlantedError(
        "C05",
        "one sample more is counted",
        "supermartingale",
        "failure_bound",
        lambda true: lambda n, eta: true(n + 1, eta),
        is_small=True,
    ),
    PlantedError(
        "C05",
        "the process starts at 2.1 eta instead of 2 eta",
        "constants",
        "START_IN_ETAS",
        lambda true: Fraction(21, 10),
        is_small=True,
    ),
    PlantedError(
        "C05",
        "the process may miss 1.1 eta instead of eta",
        "constants",
        "MISSING_IN_ETAS",
        lambda true: Fraction(11, 10),
        is_small=True,
    ),
)

_UNIT_WINDOW = (
    _drift("C06", Fraction(3, 5)),
    _drift("C06", Fraction(51, 100), is_small=True),
    _drift("C06", Fraction(49, 100), is_small=True),
    PlantedError(
        "C06",
        "the integrand has a product with the wrong sign",
        "unit_window",
        "surplus",
        lambda true: lambda a, b, s, t: a[t] * (1 - a[s]) - a[t] * b[s],
    ),
    PlantedError(
        "C06",
        "the far pairs of the integrand are left out",
        "unit_window",
        "surplus",
        edited(" - a_t * b_s", ""),
    ),
    PlantedError(
        "C06",
        "all pairs of cells are near",
        "unit_window",
        "twice_near_pairs",
        lambda true: lambda cells: sum(cells),
    ),
    PlantedError(
        "C06",
        "cells half the window apart are near in whole",
        "unit_window",
        "twice_near_pairs",
        edited("[1]", "[2]"),
        is_small=True,
    ),
    PlantedError(
        "C06",
        "the window is a twentieth longer",
        "unit_window",
        "WINDOW",
        lambda true: (Fraction(-21, 20), Fraction(21, 20)),
        is_small=True,
    ),
    PlantedError(
        "C06",
        "the process starts at 2.1 eta instead of 2 eta",
        "constants",
        "START_IN_ETAS",
        lambda true: Fraction(21, 10),
        is_small=True,
    ),
)


def _tolerance(multiple: Fraction) -> PlantedError:
    return PlantedError(
        "C07",
        f"all targets are within {float(multiple)} eta instead of 2 eta",
        "constants",
        "TOLERANCE_IN_ETAS",
        lambda true: multiple,
        is_small=abs(multiple - 2) <= Fraction(1, 5),
    )


_COVERING = (
    _tolerance(Fraction(1)),
    _tolerance(Fraction(3, 2)),
    _tolerance(Fraction(19, 10)),
    _tolerance(Fraction(199, 100)),
    PlantedError(
        "C07",
        "the process may miss 1.1 eta instead of eta",
        "constants",
        "MISSING_IN_ETAS",
        lambda true: Fraction(11, 10),
        is_small=True,
    ),
    PlantedError(
        "C07",
        "the process starts at 2.1 eta instead of 2 eta",
        "constants",
        "START_IN_ETAS",
        lambda true: Fraction(21, 10),
        is_small=True,
    ),
    PlantedError(
        "C07",
        "the points of A are within 1.1 eta of a subset sum instead of eta",
        "drift",
        "_neighbourhood",
        lambda true: lambda point, radius: true(point, radius * 11 / 10),
        is_small=True,
    ),
    PlantedError(
        "C07",
        "what leaves the window comes back at its other end",
        "interval_union",
        "IntervalUnion.grown",
        lambda true: lambda self, x, w: true(self, x, w) | self.shifted(x - 1).within(w),
    ),
    PlantedError(
        "C07",
        "no path covers the window",
        "drift",
        "_path_covers",
        lambda true: lambda eta, rng: False,
    ),
)

PLANTS = (
    *_DRIFT_IDENTITY,
    *_GROWTH_RANGE,
    *_LOGIT,
    *_SUPERMARTINGALE,
    *_UNIT_WINDOW,
    *_COVERING,
)
