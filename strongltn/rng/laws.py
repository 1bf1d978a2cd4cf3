"""Laws of the random weights: integers on the grid 2^-24, a pure function of their address."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from functools import cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError

#: Every random weight is an integer times two to this.
GRID_EXPONENT = -24

_CHUNK = 1 << 18  # addresses a thread draws at a time: their words stay in cache
_CELLS_PER_UNIT = 256  # of the Gaussian table; the density is linear within a cell
_LAST_UNIT = 8  # the Gaussian law is cut there; the mass beyond is 1.3e-15


class WeightLaw(Enum):
    """Law of the random weights of a source network.

    All laws are symmetric about zero, never zero, and live on integers times 2^-24, each exact in
    float32, so that the same address gives the same bits on every platform.
    """

    UNIFORM = "uniform"
    """The 2^24 midpoints (2u + 1 - 2^24) / 2^24 of [-1, 1], equally likely."""

    SIGNED_CONSTANT = "signed-constant"
    """+1 or -1 in the first layer of each pair, `UNIFORM` in the second: products are uniform."""

    GAUSSIAN = "gaussian"
    """Standard normal on the odd multiples of 2^-21 below 8, from integers alone.

    The density is linear on cells of width 1/256; the distance from the normal law in total
    variation is about 1e-6 (an estimate).
    """

    @property
    def first(self) -> WeightLaw:
        """Law of the first layer of each pair."""
        return self

    @property
    def second(self) -> WeightLaw:
        """Law of the second layer of each pair."""
        return WeightLaw.UNIFORM if self is WeightLaw.SIGNED_CONSTANT else self


#: The words of the laws.
LawWord: TypeAlias = Literal["uniform", "signed-constant", "gaussian"]


def draw_entries(
    law: WeightLaw, rows: NDArray[np.int64], columns: NDArray[np.int64], *, key: int, layer: int
) -> NDArray[np.int32]:
    """Return the numerators of the entries (rows[i], columns[i]) of one layer.

    Parameters
    ----------
    law : WeightLaw
        Law of this layer (`WeightLaw.first` or `WeightLaw.second` of a source's law).
    rows, columns : int64, the same shape " n"
        Addresses in [0, 2^32); in any order, repeats allowed.
    key : int
        From `stream_key`.
    layer : int in [0, 2^32)
        Index of the source layer, from 0.

    Returns
    -------
    int32 " n"
        Numerators: the weight is numerator * 2^-24.

    Raises
    ------
    InvalidInputError
        The shapes differ or an address is outside [0, 2^32).

    Notes
    -----
    Rigor: exact. Cost: one Philox block an entry, on all cores. Randomness: counter-based, no
    state; any order of access gives the same bits.
    """
    rows = np.ascontiguousarray(rows, dtype=np.int64)
    columns = np.ascontiguousarray(columns, dtype=np.int64)
    if rows.shape != columns.shape or rows.ndim != 1:
        raise InvalidInputError(
            "columns",
            got=f"shape {columns.shape}",
            allowed=f"one-dimensional like rows, {rows.shape}",
        )
    for name, values in (("rows", rows), ("columns", columns)):
        if values.size and (values.min() < 0 or values.max() >= 1 << 32):
            raise InvalidInputError(
                name,
                got=f"values from {values.min()} to {values.max()}",
                allowed="within [0, 2^32), the address space of a layer",
            )
    out = np.empty(rows.size, dtype=np.int32)

    def draw(start: int) -> None:
        part = slice(start, start + _CHUNK)
        out[part] = _draw_chunk(law, rows[part], columns[part], key=key, layer=layer)

    starts = range(0, rows.size, _CHUNK)
    if len(starts) <= 1:
        for start in starts:
            draw(start)
    else:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(draw, starts))
    return out


def _draw_chunk(
    law: WeightLaw, rows: NDArray[np.int64], columns: NDArray[np.int64], *, key: int, layer: int
) -> NDArray[np.int32]:
    from strongltn.rng import philox

    if law is WeightLaw.GAUSSIAN:
        blocks = np.empty((rows.size, 4), dtype=np.uint32)
        philox.fill_blocks(np.uint64(key), layer, rows, columns, blocks)
        return _gaussian_numerators(blocks)
    words = np.empty(rows.size, dtype=np.uint32)
    philox.fill_words(np.uint64(key), layer, rows, columns, words)
    if law is WeightLaw.SIGNED_CONSTANT:
        return np.where(words >> np.uint32(31), np.int32(-(1 << 24)), np.int32(1 << 24))
    words >>= np.uint32(8)  # in place: memory is what costs
    numerators = words.view(np.int32)
    numerators *= 2
    numerators += 1 - (1 << 24)
    return numerators


def _gaussian_numerators(blocks: NDArray[np.uint32]) -> NDArray[np.int32]:
    thresholds, slopes = _gaussian_table()
    position = blocks[:, 0].astype(np.uint64) | blocks[:, 1].astype(np.uint64) << np.uint64(32)
    cell = np.searchsorted(thresholds, position, side="right")
    first = (blocks[:, 2] & np.uint32(0xFFF)).astype(np.int64)
    second = ((blocks[:, 2] >> np.uint32(12)) & np.uint32(0xFFF)).astype(np.int64)
    is_sloped = (blocks[:, 3] & np.uint32(0x7FFFFFFF)) < slopes[cell]
    within = np.where(is_sloped, np.minimum(first, second), first)
    magnitude = (2 * (4096 * cell + within) + 1) << 3  # a multiple of 2^-21, on the grid 2^-24
    is_negative = (blocks[:, 3] >> np.uint32(31)).astype(bool)
    return np.where(is_negative, -magnitude, magnitude).astype(np.int32)


@cache
def _gaussian_table() -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """Return the cumulated masses of the cells, times 2^64, and their slopes, times 2^31."""
    import mpmath

    num_cells = _CELLS_PER_UNIT * _LAST_UNIT
    with mpmath.workprec(160):  # 96 bits to spare: the floors are those of the true values
        root = mpmath.sqrt(2)
        edges = [
            mpmath.erf(mpmath.mpf(j + 1) / _CELLS_PER_UNIT / root) for j in range(num_cells - 1)
        ]
        thresholds = [int(mpmath.floor(edge * 2**64)) for edge in edges]
        slopes = [
            int(mpmath.floor(mpmath.tanh(mpmath.mpf(2 * i + 1) / 2**18) * 2**31))
            for i in range(num_cells)
        ]
    return np.array(thresholds, dtype=np.uint64), np.array(slopes, dtype=np.uint32)
