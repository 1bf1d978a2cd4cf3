"""Boxes as domains: one interval for all coordinates, or one for each."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from strongltn.errors import InvalidInputError
from strongltn.networks.domain import INPUT_BITS, ROUND, Domain, Floats, shortest
from strongltn.numerics.dyadic import (
    DyadicArray,
    ceil_to_grid,
    floor_to_grid,
    maximum,
    negative,
    to_text,
    upper_sqrt,
)
from strongltn.values.arguments import described, exact_real, instance
from strongltn.values.arrays import array_of, floats_of
from strongltn.values.by_value import ByValue

if TYPE_CHECKING:
    import torch

_ENDS = "two vectors of one length, finite, at finite distances"
_END_BITS = 24  # of the ends of a box about a centre: short ends keep products with them short


class _Boxed(Domain):
    """The answers of every domain that is a box."""

    @abstractmethod
    def box(self, num_inputs: int) -> LocalBox:
        """Return the box with its ends written out."""

    def enclosing_box(self, num_inputs: int) -> LocalBox:
        """Return the box itself."""
        return self.box(num_inputs)

    def norm_bound(self, num_inputs: int) -> Fraction:
        """Return the norm of the farthest corner, rounded upwards."""
        lower, upper = self.box(num_inputs).ends()
        return upper_sqrt(maximum(upper, negative(lower)).squared_norm())

    def reach(self, num_inputs: int) -> float:
        """Return the norm of the farthest corner nearly."""
        box = self.box(num_inputs)
        return float(np.linalg.norm(np.maximum(np.abs(box.lower), np.abs(box.upper))))

    def middle_of(self, num_inputs: int) -> tuple[DyadicArray, Fraction]:
        """Return the centre, and half the diagonal, rounded upwards."""
        lower, upper = self.box(num_inputs).ends()
        radius = upper_sqrt((upper - lower).scaled(-1).squared_norm())
        return (lower + upper).scaled(-1), radius

    def frame(self, num_inputs: int) -> tuple[Floats, Floats]:
        """Return centre and half widths."""
        box = self.box(num_inputs)
        half = (box.upper - box.lower) / 2
        return box.lower + half, half

    def farthest(self, forms: torch.Tensor) -> torch.Tensor:
        """Return corners."""
        return forms.sign()

    def into_unit(self, points: torch.Tensor) -> torch.Tensor:
        """Return the points, clipped."""
        return points.clamp(-1.0, 1.0)

    def rounded(self, point: Floats) -> DyadicArray:
        """Return an input of the box near `point`.

        Raises
        ------
        InvalidInputError
            The ends are of too different sizes for integers of 64 bits.
        """
        box = self.box(len(point))
        lower, upper = box.ends()
        size = int(np.frexp(np.maximum(np.abs(box.lower), np.abs(box.upper)).max())[1])
        widths = (box.upper - box.lower)[box.upper > box.lower]
        # a thin box far from the origin asks for a finer grid; a point for the grid of its ends
        narrow = int(np.frexp(widths.min())[1]) - 5 if len(widths) else 0
        exponent = min(size - INPUT_BITS, narrow)
        if len(widths) < len(box.lower):
            exponent = min(exponent, lower.exponent)
        exponent = max(exponent, size - 63)  # no finer than int64 holds
        numerators = np.rint(np.ldexp(point, -exponent)).astype(np.int64)
        least, most = (
            end.numerators.astype(np.int64)
            for end in (ceil_to_grid(lower, exponent), floor_to_grid(upper, exponent))
        )
        if (least > most).any():
            raise InvalidInputError(
                "domain",
                got=f"{box}, its ends of very different sizes",
                allowed="ends that are integers of 64 bits times one power of two",
            )
        return DyadicArray(np.clip(numerators, least, most), exponent)


@dataclass(frozen=True)
class Box(_Boxed):
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
            end = exact_real("domain", getattr(self, name), allowed="finite ends", hint=ROUND)
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
        return f"the box [{shortest(self.lower)}, {shortest(self.upper)}]^n"

    def __str__(self) -> str:
        return f"box:{shortest(self.lower)},{shortest(self.upper)}"

    def box(self, num_inputs: int) -> LocalBox:
        """Return the box with its ends written out."""
        return LocalBox(np.full(num_inputs, self.lower), np.full(num_inputs, self.upper))

    def resized(self, radius: float) -> Box:
        """Return the box of sides 2 radius about the same centre."""
        middle = float(self.middle)
        return Box(middle - radius, middle + radius)

    def entry(self) -> tuple[dict[str, Any], dict[str, NDArray[np.int64]]]:
        """Return both ends."""
        ends = {"lower": self.lower, "upper": self.upper}
        return {"kind": "box"} | {name: to_text(Fraction(end)) for name, end in ends.items()}, {}


@dataclass(frozen=True, eq=False)
class LocalBox(ByValue, _Boxed):
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
        middle = DyadicArray.from_floats(checked_center(center))
        size = exact_real("radius", radius, allowed="a finite number >= 0", hint=ROUND)
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

    def box(self, num_inputs: int) -> LocalBox:
        """Return the box itself."""
        if len(self.lower) != num_inputs:
            raise InvalidInputError(
                "domain",
                got=f"a centre or ends of {len(self.lower)} numbers",
                allowed=f"of {num_inputs} inputs, as the network is",
            )
        return self

    def resized(self, radius: float) -> None:
        """Return None: the box may be cut off at a corner, so that its centre is not known."""

    def entry(self) -> tuple[dict[str, Any], dict[str, NDArray[np.int64]]]:
        """Return the exponent of the ends, and their numerators.

        Raises
        ------
        InvalidInputError
            The ends are too far apart for integers of 64 bits on one grid.
        """
        lower, upper = self.ends()
        exponent = min(lower.exponent, upper.exponent)
        arrays = {"domain_lower": lower.at(exponent), "domain_upper": upper.at(exponent)}
        if any(array.dtype != np.int64 for array in arrays.values()):
            raise InvalidInputError(
                "domain",
                got=f"{self}, its ends of very different sizes",
                allowed="ends that are integers of 64 bits times one power of two",
            )
        return {"kind": "local-box", "exponent": exponent}, arrays

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


def checked_center(value: object) -> NDArray[np.float64]:
    """Return a centre (inputs,) in float64, refusing what is not finite or not in floats."""
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
