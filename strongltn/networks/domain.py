"""Domains: the sets of inputs over which a claim is made; and the norm in which it is made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from strongltn.errors import InvalidInputError, suggestion
from strongltn.networks.array_file import read_array
from strongltn.numerics.dyadic import DyadicArray, ceil_to_grid, floor_to_grid
from strongltn.values.arguments import described, exact_real, instance
from strongltn.values.arrays import array_of, floats_of
from strongltn.values.by_value import ByValue

_ROUND = "Write float(...) yourself if rounding it is what you mean."
_ENDS = "two vectors of one length, finite, at finite distances"
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
        A number of another type is accepted if float64 holds it exactly.
    """

    radius: float = 1.0

    def __post_init__(self) -> None:
        radius = exact_real("radius", self.radius, allowed="a finite number > 0", hint=_ROUND)
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
        about = f"the ball of radius {_shortest(self.radius)}"
        return "the unit ball" if self.radius == 1 else about

    def __str__(self) -> str:
        return f"ball:{_shortest(self.radius)}"


@dataclass(frozen=True)
class Box:
    """The box [lower, upper]^inputs.

    Parameters
    ----------
    lower, upper : float, finite, lower < upper
        Numbers of another type are accepted if float64 holds them exactly.
    """

    lower: float = 0.0
    upper: float = 1.0

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            end = exact_real("domain", getattr(self, name), allowed="finite ends", hint=_ROUND)
            object.__setattr__(self, name, end)
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

    @property
    def in_words(self) -> str:
        """The set as a sentence names it, such as "the box [0, 1]^n"."""
        return f"the box [{_shortest(self.lower)}, {_shortest(self.upper)}]^n"

    def __str__(self) -> str:
        return f"box:{_shortest(self.lower)},{_shortest(self.upper)}"


@dataclass(frozen=True, eq=False)
class LocalBox(ByValue):
    """The box of the inputs x with lower <= x <= upper, coordinate by coordinate.

    Parameters
    ----------
    lower, upper : float64 (inputs,), finite, lower <= upper; read-only
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            values = np.array(floats_of("domain", getattr(self, name), allowed=_ENDS))
            values.flags.writeable = False
            object.__setattr__(self, name, values)
        fits = self.lower.ndim == 1 and self.lower.shape == self.upper.shape
        with np.errstate(over="ignore", invalid="ignore"):
            is_bounded = fits and np.isfinite(self.upper - self.lower).all()
        if not is_bounded:
            raise InvalidInputError(
                "domain",
                got=f"ends of the shapes {self.lower.shape} and {self.upper.shape}",
                allowed=_ENDS,
            )
        if not (self.lower <= self.upper).all():
            raise InvalidInputError("domain", got="lower > upper", allowed="lower <= upper")

    @staticmethod
    def around(center: ArrayLike, radius: float, *, clip: Box | None = None) -> LocalBox:
        """Return the box of `radius` about `center`; with `clip`, its part in that box.

        The ends are rounded outwards to multiples of 2^-24, then clipped: the domain is the box
        with those ends, which contains the one that was asked for and stays inside `clip`.

        Parameters
        ----------
        center : float array, tensor or sequence (inputs,), finite
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
        size = exact_real("radius", radius, allowed="a finite number >= 0", hint=_ROUND)
        if size < 0:
            raise InvalidInputError("radius", got=size, allowed="a finite number >= 0")
        reach = DyadicArray.from_floats(np.array([size]))
        box = LocalBox.from_ends(
            floor_to_grid(middle - reach, -_END_BITS), ceil_to_grid(middle + reach, -_END_BITS)
        )
        if clip is None:
            return box
        instance("clip", clip, Box)
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

    @property
    def in_words(self) -> str:
        """The set as a sentence names it: its size, not its place."""
        return f"a {self}"

    def __repr__(self) -> str:
        return f"LocalBox({str(self).removeprefix('local box of ')})"

    def __str__(self) -> str:
        width = float((self.upper - self.lower).max(initial=0.0))
        return f"local box of {len(self.lower)} inputs, widths up to {width:.3g}"


Domain = Ball | Box | LocalBox

#: What is accepted where a domain is asked for: one, or the text of `parse_domain`.
DomainLike: TypeAlias = Ball | Box | LocalBox | str


def as_domain(value: object) -> Domain:
    """Return a domain, or the one that a text names as on the command line.

    Raises
    ------
    InvalidInputError
        It is neither.

    Examples
    --------
    >>> as_domain("box:0,1")
    Box(lower=0.0, upper=1.0)
    """
    if isinstance(value, Ball | Box | LocalBox):
        return value
    if isinstance(value, str):
        return parse_domain(value)
    allowed = "a Ball, a Box, a LocalBox, or a text such as ball:2 or box:0,1"
    raise InvalidInputError("domain", got=described(value), allowed=allowed)


def _shortest(value: float) -> str:
    """Return the shortest text that reads back as the number: a claim names its set exactly."""
    return repr(float(value)).removesuffix(".0")


def parse_domain(text: str, *, center: ArrayLike | None = None) -> Domain:
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
        hint=suggestion(text.partition(":")[0], ("ball", "box", "local")) or "Try box:0,1.",
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


def _checked_center(value: object) -> NDArray[np.float64]:
    try:
        center = array_of(value)
    except (TypeError, ValueError, RuntimeError) as error:
        allowed = "one finite number for each input"
        raise InvalidInputError("center", got=described(value), allowed=allowed) from error
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
