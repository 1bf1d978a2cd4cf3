"""Both signs of an input from two groups of neurons, and what it costs."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np

from proofs_check.claims.claim import Claim, Effort, Evidence, Method, Steps
from proofs_check.claims.rational_matrix import (
    Rationals,
    is_norm_at_most,
    norm_squared,
    rationals,
    relu,
)


def _identities(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    # Both sides are positively homogeneous in x and in w: the three signs of each decide.
    is_signs = all(_is_identity(Fraction(w), Fraction(x)) for w, x in product((-1, 0, 1), repeat=2))
    steps.step("both identities on all nine signs of (w, x)", is_signs)
    num_pairs = effort.pick(2000, 50000)
    tops = rng.integers(-99, 100, (num_pairs, 2)).tolist()
    bottoms = rng.integers(1, 60, (num_pairs, 2)).tolist()
    is_identity = all(
        _is_identity(Fraction(w, p), Fraction(x, q))
        for (w, x), (p, q) in zip(tops, bottoms, strict=True)
    )
    steps.step(f"and on {num_pairs} random rational pairs", is_identity)
    return steps.evidence()


def _relu(t: Fraction) -> Fraction:
    return max(t, Fraction(0))


def _is_identity(w: Fraction, x: Fraction) -> bool:
    is_input = x == _relu(x) - _relu(-x)
    return is_input and w * x == w * _relu(x) - w * _relu(-x) == _relu(w * x) - _relu(-w * x)


def error_limit(tolerance: Fraction, num_inputs: int, num_outputs: int) -> Fraction:
    """Return the square of the claimed bound on the error of a layer, for inputs of norm 1."""
    return tolerance**2 * num_inputs * num_outputs


def is_error_below(plus: Rationals, minus: Rationals, tolerance: Fraction) -> bool:
    """Whether the layer's error is at most tolerance sqrt(d d') |x|, on every orthant.

    The error is plus @ s(x) - minus @ s(-x); on an orthant it is linear, with columns of either.
    """
    num_outputs, num_inputs = plus.shape
    limit = error_limit(tolerance, num_inputs, num_outputs)
    return all(
        is_norm_at_most(on_orthant(plus, minus, sign), limit) for sign in orthants(num_inputs)
    )


def orthants(num_inputs: int) -> list[tuple[bool, ...]]:
    """Return, for each orthant, which inputs are positive."""
    return list(product((True, False), repeat=num_inputs))


def on_orthant(plus: Rationals, minus: Rationals, is_positive: tuple[bool, ...]) -> Rationals:
    """Return the matrix of plus @ s(x) - minus @ s(-x) on an orthant."""
    return np.where(np.array(is_positive), plus, minus)  # s(-x) = -x where x < 0


def _layer_error(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    extremes = [rationals(np.reshape(c, (2, 4))) for c in product((-1, 1), repeat=8)]
    holds = all(is_error_below(e[:, :2], e[:, 2:], Fraction(1)) for e in extremes)
    steps.step("all 256 extreme errors of a 2 x 2 layer, on all 4 orthants", holds)
    num_layers, holds = effort.pick(40, 100), True
    for _ in range(num_layers):
        shape = 2, int(rng.integers(1, 4)), int(rng.integers(1, effort.pick(6, 10)))
        errors = rationals(rng.integers(-50, 51, shape), 1000)
        holds &= is_error_below(errors[0], errors[1], Fraction(1, 20))
    steps.step(f"{num_layers} random layers, on every orthant", holds)
    steps.step("the matrix of an orthant is the layer there", _is_layer(rng))
    is_sharp, tolerance = True, Fraction(1, 7)
    for num_inputs, num_outputs in ((1, 1), (4, 3), (2, 5)):
        for is_positive in product((True, False), repeat=num_inputs):
            # Errors of the size of the tolerance that add up on this orthant, and 0 elsewhere.
            signs = np.where(is_positive, 1, -1)
            errors = signs * np.full((num_outputs, num_inputs), tolerance, dtype=object)
            nothing = rationals(np.zeros((num_outputs, num_inputs), dtype=int))
            plus = np.where(np.array(is_positive), errors, nothing)
            minus = np.where(np.array(is_positive), nothing, errors)
            x = rationals(np.where(is_positive, 1, -1))
            reached = norm_squared(on_orthant(plus, minus, is_positive) @ x)
            limit = error_limit(tolerance, num_inputs, num_outputs) * num_inputs  # |x|^2
            is_sharp &= reached == limit
            is_sharp &= is_error_below(plus, minus, tolerance)
            is_sharp &= not is_error_below(plus, minus, tolerance * 999 / 1000)
    steps.step("equality on each orthant when all errors there are tolerance", is_sharp)
    return steps.evidence()


def _is_layer(rng: np.random.Generator) -> bool:
    """Whether the matrices of the orthants give plus @ s(x) - minus @ s(-x) at random inputs."""
    for _ in range(30):
        plus, minus = rationals(rng.integers(-50, 51, (2, 3, 3)), 1000)
        x = rationals(rng.integers(-9, 10, 3), 7)
        layer = plus @ relu(x) - minus @ relu(-x)
        if any(layer != on_orthant(plus, minus, tuple(bool(t > 0) for t in x)) @ x):
            return False
    return True


CLAIMS = (
    Claim(
        "C01",
        "With s(t) = max(t, 0), for all real w and x: x = s(x) - s(-x) and "
        "w x = s(wx) - s(-wx) = w s(x) - w s(-x)",
        Method.EXACT,
        "after Malach et al. 2020",
        _identities,
    ),
    Claim(
        "C15",
        "If every entry of the d' x d matrices P and M is within tau >= 0 of the one of W, then "
        "|P s(x) - M s(-x) - W x| <= tau sqrt(d d') |x| for all real x, Euclidean norms and "
        "s(t) = max(t, 0); no smaller factor is enough for any d and d'",
        Method.EXACT,
        "after Pensia et al. 2020, Theorem 1",
        _layer_error,
    ),
)
