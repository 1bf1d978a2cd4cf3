"""Plants in the rearrangement inequality and in the drift that it gives."""

from __future__ import annotations

from fractions import Fraction

from planted.error import PlantedError

PLANTS = (
    PlantedError(
        "C26",
        "the first cell is left out of each set",
        "rearrangement",
        "near_pairs",
        lambda true: lambda n, sets: true(n, sets & ~1),
    ),
    PlantedError(
        "C26",
        "an interval at the edge has half of all pairs near",
        "rearrangement",
        "_least",
        lambda true: lambda length, a: a * (length - a) / 2,
    ),
    PlantedError(
        "C26",
        "the double integral is t^3",
        "rearrangement",
        "uniform_double_integral",
        lambda true: lambda t: t**3,
    ),
    PlantedError(
        "C27",
        "the drift is 3/5 v(1-v) instead of 1/2",
        "constants",
        "DRIFT",
        lambda true: Fraction(3, 5),
    ),
)
