"""The random bits: known answers, an oracle in plain integers, laws, and no state anywhere."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import philox_words, source_entry
from strategies import addresses, seeds, weight_laws

from proofs_check.certificate import effective
from strongltn.errors import BudgetExceeded, InvalidInputError
from strongltn.networks import SourceNetwork
from strongltn.rng import GRID_EXPONENT, WeightLaw, draw_entries, laws, named_generator, stream_key

ONES = 0xFFFFFFFF
PI = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)
# Random123's kat_vectors: counter, key, answer.
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES,) * 4, (ONES, ONES), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (PI, (0xA4093822, 0x299F31D0), (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
]
# SHA-256 of the first 64 x 64 numerators (int32, little-endian) of layers 0 and 1 under seed 2020.
GOLDEN = {
    WeightLaw.UNIFORM: "8d3d3f74409b15911152eb824a6da42982ce51293effaa07d75d977b04999bca",
    WeightLaw.SIGNED_CONSTANT: "ea9e32191c66b643f40954cb2f6c05c92b09c6eb5969f4f85b99fa41596a7d1a",
    WeightLaw.GAUSSIAN: "aa9645ef2848f13de9c7a853921a4e3741ab9b925410bd3e6a047ae2bc92d5a0",
}
every_law = pytest.mark.parametrize("law", WeightLaw, ids=lambda law: law.value)


def philox_compiled(counter, key):
    from strongltn.rng.philox import philox

    words = philox(*map(np.uint64, counter), np.uint64(key[0] | key[1] << 32))
    return tuple(map(int, words))


def source_of(law, *, seed=0, widths=(64, 64, 64)):
    return SourceNetwork(widths, law, seed)


def grid(rows, columns):
    return np.indices((rows, columns)).reshape(2, -1)


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_known_answers(counter, key, answer):
    assert philox_words(counter, key) == answer
    assert philox_compiled(counter, key) == answer
    audited = effective.philox4x32(tuple(map(np.uint64, counter)), key)
    assert tuple(map(int, audited)) == answer


@given(st.tuples(*[st.integers(0, ONES)] * 4), st.tuples(*[st.integers(0, ONES)] * 2))
def test_every_block_is_the_oracles(counter, key):
    assert philox_compiled(counter, key) == philox_words(counter, key)


@given(weight_laws(), seeds(), st.integers(0, 9), addresses())
def test_entries_are_the_oracles_and_the_auditors(law, seed, layer, address):
    rows, columns = address
    wide = SourceNetwork((2**31 - 1,) * 11, law, seed)
    drawn = wide.entries(layer, rows, columns)
    expected = [
        source_entry(law.value, seed=seed, layer=layer, row=int(row), column=int(column))
        for row, column in zip(rows, columns, strict=True)
    ]
    assert [Fraction(int(k)) * Fraction(2) ** GRID_EXPONENT for k in drawn] == expected
    network = {"seed": seed, "law": law.value, "inner_activation": "relu"}
    audited = effective.Source(network).draw(layer, rows, columns)
    assert audited.tolist() == drawn.tolist()


@given(weight_laws(), seeds(), addresses(), st.data())
def test_any_order_of_access_gives_the_same_bits(law, seed, address, data):
    rows, columns = address
    source = source_of(law, seed=seed, widths=(2**31 - 1,) * 3)
    together = source.entries(1, rows, columns)
    order = np.array(data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=12)), dtype=int)
    assert source.entries(1, rows[order], columns[order]).tolist() == together[order].tolist()
    alone = [source.entries(1, rows[k : k + 1], columns[k : k + 1])[0] for k in range(len(rows))]
    assert alone == together.tolist()


@every_law
def test_blocks_and_threads_change_nothing(law, monkeypatch):
    rows, columns = grid(60, 70)
    source = source_of(law, seed=5, widths=(70, 60, 1))
    whole = source.entries(0, rows, columns)
    monkeypatch.setattr(laws, "_CHUNK", 97)  # from here on drawn by several threads
    assert np.array_equal(source.entries(0, rows, columns), whole)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda row: source.entries(0, row, row + 1), [rows[:60]] * 8))
    assert all(np.array_equal(part, parts[0]) for part in parts)


@every_law
def test_golden_digests(law):
    rows, columns = grid(64, 64)
    source = source_of(law, seed=2020)
    drawn = [source.entries(layer, rows, columns) for layer in (0, 1)]
    assert hashlib.sha256(np.stack(drawn).astype("<i4").tobytes()).hexdigest() == GOLDEN[law]


@every_law
def test_dense_layers_are_the_entries_in_float32(law):
    source = SourceNetwork((5, 6, 3), law, 11, biases=(True,))
    for layer, shape in ((0, (6, 6)), (1, (3, 6))):
        dense = source.dense(layer)
        numerators = source.entries(layer, *grid(*shape)).reshape(shape)
        assert dense.dtype == np.float32
        assert dense.shape == shape
        assert np.array_equal(dense.astype(np.float64) * 2.0**24, numerators)


@every_law
def test_weights_are_never_zero_and_exact_in_float32(law):
    for layer in (0, 1):
        drawn = source_of(law, seed=3).entries(layer, *grid(64, 64))
        assert drawn.dtype == np.int32
        assert (drawn != 0).all()
        assert np.array_equal(drawn.astype(np.float32).astype(np.int64), drawn)
        assert np.abs(drawn).max() < 1 << 27


def test_streams_differ_by_seed_layer_row_and_column():
    drawn = [
        source_of(WeightLaw.UNIFORM, seed=seed).entries(layer, *grid(64, 64)).tobytes()
        for seed in range(3)
        for layer in (0, 1)
    ]
    assert len(set(drawn)) == 6
    square = np.frombuffer(drawn[0], dtype=np.int32).reshape(64, 64)
    assert len(np.unique(square)) > 4090  # rows, columns and lanes do not repeat each other


def test_a_large_source_costs_nothing():
    source = SourceNetwork((10**6, 10**6, 1), WeightLaw.UNIFORM, 0)
    assert source.num_weights == 10**12 + 10**6
    last = np.array([10**6 - 1])
    assert source.entries(0, last, last).shape == (1,)
    with pytest.raises(BudgetExceeded, match="1000000 x 1000000"):
        source.dense(0)


@pytest.mark.statistical
@every_law
def test_laws_have_their_moments_and_fair_signs(law):
    """Seeded; a false alarm has probability below 1e-6 for each statistic (5 standard errors)."""
    rows, columns = grid(256, 256)
    source = source_of(law, seed=1, widths=(256,) * 3)
    second = {WeightLaw.GAUSSIAN: 1.0}.get(law, 1 / 3)
    for layer in (0, 1):
        x = source.entries(layer, rows, columns) * 2.0**-24
        size = len(x)
        variance = 1.0 if layer == 0 and law is WeightLaw.SIGNED_CONSTANT else second
        fourth = {1.0: 3.0, 1 / 3: 1 / 5}[variance]
        assert abs((x > 0).sum() - size / 2) <= 5 * np.sqrt(size) / 2
        assert abs(x.mean()) <= 5 * np.sqrt(variance / size)
        if layer == 1 or law is not WeightLaw.SIGNED_CONSTANT:
            assert abs((x**2).mean() - variance) <= 5 * np.sqrt((fourth - variance**2) / size)
            ordered = np.sort(x)
            true = normal_cdf(ordered) if law is WeightLaw.GAUSSIAN else (ordered + 1) / 2
            steps = np.arange(size)
            # Dvoretzky-Kiefer-Wolfowitz-Massart: P(distance > t) <= 2 exp(-2 n t^2)
            distance = max(
                np.abs(true - steps / size).max(), np.abs(true - (steps + 1) / size).max()
            )
            assert distance <= np.sqrt(np.log(2e6) / (2 * size))
        else:
            assert set(x) == {-1.0, 1.0}


def normal_cdf(x):
    from scipy.special import ndtr

    return ndtr(x)


def test_gaussian_tables_are_exact_floors():
    thresholds, slopes = laws._gaussian_table()
    audited = effective.gaussian_tables()
    assert thresholds.tolist() == audited[0].tolist()
    assert slopes.tolist() == audited[1].tolist()


@pytest.mark.parametrize("j", [0, 1, 1000, 2045])
def test_gaussian_cells_begin_at_their_thresholds(j):
    """Cell i counts the thresholds <= U: one draw in 2^64 tells, so it is made by hand."""
    edge = int(laws._gaussian_table()[0][j])
    words = [[u % 2**32, u >> 32, 0, 2**31 - 1] for u in (edge - 1, edge)]
    below, above = laws._gaussian_numerators(np.array(words, dtype=np.uint32)).tolist()
    assert [below, above] == [8 * (2 * 4096 * cell + 1) for cell in (j, j + 1)]


def test_gaussian_law_is_near_the_normal_law():
    """Total variation within a cell and in all, from the exact density of the table."""
    thresholds, slopes = laws._gaussian_table()
    mass = np.diff([0.0, *thresholds.astype(np.float64) / 2.0**64, 1.0])
    t = (np.arange(64) + 0.5) / 64  # within a cell, 0 to 1
    tilt = slopes[:, None] / 2.0**31
    density = mass[:, None] * (1 + tilt * (1 - 2 * t)) * 256  # of |Z|
    x = (np.arange(2048)[:, None] + t) / 256
    normal = np.sqrt(2 / np.pi) * np.exp(-(x**2) / 2)
    assert np.abs(density - normal).sum() / 64 / 256 / 2 < 1.5e-6


@pytest.mark.parametrize("seed", [-1, True, 0.0, "0", None])
def test_bad_seeds_are_refused(seed):
    with pytest.raises(InvalidInputError, match="'seed' parameter must be an integer in"):
        stream_key(seed, name="source")
    with pytest.raises(InvalidInputError, match="'seed'"):
        SourceNetwork((1, 1, 1), WeightLaw.UNIFORM, seed)


@given(seeds())
def test_streams_of_different_names_differ(seed):
    keys = {stream_key(seed, name=name) for name in ("source", "attack", "pilot")}
    assert len(keys) == 3
    assert all(0 <= key < 2**64 for key in keys)


def test_named_generators_repeat():
    first, second = (named_generator(7, name="pilot").random(4).tolist() for _ in range(2))
    assert first == second != named_generator(8, name="pilot").random(4).tolist()


@pytest.mark.parametrize(
    ("rows", "columns"), [([0], [0, 1]), ([[0]], [[0]]), ([-1], [0]), ([0], [2**32])]
)
def test_bad_addresses_are_refused(rows, columns):
    with pytest.raises(InvalidInputError):
        draw_entries(WeightLaw.UNIFORM, np.array(rows), np.array(columns), key=0, layer=0)


def test_nothing_asked_is_nothing_drawn():
    nothing = np.zeros(0, dtype=np.int64)
    assert source_of(WeightLaw.GAUSSIAN).entries(0, nothing, nothing).shape == (0,)
