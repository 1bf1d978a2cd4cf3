"""How the errors of the layers add up to the error of the network."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
from flint import arb, ctx

from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.rational_matrix import (
    Rationals,
    norm_squared,
    rationals,
    reflection,
    relu,
)


def network_error(errors: Sequence[Any]) -> Any:
    """Return the claimed bound on the error of the network, from those of its layers."""
    return prod(1 + error for error in errors) - 1


def half_share(epsilon: Any, depth: int) -> Any:
    """Return the first choice of a layer's error, for epsilon up to 2.51."""
    return epsilon / (2 * depth)


def log_share(epsilon: Any, depth: int) -> Any:
    """Return the second choice of a layer's error, for every epsilon."""
    return (1 + epsilon).log() / depth


def _recursion(steps: Steps) -> None:
    import sympy

    e, E, R, X = sympy.symbols("e E R X", nonnegative=True)
    # |h(y) - W x| <= |h(y) - W y| + |W (y - x)| <= e |y| + |y - x|, where |y| <= 1 + E.
    first = sympy.symbols("e1:5", nonnegative=True)
    error = sympy.Integer(0)
    is_product = True
    for depth, size in enumerate(first, start=1):
        error = error + size * (1 + error)
        is_product &= sympy.expand(network_error(first[:depth]) - error) == 0
    steps.step("E_i = E_(i-1) + e_i(1+E_(i-1)) gives prod(1+e_i) - 1, l <= 4", is_product)
    general = R * X + R * E + e * (X + E) - (X + E) * (R + e)
    steps.step("with norms: X R + R E + e(X+E) = (X+E)(R+e)", sympy.expand(general) == 0)


_EPSILONS = tuple(Fraction(n, 100) for n in (1, 10, 50, 100, 200, 250, 251))
_DEPTHS = (*range(1, 65), 1000, 10**6)


def _choices(steps: Steps) -> None:
    # log(1+t) <= t, so that ln(1+eps)/l is enough for every l and eps.
    is_enough = is_sharp = True
    with ctx.workprec(200):  # both sides are close for many layers
        for epsilon in (*_EPSILONS, Fraction(4), Fraction(100)):
            size = arb(epsilon.numerator) / epsilon.denominator
            whole = (1 + size).log()
            is_enough &= all(
                bool(depth * (1 + log_share(size, depth)).log() < whole) for depth in _DEPTHS
            )
            most = log_share(size, _DEPTHS[-1]) * 1001 / 1000
            is_sharp &= bool(_DEPTHS[-1] * (1 + most).log() > whole)
    text = "(1 + ln(1+eps)/l)^l <= 1+eps for l <= 64, 1000, 10^6 and eps up to 100"
    steps.step(text, is_enough)
    steps.step("a thousandth more is too much for l = 10^6", is_sharp)
    # exp(eps/2) - 1 - eps is convex and 0 at 0: its sign at 2.51 decides.
    end = arb(251) / 100
    steps.step("exp(eps/2) <= 1+eps at eps = 2.51", bool((end / 2).exp() < 1 + end))
    holds = all(
        network_error([half_share(epsilon, depth)] * depth) <= epsilon
        for depth in (*range(1, 65), 1000)
        for epsilon in _EPSILONS
    )
    steps.step("(1 + eps/(2l))^l <= 1+eps for l <= 64, 1000 and eps up to 2.51", holds)
    beyond = Fraction(252, 100)
    fails = network_error([half_share(beyond, 1000)] * 1000) > beyond
    steps.step("but not for eps = 2.52 and l = 1000", fails)
    # Where the bound is attained, at 2.51, a layer may not be off by a hundredth more.
    most = half_share(Fraction(251, 100), 1000) * 101 / 100
    is_sharp = network_error([most] * 1000) > Fraction(251, 100)
    steps.step("nor for a hundredth more at eps = 2.51 and l = 1000", is_sharp)


def forward(layers: list[Rationals], x: Rationals) -> Rationals:
    """Return the network's value: ReLU after every layer but the last."""
    for layer in layers[:-1]:
        x = relu(layer @ x)
    return np.asarray(layers[-1] @ x)


def _networks(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    _recursion(steps)
    _choices(steps)
    num_networks, is_below, largest = effort.pick(150, 3000), True, 0.0
    for _ in range(num_networks):
        size, depth = int(rng.integers(2, 5)), int(rng.integers(2, 4))
        errors = [Fraction(int(rng.integers(1, 40)), 100) for _ in range(depth)]
        exact = [reflection(rng, size) for _ in errors]
        x = reflection(rng, size)[0]
        pruned = []
        inner = x
        for layer, error in zip(exact, errors, strict=True):
            # Adversarial: of a few directions of norm one, the one that sees the most of inner.
            rows = np.concatenate([reflection(rng, size) for _ in range(3)])
            direction = rows[np.argmax([abs(value) for value in rows @ inner])]
            output = layer @ inner
            turned = max(rows, key=lambda row, y=output: abs(row @ y))  # type: ignore[misc]
            sign = 1 if (turned @ output) * (direction @ inner) >= 0 else -1
            pruned.append(layer + sign * error * np.outer(turned, direction))
            inner = relu(pruned[-1] @ inner)
        distance = norm_squared(forward(exact, x) - forward(pruned, x))
        limit = network_error(errors)
        is_below &= distance <= limit**2
        largest = max(largest, float(distance / limit**2) ** 0.5)
    steps.step(
        f"{num_networks} orthogonal networks, adversarial errors: up to {largest:.2f} of the bound",
        is_below,
    )
    unit = rationals(np.array([1, 0]))
    identity = rationals(np.eye(2, dtype=int))
    is_sharp = True
    for errors in ([Fraction(1, 10)] * 3, [Fraction(1, 3), Fraction(2), Fraction(1, 50)]):
        larger = [identity * (1 + error) for error in errors]
        is_sharp &= norm_squared(forward(larger, unit) - unit) == network_error(errors) ** 2
    steps.step("equality for the identity", is_sharp)
    return steps.evidence()


CLAIMS = (
    Claim(
        "C14",
        "Let W_1, ..., W_l have spectral norm <= 1, and let maps h_i satisfy |h_i(y) - W_i y| <= "
        "e_i |y| for all y. With ReLU between the layers the two networks differ by at most "
        "prod(1+e_i) - 1 on the unit ball, which can be attained. So e_i = ln(1+eps)/l is enough "
        "for an error of eps, for every eps > 0 and l; e_i = eps/(2l) is for every l and 0 < eps "
        "<= 2.51, and is not for eps = 2.52 and l = 1000",
        Method.INTERVAL,
        "after Pensia et al. 2020, Theorem 1",
        _networks,
    ),
)
