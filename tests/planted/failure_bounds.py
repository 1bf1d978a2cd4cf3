"""Plants in the bounds on the probability that a covering fails, from above and from below."""

from __future__ import annotations

from fractions import Fraction

from planted.error import PlantedError

PLANTS = (
    PlantedError(
        "C08",
        "the rate is 2/3 instead of 3/4",
        "constants",
        "COVER_RATE",
        lambda true: Fraction(2, 3),
    ),
    PlantedError(
        "C08",
        "the drift is 3/5 p(1-p) instead of 1/2",
        "constants",
        "DRIFT",
        lambda true: Fraction(3, 5),
    ),
    PlantedError(
        "C09",
        "C is 4/3 over ln 2 instead of 2",
        "constants",
        "LUEKER_NUMERATOR",
        lambda true: Fraction(4, 3),
    ),
    PlantedError(
        "C09",
        "an increment has the range 1 instead of 2",
        "constants",
        "AZUMA_RANGE",
        lambda true: Fraction(1),
    ),
    PlantedError(
        "C10",
        "the drift is 3/5 p(1-p) instead of 1/2",
        "constants",
        "DRIFT",
        lambda true: Fraction(3, 5),
    ),
    PlantedError(
        "C13",
        "the drift is 3/5 v(1-v) instead of 1/2",
        "constants",
        "DRIFT",
        lambda true: Fraction(3, 5),
    ),
    PlantedError(
        "C13",
        "the component has the mass 0.649 ln 2 instead of 0.5",
        "constants",
        "COMPONENT_MASS_OVER_LN2",
        lambda true: Fraction(649, 1000),
    ),
    PlantedError(
        "C13",
        "the rate of a mixture is 1 - rho/3 instead of 1 - rho/4",
        "constants",
        "MIXTURE_LOSS",
        lambda true: Fraction(1, 3),
    ),
)
