"""Tickets are what they say: masked random weights, the best subsets of their own samples."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import (
    best_subset,
    fractions_of,
    planned_samples,
    pruned_output,
    weight_error_table,
)
from strategies import tickets

from strongltn.construct import build, build_ticket, make_plan, measure_reach
from strongltn.networks import LinearLayer, SourceNetwork, TargetNetwork, Ticket
from strongltn.networks.difference import weight_errors
from strongltn.networks.pruned import PrunedNetwork
from strongltn.subset_sum.solvers import GrowingPrefix, MeetInTheMiddle
from strongltn.testing import target_networks

few = settings(max_examples=60)


def dense_forward(ticket, inputs):
    """Plain torch: (mask * W) of the whole source, float64, nothing else."""
    masks = ticket.dense_masks()
    x = inputs
    for pair in range(ticket.source.num_pairs):
        x = x.relu() if pair else x
        if ticket.source.biases[pair]:
            x = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], dim=1)
        for layer in (2 * pair, 2 * pair + 1):
            weight = torch.from_numpy(ticket.source.dense(layer)).double()
            x = x @ (torch.from_numpy(masks[str(layer)]) * weight).T
            if layer % 2 == 0 and ticket.source.inner_activation.value == "relu":
                x = x.relu()
    return x * 2.0**ticket.output_exponent


def error_table(target, ticket, domain):
    """The errors of the package, keyed as the oracle's."""
    table = {}
    errors = weight_errors(ticket, target.scaled(ticket.scale_exponents), domain)
    for i, (layer, error) in enumerate(zip(target.layers, errors, strict=True)):
        for half, part in enumerate([error.plus, error.minus]):
            if part is not None:
                flat = iter(fractions_of(part))
                for output in range(layer.num_outputs):
                    for column in range(layer.num_inputs):
                        table[i, half, output, column] = next(flat)
        if error.bias is not None:
            for output, value in enumerate(fractions_of(error.bias)):
                table[i, 0, output, layer.num_inputs] = value
    return table


@few
@given(tickets(targets=target_networks(max_layers=1)), st.data())
def test_one_layer_computes_the_masked_source_exactly(drawn, data):
    target, _, result = drawn
    ticket = result.ticket
    size = target.widths[0]
    signs = st.lists(st.sampled_from([-1, 0, 1]), min_size=size, max_size=size)
    points = data.draw(st.lists(signs, min_size=1, max_size=4))
    x = torch.tensor(points, dtype=torch.float64)
    got = PrunedNetwork(ticket, dtype=torch.float64)(x)
    assert torch.equal(got, dense_forward(ticket, x))
    exact = [pruned_output(ticket, map(Fraction, point)) for point in points]
    assert [[Fraction(v) for v in row] for row in got.tolist()] == exact


@few
@given(tickets(), st.integers(0, 2**32))
def test_networks_compute_the_masked_source_to_rounding(drawn, seed):
    target, _, result = drawn
    ticket = result.ticket
    x = torch.from_numpy(np.random.default_rng(seed).standard_normal((3, target.widths[0])))
    got = PrunedNetwork(ticket, dtype=torch.float64)(x)
    torch.testing.assert_close(got, dense_forward(ticket, x), rtol=1e-9, atol=1e-9 * size_of(got))
    narrow = PrunedNetwork(ticket)(x.float())
    assert narrow.dtype == torch.float32
    torch.testing.assert_close(narrow.double(), got, rtol=1e-3, atol=1e-3 * size_of(got))
    for row, point in zip(got.tolist(), x.tolist(), strict=True):
        exact = pruned_output(ticket, map(Fraction, point))
        assert np.allclose(row, [float(v) for v in exact], rtol=1e-9, atol=1e-9 * size_of(got))


def size_of(output):
    return float(output.abs().max()) + 1e-30


@few
@given(tickets())
def test_weight_errors_are_the_oracles(drawn):
    target, plan, result = drawn
    expected = weight_error_table(target, result.ticket, is_signed=plan.domain.has_negative_inputs)
    assert error_table(target, result.ticket, plan.domain) == expected


@few
@given(tickets())
def test_every_weight_is_the_best_of_its_own_samples(drawn):
    """With so few samples the default solver looks at all of them."""
    target, plan, result = drawn
    ticket = result.ticket
    errors = error_table(target, ticket, plan.domain)
    kept = ticket.dense_masks()
    scaled = target.scaled(plan.scale_exponents)
    allowed = [set() for _ in target.layers]
    for (pair, half, output, column), error in errors.items():
        at = {"pair": pair, "half": half, "output": output, "column": column}
        samples = planned_samples(ticket, plan.block_width, **at)
        layer = scaled[pair]
        is_bias = column == target.layers[pair].num_inputs
        entry = layer.bias[output] if is_bias else layer.weight[output, column]
        goal = Fraction(int(entry.numerators)) * Fraction(2) ** entry.exponent * (-1) ** half
        if goal == 0:
            assert error == 0  # no gadget
            continue
        if len(samples) == plan.num_samples:
            products = [float(value) for _, value in samples]
            if plan.construction.name == "single-weight":
                assert abs(error) == min(abs(value - goal) for _, value in samples)
            else:
                assert abs(error) == best_subset(products, goal)[0]
        allowed[pair] |= {(output, hidden) for hidden, _ in samples}
    for pair, entries in enumerate(allowed):
        assert {tuple(map(int, at)) for at in np.argwhere(kept[str(2 * pair + 1)])} <= entries
        first = kept[str(2 * pair)]
        assert (first.sum(axis=1) <= 1).all()
        assert (first.any(axis=1) == kept[str(2 * pair + 1)].any(axis=0)).all()
        for hidden, column in np.argwhere(first):
            assert hidden // plan.block_width % first.shape[1] == column


@few
@given(tickets(max_samples=6))
def test_stopping_early_loses_no_weight(drawn):
    """The shortest prefix within tolerance reaches the same weights as the whole."""
    target, plan, result = drawn
    if plan.construction.name == "single-weight":
        return
    reaches = []
    for solver in (GrowingPrefix(first=1, step=1), MeetInTheMiddle()):
        ticket = build_ticket(target, result.ticket.source, plan, solver=solver).ticket
        errors = weight_errors(ticket, target.scaled(plan.scale_exponents), plan.domain)
        reaches.append(
            measure_reach(target, plan.scale_exponents, errors, tolerance=plan.tolerance)
        )
    assert reaches[0].num_unreached == reaches[1].num_unreached
    assert reaches[0].max_weight_error >= reaches[1].max_weight_error


@few
@given(tickets())
def test_only_missing_samples_are_reported_short(drawn):
    target, plan, result = drawn
    is_shared = plan.construction.shares_hidden
    expected = set()
    for pair, layer in enumerate(target.layers):
        columns = layer.num_inputs + (layer.bias is not None)
        for half in range(plan.num_halves(pair)):
            for column in range(columns):
                if half == 1 and column == layer.num_inputs:
                    continue
                for output in [0] if is_shared else range(layer.num_outputs):
                    at = {"pair": pair, "half": half, "output": output, "column": column}
                    count = len(planned_samples(result.ticket, plan.block_width, **at))
                    if count < plan.num_samples:
                        where = None if is_shared else output
                        expected.add((pair, column, where, 1 - 2 * half, count))
    reported = [
        (group.layer, group.input, group.output, group.sign, group.num_members)
        for group in result.short_groups
    ]
    assert len(reported) == len(set(reported))
    assert set(reported) == expected


@few
@given(tickets())
def test_scales_fill_the_window(drawn):
    target, plan, _ = drawn
    for layer, scaled in zip(target.layers, target.scaled(plan.scale_exponents), strict=True):
        largest = scaled.weight.max_abs()
        if scaled.bias is not None:
            largest = max(largest, scaled.bias.max_abs())
        is_zero = not layer.weight.any() and (layer.bias is None or not layer.bias.any())
        assert largest == 0 if is_zero else Fraction(1, 4) < largest <= Fraction(1, 2)


@few
@given(tickets())
def test_reach_is_the_oracles(drawn):
    target, plan, result = drawn
    errors = weight_errors(result.ticket, target.scaled(plan.scale_exponents), plan.domain)
    reach = measure_reach(target, plan.scale_exponents, errors, tolerance=plan.tolerance)
    table = weight_error_table(target, result.ticket, is_signed=plan.domain.has_negative_inputs)
    totals = np.cumsum(plan.scale_exponents)
    sizes = {}
    for (i, _, output, column), error in table.items():
        layer = target.layers[i]
        is_bias = column == layer.num_inputs
        at = f".bias[{output}]" if is_bias else f".weight[{output}, {column}]"
        name = layer.name + at
        power = int(totals[i]) if is_bias else plan.scale_exponents[i]
        sizes[name] = max(sizes.get(name, Fraction(0)), abs(error) * Fraction(2) ** power)
    beyond = {name: size for name, size in sizes.items() if size > Fraction(plan.tolerance)}
    assert reach.max_weight_error == max(sizes.values())
    assert reach.num_unreached == len(beyond)
    assert len(reach.worst) == min(10, len(beyond))
    shown = [beyond[weight.name] for weight in reach.worst]
    assert [weight.error for weight in reach.worst] == [float(size) for size in shown]
    assert [float(v) for v in sorted(beyond.values(), reverse=True)[:10]] == [
        weight.error for weight in reach.worst
    ]


@few
@given(tickets(), st.integers(1, 40))
def test_chunks_and_repetition_change_nothing(drawn, chunk):
    target, plan, result = drawn
    source = result.ticket.source
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "_CHUNK_SAMPLES", chunk)
        calls = []
        again = build_ticket(target, source, plan, progress=lambda *at: calls.append(at))
    assert again.ticket.drawn_sha256() == result.ticket.drawn_sha256()
    for one, other in zip(again.ticket.pairs, result.ticket.pairs, strict=True):
        for name in ("hidden", "inputs", "kept"):
            assert np.array_equal(getattr(one, name), getattr(other, name))
    assert set(again.short_groups) == set(result.short_groups)
    assert calls[-1] == (result.num_instances, result.num_instances)
    assert source == result.ticket.source
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


@few
@given(tickets(), st.integers(1, 1000))
def test_pruned_neurons_change_nothing(drawn, more):
    """A wider source of the same seed has the same entries: the same mask, the same function."""
    _, _, result = drawn
    ticket = result.ticket
    widths = [w + more * (k % 2) for k, w in enumerate(ticket.source.widths)]
    wider = SourceNetwork(
        tuple(widths),
        ticket.source.law,
        ticket.source.seed,
        biases=ticket.source.biases,
        inner_activation=ticket.source.inner_activation,
    )
    grown = Ticket(wider, ticket.pairs, ticket.scale_exponents, ticket.construction, 1)
    assert grown.drawn_sha256() == ticket.drawn_sha256()
    assert grown.num_kept == ticket.num_kept


@few
@given(tickets(targets=target_networks(max_layers=2)), st.integers(-8, 8))
def test_powers_of_two_move_the_scale_and_not_the_mask(drawn, power):
    target, plan, result = drawn
    first, *rest = target.layers
    factor = 2.0**power
    moved = TargetNetwork(
        (
            LinearLayer(first.name, first.weight * factor, times(first.bias, factor)),
            *(LinearLayer(x.name, x.weight, times(x.bias, factor)) for x in rest),
        )
    )
    if any((a.weight == 0).all() for a in target.layers):
        return  # a layer of zeros keeps its scale
    pairs = zip(target.layers, moved.layers, strict=True)
    if any(changed(a.weight, b.weight) or changed(a.bias, b.bias) for a, b in pairs):
        return  # a subnormal number was rounded
    again = make_plan(
        moved,
        plan.construction,
        num_samples=plan.num_samples,
        tolerance=plan.tolerance,
        domain=plan.domain,
        width_failure_probability=plan.width_failure_probability,
    )
    assert again.scale_exponents == (plan.scale_exponents[0] + power, *plan.scale_exponents[1:])
    source = result.ticket.source
    built = build_ticket(moved, source, again)
    assert built.ticket.drawn_sha256() == result.ticket.drawn_sha256()


def times(bias, factor):
    return None if bias is None else bias * factor


def changed(one, other):
    """Whether more than the scale changed: significands tell."""
    return one is not None and bool((np.frexp(one)[0] != np.frexp(other)[0]).any())
