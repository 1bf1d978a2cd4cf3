"""The deterministic lemma behind the constant 2/ln 2."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from flint import arb

from proofs_check.claims import constants
from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps

Box = tuple[tuple[int, int], ...]
"""Per variable (j, k): the interval [j/2^k, (j+1)/2^k]."""


def is_positive_on(function: Callable[..., arb], boxes: list[Box], *, depth: int) -> bool:
    """Whether enclosures prove `function` positive on all boxes, cut at most `depth` times each."""
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


def _cells(first: int, last: int, bits: int) -> list[Box]:
    return [((j, bits),) for j in range(first, last)]


def _logit_lemma(effort: Effort, rng: np.random.Generator) -> Evidence:
    import sympy

    del rng
    slope = arb(constants.LOGIT_BASE).log()
    steps = Steps()
    p, q = sympy.symbols("p q", positive=True)
    parts = 1 / p + 1 / (1 - p) - 1 / (p * (1 - p))
    steps.step("1/p + 1/(1-p) = 1/(p(1-p))", bool(sympy.simplify(parts) == 0))
    odds = (p + q) / (1 - p - q) * (1 - p) / p - (1 + q / p) / (1 - q / (1 - p))
    steps.step("logit(p+q) - logit(p) = ln(1+u) - ln(1-w)", bool(sympy.simplify(odds) == 0))

    def low(u: arb) -> arb:
        return (1 + u).log() - slope * u

    def low_derivative(u: arb) -> arb:
        return 1 / (1 + u) - slope

    depth = effort.pick(14, 18)
    # At u = 0 and u = 1 the slack is zero: there the derivative has a sign.
    holds = is_positive_on(low_derivative, _cells(0, 1, 2), depth=depth)
    steps.step("ln(1+u) - u ln 2 increases from 0 on [0, 1/4]", holds)
    holds = is_positive_on(low, _cells(1, 7, 3), depth=depth)
    steps.step("is positive on [1/8, 7/8]", holds)
    holds = is_positive_on(lambda u: -low_derivative(u), _cells(3, 4, 2), depth=depth)
    steps.step("and decreases on [3/4, 1] to 0", holds and constants.LOGIT_BASE == 2)
    steps.step("-ln(1-w) >= w >= w ln 2, for 1/(1-w) >= 1 > ln 2", bool(1 - slope > 0))

    def whole(p: arb, u: arb) -> arb:
        q = u * p
        return ((p + q) / (1 - p - q)).log() - (p / (1 - p)).log() - slope * u / (1 - p)

    bits = effort.pick(4, 7)
    unit = 1 << bits - 4
    boxes: list[Box] = [
        ((i, bits), (j, bits)) for i in range(unit, 7 * unit) for j in range(2 * unit, 16 * unit)
    ]
    holds = is_positive_on(whole, boxes, depth=depth)
    steps.step(f"the lemma itself on {len(boxes)} boxes, p in [1/16, 7/16], q/p in [1/8, 1]", holds)
    return steps.evidence()


CLAIMS = (
    Claim(
        "C04",
        "logit(p+q) - logit(p) >= ln 2 q/(p(1-p)) for 0 <= q <= min(p, 1-p)",
        Method.INTERVAL,
        "this project; for the constant of Lueker 1998, Theorem 2.4",
        _logit_lemma,
    ),
)
