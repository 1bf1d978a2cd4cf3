"""Networks: the target, the source, the mask, the ticket that pairs the last two, and domains."""

from strongltn.networks.domain import Ball, Box, Domain, parse_domain
from strongltn.networks.mask import PairMask
from strongltn.networks.source import Activation, SourceNetwork
from strongltn.networks.target import LinearLayer, ScaledLayer, TargetNetwork
from strongltn.networks.ticket import EffectiveLayer, Ticket

__all__ = [
    "Activation",
    "Ball",
    "Box",
    "Domain",
    "EffectiveLayer",
    "LinearLayer",
    "PairMask",
    "ScaledLayer",
    "SourceNetwork",
    "TargetNetwork",
    "Ticket",
    "parse_domain",
]
