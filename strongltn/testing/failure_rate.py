"""What a theorem promises of a construction, and how often the construction fails."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import comb

import numpy as np

from strongltn.construct import measure_reach
from strongltn.errors import InvalidInputError
from strongltn.networks import Domain, LinearLayer, TargetNetwork, Ticket
from strongltn.networks.difference import weight_errors
from strongltn.rng import named_generator

#: A construction: a target and the seed of the source give a ticket.
Build = Callable[[TargetNetwork, int], Ticket]

#: A failure rate is called too high where that much luck would be needed.
FALSE_ALARM = Fraction(1, 10**6)

_WIDTHS = (2, 2, 1)
_WEIGHT_BITS = 20


@dataclass(frozen=True)
class ConstructionPromise:
    """What a theorem about a construction says of every target of its class.

    Except with `failure_probability` over the draw of the source, every weight and bias is within
    `tolerance`; whenever that is so, ||f(x) - g(x)||_2 <= `epsilon` on the domain.

    Attributes
    ----------
    domain : Domain
    tolerance : float > 0
        The largest error of one weight or bias, in the units of the target.
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


@dataclass(frozen=True)
class FailureRate:
    """Failures of a construction over independent draws.

    Attributes
    ----------
    num_failures, num_draws : int
        A draw failed if some weight of its target is not within tolerance.
    tail : Fraction
        Probability of at least so many failures if each had the promised probability; exact.
    """

    num_failures: int
    num_draws: int
    tail: Fraction


def check_failure_rate(
    build: Build,
    promise: ConstructionPromise,
    *,
    draw_target: Callable[[np.random.Generator], TargetNetwork] | None = None,
    num_draws: int = 100,
    seed: int = 0,
) -> FailureRate:
    r"""Raise AssertionError if a construction fails more often than its theorem allows.

    The exact one-sided test: k failures in N draws refute the promise if

    .. math:: \sum_{j \ge k} \binom{N}{j} \delta^j (1 - \delta)^{N - j} < 10^{-6},

    that is, if the lower Clopper-Pearson limit of that confidence is above :math:`\delta`.

    Parameters
    ----------
    build : callable
        (target, seed) -> Ticket.
    promise : ConstructionPromise
    draw_target : callable, optional
        Draws a target of the theorem's class. Default: widths 2, 2, 1, weights and biases uniform
        in [-1/2, 1/2].
    num_draws : int >= 1
        Each with a target and a source seed of its own.
    seed : int in [0, 2^64)

    Returns
    -------
    FailureRate

    Notes
    -----
    Rigor: exact counting and an exact tail; a promise that is true is refuted with probability at
    most 10^-6. Cost: `num_draws` tickets. Randomness: `seed`.

    Source
    ------
    The limits are those of `clopper1934`.

    Examples
    --------
    >>> from strongltn.construct import LINEAR_DIAMOND, build_ticket, make_plan
    >>> from strongltn.networks import Ball
    >>> from strongltn.rng import WeightLaw
    >>> def build(target, seed):
    ...     plan = make_plan(
    ...         target, LINEAR_DIAMOND, num_samples=16, tolerance=0.05, domain=Ball())
    ...     source = plan.source(target, law=WeightLaw.UNIFORM, seed=seed)
    ...     return build_ticket(target, source, plan).ticket
    >>> check_failure_rate(build, ConstructionPromise(Ball(), 0.05, 0.1)).num_draws
    100
    """
    if num_draws < 1:
        raise InvalidInputError("num_draws", got=num_draws, allowed="an integer >= 1")
    generator = named_generator(seed, name="failure rate")
    num_failures = 0
    for _ in range(num_draws):
        target = (draw_target or _draw_target)(generator)
        ticket = build(target, int(generator.integers(1 << 63)))
        errors = weight_errors(ticket, target.scaled(ticket.scale_exponents), promise.domain)
        reach = measure_reach(target, ticket.scale_exponents, errors, tolerance=promise.tolerance)
        num_failures += reach.num_unreached > 0
    tail = binomial_tail(num_failures, num_draws, probability=promise.failure_probability)
    if tail < FALSE_ALARM:
        raise AssertionError(
            f"{num_failures} of {num_draws} draws failed; the promise is a probability of at most "
            f"{float(promise.failure_probability):.3g}, at which so many have a probability of "
            f"{float(tail):.1e}."
        )
    return FailureRate(num_failures, num_draws, tail)


def binomial_tail(count: int, num_draws: int, *, probability: Fraction | float) -> Fraction:
    """Return P(Binomial(num_draws, probability) >= count), exactly.

    Examples
    --------
    >>> binomial_tail(2, 2, probability=Fraction(1, 3))
    Fraction(1, 9)
    """
    success = Fraction(probability)
    terms = (
        comb(num_draws, k) * success**k * (1 - success) ** (num_draws - k)
        for k in range(count, num_draws + 1)
    )
    return sum(terms, Fraction(0))


def _draw_target(generator: np.random.Generator) -> TargetNetwork:
    def draw(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        half = 1 << (_WEIGHT_BITS - 1)
        return generator.integers(-half, half, shape, endpoint=True) / 2.0**_WEIGHT_BITS

    shapes = zip(_WIDTHS[1:], _WIDTHS, strict=False)
    return TargetNetwork(
        tuple(
            LinearLayer(f"fc{i + 1}", draw(rows, columns), draw(rows))
            for i, (rows, columns) in enumerate(shapes)
        )
    )
