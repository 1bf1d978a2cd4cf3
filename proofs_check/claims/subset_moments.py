r"""First and second moments of the number of subset sums near a target.

Subsets of a kind (k, Q) have k samples whose kappas add up to Q; see `pair_integrals`. Given the
kappas, N is the number of subsets of a kind whose sum is within eta of a target.

With e = eta in units of 1/2, the pairs of one kind contribute (2 e)^2 times
the mean over s, t in [-e, e] of the integral over C of h(z + s, z + t), h the joint density. Write
d = t - s. The mean of s, of d and of their products with smooth functions vanish to first order:

- if i >= 2 and max(u, v) >= 3, then z -> h(z, z + d) has a derivative of at most 2 (f_i is
  absolutely continuous of variation at most 2, the other two densities are at most 1), h has a
  first derivative in d of at most 1 and a second one of at most 2: the mean exceeds the integral of
  h(z, z) by at most (2/3 + 1 + 2/3) e^2 < 3 e^2;
- in all other cases |f(x + d) - f(x)| integrates to at most 2 |d|, and the ends of the cell
  contribute |s| / 1: at most (4/3 + 1/2) e < 2 e.

Single subsets: the mean over s of the integral of f_k over C + s differs from that over C by at
most e^2, as f_k has slopes of at most 1 for k >= 2. Where one subset holds the other, i is the size
of the smaller one, at least 3.

Claim C28 (`pair_moments`) checks all this on cases that rational arithmetic can decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
import numpy.typing as npt

from proofs_check.claims.pair_integrals import CELLS_PER_UNIT, PairIntegrals

KAPPAS = (-2, -1, 0, 1)
_LEAST_SIZE = 3  # of the subsets that are used
_BASE = 128  # of the digits in which (k, Q, k', Q', i) is one integer; |Q| < 64
_NUM_KINDS = 90  # kinds (k, Q) of subsets that are used
_ROUNDING = 2.0**-50  # more than that of a double to the nearest

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cover:
    """The window [-L/2, L/2] = half_cells * [-1, 1] / 8 and the tolerance eta = 2^-eta_bits."""

    num_samples: int
    eta_bits: int
    half_cells: int

    @property
    def cells(self) -> Integers:
        """The cells of the window: [c, c + 1] / CELLS_PER_UNIT in units of 1/2."""
        return np.arange(-self.half_cells, self.half_cells)

    @property
    def radius(self) -> float:
        """eta in units of 1/2."""
        return 2.0 ** (1 - self.eta_bits)


def kinds_near(
    counts: tuple[int, ...], cover: Cover, integrals: PairIntegrals
) -> list[tuple[int, int, int]]:
    """Return the kinds (k, Q) of most subsets near the window, and their numbers."""
    numbers = {(0, 0): 1}
    for kappa, count in zip(KAPPAS, counts, strict=True):
        extended: dict[tuple[int, int], int] = {}
        for (k, q), number in numbers.items():
            for more in range(count + 1):
                key = (k + more, q + kappa * more)
                extended[key] = extended.get(key, 0) + number * comb(count, more)
        numbers = extended
    ranked: list[tuple[float, int, int, int]] = []
    for (k, q), number in numbers.items():
        if k >= _LEAST_SIZE:
            near = _at_cells(integrals.sums[k], cover.cells - CELLS_PER_UNIT * q)
            most = float(number * near.max())
            if most > 0:
                ranked.append((most, k, q, number))
    ranked.sort(reverse=True)
    return [(k, q, number) for _, k, q, number in ranked[:_NUM_KINDS]]


def first_moments(
    kinds: list[tuple[int, int, int]], cover: Cover, integrals: PairIntegrals
) -> Floats:
    """Return lower bounds of the integrals of E N over each cell, (kinds, cells)."""
    e = cover.radius
    # Made smaller before e^2 leaves: what rounds in the sums must not exceed what is left of them.
    sums = integrals.sums * (1 - _ROUNDING)
    rows = [
        number * 2 * e * (_at_cells(sums[k], cover.cells - CELLS_PER_UNIT * q) - e * e)
        for k, q, number in kinds
    ]
    return np.maximum(np.array(rows), 0.0)


def second_moments(
    counts: tuple[int, ...],
    kinds: list[tuple[int, int, int]],
    *,
    cover: Cover,
    integrals: PairIntegrals,
) -> Floats:
    """Return upper bounds of the integrals over each cell of E N_a N_b, (cells, kinds, kinds)."""
    index = np.full((_BASE, _BASE), -1)
    for j, (size, total, _) in enumerate(kinds):
        index[size, total + _BASE // 2] = j
    k, q, k2, q2, i, number = _pair_numbers(counts)
    a, b = index[k, q + _BASE // 2], index[k2, q2 + _BASE // 2]
    is_wanted = (a >= 0) & (b >= a)
    k, q, k2, q2, i, number, a, b = (array[is_wanted] for array in (k, q, k2, q2, i, number, a, b))
    values = number[:, None] * _pair_bounds(
        (i, k - i, k2 - i), (q, q2), cover=cover, integrals=integrals
    )
    number_of_kinds = len(kinds)
    moments = np.empty((len(cover.cells), number_of_kinds, number_of_kinds))
    for c in range(len(cover.cells)):
        flat = np.bincount(a * number_of_kinds + b, values[:, c], minlength=number_of_kinds**2)
        upper = flat.reshape(number_of_kinds, number_of_kinds)
        moments[c] = upper + upper.T - np.diag(np.diag(upper))
    return moments


def _at_cells(values: Floats, cells: Integers) -> Floats:
    """Return the values at cells, 0 outside."""
    is_inside = (cells >= 0) & (cells < values.shape[-1])
    return np.where(is_inside, values[..., np.clip(cells, 0, values.shape[-1] - 1)], 0.0)


def _pair_numbers(counts: tuple[int, ...]) -> tuple[Integers, ...]:
    """Return all (k, Q, k', Q', i) of pairs of subsets with i in common, and their numbers."""
    keys, numbers = np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.int64)
    for kappa, count in zip(KAPPAS, counts, strict=True):
        more = np.array(
            [
                (i, i + u, i + v, comb(count, i) * comb(count - i, u) * comb(count - i - u, v))
                for i in range(count + 1)
                for u in range(count - i + 1)
                for v in range(count - i - u + 1)
            ],
            dtype=np.int64,
        )
        i, k, k2, ways = more.T
        steps = (((k * _BASE + kappa * k) * _BASE + k2) * _BASE + kappa * k2) * _BASE + i
        keys = np.add.outer(keys, steps).ravel()
        numbers = np.multiply.outer(numbers, ways).ravel()
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
        keys, numbers = keys[starts], np.add.reduceat(numbers[order], starts)
    digits = []
    for is_signed in (False, True, False, True):  # from the last digit on: i, Q', k', Q
        shift = _BASE // 2 if is_signed else 0
        digit = (keys + shift) % _BASE - shift
        digits.append(digit)
        keys = (keys - digit) // _BASE
    i, q2, k2, q = digits
    return keys, q, k2, q2, i, numbers


def _pair_bounds(
    sizes: tuple[Integers, Integers, Integers],
    sums: tuple[Integers, Integers],
    *,
    cover: Cover,
    integrals: PairIntegrals,
) -> Floats:
    """Return upper bounds of the integrals over the cells of P(both within eta), (pairs, cells)."""
    (i, u, v), (q, q2) = sizes, sums
    e = cover.radius
    bounds = np.empty((len(i), len(cover.cells)))
    is_pair = (u > 0) & (v > 0)
    table, row = integrals.rows(u[is_pair], v[is_pair], (q - q2)[is_pair])
    cells = cover.cells[None, :] - CELLS_PER_UNIT * q[is_pair][:, None]
    is_inside = (cells >= 0) & (cells < integrals.num_cells)
    clipped = np.clip(cells, 0, integrals.num_cells - 1)
    joint = np.where(is_inside, table[row[:, None], i[is_pair][:, None], clipped], 0.0)
    is_smooth = (i[is_pair] >= 2) & (np.maximum(u, v)[is_pair] >= 3)
    excess = np.where(is_smooth, 3 * e * e, 2 * e)
    bounds[is_pair] = (2 * e) ** 2 * (joint + excess[:, None])
    for p in np.flatnonzero(~is_pair):  # one subset holds the other
        least = int(q[p] if u[p] == 0 else q2[p])
        base = _at_cells(integrals.sums[i[p]], cover.cells - CELLS_PER_UNIT * least) + e * e
        width = 1.0
        if u[p] != v[p]:
            width = (
                2 * e * _most(int(u[p] + v[p]), least - int(q[p] + q2[p] - least), cover, integrals)
            )
        bounds[p] = 2 * e * width * base
    return bounds


def _most(size: int, at: int, cover: Cover, integrals: PairIntegrals) -> float:
    """Return a bound of the density f_size within 2 e of an integer."""
    if not -1 < at < size + 1:
        return 0.0
    if size == 1:
        return 1.0
    return float(integrals.at_integers[size, at]) + 2 * cover.radius
