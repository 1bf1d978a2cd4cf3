"""Meet in the middle on Python integers, for rows whose exponents span too much for int64."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from strongltn.numerics.exact import BoolArray, FloatArray, dyadic_numerators

# An integer over the whole exponent range of float64 has 2,100 bits, 310 bytes as an object; a dict
# entry and a list slot come on top.
BYTES_PER_SUM = 512


@dataclass(frozen=True)
class BigHalf:
    """The sums of one half in quarter units: ascending, and the first subset that gives each."""

    size: int
    ascending: tuple[int, ...]
    first_index: dict[int, int]

    @classmethod
    def of(cls, numerators: list[int]) -> BigHalf:
        """List the sums of all subsets: bit k of an index keeps number k."""
        sums = [0]
        for numerator in numerators:
            sums += [4 * numerator + earlier for earlier in sums]
        first_index = {sums[index]: index for index in reversed(range(len(sums)))}
        return cls(len(numerators), tuple(sorted(first_index)), first_index)

    def mask_of(self, total: int) -> list[bool]:
        """Return the first subset with this sum."""
        index = self.first_index[total]
        return [bool(index >> k & 1) for k in range(self.size)]


@dataclass(frozen=True)
class BigHalves:
    """The samples x[:n // 2] and x[n // 2:], prepared for any number of targets."""

    lower: BigHalf
    upper: BigHalf
    exponent: int

    @classmethod
    def of(cls, samples: FloatArray) -> BigHalves:
        """Prepare one row of samples."""
        numerators, exponent = dyadic_numerators(samples.tolist())
        half = len(numerators) // 2
        return cls(BigHalf.of(numerators[:half]), BigHalf.of(numerators[half:]), exponent)

    def nearest(self, target: float) -> BoolArray:
        """Return the best subset under the tie rule of `MeetInTheMiddle`, shape (n,)."""
        goal = _quarter_target(target, self.exponent)
        low, high = self.lower.ascending, self.upper.ascending
        i, j = 0, len(high) - 1
        best = (abs(low[0] + high[0] - goal), low[0], high[0])
        while i < len(low) and j >= 0:
            distance = low[i] + high[j] - goal
            best = min(best, (abs(distance), low[i], high[j]))
            if distance < 0:
                i += 1
            else:
                j -= 1
        return np.array(self.lower.mask_of(best[1]) + self.upper.mask_of(best[2]))


def _quarter_target(target: float, exponent: int) -> int:
    """Return the odd integer that stands for a target: see the module _quarter_grid."""
    units = Fraction(target) / Fraction(2) ** exponent
    whole = units.numerator // units.denominator
    fraction = units - whole
    if fraction == 0:
        return 4 * whole - 1
    return 4 * whole + (1 if fraction <= Fraction(1, 2) else 3)
