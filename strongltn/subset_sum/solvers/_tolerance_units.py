"""Numbers in units of a small part of the tolerance: coarse integers that prove most answers.

Let u be a power of two and q(v) the integer nearest to v / u. For a subset of k samples with
D = abs(sum(q(x)) - q(t)), the true error divided by u lies within (k + 1) / 2 of D, because each of
the k + 1 numbers moved by at most 1/2. So D decides "within tolerance" for all subsets but those
whose error is a few units beside it, in exact arithmetic of 32 bits, whatever the samples are.
"""

from __future__ import annotations

import math
from typing import NamedTuple

_MAX_EXPONENT = 1000


class ToleranceUnits(NamedTuple):
    """A grid for one tolerance; every field is a float64, as compiled loops take it.

    Attributes
    ----------
    scale : float
        1 / u, a power of two.
    tolerance : float
        In units, exact.
    largest : float
        Magnitudes up to this many units are admitted: no sum of them leaves 31 bits.
    """

    scale: float
    tolerance: float
    largest: float

    @classmethod
    def of(cls, tolerance: float, *, bits: int, num_terms: int) -> ToleranceUnits | None:
        """Return the grid on which the tolerance has `bits` bits; None for the smallest tolerances.

        `num_terms` is how many numbers are ever added up, the target included.
        """
        exponent = bits - math.frexp(tolerance)[1]
        if tolerance == 0.0 or exponent > _MAX_EXPONENT:
            return None
        scale = math.ldexp(1.0, exponent)
        return cls(scale, tolerance * scale, float(2**30 // num_terms))
