"""The best proved bound on the neurons of one input: sound, never worse, and named."""

from fractions import Fraction

import numpy as np
import pytest

from proofs_check.claims.clopper_pearson import lower_limit
from strongltn.rng import WeightLaw
from strongltn.subset_sum.sample_laws import SampleLaw, Window
from strongltn.theorems import sharpest as module
from strongltn.theorems.catalogue import theorem_named
from strongltn.theorems.dynamic_program import CoverProcess, sample_size
from strongltn.theorems.question import NetworkQuestion
from strongltn.theorems.second_moment import recorded_holes
from strongltn.theorems.second_moment import sample_size as second_moment_size
from strongltn.theorems.sharpest import CLOSED_FORM, PROGRAM, SECOND_MOMENT, routes_text, sharpest
from strongltn.theorems.supermartingale import best_window

HALF = Fraction(1, 2)
TINY = Fraction(1, 2**12)


def one_neuron_at_a_time(bounds, num_samples, share):
    """The mean of the bound at a binomial number, by adding one neuron after the other."""
    chances = [Fraction(1)]
    for _ in range(num_samples):
        longer = [Fraction(0)] * (len(chances) + 1)
        for k, chance in enumerate(chances):
            longer[k] += (1 - share) * chance
            longer[k + 1] += share * chance
        chances = longer
    last = len(bounds) - 1
    return sum(c * bounds[min(k, last)] for k, c in enumerate(chances))


@pytest.mark.parametrize("share", [HALF, Fraction(1, 4), Fraction(1)])
@pytest.mark.parametrize("num_samples", [0, 1, 5, 12])
def test_the_mean_bound_is_over_a_binomial_number(share, num_samples):
    bounds = [Fraction(1), Fraction(3, 4), Fraction(1, 2), Fraction(1, 16), Fraction(1, 1024)]
    found = module._mean_bound(bounds, num_samples, share)
    assert found == one_neuron_at_a_time(bounds, num_samples, share)


@pytest.mark.parametrize("law", [SampleLaw.UNIFORM, SampleLaw.PRODUCT])
@pytest.mark.parametrize("window", Window)
def test_it_is_never_worse_than_the_closed_form_or_half_the_drift(law, window):
    chance = Fraction(1, 10**4)
    eta = Fraction(1, 2**8)
    found = sharpest(eta, chance, law=law, window=window, share=HALF)
    closed = best_window(eta, chance, law=law, window=window, share=HALF)
    assert found.num_samples < closed.sample_size(chance)
    assert found.failure_bound <= chance
    assert found.route == PROGRAM
    assert sharpest(eta, chance, law=law, window=window).num_samples < found.num_samples / 2 + 1


def test_one_neuron_less_is_too_few():
    """The size is the least that its own bound allows."""
    chance, eta = Fraction(1, 1000), Fraction(1, 64)
    found = sharpest(eta, chance, law=SampleLaw.PRODUCT, window=Window.HALF, share=HALF)
    sizes = []
    for length in (1, Fraction(5, 4), Fraction(3, 2)):
        process = CoverProcess(eta, SampleLaw.PRODUCT, Window.HALF, Fraction(length), cells=256)
        bounds = module._until(process.bounds(), chance)
        assert bounds == sorted(bounds, reverse=True)
        n = found.num_samples
        while module._mean_bound(bounds, n - 1, HALF) <= chance:
            n -= 1
        while module._mean_bound(bounds, n, HALF) > chance:
            n += 1
        sizes.append(n)
    assert found.num_samples in sizes


def test_with_every_neuron_of_use_it_is_the_program_or_the_second_moment():
    chance = Fraction(1, 100)
    found = sharpest(TINY, chance, law=SampleLaw.UNIFORM, window=Window.HALF)
    assert found.num_samples == second_moment_size(TINY, chance) == 37
    assert found.route == SECOND_MOMENT
    below = sharpest(TINY * Fraction(99, 100), chance, law=SampleLaw.UNIFORM, window=Window.HALF)
    assert below.route == PROGRAM
    program = sample_size(TINY, chance, law=SampleLaw.UNIFORM, window=Window.HALF)
    assert abs(below.num_samples - program) <= 2  # a coarser grid
    rare = sharpest(TINY, Fraction(1, 1000), law=SampleLaw.UNIFORM, window=Window.HALF)
    assert rare.route == PROGRAM


def test_a_second_moment_helps_a_source_of_signs_only_on_the_half_window():
    assert [line.eta for line in recorded_holes()] == [TINY]
    for window in Window:
        found = sharpest(TINY, Fraction(1, 20), law=SampleLaw.UNIFORM, window=window, share=HALF)
        assert (found.route == SECOND_MOMENT) == (window is Window.HALF)


@pytest.mark.parametrize(
    ("bits", "chance", "sizes"),
    [
        (10, Fraction(1, 100), (35, 45)),
        (12, Fraction(1, 10), (32, 44)),
        (12, Fraction(1, 20), (34, 47)),
        (12, Fraction(1, 1000), (66, 60)),
    ],
)
def test_what_holds_around_the_37_samples(bits, chance, sizes):
    """The figures of README: second moment, and the program alone."""
    eta = Fraction(1, 2**bits)
    program = sample_size(eta, chance, law=SampleLaw.UNIFORM, window=Window.HALF)
    assert (second_moment_size(eta, chance), program) == sizes


def test_where_the_program_would_take_long_the_closed_form_is_taken():
    for eta, chance, layers in (
        (Fraction(1, 2**41), Fraction(1, 10), 1),
        (TINY, Fraction(1, 10**300), 1),
        (TINY, Fraction(1, 100), 10**4),
    ):
        found = sharpest(eta, chance, law=SampleLaw.PRODUCT, window=Window.HALF, num_layers=layers)
        assert found.route == CLOSED_FORM


def test_draws_fail_no_more_often_than_the_bound():
    """Neurons of random sign; brute force over all subsets of those of one sign."""
    eta, chance = Fraction(1, 8), Fraction(1, 3)
    found = sharpest(eta, chance, law=SampleLaw.PRODUCT, window=Window.HALF, share=HALF)
    generator = np.random.default_rng(5)
    trials, failures = 400, 0
    for _ in range(trials):
        samples = generator.uniform(-1, 1, (2, found.num_samples)).prod(axis=0)
        kept = samples[generator.random(found.num_samples) < 0.5][:16]
        sums = np.array([0.0])
        for sample in kept:
            sums = np.concatenate([sums, sums + sample])
        sums = np.sort(np.concatenate([sums, [-1e9, 1e9]]))
        inside = np.clip(sums, -0.5 - 2 * float(eta), 0.5 + 2 * float(eta))
        failures += bool((np.diff(inside) > 4 * float(eta)).any())
    limit = lower_limit(failures, trials, false_alarm=Fraction(1, 10**6))
    assert limit <= found.failure_bound


def test_mnist_needs_fewer_neurons_than_with_half_the_drift():
    """784-500-10 at epsilon 1/10 and delta 1/100, as in README; half the drift: 418 and 316."""
    question = NetworkQuestion(
        widths=(784, 500, 10), epsilon="0.1", failure_probability="0.01", law=WeightLaw.UNIFORM
    )
    sharp = theorem_named("Pensia2020.Theorem1Sharpest").promise(question)
    closed = theorem_named("Pensia2020.Theorem1Rearranged").promise(question)
    assert (sharp.widths[1] // 784, sharp.widths[3] // 500) == (416, 316)
    assert (closed.widths[1] // 784, closed.widths[3] // 500) == (608, 463)
    assert sharp.failure_probability <= Fraction(1, 100)
    assert any(PROGRAM in note for note in sharp.notes)


@pytest.mark.parametrize(
    "key",
    ["Pensia2020.Theorem1Sharpest", "Burkholz2022.DepthPlusOne", "DaCunha2022CNN.Explicit"],
)
def test_theorems_on_networks_name_the_bound_that_was_the_best(key):
    question = NetworkQuestion(
        widths=(3, 2), epsilon="0.1", failure_probability="0.1", law=WeightLaw.SIGNED_CONSTANT
    )
    theorem = theorem_named(key)
    if theorem.violations(question):
        question = NetworkQuestion(
            widths=(3, 2), epsilon="0.1", failure_probability="0.1", law=WeightLaw.UNIFORM
        )
    assert any("best proved bound" in note for note in theorem.promise(question).notes)


def test_routes_are_told_layer_by_layer():
    groups = [
        module.GroupSize(1, Fraction(0), PROGRAM),
        module.GroupSize(1, Fraction(0), CLOSED_FORM),
        module.GroupSize(1, Fraction(0), PROGRAM),
    ]
    text = routes_text(groups)
    assert f"{PROGRAM} (layers 1, 3)" in text
    assert f"{CLOSED_FORM} (layer 2)" in text
