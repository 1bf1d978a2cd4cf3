"""The exact claims: each holds, each check can fail, and the steps have slow twins."""

import math
import subprocess
import sys
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs_check.claims import (
    controls,
    counting,
    drift,
    error_propagation,
    geometric_decomposition,
    irwin_hall,
    logit_lemma,
    moments,
    network,
    product_law,
    quantised,
    rearrangement,
    sign_split,
    single_pair,
    supermartingale,
    unit_window,
)
from proofs_check.claims.claim import Effort, Method, Verdict
from proofs_check.claims.interval_union import IntervalUnion, expected_growth
from proofs_check.claims.rational_matrix import is_norm_at_most, rationals, reflection

MODULES = (
    controls,
    counting,
    drift,
    error_propagation,
    geometric_decomposition,
    irwin_hall,
    logit_lemma,
    moments,
    network,
    product_law,
    quantised,
    rearrangement,
    sign_split,
    single_pair,
    supermartingale,
    unit_window,
)
CLAIMS = {claim.id: claim for module in MODULES for claim in module.CLAIMS}
HALF = Fraction(1, 2)


@pytest.mark.parametrize("identity", sorted(CLAIMS))
def test_the_verdict_is_the_expected_one(identity):
    claim = CLAIMS[identity]
    outcome = claim.outcome(Effort.QUICK, np.random.default_rng(1))
    assert outcome.is_expected, outcome.evidence.summary
    if claim.method is Method.STATISTICAL:
        assert outcome.verdict is Verdict.CONSISTENT
        assert "false" in outcome.evidence.confidence
    elif not claim.is_control:
        assert outcome.verdict is Verdict.VERIFIED


ends = st.fractions(min_value=-1, max_value=1, max_denominator=40)
unions = st.lists(st.tuples(ends, ends).map(sorted).map(tuple), min_size=1, max_size=4).map(
    IntervalUnion.of
)


@given(unions, ends, ends)
def test_unions_have_the_membership_of_their_pieces(union, point, step):
    def inside(which, x):
        return any(low < x < high for low, high in which.parts)

    window = Fraction(-1), Fraction(1)
    grown = union.grown(step, window)
    on_an_end = any(point in (low, high) for low, high in grown.parts) or abs(point) == 1
    if not on_an_end and not any(point in part or point - step in part for part in union.parts):
        assert inside(grown, point) == (inside(union, point) or inside(union, point - step))
    assert all(
        left[1] < right[0] for left, right in zip(grown.parts, grown.parts[1:], strict=False)
    )


@given(unions)
def test_expected_growth_equals_a_fine_mean(union):
    window = Fraction(-1), Fraction(1)
    steps = 100  # the growth has slope at most 8: each of the midpoints stands for 1/50
    points = [Fraction(2 * i + 1, steps) - 1 for i in range(steps)]
    mean = sum(union.grown(x, window).measure - union.measure for x in points) / steps
    assert abs(mean - expected_growth(union, window)) <= Fraction(16, steps)


def test_near_pairs_against_counting():
    for cells in range(1 << 7):
        member = [cells >> i & 1 for i in range(7)]
        for k in range(1, 7):
            pairs = sum(member[i] != member[j] for i, j in combinations(range(7), 2) if j - i <= k)
            assert rearrangement.near_pairs(7, np.array([cells]))[k - 1, 0] == pairs


def test_each_distance_alone_is_not_least_for_the_segment():
    """The inequality is true of the sum over distances only: the theorem is not a triviality."""
    every_other, segment = 0b010101, 0b000111
    pairs = rearrangement.near_pairs(6, np.array([every_other, segment]))
    at_distance = np.diff(pairs, axis=0, prepend=0)
    assert at_distance[1, 0] < at_distance[1, 1]
    assert (pairs[:, 0] >= pairs[:, 1]).all()


@given(st.integers(1, 9), st.data())
def test_irwin_hall_against_the_textbook(num_terms, data):
    x = data.draw(st.fractions(min_value=-num_terms, max_value=num_terms, max_denominator=9))
    if num_terms == 1 and abs(x) == 1:
        return
    unit = (x + num_terms) / 2  # a sum of uniforms on [0, 1]
    textbook = sum(
        (-1) ** j * math.comb(num_terms, j) * (unit - j) ** (num_terms - 1)
        for j in range(num_terms + 1)
        if j < unit or (j == unit and num_terms > 1)
    ) / math.factorial(num_terms - 1)
    pieces = sum(2 * j < x + num_terms for j in range(num_terms + 1))
    assert irwin_hall.density(num_terms, x, pieces) == textbook / 2


def test_norms_of_rational_matrices_are_decided_exactly():
    rng = np.random.default_rng(0)
    turn = reflection(rng, 4)
    assert is_norm_at_most(turn, Fraction(1))
    assert not is_norm_at_most(turn, Fraction(10**12 - 1, 10**12))
    singular = rationals(np.array([[0, 1], [0, 0]]))
    assert is_norm_at_most(singular, Fraction(1))
    assert not is_norm_at_most(singular, Fraction(99, 100))
    for _ in range(50):
        matrix = rng.integers(-9, 10, (3, 3))
        norm = np.linalg.norm(matrix, 2)
        assert is_norm_at_most(rationals(matrix), Fraction(norm * 1.001) ** 2)
        assert norm == 0 or not is_norm_at_most(rationals(matrix), Fraction(norm * 0.999) ** 2)


def test_products_of_grid_values_against_a_double_loop():
    reached = {x * y for x, y in product(range(9), repeat=2)}
    assert set(np.flatnonzero(quantised.products_of(8)).tolist()) == reached


def test_a_pruned_layer_computes_its_effective_matrices():
    rng = np.random.default_rng(5)
    target = network.targets(rng, 1)[0]
    layer = network.prune(target, 60, rng=rng, tolerance=1 << 34, is_first=True)
    plus, minus = layer.effective()
    for _ in range(5):
        x = rationals(rng.integers(-9, 10, 4), 7)
        expected = plus @ np.maximum(x, Fraction(0)) + minus @ np.maximum(-x, Fraction(0))
        assert (layer(x) == expected).all()
    assert max(map(abs, (plus - target).ravel())) <= Fraction(1 << 34, 1 << 40)
    assert max(map(abs, (minus + target).ravel())) <= Fraction(1 << 34, 1 << 40)


def test_integrals_survive_a_caller_that_lets_flint_use_threads():
    """Found: the interpreter died where a function of Python was called from FLINT's threads."""
    code = (
        "from flint import acb, ctx\n"
        "from proofs_check.claims.integral import enclosed\n"
        "ctx.threads = 2\n"
        "for _ in range(200):\n"
        "    ball = enclosed(lambda t, _: (-t * t / 6).exp() * t**4, acb(0), acb(20))\n"
        "print(ctx.threads, ball)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 [")
