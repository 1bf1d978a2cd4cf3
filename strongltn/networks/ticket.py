"""Tickets: a source network and a mask, and the pruned network that they are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError, SoundnessBug
from strongltn.networks.mask import PairMask
from strongltn.networks.source import Activation, SourceNetwork
from strongltn.numerics.dyadic import DyadicArray
from strongltn.rng import GRID_EXPONENT

_MAX_SAMPLES = 1 << 31  # as in ``proofs_check/FORMAT.md``
_MAX_SCALE_EXPONENT = 4096  # as in ``proofs_check/FORMAT.md``; far beyond what doubles need


@dataclass(frozen=True, eq=False)
class EffectiveLayer:
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


@dataclass(frozen=True, eq=False)
class Ticket:
    """A strong lottery ticket: one fixed random network and a mask. No weight is ever changed.

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
        num_pairs = self.source.num_pairs
        if len(self.pairs) != num_pairs or len(self.scale_exponents) != num_pairs:
            raise InvalidInputError(
                "ticket",
                got=f"{len(self.pairs)} masks and {len(self.scale_exponents)} scales",
                allowed=f"one of each for the {num_pairs} pairs of source layers",
            )
        is_whole = all(type(exponent) is int for exponent in self.scale_exponents)
        sums = list(accumulate(self.scale_exponents)) if is_whole else []
        if not is_whole or any(
            abs(k) > _MAX_SCALE_EXPONENT for k in (*self.scale_exponents, *sums)
        ):
            raise InvalidInputError(
                "scale_exponents",
                got=self.scale_exponents,
                allowed=f"integers in [-{_MAX_SCALE_EXPONENT}, {_MAX_SCALE_EXPONENT}], and their "
                "sums k_0 + ... + k_i too",
            )
        if not isinstance(self.construction, str):
            raise InvalidInputError("construction", got=self.construction, allowed="a name")
        samples = self.samples_per_weight
        if type(samples) is not int or not 1 <= samples < _MAX_SAMPLES:
            raise InvalidInputError(
                "samples_per_weight", got=samples, allowed=f"an integer in [1, {_MAX_SAMPLES})"
            )
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

    def dense_masks(self) -> dict[str, NDArray[np.bool_]]:
        """Return the boolean mask of every source layer, for networks small enough to hold."""
        masks: dict[str, NDArray[np.bool_]] = {}
        for i, pair in enumerate(self.pairs):
            first, second = pair.dense(self.source.shape(2 * i), self.source.shape(2 * i + 1))
            masks[f"{2 * i}"], masks[f"{2 * i + 1}"] = first, second
        return masks


def _most_products(mask: PairMask, slots: NDArray[np.int64]) -> int:
    """Return the largest number of kept products in one coefficient."""
    most, num_slots = 0, int(slots.max()) + 1
    for rows, positions in mask.blocks():  # whole rows, so that no coefficient is split
        counts = np.unique(rows * num_slots + slots[positions], return_counts=True)[1]
        most = max(most, int(counts.max(initial=0)))
    return most
