"""The law of a product of two uniforms."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb

from proofs_check.claims import constants
from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps

_FALSE_ALARM = Fraction(1, 1000)


def _product_law(effort: Effort, rng: np.random.Generator) -> Evidence:
    import sympy

    del effort, rng
    steps = Steps()
    t, a, c = sympy.symbols("t a c", positive=True)
    # |a| has density 1 on [0, 1]; given a, the product has density 1/(2|a|) on [-|a|, |a|].
    density = sympy.integrate(1 / (2 * a), (a, t, 1))
    steps.step("density = -ln|t|/2, given either sign of a", _is_zero(density + sympy.log(t) / 2))
    cdf = sympy.Rational(1, 2) + (t - t * sympy.log(t)) / 2
    steps.step("CDF' = density", _is_zero(sympy.diff(cdf, t) - density))
    ends = sympy.limit(cdf, t, 0, "+"), cdf.subs(t, 1)
    steps.step("CDF(0) = 1/2, CDF(1) = 1", ends == (sympy.Rational(1, 2), 1))
    steps.step("density decreases", _is_zero(sympy.diff(density, t) + 1 / (2 * t)))
    mass = 2 * c * density.subs(t, c)  # the width of [-c, c] times the least density on it
    steps.step("component on [-c, c] of mass -c ln c", _is_zero(mass + c * sympy.log(c)))
    slope, bend = sympy.diff(mass, c), sympy.diff(mass, c, 2)
    best = sympy.solve(slope, c)
    is_best = best == [sympy.exp(-1)] and _is_zero(bend + 1 / c)
    steps.step("greatest at c = 1/e, where it is 1/e", is_best and mass.subs(c, best[0]) == best[0])
    half = arb(2).log() / 2
    claimed = constants.component_mass()
    used = constants.COMPONENT_MASS_OVER_LN2
    ratio = sympy.Rational(used.numerator, used.denominator)
    is_half = _is_zero(mass.subs(c, sympy.Rational(1, 2)) - ratio * sympy.log(2))
    is_half &= bool(claimed.overlaps(half))
    steps.step(f"mass {float(claimed.mid()):.4f} at c = 1/2 is (ln 2)/2", is_half)
    kappa = sympy.integrate((1 - t) * density, (t, 0, 1)) - 2 * sympy.integrate(
        (sympy.Rational(1, 2) - t) * density, (t, 0, sympy.Rational(1, 2))
    )
    expected = (sympy.Rational(3, 4) - sympy.log(2) / 2) / 4
    steps.step("I(1/2) = (3/4 - (ln 2)/2)/4", _is_zero(sympy.expand_log(kappa - expected)))
    return steps.evidence()


def _product_samples(effort: Effort, rng: np.random.Generator) -> Evidence:
    num = effort.pick(200_000, 2_000_000)
    samples = np.sort(rng.uniform(-1, 1, num) * rng.uniform(-1, 1, num))
    values = 0.5 + (samples - samples * np.log(np.abs(samples))) / 2
    ranks = np.arange(num)
    distance = max((values - ranks / num).max(), ((ranks + 1) / num - values).max())
    # Dvoretzky, Kiefer, Wolfowitz with Massart's constant: P(distance > d) <= 2 exp(-2 num d^2).
    limit = float(np.sqrt(np.log(2 / float(_FALSE_ALARM)) / (2 * num)))
    text = f"{num} products: sup |F_n - F| = {distance:.5f}, limit {limit:.5f}"
    return Evidence(bool(distance <= limit), text, f"false-alarm rate {_FALSE_ALARM}")


def _is_zero(expression: Any) -> bool:
    import sympy

    return bool(sympy.simplify(expression) == 0)


CLAIMS = (
    Claim(
        "C12",
        "A product of two uniforms has density -ln|t|/2 and a uniform component of mass -c ln c "
        "on [-c, c]",
        Method.SYMBOLIC,
        "after Pensia et al. 2020",
        _product_law,
    ),
    Claim(
        "C12b",
        "Sampled products follow that law",
        Method.STATISTICAL,
        "after Pensia et al. 2020",
        _product_samples,
    ),
)
