"""Selection on an accelerator: a Triton kernel where it runs, plain torch elsewhere."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def top_fraction(
    scores: torch.Tensor, num_kept: int, *, by_magnitude: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mask and threshold of scores " n", as `strongltn.search.selection.top_fraction`.

    Nothing waits for the device, so that a CUDA graph can hold it; hence a NaN among the scores is
    not seen, and what is selected then is not specified.
    """
    import torch

    if scores.is_cuda and scores.dtype is torch.float32 and find_spec("triton") is not None:
        from strongltn.search.gpu import triton_path

        return triton_path.top_fraction(scores, num_kept, by_magnitude=by_magnitude)
    from strongltn.search.gpu import torch_path

    return torch_path.top_fraction(scores, num_kept, by_magnitude=by_magnitude)
