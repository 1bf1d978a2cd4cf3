"""Exact errors of many subsets, compiled. Importing this module imports numba."""

from __future__ import annotations

import math

import numpy as np

from strongltn.process.compiled import compiled

_LEADING_BITS = 55  # with 2**7 terms of that many bits a sum fits int64
_MOST_TERMS = 2**7


@compiled()
def sum_rows(rows, error, is_rounded_down, fits):  # type: ignore[no-untyped-def]
    """Write ``abs(sum(samples[i][mask[i]]) - targets[i])`` for the rows that fit int64.

    Every row is laid on the grid that gives its largest term 55 bits, by two multiplications with
    powers of two that exist. A term that is no integer there, or that underflows on the way, shows
    that the row does not fit.

    Parameters
    ----------
    rows : (float64 array (m, n), bool array (m, n), float64 array (m,))
        Samples, mask and targets.
    error : float64 array, shape (m,)
        Written: the exact error, rounded once to the nearest double; of rows that fit.
    is_rounded_down : bool array, shape (m,)
        Written: whether the exact error is larger.
    fits : bool array, shape (m,)
        Written.
    """
    samples, mask, targets = rows
    num_samples = samples.shape[1]
    for row in range(samples.shape[0]):
        target = targets[row]
        largest = abs(target)
        for k in range(num_samples):
            largest = max(largest, abs(samples[row, k]) if mask[row, k] else 0.0)
        shift = _LEADING_BITS - math.frexp(largest)[1]
        first, second = math.ldexp(1.0, shift // 2), math.ldexp(1.0, shift - shift // 2)
        units = target * first * second
        total = -np.int64(units)
        is_exact = np.float64(-total) == units and (units != 0.0 or target == 0.0)
        for k in range(num_samples):
            term = samples[row, k] if mask[row, k] else 0.0
            units = term * first * second
            whole = np.int64(units)
            is_exact &= np.float64(whole) == units and (units != 0.0 or term == 0.0)
            total += whole
        fits[row] = is_exact and num_samples < _MOST_TERMS
        if fits[row]:
            distance = abs(total)
            nearest = np.float64(distance)
            # Exact below the largest double: a subnormal here has fewer than 53 bits to begin with.
            error[row] = math.ldexp(nearest, -shift)
            is_rounded_down[row] = distance > np.int64(nearest) and not math.isinf(error[row])
