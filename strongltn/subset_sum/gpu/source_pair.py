"""Where the samples of a batch come from, when they are drawn where they are searched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from strongltn.errors import InvalidInputError
from strongltn.numerics.exact import FloatArray, IntArray, RowGrid
from strongltn.rng import GRID_EXPONENT, WeightLaw
from strongltn.subset_sum.integer_units import quarter_targets

_MAX_ADDRESS = 1 << 32


@dataclass(frozen=True)
class SourcePair:
    """Two layers of a source network, and how instances take their samples from them.

    Instance t stands in for (output, column) = divmod(t, num_columns). Its block of hidden neurons
    is number `column`, or number t where hidden neurons are not shared; block b is the neurons
    ``b * block_width`` to ``(b + 1) * block_width - 1``. A sample is a product: the first-layer
    weight (hidden, column) times the second-layer weight (output, hidden).

    Attributes
    ----------
    law : WeightLaw
        The law of the source; not `WeightLaw.GAUSSIAN`, which needs a table.
    key : int in [0, 2**64)
        The key of the source's stream, from `stream_key`.
    pair : int >= 0
        Which pair of layers it is: 2 * pair and 2 * pair + 1 of the source.
    num_columns : int >= 1
        How many columns the first layer of the pair has.
    block_width : int in [num_samples, 1024]
        How many hidden neurons an instance looks at.
    num_samples : int >= 1
        How many samples an instance has, n.
    group : {-1, 0, 1}
        Which neurons are members: the first `num_samples` whose first-layer weight has this sign,
        and that weight enters with its magnitude; 0 means all neurons, the weight as it is. Where
        a block falls short of members, the samples missing are zeros.
    shares_hidden : bool
        Whether the instances of one column use the same block.

    Raises
    ------
    InvalidInputError
        A value is outside the above.

    Notes
    -----
    Rigor: exact.  Cost: none.  Randomness: none here; the bits are those of `draw_entries`.
    """

    law: WeightLaw
    key: int
    pair: int
    num_columns: int
    block_width: int
    num_samples: int
    group: int
    shares_hidden: bool

    def __post_init__(self) -> None:
        limits = {
            "key": (0, (1 << 64) - 1),
            "pair": (0, _MAX_ADDRESS // 2 - 1),
            "num_columns": (1, _MAX_ADDRESS),
            "num_samples": (1, 1024),
            "block_width": (max(self.num_samples, 1), 1024),
            "group": (-1, 1),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise InvalidInputError(name, got=value, allowed=f"an int in [{low}, {high}]")
        if self.law is WeightLaw.GAUSSIAN:
            raise InvalidInputError(
                "law",
                got=self.law,
                allowed="UNIFORM or SIGNED_CONSTANT",
                hint="Draw Gaussian samples first and search them as a batch.",
            )

    def check_instances(self, first: int, count: int) -> None:
        """Raise InvalidInputError if an address of these instances is beyond the counters."""
        last = first + count - 1
        blocks = self.num_columns if self.shares_hidden else last + 1
        highest = max(blocks * self.block_width - 1, last // self.num_columns)
        if first < 0 or highest >= _MAX_ADDRESS:
            raise InvalidInputError(
                "first_instance",
                got=first,
                allowed="at least 0, and such that rows and columns stay below 2**32",
            )

    def goals(self, targets: FloatArray) -> IntArray:
        """Return `quarter_targets` of finite targets, on the grid of every instance's samples."""
        reach = np.full((len(targets), 1), self.num_samples << -2 * GRID_EXPONENT, dtype=np.int64)
        exponents = np.full(len(targets), 2 * GRID_EXPONENT, dtype=np.int64)
        fits = np.ones(len(targets), dtype=np.bool_)
        return quarter_targets(RowGrid(reach, exponents, fits), targets)
