"""The batch search in torch and in Triton gives the masks of the compiled search, bit for bit.

Where no CUDA device is, torch runs on the CPU and the kernel in Triton's interpreter.
"""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from oracles import best_subset, source_entry
from strategies import batches

from strongltn.errors import BudgetExceeded, InvalidInputError
from strongltn.numerics.exact import RowGrid
from strongltn.rng import WeightLaw, stream_key
from strongltn.subset_sum import gpu
from strongltn.subset_sum.gpu import SourcePair, available_devices, search_batch, torch_path
from strongltn.subset_sum.integer_units import mask_of, quarter_targets
from strongltn.subset_sum.solvers import MeetInTheMiddle

HAS_CUDA = torch.cuda.is_available()
DEVICE = "cuda" if HAS_CUDA else "cpu"
PAIR = SourcePair(
    law=WeightLaw.UNIFORM,
    key=stream_key(2**64 - 1, name="source"),
    pair=1,
    num_columns=5,
    block_width=14,
    num_samples=6,
    group=1,
    shares_hidden=True,
)


@pytest.fixture(scope="module")
def triton_path():
    """The Triton path, interpreted where there is no GPU (see conftest)."""
    pytest.importorskip("triton", reason="Triton is not installed")
    from strongltn.subset_sum.gpu import triton_path

    return triton_path


def expected_masks(samples, targets):
    return MeetInTheMiddle().search_batch(samples, targets, None).mask


def random_rows(num_rows, num_samples, *, scale):
    rng = np.random.default_rng(num_samples)
    samples = rng.integers(-scale, scale + 1, (num_rows, num_samples)) / scale
    return samples, rng.integers(-8 * scale, 8 * scale + 1, num_rows) / (4 * scale)


def masks_on(path, samples, targets):
    return gpu.masks_on(samples, targets, device=DEVICE, choose=path.choose_subsets)


@given(batches(max_size=9))
def test_torch_equals_the_compiled_search_on_any_doubles(batch):
    samples, targets = batch
    found = masks_on(torch_path, samples, targets)
    assert np.array_equal(found, expected_masks(samples, targets))
    assert np.array_equal(found[0], best_subset(samples[0], targets[0])[1])


# few values: sums tie all over; 24 and 53 bits: what networks have
@pytest.mark.parametrize("scale", [2, 2**24, 2**53])
@pytest.mark.parametrize("num_samples", [1, 2, 3, 8, 13, 21])
def test_torch_equals_the_compiled_search_at_every_size(num_samples, scale):
    samples, targets = random_rows(40, num_samples, scale=scale)
    found = masks_on(torch_path, samples, targets)
    assert np.array_equal(found, expected_masks(samples, targets))


def test_rows_are_searched_in_blocks_and_chunks(monkeypatch):
    monkeypatch.setattr(gpu, "_ROWS_AT_ONCE", 7)
    monkeypatch.setattr(torch_path, "_CHUNK_BYTES", 3 * 64 * 2**3)
    samples, targets = random_rows(20, 6, scale=4)
    samples[[0, 9, 19], 0] = 1e-300  # does not fit int64 beside the others
    found = masks_on(torch_path, samples, targets)
    assert np.array_equal(found, expected_masks(samples, targets))


def test_an_empty_batch_is_legal():
    assert masks_on(torch_path, np.empty((0, 3)), np.empty(0)).shape == (0, 3)


def test_torch_refuses_what_does_not_fit_its_memory():
    with pytest.raises(BudgetExceeded, match="n = 47"):
        masks_on(torch_path, np.ones((1, 47)), np.ones(1))


def test_the_cpu_is_served_without_torch():
    code = (
        "import sys, numpy as np\n"
        "from strongltn.subset_sum.gpu import search_batch\n"
        "batch = search_batch(np.array([[0.5, 0.25]]), np.array([0.3]), device='cpu')\n"
        "print(batch.mask.tolist(), batch.stop[0].name, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "[[False, True]] SPACE_COVERED False"


@pytest.mark.parametrize("device", ["cuda:99", "tpu", "", 0])
def test_a_device_that_is_not_here_is_refused(device):
    with pytest.raises(InvalidInputError, match=r"'device'.*cpu"):
        search_batch(np.ones((1, 2)), np.ones(1), device=device)


@pytest.mark.skipif(not HAS_CUDA, reason="no CUDA device")
@pytest.mark.parametrize("num_samples", [5, 21, 27])
def test_cuda_equals_the_compiled_search(num_samples):
    samples, targets = random_rows(300, num_samples, scale=2**24)
    for device in available_devices():
        found = search_batch(samples, targets, device=device)
        assert np.array_equal(found.mask, expected_masks(samples, targets))


@given(batches(max_rows=2, max_size=5))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_triton_equals_the_compiled_search_on_any_doubles(triton_path, batch):
    samples, targets = batch
    assert np.array_equal(masks_on(triton_path, samples, targets), expected_masks(samples, targets))


@pytest.mark.parametrize("scale", [2, 2**24, 2**53])
@pytest.mark.parametrize("num_samples", [1, 2, 3, 7, 12, 21])
def test_triton_equals_the_compiled_search_at_every_size(triton_path, num_samples, scale):
    samples, targets = random_rows(3, num_samples, scale=scale)
    assert np.array_equal(masks_on(triton_path, samples, targets), expected_masks(samples, targets))


@pytest.mark.parametrize("bits", range(26, 31))
def test_triton_chooses_int32_only_where_everything_fits(triton_path, bits):
    # the goal is beyond the reach of the sums: the largest numbers that the search can meet
    magnitudes = np.array([1.0, 1.0, 3.0, 2.0**bits - 6.0])
    samples = np.array([magnitudes, -magnitudes, magnitudes, -magnitudes])
    targets = np.array([-(2.0**40), -(2.0**40), 2.0**40, 2.0**40])
    assert np.array_equal(masks_on(triton_path, samples, targets), expected_masks(samples, targets))


def test_triton_refuses_too_many_samples(triton_path):
    with pytest.raises(BudgetExceeded, match="n = 27"):
        triton_path.choose_subsets(torch.zeros((1, 27), dtype=torch.int64), torch.ones(1))


def drawn_samples(pair, instance):
    """The samples of one instance, by the oracle of the generator."""
    output, column = divmod(instance, pair.num_columns)
    block = column if pair.shares_hidden else instance
    products = []
    for hidden in range(block * pair.block_width, (block + 1) * pair.block_width):
        law = pair.law.value
        a = source_entry(law, seed=2**64 - 1, layer=2, row=hidden, column=column)
        b = source_entry(law, seed=2**64 - 1, layer=3, row=output, column=hidden)
        if pair.group == 0:
            products.append(float(a * b))
        elif (a > 0) == (pair.group > 0):
            products.append(float(abs(a) * b))
    kept = products[: pair.num_samples]
    return kept + [0.0] * (pair.num_samples - len(kept))


@pytest.mark.parametrize("law", [WeightLaw.UNIFORM, WeightLaw.SIGNED_CONSTANT])
@pytest.mark.parametrize(
    ("group", "shares_hidden", "block_width"), [(1, True, 14), (-1, False, 7), (0, True, 6)]
)
def test_samples_drawn_on_the_chip_are_those_of_the_source(
    triton_path, law, group, shares_hidden, block_width
):
    pair = SourcePair(law, PAIR.key, 1, 5, block_width, 6, group, shares_hidden)
    targets = np.array([0.3, -0.7, 0.0, 1e300, -1e300, 0.9])
    goals = torch.from_numpy(pair.goals(targets)).to(DEVICE)
    chosen = triton_path.choose_drawn(pair, goals, first_instance=8)
    samples = np.array([drawn_samples(pair, 8 + i) for i in range(len(targets))])
    assert np.array_equal(mask_of(chosen.cpu().numpy(), 6), expected_masks(samples, targets))


def test_goals_on_the_common_grid_order_the_sums_alike():
    samples = np.array([[0.5, -0.25, 2.0**-48]])
    targets = np.array([0.3])
    pair = SourcePair(WeightLaw.UNIFORM, 0, 0, 1, 3, 3, 0, True)
    assert np.array_equal(pair.goals(targets), quarter_targets(RowGrid.of(samples), targets))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("law", WeightLaw.GAUSSIAN),
        ("key", 2**64),
        ("key", -1),
        ("pair", -1),
        ("pair", 2**31),
        ("num_columns", 0),
        ("num_samples", 0),
        ("num_samples", True),
        ("block_width", 5),
        ("block_width", 1025),
        ("group", 2),
        ("group", 0.5),
    ],
)
def test_a_source_pair_refuses_bad_values(name, value):
    fields = {**PAIR.__dict__, name: value}
    with pytest.raises(InvalidInputError, match=f"'{name}'"):
        SourcePair(**fields)


def test_addresses_end_where_the_counters_end():
    last_output = (2**32 - 1) * 5
    PAIR.check_instances(last_output, 5)
    own_blocks = SourcePair(WeightLaw.UNIFORM, 0, 0, 5, 2**8, 6, 1, False)
    own_blocks.check_instances(2**24 - 1, 1)
    for pair, first, count in ((PAIR, last_output, 6), (own_blocks, 2**24, 1), (PAIR, -1, 2)):
        with pytest.raises(InvalidInputError, match="'first_instance'"):
            pair.check_instances(first, count)
