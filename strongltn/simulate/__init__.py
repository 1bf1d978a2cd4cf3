"""Simulation of the covering event: hitting times, failure rates, sizes, the admissible process.

What is measured here holds with a stated confidence and is no proof.
"""

from strongltn.simulate.admissible import AdmissiblePaths, admissible_paths
from strongltn.simulate.event import CoveringEvent
from strongltn.simulate.hitting import HittingTimes, hitting_times
from strongltn.simulate.hybrid import HybridSamples, hybrid_samples
from strongltn.simulate.limits import lower_limit, upper_limit
from strongltn.simulate.rate import FailureRate, failure_rate
from strongltn.simulate.required import (
    RequiredSamples,
    required_samples,
    requirement,
)
from strongltn.simulate.sizes import subset_sizes

__all__ = [
    "AdmissiblePaths",
    "CoveringEvent",
    "FailureRate",
    "HittingTimes",
    "HybridSamples",
    "RequiredSamples",
    "admissible_paths",
    "failure_rate",
    "hitting_times",
    "hybrid_samples",
    "lower_limit",
    "required_samples",
    "requirement",
    "subset_sizes",
    "upper_limit",
]
