"""The pruned network as a torch module: the masked random network itself, nothing else.

No target weight and no effective weight enters. The forward uses that a kept hidden neuron has one
input: the first layer of a pair is a gather and a product, the second a masked matrix.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.networks.source import Activation, float_type
from strongltn.networks.ticket import Ticket
from strongltn.process.default_state import in_default_state
from strongltn.rng import GRID_EXPONENT
from strongltn.values.arguments import instance

_CHUNK_ENTRIES = 1 << 25  # hidden activations held at a time
_SPARSE_DENSITY = 1 / 16  # below it the second layer is kept as a list of entries


class PrunedPair(torch.nn.Module):
    """One pruned pair of source layers: (batch, inputs) -> (batch, outputs), no outer ReLU.

    `second` is the masked matrix (outputs, live), or the list of its kept entries at (`rows`,
    `positions`) where few are kept.
    """

    inputs: torch.Tensor
    first: torch.Tensor
    second: torch.Tensor
    rows: torch.Tensor
    positions: torch.Tensor

    def __init__(self, ticket: Ticket, pair: int, *, dtype: torch.dtype) -> None:
        super().__init__()
        mask = ticket.pairs[pair]
        self.has_bias = ticket.source.biases[pair]
        self.is_relu = ticket.source.inner_activation is Activation.RELU
        self.num_outputs = mask.num_outputs
        live, num_kept = mask.hidden.size, mask.num_kept - mask.hidden.size
        self.is_sparse = num_kept < _SPARSE_DENSITY * self.num_outputs * live
        self.register_buffer("inputs", torch.from_numpy(mask.inputs.copy()))
        self.register_buffer("first", _weights(ticket.first_weights(pair), dtype))
        second = torch.zeros(0 if self.is_sparse else (self.num_outputs, live), dtype=dtype)
        all_rows, all_positions, values = [], [], []
        for rows, positions in mask.blocks():
            numerators = ticket.source.entries(2 * pair + 1, rows, mask.hidden[positions])
            if self.is_sparse:
                all_rows.append(rows)
                all_positions.append(positions)
                values.append(_weights(numerators, dtype))
            else:
                second[rows, positions] = _weights(numerators, dtype)
        if self.is_sparse:
            self.register_buffer("rows", torch.from_numpy(np.concatenate(all_rows)))
            self.register_buffer("positions", torch.from_numpy(np.concatenate(all_positions)))
            second = torch.cat(values)
        self.register_buffer("second", second)

    def forward(self, x: torch.Tensor, one: float = 1.0) -> torch.Tensor:
        """Return the pre-activations of one batch; `one` is what the bias is multiplied by."""
        if self.has_bias:
            x = torch.cat([x, x.new_full((len(x), 1), one)], dim=1)
        step = max(1, _CHUNK_ENTRIES // max(1, self.first.numel()))
        return torch.cat([self._forward_chunk(part) for part in torch.split(x, step)])

    def _forward_chunk(self, x: torch.Tensor) -> torch.Tensor:
        hidden = x[:, self.inputs] * self.first
        if self.is_relu:
            hidden.relu_()
        if not self.is_sparse:
            return hidden @ self.second.T
        terms = hidden[:, self.positions] * self.second
        return x.new_zeros(len(x), self.num_outputs).index_add_(1, self.rows, terms)


class PrunedNetwork(torch.nn.Module):
    """The function g of a ticket, times the recorded power of two; frozen.

    Parameters
    ----------
    ticket : Ticket
    dtype : torch dtype, optional
        float32 (default) or float64: of the weights, which are exact in both, and of the
        arithmetic, which rounds. Certificates use exact integers instead.
    """

    @in_default_state()
    def __init__(self, ticket: Ticket, *, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        instance("ticket", ticket, Ticket)
        dtype = float_type(dtype)
        self.num_inputs = ticket.source.widths[0]
        self.output_exponent = ticket.output_exponent
        # 2^K is one factor behind the last pair, or spread over the pairs where no float holds it
        totals = list(accumulate(ticket.scale_exponents))
        lowest, highest = _exponents(dtype)
        is_spread = not lowest <= self.output_exponent <= highest
        most = highest // 2 if is_spread else 0
        self._applied_exponents = tuple(max(-most, min(most, total)) for total in totals[:-1])
        self.pairs = torch.nn.ModuleList(
            PrunedPair(ticket, pair, dtype=dtype) for pair in range(ticket.source.num_pairs)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return g(x), (batch, outputs), for a batch (batch, ...) of inputs, flattened.

        Raises
        ------
        InvalidInputError
            Another number of values for each input, or another dtype than the network's.
        """
        self._check(x)
        x = x.flatten(1)
        applied = 0
        for pair, total in zip(self.pairs, (*self._applied_exponents, None), strict=True):
            x = pair(x.relu() if pair is not self.pairs[0] else x, 2.0**applied)
            rest = self.output_exponent if total is None else total
            x, applied = _times_power(x, rest - applied), rest
        return x

    def _check(self, x: Any) -> None:
        dtype = next(self.pairs.children()).first.dtype
        is_batch = isinstance(x, torch.Tensor) and x.dtype == dtype and x.ndim >= 2
        if not is_batch or math.prod(x.shape[1:]) != self.num_inputs:
            is_tensor = isinstance(x, torch.Tensor)
            raise InvalidInputError(
                "x",
                got=f"shape {tuple(x.shape)} of {x.dtype}" if is_tensor else type(x).__name__,
                allowed=f"a tensor (batch, ...) of {dtype}, {self.num_inputs} values an input",
                hint="One input is a batch of one: x[None]. Another type: x.to(dtype).",
            )


def _exponents(dtype: torch.dtype) -> tuple[int, int]:
    """Return the exponents of the least and the largest power of two that a type holds."""
    limits = torch.finfo(dtype)
    return math.frexp(limits.tiny * limits.eps)[1] - 1, math.frexp(limits.max)[1] - 1


def _times_power(x: torch.Tensor, exponent: int) -> torch.Tensor:
    """Return 2^exponent x, in steps whose factors x's type holds."""
    lowest, highest = _exponents(x.dtype)
    while exponent:
        step = max(lowest, min(highest, exponent))
        x, exponent = x * 2.0**step, exponent - step
    return x


def _weights(numerators: NDArray[np.int32], dtype: torch.dtype) -> torch.Tensor:
    """Return numerators * 2^-24, exact in float32 and float64."""
    return torch.ldexp(torch.from_numpy(numerators).to(dtype), torch.tensor(GRID_EXPONENT))
