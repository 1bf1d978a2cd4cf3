"""The ball about the origin as a domain."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.networks.boxes import Box, LocalBox
from strongltn.networks.domain import INPUT_BITS, ROUND, Domain, Floats, shortest
from strongltn.numerics.dyadic import DyadicArray, to_text
from strongltn.values.arguments import exact_real

if TYPE_CHECKING:
    import torch

_TINY = 1e-300


@dataclass(frozen=True)
class Ball(Domain):
    """The Euclidean ball of `radius` about the origin.

    Parameters
    ----------
    radius : float > 0, finite
        A number of another type is accepted if float64 holds it exactly.
    """

    radius: float = 1.0

    def __post_init__(self) -> None:
        radius = exact_real("radius", self.radius, allowed="a finite number > 0", hint=ROUND)
        if radius <= 0:
            raise InvalidInputError("radius", got=radius, allowed="a finite number > 0")
        object.__setattr__(self, "radius", radius)

    @property
    def has_negative_inputs(self) -> bool:
        """Whether a coordinate of an input can be negative: always."""
        return True

    @property
    def in_words(self) -> str:
        """The set as a sentence names it, such as "the unit ball"."""
        about = f"the ball of radius {shortest(self.radius)}"
        return "the unit ball" if self.radius == 1 else about

    def __str__(self) -> str:
        return f"ball:{shortest(self.radius)}"

    def box(self, num_inputs: int) -> None:
        """Return None: a ball is no box."""

    def enclosing_box(self, num_inputs: int) -> LocalBox:
        """Return [-radius, radius]^inputs."""
        return Box(-self.radius, self.radius).box(num_inputs)

    def norm_bound(self, num_inputs: int) -> Fraction:
        """Return the radius."""
        return Fraction(self.radius)

    def reach(self, num_inputs: int) -> float:
        """Return the radius."""
        return self.radius

    def middle_of(self, num_inputs: int) -> tuple[DyadicArray, Fraction]:
        """Return the origin and the radius."""
        return DyadicArray(np.zeros(num_inputs, dtype=np.int64), 0), Fraction(self.radius)

    def frame(self, num_inputs: int) -> tuple[Floats, Floats]:
        """Return the origin, and the radius in every coordinate."""
        return np.zeros(num_inputs), np.full(num_inputs, self.radius)

    def farthest(self, forms: torch.Tensor) -> torch.Tensor:
        """Return points of the unit sphere."""
        forms = forms / forms.abs().amax(dim=1, keepdim=True).clamp_min(_TINY)
        points: torch.Tensor = forms / forms.norm(dim=1, keepdim=True).clamp_min(_TINY)
        return points

    def into_unit(self, points: torch.Tensor) -> torch.Tensor:
        """Return the points, those outside drawn back to the unit sphere."""
        inside: torch.Tensor = points / points.norm(dim=1, keepdim=True).clamp_min(1.0)
        return inside

    def rounded(self, point: Floats) -> DyadicArray:
        """Return an input of the ball near `point`."""
        exponent = int(np.frexp(self.radius)[1]) - INPUT_BITS
        numerators = np.rint(np.ldexp(point, -exponent)).astype(np.int64)
        limit = (Fraction(self.radius) / Fraction(2) ** exponent) ** 2
        while sum(k * k for k in numerators.tolist()) > limit:
            # rounding left the ball by about sqrt(inputs) units: draw every coordinate in by 2^-30
            numerators = numerators - np.sign(numerators) * ((np.abs(numerators) >> 30) + 1)
        return DyadicArray(numerators, exponent)

    def resized(self, radius: float) -> Ball:
        """Return the ball of another radius."""
        return Ball(radius)

    def entry(self) -> tuple[dict[str, Any], dict[str, NDArray[np.int64]]]:
        """Return the radius."""
        return {"kind": "ball", "radius": to_text(Fraction(self.radius))}, {}
