"""The batch search by the Triton kernel, of samples from memory or drawn on the chip.

Importing this module imports torch and triton.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton

from strongltn.errors import BudgetExceeded
from strongltn.rng import WeightLaw
from strongltn.subset_sum.gpu import triton_kernel
from strongltn.subset_sum.gpu.source_pair import SourcePair

#: More samples would not fit the registers of a program.
MAX_SAMPLES = 26

_PROGRAMS_PER_PROCESSOR = 16
_MAX_NARROW_REACH = 2**30 - 2  # sum of magnitudes in quarter units: no number then leaves int32


@dataclass(frozen=True)
class Launch:
    """How an instance is spread over a program: only the speed depends on it.

    Attributes
    ----------
    sums_per_thread : int, a power of two
        Sums of the second half that one thread looks up; at least one warp and at most 16 serve.
    max_registers : int
        Per thread. Fewer let more programs run side by side, and spill more.
    """

    sums_per_thread: int = 16
    max_registers: int = 128

    def options(self, num_upper: int) -> dict[str, int]:
        """Return the launch options for `num_upper` samples in the second half."""
        num_warps = (1 << num_upper) // (32 * self.sums_per_thread)
        return {"num_warps": min(max(num_warps, 1), 16), "maxnreg": self.max_registers}


DEFAULT_LAUNCH = Launch()


def choose_subsets(
    samples: torch.Tensor, goals: torch.Tensor, *, launch: Launch = DEFAULT_LAUNCH
) -> torch.Tensor:
    """Return the best subset of each row, packed: the same bits as `torch_path.choose_subsets`.

    Parameters
    ----------
    samples, goals
        As in `torch_path.choose_subsets`; on a CUDA device, or anywhere under Triton's interpreter.
    launch : Launch
        How the rows are spread over the device.

    Raises
    ------
    BudgetExceeded
        n > `MAX_SAMPLES`.

    Notes
    -----
    Rows whose numbers fit int32 are searched in int32.
    Rigor: exact.  Cost: O(n 2**(n / 2)) a row.  Randomness: none.

    Source
    ------
    `horowitz1974` for the halves, `batcher1968` for the merge.
    """
    _check_num_samples(samples.shape[1])
    chosen = torch.empty_like(goals)
    is_narrow = samples.abs().sum(dim=1) <= _MAX_NARROW_REACH
    for rows, dtype in ((is_narrow, torch.int32), (~is_narrow, torch.int64)):
        if rows.any():
            chosen[rows] = _choose_rows(samples[rows].to(dtype), goals[rows].to(dtype), launch)
    return chosen


def choose_drawn(
    pair: SourcePair,
    goals: torch.Tensor,
    *,
    first_instance: int,
    launch: Launch = DEFAULT_LAUNCH,
) -> torch.Tensor:
    """Return the best subset of consecutive instances, their samples drawn on the chip.

    Parameters
    ----------
    pair : SourcePair
        Where the samples come from. Its laws need no table: not `WeightLaw.GAUSSIAN`.
    goals : int64 tensor, shape (m,)
        From `SourcePair.goals`; on a CUDA device, or anywhere under Triton's interpreter.
    first_instance : int >= 0
        Number of the instance of ``goals[0]``.
    launch : Launch
        How the instances are spread over the device.

    Returns
    -------
    int64 tensor, shape (m,)
        Bit k says whether the k-th member of the group is kept.

    Raises
    ------
    BudgetExceeded
        n > `MAX_SAMPLES`.
    InvalidInputError
        An address of these instances is beyond the generator's counters.

    Notes
    -----
    Device memory carries goals and answers; a program keeps its samples in a slot of its own.
    Rigor: exact.  Cost: as `choose_subsets`, plus two Philox blocks for each hidden neuron.
    Randomness: counter-based, the bits of `draw_entries`.

    Source
    ------
    `salmon2011` for the generator.
    """
    _check_num_samples(pair.num_samples)
    pair.check_instances(first_instance, len(goals))
    num_programs = _num_programs(goals)
    num_positions = triton.next_power_of_2(pair.block_width)
    scratch = goals.new_empty((num_programs, num_positions))
    chosen = torch.empty_like(goals)
    half = max(1, pair.num_samples // 2)
    with torch.cuda.device(goals.get_device()):  # -1, the CPU, changes nothing
        triton_kernel.search_drawn[(num_programs,)](
            scratch,
            goals,
            chosen,
            len(goals),
            first_instance,
            pair.key,
            2 * pair.pair,
            pair.num_columns,
            pair.block_width,
            shares_hidden=pair.shares_hidden,
            group=pair.group,
            is_sign=pair.law is WeightLaw.SIGNED_CONSTANT,
            num_positions=num_positions,
            num_samples=pair.num_samples,
            half=half,
            **launch.options(pair.num_samples - half),
        )
    return chosen


def _choose_rows(samples: torch.Tensor, goals: torch.Tensor, launch: Launch) -> torch.Tensor:
    chosen = torch.empty(len(goals), dtype=torch.int64, device=goals.device)
    num_samples = samples.shape[1]
    half = max(1, num_samples // 2)
    with torch.cuda.device(goals.get_device()):  # -1, the CPU, changes nothing
        triton_kernel.search_rows[(_num_programs(goals),)](
            samples,
            goals,
            chosen,
            len(goals),
            num_samples=num_samples,
            half=half,
            **launch.options(num_samples - half),
        )
    return chosen


def _check_num_samples(num_samples: int) -> None:
    if num_samples > MAX_SAMPLES:
        raise BudgetExceeded(
            f"The Triton kernel takes n <= {MAX_SAMPLES} samples and got n = {num_samples}. "
            "Use the torch path, or fewer samples."
        )


def _num_programs(goals: torch.Tensor) -> int:
    """Fill the device; under the interpreter, two programs, so that both take several rows."""
    if not goals.is_cuda:
        return min(2, len(goals))
    processors = torch.cuda.get_device_properties(goals.device).multi_processor_count
    return min(_PROGRAMS_PER_PROCESSOR * processors, len(goals))
