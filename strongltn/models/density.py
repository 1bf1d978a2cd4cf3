"""Density: the fraction that is kept, and the number of weights that it means."""

from __future__ import annotations

import math
import numbers
from fractions import Fraction

from strongltn.errors import InvalidInputError
from strongltn.values.arguments import described


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
    """Return how many of `size` weights a density keeps: density * size, halves up, at least 1.

    Parameters
    ----------
    density : float in (0, 1]
        Read as its shortest decimal: 0.15 of 10 weights are 1.5, so 2.
    size : int >= 1

    Returns
    -------
    int in [1, size]

    Raises
    ------
    InvalidInputError

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
