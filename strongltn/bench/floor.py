"""The compare-exchange floor: what the merges alone would take at the speed of min and max."""

from __future__ import annotations

import time

import numpy as np

from strongltn.numerics.exact import IntArray
from strongltn.process.compiled import compiled

_LANES = 2**10  # four arrays of 32-bit keys: 16 KB, within the first cache
_SORTS = 10  # per visit of the kernel; the network of a sort of four has 6 exchanges
_VISITS = 2000


def num_compare_exchanges(num_samples: int) -> int:
    r"""Return how many pairs (min, max) the merge network of one instance has.

    The sums of a half are ``+-u_1 ... +-u_h`` up to a shift, so half of the sorted list is enough:
    from k - 1 samples to k a bitonic network sorts 2^(k-1) keys in k - 1 stages. At the end one
    such network merges the 2^h sums of one half with the targets less those of the other; for odd
    n, whose last sample moves the target, two of them.

    .. math:: 2 \sum_{k=1}^{h} (k - 1)\, 2^{k-2} + (1 + n \bmod 2)\, 2^h (h + 1),
              \qquad h = \lfloor n / 2 \rfloor

    Notes
    -----
    A floor for this network, not for the problem: loads, stores, masks and conversions come on top.
    Rigor: exact count.  Cost: O(n).  Randomness: none.

    Examples
    --------
    >>> num_compare_exchanges(21)
    30722
    """
    half = num_samples // 2
    growing = sum((k - 1) * 2 ** (k - 2) for k in range(2, half + 1))
    return int(2 * growing + (1 + num_samples % 2) * 2**half * (half + 1))


def exchanges_per_second(dtype: type[np.signedinteger]) -> float:
    """Measure pairs (min, max) per second of one core, on keys that stay in registers.

    Best of seven by CPU time, compilation left out.
    """
    keys = np.random.default_rng(0).integers(-(2**20), 2**20, (4, _LANES)).astype(dtype)
    _exchange_often(keys[0], keys[1], keys[2], keys[3], 1)
    best = float("inf")
    for _ in range(7):
        began = time.process_time()
        _exchange_often(keys[0], keys[1], keys[2], keys[3], _VISITS)
        best = min(best, time.process_time() - began)
    return _VISITS * _SORTS * 6 * _LANES / best


@compiled()
def _exchange_often(a: IntArray, b: IntArray, c: IntArray, d: IntArray, num_visits: int) -> None:
    """Sort the four keys of each lane again and again, every time in another order."""
    for _ in range(num_visits):
        for lane in range(a.size):
            p, q, r, s = a[lane], b[lane], c[lane], d[lane]
            for _ in range(_SORTS):
                p, q = min(p, q), max(p, q)
                r, s = max(r, s), min(r, s)
                p, r = min(p, r), max(p, r)
                q, s = min(q, s), max(q, s)
                p, q = min(p, q), max(p, q)
                r, s = min(r, s), max(r, s)
                p, q, r, s = r, p, s, q
            a[lane], b[lane], c[lane], d[lane] = p, q, r, s
