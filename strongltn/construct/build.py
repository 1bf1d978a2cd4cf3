"""Build a ticket: read the source, solve one subset sum for each weight, keep what they chose.

Nothing is redrawn and nothing is shared that the theorem does not share: for one output, the
samples of one input are products of first-layer weights, common to all outputs, with second-layer
weights of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.construct.plan import Plan
from strongltn.errors import InvalidInputError
from strongltn.networks.layer import ScaledLayer
from strongltn.networks.mask import PairMask
from strongltn.networks.source import SourceNetwork
from strongltn.networks.target import TargetNetwork
from strongltn.networks.ticket import Ticket
from strongltn.process.compiled import working_seconds
from strongltn.rng import GRID_EXPONENT
from strongltn.subset_sum import solve_batch
from strongltn.subset_sum.solvers import AbstractSolver, MeetInTheMiddle, SchroeppelShamir
from strongltn.values.arguments import instance
from strongltn.values.by_value import ByValue

#: Called with (instances solved so far, instances in all).
Progress = Callable[[int, int], None]

_CHUNK_SAMPLES = 1 << 20  # samples in memory at a time: 8 MB of float64
_CHUNK_STEPS = 1 << 28  # a subset sum takes 2^(n/2): seconds until progress is told


@dataclass(frozen=True)
class ShortGroup:
    """A sign group with fewer members than samples were planned: reported, never redrawn."""

    layer: int
    input: int
    output: int | None
    sign: int
    num_members: int


@dataclass(frozen=True, eq=False)
class BuildResult(ByValue):
    """A ticket and how it came about; equal to another whatever time it took.

    Attributes
    ----------
    ticket : Ticket
    short_groups : tuple of ShortGroup
    num_instances : int
        Subset sums solved.
    drawing_seconds, solving_seconds : float
    """

    ticket: Ticket
    short_groups: tuple[ShortGroup, ...]
    num_instances: int
    drawing_seconds: float = field(compare=False)
    solving_seconds: float = field(compare=False)

    def __repr__(self) -> str:
        short = f", {len(self.short_groups)} short groups" if self.short_groups else ""
        return f"BuildResult({self.ticket!r}, {self.num_instances:,} subset sums{short})"


def build_ticket(
    target: TargetNetwork,
    source: SourceNetwork,
    plan: Plan,
    *,
    solver: AbstractSolver[Any] | None = None,
    progress: Progress | None = None,
) -> BuildResult:
    """Return the ticket in which every target weight is the best that its samples can do.

    Parameters
    ----------
    target : TargetNetwork
    source : SourceNetwork
        A source of the widths that the plan gives; see `Plan.source`.
    plan : Plan
    solver : AbstractSolver, optional
        Default: the construction's, see `Construction.solver_for`.
    progress : callable, optional
        Called after every chunk with (solved, all).

    Raises
    ------
    InvalidInputError
        The source does not have the plan's widths, or there are too many samples for the default
        solver.

    Notes
    -----
    Rigor: the mask is a suggestion of the solver; errors are re-summed later from seed and mask.
    Cost: one subset sum a weight (two in the first pair where inputs can be negative).
    Randomness: only the source's seed.
    """
    target = instance("target", target, TargetNetwork)
    source = instance("source", source, SourceNetwork)
    plan = instance("plan", plan, Plan)
    if solver is not None:
        instance("solver", solver, AbstractSolver)  # type: ignore[type-abstract]
    expected = plan.source(target, law=source.law, seed=source.seed)
    if source != expected:
        raise InvalidInputError(
            "source", got=f"widths {source.widths}", allowed=f"the plan's widths {expected.widths}"
        )
    builders = [
        _PairBuilder(source, plan, pair, layer)
        for pair, layer in enumerate(target.scaled(plan.scale_exponents))
    ]
    total = sum(builder.num_instances for builder in builders)
    done = 0
    solver = solver or plan.construction.solver_for(plan.num_samples)
    most_rows = _CHUNK_SAMPLES
    if isinstance(solver, MeetInTheMiddle | SchroeppelShamir):
        most_rows = max(1, _CHUNK_STEPS >> plan.num_samples // 2)
    masks, short_groups = [], []
    for builder in builders:
        step = min(builder.step, most_rows)
        for start in range(0, builder.num_gadgets, step):
            done += builder.solve_chunk(start, solver, step)
            if progress:
                progress(done, total)
        masks.append(builder.mask())
        short_groups += builder.short_groups
    ticket = Ticket(
        source, tuple(masks), plan.scale_exponents, plan.construction.name, plan.num_samples
    )
    return BuildResult(
        ticket,
        tuple(short_groups),
        total,
        drawing_seconds=sum(builder.drawing_seconds for builder in builders),
        solving_seconds=sum(builder.solving_seconds for builder in builders),
    )


@dataclass(frozen=True, eq=False)
class _Groups:
    """Sign groups of some blocks of hidden neurons.

    `members` (blocks, halves, samples) are hidden neurons, -1 where a group falls short; `factors`
    are the magnitudes |a| of their first-layer weights (a for linear activations), 0 there, in
    units of 2^24, so that a factor times a second-layer numerator is a sample.
    """

    members: NDArray[np.int64]
    factors: NDArray[np.float64]

    def __getitem__(self, blocks: NDArray[np.int64]) -> _Groups:
        return _Groups(self.members[blocks], self.factors[blocks])


class _PairBuilder:
    """Solves one pair, some gadgets at a time, and collects what is kept.

    Gadgets are numbered row by row: gadget t stands in for (output, column) = divmod(t, columns).
    """

    def __init__(self, source: SourceNetwork, plan: Plan, pair: int, layer: ScaledLayer) -> None:
        self.source, self.plan, self.pair = source, plan, pair
        self.construction = plan.construction
        self.num_outputs = layer.weight.shape[0]
        self.num_halves = plan.num_halves(pair)
        self.num_columns = source.shape(2 * pair)[1]
        self.num_gadgets = self.num_outputs * self.num_columns
        self.has_bias = layer.bias is not None
        targets = self.construction.targets(layer, self.num_halves)
        self.targets = targets.reshape(self.num_gadgets, self.num_halves)
        self.tolerance = plan.scaled_tolerance(pair, has_bias=self.has_bias)
        gadget_samples = self.num_halves * plan.num_samples
        if not self.construction.shares_hidden:
            gadget_samples = max(gadget_samples, plan.block_width)
        self.step = max(1, _CHUNK_SAMPLES // gadget_samples)
        self.num_instances = int(np.isfinite(self.targets).sum())
        self.short_groups: list[ShortGroup] = []
        self.drawing_seconds = self.solving_seconds = 0.0
        self.kept_rows: list[NDArray[np.int32]] = []
        self.kept_hidden: list[NDArray[np.int32]] = []
        began = working_seconds()
        self.shared: _Groups | None = None
        if self.construction.shares_hidden:
            num_blocks = self.construction.num_blocks(self.num_columns, self.num_outputs)
            self.shared = self._groups(np.arange(num_blocks))
        self.drawing_seconds += working_seconds() - began

    def solve_chunk(self, start: int, solver: AbstractSolver[Any], step: int) -> int:
        """Solve `step` gadgets from `start` on; return the number of instances."""
        began = working_seconds()
        gadgets = np.arange(start, min(start + step, self.num_gadgets))
        targets = self.targets[gadgets]
        outputs, columns = np.divmod(gadgets, self.num_columns)
        blocks = self.construction.share_of(outputs) * self.num_columns + columns
        groups = self._groups(blocks) if self.shared is None else self.shared[blocks]
        is_needed = np.isfinite(targets)
        members, goals = groups.members[is_needed], targets[is_needed]
        rows = np.broadcast_to(outputs[:, None], targets.shape)[is_needed]
        samples = self._samples(rows, members, groups.factors[is_needed])
        drawn = working_seconds()
        kept = solve_batch(samples, goals, solver=solver, tolerance=self.tolerance).mask
        is_kept = kept & (members >= 0)
        self.kept_rows.append(np.repeat(rows.astype(np.int32), is_kept.sum(axis=1)))
        self.kept_hidden.append(members[is_kept].astype(np.int32))
        self.drawing_seconds += drawn - began
        self.solving_seconds += working_seconds() - drawn
        return len(goals)

    def mask(self) -> PairMask:
        """Return the mask of all gadgets solved."""
        rows, hidden = np.concatenate(self.kept_rows), np.concatenate(self.kept_hidden)
        return PairMask.from_entries(
            rows, hidden, inputs=self._columns, num_outputs=self.num_outputs
        )

    def _columns(self, hidden: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the first-layer column that a hidden neuron keeps: blocks run over the columns."""
        return hidden // self.plan.block_width % self.num_columns

    def _groups(self, blocks: NDArray[np.int64]) -> _Groups:
        """Draw the first-layer weights of some blocks and sort the neurons into sign groups."""
        width, num_samples = self.plan.block_width, self.plan.num_samples
        hidden = blocks[:, None] * width + np.arange(width)
        entries = self.source.entries(2 * self.pair, hidden.ravel(), self._columns(hidden.ravel()))
        first = np.ldexp(entries.reshape(hidden.shape).astype(np.float64), 2 * GRID_EXPONENT)
        places, factors = self.construction.members(
            first, num_halves=self.num_halves, num_samples=num_samples
        )
        for half, counts in enumerate((places >= 0).sum(axis=2).T):
            self._report_short(blocks, counts, half)
        return _Groups(np.where(places >= 0, blocks[:, None, None] * width + places, -1), factors)

    def _report_short(
        self, blocks: NDArray[np.int64], counts: NDArray[np.int64], half: int
    ) -> None:
        for k in np.flatnonzero(counts < self.plan.num_samples):
            output, column = divmod(int(blocks[k]), self.num_columns)
            if half == 1 and self.has_bias and column == self.num_columns - 1:
                continue  # the constant input is never negative
            where = None if self.construction.shares_hidden else output
            sign = 1 if half == 0 else -1
            self.short_groups.append(ShortGroup(self.pair, column, where, sign, int(counts[k])))

    def _samples(
        self, rows: NDArray[np.int64], members: NDArray[np.int64], factors: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the products (instances, samples), exact, 0 where a group falls short."""
        outputs = np.repeat(rows, members.shape[1])
        hidden = np.maximum(members, 0).ravel()
        second = self.source.entries(2 * self.pair + 1, outputs, hidden)
        # two factors of at most 24 significant bits: every product is exact in float64
        return factors * second.reshape(members.shape)
