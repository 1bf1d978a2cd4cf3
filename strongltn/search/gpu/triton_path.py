"""Selection by the Triton kernels of a radix select, without a sort and without a wait.

Run in Triton's interpreter only, so far: never on a GPU. Importing this module imports torch and
triton.
"""

from __future__ import annotations

import torch
import triton

from strongltn.search.gpu import triton_kernel

_BLOCK = 1024


def top_fraction(
    scores: torch.Tensor, num_kept: int, *, by_magnitude: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mask and threshold of float32 scores " n"; see `strongltn.search.gpu.top_fraction`.

    Parameters
    ----------
    scores : float32 tensor " n"
        On a CUDA device, or anywhere under Triton's interpreter; fewer than 2^31.
    num_kept : int in [1, n]
    by_magnitude : bool

    Returns
    -------
    tuple of a bool tensor " n" and a tensor of one element
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
            triton_kernel.count_digits[(num_blocks,)](
                scores, size, prefix, counts, shift=shift, **options
            )
            triton_kernel.choose_digit[(1,)](counts, prefix, num_wanted)
        triton_kernel.count_ties[(num_blocks,)](scores, size, prefix, num_ties, **options)
        ties_before = (num_ties.cumsum(0) - num_ties).to(torch.int32)
        triton_kernel.write_mask[(num_blocks,)](
            scores, size, prefix, num_wanted, ties_before, mask, **options
        )
    return mask, _score_of(prefix)


def _score_of(key: torch.Tensor) -> torch.Tensor:
    """Return the score whose key this is, without a dimension."""
    ordered = key - 0x80000000
    bits = torch.where(ordered < 0, ordered ^ 0x7FFFFFFF, ordered)
    return bits.to(torch.int32).view(torch.float32)[0]
