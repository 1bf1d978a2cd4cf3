"""Plants that make a control true, or the machinery blind: its verdict must be unexpected then."""

from __future__ import annotations

from fractions import Fraction

from flint import arb

from planted.error import PlantedError, edited

PLANTS = (
    PlantedError(
        "C25a",
        "the targets end at 0.5 where the claim is true",
        "controls",
        "_WIDE_END",
        lambda true: Fraction(1),
        is_small=True,
    ),
    PlantedError(
        "C25a",
        "every set grows by at least an eighth",
        "controls",
        "expected_growth",
        lambda true: lambda covered, window: Fraction(1, 4) * window[1],
    ),
    PlantedError(
        "C25b",
        "the weight is 1/2 where the claim is true",
        "controls",
        "_FAR_WEIGHT",
        lambda true: Fraction(1, 2),
    ),
    PlantedError(
        "C25b",
        "a product is uniform",
        "controls",
        "success_probability",
        lambda true: lambda w, tolerance: arb(1) / 64,
    ),
    PlantedError(
        "C25c",
        "neurons of both signs are used",
        "controls",
        "one_sign",
        edited("max(x, Fraction(0))", "max(x, Fraction(0)) - weight * max(-x, Fraction(0))"),
    ),
    PlantedError(
        "C25d",
        "the factor two is not forgotten",
        "controls",
        "share",
        edited("/ depth", "/ (2 * depth)"),
    ),
    PlantedError(
        "C25d",
        "a layer may be off by ln 2 over the depth",
        "controls",
        "share",
        edited("epsilon / depth", "epsilon * Fraction(693, 1000) / depth"),
    ),
)
