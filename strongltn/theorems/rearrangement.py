r"""Drift of symmetric unimodal laws as a multiple of v(1 - v), and the best window for it.

For the density g(|t|), a window of length L and :math:`h(v) = g(vL) + g((1 - v)L)`, the lower
bound :math:`I(v)` of the drift has :math:`I'' = -L h`, I(0) = 0, and is symmetric about 1/2. Let
:math:`D = I - \kappa v(1 - v)`.

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

from fractions import Fraction

from strongltn.errors import AssumptionViolated, InvalidInputError
from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.theorems.certified import ball, lower
from strongltn.theorems.drift import certified_drift
from strongltn.theorems.supermartingale import Supermartingale

_BITS = 60
_LONGEST_GAUSSIAN = 2
_LENGTHS = (Fraction(1), Fraction(5, 4), Fraction(3, 2), Fraction(7, 4), Fraction(2))


def drift_constant(law: SampleLaw, length: Fraction) -> Fraction:
    r"""Return :math:`\kappa` such that the drift is at least :math:`\kappa v (1 - v)`.

    Parameters
    ----------
    law : SampleLaw
    length : Fraction >= 1, and <= 2 for the Gaussian law
        Of the window.

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
    longest = _LONGEST_GAUSSIAN if law is SampleLaw.GAUSSIAN else None
    if length < 1 or (longest is not None and length > longest):
        allowed = ">= 1" if longest is None else f"in [1, {longest}] for the law {law.value}"
        raise InvalidInputError("length", got=str(length), allowed=allowed)
    if law is SampleLaw.UNIFORM:
        return min(Fraction(1, 2), 1 / length)
    if law is SampleLaw.GAUSSIAN:
        return lower(lambda: (ball(length) / ball(2).sqrt()).erf() / 2)
    if law is SampleLaw.SIGNED_CONSTANT:
        raise AssumptionViolated(f"law must be one with a density, not {law.value}.")
    half = certified_drift([1 << (_BITS - 1)], bits=_BITS, law=law, length=length)
    return 4 * Fraction(int(half[0]), 1 << _BITS)


def best_window(
    eta: Fraction,
    failure_probability: Fraction,
    *,
    law: SampleLaw,
    window: Window,
    share: Fraction = Fraction(1),
) -> Supermartingale:
    """Return the bound with the fewest samples over a short list of windows.

    The list: the targets' own interval, the same with eta to spare at either end, and lengths
    from 1 to 2 in quarters. Each choice is valid, so the best one is.

    Parameters
    ----------
    eta : Fraction in (0, 1/2)
    failure_probability : Fraction in (0, 1)
    law : SampleLaw
    window : Window
        The targets.
    share : Fraction in (0, 1]
        Probability with which a sample is of use; the drift is this much smaller.
    """
    targets = 2 * window.radius
    lengths = {targets, targets + 2 * eta, *_LENGTHS}
    if law is SampleLaw.GAUSSIAN:
        lengths = {length for length in lengths if length <= _LONGEST_GAUSSIAN}
    bounds = [
        Supermartingale.of_window(
            eta, drift=share * drift_constant(law, length), targets=targets, length=length
        )
        for length in sorted(lengths)
        if length >= targets
    ]
    return min(bounds, key=lambda bound: bound.sample_size(failure_probability))
