"""Many instances at once: instance l in lane l of a vector, every merge a network of min and max.

Lists of keys are arrays of rows; a row is one vector and holds one key of each instance. The sums
of a half are taken in the symmetric form: all ``sum(+-u)``, so the sorted list is ``-P`` reversed
and then ``P``, and only the half ``P`` of it is kept. Adding a sample x turns ``P`` into the sorted
``abs(s - x)`` over the full symmetric list s: first falling, then rising, which a bitonic network
of half the usual size sorts. The last step merges the list of A with the targets less the sums of
B. Keys of A are even and those of B odd, so the nearest pair shows as two neighbours of different
parity.

This module writes LLVM vectors through numba's intrinsics, in the width that the processor has.
Without AVX2 or AVX-512 it is not used at all: see `VECTOR_BYTES`. The plain loops of the module
`scalar` give the same answers.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic as _untyped_intrinsic

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

#: The least number of samples of a half: shorter halves are filled up with zeros.
LEAST_HALF = 6

# One row in 17 is left empty: rows that are a power of two apart would share the same few sets of
# the cache.
_LOG_PAD = 4
_INT64 = ir.IntType(64)


def _at(number: int) -> ir.Constant:
    return ir.Constant(_INT64, number)


class _Area:
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

    def place(self, row: Any) -> Any:
        padding = self.builder.lshr(row, _at(_LOG_PAD))
        return self.builder.gep(self.base, [self.builder.add(row, padding)])

    def places(self, row: Any, stride: int, count: int) -> list[Any]:
        """Places of rows that are a constant stride apart, from a row that opens a column."""
        first = self.place(row)
        steps = [stride * j + (stride * j >> _LOG_PAD) for j in range(count)]
        return [self.builder.gep(first, [_at(step)]) for step in steps]

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


def _exchange(builder: Any, a: Any, b: Any) -> tuple[Any, Any]:
    is_less = builder.icmp_signed("<", a, b)
    return builder.select(is_less, a, b), builder.select(is_less, b, a)


def _network(builder: Any, rows: list[Any]) -> list[Any]:
    """Sort what is bitonic along these rows: one row of each of 2**stages columns."""
    rows = list(rows)
    distance = len(rows) // 2
    while distance:
        for i in range(len(rows)):
            if not i & distance:
                low, high = _exchange(builder, rows[i], rows[i + distance])
                rows[i], rows[i + distance] = low, high
        distance //= 2
    return rows


def _make_pass(num_stages: int, constant_stride: int | None = None) -> Any:
    """Return an intrinsic (keys, row, stride): `num_stages` stages of one column, in registers."""

    @intrinsic
    def run(typing_context, keys, row, stride):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
            area = _Area(context, builder, signature.args[0], args[0])
            if constant_stride is not None:
                places = area.places(args[1], constant_stride, 1 << num_stages)
            else:
                steps = [builder.mul(args[2], _at(j)) for j in range(1 << num_stages)]
                places = [area.place(builder.add(args[1], step)) for step in steps]
            rows = _network(builder, [area.read(place) for place in places])
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
            source = _Area(context, builder, signature.args[0], args[0])
            target = _Area(context, builder, signature.args[4], args[4])
            x = _Area(context, builder, signature.args[2], args[2]).load(args[3])
            stride = builder.lshr(args[1], _at(num_stages - 1))
            steps = [builder.mul(stride, _at(j)) for j in range(1 << num_stages)]
            column = [builder.add(args[5], step) for step in steps]
            last = builder.sub(args[1], _at(1))
            half = len(column) // 2
            rows = [builder.add(source.load(builder.sub(last, row)), x) for row in column[:half]]
            zero = source.constant(0)
            for row in column[:half]:
                value = builder.sub(source.load(row), x)
                negated = builder.sub(zero, value)
                is_negative = builder.icmp_signed("<", value, zero)
                rows.append(builder.select(is_negative, negated, value))
            for row, value in zip(column, _network(builder, rows), strict=True):
                target.store(row, value)
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
            area_a = _Area(context, builder, signature.args[0], args[0])
            area_b = _Area(context, builder, signature.args[1], args[1])
            target = _Area(context, builder, signature.args[3], args[3]).load(args[4])
            merged = _Area(context, builder, signature.args[5], args[5])
            num = args[2]
            half = builder.lshr(num, _at(1))
            stride = builder.lshr(num, _at(3))
            rows = [builder.add(args[6], builder.mul(stride, _at(j))) for j in range(8)]

            def key(area: _Area, row: Any, *, length: Any, j: int, count: int) -> tuple[Any, bool]:
                """Key of P at its distance from the middle of the full list; whether negated."""
                if j < count // 2:
                    return area.load(builder.sub(builder.sub(length, _at(1)), row)), True
                return area.load(builder.sub(row, length)), False

            falling = []
            for j in range(8):  # the list of A from its largest key down
                value, is_upper = key(area_a, rows[j], length=half, j=j, count=8)
                falling.append(value if is_upper else builder.sub(area_a.constant(0), value))
            low, high = [], []
            columns = rows + [builder.add(row, num) for row in rows] if is_odd else rows
            length = num if is_odd else half
            for j, row in enumerate(columns):
                value, is_lower = key(area_b, row, length=length, j=j, count=len(columns))
                value = builder.sub(target, value) if is_lower else builder.add(target, value)
                if is_odd and j < 8:  # met by nothing: the shorter list ends above it
                    low.append(value)
                    continue
                lower, upper = _exchange(builder, value, falling[j % 8])
                low.append(lower)
                high.append(upper)
            above = builder.shl(num, _at(1)) if is_odd else num
            for row, value in zip(rows, _network(builder, high), strict=True):
                merged.store(builder.add(row, above), value)
            for row, value in zip(columns, _network(builder, low), strict=True):
                merged.store(row, value)
            return context.get_dummy_value()

        signature = (a, b, types.intp, samples, types.intp, out, types.intp)
        return types.void(*signature), generate

    return join


_join_even, _join_odd = _make_join(False), _make_join(True)


@intrinsic
def _begin(typing_context, keys, row, scan):  # type: ignore[no-untyped-def]
    """Start a scan at bitonic rows: previous key, best, second best, key at the best."""

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        area = _Area(context, builder, signature.args[0], args[0])
        state = _Area(context, builder, signature.args[2], args[2])
        least = area.load(args[1])
        for j in range(1, 8):
            least, _ = _exchange(builder, least, area.load(builder.add(args[1], _at(j))))
        far = area.constant((1 << (area.vector.element.width - 1)) - 1)
        for j, value in enumerate((least, far, far, area.constant(0))):
            state.store(_at(j), value)
        return context.get_dummy_value()

    return types.void(keys, types.intp, scan), generate


@intrinsic
def _finish(typing_context, keys, row, num_chunks, scan):  # type: ignore[no-untyped-def]
    """Sort chunks of 8 bitonic rows and look at the neighbours.

    The difference of two neighbours, rotated right by one bit, is negative if it is odd, and the
    more so the smaller it is. Of three neighbours the middle one belongs to both pairs: it is the
    key that is kept.
    """

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        area = _Area(context, builder, signature.args[0], args[0])
        state = _Area(context, builder, signature.args[3], args[3])
        one, top = area.constant(1), area.constant(area.vector.element.width - 1)

        def gap(above: Any, below: Any) -> Any:
            difference = builder.sub(above, below)
            return builder.or_(builder.lshr(difference, one), builder.shl(difference, top))

        before = builder.block
        loop, done = (builder.append_basic_block(name) for name in ("chunk", "done"))
        carried = [state.load(_at(j)) for j in range(4)]
        builder.branch(loop)
        builder.position_at_end(loop)
        chunk = builder.phi(_INT64)
        chunk.add_incoming(_at(0), before)
        phis = [builder.phi(area.vector) for _ in carried]
        for phi, value in zip(phis, carried, strict=True):
            phi.add_incoming(value, before)
        previous, best, second, middle = phis
        start = builder.add(args[1], builder.shl(chunk, _at(3)))
        rows = _network(builder, [area.read(place) for place in area.places(start, 1, 8)])
        keys_in_order = [previous, *rows]
        for j in range(0, 8, 2):
            low, mid, high = keys_in_order[j : j + 3]
            nearest, other = _exchange(builder, gap(mid, low), gap(high, mid))
            second, _ = _exchange(builder, second, other)
            _, runner_up = _exchange(builder, best, nearest)
            second, _ = _exchange(builder, second, runner_up)
            is_nearer = builder.icmp_signed("<", nearest, best)
            middle = builder.select(is_nearer, mid, middle)
            best, _ = _exchange(builder, nearest, best)
        following = builder.add(chunk, _at(1))
        chunk.add_incoming(following, loop)
        results = (rows[-1], best, second, middle)
        for phi, value in zip(phis, results, strict=True):
            phi.add_incoming(value, loop)
        builder.cbranch(builder.icmp_signed("<", following, args[2]), loop, done)
        builder.position_at_end(done)
        for j, value in enumerate(results):
            state.store(_at(j), value)
        return context.get_dummy_value()

    return types.void(keys, types.intp, types.intp, scan), generate


def _hits(builder: Any, area: _Area, lowest: Any, width: Any) -> list[Any]:
    """For 32 sums in `area`: whether they are `lowest` to `lowest + width`, modulo the word."""
    values = [area.read(builder.gep(area.base, [_at(j)])) for j in range(32 // area.num_lanes)]
    return [builder.icmp_unsigned("<=", builder.sub(value, lowest), width) for value in values]


def _spread(builder: Any, area: _Area, number: Any) -> Any:
    """A vector of equal numbers, from a number of the word or wider."""
    item = area.vector.element
    if number.type.width > item.width:
        number = builder.trunc(number, item)
    single = builder.insert_element(area.constant(0), number, ir.Constant(item, 0))
    index = ir.Constant(ir.VectorType(ir.IntType(32), area.num_lanes), None)
    return builder.shuffle_vector(single, single, index)


@intrinsic
def write_sums(typing_context, sums, base, steps):  # type: ignore[no-untyped-def]
    """Write ``sums[j] = base + (the steps whose bit is set in j)`` for the 32 values of j.

    `sums` is an aligned array, `steps` an int64 array of five.
    """

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        area = _Area(context, builder, signature.args[0], args[0])
        data = context.make_array(signature.args[2])(context, builder, args[2]).data
        values = [_spread(builder, area, args[1])] * (32 // area.num_lanes)
        for k in range(5):
            step = builder.load(builder.gep(data, [_at(k)]))
            vector = _spread(builder, area, step)
            for j in range(len(values)):
                bits = [(j * area.num_lanes + lane) >> k & 1 for lane in range(area.num_lanes)]
                chosen = builder.and_(vector, ir.Constant(area.vector, [-bit for bit in bits]))
                values[j] = builder.add(values[j], chosen)
        for j, value in enumerate(values):
            area.write(builder.gep(area.base, [_at(j)]), value)
        return context.get_dummy_value()

    return types.void(sums, types.int64, steps), generate


@intrinsic
def hits(typing_context, sums, lowest, width):  # type: ignore[no-untyped-def]
    """Return a word whose bit j tells whether ``0 <= sums[j] - lowest <= width``, for 32 sums.

    `sums` is an aligned array; the comparison is modulo the width of its type.
    """

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        area = _Area(context, builder, signature.args[0], args[0])
        spread = [_spread(builder, area, number) for number in args[1:]]
        word = _at(0)
        for j, is_hit in enumerate(_hits(builder, area, *spread)):
            bits = builder.zext(builder.bitcast(is_hit, ir.IntType(area.num_lanes)), _INT64)
            word = builder.or_(word, builder.shl(bits, _at(j * area.num_lanes)))
        return word

    return types.int64(sums, types.int64, types.int64), generate


@intrinsic
def any_hits(typing_context, sums, lowest, start, width):  # type: ignore[no-untyped-def]
    """Return whether `hits` finds any for the eight ``lowest[start : start + 8]``."""

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        area = _Area(context, builder, signature.args[0], args[0])
        data = context.make_array(signature.args[1])(context, builder, args[1]).data
        width = _spread(builder, area, args[3])
        found = None
        for j in range(8):
            number = builder.load(builder.gep(data, [builder.add(args[2], _at(j))]))
            for is_hit in _hits(builder, area, _spread(builder, area, number), width):
                found = is_hit if found is None else builder.or_(found, is_hit)
        bits = builder.bitcast(found, ir.IntType(area.num_lanes))
        return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    return types.boolean(sums, lowest, types.intp, types.int64), generate


@intrinsic
def keep_apart(typing_context):  # type: ignore[no-untyped-def]
    """Keep the function that says this from being compiled again inside each of its callers."""

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate


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


@numba.njit(cache=True, nogil=True)
def area(num_keys, like):  # type: ignore[no-untyped-def]
    """Return an aligned work area for rows of keys, of the integer type of the array `like`."""
    room = VECTOR_BYTES // like.itemsize
    padded = np.empty((num_keys + (num_keys >> _LOG_PAD) + 2) * room, like.dtype)
    skip = (-padded.ctypes.data % VECTOR_BYTES) // like.itemsize
    return padded[skip : padded.size - room + skip]


@numba.njit(cache=True, nogil=True)
def set_key(keys, row, lane, value):  # type: ignore[no-untyped-def]
    """Write one key."""
    keys[(row + (row >> _LOG_PAD)) * (VECTOR_BYTES // keys.itemsize) + lane] = value


@numba.njit(cache=True, nogil=True)
def get_key(keys, row, lane):  # type: ignore[no-untyped-def]
    """Read one key."""
    return keys[(row + (row >> _LOG_PAD)) * (VECTOR_BYTES // keys.itemsize) + lane]


@numba.njit(cache=True, nogil=True)
def _settle(keys, row, log_size, log_floor):  # type: ignore[no-untyped-def]
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


@numba.njit(cache=True, nogil=True)
def _positive_half(samples, first, count, one, two):  # type: ignore[no-untyped-def]
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
                _settle(two, row, k - stages, 0)
        one, two = two, one
    return one


@numba.njit(cache=True, nogil=True)
def scan_lanes(samples, count_a, count_b, lists, merged, scan):  # type: ignore[no-untyped-def]
    """Search all lanes for the pair of sums nearest to the target.

    Parameters
    ----------
    samples : int32 or int64 area of count_a + count_b + 1 rows
        Magnitudes, even: first those of A, then those of B; the last row holds the targets, odd,
        from which the sum of all samples is already taken.
    count_a, count_b : int
        LEAST_HALF at least; count_b is count_a or count_a + 1.
    lists : tuple of four areas of 2**(count_b - 1) rows
        Work areas.
    merged : area of 2**count_a + 2**count_b rows
        Work area.
    scan : area of 4 rows
        Written: row 1 the least difference d and row 2 the least of the other ones, as
        (d - 1) / 2 - 2**(width - 1); row 3 the key of A or B that d was seen at.
    """
    keep_apart()
    a = _positive_half(samples, np.int64(0), count_a, lists[0], lists[1])
    b = _positive_half(samples, count_a, count_b, lists[2], lists[3])
    num = 1 << count_a
    if count_a == count_b:
        for column in range(num >> 3):
            _join_even(a, b, num, samples, count_a + count_b, merged, column)
    else:
        for column in range(num >> 3):
            _join_odd(a, b, num, samples, count_a + count_b, merged, column)
    log = count_a - 3
    for block in range(16 if count_a == count_b else 24):
        _settle(merged, block << log, log, 3)
        if block == 0:
            _begin(merged, 0, scan)
        _finish(merged, block << log, 1 << (log - 3), scan)
