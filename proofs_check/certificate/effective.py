"""From mask and drawn entries to the exact effective weights and their errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from proofs_check.certificate.exact import Dyadic
from proofs_check.certificate.generator import ENTRY_EXPONENT, Integers, Source
from proofs_check.certificate.reader import Array, require, take

# Bits of the mask that are unpacked at once.
_BLOCK = 1 << 21


@dataclass(frozen=True)
class Layer:
    """Target layer i, scaled (W', b'), and what the pruned pair computes in its place.

    The pair computes ``plus s(x) + minus s(-x) + offset``, s the ReLU; without `minus`
    ``plus x + offset``. `error` is E, `bias_error` is e_b.
    """

    weight: Dyadic
    bias: Dyadic
    plus: Dyadic
    minus: Dyadic | None
    offset: Dyadic
    error: Dyadic
    bias_error: Dyadic


@dataclass(frozen=True)
class PairMask:
    """The mask of one pair of source layers, structurally valid."""

    hidden: Integers
    inputs: Integers
    kept: Array


def read_target(
    arrays: dict[str, Array], i: int, shape: dict[str, Any], *, exponents: tuple[int, int]
) -> tuple[Dyadic, Dyadic]:
    """Take W and b of layer i out of `arrays`; return them times two to the `exponents`."""
    sizes = shape["outputs"], shape["inputs"]
    weight = take(arrays, f"{i}.weight", "f4 f8", shape=sizes)
    bias = np.zeros(sizes[0])
    if shape["bias"]:
        bias = take(arrays, f"{i}.bias", "f4 f8", shape=sizes[:1])
    finite = np.isfinite(weight).all() and np.isfinite(bias).all()
    require(bool(finite), f"the weights of layer {i} are finite")
    return Dyadic.from_floats(weight, exponents[0]), Dyadic.from_floats(bias, exponents[1])


def read_mask(
    arrays: dict[str, Array], i: int, shape: dict[str, Any], *, num_hidden: int
) -> PairMask:
    """Take the mask of pair i out of `arrays`, or reject."""
    hidden = take(arrays, f"{i}.hidden", "i8", shape=(-1,))
    h, columns = hidden.size, shape["inputs"] + shape["bias"]
    inputs = take(arrays, f"{i}.inputs", "i8", shape=(h,))
    kept = take(arrays, f"{i}.kept", "u1", shape=(shape["outputs"], -(-h // 8)))
    # Neighbours are compared, not subtracted: a difference of 64-bit integers may overflow.
    require(bool((hidden[1:] > hidden[:-1]).all()), f"'{i}.hidden' is strictly increasing")
    for name, array, size in (("hidden", hidden, num_hidden), ("inputs", inputs, columns)):
        inside = ((array >= 0) & (array < size)).all()
        require(bool(inside), f"'{i}.{name}' lies in [0, {size})")
    clear = h % 8 == 0 or not (kept[:, -1] >> (h % 8)).any()
    require(clear, f"'{i}.kept' has zero bits past bit {h - 1} of every row")
    return PairMask(hidden, inputs, kept)


def effective_layer(
    i: int,
    target: tuple[Dyadic, Dyadic],
    mask: PairMask,
    *,
    source: Source,
    is_signed: bool,
    feed: Callable[[bytes], None],
) -> Layer:
    """Draw the kept entries of pair i again, feed them to the digest, and sum their products.

    `is_signed` says whether the input of this layer may be negative.
    """
    weight, bias = target
    outputs, inputs = weight.numerators.shape
    h, width = mask.hidden.size, inputs + 1
    first = source.entries(2 * i, mask.hidden, mask.inputs)
    feed(first.astype("<i4").tobytes())
    # Hidden neuron t adds to the coefficient in column group[t]: the plus coefficients, the last
    # of them for the constant input 1, then the minus coefficients in the same order.
    group = mask.inputs if source.is_linear else mask.inputs + width * (first < 0)
    scale = first if source.is_linear else np.abs(first)
    # Entries are below 2^27, so that a product is below 2^54; the longest sum may need more.
    longest = int(np.bincount(group, minlength=1).max()) * int(np.abs(scale).max(initial=0))
    sums = np.zeros((outputs, 2 * width), dtype=np.int64 if longest << 27 < 1 << 63 else object)
    step = max(1, _BLOCK // max(h, 1))
    for top in range(0, outputs, step):
        bits = mask.kept[top : top + step]
        rows, slots = np.nonzero(np.unpackbits(bits, axis=1, count=h, bitorder="little"))
        second = source.entries(2 * i + 1, rows + top, mask.hidden[slots])
        feed(second.astype("<i4").tobytes())
        products = (scale[slots] * second).astype(sums.dtype)
        np.add.at(sums, (rows + top, group[slots]), products)
    sums, grid = sums.astype(object), 2 * ENTRY_EXPONENT
    plus, offset = Dyadic(sums[:, :inputs], grid), Dyadic(sums[:, inputs], grid)
    minus = None if source.is_linear else Dyadic(sums[:, width:-1], grid)
    error = plus - weight
    if minus is not None and is_signed:
        error = error.beside(minus + weight)
    return Layer(weight, bias, plus, minus, offset, error, offset - bias)
