"""The moments of `subset_moments` against rationals: they are what is stated, and that is safe."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from proofs_check.claims import subset_moments
from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.exact_pairs import pair_integral, single_integral
from proofs_check.claims.pair_integrals import CELLS_PER_UNIT, PairIntegrals
from proofs_check.claims.subset_moments import KAPPAS, Cover, Floats

_SIX = 6.0  # standard errors
_LAST_BITS = Fraction(1, 2**45)  # relative: what doubles may be off
_LEAST_SIZE = 3
_ZERO = Fraction(0)

# Sizes i, u, v of pairs of subsets; the terms of a bound are different in each group.
_APART = ((0, 1, 1), (0, 2, 3), (1, 1, 2), (1, 2, 3), (2, 1, 2), (2, 3, 1), (2, 2, 3), (3, 3, 3))
_HELD = ((3, 0, 0), (4, 0, 0), (3, 0, 1), (3, 1, 0), (3, 0, 2), (4, 2, 0), (3, 0, 3))

#: The kinds (k, Q) of both subsets, and how many samples they share: as of `_pair_numbers`.
PairKey = tuple[int, int, int, int, int]


def stated_pair_bound(
    sizes: tuple[int, int, int], sums: tuple[int, int], cell: int, *, radius: Fraction
) -> Fraction:
    """Return the bound of `subset_moments` on the integral over a cell of P(both sums are near).

    `sums` are the sums of the kappas of both subsets, of `sizes` i, u and v.
    """
    (i, u, v), (q, q2), e = sizes, sums, radius
    shift = q - q2
    if u > 0 and v > 0:
        joint = pair_integral(sizes, shift, cell - CELLS_PER_UNIT * q, radius=_ZERO)
        excess = 3 * e * e if i >= 2 and max(u, v) >= 3 else 2 * e
        return 4 * e * e * (joint + excess)
    least, step = (q, -shift) if u == 0 else (q2, shift)  # of the smaller subset, and of the rest
    width = Fraction(1)
    if u != v:
        width = 2 * e * _stated_density(u + v, -step, e)
    base = single_integral(i, cell - CELLS_PER_UNIT * least, radius=_ZERO) + e * e
    return 2 * e * width * base


def _stated_density(size: int, at: int, radius: Fraction) -> Fraction:
    """Return f_size(at) + 2 e, 1 for one sample; 0 where no sum of `size` uniforms comes near."""
    if not 0 <= at <= size:
        return _ZERO
    if size == 1:
        return Fraction(1)
    # The integral of f_(size - 1) over four cells: f_size(at).
    cells = range(CELLS_PER_UNIT * (at - 1), CELLS_PER_UNIT * at)
    return sum((single_integral(size - 1, c, radius=_ZERO) for c in cells), _ZERO) + 2 * radius


def stated_moments(
    counts: tuple[int, ...], kinds: list[tuple[int, int, int]], cover: Cover
) -> tuple[list[list[Fraction]], list[list[list[Fraction]]]]:
    """Return the stated bounds: first[kind][cell] and second[cell][kind][kind], in rationals.

    They come from lists of all subsets and all pairs of subsets.
    """
    e = Fraction(cover.radius)
    cells = cover.cells.tolist()
    index = {(k, q): n for n, (k, q, _) in enumerate(kinds)}
    first = [[_ZERO] * len(cells) for _ in kinds]
    second = [[[_ZERO] * len(kinds) for _ in kinds] for _ in cells]
    for (k, q, k2, q2, i), number in pairs_of(counts).items():
        if (k, q) not in index or (k2, q2) not in index:
            continue
        a, b = index[k, q], index[k2, q2]
        for n, cell in enumerate(cells):
            sizes = (i, k - i, k2 - i)
            second[n][a][b] += number * stated_pair_bound(sizes, (q, q2), cell, radius=e)
            if sizes == (k, 0, 0):  # a subset with itself
                whole = single_integral(k, cell - CELLS_PER_UNIT * q, radius=_ZERO)
                first[a][n] = max(_ZERO, number * 2 * e * (whole - e * e))
    return first, second


def pairs_of(counts: tuple[int, ...]) -> dict[PairKey, int]:
    """Return the numbers of `_pair_numbers`, from a list of all pairs of subsets."""
    kappas = [k for kappa, n in zip(KAPPAS, counts, strict=True) for k in [kappa] * n]
    found: dict[PairKey, int] = {}
    for choices in product(range(4), repeat=len(kappas)):
        first, second = ([c & bit > 0 for c in choices] for bit in (1, 2))
        sums = [
            sum(k for k, is_in in zip(kappas, s, strict=True) if is_in) for s in (first, second)
        ]
        key = (sum(first), sums[0], sum(second), sums[1], choices.count(3))
        found[key] = found.get(key, 0) + 1
    return found


def _is_near(found: float, exact: Fraction) -> bool:
    return abs(Fraction(float(found)) - exact) <= exact * _LAST_BITS


def _numbers_step(steps: Steps) -> None:
    holds = True
    for counts in ((1, 2, 1, 2), (0, 3, 2, 0), (2, 0, 1, 3)):
        *digits, ways = (array.tolist() for array in subset_moments._pair_numbers(counts))
        numbers = dict(zip(zip(*digits, strict=True), ways, strict=True))
        holds &= numbers == pairs_of(counts)
    steps.step("numbers of pairs of subsets, by kinds, against lists of them", holds)


def _table_step(steps: Steps, integrals: PairIntegrals) -> None:
    holds = True
    for u, v, d in ((1, 1, 0), (2, 3, -1), (3, 3, 1), (4, 2, 2)):
        table, rows = integrals.rows(*(np.array([k]) for k in (u, v, d)))
        for i in range(4):
            for cell in range(0, CELLS_PER_UNIT * (i + u), 3):
                exact = pair_integral((i, u, v), d, cell, radius=_ZERO)
                holds &= _is_near(table[rows[0], i, cell], exact)
    for k in range(1, 6):
        for cell in range(CELLS_PER_UNIT * k):
            holds &= _is_near(integrals.sums[k, cell], single_integral(k, cell, radius=_ZERO))
    steps.step("integrals of joint densities over cells = differences of truncated powers", holds)


def _bound_steps(steps: Steps, integrals: PairIntegrals) -> None:
    """Compare the bounds of pairs with what is stated, and that with the truth."""
    is_stated = is_safe = True
    nearest: dict[bool, Fraction] = {}
    for bits, sizes, shift in product((4, 10), (*_APART, *_HELD), (-1, 0, 1)):
        i, u, v = sizes
        if not (u or v) and shift:
            continue
        cover = Cover(8, bits, 2)
        e, q = Fraction(cover.radius), 1 - (i + u) // 2
        arrays = [np.array([k]) for k in (i, u, v, q, q - shift)]
        found = subset_moments._pair_bounds(
            (arrays[0], arrays[1], arrays[2]),
            (arrays[3], arrays[4]),
            cover=cover,
            integrals=integrals,
        )
        for n, cell in enumerate(cover.cells.tolist()):
            stated = stated_pair_bound(sizes, (q, q - shift), cell, radius=e)
            true = pair_integral(sizes, shift, cell - CELLS_PER_UNIT * q, radius=e)
            is_stated &= _is_near(found[0, n], stated)
            is_safe &= true <= stated
            if bits == 10 and true:
                key = u > 0 and v > 0
                nearest[key] = min(nearest.get(key, stated / true), stated / true)
    steps.step("bounds of pairs are those stated, to the last bits", is_stated)
    steps.step("and not below P(both near), integrated exactly", is_safe)
    holds = max(nearest.values()) <= 1 + Fraction(1, 100)
    steps.step("and at eta = 2^-10 within 1 % of that for the nearest pairs", holds)


def _matrix_steps(steps: Steps) -> None:
    is_first = is_second = is_safe = True
    for counts in ((1, 2, 1, 1), (0, 2, 3, 0)):
        cover = Cover(sum(counts), 9, 3)
        integrals = PairIntegrals(cover.num_samples)
        kinds = subset_moments.kinds_near(counts, cover, integrals)
        own = pairs_of(counts)
        is_first &= all(own[k, q, k, q, k] == number for k, q, number in kinds)
        is_first &= min(k for k, _, _ in kinds) == _LEAST_SIZE
        first, second = stated_moments(counts, kinds, cover)
        lower = subset_moments.first_moments(kinds, cover, integrals)
        upper = subset_moments.second_moments(counts, kinds, cover=cover, integrals=integrals)
        e = Fraction(cover.radius)
        for n, cell in enumerate(cover.cells.tolist()):
            for a, (k, q, number) in enumerate(kinds):
                is_first &= abs(Fraction(float(lower[a, n])) - first[a][n]) <= _LAST_BITS
                true = number * single_integral(k, cell - CELLS_PER_UNIT * q, radius=e)
                is_safe &= Fraction(float(lower[a, n])) <= true
                is_second &= all(
                    _is_near(upper[n, a, b], second[n][a][b]) for b in range(len(kinds))
                )
    steps.step("first moments = number 2e (integral of f_k - e^2), of all kinds", is_first)
    steps.step("and below the exact ones", is_safe)
    steps.step("second moments = sums of the bounds over all pairs of subsets", is_second)


def _moments(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    integrals = PairIntegrals(8)
    _numbers_step(steps)
    _table_step(steps, integrals)
    _bound_steps(steps, integrals)
    _matrix_steps(steps)
    cover = Cover(10, 10, 5)
    holds = _is_between((2, 3, 2, 3), cover, draws=effort.pick(2000, 20000), rng=rng)
    steps.step("10 samples: first moments not above, second not below simulated ones", holds)
    return steps.evidence("exact; the simulation: 6 standard errors in each of 20 comparisons")


def _is_between(
    counts: tuple[int, ...], cover: Cover, *, draws: int, rng: np.random.Generator
) -> bool:
    """Return whether both moments, all weights 1, are on the safe side of simulated ones."""
    integrals = PairIntegrals(cover.num_samples)
    kinds = subset_moments.kinds_near(counts, cover, integrals)
    first = subset_moments.first_moments(kinds, cover, integrals).sum(axis=0)
    second = subset_moments.second_moments(counts, kinds, cover=cover, integrals=integrals)
    kappas = np.repeat(KAPPAS, counts)
    subsets = (np.arange(1 << cover.num_samples)[:, None] >> np.arange(cover.num_samples)) & 1
    wanted = {(k, q) for k, q, _ in kinds}
    labels = zip(subsets.sum(axis=1).tolist(), (subsets @ kappas).tolist(), strict=True)
    subsets = subsets[[label in wanted for label in labels]]
    hits = np.empty((draws, len(cover.cells)))
    for draw in range(draws):
        sums = np.sort(subsets @ (kappas + rng.random(cover.num_samples)))
        z = (cover.cells + rng.random(len(cover.cells))) / CELLS_PER_UNIT
        ends = [np.searchsorted(sums, z + side * cover.radius) for side in (-1, 1)]
        hits[draw] = ends[1] - ends[0]
    squares = second.sum(axis=(1, 2)) * CELLS_PER_UNIT
    return bool(
        (first * CELLS_PER_UNIT <= hits.mean(axis=0) + _SIX * _error(hits)).all()
        and (squares >= (hits**2).mean(axis=0) - _SIX * _error(hits**2)).all()
    )


def _error(values: Floats) -> Any:
    """Return the standard error of the mean of each column."""
    return np.asarray(values.std(axis=0) / np.sqrt(len(values)))


CLAIMS = (
    Claim(
        "C28",
        "Let X_j = (kappa_j + U_j)/2 with integers kappa_j in [-2, 1] given and the U_j "
        "independent, uniform on [0, 1), and N_a the number of subsets of a kind a = (k, Q), k >= "
        "3 samples whose kappas sum to Q, with a sum within eta of z. For every cell C of length "
        "1/8 the bounds of second_moment's mean hole are safe: first(a, C) <= the integral of E "
        "N_a over C, second(a, b, C) >= that of E N_a N_b. Looked at: all pairs of subsets of 5 "
        "samples and 15 kinds of pairs of up to 6, exactly; 10 samples, simulated",
        Method.STATISTICAL,
        "this project",
        _moments,
    ),
)
