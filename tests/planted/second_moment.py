"""Plants in the second moment: its moments, the hole that they leave, and the record of holes."""

from __future__ import annotations

import numpy as np

from planted.error import PlantedError, edited


def _fewer_numbers(true):
    def numbers(counts):
        *digits, ways = true(counts)
        return (*digits, np.where(digits[0] == digits[2], ways, ways - 1))

    return numbers


PLANTS = (
    PlantedError(
        "C28",
        "the second moment is 0.8 of the true one",
        "subset_moments",
        "second_moments",
        lambda true: lambda *a, **k: true(*a, **k) * 0.8,
    ),
    PlantedError(
        "C28",
        "the second moment is 1 % too small",
        "subset_moments",
        "second_moments",
        lambda true: lambda *a, **k: true(*a, **k) * 0.99,
        is_small=True,
    ),
    PlantedError(
        "C28",
        "the second moment is a thousandth too small for balanced counts",
        "subset_moments",
        "second_moments",
        lambda true: lambda c, k, **o: true(c, k, **o) * (0.999 if min(c) else 1),
        is_small=True,
    ),
    PlantedError(
        "C28",
        "the first moment is 1 % too large",
        "subset_moments",
        "first_moments",
        lambda true: lambda *a: true(*a) * 1.01,
        is_small=True,
    ),
    PlantedError(
        "C28",
        "the first moment adds e^2 instead of taking it off",
        "subset_moments",
        "first_moments",
        edited("- e * e", "+ e * e"),
        is_small=True,
    ),
    PlantedError(
        "C28",
        "the first moment has the tolerance once instead of twice",
        "subset_moments",
        "first_moments",
        edited("number * 2 * e", "number * e"),
    ),
    PlantedError(
        "C28",
        "joint densities are shifted the other way",
        "subset_moments",
        "PairIntegrals.rows",
        lambda true: lambda self, u, v, d: true(self, u, v, -d - 1),
    ),
    PlantedError(
        "C28",
        "joint densities lack the last smoothing",
        "subset_moments",
        "PairIntegrals._row",
        edited("pieces = _smoothed(pieces)", "pieces = _smoothed(pieces) if i < 2 else pieces"),
    ),
    PlantedError(
        "C28",
        "one pair of subsets of each kind is forgotten",
        "subset_moments",
        "_pair_numbers",
        _fewer_numbers,
        is_small=True,
    ),
    PlantedError(
        "C28",
        "the samples in the second subset alone are chosen from all",
        "subset_moments",
        "_pair_numbers",
        edited("comb(count - i - u, v)", "comb(count - i, v)"),
    ),
    PlantedError(
        "C28",
        "smooth pairs have the excess 2.7 e^2 instead of 3 e^2",
        "subset_moments",
        "_pair_bounds",
        edited("3 * e * e", "2.7 * e * e"),
        is_small=True,
    ),
    PlantedError(
        "C28",
        "other pairs have the excess 1.9 e instead of 2 e",
        "subset_moments",
        "_pair_bounds",
        edited("2 * e)\n    bounds", "1.9 * e)\n    bounds"),
        is_small=True,
    ),
    PlantedError(
        "C28",
        "pairs are smooth from two samples in one of both on",
        "subset_moments",
        "_pair_bounds",
        edited("[is_pair] >= 3)", "[is_pair] >= 2)"),
        is_small=True,
    ),
    PlantedError(
        "C28",
        "a subset that holds another has no e^2",
        "subset_moments",
        "_pair_bounds",
        edited("- CELLS_PER_UNIT * least) + e * e", "- CELLS_PER_UNIT * least)"),
        is_small=True,
    ),
    PlantedError(
        "C28",
        "a subset that holds another is near as often as the other",
        "subset_moments",
        "_pair_bounds",
        edited("if u[p] != v[p]:", "if False:"),
    ),
    PlantedError(
        "C28",
        "a density near an integer is that at it, without 2 e",
        "subset_moments",
        "_most",
        edited(" + 2 * cover.radius", ""),
        is_small=True,
    ),
    PlantedError(
        "C28",
        "one sample more is near an integer half of the time",
        "subset_moments",
        "_most",
        edited("return 1.0", "return 0.5"),
    ),
    PlantedError(
        "C28",
        "two moments of different kinds count once",
        "subset_moments",
        "second_moments",
        edited("upper + upper.T - np.diag(np.diag(upper))", "(upper + upper.T) / 2"),
    ),
    PlantedError(
        "C28",
        "subsets of two samples are used too",
        "subset_moments",
        "_LEAST_SIZE",
        lambda true: 2,
        is_small=True,
    ),
    PlantedError(
        "C28",
        "cells outside of the densities count as the last one",
        "subset_moments",
        "_at_cells",
        lambda true: lambda values, cells: values[..., np.clip(cells, 0, values.shape[-1] - 1)],
    ),
    PlantedError(
        "C28",
        "the tolerance is 5 % smaller in the second moment",
        "subset_moments",
        "_pair_bounds",
        edited("e = cover.radius", "e = cover.radius * 0.95"),
        is_small=True,
    ),
)
