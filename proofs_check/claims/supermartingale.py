"""V(p) = (1-p)/p shrinks by the factor 3/4 with each sample, in the mean."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from proofs_check.claims import constants
from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps


def _supermartingale(effort: Effort, rng: np.random.Generator) -> Evidence:
    import sympy

    del effort, rng
    p, q, m, eta = sympy.symbols("p q m eta", positive=True)
    drift = sympy.Rational(constants.DRIFT.numerator, constants.DRIFT.denominator)
    rate = sympy.Rational(constants.COVER_RATE.numerator, constants.COVER_RATE.denominator)

    def potential(x: sympy.Expr) -> sympy.Expr:
        return (1 - x) / x

    def is_zero(expression: sympy.Expr) -> bool:
        return bool(sympy.simplify(expression) == 0)

    steps = Steps()
    chord = potential(p) + q / m * (potential(p + m) - potential(p))
    gap = chord - potential(p + q) - q * (m - q) / (p * (p + q) * (p + m))
    steps.step("chord - V(p+q) = q(m-q)/(p(p+q)(p+m)): two points are extremal", is_zero(gap))
    slope = (potential(p + m) - potential(p)) / m + 1 / (p * (p + m))
    steps.step("its slope is -1/(p(p+m)) < 0: a larger mean only helps", is_zero(slope))
    # The law on {0, m} of mean mu = drift p(1-p) has mass mu/m at m.
    mean = potential(p) + drift * p * (1 - p) / m * (potential(p + m) - potential(p))
    low = mean.subs(m, p) / potential(p)
    steps.step(f"p <= 1/2, m = p: E V = {constants.COVER_RATE} V", is_zero(low - rate))
    high = mean.subs(m, 1 - p) / potential(p)
    steps.step("p > 1/2, m = 1-p: E V = (1 - p/2) V", is_zero(high - (1 - p * drift)))
    slack = sympy.simplify(rate - high)
    at_half, slope = slack.subs(p, sympy.Rational(1, 2)), sympy.diff(slack, p)
    steps.step(
        f"which is <= {constants.COVER_RATE} V, with equality at p = 1/2",
        bool(at_half == 0 and slope > 0),
    )
    masses = drift * (1 - p), drift * p
    is_mass = all(bool(0 <= mass.subs(p, end) <= 1) for mass in masses for end in (0, 1))
    steps.step("mu/m is a probability", is_mass)
    decrease = sympy.diff(potential(p), p) + 1 / p**2
    steps.step("V' = -1/p^2 < 0: p < 1-eta means V > V(1-eta)", is_zero(decrease))
    start, missing = (
        sympy.Rational(multiple.numerator, multiple.denominator) * eta
        for multiple in (constants.START_IN_ETAS, constants.MISSING_IN_ETAS)
    )
    markov = potential(start) / potential(1 - missing)
    is_markov = all(is_zero(rate**n * markov - failure_bound(n, eta)) for n in range(4))
    steps.step("Markov: P <= rate^n V(2eta)/V(1-eta) = rate^n (1-2eta)(1-eta)/(2eta^2)", is_markov)
    eta = Fraction(1, 2**12)
    holds = failure_bound(72, eta) <= Fraction(1, 100) < failure_bound(71, eta)
    steps.step("n = 72 at eta = 2^-12, delta = 0.01, and no less", holds)
    return steps.evidence()


def failure_bound(num_samples: int, eta: Any) -> Any:
    """Return the bound of the claim, for a Fraction or a symbol `eta`."""
    return constants.COVER_RATE**num_samples * (1 - 2 * eta) * (1 - eta) / (2 * eta**2)


CLAIMS = (
    Claim(
        "C05",
        "Let V(p) = (1-p)/p. For 0 < p < 1 and any law of q on [0, min(p, 1-p)] with mean at least "
        "p(1-p)/2: E V(p+q) <= (3/4) V(p). So after n >= 0 such steps from p = 2eta, 0 < eta < "
        "1/2, P(p_n < 1-eta) <= (3/4)^n (1-2eta)(1-eta)/(2 eta^2)",
        Method.SYMBOLIC,
        "this project; the event of Lueker 1998, Theorem 2.4",
        _supermartingale,
    ),
)
