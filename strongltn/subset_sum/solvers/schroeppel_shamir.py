"""The exact optimum in 2**(n / 2) time but 2**(n / 4) memory (Schroeppel and Shamir 1981)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from strongltn.numerics.exact import BoolArray, FloatArray, IntArray, RowGrid
from strongltn.subset_sum.big_integers import BigHalves, big_bytes
from strongltn.subset_sum.integer_units import mask_of, quarter_targets
from strongltn.subset_sum.problem import check_budget
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers.abstract import AbstractSolver, Candidate, run_tasks
from strongltn.values.arguments import integer


@dataclass(frozen=True, eq=False)
class QuarterLists:
    """The samples of one row on their grid, and the sums of each half as pairs of quarters."""

    grid: RowGrid
    lower: SumPairs
    upper: SumPairs


@dataclass(frozen=True)
class SchroeppelShamir(AbstractSolver[QuarterLists | BigHalves]):
    """Return the best of all 2**n subsets, exactly, for large n in little memory.

    The sorted sums of a half are never stored. Each is a sum of two quarters; a pointer for each
    sum of one quarter moves up through the other, and all of them together emit the half slice by
    slice. Slices of both halves, as wide as the fuller one allows, are thrown into cells, and only
    members that share a cell are sorted and compared. The answer is the one of `MeetInTheMiddle`,
    tie rule included: slices ascend, so the smallest partial sum of a total is met first.

    Attributes
    ----------
    max_bytes : int >= 1
        Memory for lists and slices, all threads together: 64 bytes times the larger of
        2**min(15, (n + 1) // 2) and 2**(3 + (n + 3) // 4). The default of 1 GiB is enough for
        n <= 84, which is far beyond what time allows. Samples that do not fit int64 are searched
        as in `MeetInTheMiddle`, which needs 512 * (2**(n // 2) + 2**(n - n // 2)) bytes.

    Raises
    ------
    InvalidInputError
        `max_bytes` is not an integer >= 1.
    BudgetExceeded
        From `check` and `prepare`, before any search: the lists do not fit.

    Notes
    -----
    Rigor: exact.  Cost: O(2**(n / 2)) time, O(2**(n / 4)) memory; it ends early where a sum meets
    the target on the grid, and uses all cores (the variable NUMBA_NUM_THREADS limits them).
    Randomness: none.

    Source
    ------
    `schroeppel1981`; the pointers and slices stand in for their priority queues.

    Examples
    --------
    >>> solver = SchroeppelShamir()
    >>> solver.search(solver.prepare(np.array([0.5, 0.25, 0.125])), 0.7, None).mask.tolist()
    [True, True, False]
    """

    max_bytes: int = 2**30

    is_complete: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "max_bytes", integer("max_bytes", self.max_bytes, low=1))

    def check(self, num_samples: int, tolerance: float | None) -> None:
        """Raise BudgetExceeded if lists and slices do not fit `max_bytes`."""
        self._check_bytes(num_samples, _sweep_bytes(num_samples))

    def prepare(self, samples: FloatArray) -> QuarterLists | BigHalves:
        """Return the sums of the four quarters."""
        self.check(samples.size, None)
        grid = RowGrid.of(samples[None, :])
        if not grid.fits[0]:
            self._check_bytes(samples.size, big_bytes(samples.size))
            return BigHalves.of(samples)
        quarter_units = 4 * grid.numerators[0]
        half = samples.size // 2
        return QuarterLists(
            grid, SumPairs.of(quarter_units[:half]), SumPairs.of(quarter_units[half:])
        )

    def search(
        self, state: QuarterLists | BigHalves, target: float, tolerance: float | None
    ) -> Candidate:
        """Return the best subset; the tolerance plays no part."""
        if isinstance(state, BigHalves):
            return Candidate(state.nearest(target), Stop.SPACE_COVERED)
        import numba

        goal = int(quarter_targets(state.grid, np.array([target]))[0])
        num_samples = state.grid.numerators.shape[1]
        num_cores = int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
        num_threads = min(num_cores, self.max_bytes // _sweep_bytes(num_samples))
        edges = state.lower.quantiles(num_threads)
        partners = state.upper.reflected(goal)

        def sweep_task(ranges: slice) -> tuple[int, int]:
            ends = edges[ranges.start], edges[ranges.start + 1]
            return least_distance(
                state.lower, partners, ends, num_members=_slice_members(num_samples)
            )

        found = run_tasks(sweep_task, num_threads, rows_per_task=1, max_threads=num_threads)
        distance, lower_sum = min(found)
        # Of goal +- distance exactly one is a multiple of 4: the subset sum.
        total = goal - distance if (goal - distance) % 4 == 0 else goal + distance
        masks = [state.lower.first_subset(lower_sum), state.upper.first_subset(total - lower_sum)]
        return Candidate(np.concatenate(masks), Stop.SPACE_COVERED)

    def _check_bytes(self, num_samples: int, num_bytes: int) -> None:
        check_budget("SchroeppelShamir", num_bytes, self.max_bytes, num_samples=num_samples)


def _slice_members(num_samples: int) -> int:
    """Return how many sums of a half a slice holds: a cache full, and several per pointer."""
    return 1 << max(min(15, (num_samples + 1) // 2), 3 + (num_samples + 3) // 4)


def _sweep_bytes(num_samples: int) -> int:
    """Four buffers and 64 cells of a bit for each member of a slice; the rest is for quarters."""
    return 64 * _slice_members(num_samples)


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
        return mask_of(index, self.samples.size)


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
