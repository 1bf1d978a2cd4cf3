"""Domains, masks, sources and tickets: what they accept, and what they compute at the edges."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from strongltn.construct import SINGLE_WEIGHT, build_ticket, make_plan
from strongltn.errors import InvalidInputError, SoundnessBug
from strongltn.networks import (
    Activation,
    Ball,
    Box,
    LinearLayer,
    PairMask,
    SourceNetwork,
    TargetNetwork,
    Ticket,
    parse_domain,
    pruned,
)
from strongltn.networks import mask as mask_module
from strongltn.networks.difference import weight_errors
from strongltn.networks.pruned import PrunedNetwork
from strongltn.rng import WeightLaw

finite = st.floats(allow_nan=False, allow_infinity=False)
# half of the doubles' range: the ends of a box lie at a finite distance
ends = st.floats(-(2.0**1022), 2.0**1022)
any_domain = finite.filter(lambda r: r > 0).map(Ball) | st.tuples(ends, ends).filter(
    lambda ends: ends[0] != ends[1]  # two floats are seldom equal
).map(lambda ends: Box(min(ends), max(ends)))


@given(any_domain)
@example(Ball(1 / 3))
@example(Box(0.0, 0.1234567))
@example(Box(-0.0, 1.0))
def test_domains_are_named_exactly(domain):
    """Found: six digits named another set than the one that was certified."""
    assert parse_domain(str(domain)) == domain


def test_domain_texts():
    assert [str(d) for d in (Ball(), Ball(2.5), Box(), Box(-1.0, 0.5))] == [
        "ball:1",
        "ball:2.5",
        "box:0,1",
        "box:-1,0.5",
    ]
    assert parse_domain("ball") == Ball()
    assert parse_domain("box") == Box(0.0, 1.0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cube",
        "ball:x",
        "ball:1,2",
        "box:1",
        "box:1,2,3",
        "box:1,x",
        "ball:-1",
        "ball:0",
        "ball:nan",
        "ball:inf",
        "box:1,1",
        "box:2,1",
        "box:0,inf",
        "box:nan,1",
        "ball:,",
        "Ball",
    ],
)
def test_bad_domains_are_refused(text):
    with pytest.raises(InvalidInputError, match=r"'(domain|radius)' parameter must be"):
        parse_domain(text)


@st.composite
def mask_entries(draw):
    """Kept entries (rows, hidden) of a second layer, and the column of every hidden neuron."""
    num_outputs, width = draw(st.integers(1, 4)), draw(st.integers(1, 20))
    columns = draw(st.lists(st.integers(0, 3), min_size=width, max_size=width))
    keep = draw(st.lists(st.booleans(), min_size=num_outputs * width, max_size=num_outputs * width))
    return np.array(keep).reshape(num_outputs, width), np.array(columns)


@given(mask_entries(), st.integers(1, 30))
def test_masks_keep_what_they_were_given(drawn, block):
    keep, columns = drawn
    rows, hidden = np.nonzero(keep)
    order = np.random.default_rng(0).permutation(len(rows))
    mask = PairMask.from_entries(
        rows[order], hidden[order], inputs=lambda live: columns[live], num_outputs=len(keep)
    )
    first, second = mask.dense((keep.shape[1], 4), keep.shape)
    assert np.array_equal(second, keep)
    assert np.array_equal(first.any(axis=1), keep.any(axis=0))
    assert (first.argmax(axis=1) == columns)[keep.any(axis=0)].all()
    assert mask.num_kept == keep.sum() + keep.any(axis=0).sum()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mask_module, "_BLOCK_ENTRIES", block)
        parts = list(mask.blocks())
    again = np.zeros_like(keep)
    for part_rows, positions in parts:
        again[part_rows, mask.hidden[positions]] = True
        assert (np.diff(part_rows) >= 0).all()
    assert np.array_equal(again, keep)


def ints(*values):
    return np.array(values, dtype=np.int64)


def bits(*rows):
    return np.array(rows, dtype=np.uint8)


@pytest.mark.parametrize(
    ("hidden", "inputs", "kept"),
    [
        (ints(1, 0), ints(0, 0), bits([3])),
        (ints(1, 1), ints(0, 0), bits([3])),
        (ints(0, 1), ints(0), bits([3])),
        (ints(0, 1), ints(0, 0), bits([3, 0])),
        (ints(0, 1), ints(0, 0), bits([4])),
    ],
    ids=["order", "twice", "lengths", "bytes", "bits past the end"],
)
def test_bad_masks_are_refused(hidden, inputs, kept):
    with pytest.raises(InvalidInputError, match="'mask'"):
        PairMask(hidden, inputs, kept)


def ticket_of(hidden, inputs, kept, *, widths=(2, 4, 1), scales=(0,)):
    source = SourceNetwork(widths, WeightLaw.UNIFORM, 0)
    pair = PairMask(ints(*hidden), ints(*inputs), bits(*kept))
    return Ticket(source, (pair,), scales, "relu-diamond", 1)


def test_masks_stay_within_the_source():
    assert ticket_of([0, 3], [1, 0], [[3]]).num_kept == 4
    for hidden, inputs, kept in (
        ([4], [0], [[1]]),
        ([-1], [0], [[1]]),
        ([0], [2], [[1]]),
        ([0], [-1], [[1]]),
        ([0], [0], [[1], [1]]),
    ):
        with pytest.raises(InvalidInputError, match="'mask'"):
            ticket_of(hidden, inputs, kept)
    with pytest.raises(InvalidInputError, match="1 masks and 2 scales"):
        ticket_of([0], [0], [[1]], scales=(0, 0))


@pytest.mark.parametrize("widths", [(), (1, 1), (1, 2, 3, 4), (0, 1, 1), (1, 2**31, 1)])
def test_bad_widths_are_refused(widths):
    with pytest.raises(InvalidInputError, match="'widths'"):
        SourceNetwork(widths, WeightLaw.UNIFORM, 0)


def test_addresses_outside_the_source_are_refused():
    source = SourceNetwork((2, 3, 1), WeightLaw.UNIFORM, 0, biases=(True,))
    assert source.shape(0) == (3, 3)
    assert source.shape(1) == (1, 3)
    for layer, row, column in ((0, 3, 0), (0, 0, 3), (1, 1, 0), (0, -1, 0), (2, 0, 0), (-1, 0, 0)):
        with pytest.raises(InvalidInputError, match=r"'(rows|columns|layer)'"):
            source.entries(layer, ints(row), ints(column))
    with pytest.raises(InvalidInputError, match="'biases'"):
        SourceNetwork((2, 3, 1), WeightLaw.UNIFORM, 0, biases=(True, False))


def test_an_empty_ticket_is_the_zero_function():
    ticket = ticket_of([], [], np.zeros((1, 0), dtype=np.uint8))
    assert ticket.num_kept == 0
    network = PrunedNetwork(ticket)
    assert torch.equal(network(torch.ones(3, 2)), torch.zeros(3, 1))
    assert network(torch.ones(0, 2)).shape == (0, 1)
    assert ticket.effective(0).plus.max_abs() == 0


@pytest.mark.parametrize("density", [0.0, 2.0])
def test_sparse_and_dense_forward_agree(monkeypatch, density):
    rows, hidden = np.indices((5, 40)).reshape(2, -1)[:, ::3]
    mask = PairMask.from_entries(rows, hidden, inputs=lambda live: live % 2, num_outputs=5)
    source = SourceNetwork((2, 40, 5), WeightLaw.UNIFORM, 0, inner_activation=Activation.LINEAR)
    ticket = Ticket(source, (mask,), (3,), "linear-diamond", 1)
    monkeypatch.setattr(pruned, "_SPARSE_DENSITY", density)
    monkeypatch.setattr(pruned, "_CHUNK_ENTRIES", 64)
    monkeypatch.setattr(mask_module, "_BLOCK_ENTRIES", 64)
    network = PrunedNetwork(ticket, dtype=torch.float64)
    assert network.pairs[0].is_sparse == (density == 2.0)
    x = torch.tensor([[1.0, 0.0], [0.0, -1.0], [1.0, 1.0]], dtype=torch.float64)
    first, second = (ticket.dense_masks()[k] * ticket.source.dense(int(k)) for k in "01")
    expected = x.numpy() @ first.T.astype(np.float64) @ second.T.astype(np.float64) * 8
    assert np.array_equal(network(x).numpy(), expected)


def test_images_are_flattened():
    network = PrunedNetwork(ticket_of([0], [1], [[1]]))
    x = torch.rand(3, 2)
    assert torch.equal(network(x.reshape(3, 1, 2)), network(x))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.ones(2), r"shape \(2,\) of torch.float32"),
        (torch.ones(()), r"shape \(\)"),
        (torch.ones(5, 3), r"a tensor \(batch, \.\.\.\) of torch.float32, 2 values an input"),
        (torch.ones(5, 1), r"shape \(5, 1\)"),
        (torch.ones(2, 5, 3), r"shape \(2, 5, 3\)"),
        (torch.ones(3, 2, dtype=torch.float64), "torch.float64"),
        (torch.ones(3, 2, dtype=torch.int64), "torch.int64"),
        (np.ones((3, 2), dtype=np.float32), "ndarray"),
        ([[1.0, 2.0]], "list"),
    ],
    ids=["vector", "number", "wide", "narrow", "parts", "double", "integers", "array", "list"],
)
def test_inputs_of_another_shape_are_refused(x, message):
    network = PrunedNetwork(ticket_of([0], [1], [[1]]))
    with pytest.raises(InvalidInputError, match=message):
        network(x)


def test_the_constant_of_a_bias_is_no_input():
    """Found: a fourth column was taken for the constant 1 of a network with three inputs."""
    source = SourceNetwork((3, 4, 1), WeightLaw.UNIFORM, 0, biases=(True,))
    network = PrunedNetwork(
        Ticket(source, (PairMask(ints(0), ints(3), bits([1])),), (0,), "relu-diamond", 1)
    )
    assert network(torch.ones(2, 3)).shape == (2, 1)
    assert network(torch.ones(5, 3, 1)).shape == (5, 1)
    assert network(torch.ones(0, 3)).shape == (0, 1)
    with pytest.raises(InvalidInputError, match=r"'x'.*shape \(2, 4\)"):
        network(torch.ones(2, 4))


def deep_ticket(scales, *, bias=False):
    """Return a ticket of one path, relu(x a) b, ..., with a bias in every pair if wanted."""
    num = len(scales)
    source = SourceNetwork((1, 2) * num + (1,), WeightLaw.UNIFORM, 0, biases=(bias,) * num)
    kept = (ints(0, 1), ints(0, 1), bits([3])) if bias else (ints(0, 1), ints(0, 0), bits([3]))
    return Ticket(source, (PairMask(*kept),) * num, scales, "relu-diamond", 1)


def exact_output(ticket, x):
    """Return g(x) in rationals."""
    value = Fraction(x)
    for i in range(len(ticket.pairs)):
        value = max(value, Fraction(0)) if i else value
        layer = ticket.effective(i)
        parts = [layer.plus, layer.minus, *([layer.bias] if layer.bias is not None else [])]
        plus, minus, *bias = (
            Fraction(int(part.numerators.ravel()[0])) * Fraction(2) ** part.exponent
            for part in parts
        )
        value = plus * max(value, 0) + minus * max(-value, 0) + sum(bias)
    return value * Fraction(2) ** ticket.output_exponent


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    "scales",
    [
        (0,),
        (127,),
        (128,),
        (-20, 60),
        (100, 100),
        (300, -100),
        (700, 400),
        (2000, 2000, -2900),
        (-150,),
        (-100, -200),
        (50,) * 4,
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_scale_is_too_large(scales, bias, dtype):
    """Found: 2^128 was infinity in float32, 2^1024 an OverflowError, and 0 times it NaN."""
    ticket = deep_ticket(scales, bias=bias)
    network = PrunedNetwork(ticket, dtype=dtype)
    limits = torch.finfo(dtype)
    for x in (1.0, -1.0, 2.0**-60, 2.0**-100):
        expected = exact_output(ticket, x)
        (got,) = network(torch.tensor([[x]], dtype=dtype))[0].tolist()
        if abs(expected) > limits.max:
            assert abs(got) == np.inf
        elif abs(expected) >= limits.tiny * 4:
            assert abs(Fraction(got) - expected) <= 20 * limits.eps * abs(expected)
        else:
            assert abs(got) <= limits.tiny * 5


def test_zero_stays_zero_at_any_scale():
    empty = np.zeros((1, 0), dtype=np.uint8)
    for scale in (127, 128, 1023, 1024, 4096):
        network = PrunedNetwork(ticket_of([], [], empty, scales=(scale,)))
        assert torch.equal(network(torch.ones(3, 2)), torch.zeros(3, 1))


@given(st.integers(-149, 127), st.integers(-60, 60))
def test_one_factor_is_used_where_a_float_holds_it(total, first):
    """The bits are those of one multiplication behind the last pair, as they always were."""
    ticket = deep_ticket((first, total - first), bias=True)
    plain = deep_ticket((0, 0), bias=True)
    x = torch.tensor([[0.3], [-1.7], [1e-30], [1e30]])
    got = PrunedNetwork(ticket)(x)
    assert torch.equal(got, PrunedNetwork(plain)(x) * 2.0**total)


def test_the_pruned_network_is_frozen():
    network = PrunedNetwork(ticket_of([0], [1], [[1]]))
    assert list(network.parameters()) == []
    assert not any(buffer.requires_grad for buffer in network.buffers())


def test_many_outputs_are_no_overflow():
    """Found: one product a sum was counted once for each output, and refused from 4,096 on."""
    target = TargetNetwork((LinearLayer("fc", np.linspace(-1, 1, 4100)[:, None]),))
    plan = make_plan(target, SINGLE_WEIGHT, num_samples=1, tolerance=0.1, domain=Box())
    source = plan.source(target, law=WeightLaw.UNIFORM, seed=0)
    ticket = build_ticket(target, source, plan).ticket
    (error,) = weight_errors(ticket, target.scaled(plan.scale_exponents), Box())
    assert Fraction(1, 100) < error.plus.max_abs() < 2


def test_sums_that_might_wrap_are_refused(monkeypatch):
    """With factors as large as 2^40 eight products might not fit; none is summed silently."""
    hidden = np.arange(9)
    mask = PairMask.from_entries(hidden * 0, hidden, inputs=np.zeros_like, num_outputs=1)
    ticket = Ticket(SourceNetwork((1, 9, 1), WeightLaw.UNIFORM, 0), (mask,), (0,), "x", 9)
    monkeypatch.setattr(Ticket, "first_weights", lambda *_: np.full(9, 1 << 33, dtype=np.int64))
    with pytest.raises(SoundnessBug, match="9 products"):
        ticket.effective(0)
