"""The lower bound on the parameters of a source, by packing and counting."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np

from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.interval_union import IntervalUnion
from proofs_check.claims.rational_matrix import is_norm_at_most, rationals


def packing(epsilon: Fraction) -> list[Fraction]:
    """Return a greedy subset of [-1, 1] with gaps just above 2 epsilon."""
    gap = 2 * epsilon + Fraction(1, 2**40)
    return [gap * k - 1 for k in range(int(2 / gap) + 1)]


def slopes(weights: list[Fraction]) -> list[tuple[Fraction, Fraction]]:
    """Return, for each mask, the slopes on x > 0 and x < 0 of the pruned two-layer network.

    The weights are the first and the second half of the layers x -> b . s(a x).
    """
    half = len(weights) // 2
    values = []
    for mask in product((0, 1), repeat=len(weights)):
        kept = [bit * weight for bit, weight in zip(mask, weights, strict=True)]
        pairs = list(zip(kept[:half], kept[half:], strict=True))
        zero = Fraction(0)
        right = sum((b * max(a, zero) for a, b in pairs), zero)
        left = sum((b * min(a, zero) for a, b in pairs), zero)
        values.append((right, left))
    return values


def _covered(points: list[Fraction], weights: list[Fraction], epsilon: Fraction) -> list[bool]:
    """Return which targets x -> w x some mask approximates within epsilon on [-1, 1]."""
    masks = slopes(weights)
    return [any(max(abs(w - u), abs(w - v)) <= epsilon for u, v in masks) for w in points]


def _packing_bound(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    epsilons = [Fraction(1, n) for n in range(3, effort.pick(100, 2000))]
    holds = all(len(packing(epsilon)) >= 1 / (2 * epsilon) for epsilon in epsilons)
    steps.step(f"|P| >= 1/(2 eps) on [-1, 1] for {len(epsilons)} eps", holds)
    # Matrices of half integers of norm <= 1 differ by at least 1/2 in norm, so by more than 2 eps.
    epsilon = Fraction(1, 4) - Fraction(1, 2**20)
    entries = (rationals(np.reshape(e, (2, 2)), 2) for e in product(range(-2, 3), repeat=4))
    ball = sum(is_norm_at_most(matrix, Fraction(1)) for matrix in entries)
    steps.step(
        f"2 x 2 matrices, spectral norm: {ball} >= (1/(2 eps))^4", ball >= (1 / (2 * epsilon)) ** 4
    )
    num_sources, epsilon = effort.pick(4, 40), Fraction(1, 40)
    points = packing(epsilon)
    is_single = is_measure = is_counted = True
    for _ in range(num_sources):
        weights = [Fraction(int(n), 64) for n in rng.integers(-64, 65, effort.pick(8, 10))]
        masks = set(slopes(weights))
        near = [sum(max(abs(w - u), abs(w - v)) <= epsilon for w in points) for u, v in masks]
        is_single &= max(near) <= 1
        is_counted &= sum(_covered(points, weights, epsilon)) <= len(masks) <= 2 ** len(weights)
        pieces = ((max(u, v) - epsilon, min(u, v) + epsilon) for u, v in masks)
        reached = IntervalUnion.of(pieces).within((Fraction(-1), Fraction(1))).measure
        is_measure &= reached <= 2 ** len(weights) * 2 * epsilon
    steps.step(f"a mask is near one element only ({num_sources} sources)", is_single)
    steps.step("at most 2^alpha elements are covered", is_counted)
    steps.step("coverable measure <= 2^alpha 2 eps", is_measure)
    steps.step("sum over P of P(covered) <= 2^alpha: all draws of a source", _is_mean_bounded())
    holds = all(_least_alpha(d * d, bits) >= d * d * bits - 1 for d in (1, 2, 3) for bits in (1, 5))
    steps.step("2^alpha >= |P|/2 gives alpha >= d^2 log2(1/(2 eps)) - 1", holds)
    return steps.evidence()


def _is_mean_bounded() -> bool:
    """Enumerate a source of two weights on five values, so that nothing is left to chance."""
    grid = [Fraction(n, 2) for n in range(-2, 3)]
    for epsilon in (Fraction(1, 5), Fraction(1, 20)):
        points = packing(epsilon)
        draws = list(product(grid, repeat=2))
        total = sum(sum(_covered(points, list(draw), epsilon)) for draw in draws)
        if Fraction(total, len(draws)) > 2**2:
            return False
    return True


def _least_alpha(dimension: int, bits: int) -> int:
    """Return the least alpha with 2^alpha >= |P|/2 where |P| = (1/(2 eps))^D, 2 eps = 2^-bits."""
    size = 2 ** (bits * dimension)
    return next(alpha for alpha in range(size.bit_length()) if 2 * 2**alpha >= size)


CLAIMS = (
    Claim(
        "C16",
        "A 2eps-separated set has (1/(2eps))^D elements, so alpha >= d^2 log2(1/(2eps)) - 1 "
        "prunable weights are needed",
        Method.EXACT,
        "in the form of Pensia et al. 2020, Theorem 2",
        _packing_bound,
    ),
)
