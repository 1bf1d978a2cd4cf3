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

from strongltn.errors import InvalidInputError
from strongltn.theorems.certified import least_power, upper_power


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
            In this window.
        targets : Fraction
            Length of the interval.
        length : Fraction >= `targets`
            Of the window.
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

    def _potential(self) -> Fraction:
        """Return V(start) / V(end)."""
        return (1 - self.start) / self.start * self.end / (1 - self.end)
