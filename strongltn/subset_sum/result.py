"""What a search returned: the subset, its exact error, what was proved, and why it stopped."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import UnsolvedError
from strongltn.numerics.exact import BoolArray, FloatArray, IntArray, read_only, round_once
from strongltn.values.by_value import ByValue

ObjectArray = NDArray[np.object_]


class Verdict(Enum):
    """What is known about an instance. It says nothing about why the search ended."""

    SOLVED = "solved"
    """The exact error is within tolerance; without a tolerance, the subset is proved optimal."""

    INFEASIBLE = "infeasible"
    """A complete solver covered all subsets and none is within tolerance."""

    UNDECIDED = "undecided"
    """Neither of the two is proved."""


class Stop(Enum):
    """Why a search ended, in the solver's own words. It says nothing about what is known."""

    SPACE_COVERED = "space covered"
    """All subsets were covered, directly or by an exact argument."""

    FAMILY_COVERED = "family covered"
    """The solver covered its own family of subsets (say: single samples) and no other."""

    TOLERANCE_MET = "tolerance met"
    """The solver takes the first subset that it believes to be within tolerance."""

    TIME = "time"
    """The time limit was reached; the subset is the best until then, perhaps the empty one."""

    CLAIMED_OPTIMAL = "claimed optimal"
    """A solver in floating point reports an optimum. It is not trusted."""

    CLAIMED_INFEASIBLE = "claimed infeasible"
    """A solver in floating point reports that no subset exists. It is not trusted."""

    GAVE_UP = "gave up"
    """The solver ended without an optimum for a reason of its own."""


@dataclass(frozen=True, eq=False)
class SubsetSumResult(ByValue):
    """The outcome of one search; two are equal if subset, error, verdict and stop are.

    Attributes
    ----------
    mask : bool array, shape (n,)
        ``True`` = kept; read-only.
    exact_error : Fraction
        ``abs(sum(samples[mask]) - target)`` without rounding.
    verdict : Verdict
        What is known.
    stop : Stop
        Why the search ended.

    Notes
    -----
    Rigor: exact.  Cost: none.  Randomness: none.
    """

    mask: BoolArray
    exact_error: Fraction
    verdict: Verdict
    stop: Stop

    def __post_init__(self) -> None:
        object.__setattr__(self, "mask", read_only(self.mask))

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.verdict.value}, keeps {self.num_kept} of "
            f"{self.mask.size}, error {self.error!r}, {self.stop.value})"
        )

    @property
    def error(self) -> float:
        """The exact error, rounded once to the nearest double."""
        return round_once(self.exact_error)

    @property
    def num_kept(self) -> int:
        """How many samples the subset keeps."""
        return int(np.count_nonzero(self.mask))

    def demanded(self, tolerance: float | None) -> Self:
        """Return this result, unless a tolerance was asked for and is not met.

        Raises
        ------
        UnsolvedError
            There is a tolerance, and the verdict is not SOLVED. It carries the result.
        """
        if tolerance is not None and self.verdict is not Verdict.SOLVED:
            raise UnsolvedError(
                f"The verdict is {self.verdict.name}: the best subset found has error "
                f"{self.error!r}, the tolerance is {tolerance!r}. Try more samples, a larger "
                "tolerance, or throw=False to get this result as data.",
                result=self,
            )
        return self

    def __bool__(self) -> NoReturn:
        raise TypeError("a result has no truth value: compare its verdict with Verdict.SOLVED")


@dataclass(frozen=True, eq=False)
class BatchResult(ByValue):
    """The outcomes of m searches, one per row; two are equal if all rows are.

    Attributes
    ----------
    mask : bool array, shape (m, n)
        ``True`` = kept.
    error : float64 array, shape (m,)
        The exact error of each row, rounded once to the nearest double.
    verdict : object array of Verdict, shape (m,)
        What is known; decided on the exact error, not on the rounded one.
    stop : object array of Stop, shape (m,)
        Why each search ended.

    Notes
    -----
    All arrays are read-only.  Rigor: exact value, rounded once.  Cost: none.  Randomness: none.
    """

    mask: BoolArray
    error: FloatArray
    verdict: ObjectArray
    stop: ObjectArray

    def __post_init__(self) -> None:
        for name in ("mask", "error", "verdict", "stop"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __repr__(self) -> str:
        counts = (f"{self.count(verdict):,} {verdict.value}" for verdict in Verdict)
        known = ", ".join(text for text in counts if not text.startswith("0 "))
        largest = f", largest error {float(self.error.max())!r}" if len(self) else ""
        return f"BatchResult({len(self):,} searches{': ' + known if known else ''}{largest})"

    @property
    def num_kept(self) -> IntArray:
        """How many samples each subset keeps, shape (m,)."""
        counts: IntArray = self.mask.sum(axis=1, dtype=np.int64)
        return counts

    def count(self, verdict: Verdict) -> int:
        """Return on how many rows the verdict is `verdict`."""
        return int(np.count_nonzero(self.verdict == verdict))

    def __len__(self) -> int:
        return len(self.error)

    def __bool__(self) -> NoReturn:
        raise TypeError("a batch of results has no truth value: compare its verdicts")
