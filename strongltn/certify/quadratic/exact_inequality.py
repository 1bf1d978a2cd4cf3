r"""The matrix of a quadratic certificate, exact, and the proof in integers that it is positive.

Ordered inputs first, the outputs as further variables at the end (Schur: w' Lambda w = min over o
of the larger form), the matrix and a factor are

    M = [[diag(g), .], [V, H]],   K = [[diag(r), 0], [C, F]],

M after scaling every variable by the power of two that brings its diagonal entry near 1. The proof
is that the exact residual

    M - K K' = [[g - r^2, .], [V - C diag(r), H - C C' - F F']]

is diagonally dominant: no row's sum of absolute values off the diagonal exceeds its diagonal entry.
There is no shift: the slack is the interior of the search.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.certify.quadratic.constraints import Family
from strongltn.certify.quadratic.relaxation import Relaxation
from strongltn.errors import SoundnessBug
from strongltn.numerics.dyadic import DyadicArray

Objects = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Inequality:
    """The matrix M, exact: `diagonal` of the inputs, and `rows` [V | H] of all other variables."""

    diagonal: DyadicArray
    rows: DyadicArray

    def scales(self) -> Objects | None:
        """Return the exponents of the powers of two that bring the diagonal to [1/2, 2).

        None if an entry on the diagonal is not positive.
        """
        num = len(self.diagonal.numerators)
        ends = np.concatenate(
            [self.diagonal.numerators, np.diagonal(self.rows.numerators[:, num:])]
        )
        if not (ends > 0).all():
            return None
        units = [self.diagonal.exponent] * num + [self.rows.exponent] * (len(ends) - num)
        return np.array(
            [-((int(m).bit_length() + k) // 2) for m, k in zip(ends, units, strict=True)],
            dtype=object,
        )


def exact_inequality(
    relaxation: Relaxation, multipliers: NDArray[np.int64], tau: Fraction
) -> Inequality:
    """Return M for the multipliers, the outputs included.

    Raises
    ------
    SoundnessBug
        Two different inputs meet in one product.

    Notes
    -----
    Rigor: exact. Cost: one row of Python integers for every product with a form.
    Randomness: none.
    """
    terms = [
        (term, _weights(term.coefficient, part[term.owner]))
        for family, part in by_family(relaxation, multipliers)
        for term in family.terms
    ]
    forms, output = relaxation.forms, relaxation.output
    tau_exponent = 1 - tau.denominator.bit_length()
    exponents = [weights.exponent + min(0, forms.exponent) for _, weights in terms]
    unit = min(output.exponent, tau_exponent, 0, *exponents) - 1  # halves
    diagonal, rows = _products(relaxation, terms, unit)
    num_inputs, num = relaxation.num_inputs, relaxation.num_variables
    num_outputs, inner = output.shape[0], num - num_inputs
    rest = rows[:, num_inputs:]
    outputs = -(output.numerators.astype(object) << (output.exponent - unit))
    complete = np.zeros((inner + num_outputs, num + num_outputs), dtype=object)
    # a product w p counts half for (w, p) and half for (p, w)
    complete[:inner, :num_inputs] = rows[:, :num_inputs] >> 1
    complete[:inner, num_inputs:num] = (rest + rest.T) >> 1
    complete[inner - 1, num - 1] += tau.numerator << (tau_exponent - unit)
    complete[inner:, :num] = outputs
    complete[:inner, num:] = outputs[:, num_inputs:].T
    ends = np.arange(num_outputs)
    complete[inner + ends, num + ends] = 1 << -unit
    return Inequality(DyadicArray(diagonal, unit), DyadicArray(complete, unit))


def _products(relaxation: Relaxation, terms: list[Any], unit: int) -> tuple[Objects, Objects]:
    """Return minus the sum of all products, in units of two to `unit`: inputs, other rows."""
    num_inputs, num = relaxation.num_inputs, relaxation.num_variables
    diagonal = np.zeros(num_inputs, dtype=object)
    rows = np.zeros((num - num_inputs, num), dtype=object)
    forms = relaxation.forms.numerators.astype(object)
    for term, weights in terms:
        plain = weights.numerators << (weights.exponent - unit)
        factors = weights.numerators << (
            weights.exponent + min(0, relaxation.forms.exponent) - unit
        )
        factors = factors << max(0, relaxation.forms.exponent)
        for left, right, whole, part in zip(
            term.left.tolist(), term.right.tolist(), plain, factors, strict=True
        ):
            if right >= num:
                rows[left - num_inputs] -= part * forms[right - num]
            elif left >= num_inputs:
                rows[left - num_inputs, right] -= whole
            elif left == right:
                diagonal[left] -= whole
            else:
                raise SoundnessBug("two inputs meet in one product")
    return diagonal, rows


def is_positive(
    inequality: Inequality,
    diagonal: NDArray[np.int64],
    factor: NDArray[np.int64],
    exponent: int,
) -> bool:
    """Return whether the scaled M minus K K' is diagonally dominant, in integers.

    Notes
    -----
    Rigor: exact. Cost: one product of integer matrices. Randomness: none.
    """
    num_inputs = len(diagonal)
    scales = inequality.scales()
    if scales is None:
        return False
    unit, low = inequality.rows.exponent, int(scales.min())
    grid = min(unit + 2 * low, 2 * exponent)  # both sides in units of two to it
    powers = 1 << (scales - low)
    base, square = unit + 2 * low - grid, 2 * exponent - grid
    rows = inequality.rows.numerators * (powers[num_inputs:, None] << base) * powers
    inputs = inequality.diagonal.numerators * (powers[:num_inputs] ** 2 << base)
    wide, roots = factor.astype(object), diagonal.astype(object)
    spread = np.abs(rows[:, :num_inputs] - (wide[:, :num_inputs] * roots << square))
    if not bool((inputs - (roots * roots << square) >= spread.sum(axis=0)).all()):
        return False
    matrix = DyadicArray(factor, 0).matrix
    entries = (matrix * matrix.transpose()).entries()
    gram = np.array([int(k) for k in entries], dtype=object).reshape(len(factor), -1)
    inner = rows[:, num_inputs:] - (gram << square)
    on = np.diagonal(inner)
    others = np.abs(inner).sum(axis=1) - np.abs(on) + spread.sum(axis=1)
    return bool((on >= others).all())


def by_family(
    relaxation: Relaxation, multipliers: NDArray[np.int64]
) -> list[tuple[Family, DyadicArray]]:
    """Return every family with its multipliers on one grid."""
    sizes = [family.size for family in relaxation.families]
    if multipliers.shape != (2, sum(sizes)):
        raise SoundnessBug(f"multipliers of the shape {multipliers.shape}")
    parts = np.split(multipliers, np.cumsum(sizes)[:-1], axis=1)
    result = []
    for family, (numerators, exponents) in zip(relaxation.families, parts, strict=True):
        unit = int(exponents.min())
        wide = numerators.astype(object) << (exponents - unit).astype(object)
        result.append((family, DyadicArray(wide, unit)))
    return result


def _weights(coefficient: DyadicArray, multipliers: DyadicArray) -> DyadicArray:
    wide = coefficient.numerators.astype(object) * multipliers.numerators
    return DyadicArray(wide, coefficient.exponent + multipliers.exponent)
