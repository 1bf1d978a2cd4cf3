r"""How much of a window no subset sum reaches, in the mean: by a second moment.

Let X_1, ..., X_n be uniform on [-1, 1] and reveal only in which quarter of it each one lies: X =
(kappa + U) / 2 with kappa in {-2, -1, 0, 1}. Given the kappas, weigh the subsets by lambda >= 0,
which may depend on their size k, the sum Q of their kappas and the cell of the target, and let N_z
be the weight of those whose sum is within eta of z. By Cauchy and Schwarz, over the U and over z in
a cell C together,

.. math:: \Pr[N_z = 0] \le 1 - \frac{(\int_C E N_z\,dz)^2}{|C| \int_C E N_z^2\,dz}

in the mean over the cell. Both moments are those of `subset_moments`. Revealing the quarters makes
the right side small: what is left random moves the weighted sums little.

Rounding. lambda may be anything, so it comes from a least-squares problem in floating point. All
terms of both moments are >= 0 and fewer than 2^24, so that sums in doubles are off by less than a
share 2^-28 of themselves; `_SLACK` allows for more, in the safe direction. This is floating point
with a stated margin, not interval arithmetic. Claim C29 (`enough_samples`) says what follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from math import factorial

import numpy as np

from proofs_check.claims.pair_integrals import CELLS_PER_UNIT, PairIntegrals
from proofs_check.claims.subset_moments import (
    Cover,
    Floats,
    first_moments,
    kinds_near,
    second_moments,
)

Counts = tuple[int, ...]

_SLACK = 1e-7
_RIDGE = 1e-9

#: Rarer counts of kappas are not looked at: their hole counts as 1.
LEAST_PROBABILITY = 3e-7


def mean_hole(
    cover: Cover,
    *,
    least_probability: float = LEAST_PROBABILITY,
    hole_of: Callable[[Counts], float] | None = None,
) -> float:
    """Return an upper bound of the expected fraction of the window farther than eta from all sums.

    Counts of kappas less probable than `least_probability` are not looked at: a hole of 1.
    `hole_of` gives the hole of the others; without it they are computed.
    """
    if hole_of is None:
        integrals = PairIntegrals(cover.num_samples)

        def hole_of(counts: Counts) -> float:
            return hole_given(counts, cover, integrals)

    total = 0.0
    for counts, probability in kappa_counts(cover.num_samples):
        is_likely = probability >= least_probability
        total += float(probability) * (hole_of(counts) if is_likely else 1.0)
    return total * (1 + _SLACK)


def kappa_counts(num_samples: int) -> Iterator[tuple[Counts, Fraction]]:
    """Yield how many samples have each kappa, and the probability; mirror images count as one.

    X -> -X reverses the counts and mirrors the window.
    """
    for first in range(num_samples + 1):
        for second in range(num_samples + 1 - first):
            for third in range(num_samples + 1 - first - second):
                counts = (first, second, third, num_samples - first - second - third)
                ways = factorial(num_samples)
                for count in counts:
                    ways //= factorial(count)
                if counts <= counts[::-1]:
                    twice = 1 if counts == counts[::-1] else 2
                    yield counts, Fraction(twice * ways, 4**num_samples)


def hole_given(counts: Counts, cover: Cover, integrals: PairIntegrals) -> float:
    """Return an upper bound of the expected hole, as a fraction of the window, given the kappas."""
    kinds = kinds_near(counts, cover, integrals)
    if not kinds:
        return 1.0
    first = first_moments(kinds, cover, integrals)
    second = second_moments(counts, kinds, cover=cover, integrals=integrals)
    holes = [_hole(first[:, c], second[c]) for c in range(len(cover.cells))]
    return float(np.mean(holes))


def _hole(first: Floats, second: Floats) -> float:
    """Return 1 - (lambda . first)^2 / (|C| lambda . second lambda) for a good lambda >= 0."""
    is_used = first > 0
    if not is_used.any():
        return 1.0
    first, second = first[is_used], second[np.ix_(is_used, is_used)]
    scale = np.sqrt(np.diag(second))
    first, second = first / scale, second / np.outer(scale, scale)
    is_used = np.ones(len(first), dtype=np.bool_)
    while True:  # drop what comes out negative until nothing does
        system = second[np.ix_(is_used, is_used)] + _RIDGE * np.eye(int(is_used.sum()))
        weights = np.zeros(len(first))
        weights[is_used] = np.linalg.solve(system, first[is_used])
        if (weights >= 0).all():
            break
        is_used &= weights > 0
    reached = CELLS_PER_UNIT * (weights @ first) ** 2 / (weights @ second @ weights)
    return min(1.0, 1.0 - float(reached) * (1 - _SLACK))
