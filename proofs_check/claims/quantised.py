"""Samples on a grid, exact representation, and what products of grid values miss."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import numpy.typing as npt

from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps


def reachable_laws(half: int, num_samples: int) -> dict[int, int]:
    """Return how many draws from the integers of [-half, half] reach each set of sums.

    Bit i of a set stands for the sum i - num_samples half. Every draw is counted, equal sets
    together.
    """
    laws = {1 << num_samples * half: 1}
    for _ in range(num_samples):
        grown: dict[int, int] = {}
        for sums, count in laws.items():
            for step in range(-half, half + 1):
                reached = sums | (sums << step if step > 0 else sums >> -step)
                grown[reached] = grown.get(reached, 0) + count
        laws = grown
    return laws


def success_probability(half: int, num_samples: int) -> Fraction:
    """Return the probability that every integer of [-half, half] is a subset sum."""
    laws = reachable_laws(half, num_samples)
    wanted = ((1 << 2 * half + 1) - 1) << (num_samples - 1) * half
    good = sum(count for sums, count in laws.items() if sums & wanted == wanted)
    return Fraction(good, (2 * half + 1) ** num_samples)


def _brute_probability(half: int, num_samples: int) -> Fraction:
    grid = range(-half, half + 1)
    good = 0
    for draw in product(grid, repeat=num_samples):
        sums = {0}
        for step in draw:
            sums |= {value + step for value in sums}
        good += sums >= set(grid)
    return Fraction(good, len(grid) ** num_samples)


def pair_frequency(half: int, target: int) -> Fraction:
    """Return how often one of 0, x, y, x + y is `target`, over all pairs of the grid."""
    grid = np.arange(-half, half + 1)
    x, y = grid[:, None], grid[None, :]
    hits = (x == target) | (y == target) | (x + y == target) | (target == 0)
    return Fraction(int(np.count_nonzero(hits)), grid.size**2)


def products_of(half: int) -> npt.NDArray[np.bool_]:
    """Return which integers 0 .. half^2 are products of two integers of [0, half]."""
    is_product = np.zeros(half * half + 1, dtype=bool)
    for factor in range(1, half + 1):
        is_product[: factor * half + 1 : factor] = True
    return is_product


def _is_prime(last: int) -> npt.NDArray[np.bool_]:
    sieve = np.ones(last + 1, dtype=bool)
    sieve[:2] = False
    for factor in range(2, int(last**0.5) + 1):
        sieve[factor * factor :: factor] = False
    return sieve


def _quantised(effort: Effort, rng: np.random.Generator) -> Evidence:
    del rng
    steps = Steps()
    holds = all(
        success_probability(half, n) == _brute_probability(half, n)
        for half, n in ((2, 3), (2, 4), (4, 4))
    )
    steps.step("counting by reachable sets equals enumeration (3 cases)", holds)
    holds, texts = True, []
    for half, last in ((2, 7), (4, effort.pick(6, 8))):
        chances = [success_probability(half, n) for n in range(1, last + 1)]
        # 2^n subsets reach at most 2^n of the 2/delta + 1 values.
        possible = [2**n >= 2 * half + 1 for n in range(1, last + 1)]
        holds &= [chance > 0 for chance in chances] == possible and sorted(chances) == chances
        texts.append(f"delta = 1/{half}: {float(chances[-1]):.3f} at n = {last}")
    steps.step(f"P(all) > 0 exactly from 2^n >= 2/delta + 1 on ({'; '.join(texts)})", holds)
    total = sum(count * sums.bit_count() for sums, count in reachable_laws(4, 4).items())
    steps.step("mean number of sums <= 2^n", total <= 2**4 * 9**4)
    powers = range(1, 11)
    holds = all(
        pair_frequency(2**k, z) == Fraction(3 * (2 ** (k + 1) + 1) - z - 3, (2 ** (k + 1) + 1) ** 2)
        for k in powers
        for z in {1, 2**k}
    )
    steps.step("two samples hit z with probability (3G - |z| - 3)/G^2, k <= 10", holds)
    holds, share = True, Fraction(0)
    for k in powers:
        half = 2**k
        is_product, is_prime = products_of(half), _is_prime(half * half)
        holds &= not (is_product & is_prime)[half + 1 :].any()
        share = Fraction(int(is_product.sum()), is_product.size)
    steps.step(
        f"no prime above 1/delta is a product; at k = 10 products fill {float(share):.3f} of the "
        "delta^2 grid, so they are not uniform on it",
        holds and share < Fraction(1, 2),
    )
    return steps.evidence()


CLAIMS = (
    Claim(
        "C22",
        "All values of a grid of step delta can be subset sums just when 2^n >= 2/delta + 1 "
        "(delta = 1/2, 1/4); products of grid values miss every prime above 1/delta",
        Method.EXACT,
        "in the form of Kumar and Natale 2025",
        _quantised,
    ),
)
