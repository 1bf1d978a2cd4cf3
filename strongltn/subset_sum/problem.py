"""One subset-sum instance, and the checks that every entry point makes before any work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strongltn.errors import BudgetExceeded, InvalidInputError
from strongltn.numerics.exact import FloatArray
from strongltn.values.arguments import exact_real, integer
from strongltn.values.arrays import floats_of
from strongltn.values.by_value import ByValue

_CAST_HINT = "Nothing is rounded here: write .astype(numpy.float64) if that is what you mean."
_NUMBER_HINT = "Write float(...) yourself if rounding it is what you want."


@dataclass(frozen=True, eq=False)
class SubsetSumProblem(ByValue):
    """Which of the samples to keep so that their sum comes close to the target.

    Attributes
    ----------
    samples : float64 array, shape (n,)
        n >= 1, finite. Another real dtype, a tensor or a sequence must lose nothing in float64.
        Kept as a read-only copy.
    target : float
        Finite. A number of another type is accepted if float64 holds it exactly.
    tolerance : float >= 0, optional
        Largest admissible ``abs(sum - target)``. Without it the optimum is asked for.

    Raises
    ------
    InvalidInputError
        A value is outside the above.

    Notes
    -----
    Rigor: exact (nothing is rounded).  Cost: O(n).  Randomness: none.

    Source
    ------
    The random subset-sum problem of `lueker1998`; one instance per target weight in `pensia2020`.

    Examples
    --------
    >>> SubsetSumProblem([0.5, -0.25, 0.125], 0.375).num_samples
    3
    """

    samples: FloatArray
    target: float
    tolerance: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", checked_samples(self.samples, num_dimensions=1))
        object.__setattr__(self, "target", checked_number("target", self.target))
        object.__setattr__(self, "tolerance", checked_tolerance(self.tolerance))

    def __repr__(self) -> str:
        within = "" if self.tolerance is None else f" within {self.tolerance!r}"
        return f"SubsetSumProblem({self.num_samples} samples, target {self.target!r}{within})"

    @property
    def num_samples(self) -> int:
        """n, the number of samples."""
        return int(self.samples.size)


def checked_samples(samples: object, *, num_dimensions: int) -> FloatArray:
    """Return a read-only, contiguous copy of legal samples: shape (n,) or (m, n), n >= 1."""
    shape = "(n,)" if num_dimensions == 1 else "(m, n)"
    array = checked_array("samples", samples, num_dimensions=num_dimensions, shape=shape)
    if array.shape[-1] == 0:
        raise InvalidInputError(
            "samples", got=f"shape {array.shape}", allowed=f"of shape {shape} with n >= 1"
        )
    return array


def checked_targets(targets: object, *, num_instances: int | None = None) -> FloatArray:
    """Return a read-only copy of legal targets, one per row of samples if their number is given."""
    array = checked_array("targets", targets, num_dimensions=1, shape="(m,)")
    if num_instances is not None and array.size != num_instances:
        raise InvalidInputError(
            "targets",
            got=f"{array.size} targets",
            allowed=f"one target for each of the {num_instances} rows of samples",
        )
    return array


def checked_tolerance(tolerance: object) -> float | None:
    """Return a legal tolerance: absent, or finite and not negative."""
    if tolerance is None:
        return None
    number = checked_number("tolerance", tolerance)
    if number < 0.0:
        raise InvalidInputError("tolerance", got=number, allowed="None or a finite float >= 0")
    return number


def checked_number(parameter: str, value: object) -> float:
    """Return a real number as a float if that changes nothing."""
    return exact_real(parameter, value, hint=_NUMBER_HINT)


def checked_bytes(max_bytes: object) -> int:
    """Return a legal budget of memory."""
    return integer("max_bytes", max_bytes, low=1)


def check_budget(what: str, num_bytes: int, max_bytes: int, *, num_samples: int) -> None:
    """Raise BudgetExceeded, before any work, where a search needs more memory than it may take."""
    if num_bytes > max_bytes:
        raise BudgetExceeded(
            f"{what} needs {num_bytes} bytes for n = {num_samples} samples, and max_bytes is "
            f"{max_bytes}. Use fewer samples or a larger max_bytes."
        )


def checked_array(parameter: str, value: object, *, num_dimensions: int, shape: str) -> FloatArray:
    """Return a read-only, contiguous float64 copy of a finite array of the right shape."""
    allowed = f"an array of shape {shape} of numbers that float64 holds exactly"
    raw = floats_of(parameter, value, allowed=allowed, hint=_CAST_HINT)
    if raw.ndim != num_dimensions:
        raise InvalidInputError(parameter, got=f"shape {raw.shape}", allowed=allowed)
    array: NDArray[np.float64] = np.array(raw, dtype=np.float64, order="C")
    if not np.isfinite(array).all():
        raise InvalidInputError(parameter, got="NaN or infinity", allowed=f"{allowed}, finite")
    array.flags.writeable = False
    return array


def given_twice(kind: str) -> InvalidInputError:
    """Return the refusal of a target or a tolerance beside a problem, which has its own."""
    return InvalidInputError(
        "problem",
        got=f"a {kind}, and a target or a tolerance besides",
        allowed=f"either a {kind}, or samples with their target and tolerance",
    )
