"""Masked values whose gradient passes straight through the mask to the scores.

Importing this module imports torch and numba.
"""

from __future__ import annotations

from typing import Any

import torch

from strongltn.search import kernels
from strongltn.search.selection import flat_array


def straight_through(
    scores: torch.Tensor, values: torch.Tensor, mask: torch.Tensor, *, by_magnitude: bool
) -> torch.Tensor:
    """Return mask * values, whose gradient for the scores is grad * values (* sign of the score).

    Parameters
    ----------
    scores, values, mask
        Tensors of one shape; scores and values have one type of float. `values` get no gradient.
    by_magnitude
        Whether the mask ranks |score|: only then is there the factor sign(score), 0 at 0.

    Source
    ------
    `ramanujan2020`, eq. 4 (recalled).
    """
    kept: torch.Tensor = _StraightThrough.apply(scores, values, masked(values, mask), by_magnitude)  # type: ignore[no-untyped-call]
    return kept


def masked(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return mask * values, without a gradient."""
    if values.device.type != "cpu":
        return torch.where(mask, values.detach(), 0)
    kept = torch.empty(values.shape, dtype=values.dtype)
    kernels.apply_mask(flat_array(values), flat_array(mask), flat_array(kept))
    return kept


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, scores: torch.Tensor, values: torch.Tensor, kept: torch.Tensor, by_magnitude: bool
    ) -> torch.Tensor:
        ctx.save_for_backward(scores, values)
        ctx.by_magnitude = by_magnitude
        return kept

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        scores, values = ctx.saved_tensors
        if not ctx.by_magnitude:
            return gradient * values, None, None, None
        if values.device.type != "cpu":
            return (gradient * values).mul_(scores.sign()), None, None, None
        out = torch.empty(values.shape, dtype=values.dtype)
        kernels.signed_product(
            flat_array(gradient), flat_array(values), flat_array(scores), flat_array(out)
        )
        return out, None, None, None
