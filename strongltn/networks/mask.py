"""Masks over a pair of source layers, stored by what they keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.values.arguments import instance
from strongltn.values.by_value import ByValue

_BLOCK_ENTRIES = 1 << 18  # entries of the second layer unpacked at a time: they stay in cache


@dataclass(frozen=True, eq=False)
class PairMask(ByValue):
    """A mask over one pair of source layers in which a hidden neuron keeps at most one input.

    Two masks are equal if they keep the same weights of as many outputs.

    Attributes
    ----------
    hidden : int64 (live,), strictly increasing
        The hidden source neurons that keep anything; every other one is pruned.
    inputs : int64 (live,)
        The one column that each keeps in the first layer; the bias column is the last.
    kept : uint8 (outputs, ceil(live / 8))
        Bit t of a row (little-endian): whether the entry (row, hidden[t]) of the second layer is
        kept.
    """

    hidden: NDArray[np.int64]
    inputs: NDArray[np.int64]
    kept: NDArray[np.uint8]

    def __post_init__(self) -> None:
        for name in ("hidden", "inputs", "kept"):
            instance("mask", getattr(self, name), np.ndarray, allowed="made of three NumPy arrays")
        live = self.hidden.size
        dtypes = [array.dtype for array in (self.hidden, self.inputs, self.kept)]
        if dtypes != [np.int64, np.int64, np.uint8]:
            raise InvalidInputError("mask", got=f"{dtypes}", allowed="int64, int64 and uint8")
        if self.inputs.shape != (live,) or self.kept.shape[1:] != ((live + 7) // 8,):
            raise InvalidInputError(
                "mask",
                got=f"shapes {self.hidden.shape}, {self.inputs.shape}, {self.kept.shape}",
                allowed="hidden and inputs of one length, kept with one bit for each of them",
            )
        if live and (np.diff(self.hidden) <= 0).any():
            raise InvalidInputError(
                "mask", got="hidden out of order", allowed="strictly increasing"
            )
        if live % 8 and (self.kept[:, -1] >> (live % 8)).any():
            raise InvalidInputError("mask", got="bits past the last neuron", allowed="zeros there")
        for array in (self.hidden, self.inputs, self.kept):
            array.setflags(write=False)

    @staticmethod
    def from_entries(
        rows: NDArray[np.integer[Any]],
        hidden: NDArray[np.integer[Any]],
        *,
        inputs: Callable[[NDArray[np.int64]], NDArray[np.int64]],
        num_outputs: int,
    ) -> PairMask:
        """Return the mask that keeps the second-layer entries (rows[k], hidden[k]), all distinct.

        `inputs` maps hidden neurons to the one column that each keeps in the first layer.
        """
        is_live = np.zeros(int(hidden.max(initial=-1)) + 1, dtype=np.bool_)
        is_live[hidden] = True
        live = np.flatnonzero(is_live)
        position_of = np.cumsum(is_live, dtype=np.int32) - 1
        row_bytes = (live.size + 7) // 8
        kept = np.zeros(num_outputs * row_bytes, dtype=np.uint8)
        for start in range(0, hidden.size, _BLOCK_ENTRIES):
            part = slice(start, start + _BLOCK_ENTRIES)
            positions = position_of[hidden[part]]
            addresses = rows[part].astype(np.int64) * row_bytes + (positions >> 3)
            # sums of distinct bits: NumPy adds in place many times as fast as it ors
            np.add.at(kept, addresses, np.uint8(1) << (positions & 7).astype(np.uint8))
        return PairMask(live, inputs(live), kept.reshape(num_outputs, row_bytes))

    def __repr__(self) -> str:
        return f"PairMask({self.num_outputs} outputs, keeps {self.num_kept:,} weights)"

    @property
    def num_outputs(self) -> int:
        """Number of rows of the second layer."""
        return int(self.kept.shape[0])

    @property
    def num_kept(self) -> int:
        """Number of kept weights in both layers."""
        return int(self.hidden.size) + int(np.bitwise_count(self.kept).sum(dtype=np.int64))

    def blocks(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield (outputs, positions) of the kept second-layer entries, block by block of rows.

        `positions` index `hidden`; entries come row by row, positions increasing.
        """
        live = self.hidden.size
        step = max(1, _BLOCK_ENTRIES // max(live, 1))
        for start in range(0, self.num_outputs, step):
            part = self.kept[start : start + step]
            bits = np.unpackbits(part, axis=1, count=live, bitorder="little")
            rows, positions = np.divmod(np.flatnonzero(bits.view(np.bool_)), live)
            yield rows + start, positions

    def dense(
        self, first_shape: tuple[int, int], second_shape: tuple[int, int]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the boolean masks of both layers, for networks small enough to hold."""
        first = np.zeros(first_shape, dtype=np.bool_)
        second = np.zeros(second_shape, dtype=np.bool_)
        first[self.hidden, self.inputs] = True
        for rows, positions in self.blocks():
            second[rows, self.hidden[positions]] = True
        return first, second
