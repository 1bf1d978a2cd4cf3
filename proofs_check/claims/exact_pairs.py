r"""Moments of tiny cases without any bound: the twin of `subset_moments`, in rationals and slow.

In units of 1/2 a sample is kappa + U, U uniform on [0, 1). Two subsets with i samples in common, u
more in the first and v more in the second, have sums near z, in a cell [c, c + 1]/4, when the point

.. math:: (S_i + S_u + W + 2 e B,\ S_i + S_v + W + 2 e B'), \qquad W\ \text{uniform on}\ [0, 1/4],

has both coordinates where z asks for them. Its density is a box spline: differences, one for each
of its uniform terms, of the truncated power whose directions are (1, 1), (1, 0) and (0, 1).
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import product
from math import comb, factorial

_CELL = Fraction(1, 4)
_ZERO = Fraction(0)


@cache
def pair_integral(
    sizes: tuple[int, int, int], shift: int, cell: int, *, radius: Fraction
) -> Fraction:
    """Return the integral over a cell of P(both sums are within `radius` of the target).

    `sizes` are i, u and v; `shift` is the sum of the kappas of the first subset less that of the
    second, and targets are counted from the former. A `radius` of 0 gives the joint density of both
    sums instead, which needs u, v >= 1.
    """
    i, u, v = sizes
    box = 1 if radius else 0
    start = (cell + 1) * _CELL + radius
    total = _ZERO
    for a, b, c in product(range(i + 1), range(u + 1), range(v + 1)):
        ways = comb(i, a) * comb(u, b) * comb(v, c)
        for w, s, t in product((0, 1), range(box + 1), range(box + 1)):
            x = start - a - w * _CELL - b - s * 2 * radius
            y = start + shift - a - w * _CELL - c - t * 2 * radius
            if x > 0 and y > 0:
                power = _power(i + 1, u + box, v + box, x, y)
                total += (-1) ** (a + b + c + w + s + t) * ways * power
    return total


@cache
def single_integral(size: int, cell: int, *, radius: Fraction) -> Fraction:
    """Return the integral over a cell of P(the sum of `size` uniforms is within `radius`).

    A `radius` of 0 gives the integral of the density instead.
    """
    box = 1 if radius else 0
    degree = size + box
    total = _ZERO
    for a, w, s in product(range(size + 1), (0, 1), range(box + 1)):
        x = (cell + 1) * _CELL + radius - a - w * _CELL - s * 2 * radius
        if x > 0:
            total += (-1) ** (a + w + s) * comb(size, a) * x**degree / factorial(degree)
    return total


def _power(r: int, p: int, q: int, x: Fraction, y: Fraction) -> Fraction:
    """Return int_0^min(x,y) w^(r-1) (x-w)^(p-1) (y-w)^(q-1) dw over the three factorials."""
    if x > y:
        p, q, x, y = q, p, y, x
    # (y - w) = (y - x) + (x - w), and int w^(r-1) (x-w)^(s-1) dw is a beta function.
    total = _ZERO
    for k in range(q):
        beta = Fraction(factorial(r - 1) * factorial(p + k - 1), factorial(r + p + k - 1))
        total += comb(q - 1, k) * (y - x) ** (q - 1 - k) * x ** (r + p + k - 1) * beta
    return total / (factorial(r - 1) * factorial(p - 1) * factorial(q - 1))
