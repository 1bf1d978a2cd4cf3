"""Selection by operations that torch has on every device. Importing this module imports torch."""

from __future__ import annotations

import torch


def top_fraction(
    scores: torch.Tensor, num_kept: int, *, by_magnitude: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mask and threshold of scores " n"; see `strongltn.search.gpu.top_fraction`."""
    ranks = scores.abs() if by_magnitude else scores
    threshold = ranks.kthvalue(scores.numel() - num_kept + 1).values
    is_above = ranks > threshold
    is_tied = ranks == threshold
    is_early = is_tied.cumsum(0) <= num_kept - is_above.sum()
    return is_above | is_tied & is_early, threshold
