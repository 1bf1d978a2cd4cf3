"""How the density falls during a search: functions of the progress, from 0 to 1."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum

from strongltn.errors import InvalidInputError
from strongltn.models.density import check_density


class Schedule(Enum):
    """How the density comes down from 1, epoch by epoch; the last epoch has it in full."""

    CONSTANT = "constant"
    """It is there from the start."""

    LINEAR = "linear"
    CUBIC = "cubic"

    def down_to(self, end: float) -> AbstractSchedule:
        """Return the density as a function of the progress; it ends at `end`, in (0, 1]."""
        if self is Schedule.CONSTANT:
            return Constant(end)
        return linear(end) if self is Schedule.LINEAR else cubic(end)


class AbstractSchedule(ABC):
    """A density for every moment of a search."""

    @abstractmethod
    def density_at(self, progress: float) -> float:
        """Return the density, in (0, 1].

        Parameters
        ----------
        progress : float in [0, 1]
            Steps done, as a fraction of all steps.

        Raises
        ------
        InvalidInputError
            `progress` is outside [0, 1].
        """


@dataclass(frozen=True)
class Constant(AbstractSchedule):
    """The same density throughout.

    Parameters
    ----------
    density : float in (0, 1]
    """

    density: float

    def __post_init__(self) -> None:
        check_density(self.density)

    def density_at(self, progress: float) -> float:
        """Return the density."""
        _check_progress(progress)
        return self.density


@dataclass(frozen=True)
class Power(AbstractSchedule):
    """end + (start - end) (1 - progress)^exponent; see `linear` and `cubic`.

    Parameters
    ----------
    end : float in (0, 1]
        The density at progress 1, exactly.
    start : float in (0, 1]
        The density at progress 0, exactly.
    exponent : int >= 1
    """

    end: float
    start: float = 1.0
    exponent: int = 1

    def __post_init__(self) -> None:
        check_density(self.start)
        check_density(self.end)
        if self.exponent < 1:
            raise InvalidInputError("exponent", got=self.exponent, allowed="an integer >= 1")

    def density_at(self, progress: float) -> float:
        """Return the density."""
        _check_progress(progress)
        left = (1 - progress) ** self.exponent
        return self.start * left + self.end * (1 - left)  # both ends without rounding


def linear(end: float, *, start: float = 1.0) -> Power:
    """Return the schedule along a straight line."""
    return Power(end, start, 1)


def cubic(end: float, *, start: float = 1.0) -> Power:
    """Return the schedule that prunes fast first (Zhu and Gupta's; recalled)."""
    return Power(end, start, 3)


def _check_progress(progress: float) -> None:
    if not 0 <= progress <= 1:
        raise InvalidInputError("progress", got=progress, allowed="in [0, 1]")
