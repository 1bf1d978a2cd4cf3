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
from proofs_check.claims.interval_union import (
    Interval,
    IntervalUnion,
    expected_growth,
    growth_breaks,
)

HALF = Fraction(1, 2)
WINDOW = -HALF, HALF


def _drift_identity(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    reaches = [end - other for end in WINDOW for other in WINDOW]
    steps.step("z - W lies in [-1, 1] for z in W, up to its ends", max(map(abs, reaches)) == 1)
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
    # By hand: a sample x > 0 adds min(x, p, 1-p, 1-x) to an interval at the left edge, x < 0 none.
    is_by_hand = True
    for i in range(1, 24):
        p = Fraction(i, 24)
        low, high = sorted((p, 1 - p))
        # The area under that trapezium, times the density 1/2.
        by_hand = low * (high - low + 1) / 2 / 2
        is_by_hand &= by_hand == constants.DRIFT * p * (1 - p)
    steps.step("the same by hand for intervals at the edge", is_by_hand)
    return steps.evidence()


def most_growth(p: Fraction) -> Fraction:
    """Return the most that one sample adds to a set that fills the fraction p of the window."""
    return min(p, 1 - p)


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
            is_inside &= 0 <= growth <= most_growth(covered.measure)
            wider = larger.grown(sample, WINDOW)
            is_nested &= (grown | wider) == wider
            num_growths += 1
    steps.step(f"0 <= q <= min(p, 1-p) at all {num_growths} breaks of random sets", is_inside)
    steps.step("a larger set grows to a larger set", is_nested)
    is_none = is_most = True
    for i in range(1, 64):
        covered = IntervalUnion(((-HALF, Fraction(i, 64) - HALF),))
        p = covered.measure
        growths = [covered.grown(x, WINDOW).measure - p for x in (min(p, 1 - p), Fraction(0))]
        is_most &= growths[0] == most_growth(p)
        is_none &= growths[1] == 0
    steps.step("both ends are attained, for 63 values of p", is_none and is_most)
    is_inside = True
    num_paths = effort.pick(50, 1000)
    for _ in range(num_paths):
        eta = Fraction(1, int(rng.integers(4, 20)))
        covered = IntervalUnion(((-eta, eta),))
        for number in rng.integers(-1000, 1001, 10).tolist():
            grown = covered.grown(Fraction(number, 1000), WINDOW)
            growth = grown.measure - covered.measure
            is_inside &= 0 <= growth <= most_growth(covered.measure)
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
    etas = [Fraction(1, n) for n in (5, 6, 7, 9, 12, 16, 21, 40, 64)]
    etas += [Fraction(2, 9), Fraction(6, 25)]
    starts = [IntervalUnion((_neighbourhood(Fraction(0), eta),)).measure for eta in etas]
    is_start = starts == [constants.START_IN_ETAS * eta for eta in etas]
    steps.step("A_0, all within eta of the sum 0, has the measure 2 eta", is_start)
    steps.step(f"sharp: {len(etas)} paths to p = 1-eta", all(_is_sharp(eta) for eta in etas))
    etas += [Fraction(1, 4), Fraction(1, 3), Fraction(2, 5)]
    num_paths = effort.pick(70, 500)
    is_near = all(_path_covers(etas[i % len(etas)], rng) for i in range(num_paths))
    steps.step(f"once p >= 1-eta all z within 2 eta of a subset sum ({num_paths} paths)", is_near)
    return steps.evidence()


def _neighbourhood(point: Fraction, radius: Fraction) -> Interval:
    return point - radius, point + radius


def _is_sharp(eta: Fraction) -> bool:
    """Whether the tolerance is needed in full at a fraction that is just enough.

    Samples step, 2 step, 4 step, ... put sums `step` apart on [0, last], and a last sample moves
    all of them to the left end. What is missing is then a hole at the right end, and the target
    there is farther than the hole from every sum by eta.
    """
    hole = constants.MISSING_IN_ETAS * eta
    last, count = HALF - hole - eta, 1
    while last > count * 2 * eta:
        count = 2 * count + 1
    samples, doubled = [], last / count
    while count:
        samples.append(doubled)
        doubled, count = 2 * doubled, count // 2
    covered, sums = IntervalUnion((_neighbourhood(Fraction(0), eta),)), {Fraction(0)}
    for sample in [*samples, eta - HALF]:
        covered = covered.grown(sample, WINDOW)
        sums |= {point + sample for point in sums}
    is_just_enough = covered.measure == 1 - hole
    return is_just_enough and min(HALF - s for s in sums) == constants.TOLERANCE_IN_ETAS * eta


def _path_covers(eta: Fraction, rng: np.random.Generator) -> bool:
    """Run the process on a grid until p >= 1 - eta; compare with all subset sums, kept as bits."""
    grid, offset = 256, 1 << 14  # bit number offset + j stands for the sum j / grid
    covered, sums = IntervalUnion((_neighbourhood(Fraction(0), eta),)), 1 << offset
    while covered.measure < 1 - constants.MISSING_IN_ETAS * eta:
        step = int(rng.integers(-grid, grid + 1))
        covered = covered.grown(Fraction(step, grid), WINDOW)
        sums |= sums << step if step > 0 else sums >> -step
    # No sum wraps: that would take 64 samples of the same sign.
    reached = [
        Fraction(j, grid) for j in range(-2 * grid, 2 * grid + 1) if sums >> (offset + j) & 1
    ]
    tolerance = constants.TOLERANCE_IN_ETAS * eta
    around = IntervalUnion.of(_neighbourhood(point, tolerance) for point in reached)
    return around.within(WINDOW).measure == 1


_SOURCE = "this project; the process of Lueker 1998, Theorem 2.4"
CLAIMS = (
    Claim(
        "C02",
        "For every measurable set A in the window W = [-1/2, 1/2] and a sample X uniform on "
        "[-1, 1], the fraction p of W that A fills grows to A | (A + X) & W by exactly p(1-p)/2 in "
        "the mean",
        Method.EXACT,
        _SOURCE,
        _drift_identity,
    ),
    Claim(
        "C03",
        "For every measurable set A in the window [-1/2, 1/2] and every sample in [-1, 1], the "
        "covered fraction p grows by at least 0 and at most min(p, 1-p), both attained for each p; "
        "a larger set grows to a larger set",
        Method.EXACT,
        _SOURCE,
        _growth_range,
    ),
    Claim(
        "C07",
        "For 0 < eta < 1/2: when the process that starts from [-eta, eta] fills p >= 1-eta of the "
        "window [-1/2, 1/2], every target there is within 2 eta of the sum of some samples; for "
        "eta < 1/4 no smaller multiple of eta is enough",
        Method.EXACT,
        _SOURCE,
        _covering,
    ),
)
