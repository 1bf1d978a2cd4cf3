"""Conditions that no question mentions: of which networks, inputs and distances a theorem speaks.

A theorem is true of a class of networks, on a set of inputs, in a norm, for a kind of source. Each
of these is one `Condition`, and the statement of the theorem is put together from them, so that a
statement cannot be printed without one. Many can also be asked of a network at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongltn.theorems.facts import LayerFacts, TargetFacts


class About(Enum):
    """What a condition speaks of, in the order in which a statement says it."""

    SAMPLES = "samples"
    TARGETS = "targets"
    INPUTS = "inputs"
    DISTANCE = "distance"
    SOURCE = "source"


@dataclass(frozen=True)
class Finding:
    """Whether a network meets a condition.

    Attributes
    ----------
    holds : bool or None
        None where rounding leaves it open, or where it is no matter of the network.
    found : str
        What the network has instead, or what was seen.
    remedy : str
        What to do about it; empty where nothing is to be done.
    """

    holds: bool | None
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Condition:
    """One condition of a theorem.

    Attributes
    ----------
    about : About
    text : str
        A clause that can stand behind a semicolon.
    examine : callable, optional
        Facts of a network -> Finding. Without one, the condition is a matter of how the theorem is
        used, such as the inputs, and the user has to see to it.
    excess : callable, optional
        Facts of a layer -> a number, or more, by which its matrix must be divided to meet the
        condition; at most 1 where it does. Only of conditions on sizes.
    """

    about: About
    text: str
    examine: Callable[[TargetFacts], Finding] | None = None
    excess: Callable[[LayerFacts], Fraction] | None = None
