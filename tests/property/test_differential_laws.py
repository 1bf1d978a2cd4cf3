"""Differential bounds: any multipliers, tree and network give true ranges, without any slack."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis import target as push_towards

from strongltn.certify.differential.backward import (
    BackwardSettings,
    backward_differential,
    differential_interval,
    evaluate,
)
from strongltn.certify.differential.splitting import SplittingSettings, input_splitting
from strongltn.networks import Ball, DifferenceNetwork, LocalBox, ScaledLayer
from strongltn.networks.difference import LayerError
from strongltn.numerics.dyadic import DyadicArray
from strongltn.testing import domains, points

few = settings(max_examples=60)
_EXPONENTS = st.integers(-12, 0)


@st.composite
def arrays(draw, shape):
    size = int(np.prod(shape))
    flat = draw(st.lists(st.integers(-9, 9), min_size=size, max_size=size))
    return DyadicArray(np.array(flat, dtype=np.int64).reshape(shape), draw(_EXPONENTS))


@st.composite
def local_boxes(draw, size):
    pairs = st.tuples(st.integers(-8, 8), st.integers(0, 6))
    ends = np.array(draw(st.lists(pairs, min_size=size, max_size=size)))
    return LocalBox(ends[:, 0] / 8, ends.sum(axis=1) / 8)


@st.composite
def problems(draw):
    """Layers, errors and domain of a small network, with or without biases and minus halves."""
    widths = draw(st.lists(st.integers(1, 3), min_size=2, max_size=4))
    domain = draw(domains() | local_boxes(widths[0]))
    layers, errors = [], []
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        shape, biased = (outputs, inputs), draw(st.booleans())
        is_signed = i == 0 and domain.has_negative_inputs and draw(st.booleans())
        bias = [draw(arrays((outputs,))) if biased else None for _ in range(2)]
        layers.append(ScaledLayer(draw(arrays(shape)), bias[0]))
        minus = draw(arrays(shape)) if is_signed else None
        errors.append(LayerError(draw(arrays(shape)), minus, bias[1]))
    return tuple(layers), tuple(errors), domain


def rationals(array):
    numbers = [int(k) * Fraction(2) ** array.exponent for k in array.numerators.ravel()]
    return np.array(numbers, dtype=object).reshape(array.shape)


def trace(layers, errors, x):
    """Return (x_i, z_i, d_i) of every layer at one input, from the two networks themselves."""
    x = y = np.array(x, dtype=object)
    steps = []
    for layer, error in zip(layers, errors, strict=True):
        weight, plus = rationals(layer.weight), rationals(error.plus)
        z, moved = weight @ x, weight @ y + plus @ y
        if error.minus is not None:
            on, off = np.maximum(y, 0), np.maximum(-y, 0)
            moved = weight @ y + plus @ on + rationals(error.minus) @ off
        z = z if layer.bias is None else z + rationals(layer.bias)
        if layer.bias is not None:
            moved = moved + rationals(layer.bias)
        moved = moved if error.bias is None else moved + rationals(error.bias)
        steps.append((x, z, moved - z))
        x, y = np.maximum(z, 0), np.maximum(moved, 0)
    return steps


def leaf_boxes(domain, num_inputs, tree):
    """Return the ends of every leaf in rationals; None for the ball."""
    if isinstance(domain, Ball):
        return [None]
    box = domain.box(num_inputs)
    nodes = iter(tree.tolist())

    def below(lower, upper):
        node = next(nodes)
        if node < 0:
            return [(lower, upper)]
        middle = (lower[node] + upper[node]) / 2
        cut = [list(end) for end in (upper, lower)]
        cut[0][node] = cut[1][node] = middle
        return below(lower, cut[0]) + below(cut[1], upper)

    ends = [list(map(Fraction, end.tolist())) for end in (box.lower, box.upper)]
    return below(*ends)


def check_truth(found, layers, errors, domain, x):
    """The ranges of every leaf that holds x, and all claims, are true at x."""
    steps = trace(layers, errors, x)
    boxes = leaf_boxes(domain, len(x), found.tree)
    assert len(boxes) == len(found.leaves)
    homes = 0
    for box, leaf in zip(boxes, found.leaves, strict=True):
        if box is not None and not all(
            a <= v <= b for a, v, b in zip(box[0], x, box[1], strict=True)
        ):
            continue
        homes += 1
        for (_, z, d), ranges in zip(steps, leaf, strict=True):
            for value, one in ((z, ranges.target), (d, ranges.difference)):
                assert (rationals(one.lower) <= value).all()
                assert (value <= rationals(one.upper)).all()
    assert homes
    for (inputs, _, d), size, bound in zip(steps, found.activation, found.difference, strict=True):
        assert (inputs * inputs).sum() <= size**2
        assert (d * d).sum() <= bound**2
    assert max(abs(v) for v in steps[-1][2]) <= found.largest_output


@st.composite
def trees(draw, domain, num_inputs):
    if isinstance(domain, Ball):
        return np.array([-1])
    nodes, missing = [], 1
    while missing:
        node = draw(st.integers(-1, num_inputs - 1)) if len(nodes) < 5 else -1
        nodes.append(node)
        missing += 1 if node >= 0 else -1
    return np.array(nodes)


@few
@given(problems(), st.data())
def test_any_multipliers_and_tree_give_true_ranges(problem, data):
    layers, errors, domain = problem
    num_inputs = layers[0].weight.shape[1]
    tree = data.draw(trees(domain, num_inputs))
    num_leaves = len(tree) // 2 + 1
    multipliers, before = [], 0
    for first, layer in pairwise(layers):
        before += first.weight.shape[0]
        multipliers.append(data.draw(arrays((num_leaves, 4 * layer.weight.shape[0], 2 * before))))
    found = evaluate(
        DifferenceNetwork(layers, errors, domain), tree=tree, multipliers=tuple(multipliers)
    )
    x = data.draw(points(domain, num_inputs))
    check_truth(found, layers, errors, domain, x)


@few
@given(problems(), st.sampled_from([0, 5]), st.data())
def test_found_multipliers_give_true_and_tighter_ranges(problem, num_steps, data):
    layers, errors, domain = problem
    interval = differential_interval(DifferenceNetwork(layers, errors, domain))
    plain = backward_differential(DifferenceNetwork(layers, errors, domain))
    backward = backward_differential(
        DifferenceNetwork(layers, errors, domain), settings=BackwardSettings(num_steps)
    )
    x = data.draw(points(domain, layers[0].weight.shape[1]))
    for found in (interval, backward):
        check_truth(found, layers, errors, domain, x)
    for tight, loose in ((plain, interval), (backward, plain)):
        for one, other in zip(tight.leaves[0], loose.leaves[0], strict=True):
            for inner, outer in (
                (one.target, other.target),
                (one.difference, other.difference),
            ):
                assert (rationals(inner.lower) >= rationals(outer.lower)).all()
                assert (rationals(inner.upper) <= rationals(outer.upper)).all()
        assert all(a <= b for a, b in zip(tight.difference, loose.difference, strict=True))
    d = trace(layers, errors, x)[-1][2]
    push_towards(float((d * d).sum() / (backward.difference[-1] ** 2 or 1)))


@few
@given(problems(), st.integers(1, 9), st.data())
def test_splitting_gives_true_ranges_and_is_never_worse(problem, max_leaves, data):
    layers, errors, domain = problem
    if isinstance(domain, Ball):
        domain = LocalBox(*([end] * layers[0].weight.shape[1] for end in (-1.0, 0.5)))
    found = input_splitting(
        DifferenceNetwork(layers, errors, domain), settings=SplittingSettings(max_leaves=max_leaves)
    )
    assert len(found.leaves) <= max_leaves
    x = data.draw(points(domain, layers[0].weight.shape[1]))
    check_truth(found, layers, errors, domain, x)
    whole = backward_differential(DifferenceNetwork(layers, errors, domain))
    assert found.difference[-1] <= whole.difference[-1]
