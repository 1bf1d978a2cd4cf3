r"""How much of a window one more sample makes approximable, at least, in the mean.

A window W of length L holds a measurable set A of fraction v; z in W is newly approximable when
z - X is in A. With the density g(|t|) of X, non-increasing in |t|, the expected new fraction is

.. math:: \frac1L \int_A \int_{W \setminus A} g(|z - y|)\, dz\, dy \ge
          I_L(v) = \frac{G(L) - G(vL) - G((1 - v)L)}{L}, \quad G(t) = \int_0^t (t - s) g(s)\, ds,

because monotone rearrangement of A towards an edge of W does not increase the double integral.

Its least ratio :math:`\kappa` to v(1 - v). With :math:`h(v) = g(vL) + g((1 - v)L)`, :math:`I'' = -L
h`, I(0) = 0, and I is symmetric about 1/2. Let :math:`D = I - \kappa v(1 - v)`.

If h does not increase on (0, 1/2): with :math:`\kappa = 4 I(1/2)`, D and D' vanish at 1/2 and D
is first concave, then convex, so it is above its tangent 0 on the convex part and above a chord
between nonnegative values on the concave one. If h does not decrease: with :math:`\kappa = I'(0)
= \int_0^L g`, D and D' vanish at 0, D' at 1/2, and D is first convex, then concave, so D' >= 0.

Uniform samples: h does not decrease for 1 <= L <= 2 (:math:`\kappa = 1/2`) nor increase for L >= 2
(:math:`\kappa = 1/L`). Products of two uniforms: g is convex, so h does not increase. Gaussian: for
L <= 2, h does not decrease, since :math:`\psi(t) = t e^{-t^2/2}` has its top at 1 and
:math:`\psi(1 - u) \le \psi(1 + u)`, which is artanh(u) >= u.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction

import numpy as np
from flint import arb, ctx, fmpz
from numpy.typing import NDArray

from strongltn.errors import AssumptionViolated, InvalidInputError
from strongltn.rng import WeightLaw
from strongltn.subset_sum.sample_laws import SampleLaw
from strongltn.theorems.certified import ball, lower

#: The law of the product of two source weights of a pair of layers, where a drift is known.
PRODUCTS = {
    WeightLaw.UNIFORM: SampleLaw.PRODUCT,
    WeightLaw.SIGNED_CONSTANT: SampleLaw.UNIFORM,
}
#: The longest window for which the ratio is proved for the Gaussian law.
LONGEST_GAUSSIAN = 2

_BITS = 60  # of the drift from which a ratio comes
_GUARD_BITS = 64
_LEAST_RATE = 1 / 8  # of a component; less is of no use, and coarse grids would not see it


def certified_drift(
    fractions: Iterable[int],
    *,
    bits: int,
    law: SampleLaw,
    length: Fraction,
    component: bool = False,
) -> NDArray[np.int64]:
    r"""Return lower bounds of the expected new fraction, in units of 2^-bits.

    .. math:: \lfloor 2^b I_L(v) \rfloor \text{ or one less}, \quad v = \text{fraction} / 2^b

    Parameters
    ----------
    fractions : iterable of int in [0, 2^bits]
        Fractions v of the window that are approximable already, in units of 2^-bits.
    bits : int in [1, 62]
    length : Fraction > 0
        L, the length of the window.
    component : bool
        Whether to use only the best uniform part of the law, :math:`\kappa v (1 - v)` with
        :math:`\kappa = \max(L\,g(L), \tfrac12 L\,g(\tfrac12 L))`: an elementary proof, a far
        smaller number.

    Raises
    ------
    AssumptionViolated
        The law has no density, or hardly any uniform part that reaches across the window.
    InvalidInputError
        `bits`, `length` or a fraction is out of range.

    Notes
    -----
    Rigor: rigorous lower bound (balls, rounded downwards); beyond `component` it rests on the
    rearrangement inequality, whose discrete form the auditor proves. The component is the part of
    the density below the constant g(c) on [-c, c]: for c = L the integral is exactly
    g(c) L v(1 - v); for c = L/2 at least half of that is left.
    Cost: three values of G a fraction, 10 microseconds. Randomness: none.

    Source
    ------
    `garsia1974`, in the form of: rearrangement does not increase such functionals (recalled).

    Examples
    --------
    >>> half = [1 << 19]
    >>> certified_drift(half, bits=20, law=SampleLaw.UNIFORM, length=Fraction(1)) / 2**20
    array([0.125])
    >>> product = certified_drift(half, bits=20, law=SampleLaw.PRODUCT, length=Fraction(1))
    >>> float(product[0] / 2**18)  # 3/4 - ln(2)/2 = 0.40342...
    0.403423309326171...
    """
    if not 1 <= bits <= 62:
        raise InvalidInputError("bits", got=bits, allowed="an integer in [1, 62]")
    if length <= 0:
        raise InvalidInputError("length", got=length, allowed="a fraction > 0")
    numerators = list(fractions)
    if not all(0 <= numerator <= 1 << bits for numerator in numerators):
        raise InvalidInputError("fractions", got=numerators, allowed=f"in [0, 2^{bits}]")
    with ctx.workprec(bits + _GUARD_BITS):
        drift = (_component if component else _rearranged)(law, length)
        bounds = [_rounded_down(drift(arb((v, -bits))), bits) for v in numerators]
    return np.array(bounds, dtype=np.int64)


def drift_constant(law: SampleLaw, length: Fraction) -> Fraction:
    r"""Return :math:`\kappa` such that the drift is at least :math:`\kappa v (1 - v)`.

    Parameters
    ----------
    length : Fraction >= 1, and <= 2 for the Gaussian law
        The length of the window.

    Returns
    -------
    Fraction in (0, 1]

    Raises
    ------
    AssumptionViolated
        The law has no density.
    InvalidInputError
        `length` is out of range.

    Notes
    -----
    Rigor: rigorous lower bound; it rests on the rearrangement inequality. Exact for uniform
    samples, else within 2^-57 of the best constant. Cost: one value of the drift. Randomness:
    none.

    Source
    ------
    `garsia1974`, in the form of: rearrangement does not increase such functionals (recalled).

    Examples
    --------
    >>> round(float(drift_constant(SampleLaw.PRODUCT, Fraction(1))), 9)  # 3/4 - ln(2)/2
    0.40342641
    """
    longest = LONGEST_GAUSSIAN if law is SampleLaw.GAUSSIAN else None
    if length < 1 or (longest is not None and length > longest):
        allowed = ">= 1" if longest is None else f"in [1, {longest}] for the law {law.value}"
        raise InvalidInputError("length", got=str(length), allowed=allowed)
    if law is SampleLaw.UNIFORM:
        return min(Fraction(1, 2), 1 / length)
    if law is SampleLaw.GAUSSIAN:
        return lower(lambda: (ball(length) / ball(2).sqrt()).erf() / 2)
    half = certified_drift([1 << (_BITS - 1)], bits=_BITS, law=law, length=length)
    return 4 * Fraction(int(half[0]), 1 << _BITS)


def _density(law: SampleLaw, distance: arb) -> arb:
    """Return a lower bound of the density g of the law at a distance > 0 from zero."""
    if law is SampleLaw.GAUSSIAN:
        return (-(distance * distance) / 2).exp() / (2 * arb.pi()).sqrt()
    if not distance <= 1:
        return arb(0)
    return arb(1) / 2 if law is SampleLaw.UNIFORM else -distance.log() / 2


def _double_integral(law: SampleLaw, t: arb) -> arb:
    """Return G(t), the density integrated twice from zero; t >= 0."""
    if t == 0:
        return arb(0)
    if law is SampleLaw.GAUSSIAN:
        gap = (-(t * t) / 2).expm1() / (2 * arb.pi()).sqrt()
        return t * (t / arb(2).sqrt()).erf() / 2 + gap
    inside, beyond = t.min(arb(1)), (t.max(arb(1)) - 1) / 2  # beyond 1 the slope is P(X > 0)
    if law is SampleLaw.UNIFORM:
        return inside * inside / 4 + beyond
    return inside * inside * (arb(3) / 8 - inside.log() / 4) + beyond


def _rearranged(law: SampleLaw, length: Fraction) -> Callable[[arb], arb]:
    """Return I_L as a function of v."""
    _require_density(law)
    across = ball(length)
    whole = _double_integral(law, across)

    def drift(v: arb) -> arb:
        parts = _double_integral(law, across * v) + _double_integral(law, across * (1 - v))
        return (whole - parts) / across

    return drift


def has_component(law: SampleLaw, length: Fraction) -> bool:
    """Return whether `certified_drift` of the component applies to a window of this length.

    Examples
    --------
    >>> has_component(SampleLaw.PRODUCT, Fraction(1)), has_component(SampleLaw.PRODUCT, Fraction(2))
    (True, False)
    """
    return law is not SampleLaw.SIGNED_CONSTANT and bool(
        _component_rate(law, ball(length)) >= _LEAST_RATE
    )


def _component(law: SampleLaw, length: Fraction) -> Callable[[arb], arb]:
    """Return kappa v (1 - v), from the part of the law that is uniform on [-c, c], c = L or L/2."""
    _require_density(law)
    rate = _component_rate(law, ball(length))
    if not rate >= _LEAST_RATE:
        raise AssumptionViolated(
            f"the law {law.value} has hardly any uniform part on [-c, c] with c = {length} or "
            f"{length / 2}: its density vanishes there, or nearly"
        )
    return lambda v: rate * v * (1 - v)


def _component_rate(law: SampleLaw, across: arb) -> arb:
    return (across * _density(law, across)).max(across / 2 * _density(law, across / 2))


def _require_density(law: SampleLaw) -> None:
    if law is SampleLaw.SIGNED_CONSTANT:
        raise AssumptionViolated(
            f"the law {law.value} has no density: sums of -1 and 1 are integers, so that not all "
            "targets of an interval can be approximated"
        )


def _rounded_down(value: arb, bits: int) -> int:
    """Return an integer at most 2^bits times anything in the ball, and at least 0."""
    scaled = value * arb((1, bits))
    floor: fmpz | None = scaled.lower().floor().unique_fmpz()
    return 0 if floor is None else max(0, int(floor))
