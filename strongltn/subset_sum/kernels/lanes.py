"""Many instances at once: the nearest pair of sums of the instance in each lane of a vector.

Both halves get their sorted lists, the last merge is opened, and its blocks are settled one after
the other, down to eight rows. Those are sorted in registers and at once seen by the scan, so that
the merged list is never read again. Keys of A are even and those of B odd, so the nearest pair
shows as two neighbours of different parity.

The plain loops of the module `scalar` give the same answers. Importing this module imports numba.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from strongltn.process.compiled import compiled
from strongltn.subset_sum.kernels.merging import join_even, join_odd, positive_half, settle
from strongltn.subset_sum.kernels.rows import (
    INT64,
    Area,
    at,
    exchange,
    intrinsic,
    keep_apart,
    sort_bitonic,
)

#: The least number of samples of a half: shorter halves are filled up with zeros.
LEAST_HALF = 6


@intrinsic
def _begin(typing_context, keys, row, scan):  # type: ignore[no-untyped-def]
    """Start a scan at bitonic rows: previous key, best, second best, key at the best."""

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        area = Area(context, builder, signature.args[0], args[0])
        state = Area(context, builder, signature.args[2], args[2])
        least = area.load(args[1])
        for j in range(1, 8):
            least, _ = exchange(builder, least, area.load(builder.add(args[1], at(j))))
        far = area.constant((1 << (area.vector.element.width - 1)) - 1)
        for j, value in enumerate((least, far, far, area.constant(0))):
            state.store(at(j), value)
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
            area = Area(context, builder, signature.args[0], args[0])
            state = Area(context, builder, signature.args[3], args[3])
            one, top = area.constant(1), area.constant(area.vector.element.width - 1)

            def gap(above: Any, below: Any) -> Any:
                difference = builder.sub(above, below)
                return builder.or_(builder.lshr(difference, one), builder.shl(difference, top))

            before = builder.block
            loop, done = (builder.append_basic_block(name) for name in ("chunk", "done"))
            carried = [state.load(at(j)) for j in range(4)]
            builder.branch(loop)
            builder.position_at_end(loop)
            chunk = builder.phi(INT64)
            chunk.add_incoming(at(0), before)
            phis = [builder.phi(area.vector) for _ in carried]
            for phi, value in zip(phis, carried, strict=True):
                phi.add_incoming(value, before)
            previous, best, second, middle = phis
            start = builder.add(args[1], builder.shl(chunk, at(3)))
            places = area.places(start, at(1), 8)
            rows = sort_bitonic(builder, [area.read(place) for place in places])
            keys_in_order = [previous, *rows]
            for j in range(0, 8, 2):
                low, mid, high = keys_in_order[j : j + 3]
                nearest, other = exchange(builder, gap(mid, low), gap(high, mid))
                if not is_exact:
                    second, _ = exchange(builder, second, other)
                    _, runner_up = exchange(builder, best, nearest)
                    second, _ = exchange(builder, second, runner_up)
                is_nearer = builder.icmp_signed("<", nearest, best)
                middle = builder.select(is_nearer, mid, middle)
                best, _ = exchange(builder, nearest, best)
            following = builder.add(chunk, at(1))
            chunk.add_incoming(following, loop)
            results = (rows[-1], best, second, middle)
            for phi, value in zip(phis, results, strict=True):
                phi.add_incoming(value, loop)
            builder.cbranch(builder.icmp_signed("<", following, args[2]), loop, done)
            builder.position_at_end(done)
            for j, value in enumerate(results):
                state.store(at(j), value)
            return context.get_dummy_value()

        return types.void(keys, types.intp, types.intp, scan), generate

    return finish


_finish, _finish_exact = _make_finish(False), _make_finish(True)


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
    a = positive_half(samples, np.int64(0), count_a, lists[0], lists[1])
    b = positive_half(samples, count_a, count_b, lists[2], lists[3])
    num = 1 << count_a
    if count_a == count_b:
        for column in range(num >> 3):
            join_even(a, b, num, samples, count_a + count_b, merged, column)
    else:
        for column in range(num >> 3):
            join_odd(a, b, num, samples, count_a + count_b, merged, column)
    log = count_a - 3
    for block in range(16 if count_a == count_b else 24):
        settle(merged, block << log, log, 3)
        if block == 0:
            _begin(merged, 0, scan)
        if is_exact:
            _finish_exact(merged, block << log, 1 << (log - 3), scan)
        else:
            _finish(merged, block << log, 1 << (log - 3), scan)
