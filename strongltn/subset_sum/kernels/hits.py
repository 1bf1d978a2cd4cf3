"""Which of 64 sums lie in an interval: one word of bits from a few comparisons of vectors.

After the lanes have found a pair of keys, the subsets behind it are looked for in one lane alone.
Then the vectors hold 64 sums of the same instance. Importing this module imports numba.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types

from strongltn.subset_sum.kernels.rows import INT64, Area, at, intrinsic

#: `hits` looks at the 2**LOG_SUMS sums of that many keys.
LOG_SUMS = 6


def _hits(builder: Any, area: Area, lowest: Any, width: Any) -> list[Any]:
    """For 64 sums in `area`: whether they are `lowest` to `lowest + width`, modulo the word."""
    values = [
        area.read(builder.gep(area.base, [at(j)])) for j in range(2**LOG_SUMS // area.num_lanes)
    ]
    return [builder.icmp_unsigned("<=", builder.sub(value, lowest), width) for value in values]


def _spread(builder: Any, area: Area, number: Any) -> Any:
    """A vector of equal numbers, from a number of the word or wider."""
    item = area.vector.element
    if number.type.width > item.width:
        number = builder.trunc(number, item)
    single = builder.insert_element(area.constant(0), number, ir.Constant(item, 0))
    index = ir.Constant(ir.VectorType(ir.IntType(32), area.num_lanes), None)
    return builder.shuffle_vector(single, single, index)


@intrinsic
def write_sums(typing_context, sums, base, steps):  # type: ignore[no-untyped-def]
    """Write ``sums[j] = base + (the steps whose bit is set in j)`` for the 64 values of j.

    `sums` is an aligned array, `steps` an int64 array of six.
    """

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        area = Area(context, builder, signature.args[0], args[0])
        data = context.make_array(signature.args[2])(context, builder, args[2]).data
        values = [_spread(builder, area, args[1])] * (2**LOG_SUMS // area.num_lanes)
        for k in range(LOG_SUMS):
            step = builder.load(builder.gep(data, [at(k)]))
            vector = _spread(builder, area, step)
            for j in range(len(values)):
                bits = [(j * area.num_lanes + lane) >> k & 1 for lane in range(area.num_lanes)]
                chosen = builder.and_(vector, ir.Constant(area.vector, [-bit for bit in bits]))
                values[j] = builder.add(values[j], chosen)
        for j, value in enumerate(values):
            area.write(builder.gep(area.base, [at(j)]), value)
        return context.get_dummy_value()

    return types.void(sums, types.int64, steps), generate


@intrinsic
def hits(typing_context, sums, lowest, width):  # type: ignore[no-untyped-def]
    """Return a word whose bit j tells whether ``0 <= sums[j] - lowest <= width``, for 64 sums.

    `sums` is an aligned array; the comparison is modulo the width of its type.
    """

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        area = Area(context, builder, signature.args[0], args[0])
        spread = [_spread(builder, area, number) for number in args[1:]]
        word = at(0)
        for j, is_hit in enumerate(_hits(builder, area, *spread)):
            bits = builder.zext(builder.bitcast(is_hit, ir.IntType(area.num_lanes)), INT64)
            word = builder.or_(word, builder.shl(bits, at(j * area.num_lanes)))
        return word

    return types.int64(sums, types.int64, types.int64), generate


@intrinsic
def any_hits(typing_context, sums, lowest, start, width):  # type: ignore[no-untyped-def]
    """Return whether `hits` finds any for the four ``lowest[start : start + 4]``."""

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        area = Area(context, builder, signature.args[0], args[0])
        data = context.make_array(signature.args[1])(context, builder, args[1]).data
        width = _spread(builder, area, args[3])
        found = None
        for j in range(4):
            number = builder.load(builder.gep(data, [builder.add(args[2], at(j))]))
            for is_hit in _hits(builder, area, _spread(builder, area, number), width):
                found = is_hit if found is None else builder.or_(found, is_hit)
        bits = builder.bitcast(found, ir.IntType(area.num_lanes))
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
