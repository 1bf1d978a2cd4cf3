"""The lower bound on the parameters of a source, by packing and counting."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise, product

import numpy as np

from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.interval_union import IntervalUnion
from proofs_check.claims.rational_matrix import is_norm_at_most, rationals

_HALF = Fraction(1, 2)

# The slopes of x -> -1/2 s(x/2) with neither, one or both weights kept.
_BY_HAND = [(Fraction(0), Fraction(0))] * 3 + [(Fraction(-1, 4), Fraction(0))]


def packing(epsilon: Fraction) -> list[Fraction]:
    """Return a greedy subset of [-1, 1] with gaps just above 2 epsilon."""
    gap = 2 * epsilon + Fraction(1, 2**40)
    return [gap * k - 1 for k in range(int(2 / gap) + 1)]


def packing_size(epsilon: Fraction, dimension: int) -> Fraction:
    """Return the claimed least size of a maximal 2 epsilon-separated set of a unit ball."""
    return (1 / (2 * epsilon)) ** dimension


def parameters_needed(num_targets: Fraction, chance: Fraction) -> int:
    """Return the least alpha with 2^alpha >= chance |P|: the masks cover that many, in the mean."""
    return math.ceil(chance * num_targets - 1).bit_length()


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


def _packing_steps(steps: Steps, effort: Effort) -> None:
    epsilons = [Fraction(1, n) for n in range(3, effort.pick(100, 2000))]
    is_large = is_separated = True
    for epsilon in epsilons:
        points = packing(epsilon)
        is_large &= len(points) >= packing_size(epsilon, 1)
        is_separated &= all(2 * epsilon < y - x <= 4 * epsilon for x, y in pairwise(points))
        is_separated &= points[0] - 2 * epsilon <= -1 and points[-1] + 2 * epsilon >= 1
        is_separated &= points[0] >= -1 and points[-1] <= 1
    steps.step(f"greedy P of [-1, 1] for {len(epsilons)} eps: gaps above 2 eps", is_separated)
    steps.step("|P| >= 1/(2 eps)", is_large)
    is_sharp = True
    for number in range(1, 40):
        epsilon = Fraction(1, 2 * number)
        points = [4 * epsilon * i + 2 * epsilon - 1 for i in range(number)]
        near = IntervalUnion.of((x - 2 * epsilon, x + 2 * epsilon) for x in points)
        # Every target is within 2 eps of one of these: none can be added.
        is_sharp &= near.parts == ((Fraction(-1), Fraction(1)),)
        is_sharp &= packing_size(epsilon, 1) == number
    steps.step("with equality for the loosest maximal set, 39 eps", is_sharp)
    # A ball of radius 2 eps has (2 eps)^D of the volume of the ball, in every norm.
    is_volume = all(
        packing_size(epsilon, dimension) * (2 * epsilon) ** dimension == 1
        for epsilon in (Fraction(1, 3), Fraction(1, 40))
        for dimension in (1, 4, 9)
    )
    steps.step("(1/(2 eps))^D balls of radius 2 eps have the volume of the unit ball", is_volume)
    # Matrices of half integers of norm <= 1 differ by at least 1/2 in norm, so by more than 2 eps.
    epsilon = Fraction(1, 4) - Fraction(1, 2**20)
    entries = (rationals(np.reshape(e, (2, 2)), 2) for e in product(range(-2, 3), repeat=4))
    ball = sum(is_norm_at_most(matrix, Fraction(1)) for matrix in entries)
    text = f"2 x 2 matrices, spectral norm: {ball} >= (1/(2 eps))^4"
    steps.step(text, ball >= packing_size(epsilon, 4))


def _masks_steps(steps: Steps, effort: Effort, rng: np.random.Generator) -> None:
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
    # The worst mask is in the middle between two elements.
    is_single &= all((y - x) / 2 > epsilon for x, y in pairwise(points))
    steps.step(f"a mask is near one element only ({num_sources} sources)", is_single)
    steps.step("at most 2^alpha elements are covered", is_counted)
    steps.step("coverable measure <= 2^alpha 2 eps", is_measure)
    is_by_hand = slopes([_HALF, -_HALF]) == _BY_HAND
    # 1/2 s(x/2) - 1/2 s(-x/2) has the slope 1/4 on both sides.
    pair, eighths = [_HALF, -_HALF, _HALF, -_HALF], [Fraction(i, 8) for i in (-2, -1, 1, 2, 3, 4)]
    by_hand = [False, True, True, True, True, False]
    is_by_hand &= _covered(eighths, pair, Fraction(1, 8)) == by_hand
    steps.step("two and four weights: masks and what they cover, as by hand", is_by_hand)


def _packing_bound(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    _packing_steps(steps, effort)
    _masks_steps(steps, effort, rng)
    steps.step("sum over P of P(covered) <= 2^alpha: all draws of a source", _is_mean_bounded())
    steps.step("2^alpha >= |P|/2, with equality for a source of powers of 2", _is_sharp())
    holds = all(
        parameters_needed(packing_size(Fraction(1, 2 ** (bits + 1)), d * d), _HALF)
        == d * d * bits - 1
        for d in (1, 2, 3)
        for bits in (1, 5)
    )
    steps.step("so alpha >= d^2 log2(1/(2 eps)) - 1", holds)
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


def _is_sharp() -> bool:
    """Whether no fewer parameters are claimed than a source that attains the bound has.

    It computes x -> (s/2 + s m_0 + 2 s m_1 + ...) gap x with masks m and s = 1 or -1, each with
    probability 1/2. The targets are all odd multiples of gap/2: each is met with probability 1/2.
    """
    for alpha in range(9):
        sides = [{sign * (2 * mask + 1) for mask in range(2**alpha)} for sign in (1, -1)]
        targets = sides[0] | sides[1]
        chances = {Fraction(sum(target in side for side in sides), 2) for target in targets}
        if chances != {_HALF} or parameters_needed(Fraction(len(targets)), _HALF) != alpha:
            return False
        if parameters_needed(Fraction(len(sides[0])), Fraction(1)) != alpha:
            return False
    return True


CLAIMS = (
    Claim(
        "C16",
        "A maximal set of points of the unit ball of a D-dimensional normed space, any two more "
        "than 2 eps apart, 0 < eps < 1/2, has at least (1/(2 eps))^D elements. So if a random "
        "network with alpha prunable weights satisfies, for each d x d matrix W of spectral norm "
        "<= 1, that with probability at least 1/2 some mask of it is within eps of x -> W x on "
        "the unit ball, then alpha >= d^2 log2(1/(2 eps)) - 1",
        Method.EXACT,
        "in the form of Pensia et al. 2020, Theorem 2",
        _packing_bound,
    ),
)
