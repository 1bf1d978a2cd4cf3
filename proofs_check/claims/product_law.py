"""The law of a product of two uniforms."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb

from proofs_check.claims import constants
from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps

_FALSE_ALARM = Fraction(1, 1000)


def density(t: Any) -> Any:
    """Return the density of a product at t in (0, 1], a sympy expression; it is even."""
    import sympy

    return -sympy.log(t) / 2


def distribution(t: Any) -> Any:
    """Return P(product <= t) for t in (0, 1], a sympy expression."""
    import sympy

    return sympy.Rational(1, 2) + (t - t * sympy.log(t)) / 2


def component(c: Any) -> Any:
    """Return the mass of the uniform component on [-c, c], 0 < c <= 1, a sympy expression."""
    import sympy

    return -c * sympy.log(c)


def _law_steps(steps: Steps) -> None:
    import sympy

    t, a = sympy.symbols("t a", positive=True)
    # |a| has density 1 on [0, 1]; given a, of either sign, the product is uniform on [-|a|, |a|].
    derived = sympy.integrate(1 / (2 * a), (a, t, 1))
    steps.step("density = -ln|t|/2, given either sign of a", _is_zero(derived - density(t)))
    both = 2 * sympy.integrate(density(t), (t, 0, 1))
    steps.step("its integral over [-1, 1] is 1", _is_zero(both - 1))
    steps.step("CDF' = density", _is_zero(sympy.diff(distribution(t), t) - density(t)))
    ends = sympy.limit(distribution(t), t, 0, "+"), distribution(t).subs(t, 1)
    steps.step("CDF(0) = 1/2, CDF(1) = 1", ends == (sympy.Rational(1, 2), 1))
    steps.step("density decreases", _is_zero(sympy.diff(density(t), t) + 1 / (2 * t)))
    # E |ab|^k = (E |a|^k)^2 = 1/(k+1)^2, a way that knows no density.
    moments = [2 * sympy.integrate(t**k * density(t), (t, 0, 1)) for k in (1, 2, 3, 4)]
    is_moment = moments == [sympy.Rational(1, (k + 1) ** 2) for k in (1, 2, 3, 4)]
    steps.step("E |ab|^k = 1/(k+1)^2 for k <= 4", is_moment)


def _component_steps(steps: Steps) -> None:
    import sympy

    c, t = sympy.symbols("c t", positive=True)
    mass = 2 * c * density(c)  # the width of [-c, c] times the least density on it
    steps.step("component on [-c, c] of mass -c ln c", _is_zero(mass - component(c)))
    slope, bend = sympy.diff(component(c), c), sympy.diff(component(c), c, 2)
    best = sympy.solve(slope, c)
    is_best = best == [sympy.exp(-1)] and _is_zero(bend + 1 / c)
    is_best &= component(c).subs(c, sympy.exp(-1)) == sympy.exp(-1)
    steps.step("greatest at c = 1/e, where it is 1/e", is_best)
    used = constants.COMPONENT_MASS_OVER_LN2
    claimed = sympy.Rational(used.numerator, used.denominator) * sympy.log(2)
    end = sympy.Rational(constants.COMPONENT_END.numerator, constants.COMPONENT_END.denominator)
    is_half = _is_zero(sympy.expand_log(component(end), force=True) - claimed)
    ball = constants.component_mass()
    is_half &= bool(ball.overlaps(arb(2).log() / 2))
    steps.step(f"mass {float(ball.mid()):.4f} at c = 1/2 is (ln 2)/2", is_half)
    kappa = sympy.integrate((1 - t) * density(t), (t, 0, 1)) - 2 * sympy.integrate(
        (sympy.Rational(1, 2) - t) * density(t), (t, 0, sympy.Rational(1, 2))
    )
    expected = (sympy.Rational(3, 4) - sympy.log(2) / 2) / 4
    steps.step("I(1/2) = (3/4 - (ln 2)/2)/4", _is_zero(sympy.expand_log(kappa - expected)))


def _product_law(effort: Effort, rng: np.random.Generator) -> Evidence:
    del effort, rng
    steps = Steps()
    _law_steps(steps)
    _component_steps(steps)
    return steps.evidence()


def draw_products(rng: np.random.Generator, number: int) -> npt.NDArray[np.float64]:
    """Return products of two uniforms on [-1, 1]."""
    return np.asarray(rng.uniform(-1, 1, number) * rng.uniform(-1, 1, number))


def estimated_distribution(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return P(product <= x) at the samples, none of which is 0, in floating point."""
    return np.asarray(0.5 + (samples - samples * np.log(np.abs(samples))) / 2)


def _distance(samples: npt.NDArray[np.float64]) -> float:
    """Return the largest distance of P to the fractions of the sorted samples."""
    values, ranks = estimated_distribution(samples), np.arange(len(samples))
    above = (values - ranks / len(samples)).max()
    return float(max(above, ((ranks + 1) / len(samples) - values).max()))


def _product_samples(effort: Effort, rng: np.random.Generator) -> Evidence:
    num = effort.pick(2_000_000, 10_000_000)
    samples = np.sort(draw_products(rng, num))
    distance, other = _distance(samples), _distance(samples * 0.98)
    # Dvoretzky, Kiefer, Wolfowitz with Massart's constant: P(distance > d) <= 2 exp(-2 num d^2).
    limit = float(np.sqrt(np.log(2 / float(_FALSE_ALARM)) / (2 * num)))
    steps = Steps()
    text = f"{num} products: sup |F_n - F| = {distance:.5f}, limit {limit:.5f}"
    steps.step(text, distance <= limit)
    steps.step(f"0.98 of them are told apart: {other:.5f}", other > limit)
    return steps.evidence(f"false-alarm rate {_FALSE_ALARM}")


def _is_zero(expression: Any) -> bool:
    import sympy

    return bool(sympy.simplify(expression) == 0)


CLAIMS = (
    Claim(
        "C12",
        "The product of two independent uniforms on [-1, 1], also given the sign of one, has the "
        "density -ln|t|/2 and P(product <= t) = 1/2 + (t - t ln|t|)/2 on [-1, 1]; its largest "
        "uniform component on [-c, c], 0 < c <= 1, has the mass -c ln c: (ln 2)/2 at c = 1/2, at "
        "most 1/e",
        Method.SYMBOLIC,
        "after Pensia et al. 2020",
        _product_law,
    ),
    Claim(
        "C12b",
        "Sampled products of two uniforms on [-1, 1] follow P(product <= t) = 1/2 + "
        "(t - t ln|t|)/2 for all t in [-1, 1]",
        Method.STATISTICAL,
        "after Pensia et al. 2020",
        _product_samples,
    ),
)
