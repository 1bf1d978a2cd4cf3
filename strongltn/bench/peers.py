"""General solvers on the same instances: what they claim, what is so, and how long it took."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy as np

from strongltn.bench.audit import Claim, distances, least_distance
from strongltn.bench.timing import Progress
from strongltn.bench.workload import TOLERANCE, Workload, draw_workload
from strongltn.errors import InvalidInputError, suggestion
from strongltn.subset_sum.result import Stop
from strongltn.subset_sum.solvers.cp_sat import ConstraintProgram
from strongltn.subset_sum.solvers.ilp import IntegerProgram
from strongltn.subset_sum.solvers.program import Objective


@dataclass(frozen=True)
class Peer:
    """A solver of others: the module that it needs, how to install it, and its own settings."""

    label: str
    module: str
    install: str
    backend: str | None

    @property
    def is_installed(self) -> bool:
        """Whether its module can be found."""
        return find_spec(self.module) is not None

    def settings(self, objective: Objective, limit_seconds: float) -> dict[str, Any]:
        """Return its solvers by the name of their tolerances."""
        options: dict[str, Any] = {"objective": objective, "time_limit_seconds": limit_seconds}
        if self.backend is None:
            return {"integers": ConstraintProgram(**options)}
        return {
            "default": IntegerProgram(self.backend, is_tight=False, **options),
            "tight": IntegerProgram(self.backend, **options),
        }


PEERS = {
    "cbc": Peer("CBC", "pulp", "pip install pulp", "PULP_CBC_CMD"),
    "highs": Peer("HiGHS", "highspy", "pip install highspy", "HiGHS"),
    "cpsat": Peer("CP-SAT", "ortools", "pip install 'strongltn[cpsat]'", None),
    "gurobi": Peer("Gurobi", "gurobipy", "pip install gurobipy", "GUROBI"),
    "scip": Peer("SCIP", "pyscipopt", "pip install pyscipopt", "SCIP_PY"),
}


@dataclass(frozen=True)
class PeerEffort:
    """Instances of each peer at every n, and seconds after which one counts as a time-out."""

    num_instances: int
    sizes: tuple[int, ...]
    limit_seconds: float


def chosen_peers(text: str | None) -> list[str]:
    """Return the keys in a list with commas; without one all peers, installed or not.

    Raises
    ------
    InvalidInputError
        A key is unknown, or is named and not installed.
    """
    if text is None:
        return list(PEERS)
    keys = [key for key in (part.strip() for part in text.split(",")) if key not in ("", "none")]
    for key in keys:
        if key not in PEERS:
            raise InvalidInputError(
                "peers",
                got=repr(key),
                allowed=f"none or a list of {', '.join(PEERS)}",
                hint=suggestion(key, PEERS),
            )
        if not PEERS[key].is_installed:
            raise InvalidInputError(
                "peers",
                got=f"{key}, which is not",
                allowed="installed",
                hint=f"Install it with: {PEERS[key].install}.",
            )
    return keys


@dataclass
class _Seat:
    """One peer with one setting and one question."""

    peer: Peer
    settings: str
    claim: Claim
    solver: Any
    stops: list[Stop] = field(default_factory=list)
    masks: list[Any] = field(default_factory=list)
    times: list[Any] = field(default_factory=list)


def measure_peers(
    keys: list[str], effort: PeerEffort, *, seed: int, progress: Progress
) -> list[dict[str, Any]]:
    """Return the figures of every peer, question, setting and n; uniform law, fresh samples.

    All peers solve the first instance, then all the second, and so on. An instance that hits the
    time limit counts with the limit as its wall time, and with the CPU time that it had until then.
    One thread each. Building the model is told apart, and sending it to another process is in no
    figure.
    """
    rows = []
    steps = [(n, index) for n in effort.sizes for index in range(effort.num_instances)]
    seats: list[_Seat] = []
    for step, (n, index) in enumerate(steps):
        progress("peers", step, len(steps))
        if index == 0:
            workload = draw_workload("uniform", n, effort.num_instances, seed=seed)
            seats = _seats(keys, effort.limit_seconds)
            for seat in seats:  # not counted: it starts processes and loads libraries
                seat.solver.search(workload.samples[0], 0.0, TOLERANCE)
        for seat in seats:
            _solve(seat, workload, index)
        if index == effort.num_instances - 1:
            least = [
                least_distance(*row)
                for row in zip(workload.numerators, workload.goals.tolist(), strict=True)
            ]
            rows += [_figures(seat, workload, least, effort.limit_seconds) for seat in seats]
    return rows


def _seats(keys: list[str], limit_seconds: float) -> list[_Seat]:
    questions = (
        (Objective.LEAST_ERROR, Claim.LEAST_ERROR),
        (Objective.WITHIN_TOLERANCE, Claim.WITHIN),
    )
    return [
        _Seat(PEERS[key], settings, claim, solver)
        for objective, claim in questions
        for key in keys
        for settings, solver in PEERS[key].settings(objective, limit_seconds).items()
    ]


def _solve(seat: _Seat, workload: Workload, index: int) -> None:
    row = slice(index, index + 1)
    tolerance = TOLERANCE if seat.claim is Claim.WITHIN else None
    found, [spent] = seat.solver.timed_search_batch(
        workload.samples[row], workload.targets[row], tolerance
    )
    seat.stops.append(found.stop[0])
    seat.masks.append(found.mask[0])
    seat.times.append(spent)


def _figures(
    seat: _Seat, workload: Workload, least: list[int], limit_seconds: float
) -> dict[str, Any]:
    found = distances(workload, np.array(seat.masks))
    within = TOLERANCE / 2.0**workload.exponent
    if seat.claim is Claim.WITHIN:
        claims: tuple[Stop, ...] = (Stop.TOLERANCE_MET, Stop.CLAIMED_INFEASIBLE)
        is_right = [
            distance <= within if stop is not Stop.CLAIMED_INFEASIBLE else best > within
            for distance, best, stop in zip(found, least, seat.stops, strict=True)
        ]
    else:
        claims = (Stop.CLAIMED_OPTIMAL,)
        is_right = [distance == best for distance, best in zip(found, least, strict=True)]
    is_claimed = [stop in claims for stop in seat.stops]

    wall = [
        limit_seconds if stop is Stop.TIME else spent.search_seconds
        for stop, spent in zip(seat.stops, seat.times, strict=True)
    ]
    # a process that had to be ended tells no CPU time
    cpu = [
        spent.search_cpu_seconds or seconds for seconds, spent in zip(wall, seat.times, strict=True)
    ]
    return {
        "name": seat.peer.label,
        "settings": seat.settings,
        "claim": seat.claim.value,
        "tolerance": TOLERANCE if seat.claim is Claim.WITHIN else None,
        "law": "uniform",
        "n": workload.samples.shape[1],
        "instances": len(workload),
        "samples": "fresh",
        "cpu_seconds": median(cpu),
        "wall_seconds": median(wall),
        "mean_cpu_seconds": float(np.mean(cpu)),
        "build_seconds": median(spent.build_seconds for spent in seat.times),
        "timeouts": sum(stop is Stop.TIME for stop in seat.stops),
        "claimed": sum(is_claimed),
        "claimed_and_right": sum(
            claim and right for claim, right in zip(is_claimed, is_right, strict=True)
        ),
        "right": sum(is_right),
    }
