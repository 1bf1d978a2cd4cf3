"""The selection on its fast path, its arguments, and the kernels for a GPU in their interpreter."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongltn.errors import InvalidInputError
from strongltn.models.density import num_kept_of
from strongltn.search import kernels, selection
from strongltn.search.selection import (
    Bracket,
    descend_and_keep,
    top_fraction,
    top_fraction_by_torch,
)

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def drawn(size, *, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(size).astype(np.float32))


def sort_count(monkeypatch):
    """Count the selections that had to look at all scores without a bracket."""
    calls = []
    plain = selection._select_among_all
    monkeypatch.setattr(
        selection, "_select_among_all", lambda *args: calls.append(0) or plain(*args)
    )
    return calls


def test_a_hint_saves_the_partition_while_scores_move_little(monkeypatch):
    calls = sort_count(monkeypatch)
    scores = drawn(50_000)
    hint = Bracket()
    top_fraction(scores, 25_000, by_magnitude=True, hint=hint)
    for seed in range(20):
        scores = scores + 1e-4 * drawn(50_000, seed=seed)
        found = top_fraction(scores, 25_000, by_magnitude=True, hint=hint)
        assert int(found.mask.sum()) == 25_000
    assert len(calls) == 1


def test_the_bracket_follows_a_steady_drift(monkeypatch):
    calls = sort_count(monkeypatch)
    scores = drawn(50_000)
    hint = Bracket()
    for step in range(30):  # the threshold moves by a hundred candidates at a time
        top_fraction(scores + 0.01 * step, 25_000, hint=hint)
    assert len(calls) <= 3  # without a bracket, and until the drift is known


def descended(scores, velocity, gradient, values, *, by_magnitude):
    """The oracle of a step: rates 0.1, 0.9 and 0.01, every operation rounded to float32."""
    slope = gradient * values * (np.sign(scores) if by_magnitude else np.float32(1))
    velocity = np.float32(0.9) * velocity + (slope + np.float32(0.01) * scores)
    return scores - np.float32(0.1) * velocity, velocity


@pytest.mark.parametrize("by_magnitude", [True, False])
def test_one_pass_descends_and_selects_and_masks(by_magnitude):
    scores, values = drawn((70, 90)).round(decimals=2), drawn((70, 90), seed=1)  # with zeros
    velocity, kept = torch.zeros(70, 90), torch.empty(70, 90)
    hint = Bracket()
    for seed in range(5):  # without a hint, then with one
        gradient = 0.02 * drawn((70, 90), seed=2 + seed).numpy()
        expected = descended(
            scores.numpy(), velocity.numpy(), gradient, values.numpy(), by_magnitude=by_magnitude
        )
        descend_and_keep(
            scores,
            99,
            hint,
            by_magnitude=by_magnitude,
            values=values,
            kept=kept,
            descent=kernels.Descent(
                gradient.reshape(-1), velocity.view(-1).numpy(), 0.1, 0.9, 0.01
            ),
        )
        assert np.array_equal(scores, expected[0])
        assert np.array_equal(velocity, expected[1])
        mask = top_fraction(scores, 99, by_magnitude=by_magnitude).mask
        assert torch.equal(kept, torch.where(mask, values, 0))


def test_scores_are_not_changed_and_need_not_be_contiguous():
    scores = drawn((8, 6)).t()
    before = scores.clone()
    found = top_fraction(scores, 10, by_magnitude=True)
    assert torch.equal(scores, before)
    assert torch.equal(found.mask, top_fraction(before.contiguous(), 10, by_magnitude=True).mask)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("num_kept", lambda: top_fraction(torch.ones(3), 0)),
        ("num_kept", lambda: top_fraction(torch.ones(3), 4)),
        ("scores", lambda: top_fraction(torch.ones(0), 1)),
        ("scores", lambda: top_fraction(torch.ones(3, dtype=torch.float16), 1)),
        ("scores", lambda: top_fraction(torch.ones(3, dtype=torch.int64), 1)),
        ("size", lambda: num_kept_of(0.5, 0)),
        *[("density", lambda d=d: num_kept_of(d, 4)) for d in (0, -0.1, 1.01, np.nan, True, "1")],
    ],
)
def test_bad_input_is_refused(name, call):
    with pytest.raises(InvalidInputError, match=f"'{name}'"):
        call()


def test_a_density_is_what_is_kept():
    """Not what is pruned, and half a weight is a whole one."""
    assert num_kept_of(0.9, 10) == 9
    assert num_kept_of(0.15, 10) == 2
    assert num_kept_of(1e-9, 10) == 1
    assert num_kept_of(1, 10) == 10
    assert num_kept_of(np.float64(0.25), 266_200) == 66_550


def test_many_ties_do_not_fit_the_candidates():
    scores = torch.cat([torch.zeros(90_000), torch.ones(10_000)])
    hint = Bracket()
    hint.ends[:] = 0.0, 0.5
    found = top_fraction(scores, 50_000, hint=hint).mask
    expected = torch.cat([torch.arange(90_000) < 40_000, torch.ones(10_000, dtype=torch.bool)])
    assert torch.equal(found, expected)
    mask = np.empty(100_000, dtype=bool)
    assert not kernels.select_within(scores.numpy(), 50_000, np.zeros(2), False, mask, None, None)[
        1
    ]


@pytest.fixture(scope="module")
def select():
    """The Triton path, interpreted where there is no GPU (see conftest)."""
    pytest.importorskip("triton", reason="Triton is not installed")
    from strongltn.search.triton_selection import top_fraction_by_triton

    return top_fraction_by_triton


def check_triton(select, scores, num_kept, *, by_magnitude):
    found, threshold = select(scores.to(DEVICE), num_kept, by_magnitude=by_magnitude)
    expected = top_fraction(scores, num_kept, by_magnitude=by_magnitude)
    assert torch.equal(found.cpu(), expected.mask)
    assert threshold == expected.threshold


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=20),
    st.data(),
    st.booleans(),
)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_triton_selects_as_the_cpu_does(select, values, data, by_magnitude):
    num_kept = data.draw(st.integers(1, len(values)))
    check_triton(select, torch.tensor(values), num_kept, by_magnitude=by_magnitude)


@pytest.mark.parametrize("by_magnitude", [True, False])
@pytest.mark.parametrize("num_kept", [1, 700, 1024, 2500, 3000])
def test_triton_selects_across_blocks(select, num_kept, by_magnitude):
    check_triton(select, drawn(3000), num_kept, by_magnitude=by_magnitude)
    check_triton(select, drawn(3000).round(), num_kept, by_magnitude=by_magnitude)


@pytest.mark.skipif(DEVICE == "cpu", reason="no CUDA device")
def test_cuda_selects_as_the_cpu_does():
    scores = drawn(100_000)
    for num_kept in (1, 50_000, 100_000):
        expected = top_fraction(scores, num_kept, by_magnitude=True)
        found = top_fraction(scores.cuda(), num_kept, by_magnitude=True)
        assert torch.equal(found.mask.cpu(), expected.mask)
        found, _ = top_fraction_by_torch(scores.cuda(), num_kept, by_magnitude=True)
        assert torch.equal(found.cpu(), expected.mask)
