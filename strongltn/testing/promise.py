"""What is to be checked: a construction, and what its theorem promises."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from strongltn.errors import InvalidInputError
from strongltn.networks import Domain, TargetNetwork, Ticket

#: A construction: a target and the seed of the source give a ticket.
Build = Callable[[TargetNetwork, int], Ticket]


@dataclass(frozen=True)
class ConstructionPromise:
    """What a theorem about a construction says of every target of its class.

    Except with `failure_probability` over the draw of the source, every weight and bias is within
    `tolerance`; whenever that is so, ||f(x) - g(x)||_2 <= `epsilon` on the domain.

    Attributes
    ----------
    domain : Domain
    tolerance : float > 0
        For one weight or bias, in the units of the target.
    failure_probability : Fraction or float in [0, 1]
    epsilon : float > 0, optional
        Without it nothing is claimed of the network as a whole.

    Raises
    ------
    InvalidInputError
        A value is outside the above.
    """

    domain: Domain
    tolerance: float
    failure_probability: Fraction | float
    epsilon: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.tolerance < math.inf:
            raise InvalidInputError("tolerance", got=self.tolerance, allowed="a finite number > 0")
        if not 0 <= self.failure_probability <= 1:
            raise InvalidInputError(
                "failure_probability", got=self.failure_probability, allowed="in [0, 1]"
            )
        if self.epsilon is not None and not 0 < self.epsilon < math.inf:
            raise InvalidInputError("epsilon", got=self.epsilon, allowed="a finite number > 0")
