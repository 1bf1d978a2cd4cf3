"""The largest scores: exactly as many as asked for, ties by lowest index, without a sort.

From one training step to the next the threshold hardly moves. A bracket around the last one leaves
few candidates: one pass counts what is above it, and the rest of the work is among the candidates.
A bracket is only a hint: where it misses, the selection starts again without one, and the answer
is the same. Importing this module imports torch and numba.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.search import kernels


class Bracket:
    """Where the next threshold is expected: a hint that every selection moves.

    Attributes
    ----------
    ends
        The lower and the upper end, float64 (2,); NaN before the first selection.
    """

    def __init__(self) -> None:
        self.ends = np.full(2, np.nan)


class Selection(NamedTuple):
    """The largest scores.

    Attributes
    ----------
    mask
        Which scores are kept (True): a bool tensor in their shape.
    threshold
        The least kept score, or magnitude; a tensor of one element where a device is not to be
        waited for.
    """

    mask: torch.Tensor
    threshold: float | torch.Tensor


def top_fraction(
    scores: torch.Tensor,
    num_kept: int,
    *,
    by_magnitude: bool = False,
    hint: Bracket | None = None,
) -> Selection:
    """Select exactly `num_kept` of the scores: the largest, of equal ones those that come first.

    Parameters
    ----------
    scores
        Finite numbers in float32 or float64, in any shape, at least one; -0 and 0 are equal.
    num_kept
        How many are to be kept, from 1 to all.
    by_magnitude
        Whether |score| ranks instead of the score.
    hint
        The bracket of earlier selections from these scores; it is moved. The result never depends
        on it, only the time does. It is used on the CPU alone.

    Raises
    ------
    InvalidInputError
        A score is NaN or infinite (found on the CPU only: elsewhere a look would stall the
        device), or of another type, or `num_kept` is out of range.

    Notes
    -----
    Rigor: exact.  Cost: one pass with a good hint, otherwise a partition; no sort.
    Randomness: none.

    Examples
    --------
    >>> top_fraction(torch.tensor([0.5, -2.0, 0.5, 0.1]), 2, by_magnitude=True).mask.tolist()
    [True, True, False, False]
    """
    if scores.dtype not in (torch.float32, torch.float64) or scores.numel() == 0:
        raise InvalidInputError(
            "scores",
            got=f"{scores.numel()} of {scores.dtype}",
            allowed="float32 or float64, at least one",
        )
    if not 1 <= num_kept <= scores.numel():
        raise InvalidInputError(
            "num_kept", got=num_kept, allowed=f"in [1, {scores.numel()}], the number of scores"
        )
    if scores.device.type != "cpu":
        flat = scores.detach().reshape(-1)
        mask, level = _on_device(flat, num_kept, by_magnitude=by_magnitude)
        return Selection(mask.view(scores.shape), level)
    found = np.empty(scores.numel(), dtype=np.bool_)
    ends = Bracket().ends if hint is None else hint.ends
    threshold = _select(flat_array(scores), num_kept, ends, by_magnitude, found)
    return Selection(torch.from_numpy(found).view(scores.shape), threshold)


def top_fraction_by_torch(
    scores: torch.Tensor, num_kept: int, *, by_magnitude: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mask and threshold of scores " n" by operations that torch has on every device.

    Nothing waits for the device, so that a CUDA graph can hold it; hence a NaN among the scores is
    not seen, and what is selected then is not specified.
    """
    ranks = scores.abs() if by_magnitude else scores
    threshold = ranks.kthvalue(scores.numel() - num_kept + 1).values
    is_above = ranks > threshold
    is_tied = ranks == threshold
    is_early = is_tied.cumsum(0) <= num_kept - is_above.sum()
    return is_above | is_tied & is_early, threshold


def _on_device(
    scores: torch.Tensor, num_kept: int, *, by_magnitude: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Select on an accelerator: by a Triton kernel where it runs, by plain torch elsewhere."""
    if scores.is_cuda and scores.dtype is torch.float32 and find_spec("triton") is not None:
        from strongltn.search.triton_selection import top_fraction_by_triton

        return top_fraction_by_triton(scores, num_kept, by_magnitude=by_magnitude)
    return top_fraction_by_torch(scores, num_kept, by_magnitude=by_magnitude)


def descend_and_keep(
    scores: torch.Tensor,
    num_kept: int,
    hint: Bracket,
    *,
    by_magnitude: bool,
    values: torch.Tensor,
    kept: torch.Tensor,
    descent: kernels.Descent,
) -> None:
    """Move the scores, then write the `values` of the largest into `kept`, zeros elsewhere.

    These steps, each bound by the memory, are one pass on the CPU. The arguments have been checked.

    Parameters
    ----------
    scores, kept
        Contiguous tensors of one shape and type, which are written.
    num_kept, hint, by_magnitude
        As in `top_fraction`.
    values
        What the kept entries become, in the shape and type of the scores.
    descent
        The step of the scores.

    Raises
    ------
    InvalidInputError
        A score has become NaN or infinite.
    """
    _select(
        scores.detach().view(-1).numpy(),  # not `flat_array`: what is written must be a view
        num_kept,
        hint.ends,
        by_magnitude,
        kept.detach().view(-1).numpy(),
        values=flat_array(values),
        descent=descent,
    )


def flat_array(tensor: torch.Tensor) -> NDArray[Any]:
    """Return a tensor of the CPU as an array of one dimension; a view where it is contiguous."""
    array: NDArray[Any] = tensor.detach().numpy().reshape(-1)
    return array


def _select(
    scores: NDArray[Any],
    num_kept: int,
    ends: NDArray[np.float64],
    by_magnitude: bool,
    out: NDArray[Any],
    *,
    values: NDArray[Any] | None = None,
    descent: kernels.Descent | None = None,
) -> float:
    """Write the mask, or the kept values, move the bracket, and return the threshold."""
    num_finite, is_within, threshold = kernels.select_within(
        scores, num_kept, ends, by_magnitude, out, values, descent
    )
    if num_finite < scores.size:
        raise InvalidInputError(
            "scores",
            got=f"{scores.size - num_finite} NaN or infinite entries",
            allowed="finite",
            hint="The training has diverged: try a smaller learning rate.",
        )
    if not is_within:
        mask = out if values is None else np.empty(scores.size, dtype=np.bool_)
        threshold = _select_among_all(scores, num_kept, ends, by_magnitude, mask)
        if values is not None:
            kernels.apply_mask(values, mask, out)
    return float(threshold)


def _select_among_all(
    scores: NDArray[Any],
    num_kept: int,
    ends: NDArray[np.float64],
    by_magnitude: bool,
    mask: NDArray[np.bool_],
) -> Any:
    """Do without a hint: write the mask, lay a new bracket, and return the threshold."""
    ranks = np.abs(scores) if by_magnitude else scores
    place = scores.size - num_kept
    distance = kernels.num_beside(scores.size)
    below, above = max(place - distance, 0), min(place + distance, scores.size - 1)
    ordered = np.partition(ranks, [below, place, above])
    threshold = ordered[place]
    np.greater(ranks, threshold, out=mask)
    ties = np.flatnonzero(ranks == threshold)
    mask[ties[: num_kept - np.count_nonzero(mask)]] = True
    least, level, most = (float(ordered[k]) for k in (below, place, above))
    radius = max(level - least, most - level)
    kernels.move_bracket(ends, level, radius, float(np.finfo(scores.dtype).max))
    return threshold
