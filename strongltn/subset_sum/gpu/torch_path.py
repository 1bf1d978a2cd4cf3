"""The batch search in plain torch operations: any device, and the reference of the Triton kernel.

Importing this module imports torch.
"""

from __future__ import annotations

import torch

from strongltn.errors import BudgetExceeded

_CHUNK_BYTES = 2**29  # of intermediate tensors at a time
_BYTES_PER_SUM = 64  # at most eight int64 tensors of the length of the longer list live at once


def choose_subsets(samples: torch.Tensor, goals: torch.Tensor) -> torch.Tensor:
    """Return the best subset of each row, by the tie rule of `MeetInTheMiddle`, packed in int64.

    The sums of one half are sorted; each sum of the other half looks up its two neighbours there.

    Parameters
    ----------
    samples : int64 tensor, shape (m, n)
        In quarter units, so multiples of 4; the magnitudes of a row sum to less than 2**62.
    goals : int64 tensor, shape (m,)
        In quarter units, odd, of magnitude below that sum plus 4; see `quarter_targets`.

    Returns
    -------
    int64 tensor, shape (m,)
        Bit k says whether sample k is kept.

    Raises
    ------
    BudgetExceeded
        The lists of one row do not fit 512 MiB: n > 46. Nothing was started.

    Notes
    -----
    Rigor: exact.  Cost: O(n 2**(n / 2)) a row, on the device of `samples`.  Randomness: none.

    Source
    ------
    `horowitz1974`.
    """
    num_samples = samples.shape[1]
    row_bytes = _BYTES_PER_SUM << (num_samples - num_samples // 2)
    if row_bytes > _CHUNK_BYTES:
        raise BudgetExceeded(
            f"The torch path needs {row_bytes} bytes for n = {num_samples} samples, and its limit "
            f"is {_CHUNK_BYTES}. Use fewer samples."
        )
    num_rows = _CHUNK_BYTES // row_bytes
    chosen = torch.empty_like(goals)
    for start in range(0, len(goals), num_rows):
        rows = slice(start, start + num_rows)
        chosen[rows] = _choose_chunk(samples[rows], goals[rows])
    return chosen


def _choose_chunk(samples: torch.Tensor, goals: torch.Tensor) -> torch.Tensor:
    half = samples.shape[1] // 2
    goal = goals[:, None]
    a_sums, b_sums = _subset_sums(samples[:, :half]), _subset_sums(samples[:, half:])
    keys = a_sums.sort(dim=1).values
    wanted = goal - b_sums
    above = torch.searchsorted(keys, wanted)
    distance = torch.minimum(
        (wanted - keys.gather(1, (above - 1).clamp(min=0))).abs(),
        (wanted - keys.gather(1, above.clamp(max=keys.shape[1] - 1))).abs(),
    )
    least = distance.min(dim=1, keepdim=True).values
    # Of goal +- least exactly one is a multiple of 4: the subset sum. The goal is odd, so pairs at
    # this distance have equal sums: the smallest sum in A stands beside the largest in B.
    total = torch.where((goal - least) % 4 == 0, goal - least, goal + least)
    is_least = distance == least
    lowest = torch.iinfo(torch.int64).min
    b_sum = torch.where(is_least, b_sums, lowest).max(dim=1, keepdim=True).values
    upper = _first(is_least & (b_sums == b_sum))
    lower = _first(a_sums == total - b_sum)
    return lower | upper << half


def _subset_sums(samples: torch.Tensor) -> torch.Tensor:
    """Return the sums of all subsets, shape (m, 2**n): bit k of the index keeps sample k."""
    sums = samples.new_zeros((len(samples), 1))
    for k in range(samples.shape[1]):
        sums = torch.cat([sums, sums + samples[:, k : k + 1]], dim=1)
    return sums


def _first(flags: torch.Tensor) -> torch.Tensor:
    """Return the index of the first true flag of each row."""
    return flags.to(torch.int8).argmax(dim=1)  # the first of several maxima
