"""Source networks: random, over-parameterized, untrained, and a pure function of one seed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import BudgetExceeded, InvalidInputError
from strongltn.rng import WeightLaw, draw_entries, stream_key

_MAX_WIDTH = 1 << 31  # addresses are 32-bit counters, the bias column included
_MAX_DENSE_ENTRIES = 1 << 28  # 1 GiB of float32


class Activation(Enum):
    """What stands between the two layers of a pair."""

    RELU = "relu"
    LINEAR = "linear"


@dataclass(frozen=True)
class SourceNetwork:
    """A dense random network, two layers for each layer of the target.

    Pair i has a first layer of shape (m_i, d_i), or (m_i, d_i + 1) with a bias column that
    multiplies the constant input 1, the inner activation, and a second layer of shape (d_{i+1},
    m_i); a ReLU follows, except at the very end. A weight is a pure function of (seed, layer, row,
    column): it costs nothing until it is read, can be read alone, and is bit-identical on every
    platform.

    Parameters
    ----------
    widths : tuple of int, (d_0, m_0, d_1, m_1, d_2, ...)
        Odd length, at least 3, each in [1, 2^31).
    law : WeightLaw
        Law of the weights.
    seed : int in [0, 2^64)
    biases : tuple of bool, one for each pair
        Which first layers have a bias column; none by default.
    inner_activation : Activation
        Between the two layers of a pair.

    Notes
    -----
    Rigor: exact. Cost: none until entries are read. Randomness: Philox 4x32-10 addressed by
    (column, row, layer) under the key of the stream "source"; see ``proofs_check/FORMAT.md``.

    Examples
    --------
    >>> source = SourceNetwork((2, 10**6, 10**6, 8, 1), WeightLaw.UNIFORM, 7)
    >>> source.num_weights
    1000010000008
    >>> source.entries(1, np.array([999_999]), np.array([123_456])) * 2.0**-24
    array([0.38552672])
    """

    widths: tuple[int, ...]
    law: WeightLaw
    seed: int
    biases: tuple[bool, ...] = ()
    inner_activation: Activation = Activation.RELU

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(int(width) for width in self.widths))
        if len(self.widths) < 3 or len(self.widths) % 2 == 0:
            raise InvalidInputError(
                "widths",
                got=self.widths,
                allowed="d_0, m_0, d_1, m_1, ..., d_L: an odd number of widths, at least 3",
            )
        if not all(1 <= width < _MAX_WIDTH for width in self.widths):
            raise InvalidInputError(
                "widths",
                got=self.widths,
                allowed="each in [1, 2^31)",
                hint="Fewer samples per weight make the source narrower.",
            )
        if not self.biases:
            object.__setattr__(self, "biases", (False,) * self.num_pairs)
        if len(self.biases) != self.num_pairs:
            raise InvalidInputError(
                "biases", got=self.biases, allowed=f"one for each of the {self.num_pairs} pairs"
            )
        stream_key(self.seed, name="source")  # refuses a bad seed now, not at the first draw

    @property
    def num_pairs(self) -> int:
        """Number of pairs of layers, one for each target layer."""
        return len(self.widths) // 2

    @property
    def num_weights(self) -> int:
        """Number of random weights, biases included."""
        return sum(rows * columns for rows, columns in map(self.shape, range(2 * self.num_pairs)))

    def shape(self, layer: int) -> tuple[int, int]:
        """Return (rows, columns) of a source layer, the bias column included."""
        has_bias_column = layer % 2 == 0 and self.biases[layer // 2]
        return self.widths[layer + 1], self.widths[layer] + has_bias_column

    def entries(
        self, layer: int, rows: NDArray[np.int64], columns: NDArray[np.int64]
    ) -> NDArray[np.int32]:
        """Return the numerators of the entries (rows[k], columns[k]) of a source layer.

        Parameters
        ----------
        layer : int in [0, 2 * num_pairs)
        rows, columns : int " n"
            Within the layer's shape.

        Returns
        -------
        int32 " n"
            The weights are these times 2^-24.
        """
        if not 0 <= layer < 2 * self.num_pairs:
            raise InvalidInputError("layer", got=layer, allowed=f"in [0, {2 * self.num_pairs})")
        num_rows, num_columns = self.shape(layer)
        for name, values, end in (("rows", rows, num_rows), ("columns", columns, num_columns)):
            if values.size and (values.min() < 0 or values.max() >= end):
                raise InvalidInputError(
                    name, got=f"{values.min()} to {values.max()}", allowed=f"within [0, {end})"
                )
        law = self.law.second if layer % 2 else self.law.first
        return draw_entries(
            law, rows, columns, key=stream_key(self.seed, name="source"), layer=layer
        )

    def dense(self, layer: int) -> NDArray[np.float32]:
        """Return a whole layer (rows, columns), for networks small enough to hold.

        Raises
        ------
        BudgetExceeded
            The layer has more than 2^28 entries.
        """
        shape = self.shape(layer)
        if shape[0] * shape[1] > _MAX_DENSE_ENTRIES:
            raise BudgetExceeded(
                f"layer {layer} has {shape[0]} x {shape[1]} weights, over {_MAX_DENSE_ENTRIES}; "
                "read the entries that you need with SourceNetwork.entries"
            )
        rows, columns = np.indices(shape).reshape(2, -1)
        numerators = self.entries(layer, rows, columns).reshape(shape)
        return np.ldexp(numerators.astype(np.float32), -24)
