"""Density: the fraction that is kept, how many weights it means, where it holds, how it falls.

Light to import.
"""

from __future__ import annotations

import math
import numbers
from enum import Enum
from fractions import Fraction

from strongltn.errors import InvalidInputError
from strongltn.values.arguments import described


class Scope(Enum):
    """The weights among which the kept ones are selected."""

    LAYER = "layer"
    """Every layer has the density."""

    GLOBAL = "global"
    """The network as a whole has the density; a layer may lose all its weights."""


class Schedule(Enum):
    """How the density comes down from 1, epoch by epoch; the last epoch has it in full."""

    CONSTANT = "constant"
    """The density is there from the start."""

    LINEAR = "linear"
    """It falls along a straight line."""

    CUBIC = "cubic"
    """It falls fast first, along (1 - progress)^3 (Zhu and Gupta; recalled)."""

    def density_at(self, progress: float, *, end: float) -> float:
        """Return the density when a part of the search is done.

        Parameters
        ----------
        progress
            The steps done, as a fraction of all steps, in [0, 1].
        end
            The density at progress 1, in (0, 1]; it is exact there, and so is 1 at progress 0.

        Raises
        ------
        InvalidInputError
            One of them is out of range.

        Examples
        --------
        >>> Schedule.LINEAR.density_at(0.5, end=0.5)
        0.75
        """
        check_density(end)
        if not 0 <= progress <= 1:
            raise InvalidInputError("progress", got=progress, allowed="in [0, 1]")
        if self is Schedule.CONSTANT:
            return end
        left = (1 - progress) ** (1 if self is Schedule.LINEAR else 3)
        return left + end * (1 - left)  # both ends without rounding


def check_density(density: object) -> None:
    """Refuse a density outside (0, 1].

    Raises
    ------
    InvalidInputError
    """
    is_number = isinstance(density, numbers.Real) and not isinstance(density, bool)
    if not (is_number and 0 < density <= 1):  # type: ignore[operator]
        raise InvalidInputError(
            "density",
            got=described(density),
            allowed="in (0, 1]: the fraction of the weights that is kept",
            hint="The fraction that is pruned is 1 - density.",
        )


def num_kept_of(density: float, size: int) -> int:
    """Return how many weights a density keeps: density * size, halves up, but at least 1.

    Parameters
    ----------
    density
        The fraction to keep, in (0, 1]. It is read as its shortest decimal: 0.15 of 10 weights are
        1.5, so 2.
    size
        How many weights there are, at least 1.

    Raises
    ------
    InvalidInputError
        One of them is out of range.

    Notes
    -----
    Ramanujan et al. drop int((1 - k) size) weights instead: at most one weight more is kept there.
    Rigor: exact.  Cost: O(1).  Randomness: none.

    Examples
    --------
    >>> num_kept_of(0.15, 10), num_kept_of(0.001, 10), num_kept_of(1.0, 10)
    (2, 1, 10)
    """
    check_density(density)
    if size < 1:
        raise InvalidInputError("size", got=size, allowed="at least 1")
    return max(1, math.floor(Fraction(repr(float(density))) * size + Fraction(1, 2)))
