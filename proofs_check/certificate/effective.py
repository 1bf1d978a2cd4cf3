"""The source network, drawn again from its seed, and its exact effective weights under the mask."""

import functools
import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, ctx

from proofs_check.certificate.exact import Dyadic, from_floats, join
from proofs_check.certificate.reader import Array, require, take

ENTRY_EXPONENT = -24
# Bits of the mask that are unpacked at once.
_BLOCK = 1 << 18


def philox4x32(counter: tuple[Any, Any, Any, Any], key: tuple[int, int]) -> tuple[Array, ...]:
    """Return the words of Philox 4x32-10 (Salmon et al. 2011); counters are below 2^32."""
    c0, c1, c2, c3 = (np.asarray(word, dtype=np.uint64) for word in counter)
    k0, k1 = key
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    for _ in range(10):
        # Both factors are below 2^32: the product fits 64 bits.
        left, right = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1 = (right >> half) ^ c1 ^ np.uint64(k0), right & low
        c2, c3 = (left >> half) ^ c3 ^ np.uint64(k1), left & low
        k0, k1 = (k0 + 0x9E3779B9) % (1 << 32), (k1 + 0xBB67AE85) % (1 << 32)
    return c0, c1, c2, c3


class Source:
    """The random network of ticket.json; `drawn` digests its entries in the order of the draws."""

    def __init__(self, network: dict[str, Any]) -> None:
        self.seed, self.law, self.drawn = network["seed"], network["law"], hashlib.sha256()
        self.is_linear = network["inner_activation"] == "linear"

    def draw(self, layer: int, rows: Array, columns: Array) -> Any:
        """Return the numerators over 2^24 of the entries at (rows[n], columns[n])."""
        # The two key words come from SHA-256 of the name of the stream.
        head = hashlib.sha256(f"strongltn/source/{self.seed}".encode("ascii")).digest()
        key = int.from_bytes(head[:4], "little"), int.from_bytes(head[4:8], "little")
        row, column = rows.astype(np.uint64), columns.astype(np.uint64)
        if self.law == "gaussian":
            entries = gaussian(philox4x32((column, row, layer, 1), key))
        else:
            four = philox4x32((column // np.uint64(4), row, layer, 0), key)
            word = np.choose((column % np.uint64(4)).astype(np.int64), four)
            entries = 2 * (word >> np.uint64(8)).astype(np.int64) + (1 - (1 << 24))
            if self.law == "signed-constant" and layer % 2 == 0:
                entries = np.where(word >> np.uint64(31) == 0, 1 << 24, -(1 << 24))
        self.drawn.update(entries.astype("<i4").tobytes())
        return entries


def gaussian(words: tuple[Array, ...]) -> Any:
    """Return the numerators over 2^24 of entries of the Gaussian law."""
    w0, w1, w2, w3 = words
    cells, slopes = gaussian_tables()
    cell = np.searchsorted(cells, w0 | (w1 << np.uint64(32)), side="right")
    w2, w3 = w2.astype(np.int64), w3.astype(np.int64)
    first, second = w2 % 4096, (w2 >> 12) % 4096
    offset = np.where(w3 % (1 << 31) < slopes[cell], np.minimum(first, second), first)
    magnitude = (2 * (4096 * cell + offset) + 1) * 8
    return np.where(w3 >> 31 == 1, -magnitude, magnitude)


@functools.cache
def gaussian_tables() -> tuple[Array, Array]:
    """Return the thresholds T_j (2047,) and floor(2^31 tanh((2i+1)/2^18)) (2048,)."""
    with ctx.workprec(256):
        cells: Any = [(arb(j + 1) / 256 / arb(2).sqrt()).erf() * 2**64 for j in range(2047)]
        slopes: Any = [(arb(2 * i + 1) / 2**18).tanh() * 2**31 for i in range(2048)]
        # Where a ball does not decide there is no unique integer, and int() fails.
        floors = [[int(x.floor().unique_fmpz()) for x in table] for table in (cells, slopes)]
    return np.array(floors[0], dtype=np.uint64), np.array(floors[1], dtype=np.int64)


@dataclass(frozen=True)
class Layer:
    """Layer i of the scaled target, and what the pruned pair computes in its place.

    The pre-activation z of the target and the amount d by which that of the pruned network exceeds
    it are (z, d) = form v + constant. At layer 0 v = (s(x), s(-x)) of the input, s the ReLU; then
    v = (s(z), s(z + d) - s(z)) of the layer before. `error` is the matrix E of FORMAT.md.
    """

    outputs: int
    inputs: int
    num_kept: int
    form: Any
    constant: Any
    error: Any


def read_target(arrays: dict[str, Array], i: int, ticket: dict[str, Any]) -> tuple[Any, Any]:
    """Take W and b of layer i out of `arrays`; return 2^-k_i W and 2^-(k_0 + ... + k_i) b."""
    shape = ticket["layers"][i]
    sizes = shape["outputs"], shape["inputs"]
    weight, bias = take(arrays, f"{i}.weight", "float32, float64", shape=sizes), np.zeros(sizes[0])
    if shape["bias"]:
        bias = take(arrays, f"{i}.bias", "float32, float64", shape=sizes[:1])
    require(all(np.isfinite(x).all() for x in (weight, bias)), f"layer {i} is not finite")
    powers = -ticket["scale_exponents"][i], -ticket["total_exponents"][i]
    return from_floats(weight, powers[0]), from_floats(bias, powers[1])


def read_mask(arrays: dict[str, Array], i: int, ticket: dict[str, Any]) -> tuple[Array, ...]:
    """Take the mask of pair i: hidden neurons that keep anything, their inputs, the packed bits."""
    shape, num_hidden = ticket["layers"][i], ticket["source"]["widths"][2 * i + 1]
    hidden = take(arrays, f"{i}.hidden", "int64", shape=(-1,))
    h, columns = hidden.size, shape["inputs"] + shape["bias"]
    inputs = take(arrays, f"{i}.inputs", "int64", shape=(h,))
    kept = take(arrays, f"{i}.kept", "uint8", shape=(shape["outputs"], -(-h // 8)))
    # Neighbours are compared, not subtracted: a difference of 64-bit integers may overflow.
    require((hidden[1:] > hidden[:-1]).all(), f"'{i}.hidden' must be strictly increasing")
    for name, array, size in (("hidden", hidden, num_hidden), ("inputs", inputs, columns)):
        require(((array >= 0) & (array < size)).all(), f"'{i}.{name}' must lie in [0, {size})")
    clear = h % 8 == 0 or not (kept[:, -1] >> (h % 8)).any()
    require(clear, f"'{i}.kept' must have zero bits past bit {h - 1} of every row")
    return hidden, inputs, kept


def effective_layer(i: int, target: Any, mask: Any, *, source: Source, is_signed: bool) -> Layer:
    """Draw the kept entries of pair i again and sum their products; is its input ever negative?"""
    (weight, bias), (hidden, columns, kept) = target, mask
    outputs, inputs = weight.numerators.shape
    h, width = hidden.size, inputs + 1
    first = source.draw(2 * i, hidden, columns)
    # Hidden neuron t adds to the coefficient in column group[t]: the plus coefficients, the last
    # of them for the constant input 1, then the minus coefficients in the same order.
    group = columns if source.is_linear else columns + width * (first < 0)
    scale = first if source.is_linear else np.abs(first)
    # A product is below 2^54, but not a sum of many.
    sums = np.zeros((outputs, 2 * width), dtype=object)
    step = max(1, _BLOCK // max(h, 1))
    for top in range(0, outputs, step):
        bits = np.unpackbits(kept[top : top + step], axis=1, count=h, bitorder="little")
        rows, slots = np.nonzero(bits)
        products = scale[slots] * source.draw(2 * i + 1, rows + top, hidden[slots])
        np.add.at(sums, (rows + top, group[slots]), products.astype(object))
    total = Dyadic(sums, 2 * ENTRY_EXPONENT)
    plus, minus, offset = total[:, :inputs], total[:, width:-1], total[:, inputs]
    error, is_split = plus - weight, is_signed and not source.is_linear
    z_form = join(weight, weight * (0 if i else -1))
    d_form = join(error, plus if i else minus + weight if is_split else -error)
    form, constant = join(z_form, d_form, axis=0), join(bias, offset - bias)
    num_kept = h + int(np.bitwise_count(kept).sum(dtype=np.int64))
    return Layer(outputs, inputs, num_kept, form, constant, d_form if is_split else error)
