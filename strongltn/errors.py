"""Every exception that strongltn raises on purpose.

One root, so that ``except StrongLTNError`` is the whole of a caller's defence. A message says what
was wrong with the value, what is allowed, and what to try.
"""

from __future__ import annotations

import copyreg
from typing import Any


class StrongLTNError(Exception):
    """Root of all errors raised on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle without calling the constructor, which may need more than the message.

        So every error comes back whole from a process of a pool.
        """
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class InvalidInputError(StrongLTNError, ValueError):
    """The caller's mistake: names the parameter, what was got and what is allowed.

    Parameters
    ----------
    parameter : str
        Name of the offending parameter, as the caller wrote it.
    got : object
        The value, or a short description of it.
    allowed : str
        What the parameter may be.
    hint : str, optional
        What to try.
    """

    def __init__(self, parameter: str, *, got: object, allowed: str, hint: str = "") -> None:
        self.parameter = parameter
        self.got = got
        self.allowed = allowed
        self.hint = hint
        shown = got if isinstance(got, str) else repr(got)
        tail = f" {hint}" if hint else ""
        super().__init__(f"The '{parameter}' parameter must be {allowed}. Got {shown}.{tail}")


class AssumptionViolated(StrongLTNError):
    """A theorem does not apply; the message names the assumptions that fail."""


class UnsolvedError(StrongLTNError):
    """An honest failure: the search ended without a subset within tolerance.

    The result that was reached is in the attribute ``result``.
    """

    def __init__(self, message: str, *, result: object) -> None:
        self.result = result
        super().__init__(message)


class BudgetExceeded(StrongLTNError):
    """The work would not fit an explicit budget (samples, bytes, seconds); nothing was started."""


class TrainingDiverged(StrongLTNError):
    """A loss or a score became NaN or infinite; what was saved before it is kept."""


class MachineError(StrongLTNError):
    """The machine would not let us: disk, permission, file-size limit, memory; nothing that was
    there is lost.
    """


class SoundnessBug(StrongLTNError):
    """A self-check of ours failed. Never the caller's mistake: please report it."""
