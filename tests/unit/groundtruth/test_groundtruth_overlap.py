"""Overlap of masks: counts, and the exact expectation by chance, against all masks there are."""

from itertools import combinations, product
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongltn.errors import InvalidInputError
from strongltn.groundtruth import mask_overlap


def mask_of(size, kept):
    mask = np.zeros(size, dtype=bool)
    mask[list(kept)] = True
    return mask


layers = st.integers(1, 5).flatmap(
    lambda size: st.tuples(
        st.just(size),
        st.sets(st.integers(0, size - 1)),
        st.sets(st.integers(0, size - 1)),
    )
)


@given(st.lists(layers, min_size=1, max_size=2))
def test_chance_is_the_mean_over_all_masks(drawn):
    one = [mask_of(size, kept) for size, kept, _ in drawn]
    other = [mask_of(size, kept) for size, _, kept in drawn]
    found = mask_overlap(one, other)
    choices = [list(combinations(range(size), len(kept))) for size, kept, _ in drawn]
    ratios = []
    for kept in product(*choices):
        both = sum(len(set(a) & b) for a, (_, _, b) in zip(kept, drawn, strict=True))
        either = sum(len(set(a) | b) for a, (_, _, b) in zip(kept, drawn, strict=True))
        ratios.append(both / either if either else 1.0)
    assert len(ratios) == prod(map(len, choices))
    assert found.chance == pytest.approx(np.mean(ratios), abs=1e-12)
    assert found.intersection == sum(len(a & b) for _, a, b in drawn)
    assert found.union == sum(len(a | b) for _, a, b in drawn)


@given(st.lists(layers, min_size=1, max_size=2))
def test_the_order_of_the_masks_does_not_matter(drawn):
    one = [mask_of(size, kept) for size, kept, _ in drawn]
    other = [mask_of(size, kept) for size, _, kept in drawn]
    there, back = mask_overlap(one, other), mask_overlap(other, one)
    assert (there.iou, there.chance) == (back.iou, pytest.approx(back.chance, abs=1e-12))
    assert mask_overlap(one, one).iou == 1


def test_large_masks_are_compared_quickly_and_near_the_ratio_of_means():
    generator = np.random.default_rng(0)
    masks = [generator.random((500, 1000)) < 0.5 for _ in range(2)]
    found = mask_overlap(masks[:1], masks[1:])
    assert found.chance == pytest.approx(1 / 3, abs=1e-3)
    assert found.iou == pytest.approx(1 / 3, abs=5e-3)


def test_other_shapes_are_refused():
    with pytest.raises(InvalidInputError, match="shapes"):
        mask_overlap([np.ones(2, dtype=bool)], [np.ones(3, dtype=bool)])
