"""Laws of the selection: the same as a sort gives, whatever the hint, on every path."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from strongltn.errors import InvalidInputError
from strongltn.models.density import num_kept_of
from strongltn.search.selection import Bracket, top_fraction, top_fraction_by_torch

FLOATS = {torch.float32: 32, torch.float64: 64}


@st.composite
def score_lists(draw, *, max_size=300):
    """Finite scores of one type: few values that tie, zeros of both signs, or anything."""
    dtype = draw(st.sampled_from(list(FLOATS)))
    anything = st.floats(allow_nan=False, allow_infinity=False, width=FLOATS[dtype])
    pool = draw(st.lists(anything, min_size=1, max_size=4))
    elements = draw(st.sampled_from([anything, st.sampled_from([*pool, 0.0, -0.0])]))
    size = draw(st.integers(1, 8) | st.integers(1, max_size))
    values = draw(st.lists(elements, min_size=size, max_size=size))
    return torch.tensor(values, dtype=dtype)


def sorted_mask(scores, num_kept, *, by_magnitude):
    """The oracle: a stable sort in Python, largest first."""
    ranks = [abs(x) if by_magnitude else x for x in scores.flatten().tolist()]
    order = sorted(range(len(ranks)), key=lambda i: (-ranks[i], i))
    mask = [False] * len(ranks)
    for i in order[:num_kept]:
        mask[i] = True
    return mask, ranks[order[num_kept - 1]]


def brackets():
    """Any hint: good, bad, empty, infinite in effect."""
    ends = st.floats(allow_nan=False, allow_infinity=False, width=32)
    return st.none() | st.builds(bracket, ends, ends) | ends.map(lambda x: bracket(x, x))


def bracket(lower, upper):
    made = Bracket()
    made.ends[:] = lower, upper
    return made


@given(score_lists(), st.data(), st.booleans(), brackets())
@example(torch.tensor([0.0, -0.0]), None, False, None)
def test_the_selection_is_that_of_a_sort(scores, data, by_magnitude, hint):
    size = scores.numel()
    num_kept = 1 if data is None else data.draw(st.integers(1, size))
    mask, threshold = sorted_mask(scores, num_kept, by_magnitude=by_magnitude)
    found = top_fraction(scores, num_kept, by_magnitude=by_magnitude, hint=hint)
    assert found.mask.tolist() == mask
    assert found.threshold == threshold
    again = top_fraction(scores, num_kept, by_magnitude=by_magnitude, hint=hint)
    assert again.mask.tolist() == mask
    on_device, level = top_fraction_by_torch(scores, num_kept, by_magnitude=by_magnitude)
    assert on_device.tolist() == mask
    assert level == threshold


@given(score_lists(), st.data())
def test_a_permutation_permutes_the_selection_of_distinct_scores(scores, data):
    scores = scores.unique()
    num_kept = data.draw(st.integers(1, scores.numel()))
    order = torch.tensor(data.draw(st.permutations(range(scores.numel()))))
    found = top_fraction(scores, num_kept).mask
    assert torch.equal(top_fraction(scores[order], num_kept).mask, found[order])


@given(score_lists(max_size=40), st.data())
def test_masks_of_smaller_densities_are_nested(scores, data):
    few, many = sorted(data.draw(st.tuples(*[st.integers(1, scores.numel())] * 2)))
    assert not (top_fraction(scores, few).mask & ~top_fraction(scores, many).mask).any()


@given(st.integers(0, 2**32), st.floats(0.001, 1.0), st.booleans())
@settings(max_examples=20)
def test_a_walk_of_many_scores_is_followed(seed, density, by_magnitude):
    """Scores that move a little each time: the hints hit, and miss, and nothing changes."""
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal(3000).astype(np.float32)
    hint = Bracket()
    num_kept = num_kept_of(density, scores.size)
    for step in (1e-4, 1e-4, 1e-3, 1.0, 1e-4):
        scores += np.float32(step) * rng.standard_normal(scores.size).astype(np.float32)
        ranks = np.abs(scores) if by_magnitude else scores
        expected = np.zeros(scores.size, dtype=bool)
        expected[np.argsort(-ranks, kind="stable")[:num_kept]] = True
        found = top_fraction(
            torch.from_numpy(scores), num_kept, by_magnitude=by_magnitude, hint=hint
        )
        assert np.array_equal(found.mask.numpy(), expected)


@given(score_lists(max_size=80), st.data(), brackets())
def test_a_score_that_is_no_number_is_refused(scores, data, hint):
    at = data.draw(st.integers(0, scores.numel() - 1))
    scores[at] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    with pytest.raises(InvalidInputError, match="1 NaN or infinite"):
        top_fraction(scores, 1, hint=hint)


@given(st.integers(1, 10**7), st.integers(1, 1000))
def test_counts_are_rounded_half_up_in_decimals(size, thousandths):
    expected = max(1, (2 * thousandths * size + 1000) // 2000)
    assert num_kept_of(thousandths / 1000, size) == expected
