"""strongltn.testing: its laws hold for what is right, and fail for what is wrong, one by one."""

import subprocess
import sys
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from strongltn import testing
from strongltn.construct import (
    CONSTRUCTIONS,
    LINEAR_DIAMOND,
    RELU_DIAMOND,
    build_ticket,
    make_plan,
)
from strongltn.errors import InvalidInputError
from strongltn.networks import Ball, Box, PairMask, SourceNetwork, TargetNetwork, Ticket
from strongltn.rng import WeightLaw
from strongltn.subset_sum import Stop, solvers
from strongltn.subset_sum.solvers.abstract import AbstractSolver, Candidate, CandidateBatch
from strongltn.testing import construction_contract, exact_networks
from strongltn.testing.failure_rate import binomial_tail

few = settings(max_examples=25)


@pytest.fixture
def as_found():
    """Any failure will do: none is made smaller, which would take most of the time."""
    before = settings.get_current_profile_name()
    settings.load_profile("kill")
    yield
    settings.load_profile(before)


def built_with(construction, *, num_samples=6, domain=None, law=WeightLaw.UNIFORM, solver=None):
    """A construction as `check_construction` takes it."""

    def build(target, seed):
        plan = make_plan(
            target, construction, num_samples=num_samples, tolerance=0.1, domain=domain or Ball()
        )
        source = plan.source(target, law=law, seed=seed)
        return build_ticket(target, source, plan, solver=solver).ticket

    return build


def lax(**changes):
    """A promise that any construction keeps, but for the changes."""
    promise = testing.ConstructionPromise(Ball(), tolerance=0.1, failure_probability=1)
    return replace(promise, **changes)


# solvers


@pytest.mark.parametrize(
    "solver",
    [
        solvers.BruteForce(),
        solvers.MeetInTheMiddle(),
        solvers.WithinTolerance(),
        solvers.SingleWeight(),
        solvers.GreedyGeometric(),
    ],
    ids=repr,
)
def test_our_solvers_keep_the_contract(solver):
    testing.check_solver_contract(solver, num_examples=15)


@dataclass(frozen=True)
class Wrong(AbstractSolver[np.ndarray]):
    """Meet in the middle with one thing wrong."""

    is_complete: ClassVar[bool] = True

    def prepare(self, samples):
        return samples

    def search(self, state, target, tolerance):
        exact = solvers.MeetInTheMiddle()
        return self.spoil(exact.search(exact.prepare(state), target, tolerance), state)

    def spoil(self, candidate, samples):
        return candidate


class NotOptimal(Wrong):
    """Forgets the last sample, and says that it covered everything."""

    def spoil(self, candidate, samples):
        return Candidate(candidate.mask & (np.arange(samples.size) > 0), candidate.stop)


class OtherTie(Wrong):
    """Takes equal samples from the end."""

    def spoil(self, candidate, samples):
        mask = np.zeros(samples.size, dtype=np.bool_)
        for value in samples[candidate.mask]:
            mask[np.flatnonzero((samples == value) & ~mask)[-1]] = True
        return Candidate(mask, candidate.stop)


class OtherBatch(Wrong):
    """Keeps everything in batches, and claims nothing there."""

    def search_batch(self, samples, targets, tolerance):
        stop = np.full(len(samples), Stop.GAVE_UP, dtype=object)
        return CandidateBatch(np.ones(samples.shape, dtype=np.bool_), stop)


class Forgetful(Wrong):
    """Its state wears off."""

    is_complete = False

    def prepare(self, samples):
        return [samples.copy()]

    def search(self, state, target, tolerance):
        exact = solvers.MeetInTheMiddle()
        found = exact.search(exact.prepare(state[0]), target, tolerance)
        state[0] = np.zeros_like(state[0])
        return Candidate(found.mask, Stop.GAVE_UP)


class Greedy(Wrong):
    """Changes what came in."""

    is_complete = False

    def prepare(self, samples):
        if samples.flags.writeable:
            samples[0] += 1
        return samples.copy()

    def search(self, state, target, tolerance):
        return Candidate(np.zeros(state.size, dtype=np.bool_), Stop.GAVE_UP)


@pytest.mark.usefixtures("as_found")
@pytest.mark.parametrize(
    ("solver", "message"),
    [
        (NotOptimal(), "though the least error is|INFEASIBLE, but|SOLVED with error"),
        (OtherTie(), "the tie rule takes"),
        (OtherBatch(), "of a batch"),
        (Forgetful(), "a state that served other targets"),
        (Greedy(), "the samples .* became"),
    ],
)
def test_a_wrong_solver_is_found(solver, message):
    with pytest.raises(AssertionError, match=message):
        testing.check_solver_contract(solver, num_examples=200)


def test_the_right_form_of_the_wrong_solvers_passes():
    testing.check_solver_contract(Wrong(), num_examples=15)


@pytest.mark.parametrize("max_samples", [0, 13])
def test_as_many_samples_as_can_be_listed(max_samples):
    with pytest.raises(InvalidInputError, match="max_samples"):
        testing.check_solver_contract(solvers.BruteForce(), max_samples=max_samples)


# constructions


@pytest.mark.parametrize("construction", CONSTRUCTIONS.values(), ids=CONSTRUCTIONS)
@pytest.mark.parametrize("domain", [Ball(), Box()], ids=str)
def test_our_constructions_keep_the_contract(construction, domain):
    build = built_with(construction, domain=domain, law=WeightLaw.GAUSSIAN)
    rate = testing.check_construction(build, lax(domain=domain), num_examples=6, num_draws=10)
    assert rate.num_draws == 10


def redrawn(target, seed):
    return built_with(LINEAR_DIAMOND)(target, (seed + 1) % 2**64)


def peeking(target, seed):
    """Wider where the first weight is positive."""
    num_samples = 6 + bool(target.layers[0].weight[0, 0] > 0)
    return built_with(LINEAR_DIAMOND, num_samples=num_samples)(target, seed)


def unbiased(target, seed):
    """Leaves the columns of biases out."""
    ticket = built_with(LINEAR_DIAMOND)(target, seed)
    source = replace(ticket.source, biases=(False,) * ticket.source.num_pairs)
    pairs = tuple(
        PairMask(*(np.empty(0, dtype=np.int64),) * 2, np.empty((p.num_outputs, 0), dtype=np.uint8))
        for p in ticket.pairs
    )
    return Ticket(source, pairs, ticket.scale_exponents, "unbiased", 6)


def unscaled(target, seed):
    """Forgets how the weights were scaled: every weight is off, and epsilon is missed."""
    ticket = built_with(LINEAR_DIAMOND, num_samples=14)(target, seed)
    return replace(ticket, scale_exponents=tuple(k + 1 for k in ticket.scale_exponents))


@pytest.mark.usefixtures("as_found")
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (redrawn, "a redraw"),
        (peeking, "depends on the weights"),
        (unbiased, "no column for them"),
        (lambda target, seed: built_with(LINEAR_DIAMOND)(wider(target), seed), "of widths"),
    ],
)
def test_a_wrong_construction_is_found(build, message):
    with pytest.raises(AssertionError, match=message):
        testing.check_construction(build, lax(), num_draws=1)


def wider(target):
    layer = target.layers[-1]
    weight = np.vstack([layer.weight, layer.weight])
    bias = None if layer.bias is None else np.concatenate([layer.bias, layer.bias])
    return TargetNetwork((*target.layers[:-1], replace(layer, weight=weight, bias=bias)))


@pytest.mark.usefixtures("as_found")
def test_chance_is_found():
    calls = iter(range(10**6))

    def build(target, seed):
        solver = solvers.SingleWeight() if next(calls) % 3 == 2 else solvers.MeetInTheMiddle()
        return built_with(LINEAR_DIAMOND, solver=solver)(target, seed)

    with pytest.raises(AssertionError, match="another ticket"):
        testing.check_construction(build, lax(), num_draws=1)


def test_too_many_failures_are_found():
    with pytest.raises(AssertionError, match=r"of 50 draws failed; .* at most 0\.1"):
        testing.check_failure_rate(unscaled, lax(failure_probability=0.1), num_draws=50)


@pytest.mark.usefixtures("as_found")
def test_an_epsilon_that_the_tolerance_does_not_give_is_found():
    build = built_with(LINEAR_DIAMOND, num_samples=14)
    with pytest.raises(AssertionError, match="every weight is within tolerance, and at x"):
        testing.check_construction(build, lax(epsilon=1e-4), num_examples=100, num_draws=1)


@pytest.mark.usefixtures("as_found")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("effective_weights", "effective weight"),
        ("weight_errors", "out of reach|largest weight error"),
        ("target_output", "above the certified bound"),
    ],
)
def test_a_difference_from_the_exact_networks_is_seen(monkeypatch, name, message):
    """Each comparison is made: spoiling the slow side breaks it."""
    right = getattr(exact_networks, name)

    def wrong(*arguments, **keywords):
        result = right(*arguments, **keywords)
        if isinstance(result, dict):
            return {at: value + 10 for at, value in result.items()}
        return [value + 1000 for value in result]

    monkeypatch.setattr(construction_contract, name, wrong)
    with pytest.raises(AssertionError, match=message):
        testing.check_construction(built_with(RELU_DIAMOND), lax(), num_draws=1)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"tolerance": 0.0}, "tolerance"),
        ({"tolerance": float("nan")}, "tolerance"),
        ({"failure_probability": 1.5}, "failure_probability"),
        ({"failure_probability": float("nan")}, "failure_probability"),
        ({"epsilon": -1.0}, "epsilon"),
    ],
)
def test_a_promise_is_checked(changes, name):
    with pytest.raises(InvalidInputError, match=name):
        lax(**changes)


def test_draws_are_counted_from_one():
    with pytest.raises(InvalidInputError, match="num_draws"):
        testing.check_failure_rate(redrawn, lax(), num_draws=0)


@given(st.integers(0, 8), st.integers(0, 8), st.fractions(0, 1, max_denominator=50))
def test_the_tail_is_that_of_the_binomial_law(count, num_draws, probability):
    tail = [Fraction(1)] + [Fraction(0)] * num_draws  # P(at least k) after 0 draws
    for _ in range(num_draws):
        tail = [
            Fraction(1),
            *(
                p * (1 - probability) + q * probability
                for p, q in zip(tail[1:], tail, strict=False)
            ),
        ]
    expected = tail[count] if count <= num_draws else 0
    assert binomial_tail(count, num_draws, probability=probability) == expected


# strategies


@few
@given(testing.instances(), testing.planted_instances())
def test_instances_are_legal_and_planted_ones_are_solved(instance, planted):
    values, target = instance
    assert values.dtype == np.float64
    assert values.size >= 1
    assert np.isfinite([*values, target]).all()
    values, target, mask = planted
    assert sum(map(Fraction, values[mask].tolist()), Fraction(0)) == Fraction(target)


@few
@given(
    testing.domains().flatmap(lambda domain: st.tuples(st.just(domain), testing.points(domain, 3)))
)
def test_points_lie_in_their_domain(drawn):
    domain, point = drawn
    if isinstance(domain, Ball):
        assert sum(x * x for x in point) <= Fraction(domain.radius) ** 2
    else:
        assert all(Fraction(domain.lower) <= x <= Fraction(domain.upper) for x in point)


@few
@given(st.data())
def test_tickets_fit_their_target_and_are_what_they_say(data):
    target = data.draw(testing.target_networks())
    ticket = data.draw(testing.tickets(target=target))
    assert ticket.source.widths[::2] == target.widths
    kept = exact_networks.kept_weights(ticket)
    assert sum(map(len, kept)) == ticket.num_kept
    construction_contract._check_effective(
        ticket, exact_networks.effective_weights(ticket, kept=kept)
    )


def test_empty_and_full_masks_are_drawn():
    source = SourceNetwork((2, 3, 2), WeightLaw.UNIFORM, 0)
    assert find(testing.masks(source, 0), lambda mask: mask.num_kept == 0).hidden.size == 0
    assert find(testing.masks(source, 0), lambda mask: mask.num_kept == 9).num_outputs == 2


def test_a_class_of_targets_can_be_named():
    targets = testing.target_networks(elements=st.floats(0.25, 0.5, width=32), max_layers=1)
    found = find(targets, lambda target: len(target.layers) == 1)
    assert found.layers[0].weight.min() >= 0.25


def test_only_testing_needs_hypothesis():
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import strongltn, strongltn.pipeline.tickets\n"
        "try: import strongltn.testing\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "strongltn.testing needs Hypothesis: pip install hypothesis\n"
