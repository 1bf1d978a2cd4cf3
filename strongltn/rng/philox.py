"""Philox 4x32-10 (Salmon, Moraes, Dror and Shaw 2011), compiled: one block, and loops over blocks.

The only module of the package in which random bits are made. Importing it imports numba.
"""

from __future__ import annotations

import numpy as np

from strongltn.process.compiled import compiled

_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = np.uint64(0x9E3779B9)
_WEYL_1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


@compiled(inline="always")
def philox(c0, c1, c2, c3, key):  # type: ignore[no-untyped-def]
    """Return the four 32-bit words of one block, each in a uint64.

    Parameters
    ----------
    c0, c1, c2, c3 : uint64 < 2**32
        The counter.
    key : uint64
        Low word k0, high word k1.
    """
    k0 = key & _LOW
    k1 = key >> _HALF
    for _ in range(10):
        p0 = _MULTIPLIER_0 * c0
        p1 = _MULTIPLIER_1 * c2
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _LOW, (p0 >> _HALF) ^ c3 ^ k1, p0 & _LOW
        k0 = (k0 + _WEYL_0) & _LOW
        k1 = (k1 + _WEYL_1) & _LOW
    return c0, c1, c2, c3


@compiled()
def fill_words(key, layer, rows, columns, out):  # type: ignore[no-untyped-def]
    """Write the one word of each address (row, column) of a layer: four columns share a block."""
    for i in range(rows.size):
        column = np.uint64(columns[i])
        words = philox(
            column >> np.uint64(2), np.uint64(rows[i]), np.uint64(layer), np.uint64(0), key
        )
        # two choices, not four cases: without branches the compiler draws several at a time
        is_odd, is_late = column & np.uint64(1), column & np.uint64(2)
        early = words[1] if is_odd else words[0]
        late = words[3] if is_odd else words[2]
        out[i] = late if is_late else early


@compiled()
def fill_blocks(key, layer, rows, columns, out):  # type: ignore[no-untyped-def]
    """Write all four words of each address (row, column) of a layer: one block an address."""
    for i in range(rows.size):
        words = philox(
            np.uint64(columns[i]), np.uint64(rows[i]), np.uint64(layer), np.uint64(1), key
        )
        out[i, 0] = words[0]
        out[i, 1] = words[1]
        out[i, 2] = words[2]
        out[i, 3] = words[3]
