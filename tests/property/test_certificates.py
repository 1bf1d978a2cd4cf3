"""Certificates: what is claimed is true, without any slack; and it is worth claiming."""

import json
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis import target as push_towards
from oracles import squared_distance, target_output
from strategies import constructions, seeds, tickets

from proofs_check import Verdict, verify
from strongltn import pipeline
from strongltn.certify import Attack, certify_ticket
from strongltn.construct import CONSTRUCTIONS, RELU_DIAMOND
from strongltn.errors import InvalidInputError
from strongltn.networks import Ball, Box, LinearLayer, SourceNetwork, TargetNetwork, Ticket
from strongltn.networks.ticket_directory import load_ticket, new_directory
from strongltn.numerics.dyadic import from_text
from strongltn.rng import WeightLaw
from strongltn.testing import domains, points, target_networks

QUICK = Attack(num_restarts=3, num_steps=6)
few = settings(max_examples=60)


def certified(drawn, *, attack=QUICK):
    target, plan, result = drawn
    return certify_ticket(target, result.ticket, plan.domain, settings=attack)


@few
@given(tickets(), st.data())
def test_no_input_is_further_than_the_upper_bound(drawn, data):
    target, plan, result = drawn
    certificate = certified(drawn)
    x = data.draw(points(plan.domain, target.widths[0]))
    square = squared_distance(target, result.ticket, x)
    push_towards(float(square / (certificate.upper_bound**2 or 1)))
    assert square <= certificate.upper_bound**2


@few
@given(tickets())
def test_the_stored_input_is_in_the_domain_and_reaches_the_lower_bound(drawn):
    target, plan, result = drawn
    certificate = certified(drawn)
    inputs = certificate.attack.inputs
    x = [int(k) * Fraction(2) ** inputs.exponent for k in inputs.numerators]
    if isinstance(plan.domain, Ball):
        assert sum(v * v for v in x) <= Fraction(plan.domain.radius) ** 2
    else:
        assert all(Fraction(plan.domain.lower) <= v <= Fraction(plan.domain.upper) for v in x)
    square = squared_distance(target, result.ticket, x)
    assert certificate.lower_bound**2 <= square <= certificate.upper_bound**2
    assert certificate.lower_bound**2 >= square * (1 - Fraction(1, 2**30))


@few
@given(tickets(), st.data())
def test_every_step_of_every_chain_holds(drawn, data):
    """X_i and D_i at drawn inputs, layer by layer, against the scaled networks."""
    target, plan, result = drawn
    ticket = result.ticket
    certificate = certified(drawn)
    x = data.draw(points(plan.domain, target.widths[0]))
    total = 0
    for i in range(len(target.layers)):
        total += ticket.scale_exponents[i]
        unit = Fraction(2) ** (2 * total)
        square = head_distance(target, ticket, x, i) / unit
        for chain in certificate.chains.values():
            assert square <= chain.difference[i] ** 2
            inputs = x if i == 0 else [max(v, 0) for v in head_output(target, x, i)]
            size = sum(v * v for v in inputs)
            if i:
                size /= Fraction(2) ** (2 * (total - ticket.scale_exponents[i]))
            assert size <= chain.activation[i] ** 2


def head(target, ticket, num_layers):
    source = ticket.source
    short = SourceNetwork(
        source.widths[: 2 * num_layers + 1],
        source.law,
        source.seed,
        biases=source.biases[:num_layers],
        inner_activation=source.inner_activation,
    )
    return TargetNetwork(target.layers[:num_layers]), Ticket(
        short,
        ticket.pairs[:num_layers],
        ticket.scale_exponents[:num_layers],
        ticket.construction,
        ticket.samples_per_weight,
    )


def head_distance(target, ticket, x, i):
    return squared_distance(*head(target, ticket, i + 1), x)


def head_output(target, x, i):
    return target_output(TargetNetwork(target.layers[:i]), x)


@few
@given(tickets(), st.sampled_from([1, 2, 4]))
def test_a_larger_domain_has_a_larger_bound(drawn, factor):
    target, plan, result = drawn
    if isinstance(plan.domain, Ball):
        wider = Ball(plan.domain.radius * factor)
    else:
        reach = plan.domain.upper - plan.domain.lower
        low = plan.domain.lower if factor == 1 else plan.domain.lower - reach
        wider = Box(low, plan.domain.upper + (factor - 1) * reach)
    if wider.has_negative_inputs and not plan.domain.has_negative_inputs:
        return  # then the minus halves matter, which were not built
    one = certified(drawn)
    other = certify_ticket(target, result.ticket, wider, settings=QUICK)
    assert one.upper_bound <= other.upper_bound * (1 + Fraction(1, 10**8))
    assert one.lower_bound <= other.upper_bound


@few
@given(tickets())
def test_certifying_twice_gives_the_same_bytes(drawn):
    files = [certified(drawn).to_files(b"ticket") for _ in range(2)]
    assert files[0] == files[1]
    assert set(files[0]) == {"certificate.json", "witness.safetensors"}


def plain_target(sizes, *, bias, seed=0):
    generator = np.random.default_rng(seed)
    return TargetNetwork(
        tuple(
            LinearLayer(
                f"fc{i}",
                generator.standard_normal((rows, columns)) / np.sqrt(columns),
                generator.standard_normal(rows) / 8 if bias else None,
            )
            for i, (columns, rows) in enumerate(pairwise(sizes))
        )
    )


@pytest.mark.parametrize("domain", [Ball(), Ball(3.0), Box(), Box(-1.0, 1.0)], ids=str)
@pytest.mark.parametrize(("sizes", "factor"), [((6, 4), 3), ((6, 8, 3), 10), ((5, 6, 6, 2), 16)])
@pytest.mark.parametrize("bias", [False, True], ids=["plain", "bias"])
def test_bounds_are_useful(domain, sizes, factor, bias):
    result = pipeline.prune(
        plain_target(sizes, bias=bias),
        num_samples=9,
        domain=domain,
        settings=Attack(num_restarts=8, num_steps=40),
    )
    certificate = result.certificate
    assert 0 < certificate.lower_bound <= certificate.upper_bound
    assert certificate.upper_bound <= factor * certificate.lower_bound
    triangle = certificate.chains["spectral-triangle"].difference[-1]
    split = certificate.chains["centre-split"].difference[-1]
    assert split <= triangle


@settings(max_examples=25)
@given(target_networks(max_layers=2), st.sampled_from(WeightLaw), st.data())
def test_saved_tickets_are_proved_and_reload(tmp_path_factory, target, law, data):
    result = pipeline.prune(
        target,
        construction=data.draw(constructions()),
        num_samples=data.draw(st.integers(1, 4)),
        law=law,
        seed=data.draw(seeds()),
        domain=data.draw(domains()),
        settings=QUICK,
    )
    directory = tmp_path_factory.mktemp("ticket")
    pipeline.save(result, directory)
    audit = verify(directory)
    assert audit.verdict is Verdict.PROVED, audit.rejected
    assert audit.upper_bound == result.certificate.upper_bound
    assert audit.lower_bound == result.certificate.lower_bound
    assert audit.facts["kept_source_weights"] == result.ticket.num_kept
    loaded_target, loaded = load_ticket(directory)
    assert loaded.source == result.ticket.source
    assert loaded.drawn_sha256() == result.ticket.drawn_sha256()
    assert loaded_target.widths == target.widths
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    pipeline.certify_directory(directory, settings=QUICK)
    after = {path.name: path.read_bytes() for path in directory.iterdir()}
    assert before == after  # idempotent, the report included


@pytest.mark.parametrize("bias", [False, True], ids=["plain", "bias"])
@pytest.mark.parametrize("domain", [Ball(2.0), Box(), Box(-1.0, 0.5)], ids=str)
@pytest.mark.parametrize("construction", CONSTRUCTIONS.values(), ids=lambda c: c.name)
def test_end_to_end(tmp_path, construction, domain, bias):
    target = plain_target((3, 4, 2), bias=bias)
    result = pipeline.prune(
        target, construction=construction, num_samples=6, domain=domain, settings=QUICK
    )
    with new_directory(tmp_path / "ticket", overwrite=False) as directory:
        pipeline.save(result, directory)
    audit = verify(tmp_path / "ticket")
    assert audit.verdict is Verdict.PROVED, audit.rejected
    stated = json.loads((tmp_path / "ticket" / "certificate.json").read_text())
    assert from_text(stated["upper_bound"]) == audit.upper_bound == result.certificate.upper_bound
    report = json.loads((tmp_path / "ticket" / "report.json").read_text())
    assert Fraction(report["certified_error"]) >= audit.upper_bound
    assert Fraction(report["empirical_error"]) <= audit.lower_bound


def test_attack_settings_out_of_range_are_refused():
    """Found: no restarts was an IndexError, no steps a division by zero."""
    for name, options in (("restarts", {"num_restarts": 0}), ("steps", {"num_steps": 0})):
        with pytest.raises(InvalidInputError, match=f"'{name}'"):
            Attack(**options)


def test_a_perfect_ticket_has_error_zero():
    """A target of the source's own products is hit exactly; both bounds are 0."""
    zero = TargetNetwork((LinearLayer("fc", np.zeros((2, 2))), LinearLayer("fd", np.zeros((1, 2)))))
    certificate = pipeline.prune(zero, construction=RELU_DIAMOND, num_samples=2).certificate
    assert certificate.upper_bound == certificate.lower_bound == 0
