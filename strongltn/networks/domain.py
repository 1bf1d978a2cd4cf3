"""What a domain is: a set of inputs over which a claim is made; and the norm of the claim."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from strongltn.numerics.dyadic import DyadicArray

if TYPE_CHECKING:
    import torch

    from strongltn.networks.boxes import LocalBox

Floats = NDArray[np.float64]

INPUT_BITS = 40  # of a point rounded into a domain, below the size of the domain
ROUND = "Write float(...) yourself if rounding it is what you mean."


class OutputNorm(Enum):
    """The norm of an output: Euclidean, or the largest absolute value. Values as in files."""

    TWO = 2
    INF = "inf"


class Domain(ABC):
    """A set of inputs, as a claim names it, and every question that the house asks of one.

    A new kind of domain is one more subclass; nobody else asks of which kind a domain is. Methods
    that take `num_inputs` raise `InvalidInputError` where the domain is of another number.
    """

    @property
    @abstractmethod
    def has_negative_inputs(self) -> bool:
        """Whether a coordinate of an input can be negative."""

    @property
    @abstractmethod
    def in_words(self) -> str:
        """The set as a sentence names it, such as "the unit ball"."""

    @abstractmethod
    def box(self, num_inputs: int) -> LocalBox | None:
        """Return the domain as a box with its ends written out; None if it is no box."""

    @abstractmethod
    def enclosing_box(self, num_inputs: int) -> LocalBox:
        """Return the least box around the domain."""

    @abstractmethod
    def norm_bound(self, num_inputs: int) -> Fraction:
        """Return a bound on ||x||_2, rounded upwards; for a ball its radius."""

    @abstractmethod
    def reach(self, num_inputs: int) -> float:
        """Return the largest ||x||_2 nearly, as floats tell it."""

    @abstractmethod
    def middle_of(self, num_inputs: int) -> tuple[DyadicArray, Fraction]:
        """Return the centre, exact, and a bound on the distance of every input from it."""

    @abstractmethod
    def frame(self, num_inputs: int) -> tuple[Floats, Floats]:
        """Return centre and half widths in floats: inputs are centre + half * u, u in a unit set.

        That set is the unit ball or [-1, 1]^inputs; `farthest` and `into_unit` speak of it.
        """

    @abstractmethod
    def farthest(self, forms: torch.Tensor) -> torch.Tensor:
        """Return the points of the unit set where linear forms (batch, inputs) are largest."""

    @abstractmethod
    def into_unit(self, points: torch.Tensor) -> torch.Tensor:
        """Return the points of the unit set nearest to `points` (batch, inputs)."""

    @abstractmethod
    def rounded(self, point: Floats) -> DyadicArray:
        """Return an input of the domain near `point` (inputs,), on a grid of int64."""

    @abstractmethod
    def resized(self, radius: float) -> Domain | None:
        """Return the set of this radius about the same centre; None where that is not known."""

    @abstractmethod
    def entry(self) -> tuple[dict[str, Any], dict[str, NDArray[np.int64]]]:
        """Return what certificate.json says of the domain, and its part of the witness file."""


def shortest(value: float) -> str:
    """Return the shortest text that reads back as the number: a claim names its set exactly."""
    return repr(float(value)).removesuffix(".0")
