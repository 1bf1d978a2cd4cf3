"""Two huge lists of sums, each a pair of short ones, swept upwards slice by slice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from strongltn.numerics.exact import BoolArray, IntArray

_NO_END = 3 * 2**61  # beyond all sums and all targets less a sum, and their differences fit int64
_CELLS_PER_MEMBER = 64  # one member in 64 is sorted; the bits of a slice still fit a cache
_FAR = int(np.iinfo(np.int64).max)
_NONE = int(np.iinfo(np.int64).min)


@dataclass(frozen=True, eq=False)
class SumPairs:
    """All p[i] + q[j], for p and q the sums of two parts of some samples.

    Attributes
    ----------
    samples : int64 array, shape (k,)
        In quarter units.
    p, q : int64 arrays
        Strictly ascending; `q` ends with the largest int64, which is no member.
    """

    samples: IntArray
    p: IntArray
    q: IntArray

    @property
    def least(self) -> int:
        """The first member."""
        return int(self.p[0] + self.q[0])

    @classmethod
    def of(cls, samples: IntArray) -> SumPairs:
        """Pair the sums of the first half of the samples with those of the other."""
        from strongltn.subset_sum.kernels.table import all_sums

        half = samples.size // 2
        p, q = np.unique(all_sums(samples[:half])), np.unique(all_sums(samples[half:]))
        return cls(samples, p, np.append(q, _FAR))

    def reflected(self, goal: int) -> SumPairs:
        """Return the list of all goal - s, for s in this list."""
        return SumPairs(self.samples, goal - self.p[::-1], np.append(-self.q[-2::-1], _FAR))

    def quantiles(self, num_parts: int) -> list[int]:
        """Return num_parts + 1 values between which about equally many members lie."""
        p, q = (part[:: -(-part.size // 64)] for part in (self.p, self.q[:-1]))
        sums = np.sort(np.add.outer(p, q), axis=None)
        inner = [int(sums[sums.size * part // num_parts]) for part in range(1, num_parts)]
        return [-_NO_END, *inner, _NO_END]

    def first_subset(self, total: int) -> BoolArray:
        """Return, of the subsets with this sum, the one of smallest index: bit k keeps sample k."""
        from strongltn.subset_sum.kernels.table import all_sums

        half = self.samples.size // 2
        low, first_index = np.unique(all_sums(self.samples[:half]), return_index=True)
        rest = total - all_sums(self.samples[half:])
        place = np.minimum(np.searchsorted(low, rest), low.size - 1)
        high_index = int(np.argmax(low[place] == rest))
        index = int(first_index[place[high_index]]) | high_index << half
        return np.array([bool(index >> k & 1) for k in range(self.samples.size)], dtype=np.bool_)


class _Cursor:
    """A place in one list: all members before it were emitted, in slices."""

    def __init__(self, pairs: SumPairs, low: int, *, num_members: int) -> None:
        from strongltn.subset_sum.kernels.slices import start_pointers

        self._pairs = pairs
        self._at = np.empty(pairs.p.size, dtype=np.int64)
        self._at_next = np.empty_like(self._at)
        self._members = np.empty(num_members + pairs.q.size, dtype=np.int64)
        self.last, self.following = start_pointers(pairs.p, pairs.q, low, self._at)
        self._following_next = self.following

    def emit(self, limit: int) -> IntArray:
        """Return the members from here up to `limit`, unsorted; more than num_members: not all."""
        from strongltn.subset_sum.kernels.slices import emit_members

        p, q = self._pairs.p, self._pairs.q
        count, self._following_next = emit_members(
            p, q, self._at, self._at_next, limit, self._members
        )
        return self._members[:count]

    def move_past(self, members: IntArray) -> None:
        """Move to the limit of what was emitted last."""
        if members.size:
            self.last = int(members.max())
        self._at, self._at_next = self._at_next, self._at
        self.following = self._following_next


def least_distance(
    first: SumPairs, second: SumPairs, ends: tuple[int, int], *, num_members: int
) -> tuple[int, int]:
    """Return the least distance between even and odd members, and the least even member there.

    Parameters
    ----------
    first, second : SumPairs
        All members of `first` are even, all of `second` odd.
    ends : (int, int)
        Pairs are looked for with a member in [ends[0], ends[1]), or on both sides of it.
    num_members : int
        The most members of each list in a slice; not below the size of `p` in either, so that a
        slice one unit wide never overflows.

    Notes
    -----
    A distance of 1 ends the sweep, for no pair undercuts it. At the least distance the even member
    is always on the same side of the odd one, so the first pair met has the least even member.
    """
    from strongltn.subset_sum.kernels.slices import close_members, nearest_neighbours

    low = max(ends[0], first.least, second.least)  # where only one list has members, no pair is
    a = _Cursor(first, low, num_members=num_members)
    b = _Cursor(second, low, num_members=num_members)
    log2_cells = (_CELLS_PER_MEMBER * num_members).bit_length() - 1
    bits = np.empty((1 << log2_cells) // 64 + 1, dtype=np.uint64)
    close = np.empty(2 * num_members, dtype=np.int64)
    best, value, width = _FAR, 0, 1
    while best > 1:
        # The pairs across the edge of a slice: the last members before it, the first after it.
        edge = [x for x in (a.last, b.last, a.following, b.following) if x not in (_NONE, _FAR)]
        best, value = nearest_neighbours(np.sort(edge), best, value)
        base = min(a.following, b.following)
        if base >= ends[1] or max(a.following, b.following) == _FAR:
            break
        limit = min(base + width, ends[1])
        a_members, b_members = a.emit(limit), b.emit(limit)
        most = max(a_members.size, b_members.size)
        if most > num_members:
            width //= 2
            continue
        shift = max((width - 1).bit_length() - log2_cells, 0)
        if best <= (1 << shift) // 2:
            count = close_members(a_members, b_members, base, shift, best, bits, close)
            members = np.sort(close[:count])
        else:
            members = np.sort(np.concatenate([a_members, b_members]))
        best, value = nearest_neighbours(members, best, value)
        a.move_past(a_members)
        b.move_past(b_members)
        if 2 * most < num_members:
            width *= 2
    return best, value
