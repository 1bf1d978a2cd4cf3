"""Certificates: what is claimed is true, without any slack; and it is worth claiming."""

import json
import re
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis import target as push_towards
from oracles import pruned_output, squared_distance, target_output
from strategies import constructions, seeds, tickets

from proofs_check import Verdict, verify
from proofs_check.theorem_text import theorem
from strongltn.certify import Attack, CertifySettings, certify_ticket
from strongltn.certify.differential.backward import BackwardSettings
from strongltn.certify.differential.splitting import SplittingSettings
from strongltn.certify.quadratic.interior_point import InteriorPoint
from strongltn.construct import CONSTRUCTIONS, RELU_DIAMOND
from strongltn.errors import InvalidInputError
from strongltn.networks import (
    Ball,
    Box,
    LinearLayer,
    LocalBox,
    SourceNetwork,
    TargetNetwork,
    Ticket,
)
from strongltn.networks.domain import OutputNorm
from strongltn.networks.ticket_directory import read_ticket
from strongltn.numerics.dyadic import from_text
from strongltn.pipeline import tickets as pipeline
from strongltn.rng import WeightLaw
from strongltn.storage import new_directory
from strongltn.testing import domains, points, target_networks

QUICK = CertifySettings(
    attack=Attack(num_restarts=3, num_steps=6),
    backward=BackwardSettings(num_steps=4),
    splitting=SplittingSettings(max_leaves=4),
    quadratic=InteriorPoint(num_steps=8),
)
few = settings(max_examples=60)


def certified(drawn, **changes):
    target, plan, result = drawn
    return certify_ticket(target, result.ticket, plan.domain, settings=replace(QUICK, **changes))


def largest_square(target, ticket, x):
    """Return the largest squared coordinate of f(x) - g(x)."""
    pairs = zip(target_output(target, x), pruned_output(ticket, x), strict=True)
    return max((f - g) ** 2 for f, g in pairs)


@few
@given(tickets(), st.data())
def test_no_input_is_further_than_the_upper_bound(drawn, data):
    target, plan, result = drawn
    certificate = certified(drawn)
    x = data.draw(points(plan.domain, target.widths[0]))
    square = squared_distance(target, result.ticket, x)
    push_towards(float(square / (certificate.upper_bound**2 or 1)))
    assert square <= certificate.upper_bound**2


@settings(max_examples=20)
@given(tickets(), st.sampled_from(OutputNorm), st.data())
def test_no_method_of_the_tight_set_is_below_an_input(drawn, norm, data):
    target, plan, result = drawn
    certificate = certified(drawn, output_norm=norm, is_tight=True)
    scale = Fraction(2) ** result.ticket.output_exponent
    x = data.draw(points(plan.domain, target.widths[0]))
    square = squared_distance(target, result.ticket, x)
    own = square if norm is OutputNorm.TWO else largest_square(target, result.ticket, x)
    assert square <= certificate.euclidean_bound**2
    for method in certificate.methods.values():
        assert own <= (method.bound * scale) ** 2
        assert square <= (method.difference[-1] * scale) ** 2


@few
@given(tickets(), st.sampled_from(OutputNorm))
def test_the_stored_input_is_in_the_domain_and_reaches_the_lower_bound(drawn, norm):
    target, plan, result = drawn
    certificate = certified(drawn, output_norm=norm)
    inputs = certificate.attack.inputs
    x = [int(k) * Fraction(2) ** inputs.exponent for k in inputs.numerators]
    if isinstance(plan.domain, Ball):
        assert sum(v * v for v in x) <= Fraction(plan.domain.radius) ** 2
    else:
        box = plan.domain.box(target.widths[0])
        assert all(Fraction(low) <= v for low, v in zip(box.lower.tolist(), x, strict=True))
        assert all(v <= Fraction(high) for high, v in zip(box.upper.tolist(), x, strict=True))
    distance = squared_distance if norm is OutputNorm.TWO else largest_square
    square = distance(target, result.ticket, x)
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
        for method in certificate.methods.values():
            assert square <= method.difference[i] ** 2
            inputs = x if i == 0 else [max(v, 0) for v in head_output(target, x, i)]
            size = sum(v * v for v in inputs)
            if i:
                size /= Fraction(2) ** (2 * (total - ticket.scale_exponents[i]))
            assert size <= method.activation[i] ** 2


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
        box = plan.domain.box(target.widths[0])
        reach = (factor - 1) * (box.upper - box.lower)
        wider = LocalBox(box.lower - reach, box.upper + reach)
    if wider.has_negative_inputs and not plan.domain.has_negative_inputs:
        return  # then the minus halves matter, which were not built
    one = certified(drawn)
    other = certify_ticket(target, result.ticket, wider, settings=QUICK)
    interval = "differential-interval"  # the others choose slopes, and may choose worse ones
    ours, theirs = (each.methods[interval].bound for each in (one, other))
    assert ours <= theirs * (1 + Fraction(1, 10**8))
    assert one.lower_bound <= other.upper_bound


@few
@given(tickets())
def test_certifying_twice_gives_the_same_bytes(drawn):
    files = [certified(drawn).to_files(b"ticket") for _ in range(2)]
    assert files[0] == files[1]
    witness, certificate = files[0]
    assert certificate == "certificate.json"
    assert re.fullmatch(r"witness-[0-9a-f]{16}\.safetensors", witness)


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
        settings=CertifySettings(attack=Attack(num_restarts=8, num_steps=40)),
    )
    certificate = result.certificate
    assert 0 < certificate.lower_bound <= certificate.upper_bound
    assert certificate.upper_bound <= factor * certificate.lower_bound
    bounds = {name: method.bound for name, method in certificate.methods.items()}
    assert bounds["centre-split"] <= bounds["spectral-triangle"]
    assert bounds["backward-differential"] <= bounds["differential-interval"]


@settings(max_examples=40)
@given(target_networks(), st.sampled_from(WeightLaw), st.booleans(), st.data())
def test_saved_tickets_are_proved_and_reload(tmp_path_factory, target, law, is_tight, data):
    hard = replace(QUICK, is_tight=is_tight, output_norm=data.draw(st.sampled_from(OutputNorm)))
    result = pipeline.prune(
        target,
        construction=data.draw(constructions()),
        num_samples=data.draw(st.integers(1, 4)),
        law=law,
        seed=data.draw(seeds()),
        domain=data.draw(domains(num_inputs=target.widths[0])),
        settings=hard,
    )
    directory = tmp_path_factory.mktemp("ticket")
    pipeline.save(result, directory)
    audit = verify(directory)
    assert audit.verdict is Verdict.PROVED, audit.rejected
    assert audit.upper_bound == result.certificate.upper_bound
    assert audit.lower_bound == result.certificate.lower_bound
    assert theorem(audit)["pruned"]["num_kept"] == result.ticket.num_kept
    loaded_target, loaded = read_ticket(directory)
    assert loaded.source == result.ticket.source
    assert loaded.drawn_sha256() == result.ticket.drawn_sha256()
    assert loaded_target.widths == target.widths
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    pipeline.certify_directory(directory, settings=hard)
    after = {path.name: path.read_bytes() for path in directory.iterdir()}
    assert before == after  # idempotent, the report included


def local_box(size):
    """Inputs of every sign and width: a corner cut off, a point, an end at 0."""
    lower = np.resize([-0.5, 0.125, 0.25, 0.0], size)
    return LocalBox(lower, lower + np.resize([0.75, 0.0, 0.125, 0.5], size))


@pytest.mark.parametrize("is_tight", [False, True], ids=["default", "tight"])
@pytest.mark.parametrize("norm", OutputNorm)
@pytest.mark.parametrize("sizes", [(3, 2), (3, 4, 2), (2, 4, 3, 2)], ids=len)
@pytest.mark.parametrize("domain", [Ball(2.0), Box(), Box(-1.0, 0.5), None], ids=str)
def test_end_to_end(tmp_path, domain, sizes, norm, is_tight):
    domain = domain or local_box(sizes[0])
    hard = replace(QUICK, is_tight=is_tight, output_norm=norm)
    result = pipeline.prune(
        plain_target(sizes, bias=True), num_samples=6, domain=domain, settings=hard
    )
    with new_directory(tmp_path / "ticket") as directory:
        pipeline.save(result, directory)
    audit = verify(tmp_path / "ticket")
    assert audit.verdict is Verdict.PROVED, audit.rejected
    stated = json.loads((tmp_path / "ticket" / "certificate.json").read_text())
    assert from_text(stated["upper_bound"]) == audit.upper_bound == result.certificate.upper_bound
    report = json.loads((tmp_path / "ticket" / "report.json").read_text())
    assert Fraction(report["certified_error"]) >= audit.upper_bound
    assert Fraction(report["empirical_error"]) <= audit.lower_bound
    expected = {"quadratic"} | ({"input-splitting"} if not isinstance(domain, Ball) else set())
    assert is_tight == (expected <= result.certificate.methods.keys())


@pytest.mark.parametrize("bias", [False, True], ids=["plain", "bias"])
@pytest.mark.parametrize("construction", CONSTRUCTIONS.values(), ids=lambda c: c.name)
def test_every_construction_is_proved(tmp_path, construction, bias):
    target = plain_target((3, 4, 2), bias=bias)
    result = pipeline.prune(target, construction=construction, num_samples=6, settings=QUICK)
    pipeline.save(result, tmp_path)
    assert verify(tmp_path).verdict is Verdict.PROVED


def test_attack_settings_out_of_range_are_refused():
    """Found: no restarts was an IndexError, no steps a division by zero."""
    for name, options in (("num_restarts", {"num_restarts": 0}), ("num_steps", {"num_steps": 0})):
        with pytest.raises(InvalidInputError, match=f"'{name}'"):
            Attack(**options)


def test_a_perfect_ticket_has_error_zero():
    """A target of the source's own products is hit exactly; both bounds are 0."""
    zero = TargetNetwork((LinearLayer("fc", np.zeros((2, 2))), LinearLayer("fd", np.zeros((1, 2)))))
    certificate = pipeline.prune(zero, construction=RELU_DIAMOND, num_samples=2).certificate
    assert certificate.upper_bound == certificate.lower_bound == 0
