"""Sizing: which tolerance and how many samples an epsilon calls for. Estimates, not promises.

The certificate of the finished ticket decides whether epsilon was met; these numbers only choose
sizes with which it is likely to be.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from strongltn.construct.construction import MAX_SAMPLES, Construction
from strongltn.construct.plan import scale_exponents
from strongltn.errors import BudgetExceeded
from strongltn.networks.domain import Domain
from strongltn.networks.target import TargetNetwork
from strongltn.rng import WeightLaw, named_generator
from strongltn.subset_sum import solve_batch
from strongltn.subset_sum.sample_laws import draw_products, product_cdf
from strongltn.subset_sum.solvers import SingleWeight

_PILOT_INSTANCES = 20_000
_PILOT_SAMPLES = 16  # beyond, a pilot's cost is kept level with fewer instances
_PILOT_FAILURES = 25  # a failure fraction is trusted while it rests on this many
_MIN_PILOT_INSTANCES = 100
_MIN_SLOPE = 0.6  # of log2(failures) a sample, the least seen for targets up to 1/2 (products)
_MAX_SUBSET_SAMPLES = 40  # meet in the middle: 2^20 sums in each half
_MOST_HITS = 4 * 2.0**_MAX_SUBSET_SAMPLES  # subset sums a unit of tolerance, at most about


def estimate_tolerance(target: TargetNetwork, domain: Domain, *, epsilon: float) -> float:
    """Return a tolerance for one weight at which the certified error is about `epsilon` at most.

    Solves the error recursion with ||E|| replaced by tolerance / sqrt(3) * (sqrt(rows) +
    sqrt(columns)), what independent errors uniform within the tolerance would give.

    Notes
    -----
    Rigor: estimate. Cost: one singular value a layer. Randomness: none.
    """
    norms = [float(np.linalg.norm(layer.weight.astype(np.float64), 2)) for layer in target.layers]

    def predicted(tolerance: float) -> float:
        size, difference = domain.reach(target.widths[0]), 0.0
        for layer, norm in zip(target.layers, norms, strict=True):
            rows, columns = layer.weight.shape
            deviation = tolerance / math.sqrt(3)
            error = deviation * (math.sqrt(rows) + math.sqrt(columns))
            bias_error = 0.0 if layer.bias is None else deviation * math.sqrt(rows)
            bias = 0.0 if layer.bias is None else float(np.linalg.norm(layer.bias))
            difference = (norm + error) * difference + error * size + bias_error
            size = norm * size + bias
        return difference

    low, high = 0.0, 1.0
    while predicted(high) < epsilon and high < 2.0**100:
        high *= 2
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if predicted(middle) <= epsilon else (low, middle)
    return low or high


def estimate_num_samples(
    target: TargetNetwork,
    construction: Construction,
    *,
    law: WeightLaw,
    domain: Domain,
    tolerance: float,
    seed: int = 0,
    failure_probability: float = 0.05,
) -> int:
    """Return how many samples a weight probably needs so that all weights are within tolerance.

    Single weight: the least n with the expected number of failures at most `failure_probability`,
    from the law of one product. Subset sums: a pilot simulation over the target's own weights, one
    n after the other while failures are frequent, then a log-linear continuation, which errs
    towards more samples because the failure fraction falls faster and faster.

    Parameters
    ----------
    target : TargetNetwork
    construction : Construction
    law : WeightLaw
    domain : Domain
    tolerance : float > 0
        In the units of the target.
    seed : int in [0, 2^64)
        The seed of the pilot, which has a stream of its own.
    failure_probability : float in (0, 1)
        That some weight is out of reach.

    Raises
    ------
    BudgetExceeded
        More samples than the construction's solver can take.

    Notes
    -----
    Rigor: estimate. Cost: a second or two. Randomness: the pilot.
    """
    goals, tolerances = _scaled_instances(target, construction, domain, tolerance)
    if goals.size == 0:
        return 1
    if isinstance(construction.solver, SingleWeight):
        return _single_weight_samples(goals, tolerances, law, failure_probability)
    if np.maximum(0.0, 1 - _MOST_HITS * tolerances).sum() > 1:
        raise BudgetExceeded(_too_many(f"More than {_MAX_SUBSET_SAMPLES}", tolerance))
    generator = named_generator(seed, name="pilot")
    logarithms: list[float] = []
    for num_samples in range(2, _MAX_SUBSET_SAMPLES, 2):
        shrinkage = max(0, num_samples - _PILOT_SAMPLES) // 2
        num_instances = max(_MIN_PILOT_INSTANCES, _PILOT_INSTANCES >> shrinkage)
        chosen = generator.integers(0, goals.size, num_instances)
        samples = draw_products(law, (num_instances, num_samples), generator=generator)
        error = solve_batch(samples, goals[chosen], solver=construction.solver).error
        failures = int((error > tolerances[chosen]).sum())
        if failures < _PILOT_FAILURES:
            break
        logarithms.append(math.log2(failures / num_instances))
    wanted = math.log2(failure_probability / goals.size)
    if not logarithms:
        return max(2, math.ceil(-wanted))  # any two samples do: one halving a sample from there
    slope = 1.0
    if len(logarithms) > 1:
        slope = min(1.0, max(_MIN_SLOPE, (logarithms[-2] - logarithms[-1]) / 2))
    needed = 2 * len(logarithms) + math.ceil(max(0.0, logarithms[-1] - wanted) / slope)
    if needed > _MAX_SUBSET_SAMPLES:
        raise BudgetExceeded(_too_many(f"About {needed}", tolerance))
    return needed


def _too_many(number: str, tolerance: float) -> str:
    return (
        f"{number} samples a weight would be needed for a tolerance of {tolerance:.3g}; exact "
        f"subset sums are planned up to {_MAX_SUBSET_SAMPLES}. Try a larger epsilon, or choose the "
        "number of samples yourself."
    )


def _single_weight_samples(
    goals: NDArray[np.float64],
    tolerances: NDArray[np.float64],
    law: WeightLaw,
    failure_probability: float,
) -> int:
    success = product_cdf(law, goals + tolerances) - product_cdf(law, goals - tolerances)
    rates = np.log1p(-np.clip(success, 0.0, 1 - 1e-16))
    low, high = 0, 1
    while np.exp(high * rates).sum() > failure_probability:
        low, high = high, 2 * high
        if low > MAX_SAMPLES:
            raise BudgetExceeded(
                f"More than {MAX_SAMPLES} samples a weight would be needed for a tolerance "
                f"of {float(tolerances.min()):.3g} with single weights. Try a larger epsilon, or a "
                "diamond, whose number of samples grows with the logarithm only."
            )
    while high - low > 1:
        middle = (low + high) // 2
        enough = np.exp(middle * rates).sum() <= failure_probability
        low, high = (low, middle) if enough else (middle, high)
    return high


def _scaled_instances(
    target: TargetNetwork, construction: Construction, domain: Domain, tolerance: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return |target| and tolerance of every subset sum with a target that is not zero, scaled."""
    goals, tolerances = [], []
    exponents = scale_exponents(target)
    total = 0
    scaled = target.scaled(exponents)
    for i, (layer, exponent) in enumerate(zip(scaled, exponents, strict=True)):
        total += exponent
        halves = construction.num_halves(domain, i)
        weights = np.tile(np.abs(layer.weight.to_floats()).ravel(), halves)
        goals.append(weights)
        tolerances.append(np.full(weights.size, math.ldexp(tolerance, -exponent)))
        if layer.bias is not None:
            goals.append(np.abs(layer.bias.to_floats()))
            tolerances.append(np.full(goals[-1].size, math.ldexp(tolerance, -total)))
    joined, limits = np.concatenate(goals), np.concatenate(tolerances)
    return joined[joined > 0], limits[joined > 0]
