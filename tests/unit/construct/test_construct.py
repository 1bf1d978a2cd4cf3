"""Plans and builds at their edges; the properties are in tests/property/test_tickets.py."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import binomial_tail, planned_samples
from strategies import weight_laws

from strongltn.construct import (
    CONSTRUCTIONS,
    LINEAR_DIAMOND,
    RELU_DIAMOND,
    SINGLE_WEIGHT,
    build_ticket,
    construction_named,
    make_plan,
)
from strongltn.construct.construction import sign_block_width
from strongltn.construct.sizing import estimate_num_samples, estimate_tolerance
from strongltn.errors import BudgetExceeded, InvalidInputError
from strongltn.networks import Ball, Box, LinearLayer, SourceNetwork, TargetNetwork
from strongltn.pipeline.tickets import prune
from strongltn.rng import WeightLaw

every_construction = pytest.mark.parametrize(
    "construction", CONSTRUCTIONS.values(), ids=lambda construction: construction.name
)


def target_of(*shapes, bias=True, seed=0):
    generator = np.random.default_rng(seed)
    return TargetNetwork(
        tuple(
            LinearLayer(
                f"fc{i}",
                generator.uniform(-1, 1, shape),
                generator.uniform(-1, 1, shape[0]) if bias else None,
            )
            for i, shape in enumerate(shapes)
        )
    )


def plan_of(target, construction, *, num_samples=3, domain=None, **changes):
    plan = make_plan(
        target, construction, num_samples=num_samples, tolerance=0.1, domain=domain or Ball()
    )
    return replace(plan, **changes)


@given(st.integers(1, 30), st.integers(1, 10**6), st.integers(2, 10**9))
def test_block_width_is_the_least_that_suffices(num_samples, num_groups, reciprocal):
    chance = Fraction(1, reciprocal)
    width = sign_block_width(num_samples, num_groups, failure_probability=chance)
    assert num_groups * binomial_tail(width, num_samples) <= chance
    assert num_groups * binomial_tail(width - 1, num_samples) > chance


@every_construction
@pytest.mark.parametrize(("domain", "halves"), [(Ball(), 2), (Box(), 1), (Box(-1, 1), 2)])
def test_widths_hold_all_groups(construction, domain, halves):
    target = target_of((3, 2), (1, 3))
    plan = plan_of(target, construction, num_samples=5, domain=domain)
    source = plan.source(target, law=WeightLaw.UNIFORM, seed=0)
    blocks = [3, 4] if construction.shares_hidden else [9, 4]
    assert source.widths[1::2] == tuple(count * plan.block_width for count in blocks)
    assert source.widths[::2] == target.widths
    assert source.biases == (True, True)
    if construction is LINEAR_DIAMOND:
        assert plan.block_width == 5
        return
    assert [plan.num_halves(0), plan.num_halves(1)] == [halves, 1]
    groups = halves * blocks[0] + blocks[1]
    chance = plan.width_failure_probability
    assert groups * binomial_tail(plan.block_width, 5) <= chance
    assert groups * binomial_tail(plan.block_width - 1, 5) > chance


@settings(max_examples=30)
@given(weight_laws(), st.integers(0, 10**6))
def test_short_groups_are_reported_and_their_gaps_never_kept(law, seed):
    """Blocks as wide as the samples wanted: about every group falls short."""
    target = target_of((2, 2), (1, 2))
    for construction in (RELU_DIAMOND, SINGLE_WEIGHT):
        plan = plan_of(target, construction, num_samples=6, block_width=6)
        source = plan.source(target, law=law, seed=seed)
        result = build_ticket(target, source, plan)
        assert result.short_groups
        for group in result.short_groups:
            at = {"pair": group.layer, "half": int(group.sign < 0), "column": group.input}
            samples = planned_samples(result.ticket, 6, output=group.output or 0, **at)
            assert len(samples) == group.num_members < 6
        for pair, mask in enumerate(result.ticket.pairs):
            assert (mask.hidden >= 0).all()
            assert (mask.hidden < source.shape(2 * pair)[0]).all()


def test_a_group_without_members_keeps_nothing():
    target = TargetNetwork((LinearLayer("fc", np.array([[0.5]])),))
    plan = plan_of(target, RELU_DIAMOND, num_samples=1, block_width=1)
    kept = set()
    for seed in range(8):
        result = build_ticket(target, plan.source(target, law=WeightLaw.UNIFORM, seed=seed), plan)
        (short,) = result.short_groups  # one neuron has one sign
        assert short.num_members == 0
        kept.add(result.ticket.pairs[0].hidden.size)
    assert kept == {0, 1}


@every_construction
def test_groups_of_the_plans_width_are_full(construction):
    target = target_of((4, 3), (2, 4))
    for seed in range(20):
        result = prune(target, construction=construction, num_samples=4, seed=seed)
        assert result.build.short_groups == ()


def test_another_source_is_refused():
    target = target_of((2, 2))
    plan = plan_of(target, RELU_DIAMOND)
    with pytest.raises(InvalidInputError, match="'source'"):
        build_ticket(target, SourceNetwork((2, 5, 2), WeightLaw.UNIFORM, 0), plan)


@pytest.mark.parametrize("num_samples", [0, -1, True, 2.0, None])
def test_bad_sample_numbers_are_refused(num_samples):
    with pytest.raises(InvalidInputError, match="'num_samples' parameter must be an integer in"):
        plan_of(target_of((1, 1)), RELU_DIAMOND, num_samples=num_samples)


@pytest.mark.parametrize("tolerance", [0.0, -1.0, float("nan"), float("inf")])
def test_bad_tolerances_are_refused(tolerance):
    with pytest.raises(InvalidInputError, match="'tolerance' parameter must be"):
        make_plan(
            target_of((1, 1)), RELU_DIAMOND, num_samples=1, tolerance=tolerance, domain=Ball()
        )


def test_bad_names_are_refused():
    assert construction_named("relu-diamond") is RELU_DIAMOND
    with pytest.raises(InvalidInputError, match="one of relu-diamond, linear-diamond, single-"):
        construction_named("diamond")


@pytest.mark.parametrize("epsilon", [0.0, -0.1, float("nan"), float("inf")])
def test_bad_epsilons_are_refused(epsilon):
    with pytest.raises(InvalidInputError, match="'epsilon' parameter must be a finite number > 0"):
        prune(target_of((1, 1)), epsilon=epsilon)


def test_a_size_is_needed():
    with pytest.raises(InvalidInputError, match="must be given, or num_samples"):
        prune(target_of((1, 1)))


@every_construction
@pytest.mark.parametrize("law", WeightLaw, ids=lambda law: law.value)
def test_estimated_sizes_meet_epsilon(construction, law):
    """Fixed seeds: not a theorem, but sizing that fails here is worth a look."""
    epsilon = 0.3 if construction is SINGLE_WEIGHT else 0.05
    result = prune(target_of((3, 3), (2, 3)), construction=construction, law=law, epsilon=epsilon)
    assert result.is_within
    assert result.certificate.upper_bound <= epsilon


def test_estimates_are_monotone():
    target = target_of((3, 3), (2, 3))
    tolerances = [estimate_tolerance(target, Ball(), epsilon=e) for e in (0.01, 0.1, 1.0)]
    assert tolerances == sorted(tolerances)
    numbers = [
        estimate_num_samples(
            target, RELU_DIAMOND, law=WeightLaw.UNIFORM, domain=Ball(), tolerance=t
        )
        for t in (0.1, 0.01, 0.001)
    ]
    assert numbers == sorted(numbers)


def test_zero_targets_need_no_samples():
    zero = TargetNetwork((LinearLayer("fc", np.zeros((2, 2))),))
    options = {"law": WeightLaw.UNIFORM, "domain": Ball(), "tolerance": 0.1}
    assert estimate_num_samples(zero, RELU_DIAMOND, **options) == 1


@pytest.mark.parametrize("tolerance", [1e-3, 1e308])
def test_weights_at_the_end_of_the_doubles_need_no_samples(tolerance):
    """Scaled with the weights, the tolerance would exceed every double."""
    target = TargetNetwork((LinearLayer("fc1", np.array([[2.0**-1060]]), None),))
    result = prune(target, num_samples=3, tolerance=tolerance)
    assert result.reach.num_unreached == 0
    assert result.certificate.upper_bound <= Fraction(tolerance)


def test_too_many_samples_are_a_budget():
    with pytest.raises(BudgetExceeded, match="More than 4194304 samples"):
        prune(target_of((1, 1)), construction=SINGLE_WEIGHT, epsilon=1e-9)
