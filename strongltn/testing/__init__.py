"""Property tests for solvers and constructions of your own: strategies, and laws to check.

Strategies for Hypothesis
    `samples`, `instances`, `planted_instances`, `target_networks`, `domains`, `points`, `sources`,
    `masks`, `tickets`
Laws
    `check_solver_contract`, `check_construction`, `check_failure_rate`

A law that does not hold raises AssertionError with the values. Needs Hypothesis, which nothing else
in strongltn imports.
"""

from __future__ import annotations

try:
    import hypothesis as _hypothesis  # noqa: F401
except ImportError as error:
    raise ImportError("strongltn.testing needs Hypothesis: pip install hypothesis") from error

from strongltn.testing.construction_contract import check_construction
from strongltn.testing.failure_rate import ConstructionPromise, FailureRate, check_failure_rate
from strongltn.testing.instances import instances, planted_instances, samples
from strongltn.testing.networks import (
    domains,
    masks,
    points,
    sources,
    target_networks,
    tickets,
)
from strongltn.testing.solver_contract import check_solver_contract

__all__ = [
    "ConstructionPromise",
    "FailureRate",
    "check_construction",
    "check_failure_rate",
    "check_solver_contract",
    "domains",
    "instances",
    "masks",
    "planted_instances",
    "points",
    "samples",
    "sources",
    "target_networks",
    "tickets",
]
