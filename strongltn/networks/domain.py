"""Domains: the sets of inputs over which a claim is made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from strongltn.errors import InvalidInputError


@dataclass(frozen=True)
class Ball:
    """The Euclidean ball of `radius` about the origin.

    Parameters
    ----------
    radius : float > 0, finite
    """

    radius: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.radius) and self.radius > 0):
            raise InvalidInputError("radius", got=self.radius, allowed="a finite number > 0")

    @property
    def has_negative_inputs(self) -> bool:
        """Whether a coordinate of an input can be negative: always."""
        return True

    def __str__(self) -> str:
        return f"ball:{_shortest(self.radius)}"


@dataclass(frozen=True)
class Box:
    """The box [lower, upper]^inputs.

    Parameters
    ----------
    lower, upper : float, finite, lower < upper
    """

    lower: float = 0.0
    upper: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.upper - self.lower) and self.lower < self.upper):
            raise InvalidInputError(
                "domain",
                got=f"[{self.lower}, {self.upper}]",
                allowed="finite ends, lower < upper, at a finite distance",
            )

    @property
    def has_negative_inputs(self) -> bool:
        """Whether a coordinate of an input can be negative."""
        return self.lower < 0

    @property
    def half_width(self) -> Fraction:
        """Half the length of a side."""
        return (Fraction(self.upper) - Fraction(self.lower)) / 2

    @property
    def middle(self) -> Fraction:
        """Coordinate of the centre."""
        return (Fraction(self.upper) + Fraction(self.lower)) / 2

    def __str__(self) -> str:
        return f"box:{_shortest(self.lower)},{_shortest(self.upper)}"


Domain = Ball | Box


def _shortest(value: float) -> str:
    """Return the shortest text that reads back as the number: a claim names its set exactly."""
    return repr(float(value)).removesuffix(".0")


def parse_domain(text: str) -> Domain:
    """Return the domain that `text` names: ball, ball:RADIUS, box or box:LOWER,UPPER."""
    kind, _, numbers = text.partition(":")
    try:
        values = [float(number) for number in numbers.split(",")] if numbers else []
        if kind == "ball" and len(values) <= 1:
            return Ball(*values)
        if kind == "box" and len(values) in (0, 2):
            return Box(*values)
    except InvalidInputError:
        raise
    except ValueError:
        pass
    raise InvalidInputError(
        "domain", got=text, allowed="ball, ball:RADIUS, box or box:LOWER,UPPER", hint="Try box:0,1."
    )
