"""The rearrangement inequality; REARRANGEMENT.md has the proof, here its steps."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb

from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.integral import enclosed
from proofs_check.claims.interval_union import IntervalUnion, expected_growth

Integers = npt.NDArray[np.int64]

# |I(A) - I(B)| is at most this times K = 2 int_0^L g times the measure of the symmetric difference.
_CONTINUITY = Fraction(1)


def near_pairs(num_cells: int, sets: Integers) -> Integers:
    """Return E_k of each set of cells, in row k - 1 for k = 1 .. num_cells - 1.

    Bit i of a set stands for cell i. E_k counts the pairs of a cell in the set and a cell outside
    at distance at most k.
    """
    rows = []
    for distance in range(1, num_cells):
        differs = (sets ^ (sets >> distance)) & ((1 << num_cells - distance) - 1)
        rows.append(np.bitwise_count(differs).astype(np.int64))
    return np.cumsum(rows, axis=0) if rows else np.zeros((0, sets.size), dtype=np.int64)


def _path_holds(num_cells: int) -> tuple[bool, bool]:
    """Return whether all steps of the induction hold for a path, and whether its result does."""
    sets = np.arange(1 << num_cells, dtype=np.int64)
    sizes = np.bitwise_count(sets).astype(np.int64)
    pairs = near_pairs(num_cells, sets)
    initial = (1 << sizes) - 1
    complements = sets ^ ((1 << num_cells) - 1)
    mirrored = sum(((sets >> i) & 1) << (num_cells - 1 - i) for i in range(num_cells))
    holds = np.array_equal(pairs, pairs[:, complements])
    holds &= np.array_equal(pairs, pairs[:, np.asarray(mirrored)])
    shorter = np.arange(1 << num_cells - 1, dtype=np.int64)  # the sets without the last cell
    inner = near_pairs(num_cells - 1, shorter)
    for k in range(1, num_cells):
        # Of the other cells, those within k of the last one.
        window = ((1 << num_cells - 1) - 1) ^ ((1 << max(0, num_cells - 1 - k)) - 1)
        seen = np.bitwise_count(shorter & window).astype(np.int64)
        least = np.maximum(0, sizes[shorter] - max(0, num_cells - 1 - k))
        # On a path of N - 1 cells, k = N - 1 counts what k = N - 2 does.
        before = inner[min(k, num_cells - 2) - 1] if num_cells > 2 else 0
        holds &= np.array_equal(pairs[k - 1, shorter], before + seen)
        holds &= bool((seen >= least).all())
        holds &= np.array_equal(seen[initial[shorter]], least)
    return bool(holds), bool((pairs >= pairs[:, initial]).all())


def _rearrangement(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    steps.step("E_k against a list of pairs, all sets of 7 cells", _is_counted(7))
    num_cells = effort.pick(12, 18)
    inductive, least = zip(*map(_path_holds, range(2, num_cells + 1)), strict=True)
    text = "complement, reflection, last cell off, its neighbours fewest for the initial segment"
    steps.step(text, all(inductive))
    text = f"E_k is least for the initial segment: all sets of N <= {num_cells} cells, all k"
    steps.step(text, all(least))
    steps.step("sum of c_d B_d = sum of (c_k - c_(k+1)) E_k >= 0", _is_abel_sum(rng))
    steps.step("the cells' kernel c_d decreases in d for uniform and product laws", _is_kernel())
    steps.step("I = sum of c_d B_d on unions of cells", _is_cell_sum(effort.pick(20, 400), rng))
    num_sets = effort.pick(100, 3000)
    text = f"|I(A) - I(B)| <= K |A symmetric difference B| ({num_sets} pairs, uniform law, L = 2)"
    steps.step(text, _is_continuous(num_sets, rng))
    steps.step("with equality in the limit, for a short interval in the middle", _is_tight())
    steps.step("an interval at the edge has G(L) - G(a) - G(L-a), uniform law", _is_edge_formula())
    steps.step(f"no less for {num_sets} unions of intervals", _is_least(num_sets, rng))
    return steps.evidence()


def _is_counted(num_cells: int) -> bool:
    sets = np.arange(1 << num_cells, dtype=np.int64)
    pairs = near_pairs(num_cells, sets)
    for k in range(1, num_cells):
        near = [(i, j) for i, j in combinations(range(num_cells), 2) if j - i <= k]
        listed = sum((sets >> i & 1) != (sets >> j & 1) for i, j in near)
        if not np.array_equal(pairs[k - 1], listed):
            return False
    return pairs.shape == (num_cells - 1, sets.size)


def _is_abel_sum(rng: np.random.Generator) -> bool:
    num_cells = 12
    sets = rng.integers(0, 1 << num_cells, 200)
    pairs = near_pairs(num_cells, sets)
    at_distance = np.diff(pairs, axis=0, prepend=0)  # B_d
    kernel = np.sort(rng.integers(0, 1000, num_cells - 1))[::-1]
    drops = kernel - np.append(kernel[1:], 0)
    return bool((drops >= 0).all() and np.array_equal(kernel @ at_distance, drops @ pairs))


def product_double_integral(t: Fraction) -> arb:
    """Return G(t) = t^2 (3/8 - ln(t)/4) for the product of two uniforms on [-1, 1], t <= 1."""
    x = arb(t.numerator) / t.denominator
    return x * x * (arb(3) / 8 - x.log() / 4) if t else arb(0)


def _is_kernel() -> bool:
    """Whether c_d, the second difference of G over cells of width 1/8, decreases for d >= 1.

    For d >= 2 it is compared with int (h - |s|) g(dh + s) ds, which knows no G.
    """
    width = Fraction(1, 8)
    products = [_second_difference(product_double_integral, d, width) for d in range(1, 8)]
    uniforms = [_second_difference(uniform_double_integral, d, width) for d in range(1, 12)]
    for d, value in enumerate(products[1:], start=2):
        if not bool(abs(_smooth_difference(d) - value) < 2.0**-40):
            return False
    is_product = all(left > right for left, right in pairwise(products))
    return is_product and all(left >= right for left, right in pairwise(uniforms))


def _smooth_difference(d: int) -> arb:
    """Return int (h - |s|) g(dh + s) ds over [-h, h] for products and h = 1/8, d >= 2."""
    h = arb(1) / 8

    def below(s: Any, _: Any) -> Any:
        return (h - s) * -(d * h - s).log() / 2

    def above(s: Any, _: Any) -> Any:
        return (h - s) * -(d * h + s).log() / 2

    return enclosed(below, 0, h) + enclosed(above, 0, h)


def _second_difference(function: Callable[[Fraction], Any], d: int, width: Fraction) -> Any:
    return function((d + 1) * width) - 2 * function(d * width) + function((d - 1) * width)


def uniform_double_integral(t: Fraction) -> Fraction:
    """Return G(t), the integral of (t - s) g(s) over [0, t], for the uniform law on [-1, 1]."""
    return t * t / 4 if t <= 1 else Fraction(1, 4) + (t - 1) / 2


def _is_cell_sum(num_sets: int, rng: np.random.Generator) -> bool:
    num_cells, length = 7, Fraction(5, 4)
    width = length / num_cells
    kernel = [_second_difference(uniform_double_integral, d, width) for d in range(1, num_cells)]
    for cells in rng.integers(0, 1 << num_cells, num_sets).tolist():
        pieces = ((i * width, (i + 1) * width) for i in range(num_cells) if cells >> i & 1)
        at_distance = np.diff(near_pairs(num_cells, np.array([cells])), axis=0, prepend=0)
        total = sum(c * int(b) for c, b in zip(kernel, at_distance[:, 0], strict=True))
        if expected_growth(IntervalUnion.of(pieces), (Fraction(0), length)) != total:
            return False
    return True


def _is_continuous(num_sets: int, rng: np.random.Generator) -> bool:
    window = Fraction(0), Fraction(2)
    mass = Fraction(1)  # K = 2 int_0^L g = 1: all of the uniform law is within L
    for _ in range(num_sets):
        first, second = IntervalUnion.draw(rng, window), IntervalUnion.draw(rng, window)
        gap = abs(expected_growth(first, window) - expected_growth(second, window))
        differing = 2 * (first | second).measure - first.measure - second.measure
        if gap > _CONTINUITY * mass * differing:
            return False
    return True


def _is_tight() -> bool:
    """Whether I([1 - h, 1 + h]) = 2h - 5h^2/2 for L = 2 is as the constant of continuity allows."""
    for h in (Fraction(1, 10), Fraction(1, 1000)):
        growth = expected_growth(IntervalUnion(((1 - h, 1 + h),)), (Fraction(0), Fraction(2)))
        if (
            growth != 2 * h - 5 * h * h / 2
            or not growth <= _CONTINUITY * 2 * h <= growth + 3 * h * h
        ):
            return False
    return True


def _least(length: Fraction, measure: Fraction) -> Fraction:
    g = uniform_double_integral
    return g(length) - g(measure) - g(length - measure)


def _is_edge_formula() -> bool:
    for length in (Fraction(1), Fraction(5, 4), Fraction(2), Fraction(3)):
        for tenths in range(1, 10):
            measure = length * tenths / 10
            edge = IntervalUnion(((Fraction(0), measure),))
            if expected_growth(edge, (Fraction(0), length)) != _least(length, measure):
                return False
    return True


def _is_least(num_sets: int, rng: np.random.Generator) -> bool:
    for _ in range(num_sets):
        length = Fraction(int(rng.integers(4, 13)), 4)
        covered = IntervalUnion.draw(rng, (Fraction(0), length))
        growth = expected_growth(covered, (Fraction(0), length))
        if growth < _least(length, covered.measure):
            return False
    return True


CLAIMS = (
    Claim(
        "C26",
        "Let g >= 0 be non-increasing on (0, inf) and integrable on bounded intervals, and A a "
        "measurable subset of [0, L] of measure a. The integral of g(|y - z|) over y in A and z in "
        "[0, L] outside of A is least for A = [0, a], where it is G(L) - G(a) - G(L - a), G'' = g, "
        "G(0) = G'(0) = 0. Looked at: all sets of at most 12 cells (full: 18), and unions of "
        "intervals for the uniform law on [-1, 1], 1 <= L <= 3",
        Method.INTERVAL,
        "Garsia and Rodemich 1974; proof in REARRANGEMENT.md",
        _rearrangement,
    ),
)
