"""A masked weight whose gradient reaches the scores as if the mask were the scores themselves.

Importing this module imports torch and numba.
"""

from __future__ import annotations

from typing import Any

import torch

from strongltn.search import kernels
from strongltn.search.selection import flat_array


def masked(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return mask * values, without a gradient."""
    if values.device.type != "cpu":
        return torch.where(mask, values.detach(), 0)
    kept = torch.empty(values.shape, dtype=values.dtype)
    kernels.apply_mask(flat_array(values), flat_array(mask), flat_array(kept))
    return kept


def straight_through(
    scores: torch.Tensor, values: torch.Tensor, kept: torch.Tensor, *, by_magnitude: bool
) -> torch.Tensor:
    """Return `kept`, with the gradient of the scores: grad * values (* sign of the score).

    Parameters
    ----------
    scores, values : tensors of one shape and type
        `values` get no gradient.
    kept : tensor
        mask * values.
    by_magnitude : bool
        Whether the mask ranks |score|: only then is there the factor sign(score), 0 at 0.

    Returns
    -------
    tensor
        Differentiable in the scores.

    Source
    ------
    `ramanujan2020`, eq. 4 (recalled).
    """
    effective: torch.Tensor = _StraightThrough.apply(scores, values, kept, by_magnitude)  # type: ignore[no-untyped-call]
    return effective


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
