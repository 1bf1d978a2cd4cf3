"""How much a sample adds to the approximable set, and when the set is enough.

The process: A_0 = [-eta, eta], and a sample X grows A to A united with (A + X) within the window W.
p is the fraction of W that A fills, q what the next sample adds to it.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np

from proofs_check.claims import constants
from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.interval_union import IntervalUnion, expected_growth, growth_breaks

HALF = Fraction(1, 2)
WINDOW = -HALF, HALF


def _drift_identity(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    reaches = [end - other for end in WINDOW for other in WINDOW]
    steps.step("z - W lies in [-1, 1] for z in W", max(map(abs, reaches)) <= 1)
    num_sets = effort.pick(100, 3000)
    is_linear = is_drift = True
    for _ in range(num_sets):
        covered = IntervalUnion.draw(rng, WINDOW)
        before = covered.measure
        for left, right in list(pairwise(growth_breaks(covered, WINDOW)))[::7]:
            ends = (covered.grown(step, WINDOW).measure - before for step in (left, right))
            middle = covered.grown((left + right) / 2, WINDOW).measure - before
            is_linear &= sum(ends) == 2 * middle
        drift = expected_growth(covered, WINDOW)
        is_drift &= drift == constants.DRIFT * before * (1 - before)
    steps.step("the growth is linear in x between its breaks", is_linear)
    steps.step(f"E q = {constants.DRIFT} p(1-p) for {num_sets} unions of intervals", is_drift)
    return steps.evidence()


def _growth_range(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    is_inside = is_nested = True
    num_growths = 0
    for _ in range(effort.pick(100, 2000)):
        covered = IntervalUnion.draw(rng, WINDOW)
        larger = covered | IntervalUnion.draw(rng, WINDOW)
        # q is piecewise linear in x, so that its range is that of its values at the breaks.
        for sample in growth_breaks(covered, WINDOW):
            grown = covered.grown(sample, WINDOW)
            growth = grown.measure - covered.measure
            is_inside &= 0 <= growth <= min(covered.measure, 1 - covered.measure)
            wider = larger.grown(sample, WINDOW)
            is_nested &= (grown | wider) == wider
            num_growths += 1
    steps.step(f"0 <= q <= min(p, 1-p) at all {num_growths} breaks of random sets", is_inside)
    steps.step("a larger set grows to a larger set", is_nested)
    is_inside = True
    num_paths = effort.pick(50, 1000)
    for _ in range(num_paths):
        eta = Fraction(1, int(rng.integers(4, 20)))
        covered = IntervalUnion(((-eta, eta),))
        for number in rng.integers(-1000, 1001, 10).tolist():
            grown = covered.grown(Fraction(number, 1000), WINDOW)
            growth = grown.measure - covered.measure
            is_inside &= 0 <= growth <= min(covered.measure, 1 - covered.measure)
            covered = grown
    steps.step(f"the same along {num_paths} paths of the process", is_inside)
    return steps.evidence()


def _covering(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    is_near = True
    num_sets = effort.pick(2000, 30000)
    for _ in range(num_sets):
        covered = IntervalUnion.draw(rng, WINDOW)
        if covered.parts:  # the uncovered measure bounds the distance, whatever it is
            is_near &= covered.sup_distance(WINDOW) <= 1 - covered.measure
    steps.step(f"every z of W within 1-p of A ({num_sets} unions of intervals)", is_near)
    eta = Fraction(1, 16)
    sharp = IntervalUnion(((-HALF, HALF - eta),))
    steps.step("sharp for a hole at the edge", sharp.sup_distance(WINDOW) == eta)
    is_near, num_paths = True, effort.pick(50, 500)
    for _ in range(num_paths):
        is_near &= _path_covers(eta, rng)
    steps.step(f"once p >= 1-eta all z within 2 eta of a subset sum ({num_paths} paths)", is_near)
    return steps.evidence()


def _path_covers(eta: Fraction, rng: np.random.Generator) -> bool:
    """Run the process on a grid until p >= 1 - eta; compare with all subset sums, kept as bits."""
    grid, offset = 256, 1 << 14  # bit number offset + j stands for the sum j / grid
    covered, sums = IntervalUnion(((-eta, eta),)), 1 << offset
    while covered.measure < 1 - eta:
        step = int(rng.integers(-grid, grid + 1))
        covered = covered.grown(Fraction(step, grid), WINDOW)
        sums |= sums << step if step > 0 else sums >> -step
    # No sum wraps: that would take 64 samples of the same sign.
    reached = [Fraction(j, grid) for j in range(-grid, grid + 1) if sums >> (offset + j) & 1]
    around = IntervalUnion.of((point - 2 * eta, point + 2 * eta) for point in reached)
    return around.within(WINDOW).measure == 1


CLAIMS = (
    Claim(
        "C02",
        "The mean growth E q of the covered fraction p is p(1-p)/2 exactly: uniform samples on "
        "[-1, 1], window [-1/2, 1/2]",
        Method.EXACT,
        "this project; the process of Lueker 1998, Theorem 2.4",
        _drift_identity,
    ),
    Claim(
        "C03",
        "A sample adds between 0 and min(p, 1-p), and the process is monotone in the set",
        Method.EXACT,
        "this project; the process of Lueker 1998, Theorem 2.4",
        _growth_range,
    ),
    Claim(
        "C07",
        "When p >= 1-eta every target in [-1/2, 1/2] is within 2 eta of a subset sum",
        Method.EXACT,
        "this project; the process of Lueker 1998, Theorem 2.4",
        _covering,
    ),
)
