"""The drift on the window [-1, 1], twice as long as the one of Lueker."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product

import numpy as np

from proofs_check.claims import constants
from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.interval_union import IntervalUnion, expected_growth

WINDOW = Fraction(-1), Fraction(1)
Bits = tuple[int, ...]


def surplus(left: Bits, right: Bits, s: int, t: int) -> int:
    """Return the integrand of the proof at s < t."""
    a_s, a_t, b_s, b_t = left[s], left[t], right[s], right[t]
    return a_t * (1 - a_s) + b_s * (1 - b_t) + a_s * b_t - a_t * b_s


def twice_near_pairs(cells: Bits) -> int:
    """Return twice the measure of pairs at distance <= 1 from the set to its complement.

    In units of squared cells; half as many cells have length 1. Two cells half the window apart
    hold near pairs on half of their product.
    """
    half = len(cells) // 2
    weights = [2] * half + [1] + [0] * (half - 1)
    return sum(
        weights[j - i] for i, j in combinations(range(len(cells)), 2) if cells[i] != cells[j]
    )


def _unit_window(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    cases = list(product((0, 1), repeat=4))
    integrands = [surplus((a, b), (c, d), 0, 1) for a, b, c, d in cases]
    steps.step(f"the integrand is >= 0 in all {len(cases)} cases", min(integrands) >= 0)
    corner = surplus((0, 1), (1, 0), 0, 1), surplus((0, 1), (1, 1), 0, 1)
    steps.step("it is (1-a_s)(1-b_t) where a_t = b_s = 1", corner == (1, 0))
    half = effort.pick(5, 7)
    sets = list(product((0, 1), repeat=2 * half))
    sets += [tuple(rng.integers(0, 2, 40).tolist()) for _ in range(effort.pick(100, 2000))]
    is_identity = is_enough = True
    for cells in sets:
        left, right = cells[: len(cells) // 2], cells[len(cells) // 2 :]
        pairs = combinations(range(len(left)), 2)
        total = sum(surplus(left, right, s, t) for s, t in pairs)
        excess = twice_near_pairs(cells) - sum(cells) * (len(cells) - sum(cells))
        is_identity &= 2 * total == excess
        is_enough &= excess >= 0
    steps.step(f"near pairs = |A||A^c|/2 + integral for {len(sets)} cell sets", is_identity)
    steps.step("hence near pairs >= |A||A^c|/2", is_enough)
    num_sets, is_drift = effort.pick(200, 3000), True
    for _ in range(num_sets):
        covered = IntervalUnion.draw(rng, WINDOW)
        fraction = covered.measure / 2
        is_drift &= expected_growth(covered, WINDOW) / 2 >= constants.DRIFT * fraction * (
            1 - fraction
        )
    steps.step(f"E q >= {constants.DRIFT} v(1-v) for {num_sets} unions of intervals", is_drift)
    is_sharp = True
    for i in range(1, 32):
        v = Fraction(i, 32)
        edge = IntervalUnion(((Fraction(-1), 2 * v - 1),))
        least = constants.DRIFT * v * (1 - v)
        is_sharp &= expected_growth(edge, WINDOW) / 2 == least
    steps.step("equality for 31 intervals at the edge", is_sharp)
    eta = Fraction(1, 32)
    start = IntervalUnion(((-eta, eta),)).measure / 2
    hole = IntervalUnion(((Fraction(-1), 1 - eta),))
    ends = start == constants.START_IN_ETAS * eta / 2, hole.sup_distance(WINDOW) == eta
    is_enough = hole.measure / 2 == 1 - constants.MISSING_IN_ETAS * eta / 2
    steps.step("[-eta, eta] fills v = eta, and v = 1 - eta/2 is enough", all(ends) and is_enough)
    return steps.evidence()


CLAIMS = (
    Claim(
        "C06",
        "For every measurable set A that fills the fraction v of the window W = [-1, 1], and a "
        "sample X uniform on [-1, 1], A | (A + X) & W fills at least v(1-v)/2 more in the mean, "
        "with equality for an interval at the edge; so the bounds for targets in [-1/2, 1/2] hold "
        "for targets in [-1, 1] with eta/2 for eta in the start 2 eta and in the end 1 - eta",
        Method.EXACT,
        "this project; the window of da Cunha et al. 2022",
        _unit_window,
    ),
)
