"""Rows of vectors: what the compiled loops write in LLVM instead of Python.

A row is one vector and holds one key of each instance: instance l lives in lane l. Here are the
width that the processor has, the layout of rows in an array, and the exchange of two rows by
minimum and maximum, of which all sorting is made. After the lanes have found a pair of keys, the
subsets behind it are looked for in one lane alone: then the vectors hold 64 sums of the same
instance, and one word of bits says which of them lie in an interval. Without AVX2 or AVX-512 none
of it is used: see `VECTOR_BYTES`. Importing this module imports numba.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic as _untyped_intrinsic

from strongltn.process.compiled import compiled

intrinsic: Any = _untyped_intrinsic


def _vector_bytes() -> int:
    """Return the width of a vector register, or 0 where the speed of this module is untested."""
    chosen: str | None = numba.config.CPU_FEATURES  # type: ignore[attr-defined]
    if chosen is None:
        features = {name for name, has in llvmlite.binding.get_host_cpu_features().items() if has}
    else:
        features = {name[1:] for name in chosen.split(",") if name.startswith("+")}
    return 64 if "avx512f" in features else 32 if "avx2" in features else 0


#: Bytes of one row: 64 with AVX-512, 32 with AVX2, 0 if the module is not to be used.
VECTOR_BYTES = _vector_bytes()


# One row in 17 is left empty: rows that are a power of two apart would share the same few sets of
# the cache.
_LOG_PAD = 4
INT64 = ir.IntType(64)


def at(number: int) -> ir.Constant:
    """Return an index as a constant of 64 bits."""
    return ir.Constant(INT64, number)


class Area:
    """An array argument of an intrinsic, seen as rows of vectors."""

    def __init__(self, context: Any, builder: Any, kind: Any, array: Any) -> None:
        item = context.get_value_type(kind.dtype)
        self.builder = builder
        self.num_lanes = VECTOR_BYTES * 8 // item.width
        self.vector = ir.VectorType(item, self.num_lanes)
        data = context.make_array(kind)(context, builder, array).data
        self.base = builder.bitcast(data, self.vector.as_pointer())

    def constant(self, number: int) -> ir.Constant:
        return ir.Constant(self.vector, [number] * self.num_lanes)

    def place(self, row: Any, base: Any = None) -> Any:
        padded = self.builder.add(row, self.builder.lshr(row, at(_LOG_PAD)))
        return self.builder.gep(base or self.base, [padded])

    def places(self, row: Any, stride: Any, count: int) -> list[Any]:
        """Places of rows that are a power of two apart, from a row that opens a column.

        The steps between them are the same for every column: a loop finds them once.
        """
        first = self.place(row)
        return [self.place(self.builder.mul(stride, at(j)), first) for j in range(count)]

    def mirrored(self, row: Any, stride: Any, count: int) -> list[Any]:
        """Places of the rows that `places` would give if the area were upside down."""
        opposite = self.builder.sub(self.builder.sub(stride, at(1)), row)
        return self.places(opposite, stride, count)[::-1]

    def read(self, place: Any) -> Any:
        value = self.builder.load(place)
        value.align = VECTOR_BYTES
        return value

    def load(self, row: Any) -> Any:
        return self.read(self.place(row))

    def write(self, place: Any, value: Any) -> None:
        self.builder.store(value, place).align = VECTOR_BYTES

    def store(self, row: Any, value: Any) -> None:
        self.write(self.place(row), value)


def exchange(builder: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Return the smaller and the larger of two rows, lane by lane."""
    is_less = builder.icmp_signed("<", a, b)
    return builder.select(is_less, a, b), builder.select(is_less, b, a)


def sort_bitonic(builder: Any, rows: list[Any]) -> list[Any]:
    """Sort what is bitonic along these rows: one row of each of 2**stages columns."""
    rows = list(rows)
    distance = len(rows) // 2
    while distance:
        for i in range(len(rows)):
            if not i & distance:
                low, high = exchange(builder, rows[i], rows[i + distance])
                rows[i], rows[i + distance] = low, high
        distance //= 2
    return rows


@intrinsic
def keep_apart(typing_context):  # type: ignore[no-untyped-def]
    """Keep the function that says this from being compiled again inside each of its callers."""

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate


@compiled()
def area(num_keys, like):  # type: ignore[no-untyped-def]
    """Return an aligned work area for rows of keys, of the integer type of the array `like`."""
    room = VECTOR_BYTES // like.itemsize
    padded = np.empty((num_keys + (num_keys >> _LOG_PAD) + 2) * room, like.dtype)
    skip = (-padded.ctypes.data % VECTOR_BYTES) // like.itemsize
    return padded[skip : padded.size - room + skip]


@compiled()
def set_key(keys, row, lane, value):  # type: ignore[no-untyped-def]
    """Write one key."""
    keys[(row + (row >> _LOG_PAD)) * (VECTOR_BYTES // keys.itemsize) + lane] = value


@compiled()
def get_key(keys, row, lane):  # type: ignore[no-untyped-def]
    """Read one key."""
    return keys[(row + (row >> _LOG_PAD)) * (VECTOR_BYTES // keys.itemsize) + lane]


#: `hits` looks at the 2**LOG_SUMS sums of that many keys.
LOG_SUMS = 6


def _hits(builder: Any, rows: Area, lowest: Any, width: Any) -> list[Any]:
    """For 64 sums in `rows`: whether they are `lowest` to `lowest + width`, modulo the word."""
    values = [
        rows.read(builder.gep(rows.base, [at(j)])) for j in range(2**LOG_SUMS // rows.num_lanes)
    ]
    return [builder.icmp_unsigned("<=", builder.sub(value, lowest), width) for value in values]


def _spread(builder: Any, rows: Area, number: Any) -> Any:
    """A vector of equal numbers, from a number of the word or wider."""
    item = rows.vector.element
    if number.type.width > item.width:
        number = builder.trunc(number, item)
    single = builder.insert_element(rows.constant(0), number, ir.Constant(item, 0))
    index = ir.Constant(ir.VectorType(ir.IntType(32), rows.num_lanes), None)
    return builder.shuffle_vector(single, single, index)


@intrinsic
def write_sums(typing_context, sums, base, steps):  # type: ignore[no-untyped-def]
    """Write ``sums[j] = base + (the steps whose bit is set in j)`` for the 64 values of j.

    `sums` is an aligned array, `steps` an int64 array of six.
    """

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        rows = Area(context, builder, signature.args[0], args[0])
        data = context.make_array(signature.args[2])(context, builder, args[2]).data
        values = [_spread(builder, rows, args[1])] * (2**LOG_SUMS // rows.num_lanes)
        for k in range(LOG_SUMS):
            step = builder.load(builder.gep(data, [at(k)]))
            vector = _spread(builder, rows, step)
            for j in range(len(values)):
                bits = [(j * rows.num_lanes + lane) >> k & 1 for lane in range(rows.num_lanes)]
                chosen = builder.and_(vector, ir.Constant(rows.vector, [-bit for bit in bits]))
                values[j] = builder.add(values[j], chosen)
        for j, value in enumerate(values):
            rows.write(builder.gep(rows.base, [at(j)]), value)
        return context.get_dummy_value()

    return types.void(sums, types.int64, steps), generate


@intrinsic
def hits(typing_context, sums, lowest, width):  # type: ignore[no-untyped-def]
    """Return a word whose bit j tells whether ``0 <= sums[j] - lowest <= width``, for 64 sums.

    `sums` is an aligned array; the comparison is modulo the width of its type.
    """

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        rows = Area(context, builder, signature.args[0], args[0])
        spread = [_spread(builder, rows, number) for number in args[1:]]
        word = at(0)
        for j, is_hit in enumerate(_hits(builder, rows, *spread)):
            bits = builder.zext(builder.bitcast(is_hit, ir.IntType(rows.num_lanes)), INT64)
            word = builder.or_(word, builder.shl(bits, at(j * rows.num_lanes)))
        return word

    return types.int64(sums, types.int64, types.int64), generate


@intrinsic
def any_hits(typing_context, sums, lowest, start, width):  # type: ignore[no-untyped-def]
    """Return whether `hits` finds any for the four ``lowest[start : start + 4]``."""

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        rows = Area(context, builder, signature.args[0], args[0])
        data = context.make_array(signature.args[1])(context, builder, args[1]).data
        width = _spread(builder, rows, args[3])
        found = None
        for j in range(4):
            number = builder.load(builder.gep(data, [builder.add(args[2], at(j))]))
            for is_hit in _hits(builder, rows, _spread(builder, rows, number), width):
                found = is_hit if found is None else builder.or_(found, is_hit)
        bits = builder.bitcast(found, ir.IntType(rows.num_lanes))
        return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    return types.boolean(sums, lowest, types.intp, types.int64), generate


@intrinsic
def lowest_bit(typing_context, word):  # type: ignore[no-untyped-def]
    """Return the index of the lowest bit of an int64 that is not 0."""

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate


@intrinsic
def count_bits(typing_context, word):  # type: ignore[no-untyped-def]
    """Return how many bits of an int64 are 1."""

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.ctpop(args[0])

    return types.int64(types.int64), generate
