"""Networks: the target, the source, the mask, the ticket that pairs the last two, and domains."""

from strongltn.networks.ball import Ball
from strongltn.networks.boxes import Box, LocalBox
from strongltn.networks.difference import DifferenceNetwork
from strongltn.networks.domain import Domain, OutputNorm
from strongltn.networks.domain_text import load_center, parse_domain
from strongltn.networks.layer import LinearLayer, ScaledLayer
from strongltn.networks.mask import PairMask
from strongltn.networks.reading import Likeness, Reading
from strongltn.networks.source import Activation, SourceNetwork
from strongltn.networks.target import TargetNetwork
from strongltn.networks.ticket import EffectiveLayer, Ticket
from strongltn.values.lazy import imported

__all__ = [
    "Activation",
    "Ball",
    "Box",
    "DifferenceNetwork",
    "Domain",
    "EffectiveLayer",
    "Likeness",
    "LinearLayer",
    "LocalBox",
    "OutputNorm",
    "PairMask",
    "Reading",
    "ScaledLayer",
    "SourceNetwork",
    "TargetNetwork",
    "Ticket",
    "load_center",
    "parse_domain",
]

imported(__name__)  # Hypothesis, where it is, learns to draw these types
