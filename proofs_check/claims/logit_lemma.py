"""The deterministic lemma behind the constant 2/ln 2."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import product

import numpy as np
from flint import arb

from proofs_check.claims import constants
from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.simulated_tail import ball

Box = tuple[tuple[int, int], ...]
"""Per variable (j, k): the interval [j/2^k, (j+1)/2^k]."""


def is_positive_on(function: Callable[..., arb], boxes: list[Box], *, depth: int) -> bool:
    """Whether enclosures prove `function` positive on all boxes, cut at most `depth` times each.

    False where there is no box, since then nothing was looked at.
    """
    if not boxes:
        return False
    stack = [(box, depth) for box in boxes]
    while stack:
        box, left = stack.pop()
        if function(*(arb(2 * j + 1, 1) / (2 << k) for j, k in box)) > 0:
            continue
        if left == 0:
            return False
        widest = min(range(len(box)), key=lambda axis: box[axis][1])
        j, k = box[widest]
        halves = [(2 * j, k + 1), (2 * j + 1, k + 1)]
        stack += [((*box[:widest], half, *box[widest + 1 :]), left - 1) for half in halves]
    return True


def _cells(first: Fraction, last: Fraction, bits: int) -> list[Box]:
    """Return cells of width 2^-bits that cover [first, last]."""
    return [((j, bits),) for j in range(int(first * 2**bits), math.ceil(last * 2**bits))]


#: The lemma holds for 0 <= q <= _MOST_SHARE min(p, 1-p).
_MOST_SHARE = Fraction(1)


def slack(p: arb, q: arb) -> arb:
    """Return what the lemma says to be at least 0."""
    rise = ((p + q) / (1 - p - q)).log() - (p / (1 - p)).log()
    return rise - arb(constants.LOGIT_BASE).log() * q / (p * (1 - p))


def _rise_at_p(u: arb) -> arb:
    """Return ln(1+u) - u ln 2."""
    return (1 + u).log() - arb(constants.LOGIT_BASE).log() * u


def _rise_at_rest(w: arb) -> arb:
    """Return -ln(1-w) - w ln 2."""
    return -(1 - w).log() - arb(constants.LOGIT_BASE).log() * w


def _machinery(steps: Steps, depth: int) -> None:
    """Check that enclosures see what points do not, and that the slack is that of its two parts."""
    third, square = arb(1) / 3, arb(2) ** -20
    boxes = _cells(Fraction(0), Fraction(1), 6)
    is_seen = not is_positive_on(lambda u: (u - third) ** 2 - square, boxes, depth=depth)
    is_seen &= is_positive_on(lambda u: (u - third) ** 2 + square, boxes, depth=depth)
    is_seen &= not is_positive_on(lambda u: arb(1), [], depth=depth)
    # Positive on the cell [1/4, 1/2] and, but for 2^-12, nowhere else.
    cell, margin = _cells(Fraction(1, 4), Fraction(1, 2), 2), arb(2) ** -12
    for sides in ((-1, 1), (1, -1)):
        low, high = (margin * side for side in sides)
        is_left = is_positive_on(lambda u, low=low: u - arb(1) / 4 - low, cell, depth=depth)
        is_right = is_positive_on(lambda u, high=high: arb(1) / 2 + high - u, cell, depth=depth)
        is_seen &= is_left == is_right == (sides == (-1, 1))
    steps.step("enclosures notice what is negative on 2^-9 or at an end only", is_seen)
    is_sum = True
    for i, j in product(range(1, 16), range(1, 16)):
        p, q = Fraction(i, 16), min(Fraction(i, 16), Fraction(16 - i, 16)) * Fraction(j, 16)
        shares = [ball(q / p), ball(q / (1 - p))]
        parts = _rise_at_p(shares[0]) + _rise_at_rest(shares[1])
        is_sum &= bool(slack(ball(p), ball(q)).overlaps(parts))
    steps.step("slack = ln(1+u) - u ln 2 + (-ln(1-w) - w ln 2) at 225 pairs (p, q)", is_sum)


def _halves(steps: Steps, depth: int) -> None:
    """Check ln(1+u) >= u ln 2 for u = q/p, and -ln(1-w) >= w >= w ln 2 for w = q/(1-p)."""
    slope, end = arb(constants.LOGIT_BASE).log(), _MOST_SHARE

    def low_derivative(u: arb) -> arb:
        return 1 / (1 + u) - slope

    # At u = 0 and u = 1 the slack is zero: there the derivative has a sign.
    holds = is_positive_on(low_derivative, _cells(Fraction(0), end / 4, 6), depth=depth)
    steps.step("ln(1+u) - u ln 2 increases from 0 on [0, 1/4]", holds)
    holds = is_positive_on(_rise_at_p, _cells(end / 8, end * 7 / 8, 6), depth=depth)
    steps.step("is positive on [1/8, 7/8]", holds)
    holds = is_positive_on(lambda u: -low_derivative(u), _cells(end * 3 / 4, end, 6), depth=depth)
    steps.step("and decreases on [3/4, 1]", holds)
    # base^(a/b) = 1 + a/b at the end a/b, as integers.
    power = Fraction(constants.LOGIT_BASE) ** end.numerator
    steps.step("to 0: equality at q = p", power == (1 + end) ** end.denominator)
    # -ln(1-w) - w ln 2 is 0 at w = 0, and its derivative 1/(1-w) - ln 2 is at least 1 - ln 2.
    steps.step("-ln(1-w) >= w >= w ln 2, for 1/(1-w) >= 1 > ln 2", bool(1 - slope > 0))


def _logit_lemma(effort: Effort, rng: np.random.Generator) -> Evidence:
    import sympy

    del rng
    steps, depth = Steps(), effort.pick(14, 18)
    p, q = sympy.symbols("p q", positive=True)
    parts = 1 / p + 1 / (1 - p) - 1 / (p * (1 - p))
    steps.step("1/p + 1/(1-p) = 1/(p(1-p))", bool(sympy.simplify(parts) == 0))
    odds = (p + q) / (1 - p - q) * (1 - p) / p - (1 + q / p) / (1 - q / (1 - p))
    steps.step("logit(p+q) - logit(p) = ln(1+u) - ln(1-w)", bool(sympy.simplify(odds) == 0))
    _machinery(steps, depth)
    _halves(steps, depth)
    bits = effort.pick(4, 7)
    unit = 1 << bits - 4
    share = arb(_MOST_SHARE.numerator) / _MOST_SHARE.denominator

    def left(p: arb, u: arb) -> arb:
        return slack(p, u * share * p)

    def right(p: arb, u: arb) -> arb:
        return slack(p, u * share * (1 - p))

    columns = range(2 * unit, 16 * unit)
    boxes: list[Box] = [((i, bits), (j, bits)) for i in range(unit, 7 * unit) for j in columns]
    holds = is_positive_on(left, boxes, depth=depth)
    steps.step(f"the lemma itself on {len(boxes)} boxes, p in [1/16, 7/16], q/p in [1/8, 1]", holds)
    columns = range(2 * unit, 15 * unit)
    boxes = [((i, bits), (j, bits)) for i in range(9 * unit, 15 * unit) for j in columns]
    holds = is_positive_on(right, boxes, depth=depth)
    steps.step(f"and on {len(boxes)}, p in [9/16, 15/16], q/(1-p) in [1/8, 15/16]", holds)
    # Near p = 0 and q = p it is an equality: the slack is that of -ln(1-w) alone.
    small = arb(1) / 2**40
    steps.step("sharp: slack at most 2p at q = p = 2^-40", bool(slack(small, small) < 2 * small))
    return steps.evidence()


CLAIMS = (
    Claim(
        "C04",
        "logit(p+q) - logit(p) >= ln 2 q/(p(1-p)) for all 0 < p < 1 and 0 <= q <= min(p, 1-p), "
        "where logit(1) is infinite; no larger factor than ln 2 is possible",
        Method.INTERVAL,
        "this project; for the constant of Lueker 1998, Theorem 2.4",
        _logit_lemma,
    ),
)
