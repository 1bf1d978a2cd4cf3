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


def _brute_pairs(half: int, target: int) -> Fraction:
    grid = range(-half, half + 1)
    hits = sum(target in {0, x, y, x + y} for x, y in product(grid, repeat=2))
    return Fraction(hits, len(grid) ** 2)


def _stated_pairs(half: int, target: int) -> Fraction:
    """Return (3G - |z| - 3)/G^2, G = 2 half + 1: the frequency of a target z other than 0."""
    size = 2 * half + 1
    return Fraction(3 * size - abs(target) - 3, size**2)


def _exact_steps(steps: Steps, effort: Effort) -> None:
    cases = [(half, n) for half in (1, 2, 3, 4) for n in range(1, 5) if half * n <= 12]
    holds = all(success_probability(half, n) == _brute_probability(half, n) for half, n in cases)
    text = f"counting by reachable sets equals enumeration ({len(cases)} cases)"
    steps.step(text, holds)
    holds, texts = True, []
    for half, last in ((2, 7), (4, effort.pick(6, 8))):
        chances = [success_probability(half, n) for n in range(1, last + 1)]
        # 2^n subsets reach at most 2^n of the 2/delta + 1 values.
        possible = [2**n >= 2 * half + 1 for n in range(1, last + 1)]
        holds &= [chance > 0 for chance in chances] == possible and sorted(chances) == chances
        holds &= chances[-1] < 1 and all(
            sum(reachable_laws(half, n).values()) == (2 * half + 1) ** n for n in (1, 2, 3)
        )
        texts.append(f"delta = 1/{half}: {float(chances[-1]):.3f} at n = {last}")
    steps.step(f"P(all) > 0 exactly from 2^n >= 2/delta + 1 on ({'; '.join(texts)})", holds)


def _quantised(effort: Effort, rng: np.random.Generator) -> Evidence:
    del rng
    steps = Steps()
    _exact_steps(steps, effort)
    holds = all(
        pair_frequency(half, z) == _brute_pairs(half, z)
        for half in (1, 2, 5)
        for z in range(-half, half + 1)
    )
    steps.step("two samples: counting on arrays equals enumeration", holds)
    powers = range(1, 11)
    holds = all(
        pair_frequency(2**k, z) == _stated_pairs(2**k, z)
        for k in powers
        for z in {1, -1, 2 ** (k - 1), 2**k, -(2**k)}
    )
    steps.step("they hit z != 0 with probability (3G - |z| - 3)/G^2, k <= 10", holds)
    holds = all(
        set(np.flatnonzero(products_of(half)).tolist())
        == {x * y for x, y in product(range(half + 1), repeat=2)}
        for half in range(1, 17)
    )
    is_prime = _is_prime(2**20)
    holds &= np.flatnonzero(is_prime[:30]).tolist() == [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]
    # pi(2^20), and how many different numbers stand in the multiplication table up to 2^10.
    holds &= int(is_prime.sum()) == 82025
    steps.step("products and primes against lists of them; 82,025 primes below 2^20", holds)
    holds, share = True, Fraction(0)
    for k in powers:
        half = 2**k
        is_product = products_of(half)
        missed = (is_prime[: half * half + 1] & ~is_product)[half + 1 :]
        # Every prime above 1/delta is missed, and no prime up to it.
        holds &= int(missed.sum()) == int(is_prime[half + 1 : half * half + 1].sum()) > 0
        holds &= bool(is_product[: half + 1].all())
        share = Fraction(int(is_product.sum()), is_product.size)
    steps.step(
        f"no prime above 1/delta is a product, all numbers up to it are; at k = 10 products fill "
        f"{float(share):.3f} of the delta^2 grid, so they are not uniform on it",
        holds and share < Fraction(1, 4),
    )
    return steps.evidence()


CLAIMS = (
    Claim(
        "C22",
        "n samples, uniform on the grid of step delta in [-1, 1], reach all 2/delta + 1 values of "
        "it as subset sums with positive probability just when 2^n >= 2/delta + 1 (delta = 1/2, "
        "n <= 7; delta = 1/4, n <= 6, full: 8); of the grid of step delta^2, products of two "
        "values miss p delta^2 for every prime p with 1/delta < p <= 1/delta^2 (delta = 2^-k, "
        "1 <= k <= 10), so that rejection cannot make them uniform on it",
        Method.EXACT,
        "in the form of Kumar and Natale 2025",
        _quantised,
    ),
)
