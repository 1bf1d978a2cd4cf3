"""Plants in the law of a product of two uniforms, and in what one product reaches."""

from __future__ import annotations

from fractions import Fraction

from flint import arb

from planted.error import PlantedError


def _ball(value: Fraction) -> arb:
    return arb(value.numerator) / value.denominator


PLANTS = (
    PlantedError(
        "C12",
        "the component has the mass 0.45",
        "constants",
        "component_mass",
        lambda true: lambda: arb("0.45"),
    ),
    PlantedError(
        "C12",
        "the component has the mass 0.65 ln 2 instead of 0.5",
        "constants",
        "COMPONENT_MASS_OVER_LN2",
        lambda true: Fraction(65, 100),
    ),
    PlantedError(
        "C18",
        "one product is within tau with probability tau/2",
        "single_pair",
        "success_probability",
        lambda true: lambda w, tolerance: _ball(tolerance) / 2,
    ),
    PlantedError(
        "C18b",
        "a product is uniform",
        "single_pair",
        "product_cdf",
        lambda true: lambda t: (1 + _ball(t)) / 2,
    ),
)
