"""The entries of the random source network, drawn again from its seed.

Philox 4x32 with 10 rounds (Salmon, Moraes, Dror, Shaw, 2011); every entry is an integer times
2^-24 and a pure function of (seed, source layer, row, column).
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb, ctx

Words = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]

ENTRY_EXPONENT = -24
# Entries drawn together: their words stay in the cache.
_BLOCK = 1 << 16
_LOW = 0xFFFFFFFF


def philox4x32(counter: tuple[Any, Any, Any, Any], key: tuple[int, int]) -> tuple[Words, ...]:
    """Return the four output words; counters are uint64 arrays (or integers) below 2^32."""
    c0, c1, c2, c3 = (np.asarray(word, dtype=np.uint64) for word in counter)
    k0, k1 = key
    low, half = np.uint64(_LOW), np.uint64(32)
    for _ in range(10):
        # Both factors are below 2^32: the product fits 64 bits.
        left, right = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (
            (right >> half) ^ c1 ^ np.uint64(k0),
            right & low,
            (left >> half) ^ c3 ^ np.uint64(k1),
            left & low,
        )
        k0, k1 = (k0 + 0x9E3779B9) & _LOW, (k1 + 0xBB67AE85) & _LOW
    return c0, c1, c2, c3


@dataclass(frozen=True)
class Source:
    """The random network of a seed and a law; its inner activation is the identity or a ReLU."""

    seed: int
    law: str
    is_linear: bool

    @property
    def key(self) -> tuple[int, int]:
        """The two key words, from SHA-256 of the name of the stream."""
        head = hashlib.sha256(f"strongltn/source/{self.seed}".encode("ascii")).digest()[:8]
        return int.from_bytes(head[:4], "little"), int.from_bytes(head[4:], "little")

    def entries(self, layer: int, rows: Integers, columns: Integers) -> Integers:
        """Return the numerators over 2^24 of the entries at (rows[n], columns[n])."""
        drawn = np.empty(rows.size, dtype=np.int64)
        for start in range(0, rows.size, _BLOCK):
            block = slice(start, start + _BLOCK)
            row, column = rows[block].astype(np.uint64), columns[block].astype(np.uint64)
            if self.law == "gaussian":
                drawn[block] = _gaussian(philox4x32((column, row, layer, 1), self.key))
                continue
            four = philox4x32((column // np.uint64(4), row, layer, 0), self.key)
            word = np.choose((column % np.uint64(4)).astype(np.int64), four)
            if self.law == "signed-constant" and layer % 2 == 0:
                drawn[block] = np.where(word >> np.uint64(31) == 0, 1 << 24, -(1 << 24))
            else:
                drawn[block] = 2 * (word >> np.uint64(8)).astype(np.int64) + (1 - (1 << 24))
        return drawn


def _gaussian(words: tuple[Words, ...]) -> Integers:
    w0, w1, w2, w3 = words
    cells, slopes = gaussian_tables()
    cell = np.searchsorted(cells, w0 | (w1 << np.uint64(32)), side="right")
    w2, w3 = w2.astype(np.int64), w3.astype(np.int64)
    first, second = w2 % 4096, (w2 >> 12) % 4096
    offset = np.where(w3 % (1 << 31) < slopes[cell], np.minimum(first, second), first)
    magnitude = (2 * (4096 * cell + offset) + 1) * 8
    return np.where(w3 >> 31 == 1, -magnitude, magnitude)


@functools.cache
def gaussian_tables() -> tuple[Words, Integers]:
    """Return the thresholds T_j (2047,) and floor(2^31 tanh((2i+1)/2^18)) (2048,)."""
    before = ctx.prec
    ctx.prec = 256
    try:
        root = arb(2).sqrt()
        cells = [_floor((arb(j + 1) / 256 / root).erf() * 2**64) for j in range(2047)]
        slopes = [_floor((arb(2 * i + 1) / 2**18).tanh() * 2**31) for i in range(2048)]
    finally:
        ctx.prec = before
    return np.array(cells, dtype=np.uint64), np.array(slopes, dtype=np.int64)


def _floor(ball: arb) -> int:
    floor = ball.floor().unique_fmpz()
    if floor is None:
        raise ArithmeticError("the precision does not decide a threshold")
    return int(floor)
