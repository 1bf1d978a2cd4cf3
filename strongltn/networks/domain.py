"""Domains: the sets of inputs over which a claim is made; and the norm in which it is made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import InvalidInputError
from strongltn.networks.array_file import read_array
from strongltn.numerics.dyadic import DyadicArray, ceil_to_grid, floor_to_grid

_END_BITS = 24  # of the ends of a box about a centre: short ends keep products with them short


class OutputNorm(Enum):
    """The norm of an output: Euclidean, or the largest absolute value. Values as in files."""

    TWO = 2
    INF = "inf"


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
    def middle(self) -> Fraction:
        """Coordinate of the centre."""
        return (Fraction(self.upper) + Fraction(self.lower)) / 2

    def __str__(self) -> str:
        return f"box:{_shortest(self.lower)},{_shortest(self.upper)}"


@dataclass(frozen=True, eq=False)
class LocalBox:
    """The box of the inputs x with lower <= x <= upper, coordinate by coordinate.

    Parameters
    ----------
    lower, upper : float64 (inputs,), finite, lower <= upper; read-only
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            values = np.array(getattr(self, name), dtype=np.float64)
            values.flags.writeable = False
            object.__setattr__(self, name, values)
        fits = self.lower.ndim == 1 and self.lower.shape == self.upper.shape
        with np.errstate(over="ignore", invalid="ignore"):
            is_bounded = fits and np.isfinite(self.upper - self.lower).all()
        if not is_bounded:
            raise InvalidInputError(
                "domain",
                got=f"ends of the shapes {self.lower.shape} and {self.upper.shape}",
                allowed="two vectors of one length, finite, at finite distances",
            )
        if not (self.lower <= self.upper).all():
            raise InvalidInputError("domain", got="lower > upper", allowed="lower <= upper")

    @staticmethod
    def around(center: NDArray[Any], radius: float, *, clip: Box | None = None) -> LocalBox:
        """Return the box of `radius` about `center`; with `clip`, its part in that box.

        The ends are rounded outwards to multiples of 2^-24, then clipped: the domain is the box
        with those ends, which contains the one that was asked for and stays inside `clip`.

        Parameters
        ----------
        center : float array (inputs,), finite
        radius : float >= 0, finite
        clip : Box, optional

        Raises
        ------
        InvalidInputError
            Nothing is left in `clip`, or the centre is too large for float64 to hold the ends.

        Notes
        -----
        Rigor: exact, then outwards. Cost: O(inputs). Randomness: none.
        """
        middle = DyadicArray.from_floats(_checked_center(center))
        if not (math.isfinite(radius) and radius >= 0):
            raise InvalidInputError("radius", got=radius, allowed="a finite number >= 0")
        reach = DyadicArray.from_floats(np.array([radius]))
        box = LocalBox.from_ends(
            floor_to_grid(middle - reach, -_END_BITS), ceil_to_grid(middle + reach, -_END_BITS)
        )
        if clip is None:
            return box
        is_outside = (box.upper < clip.lower) | (box.lower > clip.upper)
        if is_outside.any():
            raise InvalidInputError(
                "center",
                got=f"{int(is_outside.sum())} coordinates further than {radius} from {clip}",
                allowed=f"within {radius} of that box, so that something is left",
                hint="Is it in the units of the target's inputs?",
            )
        return LocalBox(np.maximum(box.lower, clip.lower), np.minimum(box.upper, clip.upper))

    @staticmethod
    def from_ends(lower: DyadicArray, upper: DyadicArray) -> LocalBox:
        """Return the box with exactly these ends (inputs,); refused where float64 rounds them."""
        refused = InvalidInputError(
            "domain", got="ends of more bits or larger", allowed="numbers that float64 holds"
        )
        try:
            with np.errstate(over="ignore"):
                box = LocalBox(lower.to_floats(), upper.to_floats())
        except OverflowError:
            raise refused from None
        for given, kept in zip((lower, upper), box.ends(), strict=True):
            if (given - kept).numerators.any():
                raise refused
        return box

    @staticmethod
    def of(box: Box | LocalBox, num_inputs: int) -> LocalBox:
        """Return a box with its ends written out."""
        if isinstance(box, LocalBox):
            if len(box.lower) != num_inputs:
                raise InvalidInputError(
                    "domain",
                    got=f"a centre or ends of {len(box.lower)} numbers",
                    allowed=f"of {num_inputs} inputs, as the network is",
                )
            return box
        return LocalBox(np.full(num_inputs, box.lower), np.full(num_inputs, box.upper))

    def ends(self) -> tuple[DyadicArray, DyadicArray]:
        """Return both ends, exact."""
        return DyadicArray.from_floats(self.lower), DyadicArray.from_floats(self.upper)

    @property
    def has_negative_inputs(self) -> bool:
        """Whether a coordinate of an input can be negative."""
        return bool((self.lower < 0).any())

    def __str__(self) -> str:
        width = float((self.upper - self.lower).max(initial=0.0))
        return f"local box of {len(self.lower)} inputs, widths up to {width:.3g}"


Domain = Ball | Box | LocalBox


def _shortest(value: float) -> str:
    """Return the shortest text that reads back as the number: a claim names its set exactly."""
    return repr(float(value)).removesuffix(".0")


def parse_domain(text: str, *, center: NDArray[Any] | None = None) -> Domain:
    """Return the domain that `text` names.

    Parameters
    ----------
    text : str
        ball, ball:RADIUS, box or box:LOWER,UPPER; about `center`, local:RADIUS, or
        local:RADIUS,LOWER,UPPER for the part in the box [LOWER, UPPER]^inputs.
    center : float array (inputs,), finite, for a local domain and no other

    Raises
    ------
    InvalidInputError
    """
    kind, _, numbers = text.partition(":")
    try:
        values = [float(number) for number in numbers.split(",")] if numbers else []
    except ValueError:
        values, kind = [], ""
    if kind == "local" and len(values) in (1, 3):
        if center is None:
            raise InvalidInputError("center", got="none", allowed=f"given with the domain {text}")
        clip = Box(*values[1:]) if len(values) == 3 else None
        return LocalBox.around(center, values[0], clip=clip)
    if center is not None and text.partition(":")[0] != "local":
        raise InvalidInputError("center", got=f"one for {text}", allowed="left out but for local")
    if kind == "ball" and len(values) <= 1:
        return Ball(*values)
    if kind == "box" and len(values) in (0, 2):
        return Box(*values)
    raise InvalidInputError(
        "domain",
        got=text,
        allowed="ball, ball:RADIUS, box, box:LOWER,UPPER, local:RADIUS or local:RADIUS,LOWER,UPPER",
        hint="Try box:0,1.",
    )


def load_center(path: Path) -> NDArray[np.float64]:
    """Return the centre of a local domain from a .npy file, an image row by row: (inputs,).

    Floating-point numbers only, in the units of the target's inputs: the bytes of an image would
    be another point than the network sees.

    Raises
    ------
    InvalidInputError
        The file is not such an array, or an entry is not finite.
    """
    return _checked_center(read_array(path, parameter="center").ravel())


def _checked_center(center: NDArray[Any]) -> NDArray[np.float64]:
    if center.dtype not in (np.float16, np.float32, np.float64):
        raise InvalidInputError(
            "center",
            got=f"dtype {center.dtype}",
            allowed="float16, float32 or float64, in the units of the target's inputs",
            hint="An image of bytes: image.astype('float32') / 255.",
        )
    if center.ndim != 1 or not center.size or not np.isfinite(center).all():
        raise InvalidInputError(
            "center",
            got=f"shape {center.shape}, {int((~np.isfinite(center)).sum())} entries not finite",
            allowed="one finite number for each input",
        )
    return np.array(center, dtype=np.float64)
