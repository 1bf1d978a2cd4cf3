"""Lueker's event with explicit constants: all targets in [-1/2, 1/2] are subset sums, nearly.

The fraction of the window that is approximable within 2 eta grows by a factor of at least
1 + kappa (1 - p) in expectation with each sample; a supermartingale then bounds the failure
probability.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

from strongltn.errors import AssumptionViolated, InvalidInputError
from strongltn.numerics.dyadic import outward_float
from strongltn.rng import WeightLaw
from strongltn.theorems.layers import PRODUCTS
from strongltn.theorems.rearrangement import drift_constant
from strongltn.theorems.supermartingale import Supermartingale


def cover_failure_bound(num_samples: int, tolerance: float, *, law: WeightLaw) -> float:
    r"""Return a bound on the probability that some target in [-1/2, 1/2] is out of reach.

    .. math:: \Pr[\exists z \in [-\tfrac12, \tfrac12]\ \forall S:\ |z - \sum_{i \in S} x_i| > 2\eta]
              \le r^n \frac{(1 - 2\eta)(1 - \eta)}{2 \eta^2}, \quad 2\eta = \text{tolerance},

    r = 3/4 for uniform samples (signed-constant sources) and 5/8 + ln(2)/4 for products of two
    uniforms (uniform sources).

    Parameters
    ----------
    num_samples : int >= 0
    tolerance : float in (0, 1)
    law : WeightLaw
        Of the source.

    Returns
    -------
    float >= 0
        May exceed 1, where it says nothing.

    Raises
    ------
    AssumptionViolated
        No rate is known for the law (Gaussian products).
    InvalidInputError
        `num_samples` or `tolerance` is out of range.

    Notes
    -----
    Rigor: rigorous bound, computed in rationals and rounded upwards; for products it rests on the
    rearrangement inequality of Garsia and Rodemich (1974). Cost: one rational power. Randomness:
    none.

    Source
    ------
    The event is that of Lueker 1998, Theorem 2.4; drift and supermartingale are this project's.

    Examples
    --------
    >>> cover_failure_bound(72, 2 * 2.0**-12, law=WeightLaw.SIGNED_CONSTANT) <= 0.01
    True
    >>> cover_failure_bound(71, 2 * 2.0**-12, law=WeightLaw.SIGNED_CONSTANT) <= 0.01
    False
    """
    if num_samples < 0:
        raise InvalidInputError("num_samples", got=num_samples, allowed="an integer >= 0")
    if not 0 < tolerance < 1:
        raise InvalidInputError("tolerance", got=tolerance, allowed="in (0, 1)")
    eta = Fraction(tolerance) / 2
    bound = Supermartingale(_drift(law), 2 * eta, 1 - eta)
    return outward_float(bound.failure_bound(num_samples), upwards=True)


def cover_tolerance_bound(num_samples: int, failure_probability: float, *, law: WeightLaw) -> float:
    """Return a tolerance at which `cover_failure_bound` is at most `failure_probability`.

    The least such number, up to a relative 2^-40. There always is one: the bound is 0 at 1.
    """
    low, high = 0.0, 1.0
    while high - low > high * 2.0**-40:
        middle = (low + high) / 2
        is_enough = cover_failure_bound(num_samples, middle, law=law) <= failure_probability
        low, high = (low, middle) if is_enough else (middle, high)
    return high


@cache
def _drift(law: WeightLaw) -> Fraction:
    """Return kappa, for products of the weights of a pair of layers."""
    if law not in PRODUCTS:
        raise AssumptionViolated(
            f"no explicit rate is known for products of the law {law.value}; "
            f"known: {', '.join(known.value for known in PRODUCTS)}"
        )
    return drift_constant(PRODUCTS[law], Fraction(1))
