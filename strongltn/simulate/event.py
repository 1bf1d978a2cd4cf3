"""The covering event: all targets of a window are within 2 eta of a subset sum."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from strongltn.errors import InvalidInputError
from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.values.arguments import chosen, described, exact_real, integer

#: Samples of simulations are integers times two to the minus this.
SAMPLE_BITS = 40

LEAST_ETA = Fraction(1, 2**20)


@dataclass(frozen=True)
class CoveringEvent:
    """All z in the window have a subset S of the samples with |z - sum_S x| <= 2 eta.

    Attributes
    ----------
    eta : Fraction in [2^-20, 1/2)
        Half the tolerance; a float is taken at its exact value.
    law : SampleLaw
        The law of the independent samples. A word such as "uniform" is replaced by its law.
    window : Window
        The interval of the targets; so are "half" and "unit".

    Raises
    ------
    InvalidInputError
        A value is outside the above.

    Notes
    -----
    Rigor: exact. Cost: none. Randomness: none.

    Source
    ------
    `lueker1998`, Theorem 2.4, speaks of this event.

    Examples
    --------
    >>> CoveringEvent(2**-6, SampleLaw.UNIFORM, Window.HALF).eta
    Fraction(1, 64)
    """

    eta: Fraction
    law: SampleLaw
    window: Window

    def __post_init__(self) -> None:
        object.__setattr__(self, "law", chosen("law", self.law, SampleLaw))
        object.__setattr__(self, "window", chosen("window", self.window, Window))
        eta = checked_fraction("eta", self.eta)
        if not LEAST_ETA <= eta < Fraction(1, 2):
            raise InvalidInputError("eta", got=described(self.eta), allowed="in [2^-20, 1/2)")
        object.__setattr__(self, "eta", eta)

    def hole_limits(self) -> tuple[int, int, int]:
        """Return integers (X, Y, G): neighbouring sums s < t leave out a target iff all three hold.

        They are s <= X, t >= Y and t - s > G, in units of 2^-40, where s may be minus infinity and
        t infinity. A target z with s + 2 eta < z < t - 2 eta lies in [-R, R] iff
        s < R - 2 eta, t > -R + 2 eta and t - s > 4 eta; the sums are integers.
        """
        radius, tolerance = self.window.radius * 2**SAMPLE_BITS, 2 * self.eta * 2**SAMPLE_BITS
        return ceil(radius - tolerance) - 1, floor(tolerance - radius) + 1, floor(2 * tolerance)

    def to_json(self) -> dict[str, str]:
        """Return the event as text: eta exactly, and the values of law and window."""
        return {"eta": str(self.eta), "law": self.law.value, "window": self.window.value}


def checked_fraction(parameter: str, value: object) -> Fraction:
    """Return the exact value of a finite number that float64 holds, or of a Fraction."""
    if isinstance(value, Fraction):
        return value
    return Fraction(exact_real(parameter, value, allowed="a finite float or a Fraction"))


def checked_probability(parameter: str, value: object) -> Fraction:
    """Return the exact value of a probability strictly between 0 and 1."""
    probability = checked_fraction(parameter, value)
    if not 0 < probability < 1:
        raise InvalidInputError(parameter, got=value, allowed="in (0, 1)")
    return probability


def checked_count(parameter: str, value: object, *, largest: int) -> int:
    """Return an int in [1, largest]."""
    return integer(parameter, value, low=1, last=largest)
