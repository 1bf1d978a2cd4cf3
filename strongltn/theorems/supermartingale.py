r"""From the drift of the approximable fraction of a window to a failure probability.

Let p be the fraction of a window W that is within eta of the subset sums reached inside W. A sample
adds q, with mean at least :math:`\kappa p(1 - p)` and :math:`0 \le q \le \min(p, 1 - p)`. Then V(p)
= (1 - p)/p shrinks by :math:`1 - \kappa/2` in the mean: V is convex and decreasing, so the worst
law of q has the two values 0 and min(p, 1 - p); for p <= 1/2 these give exactly that factor, for p
> 1/2 at most :math:`1 - \kappa p`. Markov's inequality does the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from strongltn.errors import AssumptionViolated, InvalidInputError
from strongltn.numerics.dyadic import outward_float
from strongltn.rng import WeightLaw
from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.theorems.certified import least_power, upper_power
from strongltn.theorems.drift import LONGEST_GAUSSIAN, PRODUCTS, drift_constant

_LENGTHS = (Fraction(1), Fraction(5, 4), Fraction(3, 2), Fraction(7, 4), Fraction(2))


@dataclass(frozen=True)
class GroupSize:
    """How many samples are enough for one subset sum, and in networks neurons for one weight.

    Attributes
    ----------
    num_samples : int
        In networks neurons, of whatever sign.
    failure_bound : Fraction
        Rigorous bound on the failure probability with so many.
    route : str
        It names the bound, where there are several.
    """

    num_samples: int
    failure_bound: Fraction
    route: str = ""


@dataclass(frozen=True)
class Supermartingale:
    r"""A bound :math:`(1 - \kappa/2)^n\, V(\text{start}) / V(\text{end})` on a failure probability.

    Attributes
    ----------
    drift : Fraction in (0, 1]
        :math:`\kappa`; every smaller one is valid as well.
    start : Fraction in (0, 1)
        Fraction of the window that the empty sum covers.
    end : Fraction in (start, 1)
        A covered fraction beyond which every target is within tolerance.

    Notes
    -----
    Rigor: rigorous. Cost: one power a bound. Randomness: none.

    Examples
    --------
    >>> eta = Fraction(1, 4096)
    >>> Supermartingale(Fraction(1, 2), 2 * eta, 1 - eta).sample_size(Fraction(1, 100))
    72
    """

    drift: Fraction
    start: Fraction
    end: Fraction

    @staticmethod
    def of_window(
        eta: Fraction, *, drift: Fraction, targets: Fraction, length: Fraction
    ) -> Supermartingale:
        """Return the bound for targets in an interval in the middle of a window.

        A target that is out of reach has no covered point within eta: a hole of 2 eta in the
        window, less what sticks out.

        Parameters
        ----------
        eta : Fraction in (0, 1/2)
        drift : Fraction in (0, 1]
            The drift in this window.
        targets : Fraction
            The length of the interval.
        length : Fraction >= `targets`
            The length of the window.
        """
        if length < targets:
            raise InvalidInputError("length", got=length, allowed=f"at least {targets}")
        hole = eta + min(eta, (length - targets) / 2)
        return Supermartingale(drift, 2 * eta / length, 1 - hole / length)

    def failure_bound(self, num_samples: int) -> Fraction:
        """Return the bound at `num_samples` >= 0; above 1 it says nothing.

        Exact; a long power is rounded upwards, to 160 bits.
        """
        return upper_power(1 - self.drift / 2, num_samples) * self._potential()

    def sample_size(self, failure_probability: Fraction) -> int:
        """Return the least number of samples with a bound of at most `failure_probability`."""
        return least_power(1 - self.drift / 2, failure_probability / self._potential())

    def size(self, failure_probability: Fraction) -> GroupSize:
        """Return that number, and the bound with so many."""
        num_samples = self.sample_size(failure_probability)
        return GroupSize(num_samples, self.failure_bound(num_samples))

    def _potential(self) -> Fraction:
        """Return V(start) / V(end)."""
        return (1 - self.start) / self.start * self.end / (1 - self.end)


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
    window : Window
        The targets.
    share : Fraction in (0, 1]
        The probability with which a sample is of use; the drift is this much smaller.
    """
    targets = 2 * window.radius
    lengths = {targets, targets + 2 * eta, *_LENGTHS}
    if law is SampleLaw.GAUSSIAN:
        lengths = {length for length in lengths if length <= LONGEST_GAUSSIAN}
    bounds = [
        Supermartingale.of_window(
            eta, drift=share * drift_constant(law, length), targets=targets, length=length
        )
        for length in sorted(lengths)
        if length >= targets
    ]
    return min(bounds, key=lambda bound: bound.sample_size(failure_probability))


# samples that are products of the weights of a source


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
        The law of the source.

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
    if law not in PRODUCTS:
        raise AssumptionViolated(
            f"no explicit rate is known for products of the law {law.value}; "
            f"known: {', '.join(known.value for known in PRODUCTS)}"
        )
    eta = Fraction(tolerance) / 2
    bound = Supermartingale(drift_constant(PRODUCTS[law], Fraction(1)), 2 * eta, 1 - eta)
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
