"""The density of a sum of k uniforms on [-1, 1], between two multiples of k^-1/2."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, ctx

from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.integral import enclosed

_LAST = 60  # up to here the density itself, beyond it the normal law with an error

# The constants of the statement: _LOWER and sqrt(_UPPER_SQUARED) bound sqrt(k) f_k.
_LOWER = Fraction(3, 20)
_LOWER_STEP = Fraction(1, 200)  # _LOWER cannot be raised by it
_UPPER_SQUARED = Fraction(1, 2)


def density(num_terms: int, point: Any, num_pieces: int) -> Any:
    """Return the density at `point`, an arb or a Fraction.

    `num_pieces` counts the j with 2 j < point + num_terms, which the caller knows exactly.
    """
    total = sum(
        (-1) ** j * math.comb(num_terms, j) * (point + num_terms - 2 * j) ** (num_terms - 1)
        for j in range(num_pieces)
    )
    return total / (2**num_terms * math.factorial(num_terms - 1))


def density_at_root(num_terms: int) -> Any:
    """Return sqrt(k) f_k(sqrt k), the value of the closed interval at k = 1."""
    pieces = sum(
        (2 * j - num_terms) ** 2 < num_terms or 2 * j < num_terms for j in _counts(num_terms)
    )
    root = arb(num_terms).sqrt()
    return root * density(num_terms, root, pieces)


def _counts(num_terms: int) -> range:
    return range(num_terms + 1)


def _sum_bounded(effort: Effort, rng: np.random.Generator) -> Evidence:
    del rng
    steps = Steps()
    last = effort.pick(_LAST, 5 * _LAST)
    steps.step(f"2 sum of f_k(x + 2j) = 1 for k <= {last}", _is_partition(last))
    # f_k(0) is rational, and so is the square of sqrt(k) f_k(0): nothing rounds.
    squares = [k * _at_zero(k) ** 2 for k in range(1, last + 1)]
    holds = max(squares) == squares[1] == _UPPER_SQUARED and squares.count(_UPPER_SQUARED) == 1
    steps.step("sqrt(k) f_k(0) <= 1/sqrt 2, with equality at k = 2 alone", holds)
    with ctx.workprec(10 * last):  # the alternating sum cancels
        lows = [density_at_root(k) for k in range(1, last + 1)]
        lower, upper = _ball(_LOWER), _ball(_UPPER_SQUARED).sqrt()
        next_lower = _ball(_LOWER + _LOWER_STEP)
        low, high = _tail_range(last + 1)
        is_bracketed = all(
            bool(bounds[0] < value) and bool(arb(k).sqrt() * _ball(_at_zero(k)) < bounds[1])
            for k, value in enumerate(lows, 1)
            if k > 4
            for bounds in (_tail_range(k),)
        )
    steps.step("k = 1: f = 1/2 at the end of the closed interval", lows[0] == arb(1) / 2)
    holds = all(bool(value > lower) for value in lows)
    steps.step(f"sqrt(k) f_k(sqrt k) > {_LOWER} for k <= {last}", holds)
    text = f"and < {_LOWER + _LOWER_STEP} at k = {last}"
    steps.step(text, bool(lows[-1] < next_lower))
    for piece, holds in _tail_steps():
        steps.step(piece, holds)
    steps.step(f"the normal law's bounds hold the true values for 5 <= k <= {last}", is_bracketed)
    steps.step(f"both for all k > {last}, from the normal law", bool(low > lower and high < upper))
    text = "f_(k+1)' = (f_k(x+1) - f_k(x-1))/2 <= 0 for x >= 0: f_k decreases in |x|"
    steps.step(text, _is_derivative())
    return steps.evidence()


def _ball(value: Fraction) -> arb:
    return arb(value.numerator) / value.denominator


def _at_zero(num_terms: int) -> Fraction:
    return Fraction(density(num_terms, Fraction(0), _num_pieces(num_terms, Fraction(0))))


def _is_partition(last: int) -> bool:
    """Whether the densities, moved by 2j, sum to 1/2: true of any sum with a term U[-1, 1].

    At k = 1 each point lies in one interval, where the density is 1/2.
    """
    for k in range(1, last + 1):
        points = [
            Fraction(1, 3) + 2 * j for j in range(-k, k + 1) if abs(Fraction(1, 3) + 2 * j) < k
        ]
        if sum(density(k, x, _num_pieces(k, x)) for x in points) != Fraction(1, 2):
            return False
    return True


def _tail_range(first: int) -> tuple[Any, Any]:
    """Return a lower bound of sqrt(k) f_k(sqrt k), and an upper one of sqrt(k) f_k(0), k >= first.

    The characteristic function of one term is sin(t)/t = exp(-t^2/6 - r(t)), where r is a power
    series with coefficients >= 0 that begins with t^4/180 (take the logarithm of the product over
    the zeros): 0 <= r(t) <= c t^4 on [0, 2] with c = r(2)/16. All errors decrease in k.
    """
    root = arb(first).sqrt()
    errors = root * (_middle(first) + _normal_tail(first) + _near_tail(first) + _far_tail(first))
    peak = (3 / (2 * arb.pi())).sqrt()
    # exp(-k c t^4) <= 1: at 0 the middle is no larger than that of the normal law.
    above = root * (_normal_tail(first) + _near_tail(first) + _far_tail(first))
    return peak * (arb(-3) / 2).exp() - errors, peak + above


def _quartic() -> arb:
    """Return c = r(2)/16."""
    two = arb(2)
    return (-(two.sin() / 2).log() - arb(4) / 6) / 16


def _middle(num_terms: int) -> arb:
    """Return (1/2 pi) times the integral of k c t^4 exp(-k t^2/6) over the line."""
    k, pi = arb(num_terms), arb.pi()
    return _quartic() * 27 * (6 * pi).sqrt() / (2 * pi * k * k.sqrt())


def _normal_tail(num_terms: int) -> arb:
    """Return more than (1/pi) times the integral of exp(-k t^2/6) from 2 on."""
    k = arb(num_terms)
    return 3 / (2 * k) * (-2 * k / 3).exp() / arb.pi()


def _near_tail(num_terms: int) -> arb:
    """Return more than (1/pi) times the integral of |sin(t)/t|^k from 2 to pi."""
    return (arb.pi() - 2) * (arb(2).sin() / 2) ** num_terms / arb.pi()


def _far_tail(num_terms: int) -> arb:
    """Return (1/pi) times the integral of t^-k from pi on."""
    return arb.pi() ** (1 - num_terms) / (num_terms - 1) / arb.pi()


def _integral(function: Callable[[Any], Any], low: Any, high: Any) -> arb:
    return enclosed(lambda t, _: function(t), low, high)


def _tail_steps() -> Iterator[tuple[str, bool]]:
    """Yield the parts of the error of the normal law, each beside a numerical integral."""
    k, pi, c = 7, arb.pi(), _quartic()

    def r(t: Any) -> Any:
        return -(t.sin() / t).log() - t**2 / 6

    grid = [arb(i) / 16 for i in range(4, 32)]
    holds = all(bool(t**4 / 180 < r(t)) and bool(r(t) < c * t**4) for t in grid)
    holds &= bool(abs(r(arb(2)) - 16 * c) < 2.0**-40)
    yield "t^4/180 < r(t) < c t^4 on [0, 2], with equality at 2", holds
    true = _integral(lambda t: k * c * t**4 * (-k * t**2 / 6).exp(), 0, 20) / pi
    yield "the integral of k c t^4 exp(-k t^2/6)", bool(abs(_middle(k) / true - 1) < 2.0**-40)
    true = _integral(lambda t: (-k * t**2 / 6).exp(), 2, 20) / pi
    holds = bool(true < _normal_tail(k)) and bool(_normal_tail(k) < true * 9 / 8)
    yield "the normal law beyond 2, at most 1/8 too much", holds
    true = _integral(lambda t: (t.sin() / t) ** k, 2, pi) / pi
    ceiling = arb(2).sin() ** k * (pi - 2) / (pi * 2**k)
    holds = bool(true < _near_tail(k)) and bool(abs(_near_tail(k) / ceiling - 1) < 2.0**-40)
    yield "(sin t / t)^k from 2 to pi, at most its value at 2", holds
    true = _integral(lambda t: t ** (-k), pi, 10**5) / pi
    yield "t^-k from pi on", bool(abs(_far_tail(k) / true - 1) < 2.0**-20)


def _is_derivative() -> bool:
    """Whether f_(k+1)'(x) = (f_k(x+1) - f_k(x-1))/2, which is <= 0 for x >= 0 if f_k decreases."""
    for k in range(2, 13):
        for x in (Fraction(i, 7) for i in range(7 * k)):
            slopes = (
                (-1) ** j * math.comb(k + 1, j) * (x + k + 1 - 2 * j) ** (k - 1)
                for j in range(_num_pieces(k + 1, x))
            )
            derivative = sum(slopes) / (2 ** (k + 1) * math.factorial(k - 1))
            right, left = (density(k, y, _num_pieces(k, y)) for y in (x + 1, x - 1))
            if derivative != (right - left) / 2 or derivative > 0:
                return False
    return True


def _num_pieces(num_terms: int, point: Fraction) -> int:
    return sum(2 * j < point + num_terms for j in _counts(num_terms))


CLAIMS = (
    Claim(
        "C20",
        "Uniform samples are sum-bounded: the density f_k of a sum of k samples of U[-1, 1] has "
        "3/20 < sqrt(k) f_k(x) <= 1/sqrt 2 for every k >= 1 and |x| <= sqrt k (f_1 = 1/2 at the "
        "ends too); the second constant is attained, at k = 2 and x = 0, and the first cannot be "
        "31/200",
        Method.INTERVAL,
        "in the form of Natale et al. 2024",
        _sum_bounded,
    ),
)
