"""Plants in the theorem on a whole random network."""

from __future__ import annotations

from fractions import Fraction

from planted.error import PlantedError

PLANTS = (
    PlantedError(
        "C24",
        "the error of a layer is bounded by 1/5 whatever the layer",
        "network",
        "error_bound",
        lambda true: lambda target, layer, first: Fraction(1, 5),
    ),
    PlantedError(
        "C24",
        "the error of a layer is bounded by 0",
        "network",
        "error_bound",
        lambda true: lambda target, layer, first: Fraction(0),
    ),
    PlantedError(
        "C24",
        "16 neurons are enough",
        "network",
        "neurons_needed",
        lambda true: lambda size, tolerance: 16,
    ),
)
