"""BUILD: target and source -> ticket, following a plan that was fixed before the draw."""

from strongltn.construct.build import BuildResult, ShortGroup, build_ticket
from strongltn.construct.catalogue import CONSTRUCTIONS, construction_named, find_constructions
from strongltn.construct.construction import (
    LINEAR_DIAMOND,
    RELU_DIAMOND,
    SINGLE_WEIGHT,
    Construction,
)
from strongltn.construct.plan import Plan, make_plan
from strongltn.construct.reach import Reach, UnreachedWeight, measure_reach

__all__ = [
    "CONSTRUCTIONS",
    "LINEAR_DIAMOND",
    "RELU_DIAMOND",
    "SINGLE_WEIGHT",
    "BuildResult",
    "Construction",
    "Plan",
    "Reach",
    "ShortGroup",
    "UnreachedWeight",
    "build_ticket",
    "construction_named",
    "find_constructions",
    "make_plan",
    "measure_reach",
]
