"""Sorted sums of each lane, by networks of minima and maxima.

The sums of a half are taken in the symmetric form: all ``sum(+-u)``, so the sorted list is ``-P``
reversed and then ``P``, and only the half ``P`` of it is kept. Adding a sample x turns ``P`` into
the sorted ``abs(s - x)`` over the full symmetric list s: first falling, then rising, which a
bitonic network of half the usual size sorts (`positive_half`). `join_even` and `join_odd` open the
merge of the list of A with the targets less the sums of B; `settle` sorts what is bitonic, four
stages of a column at a time, which is what fits the registers. Importing this module imports numba.
"""

from __future__ import annotations

from typing import Any

from numba import types

from strongltn.process.compiled import compiled
from strongltn.subset_sum.kernels.rows import (
    VECTOR_BYTES,
    Area,
    at,
    exchange,
    get_key,
    intrinsic,
    keep_apart,
    set_key,
    sort_bitonic,
)


def _make_pass(num_stages: int, constant_stride: int | None = None) -> Any:
    """Return an intrinsic (keys, row, stride): `num_stages` stages of one column, in registers."""

    @intrinsic
    def run(typing_context, keys, row, stride):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
            area = Area(context, builder, signature.args[0], args[0])
            stride = args[2] if constant_stride is None else at(constant_stride)
            places = area.places(args[1], stride, 1 << num_stages)
            rows = sort_bitonic(builder, [area.read(place) for place in places])
            for place, value in zip(places, rows, strict=True):
                area.write(place, value)
            return context.get_dummy_value()

        return types.void(keys, types.intp, types.intp), generate

    return run


_pass1, _pass2, _pass3, _pass4 = (_make_pass(num_stages) for num_stages in (1, 2, 3, 4))
_pass4_by_1, _pass4_by_8, _pass4_by_16 = (_make_pass(4, stride) for stride in (1, 8, 16))


def _make_grow(num_stages: int) -> Any:
    """Return an intrinsic (old, num, samples, k, new, column): P and sample k to the next P.

    `old` holds `num` sorted rows; `new` gets one column of 2 * num rows, bitonic but for the
    `num_stages` stages that are done here.
    """

    @intrinsic
    def grow(typing_context, old, num, samples, k, new, column):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
            source = Area(context, builder, signature.args[0], args[0])
            target = Area(context, builder, signature.args[4], args[4])
            x = Area(context, builder, signature.args[2], args[2]).load(args[3])
            stride = builder.lshr(args[1], at(num_stages - 1))
            half = 1 << (num_stages - 1)
            upper = source.mirrored(args[5], stride, half)
            rows = [builder.add(source.read(place), x) for place in upper]
            zero = source.constant(0)
            for place in source.places(args[5], stride, half):
                value = builder.sub(source.read(place), x)
                negated = builder.sub(zero, value)
                is_negative = builder.icmp_signed("<", value, zero)
                rows.append(builder.select(is_negative, negated, value))
            places = target.places(args[5], stride, 2 * half)
            for place, value in zip(places, sort_bitonic(builder, rows), strict=True):
                target.write(place, value)
            return context.get_dummy_value()

        return types.void(old, types.intp, samples, types.intp, new, types.intp), generate

    return grow


_grow1, _grow2, _grow3, _grow4 = (_make_grow(num_stages) for num_stages in (1, 2, 3, 4))


def _make_join(is_odd: bool) -> Any:
    """Return an intrinsic (a, b, num, samples, k, out, column): the first stages of the merge.

    The list of A has `num` keys; that of B as many, or twice as many if `is_odd`. Row k of
    `samples` holds the targets. What is left in `out` are bitonic blocks of num / 8 rows, the
    blocks themselves in ascending order.
    """

    @intrinsic
    def join(typing_context, a, b, num, samples, k, out, column):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
            area_a = Area(context, builder, signature.args[0], args[0])
            area_b = Area(context, builder, signature.args[1], args[1])
            target = Area(context, builder, signature.args[3], args[3]).load(args[4])
            merged = Area(context, builder, signature.args[5], args[5])
            column, stride = args[6], builder.lshr(args[2], at(3))
            # The list of A from its largest key down.
            falling = [area_a.read(place) for place in area_a.mirrored(column, stride, 4)]
            lower = [area_a.read(place) for place in area_a.places(column, stride, 4)]
            falling += [builder.sub(area_a.constant(0), value) for value in lower]
            half = 8 if is_odd else 4
            lower = [area_b.read(place) for place in area_b.mirrored(column, stride, half)]
            upper = [area_b.read(place) for place in area_b.places(column, stride, half)]
            rising = [builder.sub(target, value) for value in lower]
            rising += [builder.add(target, value) for value in upper]
            # The first half of a longer list of B is met by nothing: the list of A ends above it.
            pairs = zip(rising[-8:], falling, strict=True)
            exchanged = [exchange(builder, value, other) for value, other in pairs]
            low = rising[:-8] + [least for least, _ in exchanged]
            high = [most for _, most in exchanged]
            values = sort_bitonic(builder, low) + sort_bitonic(builder, high)
            places = merged.places(column, stride, len(values))
            for place, value in zip(places, values, strict=True):
                merged.write(place, value)
            return context.get_dummy_value()

        signature = (a, b, types.intp, samples, types.intp, out, types.intp)
        return types.void(*signature), generate

    return join


join_even, join_odd = _make_join(False), _make_join(True)


@compiled()
def settle(keys, row, log_size, log_floor):  # type: ignore[no-untyped-def]
    """Sort a bitonic block of 2**log_size rows down to blocks of 2**log_floor rows, 1 or 8.

    Four stages a pass, the odd ones first; each part of a block is finished while it is in cache.
    """
    keep_apart()
    depth = log_size - log_floor
    if depth <= 0:
        return
    step = 1 << (log_floor + min(4, depth))
    for part in range(row, row + (1 << log_size), step):
        log, stages = log_size, (depth - 1) % 4 + 1
        while log > log_floor:
            if (part - row) & ((1 << log) - 1) == 0:
                stride = 1 << (log - stages)
                if stages == 4:
                    if stride == 1:
                        _pass4_by_1(keys, part, stride)
                    elif stride == 8:
                        for column in range(part, part + 8):
                            _pass4_by_8(keys, column, stride)
                    elif stride == 16:
                        for column in range(part, part + 16):
                            _pass4_by_16(keys, column, stride)
                    else:
                        for column in range(part, part + stride):
                            _pass4(keys, column, stride)
                elif stages == 3:
                    for column in range(part, part + stride):
                        _pass3(keys, column, stride)
                elif stages == 2:
                    for column in range(part, part + stride):
                        _pass2(keys, column, stride)
                else:
                    for column in range(part, part + stride):
                        _pass1(keys, column, stride)
            log -= stages
            stages = 4


@compiled()
def positive_half(samples, first, count, one, two):  # type: ignore[no-untyped-def]
    """Return the area that holds P of ``samples[first : first + count]``: 2**(count - 1) rows."""
    keep_apart()
    for lane in range(VECTOR_BYTES // samples.itemsize):
        set_key(one, 0, lane, get_key(samples, first, lane))
    for k in range(1, count):
        num = 1 << (k - 1)
        stages = (k - 1) % 4 + 1
        columns = 2 * num >> stages
        if stages == 4:
            for column in range(columns):
                _grow4(one, num, samples, first + k, two, column)
        elif stages == 3:
            for column in range(columns):
                _grow3(one, num, samples, first + k, two, column)
        elif stages == 2:
            for column in range(columns):
                _grow2(one, num, samples, first + k, two, column)
        else:
            for column in range(columns):
                _grow1(one, num, samples, first + k, two, column)
        if columns == 16:
            for row in range(0, 2 * num, 16):
                _pass4_by_1(two, row, 1)
        elif columns > 16:
            for row in range(0, 2 * num, columns):
                settle(two, row, k - stages, 0)
        one, two = two, one
    return one
