"""The second moment of the number of solutions does not concentrate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from itertools import combinations, product
from typing import Any

import numpy as np
import numpy.typing as npt

from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps

Counts = npt.NDArray[Any]

# The samples of the claim are the integers of [-_HALF, _HALF], and solutions are sums within
# _TOLERANCE of 0. The ratio of n samples exceeds sqrt(_LIMIT_SQUARED) from _FIRST samples on.
_HALF, _TOLERANCE = 8, 1
_LIMIT_SQUARED = Fraction(4, 3)
_FIRST, _LAST = 2, 18


def sum_counts(num_terms: int, half: int) -> list[Counts]:
    """Return, for k = 0 .. num_terms, how often k integers of [-half, half] have each sum.

    All rows have one width: entry i stands for the sum i - num_terms half.
    """
    centre = num_terms * half
    row = np.zeros(2 * centre + 1, dtype=object)
    row[centre] = 1
    rows = [row]
    for _ in range(num_terms):
        padded = np.concatenate([np.zeros(half, dtype=object), row, np.zeros(half, dtype=object)])
        row = _total(padded[step : step + row.size] for step in range(2 * half + 1))
        rows.append(row)
    return rows


def moment_ratio(num_samples: int, *, half: int, tolerance: int) -> Fraction:
    """Return E[Y^2] / E[Y]^2, Y the number of subsets with a sum in [-tolerance, tolerance].

    The samples are uniform on the integers of [-half, half]. Two subsets share a of them, b and c
    are in one only: a trinomial sum.
    """
    n, base = num_samples, 2 * half + 1
    rows = sum_counts(n, half)
    centre = n * half
    # near[b][u]: how often b samples have a sum within the tolerance of -u.
    shifts = range(-tolerance, tolerance + 1)
    near = [_total(_moved(row, shift) for shift in shifts) for row in rows]
    first = sum(math.comb(n, k) * near[k][centre] * base ** (n - k) for k in range(n + 1))
    second = 0
    for a in range(n + 1):
        for b in range(n - a + 1):
            shared = rows[a] * near[b]
            for c in range(b, n - a - b + 1):
                ways = math.comb(n, a) * math.comb(n - a, b) * math.comb(n - a - b, c)
                joint = int(shared @ near[c]) * base ** (n - a - b - c)
                second += (1 if b == c else 2) * ways * joint
    return Fraction(second * base**n, int(first) ** 2)


def _total(rows: Iterable[Counts]) -> Counts:
    return np.asarray(np.sum(list(rows), axis=0))


def _moved(row: Counts, shift: int) -> Counts:
    moved = np.roll(row, shift)
    if shift > 0:
        moved[:shift] = 0
    elif shift < 0:
        moved[shift:] = 0
    return moved


def _brute_ratio(num_samples: int, *, half: int, tolerance: int) -> Fraction:
    counts = [
        sum(
            abs(sum(chosen)) <= tolerance
            for size in range(num_samples + 1)
            for chosen in combinations(draw, size)
        )
        for draw in product(range(-half, half + 1), repeat=num_samples)
    ]
    return Fraction(sum(y * y for y in counts) * len(counts), sum(counts) ** 2)


def _no_concentration(effort: Effort, rng: np.random.Generator) -> Evidence:
    import sympy

    del rng
    steps = Steps()
    cases = [(3, 2, 0), (3, 3, 1), (4, 2, 1), (5, 1, 0), (5, 1, 2)]
    cases += [(n, _HALF, _TOLERANCE) for n in (1, 2, 3)]
    holds = all(
        moment_ratio(n, half=half, tolerance=tolerance)
        == _brute_ratio(n, half=half, tolerance=tolerance)
        for n, half, tolerance in cases
    )
    steps.step(f"the trinomial sum equals the full enumeration ({len(cases)} cases)", holds)
    sizes = range(1, effort.pick(_LAST, 40) + 1)
    ratios = {n: moment_ratio(n, half=_HALF, tolerance=_TOLERANCE) for n in sizes}
    # One sample: Y = 2 with probability 3/17, else 1.
    holds = ratios[1] == Fraction(221, 200) and ratios[1] ** 2 < _LIMIT_SQUARED
    steps.step("one sample: the ratio is 221/200, below 2/sqrt 3", holds)
    holds = all((ratios[n] ** 2 > _LIMIT_SQUARED) == (n >= _FIRST) for n in sizes)
    shown = ", ".join(f"{float(ratios[n]):.4f}" for n in (_FIRST, 4, 6, 10, sizes[-1]))
    text = f"ratio {shown} at n = {_FIRST}, 4, 6, 10, {sizes[-1]}; above 2/sqrt 3 at all n"
    steps.step(f"{text} from {_FIRST} to {sizes[-1]}", holds)
    near = _LIMIT_SQUARED * Fraction(1003, 1000) ** 2
    holds = all(ratios[n] > ratios[n + 1] for n in sizes[3:-1]) and ratios[_LAST] ** 2 < near
    steps.step("it falls from n = 4 on, and is within 0.3 % of 2/sqrt 3 at 18", holds)
    z = sympy.symbols("z", real=True)
    normal = sympy.exp(-(z**2) / 2) / sympy.sqrt(2 * sympy.pi)
    mean, square = (
        sympy.integrate(normal * sympy.exp(-power * z**2 / 2), (z, -sympy.oo, sympy.oo))
        for power in (1, 2)
    )
    limit = sympy.sqrt(sympy.Rational(_LIMIT_SQUARED.numerator, _LIMIT_SQUARED.denominator))
    text = "2/sqrt 3 is the ratio of exp(-Z^2/2), the shape of Y given sum X (not proved a limit)"
    steps.step(text, sympy.simplify(square / mean**2 - limit) == 0)
    return steps.evidence()


CLAIMS = (
    Claim(
        "C21",
        "Let Y be the number of subsets, the empty one included, of n samples, uniform on the "
        "integers of [-8, 8], whose sum is -1, 0 or 1. E[Y^2]/E[Y]^2 > 2/sqrt 3 for all "
        "2 <= n <= 18 (full: 40), so that Y does not concentrate there; at n = 1 it is 221/200",
        Method.EXACT,
        "this project",
        _no_concentration,
    ),
)
