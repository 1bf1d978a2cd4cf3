"""Strong lottery tickets: built from one seed, certified, checked in exact arithmetic.

Public names, grouped; each is imported when it is first used, so that importing the package is
quick.

Build
    `prune`, `PruneResult`, `TargetNetwork`, `LinearLayer`, `SourceNetwork`, `WeightLaw`
Keep and use
    `load_ticket`, `Ticket`, `PrunedNetwork`
Certify
    `certify_ticket`, `Certificate`, `CertifySettings`, `Attack`, `Ball`, `Box`, `LocalBox`
More
    `strongltn.subset_sum`, `strongltn.theorems`, `strongltn.simulate`, `strongltn.search`,
    `strongltn.groundtruth`, `strongltn.construct`, `strongltn.testing`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongltn.values.lazy import lazy_names

__version__ = "0.1.0"

_HOMES = {
    "Attack": "strongltn.certify",
    "Ball": "strongltn.networks",
    "Box": "strongltn.networks",
    "Certificate": "strongltn.certify",
    "CertifySettings": "strongltn.certify",
    "LinearLayer": "strongltn.networks",
    "LocalBox": "strongltn.networks",
    "PruneResult": "strongltn.pipeline.prune_result",
    "PrunedNetwork": "strongltn.networks.pruned",
    "SourceNetwork": "strongltn.networks",
    "TargetNetwork": "strongltn.networks",
    "Ticket": "strongltn.networks",
    "WeightLaw": "strongltn.rng",
    "certify_ticket": "strongltn.certify",
    "load_ticket": "strongltn.networks.ticket_directory",
    "prune": "strongltn.pipeline.tickets",
}
_MODULES = (
    "certify",
    "construct",
    "errors",
    "groundtruth",
    "networks",
    "rng",
    "search",
    "simulate",
    "subset_sum",
    "testing",
    "theorems",
)

if TYPE_CHECKING:
    from strongltn import certify as certify
    from strongltn import construct as construct
    from strongltn import errors as errors
    from strongltn import groundtruth as groundtruth
    from strongltn import networks as networks
    from strongltn import rng as rng
    from strongltn import search as search
    from strongltn import simulate as simulate
    from strongltn import subset_sum as subset_sum
    from strongltn import testing as testing
    from strongltn import theorems as theorems
    from strongltn.certify import Attack, Certificate, CertifySettings, certify_ticket
    from strongltn.networks import (
        Ball,
        Box,
        LinearLayer,
        LocalBox,
        SourceNetwork,
        TargetNetwork,
        Ticket,
    )
    from strongltn.networks.pruned import PrunedNetwork
    from strongltn.networks.ticket_directory import load_ticket
    from strongltn.pipeline.prune_result import PruneResult
    from strongltn.pipeline.tickets import prune
    from strongltn.rng import WeightLaw
else:  # hidden from type checkers, for which it would make every name a known one
    __getattr__, __dir__ = lazy_names(__name__, _HOMES, modules=_MODULES)

__all__ = [
    "Attack",
    "Ball",
    "Box",
    "Certificate",
    "CertifySettings",
    "LinearLayer",
    "LocalBox",
    "PruneResult",
    "PrunedNetwork",
    "SourceNetwork",
    "TargetNetwork",
    "Ticket",
    "WeightLaw",
    "certify_ticket",
    "load_ticket",
    "prune",
]
