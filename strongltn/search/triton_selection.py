"""Selection by a radix select in Triton: the key of the threshold, eight bits at a time.

Scores become integer keys in the same order. Each round counts, for the entries whose higher bits
are those of the threshold, the values of the next eight bits, and goes down from the largest value
until enough entries are counted. All of it stays on the device.

It has run in Triton's interpreter only, so far: never on a GPU. Importing this module imports torch
and triton.
"""

# What the kernels compute with are values of Triton, which have no Python types.
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False
# mypy: disallow-untyped-calls=False, disallow-untyped-decorators=False

from __future__ import annotations

import torch
import triton
import triton.language as tl

_BLOCK = 1024


@triton.jit
def _keys(scores, index, size, by_magnitude: tl.constexpr):
    """Return unsigned keys that order as the scores do; -0 and 0 have one key."""
    values = tl.load(scores + index, mask=index < size, other=0.0)
    values = tl.where(values == 0.0, 0.0, values)
    if by_magnitude:
        values = tl.abs(values)
    bits = values.to(tl.int32, bitcast=True)
    ordered = tl.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    return ordered.to(tl.int64) + 0x80000000


@triton.jit
def count_digits(
    scores,
    size,
    prefix,
    counts,
    shift: tl.constexpr,
    by_magnitude: tl.constexpr,
    block: tl.constexpr,
):
    """Add to `counts` (256) the digits at `shift` of the keys that begin with `prefix` (one)."""
    index = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    keys = _keys(scores, index, size, by_magnitude)
    is_member = (index < size) & ((keys >> (shift + 8)) == tl.load(prefix))
    digits = ((keys >> shift) & 255).to(tl.int32)
    # those that are not members are counted as zeros, and taken off again
    counted = tl.histogram(tl.where(is_member, digits, 0), 256)
    num_others = block - tl.sum(is_member.to(tl.int32), 0)
    bins = tl.arange(0, 256)
    tl.atomic_add(counts + bins, counted - tl.where(bins == 0, num_others, 0))


@triton.jit
def choose_digit(counts, prefix, num_wanted):
    """Append the next digit of the threshold to `prefix`; leave `num_wanted` of those that tie."""
    bins = tl.arange(0, 256)
    counted = tl.load(counts + bins)
    # how many are at a digit or above, for each digit: it falls as the digit grows
    num_least = tl.sum(counted, 0) - tl.cumsum(counted, 0) + counted
    wanted = tl.load(num_wanted)
    digit = tl.sum((num_least >= wanted).to(tl.int32), 0) - 1
    num_above = tl.sum(tl.where(bins > digit, counted, 0), 0)
    tl.store(prefix, tl.load(prefix) * 256 + digit)
    tl.store(num_wanted, wanted - num_above)
    tl.store(counts + bins, tl.zeros([256], tl.int32))


@triton.jit
def count_ties(scores, size, threshold, num_ties, by_magnitude: tl.constexpr, block: tl.constexpr):
    """Write how many keys of each block equal the threshold's."""
    index = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    is_tied = (_keys(scores, index, size, by_magnitude) == tl.load(threshold)) & (index < size)
    tl.store(num_ties + tl.program_id(0), tl.sum(is_tied.to(tl.int32), 0))


@triton.jit
def write_mask(
    scores,
    size,
    threshold,
    num_wanted,
    ties_before,
    mask,
    by_magnitude: tl.constexpr,
    block: tl.constexpr,
):
    """Keep the keys above the threshold and the first `num_wanted` of those that equal it."""
    index = tl.program_id(0).to(tl.int64) * block + tl.arange(0, block)
    keys = _keys(scores, index, size, by_magnitude)
    is_tied = (keys == tl.load(threshold)) & (index < size)
    place = tl.load(ties_before + tl.program_id(0)) + tl.cumsum(is_tied.to(tl.int32), 0)
    is_kept = (keys > tl.load(threshold)) | (is_tied & (place <= tl.load(num_wanted)))
    tl.store(mask + index, is_kept, mask=index < size)


def top_fraction_by_triton(
    scores: torch.Tensor, num_kept: int, *, by_magnitude: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mask and threshold of float32 scores " n"; as `selection.top_fraction_by_torch`.

    The scores, fewer than 2^31, are on a CUDA device, or anywhere under Triton's interpreter.
    """
    size = scores.numel()
    num_blocks = triton.cdiv(size, _BLOCK)
    counts = torch.zeros(256, dtype=torch.int32, device=scores.device)
    prefix = torch.zeros(1, dtype=torch.int64, device=scores.device)
    num_wanted = torch.full((1,), num_kept, dtype=torch.int32, device=scores.device)
    num_ties = torch.empty(num_blocks, dtype=torch.int32, device=scores.device)
    mask = torch.empty(size, dtype=torch.bool, device=scores.device)
    options = {"by_magnitude": by_magnitude, "block": _BLOCK}
    with torch.cuda.device(scores.get_device()):  # -1, the CPU, changes nothing
        for shift in (24, 16, 8, 0):
            count_digits[(num_blocks,)](scores, size, prefix, counts, shift=shift, **options)
            choose_digit[(1,)](counts, prefix, num_wanted)
        count_ties[(num_blocks,)](scores, size, prefix, num_ties, **options)
        ties_before = (num_ties.cumsum(0) - num_ties).to(torch.int32)
        write_mask[(num_blocks,)](scores, size, prefix, num_wanted, ties_before, mask, **options)
    return mask, _score_of(prefix)


def _score_of(key: torch.Tensor) -> torch.Tensor:
    """Return the score whose key this is, without a dimension."""
    ordered = key - 0x80000000
    bits = torch.where(ordered < 0, ordered ^ 0x7FFFFFFF, ordered)
    return bits.to(torch.int32).view(torch.float32)[0]
