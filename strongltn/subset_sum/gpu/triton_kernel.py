"""The batch search as a Triton kernel: one program solves one instance at a time, on chip.

Let A be the first half of the samples and B the rest. Written with signs, a sum of a subset of A is
center + s with s = +-x_0/2 +- x_1/2 ...: symmetric about zero, so the list P of the magnitudes of s
is half as long and still sorts as one. It grows by x like this: P and -P, each ascending, one after
the other, are a rotation of a sorted list; the magnitudes of that list plus x/2 therefore fall and
rise once, and a bitonic merge sorts them. Each sum of B then looks up, in P, the two neighbours of
the magnitude that it is short of the goal.

P stands in bit-reversed order for that search: the 2**k entries which step k may read are then
neighbours in shared memory, in different banks.

Importing this module imports triton.
"""

# What the kernels compute with are values of Triton, which have no Python types.
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False
# mypy: disallow-untyped-calls=False, disallow-untyped-decorators=False

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _is_upper(axis: tl.constexpr, rank: tl.constexpr):
    """Flag the upper half along one axis of a cube of `rank` axes."""
    return tl.reshape(tl.arange(0, 2), [1] * axis + [2] + [1] * (rank - axis - 1)) == 1


@triton.jit
def _merged(values, begin: tl.constexpr, end: tl.constexpr):
    """Sort, along the axes begin to end - 1 as one, sequences that fall and rise once."""
    for axis in tl.static_range(begin, end):
        partner = tl.sum(values, axis, keep_dims=True) - values
        is_upper = _is_upper(axis, len(values.shape))
        values = tl.where((values > partner) != is_upper, partner, values)
    return values


@triton.jit
def _sorted_magnitudes(samples, count: tl.constexpr):
    """Return P of `count` samples: shape (2, ..., 2, 1), the first axis the highest bit."""
    values = tl.abs(tl.load(samples + tl.arange(0, 1)) >> 1)
    for k in tl.static_range(1, count):
        values = tl.expand_dims(values, 0)
        mirrored = tl.where(_is_upper(0, k + 1), -values, values)
        values = tl.abs(_merged(mirrored, 1, k) + (tl.load(samples + k) >> 1))
    return _merged(values, 0, count - 1)


@triton.jit
def _subset_sums(samples, count: tl.constexpr):
    """Return the sums of all subsets of `count` samples: bit k of the index keeps sample k."""
    index = tl.arange(0, 1 << count)
    sums = tl.zeros([1 << count], samples.dtype.element_ty)
    for k in tl.static_range(count):
        sums += tl.where((index >> k) & 1 == 1, tl.load(samples + k), 0)
    return sums


@triton.jit
def _outer_sums(samples, count: tl.constexpr):
    """Return `_subset_sums`, by one addition each from two short lists."""
    low: tl.constexpr = count if count < 7 else 7
    sums = _subset_sums(samples + low, count - low)[:, None] + _subset_sums(samples, low)[None, :]
    return tl.reshape(sums, [1 << count])


@triton.jit
def _distances(wanted, samples, count: tl.constexpr):
    """Return how far each number of `wanted` is from the nearest of P and -P."""
    num: tl.constexpr = 1 << (count - 1)
    sorted_values = tl.reshape(_sorted_magnitudes(samples, count), [num])
    index = tl.arange(0, num)
    reversed_index = tl.zeros([num], tl.int32)
    for k in tl.static_range(count - 1):
        reversed_index |= ((index >> k) & 1) << (count - 2 - k)
    keys = tl.gather(sorted_values, reversed_index, 0)
    next_keys = tl.gather(sorted_values, tl.minimum(reversed_index + 1, num - 1), 0)
    wanted = tl.abs(wanted)
    place = tl.zeros(wanted.shape, tl.int32)
    for k in tl.static_range(count - 1):
        probe = place + (1 << k)
        place = tl.where(tl.gather(keys, probe, 0) <= wanted, probe, place)
    below, above = tl.gather(keys, place, 0), tl.gather(next_keys, place, 0)
    return tl.minimum(tl.abs(wanted - below), tl.abs(wanted - above))


@triton.jit
def _best_subset(samples, goal, num_samples: tl.constexpr, half: tl.constexpr):
    """Return the packed best subset of one row; its first `half` >= 1 samples are A."""
    num_upper: tl.constexpr = 1 << (num_samples - half)
    center = tl.load(samples) >> 1
    for k in tl.static_range(1, half):
        center += tl.load(samples + k) >> 1
    b_sums = _outer_sums(samples + half, num_samples - half)
    distance = _distances(goal - center - b_sums, samples, half)
    least = tl.min(distance, 0)
    # Of goal +- least exactly one is a multiple of 4: the subset sum. The goal is odd, so pairs at
    # this distance have equal sums: the smallest sum in A stands beside the largest in B.
    total = tl.where((goal - least) & 3 == 0, goal - least, goal + least)
    b_sum = tl.max(tl.where(distance == least, b_sums, tl.min(b_sums, 0)), 0)
    is_best = (distance == least) & (b_sums == b_sum)
    upper = tl.min(tl.where(is_best, tl.arange(0, num_upper), num_upper), 0)
    is_partner = _outer_sums(samples, half) == total - b_sum
    lower = tl.min(tl.where(is_partner, tl.arange(0, 1 << half), 1 << half), 0)
    return lower.to(tl.int64) | (upper.to(tl.int64) << half)


@triton.jit(do_not_specialize=["num_rows"])
def search_rows(samples, goals, chosen, num_rows, num_samples: tl.constexpr, half: tl.constexpr):
    """Write the best subset of each row of `samples`."""
    row = tl.program_id(0)
    while row < num_rows:
        row_samples = samples + row.to(tl.int64) * num_samples
        best = _best_subset(row_samples, tl.load(goals + row), num_samples, half)
        tl.store(chosen + row, best)
        row += tl.num_programs(0)


@triton.jit
def _numerators(key, layer, rows, columns, is_sign: tl.constexpr):
    """Return entries of a source layer, as `draw_entries`: the word of (row, column) by its law."""
    rows, columns = rows.to(tl.uint32), columns.to(tl.uint32)
    zeros = tl.zeros(columns.shape, tl.uint32)
    word, word1, word2, word3 = tl.philox(key, columns >> 2, rows, zeros + layer, zeros)
    lane = columns & 3
    word = tl.where(lane == 1, word1, word)
    word = tl.where(lane == 2, word2, word)
    word = tl.where(lane == 3, word3, word)
    if is_sign:
        return tl.where(word >> 31 == 1, -(1 << 24), 1 << 24)
    return ((word >> 8) << 1).to(tl.int32) + (1 - (1 << 24))


@triton.jit(
    do_not_specialize=[
        "num_rows",
        "first_instance",
        "key",
        "layer",
        "num_columns",
        "block_width",
    ]
)
def search_drawn(
    scratch,
    goals,
    chosen,
    num_rows,
    first_instance,
    key,
    layer,
    num_columns,
    block_width,
    shares_hidden: tl.constexpr,
    group: tl.constexpr,
    is_sign: tl.constexpr,
    num_positions: tl.constexpr,
    num_samples: tl.constexpr,
    half: tl.constexpr,
):
    """Write the best subset of instances whose samples are drawn here, into a slot of `scratch`."""
    position = tl.arange(0, num_positions)
    slot = scratch + tl.program_id(0) * num_positions + position
    row = tl.program_id(0)
    while row < num_rows:
        instance = first_instance + row.to(tl.int64)
        output, column = instance // num_columns, instance % num_columns
        block = column if shares_hidden else instance
        hidden = block * block_width + position
        first = _numerators(key, layer, hidden, column + 0 * hidden, is_sign)
        second = _numerators(key, layer + 1, output + 0 * hidden, hidden, False)
        is_member = position < block_width
        if group != 0:
            is_member = is_member & ((first > 0) == (group > 0))
            first = tl.abs(first)
        order = tl.cumsum(is_member.to(tl.int32), 0) - 1
        tl.debug_barrier()  # the slot is read by all warps, and written by others than read it
        tl.store(slot, tl.zeros([num_positions], tl.int64))
        tl.debug_barrier()
        product = 4 * first.to(tl.int64) * second
        tl.store(slot - position + order, product, mask=is_member)  # those after n are not read
        tl.debug_barrier()
        row_samples = scratch + tl.program_id(0) * num_positions
        best = _best_subset(row_samples, tl.load(goals + row), num_samples, half)
        tl.store(chosen + row, best)
        row += tl.num_programs(0)
