"""Differential bounds: exact Lagrangians, as good as they can be, and better with more work."""

from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest

from strongltn.certify.differential.backward import (
    BackwardSettings,
    backward_differential,
    differential_interval,
    evaluate,
)
from strongltn.certify.differential.float_neurons import FloatRanges, FloatRegion, Neurons
from strongltn.certify.differential.lagrangian import neuron_maxima, proved_ends
from strongltn.certify.differential.multiplier_search import MultiplierSearch
from strongltn.certify.differential.ranges import (
    LayerRanges,
    Leaf,
    Range,
    leaves_of,
    rounded_outwards,
)
from strongltn.certify.differential.splitting import SplittingSettings, input_splitting
from strongltn.errors import InvalidInputError
from strongltn.networks import Ball, Box, DifferenceNetwork, LocalBox, ScaledLayer
from strongltn.networks.weight_error import LayerError
from strongltn.numerics.dyadic import DyadicArray

DOMAINS = {
    "ball": Ball(1.5),
    "box": Box(0.0, 1.0),
    "signed": Box(-0.5, 1.0),
    "negative": Box(-1.0, -0.25),
}


def problem(widths, *, seed=0, biased=True, is_signed=False, error=0.01, bits=20):
    """Return layers and errors of a random network."""
    generator = np.random.default_rng(seed)

    def grid(shape, size):
        values = generator.uniform(-size, size, shape)
        return DyadicArray.from_floats(np.ldexp(np.rint(np.ldexp(values, bits)), -bits))

    layers, errors = [], []
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        shape, size = (outputs, inputs), inputs**-0.5
        layers.append(ScaledLayer(grid(shape, size), grid(outputs, 0.2) if biased else None))
        minus = grid(shape, error) if is_signed and i == 0 else None
        errors.append(LayerError(grid(shape, error), minus, grid(outputs, error)))
    return tuple(layers), tuple(errors)


def exact(array):
    numbers = [int(k) * Fraction(2) ** array.exponent for k in array.numerators.ravel()]
    return np.array(numbers, dtype=object).reshape(array.shape)


def dyadic(values, exponent=0):
    return DyadicArray(np.array(values, dtype=np.int64), exponent)


def relu(values):
    return np.maximum(values, 0)


def outputs_at(layers, errors, x):
    """Return d at the last layer for inputs (points, inputs), in floats."""
    z, d = None, None
    for i, (layer, error) in enumerate(zip(layers, errors, strict=True)):
        weight, plus = layer.weight.to_floats(), error.plus.to_floats()
        bias = 0 if layer.bias is None else layer.bias.to_floats()
        if i == 0:
            minus = -plus if error.minus is None else error.minus.to_floats()
            a, d = x, relu(x) @ plus.T + relu(-x) @ minus.T
        else:
            a, moved = relu(z), relu(z + d) - relu(z)
            d = moved @ (weight + plus).T + a @ plus.T
        z, d = a @ weight.T + bias, d + error.bias.to_floats()
    return d


def test_a_neurons_maximum_is_that_of_every_point_of_a_grid():
    """With integer ends every breakpoint is an integer point, so brute force is the maximum."""
    generator = np.random.default_rng(0)
    for _ in range(500):
        z, d = np.sort(generator.integers(-5, 6, 2)), np.sort(generator.integers(-5, 6, 2))
        # -p s(z) - q s(-z) - r s(z + d) - t s(-z - d): where all are positive, 0 is the only peak
        p, q, r, t = generator.integers(-3, 4, 4).tolist()
        c, g, slope, shift = -p - q - r - t, -r - t, -q - t, -t
        best = max(
            c * max(a, 0) + g * (max(a + b, 0) - max(a, 0)) - slope * a - shift * b
            for a, b in product(range(z[0], z[1] + 1), range(d[0], d[1] + 1))
        )
        ranges = LayerRanges(
            Range(dyadic([z[0]]), dyadic([z[1]])), Range(dyadic([d[0]]), dyadic([d[1]]))
        )
        terms, multipliers = (dyadic([[c]]), dyadic([[g]])), (dyadic([[slope]]), dyadic([[shift]]))
        assert exact(neuron_maxima(terms, multipliers, ranges)).tolist() == [best]


def oracle_end(layers, errors, box, leaf_ranges, statement):
    """The Lagrangian of one statement, written down once more in rationals, term by term."""
    row, multipliers = statement
    i = len(leaf_ranges)
    outputs = len(exact(layers[i].weight))
    block, j = divmod(row, outputs)
    weight, error = exact(layers[i].weight)[j], exact(errors[i].plus)[j]
    bias = 0 if layers[i].bias is None else exact(layers[i].bias)[j]
    if block < 2:
        c, g, total = weight, 0 * weight, bias
    else:
        c, g, total = error, weight + error, exact(errors[i].bias)[j]
    if block % 2 == 0:
        c, g, total = -c, -g, -total
    at = 0
    for k in range(i - 1, -1, -1):
        width = len(exact(layers[k].weight))
        slope, shift = multipliers[at : at + width], multipliers[at + width : at + 2 * width]
        at += 2 * width
        ends = [exact(e) for r in (leaf_ranges[k].target, leaf_ranges[k].difference)
                for e in (r.lower, r.upper)]  # fmt: skip
        for t in range(width):
            z_low, z_high, d_low, d_high = (end[t] for end in ends)
            zs = {z_low, z_high, min(max(Fraction(0), z_low), z_high)}
            zs |= {min(max(-d, z_low), z_high) for d in (d_low, d_high)}
            values = []
            for z in zs:
                for d in (d_low, d_high, min(max(-z, d_low), d_high), min(max(0, d_low), d_high)):
                    moved = max(z + d, 0) - max(z, 0)
                    values.append(c[t] * max(z, 0) + g[t] * moved - slope[t] * z - shift[t] * d)
            total += max(values)
        weight, error = exact(layers[k].weight), exact(errors[k].plus)
        if layers[k].bias is not None:
            total += slope @ exact(layers[k].bias)
        total += shift @ exact(errors[k].bias)
        minus = -error if errors[k].minus is None else exact(errors[k].minus)
        back = -slope @ weight + shift @ minus
        c, g = slope @ weight + shift @ error, shift @ (weight + error)
    for lower, upper, p, m in zip(*box, c, back, strict=True):
        places = (lower, upper, min(max(Fraction(0), lower), upper))
        total += max(p * max(x, 0) + m * max(-x, 0) for x in places)
    return total


@pytest.mark.parametrize("kind", ["box", "signed", "negative"])
@pytest.mark.parametrize("is_signed", [False, True])
def test_ends_are_those_of_the_format(kind, is_signed):
    layers, errors = problem((3, 4, 3, 2), is_signed=is_signed, error=0.25, bits=6, seed=3)
    domain = DOMAINS[kind]
    ranges = differential_interval(DifferenceNetwork(layers, errors, domain)).leaves[0]
    (leaf,) = leaves_of(domain, 3, np.array([-1]))
    box = exact(leaf.lower), exact(leaf.upper)
    generator = np.random.default_rng(1)
    for i, columns in ((1, 8), (2, 14)):
        outputs = layers[i].weight.shape[0]
        multipliers = dyadic(generator.integers(-99, 100, (4 * outputs, columns)), -7)
        found = proved_ends(
            DifferenceNetwork(layers, errors, domain), leaf, ranges[:i], multipliers=multipliers
        )
        for row, value in enumerate(exact(found)):
            statement = row, exact(multipliers)[row]
            assert value == oracle_end(layers, errors, box, ranges[:i], statement)


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)
def test_a_leaf_reaches_its_ends(domain, is_signed):
    generator = np.random.default_rng(2)
    plus, minus = generator.integers(-9, 10, (2, 4, 2))
    (leaf,) = leaves_of(domain, 2, np.array([-1]))
    found = leaf.range_of(dyadic(plus), dyadic(minus) if is_signed else None)
    if isinstance(domain, Ball):
        angle = np.linspace(0, 2 * np.pi, 100001)
        x = domain.radius * np.stack([np.cos(angle), np.sin(angle)])
        x = np.concatenate([x, np.zeros((2, 1))], axis=1)
    else:
        places = sorted({domain.lower, domain.upper, min(max(0.0, domain.lower), domain.upper)})
        x = np.array(list(product(places, places))).T
    values = plus @ relu(x) + (minus if is_signed else -plus) @ relu(-x)
    low, high = found.lower.to_floats(), found.upper.to_floats()
    slack = 1e-7 if isinstance(domain, Ball) else 0  # the sphere is only sampled
    assert (low <= values.min(axis=1)).all()
    assert (high >= values.max(axis=1)).all()
    assert (low >= values.min(axis=1) - slack).all()
    assert (high <= values.max(axis=1) + slack).all()


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)
def test_the_stated_multipliers_prove_the_stated_ranges(domain):
    layers, errors = problem((3, 6, 5, 2), is_signed=domain.has_negative_inputs)
    for num_steps in (0, 10):
        settings = BackwardSettings(num_steps)
        found = backward_differential(DifferenceNetwork(layers, errors, domain), settings=settings)
        again = evaluate(
            DifferenceNetwork(layers, errors, domain),
            tree=found.tree,
            multipliers=found.multipliers,
        )
        for one, other in zip(found.leaves[0], again.leaves[0], strict=True):
            for kind in ("target", "difference"):
                for end in ("lower", "upper"):
                    left, right = (getattr(getattr(r, kind), end) for r in (one, other))
                    assert (exact(left) == exact(right)).all()
        assert again.difference == found.difference
        assert again.activation == found.activation
        assert all(m.numerators.dtype == np.int64 for m in found.multipliers)
        shapes = [m.shape for m in found.multipliers]
        assert shapes == [(1, 20, 12), (1, 8, 22)]


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)
def test_bounds_are_useful_and_more_work_pays(domain, biased):
    layers, errors = problem((4, 8, 8, 2), biased=biased, is_signed=domain.has_negative_inputs)
    generator = np.random.default_rng(0)
    if isinstance(domain, Ball):
        x = generator.standard_normal((20000, 4))
        x *= domain.radius / np.linalg.norm(x, axis=1, keepdims=True)
    else:
        x = generator.uniform(domain.lower, domain.upper, (20000, 4))
    seen = np.linalg.norm(outputs_at(layers, errors, x), axis=1).max()
    interval = differential_interval(DifferenceNetwork(layers, errors, domain)).difference[-1]
    bounds = [
        backward_differential(
            DifferenceNetwork(layers, errors, domain), settings=BackwardSettings(n)
        ).difference[-1]
        for n in (0, 40)
    ]
    assert seen <= bounds[1] < bounds[0] < interval
    assert bounds[1] <= 5 * seen


def test_optimised_multipliers_reach_the_linear_program():
    """Behind one hidden layer, the best multipliers solve the dual of the relaxed network's LP."""
    from scipy.optimize import linprog

    layers, errors = problem((3, 5, 2), seed=5)
    domain = DOMAINS["box"]
    settings = BackwardSettings(400)
    found = backward_differential(
        DifferenceNetwork(layers, errors, domain), settings=settings
    ).leaves[0]
    weights, plus = [a.weight.to_floats() for a in layers], [e.plus.to_floats() for e in errors]
    z, d = found[0].target, found[0].difference
    ends = np.stack([e.to_floats() for e in (z.lower, z.upper, d.lower, d.upper)], axis=1)
    corners = []
    for low, high, d_low, d_high in ends:
        zs = [low, high, *(np.clip(v, low, high) for v in (0.0, -d_low, -d_high))]
        ds = [d_low, d_high, *(np.clip(v, d_low, d_high) for v in (0.0, -low, -high))]
        corners.append(np.array(list(product(zs, ds))))
    size, count = 3, len(corners[0])
    total = size + 5 * count
    equal, right = [], []
    for t, points in enumerate(corners):
        spot = slice(size + t * count, size + (t + 1) * count)
        rows = np.zeros((3, total))
        rows[0, spot] = 1
        rows[1:, spot] = points.T
        rows[1, :size], rows[2, :size] = -weights[0][t], -plus[0][t]
        equal.append(rows)
        right.append([1, layers[0].bias.to_floats()[t], errors[0].bias.to_floats()[t]])
    for j, sign in product(range(2), (-1, 1)):
        goal = np.zeros(total)
        for t, points in enumerate(corners):
            on = relu(points[:, 0])
            moved = relu(points.sum(axis=1)) - on
            value = plus[1][j, t] * on + (weights[1] + plus[1])[j, t] * moved
            goal[size + t * count : size + (t + 1) * count] = sign * value
        result = linprog(
            -goal,
            A_eq=np.concatenate(equal),
            b_eq=np.concatenate(right),
            bounds=[(0, 1)] * size + [(0, None)] * (5 * count),
        )
        best = -result.fun + sign * errors[1].bias.to_floats()[j]
        one = found[1].difference
        bound = (one.upper if sign > 0 else one.lower).to_floats()[j] * sign
        assert best - 1e-9 <= bound <= best + 0.01 * abs(best)


def test_splitting_closes_the_gap():
    layers, errors = problem((2, 10, 8, 2), seed=1)
    domain = Box(-1.0, 1.0)
    places = np.linspace(-1, 1, 201)
    x = np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)
    seen = np.linalg.norm(outputs_at(layers, errors, x), axis=1).max()
    calls = []
    bounds = []
    for max_leaves in (1, 10, 150):
        found = input_splitting(
            DifferenceNetwork(layers, errors, domain),
            settings=SplittingSettings(max_leaves),
            progress=lambda *call: calls.append(call),
        )
        assert len(found.leaves) == max_leaves == len(found.tree) // 2 + 1
        bounds.append(float(found.difference[-1]))
    assert seen <= bounds[2] < bounds[1] < bounds[0]
    assert bounds[2] <= 1.05 * seen < bounds[0]
    assert calls[-1] == ("leaves", 150, 150)
    goal = Fraction(bounds[1])
    settings = SplittingSettings(500, goal=goal)
    few = input_splitting(DifferenceNetwork(layers, errors, domain), settings=settings)
    assert few.difference[-1] <= goal * (1 + Fraction(1, 10**9))
    assert len(few.leaves) <= 10


def test_a_box_of_one_point_leaves_nothing_open():
    layers, errors = problem((3, 5, 5, 2))
    x = np.array([0.25, 0.5, 1.0])
    found = backward_differential(DifferenceNetwork(layers, errors, LocalBox(x, x)))
    d = outputs_at(layers, errors, x[None])[0]
    assert float(found.difference[-1]) == pytest.approx(np.linalg.norm(d), rel=1e-9)
    assert float(found.largest_output) == pytest.approx(np.abs(d).max(), rel=1e-9)


def test_one_layer_needs_no_multipliers():
    layers, errors = problem((3, 2))
    for found in (
        differential_interval(DifferenceNetwork(layers, errors, Ball(2.0))),
        backward_differential(
            DifferenceNetwork(layers, errors, Ball(2.0)), settings=BackwardSettings(3)
        ),
    ):
        assert found.multipliers == ()
        assert found.activation == (2,)
        assert len(found.difference) == len(found.leaves[0]) == 1


def test_numbers_beyond_the_doubles_only_cost_tightness():
    """The search overflows, and exact arithmetic falls back on zero multipliers."""
    layers, errors = problem((2, 3, 3, 2))
    huge = [ScaledLayer(layer.weight.scaled(900), layer.bias) for layer in layers]
    found = backward_differential(
        DifferenceNetwork(tuple(huge), errors, Box()), settings=BackwardSettings(2)
    )
    interval = differential_interval(DifferenceNetwork(tuple(huge), errors, Box()))
    assert 0 < found.difference[-1] <= interval.difference[-1]


@pytest.mark.parametrize("tree", [[], [0], [0, -1], [-1, -1], [2, -1, -1], [-2], [0, -1, -1, -1]])
def test_what_is_no_tree_is_refused(tree):
    layers, errors = problem((2, 2, 1))
    with pytest.raises(InvalidInputError, match="'tree'"):
        evaluate(
            DifferenceNetwork(layers, errors, Box()),
            tree=np.array(tree, dtype=np.int64),
            multipliers=(),
        )


def test_impossible_settings_are_refused():
    layers, errors = problem((2, 2, 1))
    with pytest.raises(InvalidInputError, match="'num_steps'"):
        BackwardSettings(-1)
    with pytest.raises(InvalidInputError, match="'num_steps'"):
        SplittingSettings(num_steps=-1)
    for count in (0, 2**15 + 1):
        with pytest.raises(InvalidInputError, match="'max_leaves'"):
            SplittingSettings(count)
    with pytest.raises(InvalidInputError, match="'domain'"):
        input_splitting(DifferenceNetwork(layers, errors, Ball()))
    with pytest.raises(InvalidInputError, match="'tree'"):
        backward_differential(DifferenceNetwork(layers, errors, Ball()), tree=np.array([0, -1, -1]))


def test_halves_meet_in_the_middle():
    leaf = Leaf(dyadic([0, -3]), dyadic([1, 4]))
    low, high = leaf.halves(1)
    assert exact(low.upper).tolist() == [1, Fraction(1, 2)]
    assert exact(high.lower).tolist() == [0, Fraction(1, 2)]
    assert exact(low.lower).tolist() == [0, -3]
    assert exact(high.upper).tolist() == [1, 4]


def test_ranges_are_rounded_outwards_and_hardly():
    numerators = np.array([-(3**40), 1, 0, 3**41], dtype=object)
    one = Range(DyadicArray(numerators, -7), DyadicArray(numerators + 1, -7))
    (found,) = rounded_outwards([one])
    assert (exact(found.lower) <= exact(one.lower)).all()
    assert (exact(found.upper) >= exact(one.upper)).all()
    assert (exact(found.upper) - exact(found.lower) <= Fraction(3**41, 2**44)).all()
    assert found.lower.numerators.dtype == np.int64


def test_the_optimiser_follows_the_slope_of_the_bound():
    """Its derivatives are those of finite differences, at every layer."""
    layers, errors = problem((3, 6, 5, 5, 2), is_signed=True, error=0.1)
    domain = DOMAINS["signed"]
    network = DifferenceNetwork(layers, errors, domain)
    region = FloatRegion.of(leaves_of(domain, 3, np.array([-1])))
    ranges = differential_interval(DifferenceNetwork(layers, errors, domain)).leaves[0]
    neurons = [Neurons(FloatRanges.of([layer])) for layer in ranges[:-1]]
    search, rows = MultiplierSearch(network), np.arange(4, 8)
    _, steps, _ = search._descend(region, neurons, rows=rows)
    generator = np.random.default_rng(0)
    lines = [s.lines + 0.1 * generator.standard_normal(s.lines.shape) for s in steps]
    value, steps, point = search._descend(region, neurons, rows=rows, lines=lines)
    for k, gradient in enumerate(search._gradients(neurons, steps, point)):
        shift = generator.standard_normal(gradient.shape) * neurons[-1 - k].switching[:, None]
        moved = [*lines[:k], lines[k] + 1e-7 * shift, *lines[k + 1 :]]
        rise = (search._descend(region, neurons, rows=rows, lines=moved)[0] - value) / 1e-7
        assert np.abs(gradient).max() > 0
        np.testing.assert_allclose(rise, (gradient * shift).sum(axis=(0, 3)), rtol=1e-4, atol=1e-7)


def test_steps_tighten_every_end_of_a_hidden_neuron():
    layers, errors = problem((4, 8, 8, 2))
    found = [
        backward_differential(
            DifferenceNetwork(layers, errors, Box()), settings=BackwardSettings(n)
        ).leaves[0][1]
        for n in (0, 40)
    ]
    for kind in ("target", "difference"):
        plain, better = (getattr(ranges, kind) for ranges in found)
        assert (exact(better.lower) > exact(plain.lower)).any()
        assert (exact(better.upper) < exact(plain.upper)).any()
