"""The batch search on an accelerator: a Triton kernel where it runs, plain torch elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from strongltn.errors import InvalidInputError
from strongltn.numerics.exact import BoolArray, FloatArray, RowGrid
from strongltn.subset_sum.gpu.source_pair import SourcePair
from strongltn.subset_sum.integer_units import mask_of, quarter_targets
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers.abstract import CandidateBatch
from strongltn.subset_sum.solvers.meet_in_the_middle import MeetInTheMiddle

if TYPE_CHECKING:
    import torch

__all__ = ["SourcePair", "available_devices", "search_batch"]

_ROWS_AT_ONCE = 2**18  # of 21 samples: 44 MB of integers on either side


def search_batch(samples: FloatArray, targets: FloatArray, *, device: str) -> CandidateBatch:
    """Return the best subset of each row: the masks of `MeetInTheMiddle`, bit for bit.

    Parameters
    ----------
    samples : float64 array, shape (m, n)
        Finite, n >= 1.
    targets : float64 array, shape (m,)
        Finite.
    device : str
        ``"cpu"``, ``"cuda"`` or ``"cuda:0"`` and so on; see `available_devices`. For ``"cpu"``
        torch is not imported.

    Returns
    -------
    CandidateBatch

    Raises
    ------
    InvalidInputError
        There is no such device here.
    BudgetExceeded
        n is too large for the device; nothing was started.

    Notes
    -----
    Rows that do not fit int64 are searched by `MeetInTheMiddle` on the CPU. On CUDA the Triton
    kernel takes n <= 26; more samples, or no Triton, go through plain torch operations.
    Rigor: exact.  Cost: O(2**(n / 2)) a row.  Randomness: none.

    Source
    ------
    `horowitz1974`.

    Examples
    --------
    >>> search_batch(np.array([[0.5, 0.25]]), np.array([0.3]), device="cpu").mask.tolist()
    [[False, True]]
    """
    if device == "cpu":
        return MeetInTheMiddle().search_batch(samples, targets, None)
    if device not in (devices := available_devices()):
        raise InvalidInputError("device", got=device, allowed=f"one of {', '.join(devices)}")
    mask = masks_on(samples, targets, device=device, choose=_choice(samples.shape[1]))
    return CandidateBatch(mask, np.full(len(mask), Stop.SPACE_COVERED, dtype=object))


def available_devices() -> tuple[str, ...]:
    """Return the devices that `search_batch` takes here, ``"cpu"`` first."""
    import torch

    num_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if num_devices == 0:
        return ("cpu",)
    return ("cpu", "cuda", *(f"cuda:{index}" for index in range(num_devices)))


def masks_on(
    samples: FloatArray,
    targets: FloatArray,
    *,
    device: str,
    choose: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> BoolArray:
    """Return the best masks by one of the two `choose_subsets`, its tensors on a torch device."""
    import torch

    mask = np.empty(samples.shape, dtype=np.bool_)
    for start in range(0, len(samples), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        grid = RowGrid.of(samples[rows])
        goals = torch.from_numpy(quarter_targets(grid, targets[rows])).to(device)
        chosen = choose(torch.from_numpy(grid.numerators).to(device) << 2, goals)
        mask[rows] = mask_of(chosen.cpu().numpy(), samples.shape[1])
        left = start + np.flatnonzero(~grid.fits)
        if left.size:
            mask[left] = MeetInTheMiddle().search_batch(samples[left], targets[left], None).mask
    return mask


def _choice(num_samples: int) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return `choose_subsets` of the Triton kernel if it can serve, else that of plain torch."""
    from strongltn.subset_sum.gpu import torch_path

    if find_spec("triton") is None:
        return torch_path.choose_subsets
    from strongltn.subset_sum.gpu import triton_path

    if num_samples > triton_path.MAX_SAMPLES:
        return torch_path.choose_subsets
    return triton_path.choose_subsets
