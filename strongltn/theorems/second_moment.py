r"""Uniform samples: most of the window by a second moment, the rest by the adversarial program.

After m samples the expected fraction of a window that is farther than eta from every subset sum is
at most a number h(m, eta), which a second moment proves: given in which quarter of [-1, 1] each
sample lies, a weighted number of subset sums near a target varies little, and by Cauchy and Schwarz
it is seldom zero. The auditor computes h (``proofs_check.claims.second_moment``); here it is read
from a record. With n - m more samples the program of `dynamic_program` goes on from a random set
whose hole has that mean, so no adversary is left for the first m samples.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.theorems.dynamic_program import CoverProcess

RECORD = Path(__file__).parent / "second_moment.json"


@dataclass(frozen=True)
class MeanHole:
    """One line of the record.

    Attributes
    ----------
    eta : Fraction
        Half the tolerance, a power of two.
    num_samples : int
        How many samples there are, independent and uniform on [-1, 1].
    length : Fraction
        The length of the window, around zero.
    mean_hole : Fraction
        At least the expected fraction of the window that is farther than eta from every subset
        sum.
    """

    eta: Fraction
    num_samples: int
    length: Fraction
    mean_hole: Fraction

    def failure_bounds(self, eta: Fraction) -> Iterator[Fraction]:
        """Yield bounds on the failure with num_samples, num_samples + 1, ... samples, for ever.

        `eta` is at least that of the line: the hole is then no larger. Targets [-1/2, 1/2].

        Examples
        --------
        >>> line = recorded_holes()[0]
        >>> next(line.failure_bounds(line.eta))
        Fraction(1, 1)
        """
        process = CoverProcess(eta, SampleLaw.UNIFORM, Window.HALF, self.length)
        return process.bounds_after(self.mean_hole)


@cache
def recorded_holes() -> tuple[MeanHole, ...]:
    """Return the record, by falling eta."""
    lines = json.loads(RECORD.read_text("ascii"))
    return tuple(
        MeanHole(
            eta=Fraction(line["eta"]),
            num_samples=int(line["num_samples"]),
            length=Fraction(line["length"]),
            mean_hole=Fraction(line["mean_hole"]),
        )
        for line in lines
    )


def sample_size(eta: Fraction | float, failure_probability: Fraction | float) -> int | None:
    r"""Return a number of samples that make every target of [-1/2, 1/2] a subset sum, nearly.

    .. math:: \Pr[\exists z \in [-\tfrac12, \tfrac12]\ \forall S:\
              |z - \sum_{i \in S} x_i| > 2 \eta] \le \delta

    Parameters
    ----------
    eta : Fraction or float in (0, 1/2)
        Half the tolerance. A line of the record serves every larger eta too.
    failure_probability : Fraction or float in (0, 1)
        :math:`\delta`.

    Returns
    -------
    int or None
        None if every line of the record has a larger eta.

    Notes
    -----
    Rigor: rigorous upper bound; the mean hole is the auditor's, in doubles with a stated margin,
    the program in integers rounded upwards. It rests on the rearrangement inequality like
    `dynamic_program`. Cost: a second. Randomness: none.

    Source
    ------
    The event is that of `lueker1998`; the method is this project's.

    Examples
    --------
    >>> sample_size(Fraction(1, 2**12), Fraction(1, 100)) <= 38
    True
    """
    sizes = []
    for line in recorded_holes():
        if line.eta <= eta:
            bounds = line.failure_bounds(Fraction(eta))
            more = next(k for k, bound in enumerate(bounds) if bound <= failure_probability)
            sizes.append(line.num_samples + more)
    return min(sizes, default=None)
