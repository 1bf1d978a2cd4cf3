"""Who takes part. A contestant is one entry; what it answers and how that is checked go with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from strongltn.bench.audit import Claim
from strongltn.bench.timing import Contestant
from strongltn.bench.workload import LAWS, TOLERANCE, Workload
from strongltn.numerics.exact import BoolArray
from strongltn.subset_sum import solve_batch
from strongltn.subset_sum.covering import covering_radii
from strongltn.subset_sum.sizes import solve_sizes_batch
from strongltn.subset_sum.solvers import (
    AbstractSolver,
    FixedSize,
    GreedyGeometric,
    MeetInTheMiddle,
    SchroeppelShamir,
    SingleWeight,
    Sparsest,
    WithinTolerance,
)
from strongltn.subset_sum.vectors import VectorProblem, solve_vectors

#: The contestant that peers are compared with, and the n of the headline.
HEADLINE = "MeetInTheMiddle"
HEADLINE_SAMPLES = 21

_SIZES = (9, 12, 15, 18, 21, 24, 30, 36)
_QUICK_SIZES = (12, 21)


def list_contestants(*, is_quick: bool) -> list[Contestant]:
    """Return all of ours, in the order of the report."""
    sizes = _QUICK_SIZES if is_quick else _SIZES
    middle = tuple(n for n in sizes if n <= 24)
    large = (40, 44) if is_quick else (30, 36, 40, 44, 48, 52)
    return [*_exact(sizes), *_large(large), *_within(middle), *_others(middle)]


def _exact(sizes: tuple[int, ...]) -> Iterator[Contestant]:
    """The least error at the n of every day: one batch, its parts, and shared samples."""
    for law, n in product(LAWS, sizes):
        entry = partial(_entry, claim=Claim.LEAST_ERROR, law=law, num_samples=n)
        yield entry(HEADLINE, _by(MeetInTheMiddle()))
        if n <= 24:
            yield entry(f"{HEADLINE}, solve_batch", _solve_batch)
            yield entry(f"{HEADLINE}, scalar", _scalar, is_threaded=False)
            yield entry(f"{HEADLINE}, shared", _shared, is_shared=True)


def _large(sizes: tuple[int, ...]) -> Iterator[Contestant]:
    """The least error of one instance at large n: products, whose optimum is seldom 0."""
    for n in sizes:
        run = _by(SchroeppelShamir())
        yield _entry("SchroeppelShamir", run, Claim.LEAST_ERROR, "products", n, max_rows=2)


def _within(sizes: tuple[int, ...]) -> Iterator[Contestant]:
    """Subsets within tolerance: any, and the sparsest."""
    for law, n, tolerance in product(LAWS, sizes, (TOLERANCE, TOLERANCE / 100)):
        for solver, claim in ((WithinTolerance(), Claim.WITHIN), (Sparsest(), Claim.FEWEST)):
            run, name = _by(solver, tolerance), type(solver).__name__
            yield _entry(name, run, claim, law, n, tolerance=tolerance)


def _others(sizes: tuple[int, ...]) -> Iterator[Contestant]:
    """Other questions, products."""
    for n in sizes:
        entry = partial(_entry, law="products", num_samples=n)
        for part in (7, 3, 2):
            yield entry(f"FixedSize(n//{part})", _by(FixedSize(n // part)), Claim.FIXED_SIZE)
        yield entry("solve_sizes_batch", _sizes, Claim.OTHER, max_rows=2**10)
        yield entry("covering_radii", _radii, Claim.OTHER, max_rows=max(1, 2**22 >> n))
        for dimension in (2, 3):
            run = partial(_vectors, dimension=dimension)
            name = f"solve_vectors, d = {dimension}"
            yield entry(name, run, Claim.OTHER, max_rows=4, is_threaded=False)
        for solver in (GreedyGeometric(), SingleWeight()):
            yield entry(type(solver).__name__, _by(solver), Claim.NO_CLAIM)


def _entry(
    name: str,
    run: Callable[[Workload], BoolArray | None],
    claim: Claim,
    law: str,
    num_samples: int,
    **options: Any,
) -> Contestant:
    """At most 2**17 rows unless the options say otherwise, and at most about 2**27 sums."""
    rows = min(2**17, max(1, 2**27 >> (num_samples + 1) // 2))
    return Contestant(name, claim, law, num_samples, run, **{"max_rows": rows, **options})


def _by(solver: AbstractSolver[Any], tolerance: float | None = None) -> Any:
    def run(workload: Workload) -> BoolArray:
        return solver.search_batch(workload.samples, workload.targets, tolerance).mask

    return run


def _solve_batch(workload: Workload) -> BoolArray:
    return solve_batch(workload.samples, workload.targets).mask


def _scalar(workload: Workload) -> BoolArray:
    """The loops alone: one thread, one row after the other, integers in and masks out."""
    from strongltn.subset_sum.kernels.scalar import search_rows

    mask = np.empty(workload.numerators.shape, dtype=np.bool_)
    search_rows(4 * workload.numerators, 4 * workload.goals - 1, mask)  # see integer_units
    return mask


def _shared(workload: Workload) -> BoolArray:
    solver = MeetInTheMiddle()
    state = solver.prepare(workload.samples[0])
    return solver.search_targets(state, workload.targets, None).mask


def _radii(workload: Workload) -> None:
    covering_radii(workload.samples, low=-0.5, high=0.5)


def _vectors(workload: Workload, dimension: int) -> None:
    """Instance i has the rows i, i + 1, ... as its coordinates, and their targets."""
    for first in range(len(workload)):
        rows = np.arange(first, first + dimension) % len(workload)
        solve_vectors(VectorProblem(workload.samples[rows].T, workload.targets[rows]))


def _sizes(workload: Workload) -> None:
    solve_sizes_batch(workload.samples, workload.targets)
