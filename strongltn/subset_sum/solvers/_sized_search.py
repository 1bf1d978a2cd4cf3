"""The best subset of each of some sizes: on int64 where a row fits, else on Python integers."""

from __future__ import annotations

import numpy as np

from strongltn.errors import BudgetExceeded
from strongltn.numerics.exact import BoolArray, FloatArray, IntArray, RowGrid
from strongltn.subset_sum.solvers._big_sizes import BYTES_PER_SUM, big_best_of_sizes
from strongltn.subset_sum.solvers._quarter_grid import quarter_targets
from strongltn.subset_sum.solvers._row_tasks import run_tasks

# The magnitudes of a row may sum to this many units: 2**60 in quarter units, as the compiled
# search asks for, which is half of what the grid itself admits.
_REACH_LIMIT = 2**58
_MAX_ROWS_PER_TASK = 1024
_MIN_SUMS_PER_TASK = 2**17  # about a millisecond: less would be spent on handing tasks out
_BYTES_PER_COMPILED_SUM = 24  # two sorted lists while merging, one of sums by index


def best_of_sizes(
    samples: FloatArray, targets: FloatArray, sizes: IntArray, *, max_bytes: int
) -> BoolArray:
    """Return the best subset of each row and each of s >= 1 ascending sizes, shape (m, s, n)."""
    num_rows, num_samples = samples.shape
    mask = np.empty((num_rows, sizes.size, num_samples), dtype=np.bool_)

    def search_task(rows: slice) -> IntArray:
        return _search_rows(samples[rows], targets[rows], sizes, mask[rows]) + np.int64(rows.start)

    per_task = min(max(1, _MIN_SUMS_PER_TASK >> (num_samples // 2 + 1)), _MAX_ROWS_PER_TASK)
    max_threads = max(1, max_bytes // num_compiled_bytes(num_samples))
    for left in run_tasks(search_task, num_rows, rows_per_task=per_task, max_threads=max_threads):
        for row in left:  # one at a time, for the sake of the memory: threads gain nothing here
            check_big_bytes(num_samples, max_bytes)
            mask[row] = big_best_of_sizes(samples[row], float(targets[row]), sizes.tolist())
    return mask


def does_fit(grid: RowGrid) -> BoolArray:
    """Return which rows the compiled search takes."""
    fits: BoolArray = grid.fits & (np.abs(grid.numerators).sum(axis=1) <= _REACH_LIMIT)
    return fits


def check_bytes(num_samples: int, max_bytes: int) -> None:
    """Raise BudgetExceeded if the lists of one row do not fit."""
    _check(num_compiled_bytes(num_samples), num_samples, max_bytes)


def check_big_bytes(num_samples: int, max_bytes: int) -> None:
    """Raise BudgetExceeded if the lists of one row in Python integers do not fit."""
    _check(BYTES_PER_SUM * _num_sums(num_samples), num_samples, max_bytes)


def num_compiled_bytes(num_samples: int) -> int:
    """Return the memory of one compiled search."""
    return _BYTES_PER_COMPILED_SUM * _num_sums(num_samples)


def _num_sums(num_samples: int) -> int:
    return (1 << (num_samples // 2)) + (1 << (num_samples - num_samples // 2))


def _check(num_bytes: int, num_samples: int, max_bytes: int) -> None:
    if num_bytes > max_bytes:
        raise BudgetExceeded(
            f"The search by size needs {num_bytes} bytes for n = {num_samples} samples, and "
            f"max_bytes is {max_bytes}. Use fewer samples or a larger max_bytes."
        )


def _search_rows(
    samples: FloatArray, targets: FloatArray, sizes: IntArray, mask: BoolArray
) -> IntArray:
    """Write the best subsets of each row into `mask`; return the rows that do not fit int64."""
    from strongltn.subset_sum.kernels.sizes import search_rows

    grid = RowGrid.of(samples)
    fits = does_fit(grid)
    goals = quarter_targets(grid, targets)
    if fits.all():
        search_rows(4 * grid.numerators, goals, sizes, mask)
    elif fits.any():
        found = np.empty((np.count_nonzero(fits), *mask.shape[1:]), dtype=np.bool_)
        search_rows(4 * grid.numerators[fits], goals[fits], sizes, found)
        mask[fits] = found
    return np.flatnonzero(~fits)
