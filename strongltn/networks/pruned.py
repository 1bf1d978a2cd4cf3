"""The pruned network as a torch module: the masked random network itself, nothing else.

No target weight and no effective weight enters. The forward uses that a kept hidden neuron has one
input: the first layer of a pair is a gather and a product, the second a masked matrix.
"""

from __future__ import annotations

import numpy as np
import torch

from strongltn.networks.mask import PairMask
from strongltn.networks.source import Activation, SourceNetwork
from strongltn.networks.ticket import Ticket
from strongltn.rng import GRID_EXPONENT

_CHUNK_ENTRIES = 1 << 25  # hidden activations held at a time
_SPARSE_DENSITY = 1 / 16  # below it the second layer is kept as a sparse matrix


class PrunedPair(torch.nn.Module):
    """One pruned pair of source layers: (batch, inputs) -> (batch, outputs), no outer ReLU."""

    inputs: torch.Tensor
    first: torch.Tensor
    second: torch.Tensor

    def __init__(self, ticket: Ticket, pair: int, *, dtype: torch.dtype) -> None:
        super().__init__()
        mask = ticket.pairs[pair]
        self.has_bias = ticket.source.biases[pair]
        self.is_relu = ticket.source.inner_activation is Activation.RELU
        first = torch.from_numpy(ticket.first_weights(pair)).to(dtype)
        self.register_buffer("inputs", torch.from_numpy(mask.inputs.copy()))
        self.register_buffer("first", torch.ldexp(first, torch.tensor(GRID_EXPONENT)))
        self.register_buffer("second", _masked_matrix(ticket.source, mask, 2 * pair + 1, dtype))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the pre-activations of one batch."""
        if self.has_bias:
            x = torch.cat([x, x.new_ones(len(x), 1)], dim=1)
        step = max(1, _CHUNK_ENTRIES // max(1, self.first.numel()))
        return torch.cat([self._forward_chunk(part) for part in torch.split(x, step)])

    def _forward_chunk(self, x: torch.Tensor) -> torch.Tensor:
        hidden = x[:, self.inputs] * self.first
        if self.is_relu:
            hidden.relu_()
        if self.second.is_sparse:
            out: torch.Tensor = torch.sparse.mm(self.second, hidden.T).T
            return out
        return hidden @ self.second.T


class PrunedNetwork(torch.nn.Module):
    """The function g of a ticket, times the recorded power of two; frozen.

    Parameters
    ----------
    ticket : Ticket
    dtype : torch dtype, optional
        float32 (default) or float64: of the weights, which are exact in both, and of the
        arithmetic, which rounds. Certificates use exact integers instead.
    """

    def __init__(self, ticket: Ticket, *, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        dtype = dtype or torch.float32
        self.output_exponent = ticket.output_exponent
        self.pairs = torch.nn.ModuleList(
            PrunedPair(ticket, pair, dtype=dtype) for pair in range(ticket.source.num_pairs)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return g(x), (batch, outputs), for a batch (batch, ...) of inputs, flattened."""
        x = x.flatten(1)
        for i, pair in enumerate(self.pairs):
            x = pair(x.relu() if i else x)
        return x * 2.0**self.output_exponent


def _masked_matrix(
    source: SourceNetwork, mask: PairMask, layer: int, dtype: torch.dtype
) -> torch.Tensor:
    """Return mask * W of a second layer, restricted to live hidden neurons: (outputs, live)."""
    shape = (mask.num_outputs, mask.hidden.size)
    num_kept = mask.num_kept - mask.hidden.size
    is_sparse = num_kept < _SPARSE_DENSITY * shape[0] * shape[1]
    dense = torch.zeros((0, 0) if is_sparse else shape, dtype=dtype)
    addresses: list[torch.Tensor] = []
    values: list[torch.Tensor] = []
    for rows, positions in mask.blocks():
        numerators = torch.from_numpy(source.entries(layer, rows, mask.hidden[positions]))
        weights = torch.ldexp(numerators.to(dtype), torch.tensor(GRID_EXPONENT))
        address = torch.from_numpy(np.stack([rows, positions]))
        if is_sparse:
            addresses.append(address)
            values.append(weights)
        else:
            dense[address[0], address[1]] = weights
    if not is_sparse:
        return dense
    return torch.sparse_coo_tensor(
        torch.cat(addresses, dim=1),
        torch.cat(values),
        shape,
        is_coalesced=True,
        check_invariants=True,  # cheap, and silent in every torch release
    )
