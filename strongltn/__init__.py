"""Strong lottery tickets: built from one seed, certified, checked in exact arithmetic.

Public names, grouped; each is imported when it is first used, so that importing the package is
quick.

Build
    `prune`, `TargetNetwork`, `SourceNetwork`, `Ticket`, `PrunedNetwork`, `WeightLaw`, `Ball`, `Box`
Subset sums
    `strongltn.subset_sum`
Certify
    `certify_ticket`
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Ball": "strongltn.networks",
    "Box": "strongltn.networks",
    "PrunedNetwork": "strongltn.networks.pruned",
    "SourceNetwork": "strongltn.networks",
    "TargetNetwork": "strongltn.networks",
    "Ticket": "strongltn.networks",
    "WeightLaw": "strongltn.rng",
    "certify_ticket": "strongltn.certify",
    "prune": "strongltn.pipeline",
}

__all__ = [
    "Ball",
    "Box",
    "PrunedNetwork",
    "SourceNetwork",
    "TargetNetwork",
    "Ticket",
    "WeightLaw",
    "certify_ticket",
    "prune",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
