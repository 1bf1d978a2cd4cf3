"""Plants in how layers split signs, add up errors, are counted, and are made of bins."""

from __future__ import annotations

from fractions import Fraction

from planted.error import PlantedError

PLANTS = (
    PlantedError(
        "C01",
        "the negative half of the input is dropped",
        "sign_split",
        "_is_identity",
        lambda true: lambda w, x: w * x == w * max(x, 0),
    ),
    PlantedError(
        "C14",
        "the layers are added instead of composed",
        "error_propagation",
        "forward",
        lambda true: lambda layers, x: sum(layers) @ x,
    ),
    PlantedError(
        "C15",
        "every norm is zero",
        "sign_split",
        "norm_squared",
        lambda true: lambda values: Fraction(0),
    ),
    PlantedError(
        "C16",
        "the packing has the gap 1/20 whatever epsilon",
        "counting",
        "packing",
        lambda true: lambda eps: [Fraction(n, 20) for n in range(-20, 21)],
    ),
    PlantedError(
        "C16",
        "a source has 81 masks whatever its weights",
        "counting",
        "slopes",
        lambda true: lambda w: [(Fraction(n, 40),) * 2 for n in range(-40, 41)],
    ),
    PlantedError(
        "C17",
        "the greedy decomposition takes nothing",
        "geometric_decomposition",
        "residual",
        lambda true: lambda target, samples: target,
    ),
)
