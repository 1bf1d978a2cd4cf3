"""Compiled sweep through two huge lists of sums, slice by slice, neither of which is ever stored.

A list is given as two short ones: its members are the sums p[i] + q[j]. A pointer per i says how
far q is used up; moving all pointers up to a limit emits the members below it, in no order. Both
`p` and `q` ascend strictly, and `q` ends with one entry FAR that is no member.

The members of the first list are even, those of the second odd: a member tells its list.
Importing this module imports numba.
"""

from __future__ import annotations

import numpy as np

from strongltn.process.compiled import compiled

_U = np.uint64
FAR = np.int64(np.iinfo(np.int64).max)
NONE = np.int64(np.iinfo(np.int64).min)


@compiled()
def start_pointers(p, q, limit, at):  # type: ignore[no-untyped-def]
    """Set the pointers to `limit`; return the last member below it and the first not below it."""
    last, following = NONE, FAR
    j = q.size - 1
    for i in range(p.size):
        while j > 0 and p[i] + q[j - 1] >= limit:
            j -= 1
        at[i] = j
        if j > 0:
            last = max(last, p[i] + q[j - 1])
        if j < q.size - 1:
            following = min(following, p[i] + q[j])
    return last, following


@compiled()
def emit_members(p, q, at, at_next, limit, members):  # type: ignore[no-untyped-def]
    """Write the members from the pointers up to `limit`; return their number and the next one.

    The pointers to the limit are written to `at_next`. Stops early where `members` could overflow.
    """
    room = members.size - q.size
    count = 0
    following = FAR
    for i in range(p.size):
        j = at[i]
        rest = limit - p[i]
        while q[_U(j)] < rest:
            members[_U(count)] = p[i] + q[_U(j)]
            count += 1
            j += 1
        at_next[i] = j
        if q[_U(j)] != FAR:
            following = min(following, p[i] + q[_U(j)])
        if count > room:
            break
    return count, following


@compiled()
def _mark(bits, cell):  # type: ignore[no-untyped-def]
    bits[_U(cell >> 6)] |= _U(1) << _U(cell & 63)


@compiled()
def _marked(bits, cell):  # type: ignore[no-untyped-def]
    return (bits[_U(cell >> 6)] >> _U(cell & 63)) & _U(1)


@compiled()
def close_members(first, second, base, shift, best, bits, close):  # type: ignore[no-untyped-def]
    """Write into `close` what may be nearer than `best` to a member of the other list.

    Cells of 2**shift values, at least 2 * best, begin one cell below `base`. A member of `second`
    is close if `first` marked its cell or, near an edge, the next; then the other way round.
    """
    reach = best - 1
    base -= 1 << shift
    count = np.int64(0)
    bits[:] = 0
    for member in first:
        _mark(bits, (member - base) >> shift)
    for member in second:
        close[_U(count)] = member
        below, above = (member - reach - base) >> shift, (member + reach - base) >> shift
        count += np.int64(_marked(bits, below) | _marked(bits, above))
    bits[:] = 0
    for member in close[:count]:
        _mark(bits, (member - reach - base) >> shift)
        _mark(bits, (member + reach - base) >> shift)
    for member in first:
        close[_U(count)] = member
        count += np.int64(_marked(bits, (member - base) >> shift))
    return count


@compiled()
def nearest_neighbours(members, best, value):  # type: ignore[no-untyped-def]
    """Return the least distance between the two lists, and the first even member found there.

    The members ascend; neighbours of two lists take the place of (best, value) if nearer.
    """
    for i in range(members.size - 1):
        low, high = members[i], members[i + 1]
        if (low ^ high) & 1 == 1 and high - low < best:
            best = high - low
            value = high if low & 1 == 1 else low
    return best, value
