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


def _is_identity(w: Fraction, x: Fraction) -> bool:
    zero = Fraction(0)
    split = w * max(x, zero) - w * max(-x, zero)
    return w * x == split == max(w * x, zero) - max(-w * x, zero)


def worst_ratio(plus: Rationals, minus: Rationals, tolerance: Fraction) -> bool:
    """Whether the layer's error is at most tolerance sqrt(d d') |x|, on every orthant.

    The error is plus @ s(x) - minus @ s(-x); on an orthant it is linear, with columns of either.
    """
    num_outputs, num_inputs = plus.shape
    limit = tolerance**2 * num_outputs * num_inputs
    signs = (np.array(choice) for choice in product((True, False), repeat=num_inputs))
    return all(is_norm_at_most(np.where(sign, plus, minus), limit) for sign in signs)


def _layer_error(effort: Effort, rng: np.random.Generator) -> Evidence:
    steps = Steps()
    extremes = [rationals(np.reshape(c, (2, 4))) for c in product((-1, 1), repeat=8)]
    holds = all(worst_ratio(e[:, :2], e[:, 2:], Fraction(1)) for e in extremes)
    steps.step("all 256 extreme errors of a 2 x 2 layer, on all 4 orthants", holds)
    num_layers, holds = effort.pick(40, 100), True
    for _ in range(num_layers):
        shape = 2, int(rng.integers(1, 4)), int(rng.integers(1, effort.pick(6, 10)))
        errors = rationals(rng.integers(-50, 51, shape), 1000)
        holds &= worst_ratio(errors[0], errors[1], Fraction(1, 20))
    steps.step(f"{num_layers} random layers, on every orthant", holds)
    num_inputs, num_outputs, tolerance = 4, 3, Fraction(1, 7)
    errors = np.full((num_outputs, num_inputs), tolerance, dtype=object)
    x = rationals(np.ones(num_inputs, dtype=int))
    reached = norm_squared(errors @ relu(x)) == tolerance**2 * num_outputs * num_inputs * 4
    steps.step("equality when all errors are tolerance and x is constant", reached)
    return steps.evidence()


CLAIMS = (
    Claim(
        "C01",
        "x = s(x) - s(-x) and w x = s(wx) - s(-wx) = w s(x) - w s(-x)",
        Method.EXACT,
        "after Malach et al. 2020",
        _identities,
    ),
    Claim(
        "C15",
        "Entrywise tolerance tau gives a layer error of at most tau sqrt(d d') |x|, sign split "
        "included",
        Method.EXACT,
        "after Pensia et al. 2020, Theorem 1",
        _layer_error,
    ),
)
