"""Tickets: a source network and a mask, and the pruned network that they are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError, SoundnessBug
from strongltn.networks.mask import PairMask
from strongltn.networks.reading import short_list, short_name
from strongltn.networks.source import Activation, SourceNetwork
from strongltn.numerics.dyadic import DyadicArray
from strongltn.process.default_state import in_default_state
from strongltn.report.html import html_table
from strongltn.rng import GRID_EXPONENT
from strongltn.values.arguments import instance, integer
from strongltn.values.by_value import ByValue

if TYPE_CHECKING:
    import torch

    from strongltn.networks.pruned import PrunedNetwork

_MAX_SAMPLES = 1 << 31  # as in ``proofs_check/FORMAT.md``
_MAX_SCALE_EXPONENT = 4096  # as in ``proofs_check/FORMAT.md``; far beyond what doubles need


@dataclass(frozen=True, eq=False)
class EffectiveLayer(ByValue):
    """What one pruned pair of source layers computes, exactly.

    With inner activation ReLU the pre-activation is plus s(x) + minus s(-x) + bias, s = ReLU; with
    a linear inner activation it is plus x + bias and `minus` is None. All on the grid 2^-48.

    Attributes
    ----------
    plus, minus : DyadicArray (outputs, inputs)
    bias : DyadicArray (outputs,), or None where the pair has no bias column
    """

    plus: DyadicArray
    minus: DyadicArray | None
    bias: DyadicArray | None

    def __repr__(self) -> str:
        outputs, inputs = self.plus.shape
        biases = "" if self.bias is None else " with biases"
        return f"EffectiveLayer({inputs} to {outputs}{biases}, exact)"


@dataclass(frozen=True, eq=False)
class Ticket(ByValue):
    """A strong lottery ticket: one fixed random network and a mask. No weight is ever changed.

    Two tickets are equal if seed, law, sizes, masks, scales and the two fields that only inform
    (`construction`, `samples_per_weight`) are.

    Attributes
    ----------
    source : SourceNetwork
    pairs : tuple of PairMask, one for each pair of source layers
    scale_exponents : tuple of int
        k_i: pair i stands in for the target layer's weights / 2^k_i. The pruned network's output is
        multiplied by 2^(k_0 + k_1 + ...), exactly, by ReLU's positive homogeneity.
    construction : str
        Name of the construction that found the mask, whatever its author calls it.
    samples_per_weight : int
        Random samples that each subset sum saw.
    """

    source: SourceNetwork
    pairs: tuple[PairMask, ...]
    scale_exponents: tuple[int, ...]
    construction: str
    samples_per_weight: int

    def __post_init__(self) -> None:
        instance("source", self.source, SourceNetwork)
        instance("construction", self.construction, str)
        samples = self.samples_per_weight
        samples = integer("samples_per_weight", samples, low=1, last=_MAX_SAMPLES - 1)
        object.__setattr__(self, "samples_per_weight", samples)
        for name, kind in (("pairs", "PairMask"), ("scale_exponents", "integers")):
            allowed = f"a sequence of {kind}, one for each pair of source layers"
            instance(name, getattr(self, name), Sequence, allowed=allowed)  # type: ignore[type-abstract]
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for pair in self.pairs:
            instance("pairs", pair, PairMask)
        num_pairs = self.source.num_pairs
        if len(self.pairs) != num_pairs or len(self.scale_exponents) != num_pairs:
            raise InvalidInputError(
                "ticket",
                got=f"{len(self.pairs)} masks and {len(self.scale_exponents)} scales",
                allowed=f"one of each for the {num_pairs} pairs of source layers",
            )
        object.__setattr__(self, "scale_exponents", _checked_exponents(self.scale_exponents))
        for i, pair in enumerate(self.pairs):
            width, columns = self.source.shape(2 * i)
            outputs, _ = self.source.shape(2 * i + 1)
            is_inside = pair.hidden.size == 0 or (
                pair.hidden[0] >= 0
                and pair.hidden[-1] < width
                and pair.inputs.min() >= 0
                and pair.inputs.max() < columns
            )
            if not is_inside or pair.num_outputs != outputs:
                raise InvalidInputError(
                    "mask", got=f"pair {i} outside the source", allowed="within the source's shapes"
                )

    @property
    def num_kept(self) -> int:
        """Number of source weights that the mask keeps."""
        return sum(pair.num_kept for pair in self.pairs)

    @property
    def output_exponent(self) -> int:
        """K: the output of the masked source network is multiplied by 2^K."""
        return sum(self.scale_exponents)

    def first_weights(self, pair: int) -> NDArray[np.int32]:
        """Return the kept first-layer weights of a pair, as numerators (live,)."""
        mask = self.pairs[pair]
        return self.source.entries(2 * pair, mask.hidden, mask.inputs)

    def effective(self, pair: int) -> EffectiveLayer:
        """Return the exact function of a pruned pair, re-drawn and re-summed from seed and mask.

        Notes
        -----
        Rigor: exact, in integers; a sum that int64 might not hold is refused, never wrapped.
        """
        mask = self.pairs[pair]
        num_inputs = self.source.widths[2 * pair]
        num_columns = self.source.shape(2 * pair)[1]
        first = self.first_weights(pair).astype(np.int64)
        is_relu = self.source.inner_activation is Activation.RELU
        # plus coefficients at the column of their input, minus coefficients num_columns further on
        slots = mask.inputs + np.where((first < 0) & is_relu, num_columns, 0)
        factors = np.abs(first) if is_relu else first
        limit = (1 << 63) // (max(1, int(np.abs(first).max(initial=0))) << 27)  # no law draws more
        most = int(np.bincount(slots).max(initial=0))  # neurons: at least the products of one sum
        if most >= limit:
            most = _most_products(mask, slots)
        if most >= limit:
            raise SoundnessBug(
                f"{most} products for one weight of pair {pair} might overflow int64"
            )
        sums = np.zeros((mask.num_outputs, 2 * num_columns), dtype=np.int64)
        flat = sums.reshape(-1)  # one index an entry is several times as fast as two
        for rows, positions in mask.blocks():
            second = self.source.entries(2 * pair + 1, rows, mask.hidden[positions])
            addresses = rows * sums.shape[1] + slots[positions]
            np.add.at(flat, addresses, factors[positions] * second)
        exponent = 2 * GRID_EXPONENT
        minus = sums[:, num_columns : num_columns + num_inputs]
        has_bias = num_columns > num_inputs
        return EffectiveLayer(
            plus=DyadicArray(sums[:, :num_inputs], exponent),
            minus=DyadicArray(minus, exponent) if is_relu else None,
            bias=DyadicArray(sums[:, num_inputs], exponent) if has_bias else None,
        )

    def drawn_sha256(self) -> str:
        """Return the digest of all kept source weights (``proofs_check/FORMAT.md``)."""
        digest = hashlib.sha256()
        for i, mask in enumerate(self.pairs):
            digest.update(self.first_weights(i).astype("<i4").tobytes())
            for rows, positions in mask.blocks():
                second = self.source.entries(2 * i + 1, rows, mask.hidden[positions])
                digest.update(second.astype("<i4").tobytes())
        return digest.hexdigest()

    @in_default_state()
    def to_module(self, *, dtype: torch.dtype | None = None) -> PrunedNetwork:
        """Return the pruned network g as a frozen torch module: (batch, inputs) -> outputs.

        It is the masked random network itself, with no effective weight in it; what is pruned takes
        neither memory nor time.

        Parameters
        ----------
        dtype : torch dtype, optional
            float32 (default) or float64: of the weights, which are exact in both, and of the
            arithmetic, which rounds.
        """
        from strongltn.networks.pruned import PrunedNetwork

        return PrunedNetwork(self, dtype=dtype)

    @in_default_state()
    def to_prune_masks(self) -> dict[str, torch.Tensor]:
        """Return the masks of all parameters of ``ticket.source.to_module()``, by name.

        They are bool tensors, True = kept, in the form that `torch.nn.utils.prune` takes. The
        masked source, times ``2 ** ticket.output_exponent``, is the ticket's function.

        Raises
        ------
        BudgetExceeded
            A layer of the source has more than 2^28 entries.

        Examples
        --------
        >>> import torch
        >>> from torch.nn.utils import prune as torch_prune
        >>> from strongltn import TargetNetwork, prune
        >>> target = TargetNetwork.of(torch.nn.Linear(2, 1))
        >>> ticket = prune(target, num_samples=6, seed=0).ticket
        >>> dense = ticket.source.to_module()
        >>> for name, mask in ticket.to_prune_masks().items():
        ...     layer, kind = name.split(".")
        ...     _ = torch_prune.custom_from_mask(dense[int(layer)], kind, mask)
        >>> x = torch.tensor([[0.5, -0.25]])
        >>> pruned = dense(x) * 2.0**ticket.output_exponent
        >>> bool((pruned - ticket.to_module()(x)).abs().max() < 1e-6)
        True
        """
        import torch

        source, masks = self.source, {}
        for layer in range(2 * source.num_pairs):
            source.check_dense(layer)
        for layer, mask in enumerate(self.dense_masks().values()):
            num_inputs, name = source.widths[layer], source.module_index(layer)
            masks[f"{name}.weight"] = torch.from_numpy(mask[:, :num_inputs].copy())
            if mask.shape[1] > num_inputs:
                masks[f"{name}.bias"] = torch.from_numpy(mask[:, num_inputs].copy())
        return masks

    def __repr__(self) -> str:
        source = self.source
        return (
            f"Ticket({short_name(self.construction)}, seed {source.seed}, {source.law.value}, "
            f"{short_list(source.widths, '-')}, keeps {self.num_kept:,} of {source.num_weights:,} "
            "weights)"
        )

    def _repr_html_(self) -> str:
        source = self.source
        return html_table(
            "Ticket",
            {
                "source": f"{short_list(source.widths, '-')}, {source.num_weights:,} random "
                f"weights, {source.law.value}, seed {source.seed}",
                "mask": f"keeps {self.num_kept:,} weights",
                "construction": f"{self.construction}, {self.samples_per_weight} samples for each "
                "subset sum",
            },
        )

    def dense_masks(self) -> dict[str, NDArray[np.bool_]]:
        """Return the boolean mask of every source layer, for networks small enough to hold."""
        masks: dict[str, NDArray[np.bool_]] = {}
        for i, pair in enumerate(self.pairs):
            first, second = pair.dense(self.source.shape(2 * i), self.source.shape(2 * i + 1))
            masks[f"{2 * i}"], masks[f"{2 * i + 1}"] = first, second
        return masks


def _checked_exponents(given: Sequence[object]) -> tuple[int, ...]:
    """Return exponents of any integer type; their sums belong to biases, and are limited as well.

    Raises
    ------
    InvalidInputError
    """
    most = _MAX_SCALE_EXPONENT
    allowed = f"integers in [-{most}, {most}], and their sums k_0 + ... + k_i too"
    exponents = tuple(
        integer("scale_exponents", exponent, low=-most, last=most, allowed=allowed)
        for exponent in given
    )
    if any(abs(total) > most for total in accumulate(exponents)):
        raise InvalidInputError("scale_exponents", got=f"{exponents}", allowed=allowed)
    return exponents


def _most_products(mask: PairMask, slots: NDArray[np.int64]) -> int:
    """Return the largest number of kept products in one coefficient."""
    most, num_slots = 0, int(slots.max()) + 1
    for rows, positions in mask.blocks():  # whole rows, so that no coefficient is split
        counts = np.unique(rows * num_slots + slots[positions], return_counts=True)[1]
        most = max(most, int(counts.max(initial=0)))
    return most
