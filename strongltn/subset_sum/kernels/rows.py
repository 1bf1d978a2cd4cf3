"""Rows of vectors: what the compiled loops write in LLVM instead of Python.

A row is one vector and holds one key of each instance: instance l lives in lane l. Here are the
width that the processor has, the layout of rows in an array, and the exchange of two rows by
minimum and maximum, of which all sorting is made. Without AVX2 or AVX-512 none of it is used: see
`VECTOR_BYTES`. Importing this module imports numba.
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
