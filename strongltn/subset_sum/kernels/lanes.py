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

#: The least number of samples of a half: shorter halves are filled up with zeros.
LEAST_HALF = 6

#: `hits` looks at the 2**LOG_SUMS sums of that many keys.
LOG_SUMS = 6

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

    def place(self, row: Any, base: Any = None) -> Any:
        padded = self.builder.add(row, self.builder.lshr(row, _at(_LOG_PAD)))
        return self.builder.gep(base or self.base, [padded])

    def places(self, row: Any, stride: Any, count: int) -> list[Any]:
        """Places of rows that are a power of two apart, from a row that opens a column.

        The steps between them are the same for every column: a loop finds them once.
        """
        first = self.place(row)
        return [self.place(self.builder.mul(stride, _at(j)), first) for j in range(count)]

    def mirrored(self, row: Any, stride: Any, count: int) -> list[Any]:
        """Places of the rows that `places` would give if the area were upside down."""
        opposite = self.builder.sub(self.builder.sub(stride, _at(1)), row)
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
            stride = args[2] if constant_stride is None else _at(constant_stride)
            places = area.places(args[1], stride, 1 << num_stages)
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
            for place, value in zip(places, _network(builder, rows), strict=True):
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
            area_a = _Area(context, builder, signature.args[0], args[0])
            area_b = _Area(context, builder, signature.args[1], args[1])
            target = _Area(context, builder, signature.args[3], args[3]).load(args[4])
            merged = _Area(context, builder, signature.args[5], args[5])
            column, stride = args[6], builder.lshr(args[2], _at(3))
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
            exchanged = [_exchange(builder, value, other) for value, other in pairs]
            low = rising[:-8] + [least for least, _ in exchanged]
            high = [most for _, most in exchanged]
            values = _network(builder, low) + _network(builder, high)
            places = merged.places(column, stride, len(values))
            for place, value in zip(places, values, strict=True):
                merged.write(place, value)
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


def _make_finish(is_exact: bool) -> Any:
    """Return an intrinsic (keys, row, num_chunks, scan): sort chunks of 8 rows, see the neighbours.

    The difference of two neighbours, rotated right by one bit, is negative if it is odd, and the
    more so the smaller it is. Of three neighbours the middle one belongs to both pairs: it is the
    key that is kept. If `is_exact`, nobody asks for the second best, and it is left as it is.
    """

    @intrinsic
    def finish(typing_context, keys, row, num_chunks, scan):  # type: ignore[no-untyped-def]
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
            rows = _network(builder, [area.read(place) for place in area.places(start, _at(1), 8)])
            keys_in_order = [previous, *rows]
            for j in range(0, 8, 2):
                low, mid, high = keys_in_order[j : j + 3]
                nearest, other = _exchange(builder, gap(mid, low), gap(high, mid))
                if not is_exact:
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

    return finish


_finish, _finish_exact = _make_finish(False), _make_finish(True)


def _hits(builder: Any, area: _Area, lowest: Any, width: Any) -> list[Any]:
    """For 64 sums in `area`: whether they are `lowest` to `lowest + width`, modulo the word."""
    values = [
        area.read(builder.gep(area.base, [_at(j)])) for j in range(2**LOG_SUMS // area.num_lanes)
    ]
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
    """Write ``sums[j] = base + (the steps whose bit is set in j)`` for the 64 values of j.

    `sums` is an aligned array, `steps` an int64 array of six.
    """

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        area = _Area(context, builder, signature.args[0], args[0])
        data = context.make_array(signature.args[2])(context, builder, args[2]).data
        values = [_spread(builder, area, args[1])] * (2**LOG_SUMS // area.num_lanes)
        for k in range(LOG_SUMS):
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
    """Return a word whose bit j tells whether ``0 <= sums[j] - lowest <= width``, for 64 sums.

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
    """Return whether `hits` finds any for the four ``lowest[start : start + 4]``."""

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        area = _Area(context, builder, signature.args[0], args[0])
        data = context.make_array(signature.args[1])(context, builder, args[1]).data
        width = _spread(builder, area, args[3])
        found = None
        for j in range(4):
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


@compiled()
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


@compiled()
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


@compiled()
def scan_lanes(samples, count_a, count_b, lists, merged, scan, is_exact):  # type: ignore[no-untyped-def]
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
    is_exact : bool
        Whether row 2 is not asked for.
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
        if is_exact:
            _finish_exact(merged, block << log, 1 << (log - 3), scan)
        else:
            _finish(merged, block << log, 1 << (log - 3), scan)
