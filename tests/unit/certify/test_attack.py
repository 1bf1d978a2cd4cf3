"""The attack: its bound is below the truth at its input, and near the supremum where known."""

from fractions import Fraction
from itertools import combinations, pairwise

import numpy as np
import pytest

from strongltn.certify.attack import Attack, attack
from strongltn.errors import InvalidInputError
from strongltn.networks import Ball, Box, DifferenceNetwork, LocalBox, OutputNorm, ScaledLayer
from strongltn.networks.difference import LayerError
from strongltn.numerics.dyadic import DyadicArray

FEW = Attack(num_restarts=4, num_steps=12)
ENOUGH = Attack(num_restarts=16, num_steps=120)
THOROUGH = Attack(num_restarts=16, num_steps=240)  # the best input may lie right beside a cliff
NORMS = pytest.mark.parametrize("output_norm", OutputNorm)


def dyadic(values):
    return DyadicArray.from_floats(np.asarray(values, dtype=np.float64))


def problem(widths, *, error, seed=0, bias=True, signed=False):
    """Return random layers, and errors of the size `error` in proportion to the weights."""
    generator = np.random.default_rng(seed)
    layers, errors = [], []
    for i, (columns, rows) in enumerate(pairwise(widths)):
        weight = generator.uniform(-1, 1, (rows, columns)) / np.sqrt(columns)
        off = [dyadic(error * generator.uniform(-1, 1, (rows, columns))) for _ in range(2)]
        biases = [dyadic(size * generator.uniform(-1, 1, rows)) for size in (0.3, error)]
        layers.append(ScaledLayer(dyadic(weight), biases[0] if bias else None))
        minus = off[1] if signed and i == 0 else None
        errors.append(LayerError(off[0], minus, biases[1] if bias else None))
    return tuple(layers), tuple(errors)


def rationals(array):
    exact = np.vectorize(lambda k: Fraction(int(k)) * Fraction(2) ** array.exponent, otypes="O")
    return exact(array.numerators)


def outputs(layers, errors, x):
    """Return f'(x) and g'(x) in rationals, apart."""
    ours = theirs = x
    for i, (layer, error) in enumerate(zip(layers, errors, strict=True)):
        if i:
            ours, theirs = np.maximum(ours, 0), np.maximum(theirs, 0)
        weight, plus = rationals(layer.weight), rationals(error.plus)
        bias = 0 if layer.bias is None else rationals(layer.bias)
        excess = plus @ (theirs if error.minus is None else np.maximum(theirs, 0))
        if error.minus is not None:
            excess = excess + rationals(error.minus) @ np.maximum(-theirs, 0)
        if error.bias is not None:
            excess = excess + rationals(error.bias)
        ours, theirs = weight @ ours + bias, weight @ theirs + bias + excess
    return ours, theirs


def square_at(layers, errors, x, output_norm):
    ours, theirs = outputs(layers, errors, x)
    squares = (theirs - ours) ** 2
    return squares.max() if output_norm is OutputNorm.INF else squares.sum()


def assert_sound(layers, errors, domain, *, output_norm=OutputNorm.TWO, settings=FEW):
    found = attack(DifferenceNetwork(layers, errors, domain, output_norm), settings=settings)
    assert found.inputs.numerators.dtype == np.int64
    x = rationals(found.inputs)
    assert is_inside(domain, x)
    assert found.lower_bound**2 <= square_at(layers, errors, x, output_norm)
    assert len(found.layer_errors) == len(layers)
    assert all(np.isfinite(size) and size >= 0 for size in found.layer_errors)
    return found


def is_inside(domain, x):
    if isinstance(domain, Ball):
        return (x**2).sum() <= Fraction(domain.radius) ** 2
    lower, upper = domain.box(len(x)).ends()
    return (rationals(lower) <= x).all() and (x <= rationals(upper)).all()


def test_the_oracle_sees_points_outside():
    assert not is_inside(Ball(), np.array([Fraction(1), Fraction(1, 10**30)]))
    assert not is_inside(Box(), np.array([Fraction(1, 2), -Fraction(1, 10**30)]))


@pytest.mark.parametrize(("error", "output_norm"), [(1e-12, OutputNorm.TWO), (1.0, OutputNorm.INF)])
@pytest.mark.parametrize(
    "domain",
    [
        Ball(),
        Ball(1e-3),
        Ball(1e6),
        Ball(5e-324),
        Ball(1e150),
        Box(),
        Box(-1.0, 1.0),
        Box(-1e6, 1e-3),
        Box(1.0, 1 + 2**-52),
        Box(-1e200, 1e200),
        LocalBox(np.array([0.0, 0.25, -1e6]), np.array([0.0, 0.25 + 2**-40, 1e6])),
        LocalBox(np.array([0.1, 0.2, -0.3]), np.array([0.1, 0.2, -0.3])),
        LocalBox(np.zeros(3), np.zeros(3)),
        LocalBox.around(np.array([0.0, 0.5, 1.0]), 1 / 3, clip=Box()),
    ],
    ids=str,
)
def test_the_bound_is_below_the_truth_at_an_input_of_the_domain(domain, error, output_norm):
    for widths, bias in (((3, 2), True), ((3, 4, 3, 2), False)):
        layers, errors = problem(widths, error=error, bias=bias, signed=domain.has_negative_inputs)
        assert_sound(layers, errors, domain, output_norm=output_norm)


@pytest.mark.parametrize("domain", [Ball(), Box(), LocalBox(np.ones(2), np.ones(2))], ids=str)
def test_equal_and_zero_networks_differ_nowhere(domain):
    layers, errors = problem((2, 3, 2), error=0.0)
    found = assert_sound(layers, errors, domain)
    assert found.lower_bound == 0
    assert found.layer_errors == (0.0, 0.0)
    zero = tuple(ScaledLayer(dyadic(np.zeros(layer.weight.shape)), None) for layer in layers)
    assert assert_sound(zero, errors, domain).lower_bound == 0


@pytest.mark.parametrize("size", [1e-200, 1e-30, 1e30, 1e200])
def test_weights_of_any_size_are_no_trouble(size):
    weight = dyadic(size * np.array([[1.0, 1.0], [-1.0, -1.0]]))  # a neuron is on wherever x is
    layers, errors = (ScaledLayer(weight, None),) * 2, (LayerError(weight, None, None),) * 2
    for domain in (Ball(), Box()):
        assert_sound(layers, errors, domain)


@NORMS
@pytest.mark.parametrize("is_local", [False, True], ids=["box", "local"])
@pytest.mark.parametrize("error", [1e-6, 0.1])
def test_two_inputs_and_one_hidden_layer_are_solved(error, is_local, output_norm):
    # The difference is linear between the lines on which a neuron of f' or g' turns on or off, so
    # its norm is largest where two of those lines, or sides of the box, meet.
    domain = LocalBox(np.array([0.25, 0.5]), np.array([0.75, 0.625])) if is_local else Box()
    for seed in range(2):
        layers, errors = problem((2, 4, 2), error=error, seed=seed)
        truth = max(
            square_at(layers, errors, x, output_norm)
            for x in vertices(layers[0], errors[0], domain.box(2))
        )
        found = assert_sound(layers, errors, domain, output_norm=output_norm, settings=THOROUGH)
        assert Fraction(95, 100) ** 2 * truth <= found.lower_bound**2 <= truth


def vertices(layer, error, box):
    normals = rationals(layer.weight), rationals(layer.weight) + rationals(error.plus)
    offsets = rationals(layer.bias), rationals(layer.bias) + rationals(error.bias)
    lines = [*zip(np.concatenate(normals), np.concatenate(offsets), strict=True)]
    for j, ends in enumerate(zip(*(rationals(end) for end in box.ends()), strict=True)):
        axis = np.array([Fraction(int(k == j)) for k in range(2)])
        lines += [(axis, -end) for end in ends]
    for (p, a), (q, b) in combinations(lines, 2):
        determinant = p[0] * q[1] - p[1] * q[0]
        if determinant:
            x = np.array([b * p[1] - a * q[1], a * q[0] - b * p[0]]) / determinant
            if is_inside(box, x):
                yield x


@NORMS
@pytest.mark.parametrize("domain", [Ball(3.0), Box(-1.0, 1.0)], ids=str)
@pytest.mark.parametrize("widths", [(2, 6, 2), (2, 5, 5, 3)])
def test_the_best_of_a_fine_grid_is_reached(widths, domain, output_norm):
    for seed in range(2):
        layers, errors = problem(widths, error=0.05, seed=seed, signed=True)
        grid = dense_points(domain)
        sampled = float_differences(layers, errors, grid)
        order = np.inf if output_norm is OutputNorm.INF else 2
        best = np.linalg.norm(sampled, ord=order, axis=1).max()
        found = assert_sound(layers, errors, domain, output_norm=output_norm, settings=ENOUGH)
        assert found.lower_bound >= Fraction(95, 100) * Fraction(best)


def dense_points(domain):
    steps = np.linspace(-1, 1, 201)
    if isinstance(domain, Ball):
        angles, radii = np.meshgrid(np.pi * steps, domain.radius * (steps[::4] + 1) / 2)
        return np.stack([radii * np.cos(angles), radii * np.sin(angles)], -1).reshape(-1, 2)
    return np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)


def float_differences(layers, errors, x):
    ours = theirs = x
    for i, (layer, error) in enumerate(zip(layers, errors, strict=True)):
        if i:
            ours, theirs = np.maximum(ours, 0), np.maximum(theirs, 0)
        weight, bias = layer.weight.to_floats(), layer.bias.to_floats()
        excess = np.maximum(theirs, 0) @ error.plus.to_floats().T + error.bias.to_floats()
        if error.minus is not None:
            excess += np.maximum(-theirs, 0) @ error.minus.to_floats().T
        ours, theirs = ours @ weight.T + bias, theirs @ weight.T + bias + excess
    return theirs - ours


def test_the_error_of_the_first_layer_is_that_of_its_matrix():
    layers, errors = problem((8, 6, 6, 3), error=1e-9, bias=False)
    error = errors[0].plus.to_floats()
    ball, box = (
        attack(DifferenceNetwork(layers, errors, domain), settings=ENOUGH).layer_errors
        for domain in (Ball(2.0), Box(-1.0, 1.0))
    )
    corners = np.stack(np.meshgrid(*[[-1.0, 1.0]] * 8), -1).reshape(-1, 8)
    assert ball[0] == pytest.approx(2 * np.linalg.norm(error, ord=2), rel=1e-3)
    assert box[0] == pytest.approx(np.linalg.norm(corners @ error.T, axis=1).max(), rel=1e-3)


@NORMS
def test_inner_errors_are_those_of_the_network_cut_off(output_norm):
    layers, errors = problem((4, 6, 6, 3), error=1e-3)
    found = attack(DifferenceNetwork(layers, errors, Box(), output_norm), settings=ENOUGH)
    assert found.layer_errors[-1] == pytest.approx(float(found.lower_bound), rel=1e-9)
    for depth in (1, 2):
        alone = attack(DifferenceNetwork(layers[:depth], errors[:depth], Box()), settings=ENOUGH)
        assert found.layer_errors[depth - 1] == pytest.approx(float(alone.lower_bound), rel=0.05)
    at_best = DifferenceNetwork(layers[:1], errors[:1], Box()).squared_norm_at(found.inputs)
    assert found.layer_errors[0] ** 2 >= at_best * (1 - Fraction(1, 10**9))


def test_the_largest_output_of_one_layer_on_a_box_is_a_row_sum():
    layers, errors = problem((6, 5), error=1e-3, bias=False, signed=True)
    rows = np.abs(errors[0].plus.to_floats()).sum(axis=1)
    linear = (LayerError(errors[0].plus, None, None),)
    found = attack(
        DifferenceNetwork(layers, linear, Box(-1.0, 1.0), OutputNorm.INF), settings=ENOUGH
    )
    assert float(found.lower_bound) == pytest.approx(rows.max(), rel=1e-9)


@pytest.mark.parametrize("domain", [Ball(), Box()], ids=str)
def test_the_seed_decides(domain):
    layers, errors = problem((5, 8, 8, 3), error=1e-3)
    one, again, other = (
        attack(DifferenceNetwork(layers, errors, domain), settings=Attack(3, 5, seed))
        for seed in (1, 1, 2)
    )
    assert one.inputs.numerators.tolist() == again.inputs.numerators.tolist()
    assert (one.lower_bound, one.layer_errors) == (again.lower_bound, again.layer_errors)
    assert one.layer_errors != other.layer_errors


def test_one_restart_and_one_step_suffice():
    layers, errors = problem((2, 3, 2), error=1e-3)
    assert assert_sound(layers, errors, Box(), settings=Attack(1, 1)).lower_bound > 0


def test_steps_are_worth_their_cost():
    layers, errors = problem((16, 24, 24, 4), error=1e-3, seed=3)
    few, many = (
        attack(
            DifferenceNetwork(layers, errors, Box(-1.0, 1.0)), settings=Attack(8, steps)
        ).lower_bound
        for steps in (60, 600)
    )
    assert many > few  # hops from the best, not the same ascent again


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"num_restarts": 0}, "num_restarts"),
        ({"num_steps": 0}, "num_steps"),
        ({"seed": -1}, "seed"),
        ({"seed": 1 << 64}, "seed"),
    ],
)
def test_bad_settings_are_refused(options, name):
    with pytest.raises(InvalidInputError, match=f"'{name}'"):
        Attack(**options)


def test_a_local_box_of_another_size_is_refused():
    layers, errors = problem((3, 2), error=1e-3)
    with pytest.raises(InvalidInputError, match="'domain'"):
        attack(DifferenceNetwork(layers, errors, LocalBox(np.zeros(2), np.ones(2))), settings=FEW)


def test_a_box_without_a_point_of_64_bits_is_refused():
    layers, errors = problem((2, 2), error=1e-3)
    box = LocalBox(np.array([0.1, -1e6]), np.array([0.1, 1e6]))
    with pytest.raises(InvalidInputError, match=r"'domain'.*very different sizes"):
        attack(DifferenceNetwork(layers, errors, box), settings=FEW)
