"""What a sample of a symmetric unimodal law adds to a set, at least."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb

from proofs_check.claims import constants
from proofs_check.claims.cells import Law
from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.integral import enclosed
from proofs_check.claims.interval_union import Interval, IntervalUnion, expected_growth
from proofs_check.claims.simulated_tail import ball

_ONE = Fraction(1)
_KAPPA_CELLS = 2000

# kappa = _KAPPA[0] - _KAPPA[1] ln 2: I_1(v) >= kappa v(1-v) for products.
_KAPPA = Fraction(3, 4), Fraction(1, 2)


def primitive(law: Law, t: Fraction) -> Any:
    """Return G(t) = int_0^t (t - s) g(s) ds for the density g(|s|) of `law`; t >= 0.

    A rational for uniform samples; an enclosure for products, and t <= 1 there.
    """
    if law is Law.UNIFORM:
        return t * t / 4 if t <= 1 else t / 2 - Fraction(1, 4)
    if t == 0:
        return arb(0)
    value = ball(t)
    return value**2 * (arb(3) / 8 - value.log() / 4)


def least_growth(law: Law, v: Fraction, length: Fraction) -> Any:
    """Return I_L(v) = (G(L) - G(vL) - G((1-v)L)) / L, for products an enclosure (L <= 1)."""
    ends = (length, v * length, (1 - v) * length)
    whole, low, high = (primitive(law, t) for t in ends)
    return (whole - low - high) / (length if law is Law.UNIFORM else ball(length))


def growth(law: Law, covered: IntervalUnion, window: Interval) -> Any:
    """Return E |((A + X) within W) without A| / |W|, the mean growth of the fraction."""
    ends = [window[0], *(end for part in covered.parts for end in part), window[1]]
    holes = IntervalUnion.of(zip(ends[::2], ends[1::2], strict=True))
    total: Any = Fraction(0) if law is Law.UNIFORM else arb(0)
    for a, b in covered.parts:
        for c, d in holes.parts:
            # int_a^b int_c^d g(|z - y|) dz dy by the four corners of G(|z - y|).
            for sign, corner in ((1, d - a), (-1, d - b), (-1, c - a), (1, c - b)):
                total += sign * primitive(law, abs(corner))
    length = window[1] - window[0]
    return total / (length if law is Law.UNIFORM else ball(length))


def _closed_forms(steps: Steps) -> None:
    import sympy

    t, s = sympy.symbols("t s", positive=True)
    half, quarter = sympy.Rational(1, 2), sympy.Rational(1, 4)
    product = t**2 * (sympy.Rational(3, 8) - sympy.log(t) / 4)
    # G'' = g, G(0) = G'(0) = 0 say the same as the integral.
    for name, density, form in (
        ("uniform, t <= 1", half, t**2 / 4),
        ("product", -sympy.log(t) / 2, product),
    ):
        first = sympy.diff(form, t)
        starts = sympy.limit(form, t, 0, "+") == 0 == sympy.limit(first, t, 0, "+")
        is_second = sympy.simplify(sympy.diff(first, t) - density) == 0
        steps.step(f"G closed, {name}", bool(starts and is_second))
    points = Fraction(1, 64), Fraction(1, 3), Fraction(3, 4), _ONE
    is_integral = all(
        bool(abs(primitive(Law.PRODUCT, point) - _product_integral(point)) < 2.0**-40)
        for point in points
    )
    steps.step("G of the code = its integral, product", is_integral)
    beyond = sympy.integrate((t - s) * half, (s, 0, 1)) - (t * half - quarter)
    steps.step("G closed, uniform, t >= 1", sympy.simplify(beyond) == 0)


def _product_integral(t: Fraction) -> arb:
    """Return int_0^t (t - s) (-ln s)/2 ds, with s = exp(-x) and x up to 80: 2^-100 is left out."""
    end = ball(t)

    def slope(x: Any, _: Any) -> Any:
        return (end - (-x).exp()) * x / 2 * (-x).exp()

    return enclosed(slope, -end.log(), 80)


def _edges(steps: Steps) -> None:
    """Check equality for intervals at an end of the window, by a way that knows no G."""
    halves = [Fraction(i, 32) for i in range(1, 32)]
    drift = constants.DRIFT
    is_plain = all(least_growth(Law.UNIFORM, v, _ONE) == drift * v * (1 - v) for v in halves)
    steps.step(f"uniform, L = 1: I(v) = {drift} v(1-v)", is_plain)
    is_edge = True
    for length in (_ONE, Fraction(5, 4), Fraction(2)):
        window = (Fraction(0), length)
        for v in halves:
            covered = IntervalUnion(((Fraction(0), v * length),))
            is_edge &= expected_growth(covered, window) == length * least_growth(
                Law.UNIFORM, v, length
            )
    steps.step("I_L(v) is the growth of an interval at the edge (uniform, L = 1, 5/4, 2)", is_edge)
    is_edge = True
    for length in (_ONE, Fraction(3, 4)):
        for v in halves:
            window = (Fraction(0), length)
            found = growth(Law.PRODUCT, IntervalUnion(((Fraction(0), v * length),)), window)
            is_edge &= bool(abs(found - least_growth(Law.PRODUCT, v, length)) < 2.0**-40)
    steps.step("and its growth by the four corners (products, L = 1, 3/4)", is_edge)
    tight = 4 * least_growth(Law.PRODUCT, Fraction(1, 2), _ONE) - _kappa_ball()
    steps.step("products: I_1(1/2) = kappa/4", bool(abs(tight) < 2.0**-40))


def _random_sets(steps: Steps, effort: Effort, rng: np.random.Generator) -> None:
    window_lengths = (_ONE, Fraction(5, 4), Fraction(2))
    is_formula = is_least = True
    for index in range(number := effort.pick(300, 5000)):
        window = (Fraction(0), window_lengths[index % 3])
        covered = IntervalUnion.draw(rng, window)
        found = growth(Law.UNIFORM, covered, window)
        v = covered.measure / window[1]
        if index % 10 == 0:
            is_formula &= found * window[1] == expected_growth(covered, window)
        is_least &= bool(found >= least_growth(Law.UNIFORM, v, window[1]))
    steps.step("the four corners of G give the growth (uniform)", is_formula)
    steps.step(f"growth >= I_L(v), uniform, {number} unions of intervals", is_least)
    is_least = True
    for _ in range(number):
        window = (Fraction(0), Fraction(int(rng.integers(1, 17)), 16))
        covered = IntervalUnion.draw(rng, window)
        found = growth(Law.PRODUCT, covered, window)
        least = least_growth(Law.PRODUCT, covered.measure / window[1], window[1])
        # An interval at an end gives equality, which no enclosure can tell from less.
        is_edge = len(covered.parts) < 2 and (
            not covered.parts or {*covered.parts[0]} & {*window} != set()
        )
        is_least &= bool(found >= least) or (is_edge and bool(found.overlaps(least)))
    steps.step(f"growth >= I_L(v), products, {number} unions of intervals (balls)", is_least)


def _kappa(steps: Steps) -> None:
    """Check that I(v) / (v (1-v)), products and L = 1, is least at v = 1/2."""
    import sympy

    v = sympy.symbols("v", positive=True)
    form = v**2 * (sympy.Rational(3, 8) - sympy.log(v) / 4)
    f = v * sympy.log(v) / (1 - v)
    ratio = (sympy.Rational(3, 8) - form - form.subs(v, 1 - v)) / (v * (1 - v))
    split = ratio - sympy.Rational(3, 4) - (f + f.subs(v, 1 - v)) / 4
    steps.step(
        "I/(v(1-v)) = 3/4 + (f(v) + f(1-v))/4, f = v ln(v)/(1-v)", sympy.simplify(split) == 0
    )
    # f is convex: f'' (1-v)^3 = h with h(1) = 0 and h' = -(1/v - 1)^2 <= 0.
    h = 1 / v - v + 2 * sympy.log(v)
    is_second = sympy.simplify(sympy.diff(f, v, 2) * (1 - v) ** 3 - h) == 0
    is_falling = sympy.simplify(sympy.diff(h, v) + (1 / v - 1) ** 2) == 0
    steps.step("f is convex, so the ratio is least at 1/2", is_second and is_falling)
    half = sympy.simplify(ratio.subs(v, sympy.Rational(1, 2)))
    rationals = (sympy.Rational(part.numerator, part.denominator) for part in _KAPPA)
    kappa = next(rationals) - next(rationals) * sympy.log(2)
    steps.step("where it is 3/4 - ln(2)/2", sympy.simplify(half - kappa) == 0)
    least = _kappa_ball()
    cells = [Fraction(2 * i + 1, 2 * _KAPPA_CELLS) for i in range(_KAPPA_CELLS * 9 // 20)]
    is_above = all(_ratio(cell) >= least for cell in cells)
    steps.step(f"the same in balls on {len(cells)} cells of (0, 0.45)", is_above)


def _kappa_ball() -> arb:
    return ball(_KAPPA[0]) - ball(_KAPPA[1]) * arb(2).log()


def _ratio(middle: Fraction) -> arb:
    """Return an enclosure of 3/4 + (f(v) + f(1-v))/4 on a cell around `middle`.

    f falls from 0 to -1 as v goes from 0 to 1, so that its values at the ends enclose it.
    """
    width = Fraction(1, 2 * _KAPPA_CELLS)

    def f(x: Fraction) -> arb:
        if x in (0, 1):
            return arb(-x.numerator)
        return ball(x) * ball(x).log() / ball(1 - x)

    low, high = middle - width, middle + width
    total = f(low).union(f(high)) + f(1 - low).union(f(1 - high))
    return arb(3) / 4 + total / 4


def _unimodal(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    _closed_forms(steps)
    _edges(steps)
    _random_sets(steps, effort, rng)
    _kappa(steps)
    return steps.evidence()


CLAIMS = (
    Claim(
        "C27",
        "Let X have the density g(|t|), g non-increasing, and A a measurable subset of an interval "
        "W of length L, |A| = v L. Then |((A + X) within W) outside of A| / L has a mean of at "
        "least I_L(v) = (G(L) - G(vL) - G((1-v)L)) / L, G(t) = int_0^t (t - s) g(s) ds, with "
        "equality for an interval at an end of W. For a product of two U[-1, 1] and L = 1, I_1(v) "
        ">= (3/4 - ln(2)/2) v(1-v) on [0, 1], with equality at v = 1/2. Looked at: unions of "
        "intervals, U[-1, 1] with L = 1, 5/4, 2 and products with L <= 1 (any A: claim C26)",
        Method.INTERVAL,
        "this project; in the form of Garsia and Rodemich 1974",
        _unimodal,
    ),
)
