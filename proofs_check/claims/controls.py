"""Negative controls: false claims, near true ones, that the same machinery must refute.

What makes each of them false stands in one place, so that a test can put the true value there and
see the control hold.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from proofs_check.claims.claim import Claim, Effort, Evidence, Method
from proofs_check.claims.interval_union import IntervalUnion, expected_growth
from proofs_check.claims.single_pair import success_probability

#: Twice the largest target of C25a; 1 would be true.
_WIDE_END = Fraction(11, 10)

#: The weight of C25b; 1/2 would be true.
_FAR_WEIGHT = Fraction(1)


def _wide_window(effort: Effort, rng: np.random.Generator) -> Evidence:
    """Scaled by two: the component is U[-1, 1], and the window a tenth longer than that."""
    del effort, rng
    window = -_WIDE_END, _WIDE_END
    half = expected_growth(IntervalUnion(((-_WIDE_END, Fraction(0)),)), window) / (2 * _WIDE_END)
    text = f"A the left half: E q = {float(half):.5f}, v(1-v)/2 = 0.125"
    return Evidence(half >= Fraction(1, 8), text)


def _unit_target(effort: Effort, rng: np.random.Generator) -> Evidence:
    del effort, rng
    chance = success_probability(_FAR_WEIGHT, Fraction(1, 64))
    text = f"w = {_FAR_WEIGHT}, tau = 1/64: pi = {float(chance.mid()):.2e}, 0.69 tau = 1.08e-02"
    return Evidence(not bool(chance * 6400 < 69), text)


def one_sign(weight: Fraction, x: Fraction) -> Fraction:
    """Return the best that neurons w s(x) of one sign can do for w x, s(t) = max(t, 0)."""
    return weight * max(x, Fraction(0))


def _one_sign(effort: Effort, rng: np.random.Generator) -> Evidence:
    del effort, rng
    weight, inputs = Fraction(1, 2), [Fraction(n, 4) for n in range(-4, 5)]
    errors = [abs(weight * x - one_sign(weight, x)) for x in inputs]
    text = f"w = 1/2: error {max(errors)} at x = {inputs[errors.index(max(errors))]}"
    return Evidence(max(errors) == 0, text)


def share(epsilon: Fraction, depth: int) -> Fraction:
    """Return the error that each of `depth` layers may have, as C25d has it."""
    return epsilon / depth


def _no_factor_two(effort: Effort, rng: np.random.Generator) -> Evidence:
    del effort, rng
    epsilon = Fraction(1)
    errors = {depth: (1 + share(epsilon, depth)) ** depth - 1 for depth in range(1, 9)}
    depth = max(errors, key=lambda depth: errors[depth])
    text = f"{depth} identity layers, each off by {share(epsilon, depth)}: error {errors[depth]}"
    return Evidence(errors[depth] <= epsilon, text)


_SOURCE = "this project"
CLAIMS = (
    Claim(
        "C25a",
        "The component on [-1/2, 1/2] still has drift v(1-v)/2 for targets up to |w| = 0.55",
        Method.EXACT,
        _SOURCE,
        _wide_window,
        is_control=True,
    ),
    Claim(
        "C25b",
        "One product of two uniforms on [-1, 1] is within tau of w = 1 as often as of |w| <= 1/2: "
        "with probability at least 0.69 tau, here for tau = 1/64",
        Method.INTERVAL,
        _SOURCE,
        _unit_target,
        is_control=True,
    ),
    Claim(
        "C25c",
        "Neurons s(a x) with a > 0 alone represent x -> w x on [-1, 1], s(t) = max(t, 0)",
        Method.EXACT,
        _SOURCE,
        _one_sign,
        is_control=True,
    ),
    Claim(
        "C25d",
        "Layer errors eps/l, without the factor two, suffice at eps = 1 for every depth l",
        Method.EXACT,
        _SOURCE,
        _no_factor_two,
        is_control=True,
    ),
)
