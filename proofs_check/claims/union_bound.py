"""How many neurons the theorem on a random network asks for: a union bound over subset sums."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from flint import arb

from proofs_check.claims import constants
from proofs_check.claims.claim import Steps
from proofs_check.claims.interval_union import IntervalUnion
from proofs_check.claims.rational_matrix import norm_squared, rationals
from proofs_check.claims.simulated_tail import ball

#: The largest error of the network, over the norm of its input, and the failure probability.
EPSILON = Fraction(1, 4)
DELTA = Fraction(1, 10)

_LAYER_ERROR = Fraction(11, 100)  # of two layers: (1 + e)^2 <= 1 + eps
_SIGNS = 2  # of a layer's inputs: a subset sum for each weight and sign


def instances(shape: tuple[int, ...], is_first: bool) -> Iterator[tuple[int, int, int]]:
    """Yield output, input and sign of each subset sum that a layer needs."""
    signs = (1, -1) if is_first else (1,)
    yield from product(range(shape[0]), range(shape[1]), signs)


def weight_tolerance(size: int) -> Fraction:
    """Return tau for which size^2 weights that are off by tau make a layer error of 11/100."""
    return _LAYER_ERROR / size


def group_rate(mass: Any) -> Any:
    """Return 1 - rho/8 for a uniform component of mass rho, `mass` a Fraction or an arb.

    A neuron is in a sign group with probability 1/2, and there the rate is 1 - rho/4.
    """
    loss = constants.MIXTURE_LOSS
    return 1 - mass * loss.numerator / (2 * loss.denominator)


def start(tolerance: Fraction) -> Fraction:
    """Return 2/tau^2, what the failure of one instance has before its rate."""
    return 2 / tolerance**2


def neurons_needed(size: int, tolerance: Fraction) -> int:
    """Return how many neurons an input needs: delta/2 a layer, by the union bound.

    2 d^2 instances, each failing with probability at most (1 - rho/8)^m 2/tau^2: half of the
    neurons are in a sign group, and of those rho have the uniform component.
    """
    rate = group_rate(constants.component_mass())
    failures = _SIGNS * size * size * start(tolerance)
    needed = (ball(failures * 2 / DELTA)).log() / -rate.log()
    return math.ceil(float(needed.upper()))


def count_steps(steps: Steps) -> None:
    """Check the parts of the union bound, and the least width that it allows."""
    holds = (1 + _LAYER_ERROR) ** 2 - 1 <= EPSILON < (1 + _LAYER_ERROR + Fraction(1, 100)) ** 2 - 1
    steps.step("(1 + e)^2 - 1 <= eps, and no longer with 1/100 more", holds)
    holds = Fraction(1, 4) == EPSILON and Fraction(1, 10) == DELTA
    steps.step("eps = 1/4 and delta = 1/10, as stated", holds)
    is_counted = is_norm = is_least = is_start = True
    half = Fraction(1, 2)
    for size in (4, 8):
        tau = weight_tolerance(size)
        is_norm &= norm_squared(rationals(np.full((size, size), 1))) * tau**2 == _LAYER_ERROR**2
        counts = [len(set(instances((size, size), is_first))) for is_first in (True, False)]
        is_counted &= counts == [_SIGNS * size * size, size * size] == [2 * size**2, size**2]
        # Samples U[-1/2, 1/2] on W = [-1/2, 1/2] start with the fraction of [-tau/2, tau/2]; a
        # target farther than tau/2 from the reached set makes a hole of tau/2 or, inside, of tau.
        begun = IntervalUnion(((-tau / 2, tau / 2),)).within((-half, half)).measure
        missing = min(
            IntervalUnion(((z - tau / 2, z + tau / 2),)).within((-half, half)).measure
            for z in (-half, 0 * half, half)
        )
        odds = (1 - begun) / begun * (1 - missing) / missing
        is_start &= odds <= start(tau) == 2 / tau**2 <= odds / (1 - 2 * tau)
        num_neurons = neurons_needed(size, tau)
        # The formula of the theorem, written out: 2 d^2 (1 - ln 2/16)^m 2/tau^2 <= 1/20.
        bounds = (
            2 * size**2 * (1 - arb(2).log() / 16) ** m * 2 / ball(tau**2)
            for m in (num_neurons, num_neurons - 1)
        )
        is_least &= [bool(bound <= arb(1) / 20) for bound in bounds] == [True, False]
    steps.step("d^2 weights off by tau make a layer error of e", is_norm)
    steps.step("2 d^2 subset sums in the first layer, d^2 in the second", is_counted)
    steps.step(
        "odds at the start and at the end: at most 2/tau^2, up to a factor 1 - 2 tau", is_start
    )
    rate = constants.COVER_RATE
    steps.step("the rate without other samples is 1 - 1/4", rate == 1 - constants.MIXTURE_LOSS)
    is_mean = all(
        sum(math.comb(m, k) * (1 - mass / 4) ** k for k in range(m + 1))
        == (2 * group_rate(mass)) ** m
        for m in (1, 2, 7)
        for mass in (Fraction(1, 3), Fraction(1))
    )
    steps.step("mean of (1 - rho/4)^K, K of m neurons in the group: (1 - rho/8)^m", is_mean)
    steps.step("the width is the least that the union bound allows", is_least)
