"""Rows of doubles as integer keys for the lanes, and masks from what the lanes have found.

A row of samples x and its target t become integers on a grid of step h, a power of two chosen for
the row so that its keys fill the word. With r = rint(x / h), a subset sum lies at ``sum(+-2 r)``;
the constant ``sum(2 r)`` goes into the target: ``T - sum(2 r)``, where T is t in quarter units, odd
(see the module integer_units). Where all samples lie on the grid, the order of the differences is
exact. Where they do not, a difference D is off by at most

    e = sum(abs(2 x / h - 2 r)) + 2,

one of the 2 for T, the other for the mean of the roundings, which goes into the target as well. The
best pair is then the optimum if no other pair has a difference of at most D + 2 e. This is checked
on a list that contains every such pair; a row that fails is left to a wider word.
"""

from __future__ import annotations

import math

import numpy as np

from strongltn.process.compiled import compiled
from strongltn.subset_sum.kernels.lanes import LEAST_HALF, scan_lanes
from strongltn.subset_sum.kernels.rows import (
    LOG_SUMS,
    VECTOR_BYTES,
    any_hits,
    area,
    count_bits,
    get_key,
    hits,
    keep_apart,
    lowest_bit,
    set_key,
    write_sums,
)

_LOG_LOW = LOG_SUMS  # the sums of the first 6 samples of a half are compared at a time
_MAGNITUDE = 2**63 - 1  # the bits of a double without its sign


@compiled(fastmath={"nsz", "reassoc"})
def _sums(numbers):  # type: ignore[no-untyped-def]
    """Return the sum and the sum of the magnitudes, added in any order."""
    total = magnitude = 0.0
    for k in range(numbers.size):
        total += numbers[k]
        magnitude += abs(numbers[k])
    return total, magnitude


@compiled()
def _encode(instance, limit, work, encoded):  # type: ignore[no-untyped-def]
    """Write the integers 2 r of a row; return (key of the target, window 2 e), window 0 if exact.

    Parameters
    ----------
    instance : (float64 array (m, n), float64 array (m,), row)
        Samples, targets, and which of them.
    limit : float
        What no key may exceed.
    work : two float64 arrays (n,)
        Work areas.
    encoded : (int64 array (lanes, n), lane)
        Written.
    """
    keep_apart()
    samples, targets, row = instance
    keys, lane = encoded
    target = targets[row]
    n = samples.shape[1]
    half = n // 2
    values, losses = work
    largest = np.int64(0)
    bits = values.view(np.int64)
    for k in range(n):
        values[k] = samples[row, k]
        largest = max(largest, bits[k] & _MAGNITUDE)
    if largest == 0:
        keys[lane, :] = 0
        return (-1 if target <= 0.0 else 1), 0
    exponent = math.frexp(np.int64(largest).view(np.float64))[1]
    # Two factors, as 2**-exponent itself may be beyond the doubles.
    first = math.ldexp(1.0, -exponent // 2)
    second = math.ldexp(1.0, -exponent - (-exponent // 2))
    num_lost = 0
    for k in range(n):
        x = values[k] * first * second
        num_lost += (x == 0.0) != (values[k] == 0.0)
        values[k] = x
    total_a, sum_a = _sums(values[:half])
    total_b, sum_b = _sums(values[half:])
    total = total_a + total_b
    goal = target * first * second
    reach = sum_a + sum_b
    span = max(sum_a, min(abs(2.0 * goal - total), reach) + sum_b)
    log = math.frexp((limit - 4 * n - 16) / (span * (1.0 + 2.0**-40)))[1] - 1
    scale = math.ldexp(1.0, log - 1)
    constant = np.int64(0)
    magnitude = np.int64(0)
    for k in range(n):
        units = values[k] * scale
        whole = np.rint(units)
        losses[k] = 2.0 * (units - whole)
        key = 2 * np.int64(whole)
        keys[lane, k] = key
        constant += key
        magnitude += abs(key)
    drift, rounding = _sums(losses)
    rounding += num_lost * 2.0**-60
    units = goal * scale
    end = np.float64(magnitude)
    if abs(units) > end:
        key = magnitude + 1 if units > 0.0 else -magnitude - 1
        return key, 0 if rounding == 0.0 else 2 * (np.int64(rounding) + 4)
    whole = np.floor(units)
    fraction = units - whole
    key = 4 * np.int64(whole) + (-1 if fraction == 0.0 else 1 if fraction <= 0.5 else 3) - constant
    if rounding > 0.0:
        key -= 2 * np.int64(np.rint(0.5 * drift))
    key = min(max(key, -magnitude - 1), magnitude + 1)
    return key, 0 if rounding == 0.0 else 2 * (np.int64(rounding) + 4)


@compiled()
def _find(encoded, part, wanted, slack, tables):  # type: ignore[no-untyped-def]
    """Return (first index, how many) of the sums ``sum(+-key)`` within `slack` of `wanted`.

    The keys are those of a lane from one index up to another: `encoded` and `part`.

    Bit k of an index gives key k the sign +. Without slack the count stops at the first hits. The
    work areas hold the sums of the first six keys; what these must be at least, given the signs of
    the others; and six numbers.
    """
    low, lowest, steps = tables
    keys, lane = encoded
    first, end = part
    num_keys = end - first
    keep_apart()
    num_low = min(num_keys, _LOG_LOW)
    num_middle = min(num_keys - num_low, _LOG_LOW)
    num_high = 1 << (num_keys - num_low)
    steps[:] = 0
    total = np.int64(0)
    for k in range(num_low):
        total -= keys[lane, first + k]
        steps[k] = 2 * keys[lane, first + k]
    write_sums(low, total, steps)
    steps[:] = 0
    least = wanted - slack
    for k in range(num_low, num_keys):
        least += keys[lane, first + k]
    for k in range(num_middle):
        steps[k] = -2 * keys[lane, first + num_low + k]
    write_sums(lowest, least, steps)
    for k in range(num_low + num_middle, num_keys):
        filled = 1 << (k - num_low)
        for j in range(filled):
            lowest[filled + j] = lowest[j] - 2 * keys[lane, first + k]
    index = np.int64(-1)
    count = np.int64(0)
    valid = -1 if num_low == _LOG_LOW else (np.int64(1) << (1 << num_low)) - 1
    for block in range(0, num_high, 4):
        if num_high >= 4 and not any_hits(low, lowest, block, 2 * slack):
            continue
        for j in range(block, min(block + 4, num_high)):
            word = hits(low, np.int64(lowest[j]), 2 * slack) & valid
            if word == 0:
                continue
            if count == 0:
                index = (j << num_low) + lowest_bit(word)
                if slack == 0:
                    return index, 1
            count += count_bits(word)
    return index, count


@compiled()
def _decode(encoded, found, tables, mask):  # type: ignore[no-untyped-def]
    """Write the best subset of one row; return whether it is proved to be the optimum.

    `encoded` holds the keys and their lane, the target and the window. `found` holds what
    `scan_lanes` leaves: the least difference and the least of the others, as (d - 1) / 2, and the
    key in the middle. `mask` is the array and its row.
    """
    keep_apart()
    keys, lane, goal, window = encoded
    rows, row = mask
    n = keys.shape[1]
    half = n // 2
    distance = 2 * found[0] + 1
    second = 2 * found[1] + 1
    middle = found[2]
    # All sums of A are alike modulo 4, and so are all keys of B.
    class_a = goal - goal
    for k in range(half):
        class_a += keys[lane, k]
    class_b = goal
    for k in range(half, n):
        class_b -= keys[lane, k]
    key_a = key_b = middle
    if middle & 1 == 0:
        key_b += distance if (middle + distance - class_b) & 3 == 0 else -distance
    else:
        key_a += distance if (middle + distance - class_a) & 3 == 0 else -distance
    slack = np.int64(0)
    if window > 0:
        # Any other candidate then shares this one place where even and odd keys meet.
        slack = window
        if second <= distance + window:
            return False
    index_a, count_a = _find((keys, lane), (0, half), key_a, slack, tables)
    index_b, count_b = _find((keys, lane), (half, n), goal - key_b, slack, tables)
    if count_a == 0 or count_b == 0 or (window > 0 and count_a + count_b > 2):
        return False
    for k in range(half):
        rows[row, k] = (index_a >> k) & 1 == 1
    for k in range(half, n):
        rows[row, k] = (index_b >> (k - half)) & 1 == 1
    return True


@compiled()
def search_rows(samples, targets, rows, word, mask, is_proved):  # type: ignore[no-untyped-def]
    """Write the best subset of some rows, and whether it is proved to be the optimum.

    Parameters
    ----------
    samples : float64 array, shape (m, n)
        Finite.
    targets : float64 array, shape (m,)
        Finite.
    rows : int64 array
        The rows to search.
    word : (int32 or int64 array, float, bool)
        An array of the type of the keys; what no key may exceed; whether to leave out rows that
        the word does not hold exactly.
    mask : bool array, shape (m, n)
        Written in the rows that are proved.
    is_proved : bool array, shape (m,)
        Written in `rows`.
    """
    like, limit, is_exact_only = word
    n = samples.shape[1]
    half = n // 2
    count_a = max(half, LEAST_HALF)
    count_b = max(n - half, LEAST_HALF)
    num_lanes = VECTOR_BYTES // like.itemsize
    lowest = -(np.int64(1) << np.int64(8 * like.itemsize - 1))  # in 64 bits its own negative
    magnitudes = area(count_a + count_b + 1, like)
    magnitudes[:] = 0
    half_rows = 1 << (count_b - 1)
    areas = (
        area(half_rows, like),
        area(half_rows, like),
        area(half_rows, like),
        area(half_rows, like),
    )
    merged = area((1 << count_a) + (1 << count_b), like)
    scan = area(len(areas), like)
    tables = (
        area(1 << _LOG_LOW, like),
        area(1 << max(count_b - _LOG_LOW, _LOG_LOW), like),
        np.empty(_LOG_LOW, np.int64),
    )
    keys = np.empty((num_lanes, n), np.int64)
    goals = np.empty(num_lanes, np.int64)
    windows = np.empty(num_lanes, np.int64)
    group = np.empty(num_lanes, np.int64)
    found = np.empty(3, np.int64)
    work = np.empty(n), np.empty(n)
    position = 0
    while position < rows.size:
        filled = 0
        while filled < num_lanes and position < rows.size:
            row = rows[position]
            position += 1
            instance = (samples, targets, row)
            goals[filled], windows[filled] = _encode(instance, limit, work, (keys, filled))
            if is_exact_only and windows[filled] > 0:
                is_proved[row] = False
                continue
            group[filled] = row
            for k in range(half):
                set_key(magnitudes, k, filled, abs(keys[filled, k]))
            for k in range(n - half):
                set_key(magnitudes, count_a + k, filled, abs(keys[filled, half + k]))
            set_key(magnitudes, count_a + count_b, filled, goals[filled])
            filled += 1
        if filled == 0:
            break
        is_exact = not windows[:filled].any()
        scan_lanes(magnitudes, count_a, count_b, areas, merged, scan, is_exact)
        for lane in range(filled):
            row = group[lane]
            found[0] = get_key(scan, 1, lane) - lowest
            found[1] = get_key(scan, 2, lane) - lowest
            found[2] = get_key(scan, 3, lane)
            encoded = (keys, lane, goals[lane], windows[lane])
            is_proved[row] = _decode(encoded, found, tables, (mask, row))


def work_bytes(num_samples: int) -> int:
    """Return the memory that `search_rows` works in, of which lists are all that matters."""
    count_a = max(num_samples // 2, LEAST_HALF)
    count_b = max(num_samples - num_samples // 2, LEAST_HALF)
    num_rows = (3 << count_b) + (1 << count_a)
    return VECTOR_BYTES * (num_rows + num_rows // 16 + 64)
