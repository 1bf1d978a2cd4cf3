"""The quadratic bound: true constraints, a bound that holds, agreement with a general solver."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongltn.certify.differential.backward import differential_interval
from strongltn.certify.oracles import solve_linear_relaxation, solve_relaxation
from strongltn.certify.quadratic.constraints import float_estimates
from strongltn.certify.quadratic.exact_inequality import Inequality, exact_inequality, is_positive
from strongltn.certify.quadratic.interior_point import InteriorPoint, find_multipliers, search
from strongltn.certify.quadratic.proof import bound_of, prove, quadratic_bound
from strongltn.certify.quadratic.relaxation import Multipliers, relax, restrict
from strongltn.errors import InvalidInputError, SoundnessBug, UnsolvedError
from strongltn.networks import Ball, Box, DifferenceNetwork, LocalBox, ScaledLayer
from strongltn.networks.weight_error import LayerError
from strongltn.numerics.dyadic import DyadicArray, from_text, positive_part

DOMAINS = ("ball", "box", "signed-box", "local", "mixed")


def domain_named(kind, num_inputs):
    if kind == "ball":
        return Ball(1.5)
    if kind == "box":
        return Box(0.0, 1.0)
    if kind == "signed-box":
        return Box(-0.5, 1.0)
    if kind == "mixed":  # a coordinate below zero, one above, and some across
        return LocalBox.around(np.linspace(-1, 1, num_inputs), 0.25)
    center = np.linspace(0, 1, num_inputs)
    return LocalBox.around(center, 0.25, clip=Box(0.0, 1.0))


def problem(widths, *, kind, biased, seed=0, error=1e-2):
    """Return layers, errors and domain of a random network with errors of that size."""
    generator = np.random.default_rng(seed)

    def grid(shape, size):
        values = generator.uniform(-size, size, shape)
        return DyadicArray.from_floats(np.ldexp(np.rint(np.ldexp(values, 20)), -20))

    layers, errors = [], []
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        weight = grid((outputs, inputs), 1.0)
        layers.append(ScaledLayer(weight, grid(outputs, 0.3) if biased else None))
        is_signed = i == 0 and kind in ("ball", "signed-box", "mixed")
        minus = grid((outputs, inputs), error) if is_signed else None
        plus, bias = grid((outputs, inputs), error), grid(outputs, error)
        errors.append(LayerError(plus, minus, bias if biased else None))
    return tuple(layers), tuple(errors), domain_named(kind, widths[0])


def relaxation_of(layers, errors, domain):
    network = DifferenceNetwork(layers, errors, domain)
    return relax(network, ranges=differential_interval(network).leaves[0])


def bound_for(layers, errors, domain):
    network = DifferenceNetwork(layers, errors, domain)
    return quadratic_bound(network, ranges=differential_interval(network).leaves[0])


def exact_points(domain, num_inputs, *, count, seed):
    """Yield inputs of the domain on a grid: corners, the middle, random ones."""
    generator = np.random.default_rng(seed)
    for k in range(count):
        if isinstance(domain, Ball):
            point = generator.standard_normal(num_inputs)
            point *= 0.999 * domain.radius / np.linalg.norm(point)
        else:
            box = domain.box(num_inputs)
            share = generator.integers(0, 2, num_inputs) if k % 2 else generator.random(num_inputs)
            point = box.lower + share * (box.upper - box.lower)
            point = np.clip(np.ldexp(np.rint(np.ldexp(point, 20)), -20), box.lower, box.upper)
            yield DyadicArray.from_floats(point)
            continue
        yield DyadicArray.from_floats(np.ldexp(np.trunc(np.ldexp(point, 20)), -20))


def state_at(relaxation, layers, errors, domain, x):
    """Return w at one input in rationals, from the networks themselves."""

    def rationals(array):
        return [int(k) * Fraction(2) ** array.exponent for k in array.numerators]

    num_raw = len(x.numerators)
    inputs = rationals(x)
    state = [Fraction(0)] * relaxation.num_variables
    state[-1] = Fraction(1)
    num_lifted = relaxation.num_inputs - num_raw
    if isinstance(domain, Ball):
        state[:num_raw] = inputs
        state[num_raw : relaxation.num_inputs] = [abs(v) for v in inputs[:num_lifted]]
    else:
        box = domain.box(num_raw)
        lower, upper = (list(map(Fraction, end.tolist())) for end in (box.lower, box.upper))
        for j, (v, low, high) in enumerate(zip(inputs, lower, upper, strict=True)):
            state[j] = (2 * v - low - high) / (high - low) if high > low else Fraction(0)
        lifted = [j for j in range(num_raw) if lower[j] < 0 < upper[j]][:num_lifted]
        for k, j in enumerate(lifted):
            half = max(upper[j], -lower[j]) / 2
            state[num_raw + k] = abs(inputs[j]) / half - 1
    eps = Fraction(2) ** relaxation.exponent
    forms = relaxation.forms
    row = 0
    for a_group, d_group in zip(relaxation.groups[::2], relaxation.groups[1::2], strict=True):
        count = len(a_group)
        values = []
        for k in range(2 * count):
            numerators = forms.numerators[row + k]
            values.append(
                sum(int(n) * w for n, w in zip(numerators, state, strict=True) if n)
                * Fraction(2) ** forms.exponent
            )
        row += 2 * count
        for k in range(count):
            z, d = values[k], values[count + k]
            state[a_group[k]] = max(z, 0)
            state[d_group[k]] = (max(z + eps * d, 0) - max(z, 0)) / eps
    return state


def value_of(family, owner, relaxation, state):
    forms = relaxation.forms
    total = Fraction(0)
    for term in family.terms:
        for k in np.flatnonzero(term.owner == owner):
            right = int(term.right[k])
            if right < relaxation.num_variables:
                other = state[right]
            else:
                row = forms.numerators[right - relaxation.num_variables]
                other = sum(int(n) * w for n, w in zip(row, state, strict=True) if n)
                other *= Fraction(2) ** forms.exponent
            weight = int(term.coefficient.numerators[k]) * Fraction(2) ** term.coefficient.exponent
            total += weight * state[int(term.left[k])] * other
    return total


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("kind", DOMAINS)
@pytest.mark.parametrize("widths", [(3, 2), (3, 4, 2), (3, 3, 3, 2)])
def test_every_true_state_satisfies_the_constraints(widths, kind, biased):
    layers, errors, domain = problem(widths, kind=kind, biased=biased, error=0.3)
    relaxation = relaxation_of(layers, errors, domain)
    eps = Fraction(2) ** relaxation.exponent
    for x in exact_points(domain, widths[0], count=6, seed=1):
        state = state_at(relaxation, layers, errors, domain, x)
        output = relaxation.output
        total = sum(
            sum(int(n) * w for n, w in zip(row, state, strict=True)) ** 2
            for row in output.numerators
        )
        square = total * (Fraction(2) ** output.exponent * eps) ** 2
        assert square == DifferenceNetwork(layers, errors, domain).squared_norm_at(
            x
        )  # mirror images lose nothing
        for family in relaxation.families:
            for owner in range(family.size):
                value = value_of(family, owner, relaxation, state)
                assert value >= 0, family.name
                if family.penalty is not None:
                    top = int(family.penalty.numerators[owner])
                    assert value <= top * Fraction(2) ** family.penalty.exponent, family.name


@given(
    seed=st.integers(0, 2**20),
    kind=st.sampled_from(DOMAINS),
    biased=st.booleans(),
    widths=st.sampled_from([(3, 2), (2, 3, 1), (3, 4, 2), (2, 3, 3, 2)]),
    error=st.sampled_from([0.5, 1e-2, 1e-4]),
)
def test_the_bound_holds(seed, kind, biased, widths, error):
    layers, errors, domain = problem(widths, kind=kind, biased=biased, seed=seed, error=error)
    witness = bound_for(layers, errors, domain)
    for x in exact_points(domain, widths[0], count=20, seed=seed):
        assert DifferenceNetwork(layers, errors, domain).squared_norm_at(x) <= witness.bound**2


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("kind", DOMAINS)
@pytest.mark.parametrize("widths", [(5, 4, 3), (4, 3, 3, 2)])
def test_the_search_agrees_with_a_general_solver(widths, kind, biased):
    layers, errors, domain = problem(widths, kind=kind, biased=biased, error=1e-3)
    relaxation = relaxation_of(layers, errors, domain)
    found = find_multipliers(relaxation, settings=InteriorPoint(gap=1e-4))
    best = solve_relaxation(relaxation)
    assert found.estimate == pytest.approx(best.estimate, rel=2e-3)  # squares: 0.1 % of the bound


def test_the_bound_is_useful():
    layers, errors, domain = problem((8, 6, 3), kind="local", biased=True, error=1e-4)
    interval = differential_interval(DifferenceNetwork(layers, errors, domain))
    (ranges,) = interval.leaves
    witness = quadratic_bound(DifferenceNetwork(layers, errors, domain), ranges=ranges)
    largest = max(
        DifferenceNetwork(layers, errors, domain).squared_norm_at(x)
        for x in exact_points(domain, 8, count=200, seed=0)
    )
    assert witness.bound <= interval.difference[-1]
    assert witness.bound**2 <= 4 * largest


@pytest.mark.parametrize("kind", ["ball", "box"])
def test_a_network_of_one_layer_has_a_nearly_exact_bound(kind):
    layers, errors, domain = problem((3, 1), kind=kind, biased=False, error=1e-2)
    if kind == "ball":  # E+ = -E-: the error is linear
        errors = (replace(errors[0], minus=DyadicArray(-errors[0].plus.numerators, -20)),)
        errors = (replace(errors[0], plus=errors[0].plus.scaled(-20 - errors[0].plus.exponent)),)
    witness = bound_for(layers, errors, domain)
    largest = max(
        DifferenceNetwork(layers, errors, domain).squared_norm_at(x)
        for x in corners(errors[0], domain)
    )
    assert largest <= witness.bound**2 <= largest * Fraction(102, 100)


def corners(error, domain):
    """Yield the inputs at which a linear error of one output is largest."""
    row = error.plus.to_floats()[0]
    if isinstance(domain, Ball):
        point = 0.999999 * domain.radius * row / np.linalg.norm(row)
        yield DyadicArray.from_floats(np.ldexp(np.trunc(np.ldexp(point, 40)), -40))
        return
    for sign in (row > 0, row < 0):
        yield DyadicArray.from_floats(sign.astype(float))


def test_the_search_reports_its_steps_and_repeats_itself():
    layers, errors, domain = problem((4, 5, 2), kind="box", biased=True)
    calls = []
    settings = InteriorPoint(num_steps=4, gap=1e-6)
    (ranges,) = differential_interval(DifferenceNetwork(layers, errors, domain)).leaves
    runs = [
        quadratic_bound(
            DifferenceNetwork(layers, errors, domain),
            ranges=ranges,
            settings=settings,
            progress=lambda *call: calls.append(call),
        )
        for _ in range(2)
    ]
    assert calls[:5] == [("quadratic", k, 4) for k in range(5)]
    assert runs[0].search.num_steps == 4
    assert runs[0].search.gap > 1e-6
    assert runs[0].search.seconds > 0
    assert runs[0].bound == runs[1].bound
    assert (runs[0].factor == runs[1].factor).all()


def test_every_iterate_is_a_bound():
    layers, errors, domain = problem((4, 5, 2), kind="ball", biased=True)
    relaxation = relaxation_of(layers, errors, domain)
    bounds = [
        prove(relaxation, [found]).bound
        for found in search(relaxation, settings=InteriorPoint(gap=1e-2))
    ]
    assert len(bounds) > 4
    assert bounds[-1] < bounds[0] / 2
    largest = max(
        DifferenceNetwork(layers, errors, domain).squared_norm_at(x)
        for x in exact_points(domain, 4, count=50, seed=0)
    )
    assert all(largest <= bound**2 for bound in bounds)


def proved(seed=0, kind="box"):
    layers, errors, domain = problem((4, 5, 2), kind=kind, biased=True, seed=seed)
    return relaxation_of(layers, errors, domain), bound_for(layers, errors, domain)


def holds(relaxation, witness, **changes):
    changed = replace(witness, **changes)
    inequality = exact_inequality(relaxation, changed.multipliers, changed.tau)
    return is_positive(inequality, changed.diagonal, changed.factor, changed.factor_exponent)


@pytest.mark.parametrize("kind", DOMAINS)
def test_a_valid_witness_is_accepted_and_its_mutants_are_not(kind):
    relaxation, witness = proved(kind=kind)
    assert holds(relaxation, witness)
    assert not holds(relaxation, witness, tau=witness.tau * Fraction(63, 64))
    assert not holds(relaxation, witness, factor_exponent=witness.factor_exponent + 1)
    for k in range(len(witness.factor)):
        factor = witness.factor.copy()
        factor[k, relaxation.num_inputs + k] ^= 1 << 44
        assert not holds(relaxation, witness, factor=factor)
    for k in range(len(witness.diagonal)):
        diagonal = witness.diagonal.copy()
        diagonal[k] += 1 << 40
        assert not holds(relaxation, witness, diagonal=diagonal)


@pytest.mark.parametrize(
    ("corner", "crossed", "end", "is_dominant"),
    [(4, 4, 4, True), (4, 5, 4, False), (4, 7, 12, False), (12, 7, 4, False), (0, 0, 4, False)],
)
def test_every_row_of_the_residual_must_be_dominant(corner, crossed, end, is_dominant):
    # in quarters; 12 is scaled to 3, and 7 beside it to 3.5: too much for that row alone
    inequality = Inequality(
        DyadicArray(np.array([corner], dtype=object), -2),
        DyadicArray(np.array([[crossed, end]], dtype=object), -2),
    )
    nothing = np.zeros(1, dtype=np.int64), np.zeros((1, 2), dtype=np.int64)
    assert is_positive(inequality, *nothing, 0) == is_dominant


@pytest.mark.parametrize("kind", DOMAINS)
def test_a_multiplier_changed_for_the_worse_is_refused(kind):
    relaxation, witness = proved(kind=kind)
    domain = next(family for family in relaxation.families if family.name in ("ball", "box"))
    for k in np.flatnonzero(witness.multipliers[0]).tolist():
        multipliers = witness.multipliers.copy()
        if k < domain.size:  # it keeps the diagonal of an input positive
            multipliers[0, k] = 0
        else:
            multipliers[1, k] += 10
        assert not holds(relaxation, witness, multipliers=multipliers), k


def test_negative_multipliers_of_inequalities_are_refused():
    relaxation, witness = proved()
    start = 0
    for family in relaxation.families:
        multipliers = witness.multipliers.copy()
        multipliers[0, start] = -abs(multipliers[0, start]) - 1
        start += family.size
        if family.penalty is None:
            with pytest.raises(SoundnessBug, match=f"inequality {family.name} is negative"):
                bound_of(relaxation, multipliers, witness.tau)
        else:
            assert bound_of(relaxation, multipliers, witness.tau) >= witness.bound * 0
    with pytest.raises(SoundnessBug, match="shape"):
        bound_of(relaxation, witness.multipliers[:, 1:], witness.tau)


def test_a_negative_multiplier_of_a_coupling_costs_its_penalty():
    relaxation, witness = proved()
    families = [family.name for family in relaxation.families]
    k = families.index("first-coupling")
    start = sum(family.size for family in relaxation.families[:k])
    costs = []
    for numerator in (0, -1, -2):
        multipliers = np.zeros_like(witness.multipliers)
        multipliers[0, start] = numerator
        bound = bound_of(relaxation, multipliers, Fraction(0))
        costs.append(bound**2 / Fraction(4) ** relaxation.exponent)
    penalty = relaxation.families[k].penalty
    exact = int(penalty.numerators[0]) * Fraction(2) ** penalty.exponent
    assert costs[0] == 0
    for times, cost in enumerate(costs[1:], 1):
        assert times * exact <= cost <= times * exact * Fraction(1001, 1000)


def test_a_witness_states_itself_in_integers():
    relaxation, witness = proved(kind="signed-box")
    entry, arrays = witness.entry(), witness.arrays()
    assert entry.keys() == {"unit_exponent", "tau", "factor_exponent", "bound"}
    assert from_text(entry["tau"]) == witness.tau
    assert from_text(entry["bound"]) == witness.bound
    assert entry["unit_exponent"] == relaxation.exponent
    size = relaxation.num_variables + 2
    rest = size - relaxation.num_inputs
    shapes = {name: array.shape for name, array in arrays.items()}
    assert shapes == {
        "quadratic.multipliers": (2, sum(family.size for family in relaxation.families)),
        "quadratic.diagonal": (relaxation.num_inputs,),
        "quadratic.factor": (rest, size),
    }
    assert all(array.dtype == np.int64 for array in arrays.values())


def test_families_stand_in_the_order_of_the_format():
    layers, errors, domain = problem((3, 4, 3, 2), kind="signed-box", biased=True)
    relaxation = relaxation_of(layers, errors, domain)
    names = [family.name for family in relaxation.families]
    neurons = ["activation", "difference", "first-coupling", "second-coupling", "ceiling"]
    assert names == ["box", "modulus", *neurons]
    assert relaxation.families[0].size == relaxation.num_inputs


@pytest.mark.parametrize("kind", DOMAINS)
def test_the_ceiling_is_the_largest_value_of_the_mirror_image(kind):
    layers, errors, domain = problem((3, 6, 4, 2), kind=kind, biased=True, error=0.1)
    (ranges,) = differential_interval(DifferenceNetwork(layers, errors, domain)).leaves
    relaxation = relax(DifferenceNetwork(layers, errors, domain), ranges=ranges)
    expected, mirrored = [], 0
    for pair in ranges[:-1]:
        for low, high, below, above in zip(
            pair.target.lower.to_floats(),
            pair.target.upper.to_floats(),
            pair.difference.lower.to_floats(),
            pair.difference.upper.to_floats(),
            strict=True,
        ):
            is_on = low >= 0 and low + below >= 0
            if is_on or (high <= 0 and high + above <= 0):
                continue
            mirrored += low + high > 0
            expected.append(max(-low if low + high > 0 else high, 0))
    assert mirrored
    layer_terms = relaxation.families[-1].terms[::2]
    assert [u for term in layer_terms for u in term.coefficient.to_floats()] == expected


def test_multipliers_that_are_not_quite_feasible_are_repaired():
    layers, errors, domain = problem((4, 5, 2), kind="box", biased=True)
    relaxation = relaxation_of(layers, errors, domain)
    best = solve_relaxation(relaxation)
    short = replace(best, tau=best.tau * (1 - 1e-6))
    witness = prove(relaxation, [short])
    square = witness.bound**2 / Fraction(4) ** relaxation.exponent
    assert holds(relaxation, witness)
    assert best.estimate * (1 - 1e-3) <= square <= best.estimate * (1 + 1e-3)


def test_a_rough_solver_gives_a_bound_too():
    layers, errors, domain = problem((3, 3, 2), kind="box", biased=True)
    relaxation = relaxation_of(layers, errors, domain)
    witness = prove(relaxation, [solve_relaxation(relaxation, solver="SCS")])
    best = find_multipliers(relaxation).estimate
    assert witness.bound**2 / Fraction(4) ** relaxation.exponent <= 1.05 * best
    for x in exact_points(domain, 3, count=20, seed=0):
        assert DifferenceNetwork(layers, errors, domain).squared_norm_at(x) <= witness.bound**2


def test_what_cannot_be_proved_is_passed_over_or_said():
    layers, errors, domain = problem((4, 5, 2), kind="box", biased=True)
    relaxation = relaxation_of(layers, errors, domain)
    found = find_multipliers(relaxation)
    hopeless = Multipliers(np.zeros_like(found.theta), 0.0, 0.0, 0.0)
    with pytest.raises(UnsolvedError, match="no witness"):
        prove(relaxation, [hopeless])
    assert prove(relaxation, [found, hopeless]).bound == prove(relaxation, [found]).bound


@pytest.mark.parametrize("is_equality", [False, True])
@pytest.mark.parametrize("kind", DOMAINS)
def test_a_half_space_lowers_the_bound_and_holds_in_it(kind, is_equality):
    layers, errors, domain = problem((3, 4, 2), kind=kind, biased=True, error=0.1)
    relaxation = relaxation_of(layers, errors, domain)
    if is_equality:  # x_1 = x_2
        coefficients = DyadicArray(np.array([1, -1, 0]), 0)
        limit = DyadicArray(np.array([0]), 0)
    else:
        coefficients = DyadicArray(np.array([1, 1, 1]), 0)
        limit = DyadicArray(np.array([{"local": 5, "ball": -6, "mixed": -1}.get(kind, 1)]), -2)
    limited = restrict(relaxation, coefficients, limit, is_equality=is_equality)
    settings = InteriorPoint(gap=1e-3)
    whole, part = (
        prove(each, list(search(each, settings=settings))) for each in (relaxation, limited)
    )
    assert part.bound < whole.bound * Fraction(99, 100)
    inside = 0
    for x in exact_points(domain, 3, count=100, seed=2):
        if is_equality:
            x = DyadicArray(x.numerators[[0, 0, 2]], x.exponent)
            if not is_inside(domain, x):
                continue
        elif 4 * int(x.numerators.sum()) * Fraction(2) ** x.exponent > int(limit.numerators[0]):
            continue
        inside += 1
        assert DifferenceNetwork(layers, errors, domain).squared_norm_at(x) <= part.bound**2
        state = state_at(limited, layers, errors, domain, x)
        family = limited.families[-1]
        values = [value_of(family, k, limited, state) for k in range(family.size)]
        assert all(value == 0 if is_equality else value >= 0 for value in values)
    assert inside > 3 or (kind in ("local", "mixed") and is_equality)


def is_inside(domain, x):
    values = [int(k) * Fraction(2) ** x.exponent for k in x.numerators]
    if isinstance(domain, Ball):
        return sum(v * v for v in values) <= Fraction(domain.radius) ** 2
    box = domain.box(len(values))
    return all(low <= v <= high for low, v, high in zip(box.lower, values, box.upper, strict=True))


def test_a_half_space_speaks_of_every_input():
    relaxation, _ = proved()
    with pytest.raises(InvalidInputError, match="one an input"):
        restrict(relaxation, DyadicArray(np.ones(3, dtype=np.int64), 0), DyadicArray(np.ones(1), 0))


@pytest.mark.parametrize("kind", ["box", "signed-box", "local"])
def test_the_linear_relaxation_lies_between_truth_and_intervals(kind):
    layers, errors, domain = problem((4, 5, 4, 2), kind=kind, biased=True, error=1e-2)
    (ranges,) = differential_interval(DifferenceNetwork(layers, errors, domain)).leaves
    best = solve_linear_relaxation(
        DifferenceNetwork(layers, errors, domain), ranges=ranges, output=1
    )
    assert best <= ranges[-1].difference.upper.to_floats()[1] * (1 + 1e-9)
    for x in exact_points(domain, 4, count=50, seed=0):
        ours = theirs = x
        for i, (layer, error) in enumerate(zip(layers, errors, strict=True)):
            if i:
                ours, theirs = positive_part(ours), positive_part(theirs)
            ours, theirs = layer(ours) + error(ours), layer(theirs)
        assert (ours - theirs).to_floats()[1] <= best + 1e-9  # an estimate, by its name


@pytest.mark.parametrize("power", [0, 200, 450, 900])
@pytest.mark.parametrize("kind", ["ball", "box"])
def test_numbers_far_apart_give_a_bound_or_a_clear_refusal(kind, power):
    layers, errors, domain = problem((3, 4, 2), kind=kind, biased=True)
    layers = tuple(ScaledLayer(layer.weight.scaled(power), layer.bias) for layer in layers)
    try:
        witness = bound_for(layers, errors, domain)
    except UnsolvedError:
        assert power
        return
    for x in exact_points(domain, 3, count=20, seed=0):
        assert DifferenceNetwork(layers, errors, domain).squared_norm_at(x) <= witness.bound**2


@pytest.mark.parametrize("error", [0.0, 1e-2])
@pytest.mark.parametrize("shift", [-1000, 0, 1000])
def test_layers_that_never_or_always_switch(shift, error):
    layers, errors, domain = problem((3, 4, 4, 2), kind="box", biased=True, error=error)
    bias = DyadicArray(np.full(4, shift), 0)
    layers = (replace(layers[0], bias=bias), *layers[1:])
    witness = bound_for(layers, errors, domain)
    for x in exact_points(domain, 3, count=20, seed=0):
        assert DifferenceNetwork(layers, errors, domain).squared_norm_at(x) <= witness.bound**2


def test_a_domain_of_one_point_is_legal():
    layers, errors, _ = problem((3, 4, 2), kind="box", biased=True)
    domain = LocalBox(np.full(3, 0.5), np.full(3, 0.5))
    witness = bound_for(layers, errors, domain)
    exact = DifferenceNetwork(layers, errors, domain).squared_norm_at(
        DyadicArray(np.ones(3, dtype=np.int64), -1)
    )
    assert exact <= witness.bound**2 <= exact * Fraction(102, 100)


def test_estimates_hold_numbers_of_any_length():
    wide = DyadicArray(np.array([1 << 2000, 3, -(1 << 1999)], dtype=object), -2000)
    assert float_estimates(wide).tolist() == [1.0, 0.0, -0.5]


def test_ranges_hold_pre_activations_and_differences():
    layers, errors, domain = problem((3, 4, 4, 2), kind="signed-box", biased=True, error=0.2)
    (ranges,) = differential_interval(DifferenceNetwork(layers, errors, domain)).leaves
    for x in exact_points(domain, 3, count=50, seed=3):
        ours = theirs = x
        for i, (layer, error) in enumerate(zip(layers, errors, strict=True)):
            if i:
                ours, theirs = positive_part(ours), positive_part(theirs)
            ours, theirs = layer(ours) + error(ours), layer(theirs)
            for value, bounds in (
                (theirs, ranges[i].target),
                (ours - theirs, ranges[i].difference),
            ):
                assert ((value - bounds.lower).numerators >= 0).all()
                assert ((bounds.upper - value).numerators >= 0).all()


@pytest.mark.parametrize("changes", [{"num_steps": 0}, {"gap": 0.0}, {"gap": 1.0}])
def test_settings_are_checked(changes):
    with pytest.raises(InvalidInputError):
        InteriorPoint(**changes)


def test_a_local_box_checks_its_ends():
    with pytest.raises(InvalidInputError, match="lower <= upper"):
        LocalBox(np.array([1.0]), np.array([0.0]))
    with pytest.raises(InvalidInputError, match="one length"):
        LocalBox(np.zeros(2), np.zeros(3))
    with pytest.raises(InvalidInputError, match=r"of . inputs, as the network is"):
        LocalBox(np.zeros(2), np.ones(2)).box(3)
