"""Networks: failure at most delta, sizes that add up, and each argument on small cases."""

import math
from fractions import Fraction
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongltn.rng import WeightLaw
from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.theorems.catalogue import network_theorems, theorem_named
from strongltn.theorems.layers import logarithmic_share, num_instances, weight_tolerances
from strongltn.theorems.malach2020 import failure_probability, lower_success_probability
from strongltn.theorems.orseau2020 import GAMMA, num_bins
from strongltn.theorems.pensia2020 import packing_dimensions
from strongltn.theorems.question import NetworkQuestion
from strongltn.theorems.sharpest import sharpest
from strongltn.theorems.theorem import EXPLICIT

BASE = {"widths": (6, 5, 3), "epsilon": "0.1", "failure_probability": "0.01"}


def ask(**changes):
    return NetworkQuestion(**{**BASE, "law": WeightLaw.UNIFORM, **changes})


def explicit_promises(question):
    for theorem in network_theorems():
        if not theorem.violations(question):
            found = theorem.promise(question)
            if found.constants == EXPLICIT and found.widths is not None:
                yield theorem.key, found


@pytest.mark.parametrize("law", WeightLaw)
@pytest.mark.parametrize("widths", [(6, 5, 3), (2, 2), (3, 4, 4, 2)])
@pytest.mark.parametrize("max_weight", ["1", "1/2"])
def test_every_explicit_promise_keeps_delta(law, widths, max_weight):
    question = ask(law=law, widths=widths, max_weight=max_weight)
    keys = []
    for key, found in explicit_promises(question):
        keys.append(key)
        assert found.failure_probability <= question.failure_probability, key
        assert found.widths[0] == widths[0]
        assert found.widths[-1] == widths[-1]
        expected = sum(a * b for a, b in pairwise(found.widths))
        assert found.num_parameters == expected, key
        is_deeper = "DepthPlusOne" in key
        same_depth = "NeuronPruning" in key
        depth = len(widths) - 1
        depth = depth if same_depth else depth + 1 if is_deeper else 2 * depth
        assert len(found.widths) == depth + 1, key
    assert "Orseau2020.Greedy" in keys
    assert ("Pensia2020.Theorem1Rearranged" in keys) == (law is not WeightLaw.GAUSSIAN)


def test_smaller_errors_and_chances_need_larger_sources():
    base = dict(explicit_promises(ask()))
    assert len(base) == 9
    for change in ({"epsilon": "0.01"}, {"failure_probability": "1e-9"}):
        for key, found in explicit_promises(ask(**change)):
            assert found.num_parameters > base[key].num_parameters, key
    for key, found in explicit_promises(ask(max_weight="1/4")):
        assert found.num_parameters <= base[key].num_parameters, key


def test_rearrangement_beats_the_component_route():
    for law in (WeightLaw.UNIFORM, WeightLaw.SIGNED_CONSTANT):
        sizes = [
            theorem_named(f"Pensia2020.Theorem1{route}").promise(ask(law=law)).num_parameters
            for route in ("Explicit", "Rearranged")
        ]
        assert 2 * sizes[1] < sizes[0] if law is WeightLaw.UNIFORM else sizes[1] < sizes[0]


@pytest.mark.parametrize(("max_weight", "blocks"), [("1/2", 1), ("1", 2)])
def test_the_component_route_is_the_closed_form(max_weight, blocks):
    """2 d d' (1 - ln2/16)^m 2 / tau^2 for one layer; weights up to 1 are two halves."""
    question = ask(widths=(6, 5), max_weight=max_weight)
    m = theorem_named("Pensia2020.Theorem1Explicit").promise(question).num_samples // blocks
    tau = question.epsilon / (2 * 30 * blocks)
    e = tau / 2
    with mpmath.workdps(40):
        rate = 1 - mpmath.log(2) / 16
        exact = 60 * blocks * (1 - 2 * e) * (1 - e) / (2 * e**2)
        scale = mpmath.mpf(exact.numerator) / exact.denominator
        assert rate**m * scale <= 0.01 < rate ** (m - 1) * scale
        assert exact <= 60 * blocks * 2 / tau**2


def test_an_epsilon_is_shared_among_layers_without_loss():
    for epsilon in ("0.5", "0.01"):
        for widths in ((2, 2), (2, 2, 2), (2,) * 30):
            question = ask(epsilon=epsilon, widths=widths)
            share = logarithmic_share(question)
            grown = (1 + share) ** (len(widths) - 1)
            assert grown <= 1 + question.epsilon
            assert share > question.epsilon / (2 * (len(widths) - 1))


def test_entrywise_tolerances_bound_the_frobenius_norm():
    question = ask(widths=(7, 3, 5))
    share = logarithmic_share(question)
    for tolerance, entries in zip(weight_tolerances(question), (21, 15), strict=True):
        assert entries * tolerance**2 <= share**2
        assert entries * (tolerance * (1 + Fraction(1, 2**30))) ** 2 > share**2
    assert num_instances(question) == [42, 15]


@given(
    target=st.fractions(0, 1),
    places=st.lists(st.fractions(0, 1), min_size=12, max_size=12),
)
def test_greedy_sums_of_one_sample_a_bin_come_close(target, places):
    """For any position of the samples in their bins (GAMMA^(i+2), GAMMA^(i+1)]."""
    residual = target
    for i, place in enumerate(places):
        low, high = GAMMA ** (i + 2), GAMMA ** (i + 1)
        sample = low + place * (high - low)
        if residual >= sample:
            residual -= sample
    assert 0 <= residual <= GAMMA ** len(places)


def test_bins_need_the_golden_ratio():
    assert GAMMA**2 + GAMMA >= 1
    tolerance = Fraction(1, 1000)
    k = num_bins(tolerance)
    assert GAMMA**k <= tolerance < GAMMA ** (k - 1)


@pytest.mark.parametrize("law", WeightLaw)
@pytest.mark.parametrize("target", ["0", "1/32", "3/8", "1"])
def test_success_of_one_product_is_rounded_downwards(law, target):
    w, tau = Fraction(target), Fraction(1, 16)
    found = lower_success_probability(w, tau, law=law)
    with mpmath.workdps(40):
        density = {
            WeightLaw.UNIFORM: lambda t: -mpmath.log(abs(t)) / 2 if 0 < abs(t) < 1 else 0,
            WeightLaw.SIGNED_CONSTANT: lambda t: mpmath.mpf(1) / 2,
            WeightLaw.GAUSSIAN: lambda t: mpmath.besselk(0, abs(t)) / mpmath.pi,
        }[law]
        low = mpmath.mpf(float(w - tau))
        high = mpmath.mpf(float(w + tau if law is WeightLaw.GAUSSIAN else min(w + tau, 1)))
        points = [low, 0, high] if low < 0 < high else [low, high]
        exact = mpmath.quad(density, points)
        bound = mpmath.mpf(found.numerator) / found.denominator
        assert bound <= exact + mpmath.mpf(10) ** -20
        if law is not WeightLaw.GAUSSIAN:
            assert bound > exact - mpmath.mpf(10) ** -20


@pytest.mark.parametrize("law", WeightLaw)
def test_the_largest_weight_is_the_hardest(law):
    tau = Fraction(1, 100)
    chances = [lower_success_probability(Fraction(k, 20), tau, law=law) for k in range(21)]
    assert chances == sorted(chances, reverse=True)


def test_single_products_need_the_inverse_square_only_near_one():
    """Slope 2 of log k against log 1/epsilon at weights of 1, slope 1 at 1/2."""
    theorem = theorem_named("Malach2020.WeightPruningCommon")
    for max_weight, slope in (("1", 2), ("1/2", 1)):
        coarse, fine = (
            theorem.promise(ask(epsilon=epsilon, max_weight=max_weight)).num_samples
            for epsilon in ("0.001", "0.000001")
        )
        assert abs(math.log10(fine / coarse) / 3 - slope) < 0.03


def test_weight_pruning_agrees_with_the_formula_in_floats():
    question = ask(widths=(1, 1), max_weight="1/2", law=WeightLaw.SIGNED_CONSTANT)
    n = theorem_named("Malach2020.WeightPruning").promise(question).num_samples
    tau = float(weight_tolerances(question)[0])
    single = failure_probability(
        np.array([0.5]), tau, num_samples=1, law=WeightLaw.SIGNED_CONSTANT
    )[0]
    success = (1 - single) / 2  # of the right sign
    assert 2 * (1 - success) ** n <= 0.01 * (1 + 1e-9)
    assert 2 * (1 - success) ** (n - 2) > 0.01


def test_copies_are_sized_from_the_last_layer_to_the_first():
    question = ask(widths=(4, 3, 2))
    found = theorem_named("Burkholz2022.DepthPlusOne").promise(question)
    first, last = found.widths[1] // 4, found.widths[2] // 3
    error = Fraction(0)
    # layer 2: tolerance from its own chance; layer 1: n_2 copies, errors grow by n_2 sqrt(6)
    for instances, copies, columns, rows, growth, law in (
        (6, last, 3, 2, Fraction(1), SampleLaw.UNIFORM),
        (24 * last, first, 4, 3, last**2 * Fraction(6), SampleLaw.PRODUCT),
    ):
        eta_squared = question.epsilon**2 / (16 * columns * rows * growth)
        eta = Fraction(math.isqrt(int(eta_squared * 4**60)), 2**60)
        chance = Fraction(1, 200) / instances
        share = Fraction(1) if law is SampleLaw.UNIFORM else Fraction(1, 2)
        group = sharpest(eta, chance, law=law, window=Window.UNIT, share=share)
        assert abs(group.num_samples - copies) <= 1
        error += 2 * eta * Fraction(math.isqrt(int(columns * rows * growth * 4**60)), 2**60)
    assert error <= question.epsilon
    assert error > question.epsilon * Fraction(999, 1000)


def test_packing_in_one_dimension():
    """x -> w x with |w| <= 1: n masks cover 2 epsilon each of a length of 2."""
    for bits in (2, 5, 9):
        epsilon = Fraction(1, 2**bits)
        question = ask(widths=(1, 1), epsilon=epsilon, failure_probability="1e-9")
        necessary = theorem_named("Pensia2020.Theorem2").promise(question).necessary_parameters
        assert 2**necessary * 2 * epsilon >= 1
        assert 2 ** (necessary - 1) * 2 * epsilon * 2 >= 1  # and not by much
        assert necessary == bits - 1  # 2^alpha >= (1 - delta) / (2 epsilon)


def test_packing_of_several_layers():
    assert packing_dimensions((8, 8)) == (64, 64)
    assert packing_dimensions((5, 3, 7, 2)) == (10, 6)
    one = theorem_named("Pensia2020.Theorem2").promise(ask(widths=(8, 8), epsilon="2^-9"))
    assert one.necessary_parameters == 64 * 8  # delta takes less than a bit
    two = theorem_named("Pensia2020.Theorem2").promise(ask(widths=(8, 8, 8), epsilon="2^-9"))
    assert two.necessary_parameters == math.ceil(64 * 7.5 - 0.0145)


def test_constructions_are_above_the_lower_bound():
    necessary = theorem_named("Pensia2020.Theorem2").promise(ask()).necessary_parameters
    for key, found in explicit_promises(ask()):
        assert found.num_parameters > necessary, key


def test_counting_quantised_networks():
    question = ask(widths=(1, 1), grid_bits=3, failure_probability="1/2")
    found = theorem_named("Kumar2025.LowerBound").promise(question)
    assert found.necessary_parameters == 4  # 17 functions, half of them: 2^3 < 8.5 <= 2^4


def test_a_density_needs_more_samples_when_it_is_small():
    theorem = theorem_named("Natale2024.Theorem3")
    sizes = [
        theorem.promise(ask(failure_probability="0.1", constant=1, density=density)).num_samples
        for density in ("0.5", "0.1", "0.01")
    ]
    assert sizes == sorted(sizes)
    # k >= 1 of n samples are kept
    rare = theorem.promise(ask(failure_probability="0.1", constant="1e-9", density="0.001"))
    assert rare.num_samples == 2 * 1000
    # a fixed point: H2(1/2) = 1
    n = sizes[0] // 2
    ratio = 2 * 2 * 30 * 0.5 / 0.1
    assert math.log2(ratio * n) ** 2 <= n < math.log2(ratio * n) ** 2 + 1


def test_greedy_sources_hit_every_bin_of_every_sign():
    """Two signs of the input, two of the weight, k bins, each hit with probability 1/(4k)."""
    question = ask(widths=(1, 1))
    n = theorem_named("Orseau2020.Greedy").promise(question).num_samples
    k = num_bins(weight_tolerances(question)[0])
    chances = [4 * k * (1 - Fraction(1, 4 * k)) ** size for size in (n - 1, n)]
    assert chances[1] <= question.failure_probability < chances[0]


def test_convolutions_share_the_error_among_kernel_entries():
    question = ask(widths=(2, 3), kernel_size=3)
    found = theorem_named("DaCunha2022CNN.Explicit").promise(question)
    eta = logarithmic_share(question) / 18 / 2
    chance = question.failure_probability / 54
    group = sharpest(eta, chance, law=SampleLaw.PRODUCT, window=Window.UNIT, share=Fraction(1, 2))
    n = group.num_samples
    assert found.widths == (2, 2 * n, 3)
    assert found.num_parameters == 2 * 2 * n + 2 * n * 3 * 9


@pytest.mark.parametrize(
    ("key", "changes", "widths"),
    [
        # 3 * ln(30 * 2 / 0.01) = 26.1 and 3 * ln(15 * 2 / 0.01) = 24.02
        ("Pensia2020.Theorem1", {}, (6, 6 * 27, 5, 5 * 25, 3)),
        # twice 3 * ln(4 * 30 / 0.01) = 28.2
        ("DaCunha2022CNN.Theorem1", {"widths": (6, 5), "kernel_size": 2}, (6, 6 * 58, 5)),
        # 3 * 4 bits
        ("Kumar2025.Theorem1", {"grid_bits": 4}, (6, 72, 5, 60, 3)),
        # 3 ln(8 * 2 * 27 * 4^1.5 / 0.1) = 31.35 and 3 ln(2 * 2 * 3 * 4 * 3 / 0.1) = 21.8
        (
            "Otsuka2025.Theorem3",
            {"widths": (4, 9), "num_heads": 2, "input_norm": 3, "failure_probability": "0.1"},
            (4, 4 * 32, 4 * 22, 9),
        ),
    ],
)
def test_published_formulas_at_a_constant_of_three(key, changes, widths):
    found = theorem_named(key).promise(ask(constant=3, **changes))
    assert found.widths == widths
