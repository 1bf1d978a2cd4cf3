"""The lanes against the plain search: equal where they call a row proved, in either word."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from oracles import best_subset
from strategies import near_tie_instances, subset_sum_instances

from strongltn.subset_sum import SubsetSumProblem, solve, solve_batch
from strongltn.subset_sum.kernels import keys
from strongltn.subset_sum.kernels.rows import VECTOR_BYTES

pytestmark = pytest.mark.skipif(
    VECTOR_BYTES == 0, reason="neither AVX2 nor AVX-512: the lanes are not used"
)
WORDS = {
    32: (np.empty(0, dtype=np.int32), 2.0**31, False),
    64: (np.empty(0, dtype=np.int64), 2.0**60, False),
}
every_word = pytest.mark.parametrize("word", WORDS.values(), ids=WORDS)
any_instances = st.one_of(subset_sum_instances(), near_tie_instances())


def search(samples, targets, *, word):
    """Return (mask, is_proved) of all rows."""
    mask = np.zeros(samples.shape, dtype=np.bool_)
    is_proved = np.zeros(len(samples), dtype=np.bool_)
    keys.search_rows(samples, targets, np.arange(len(samples)), word, mask, is_proved)
    return mask, is_proved


def draw(law, shape, *, seed):
    """Rows of one law, targets that no grid of theirs holds."""
    generator = np.random.default_rng(seed)
    uniform = np.ldexp(generator.integers(1 - 2**24, 2**24, (2, *shape)), -24)
    samples = {
        "uniform": uniform[0],
        "product": uniform[0] * uniform[1],
        "normal": generator.standard_normal(shape),
        "wide": generator.standard_normal(shape) * np.exp2(generator.integers(-80, 3, shape)),
        "few values": np.ldexp(generator.integers(-3, 4, shape), -3),
    }[law]
    return samples, generator.uniform(-1.0, 1.0, shape[0])


@every_word
@given(instance=any_instances)
@example(instance=(np.array([3.0, 2.0]), 2.0**-1074))
@example(instance=(np.array([2.0**900, -(2.0**901)]), 5e-324))
@example(instance=(np.array([2.0**900, -(2.0**901)]), 1.7e308))
@example(instance=(np.array([5e-324, 5e-324, -1e-323]), -1.7e308))
@example(instance=(np.array([1.0, 2.0**-31, 2.0**-60]), 2.0**-32))
@example(instance=(np.array([0.0, -0.0]), -1.0))
def test_what_is_called_proved_is_the_optimum_of_the_tie_rule(word, instance):
    samples, target = instance
    rows = np.array([samples, -samples, samples[::-1], samples])
    targets = np.array([target, -target, target, -target])
    for mask, is_proved, row, goal in zip(
        *search(rows, targets, word=word), rows, targets, strict=True
    ):
        if is_proved:
            assert np.array_equal(mask, best_subset(row, goal)[1])


@pytest.mark.parametrize("size", [1, 2, 5, 11, 12, 13, 16, 17, 22])
@pytest.mark.parametrize("law", ["uniform", "product", "normal", "wide", "few values"])
def test_a_batch_in_lanes_equals_the_search_of_single_rows(law, size):
    samples, targets = draw(law, (40, size), seed=size)
    if law in ("normal", "wide") and size > 16:
        samples, targets = samples[:12], targets[:12]  # single rows go through Python integers
    batch = solve_batch(samples, targets)
    for row in range(len(samples)):
        single = solve(SubsetSumProblem(samples[row], float(targets[row])))
        assert np.array_equal(batch.mask[row], single.mask)
        assert batch.error[row] == single.error


@every_word
@pytest.mark.parametrize("size", [1, 7, 12, 15, 20, 21])
def test_rows_on_a_grid_that_the_word_holds_are_all_proved(word, size):
    for law in ("uniform", "few values"):
        _, is_proved = search(*draw(law, (50, size), seed=1), word=word)
        assert is_proved.all()


def test_rounded_keys_prove_most_rows_of_products():
    """Else the speed is gone: what 32 bits do not prove is searched again in 64."""
    _, is_proved = search(*draw("product", (400, 20), seed=2), word=WORDS[32])
    assert 0.9 < is_proved.mean() < 1.0  # some do need the wider word: the check is at work


@every_word
def test_a_near_tie_below_the_rounding_of_the_keys_is_never_called_proved(word):
    exponent = -33 if word is WORDS[32] else -62
    # the second and third sample differ by less than one unit of the keys
    rows = np.array([[1.0, 0.5, 0.5 + 2.0**exponent, k / 7] for k in range(1, 9)])
    targets = rows[:, 1] + 2.0 ** (exponent - 2)
    rows = np.where(rows == 0.5 + 2.0**exponent, np.nextafter(0.5, 1.0), rows)
    _, is_proved = search(rows, targets, word=word)
    if word is WORDS[32]:
        assert not is_proved.any()
    batch = solve_batch(rows, targets)
    for row in range(len(rows)):
        assert np.array_equal(batch.mask[row], best_subset(rows[row], targets[row])[1])


@pytest.mark.slow
def test_the_narrower_vectors_give_the_same_answers():
    """The AVX2 code, on a processor that can run it: the same tests in another process."""
    if VECTOR_BYTES != 64:
        pytest.skip("this run tests the AVX2 code already")
    features = "+avx,+avx2,+bmi,+bmi2,+fma,+popcnt,+lzcnt,+sse4.2"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not slow", __file__],
        env=os.environ | {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": features},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
