"""Source networks: random, over-parameterized, untrained, and a pure function of one seed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import BudgetExceeded, InvalidInputError
from strongltn.networks.layer import frozen_linear
from strongltn.networks.reading import short_list
from strongltn.process.default_state import in_default_state
from strongltn.rng import WeightLaw, checked_seed, draw_entries, stream_key
from strongltn.values.arguments import chosen, described, integer
from strongltn.values.arrays import array_of

if TYPE_CHECKING:
    import torch

_MAX_WIDTH = 1 << 31  # addresses are 32-bit counters, the bias column included
_MAX_DENSE_ENTRIES = 1 << 28  # 1 GiB of float32


class Activation(Enum):
    """What stands between the two layers of a pair."""

    RELU = "relu"
    LINEAR = "linear"


def _checked_widths(widths: object) -> tuple[int, ...]:
    """Return widths of any integers, in any sequence."""
    allowed = "d_0, m_0, d_1, m_1, ..., d_L: integers"
    if not isinstance(widths, Iterable) or isinstance(widths, str | bytes):
        raise InvalidInputError("widths", got=described(widths), allowed=allowed)
    hint = "Fewer samples per weight make the source narrower."
    return tuple(
        integer("widths", width, low=1, last=_MAX_WIDTH - 1, hint=hint) for width in widths
    )


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
        Law of the weights; its word, such as "uniform", is accepted and replaced by it.
    seed : int in [0, 2^64)
    biases : tuple of bool, one for each pair
        Which first layers have a bias column; none by default.
    inner_activation : Activation
        Between the two layers of a pair; "relu" and "linear" are accepted.

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
        object.__setattr__(self, "widths", _checked_widths(self.widths))
        object.__setattr__(self, "law", chosen("law", self.law, WeightLaw))
        activation = chosen("inner_activation", self.inner_activation, Activation)
        object.__setattr__(self, "inner_activation", activation)
        if len(self.widths) < 3 or len(self.widths) % 2 == 0:
            raise InvalidInputError(
                "widths",
                got=self.widths,
                allowed="d_0, m_0, d_1, m_1, ..., d_L: an odd number of widths, at least 3",
            )
        object.__setattr__(self, "biases", self._checked_biases())
        object.__setattr__(self, "seed", checked_seed(self.seed))

    def _checked_biases(self) -> tuple[bool, ...]:
        allowed = f"True or False for each of the {self.num_pairs} pairs"
        try:
            given = array_of(self.biases)
        except (TypeError, ValueError) as error:
            raise InvalidInputError(
                "biases", got=described(self.biases), allowed=allowed
            ) from error
        if given.size == 0:
            return (False,) * self.num_pairs
        if given.shape != (self.num_pairs,) or given.dtype != np.bool_:
            raise InvalidInputError("biases", got=f"{self.biases!r}", allowed=allowed)
        return tuple(given.tolist())

    def __repr__(self) -> str:
        biases = " with biases" if any(self.biases) else ""
        return (
            f"SourceNetwork({short_list(self.widths, '-')}{biases}, {self.law.value}, "
            f"seed {self.seed}, {self.inner_activation.value} inside)"
        )

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

    @in_default_state()
    def to_module(self, *, dtype: torch.dtype | None = None) -> torch.nn.Sequential:
        """Return the whole random network as a frozen `torch.nn.Sequential` of Linear and ReLU.

        It is for networks small enough to hold, to see the source with other tools: with the masks
        of `Ticket.to_prune_masks` it computes the ticket's function, up to the power of two
        ``2 ** ticket.output_exponent``.

        Parameters
        ----------
        dtype : torch dtype, optional
            float32 (default) or float64; the weights are exact in both.

        Raises
        ------
        BudgetExceeded
            A layer has more than 2^28 entries.
        """
        import torch

        dtype = float_type(dtype)
        modules: list[torch.nn.Module] = []
        for layer, num_inputs in enumerate(self.widths[:-1]):
            modules += [torch.nn.ReLU()] if self._has_relu(layer) else []
            values = self.dense(layer)
            bias = values[:, num_inputs] if values.shape[1] > num_inputs else None
            modules.append(frozen_linear(values[:, :num_inputs], bias, dtype=dtype))
        return torch.nn.Sequential(*modules)

    def module_index(self, layer: int) -> int:
        """Return the place of a layer in `to_module`, ReLUs counted."""
        return layer + sum(self._has_relu(before) for before in range(layer + 1))

    def _has_relu(self, layer: int) -> bool:
        """Return whether a ReLU stands before a layer: between pairs always, or by activation."""
        is_inner = layer % 2 == 1
        return self.inner_activation is Activation.RELU if is_inner else layer > 0

    def dense(self, layer: int) -> NDArray[np.float32]:
        """Return a whole layer (rows, columns), for networks small enough to hold.

        Raises
        ------
        BudgetExceeded
            The layer has more than 2^28 entries.
        """
        self.check_dense(layer)
        shape = self.shape(layer)
        rows, columns = np.indices(shape).reshape(2, -1)
        numerators = self.entries(layer, rows, columns).reshape(shape)
        return np.ldexp(numerators.astype(np.float32), -24)

    def check_dense(self, layer: int) -> None:
        """Refuse to hold a whole layer of more than 2^28 entries.

        Raises
        ------
        BudgetExceeded
        """
        shape = self.shape(layer)
        if shape[0] * shape[1] > _MAX_DENSE_ENTRIES:
            raise BudgetExceeded(
                f"layer {layer} has {shape[0]} x {shape[1]} weights, over {_MAX_DENSE_ENTRIES}; "
                "read the entries that you need with SourceNetwork.entries"
            )


def float_type(dtype: torch.dtype | None) -> torch.dtype:
    """Return the type in which a module holds weights: float32 unless float64 is asked for.

    Raises
    ------
    InvalidInputError
        It is another type.
    """
    import torch

    if dtype is None:
        return torch.float32
    if not isinstance(dtype, torch.dtype) or dtype not in (torch.float32, torch.float64):
        got = str(dtype) if isinstance(dtype, torch.dtype) else described(dtype)
        raise InvalidInputError("dtype", got=got, allowed="torch.float32 or torch.float64")
    return dtype
