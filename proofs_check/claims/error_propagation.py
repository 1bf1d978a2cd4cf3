"""How the errors of the layers add up to the error of the network."""

from __future__ import annotations

from fractions import Fraction
from math import prod

import numpy as np
from flint import arb

from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.rational_matrix import (
    Rationals,
    norm_squared,
    rationals,
    reflection,
    relu,
)


def _recursion(steps: Steps) -> None:
    import sympy

    e, E, R, X = sympy.symbols("e E R X", nonnegative=True)
    unit = 1 + E + e * (1 + E) - (1 + E) * (1 + e)
    steps.step("1 + E + e(1+E) = (1+E)(1+e)", sympy.expand(unit) == 0)
    general = R * X + R * E + e * (X + E) - (X + E) * (R + e)
    steps.step("with norms: X R + R E + e(X+E) = (X+E)(R+e)", sympy.expand(general) == 0)


def _choices(steps: Steps) -> None:
    holds = True
    for percent in (1, 10, 50, 100, 400, 2000):
        size = (1 + arb(percent) / 100).log()
        holds &= all(bool(depth * (1 + size / depth).log() < size) for depth in range(1, 65))
    steps.step("(1 + ln(1+eps)/l)^l <= 1+eps for l <= 64, six eps (ln(1+x) <= x)", holds)
    # exp(eps/2) - 1 - eps is convex and 0 at 0: its sign at 2.5 decides.
    steps.step("exp(eps/2) <= 1+eps for eps <= 2.5", bool((arb(5) / 4).exp() < arb(7) / 2))
    steps.step("and no longer at 2.52", bool((arb(126) / 100).exp() > arb(352) / 100))
    holds = all(
        (1 + eps / (2 * depth)) ** depth <= 1 + eps
        for depth in range(1, 65)
        for eps in (Fraction(1, 100), Fraction(1), Fraction(5, 2))
    )
    steps.step("(1 + eps/(2l))^l <= 1+eps for l <= 64", holds)


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
        limit = prod(1 + error for error in errors) - 1
        is_below &= distance <= limit**2
        largest = max(largest, float(distance / limit**2) ** 0.5)
    steps.step(
        f"{num_networks} orthogonal networks, adversarial errors: up to {largest:.2f} of the bound",
        is_below,
    )
    unit = rationals(np.array([1, 0]))
    identity = rationals(np.eye(2, dtype=int))
    distance = norm_squared(forward([identity * Fraction(11, 10)] * 3, unit) - unit)
    steps.step("equality for the identity", distance == (Fraction(11, 10) ** 3 - 1) ** 2)
    return steps.evidence()


CLAIMS = (
    Claim(
        "C14",
        "Layer errors e_i give a network error of at most prod(1+e_i) - 1, so eps/(2l) and "
        "ln(1+eps)/l each suffice",
        Method.EXACT,
        "after Pensia et al. 2020, Theorem 1",
        _networks,
    ),
)
