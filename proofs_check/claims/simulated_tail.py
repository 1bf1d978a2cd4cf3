"""Simulated times against a bound of their tail, with a stated chance of a false alarm."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from flint import arb

from proofs_check.claims.cells import Times
from proofs_check.claims.clopper_pearson import lower_limit

#: Chance that a statistical claim that is true is refuted.
FALSE_ALARM = Fraction(1, 1000)

Bound = Callable[[int, Fraction], arb]


def ball(value: Fraction) -> arb:
    """Return an enclosure of a rational."""
    return arb(value.numerator) / value.denominator


@dataclass(frozen=True)
class Simulation:
    """Times of one event in many trials; `num_samples` is how long each was watched."""

    name: str
    eta: Fraction
    times: Times
    num_samples: int


def is_consistent(simulations: Iterable[Simulation], bound: Bound) -> bool:
    """Return whether no lower limit of P(time > n) exceeds ``bound(n, eta)``, for any n.

    If the bound is true for all n and eta, the answer is False with probability at most
    `FALSE_ALARM`.
    """
    runs = list(simulations)
    level = FALSE_ALARM / sum(run.num_samples + 1 for run in runs)
    for run in runs:
        for n in range(run.num_samples + 1):
            failures, trials = int(np.count_nonzero(run.times > n)), len(run.times)
            highest = bound(n, run.eta)
            # The limit is below the observed frequency: most bounds need no closer look.
            if ball(Fraction(failures, trials)) <= highest:
                continue
            if ball(lower_limit(failures, trials, false_alarm=level)) > highest:
                return False
    return True


def false_alarm_text(comparisons: int) -> str:
    """Return the statement of confidence of `comparisons` tests at `FALSE_ALARM` in all."""
    return f"false alarms <= {float(FALSE_ALARM):g} in all (Bonferroni over {comparisons} tests)"
