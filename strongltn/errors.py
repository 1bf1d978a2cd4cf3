"""Every exception that strongltn raises on purpose.

One root, so that ``except StrongLTNError`` is the whole of a caller's defence. A message says what
was wrong with the value, what is allowed, and what to try.
"""

from __future__ import annotations

import copy
import copyreg
import difflib
from collections.abc import Iterable
from typing import Any

_MAX_SUGGESTED = 3
_LEAST_LIKENESS = 0.6  # as in difflib.get_close_matches
_NEARLY = 0.1  # what is further than this behind the nearest is not suggested
_MAX_LETTERS = 100  # of a word that is compared; a longer one is no misspelt name


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
        shown = got if isinstance(got, str) and got else repr(got)
        tail = f" {hint}" if hint else ""
        self._complaint = f"must be {allowed}. Got {shown}.{tail}"
        super().__init__(f"The '{parameter}' parameter {self._complaint}")

    def named(self, name: str) -> InvalidInputError:
        """Return the same complaint under another name, such as that of an option: ``--lr``.

        Examples
        --------
        >>> str(InvalidInputError("learning_rate", got=-1, allowed="> 0").named("--lr"))
        '--lr must be > 0. Got -1.'
        """
        error = copy.copy(self)
        error.parameter = name
        error.args = (f"{name} {self._complaint}",)
        return error


def unknown_word(
    parameter: str, *, got: object, known: Iterable[str], hint: str = ""
) -> InvalidInputError:
    """Return the complaint about a word that is none of the known ones, with the nearest of them.

    Examples
    --------
    >>> print(unknown_word("law", got="unifrom", known=["uniform", "gaussian"]))
    The 'law' parameter must be one of uniform, gaussian. Got unifrom. Did you mean 'uniform'?
    """
    words = list(known)
    near = " ".join(filter(None, (suggestion(got, words), hint)))
    return InvalidInputError(parameter, got=got, allowed=f"one of {', '.join(words)}", hint=near)


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


class MachineError(StrongLTNError):
    """The machine would not let us: disk, permission, file-size limit, memory.

    Nothing that was there before is lost.
    """


class TrainingDiverged(StrongLTNError):
    """A loss or a score became NaN or infinite; what was saved before it is kept."""


class SoundnessBug(StrongLTNError):
    """A self-check of ours failed. Never the caller's mistake: please report it."""


def suggestion(got: object, known: Iterable[str]) -> str:
    """Return the question whether a known word was meant, or "" where none is near.

    The one place where misspelt names of theorems, recipes, methods, laws and options are compared
    with the right ones: as words without regard to upper and lower case, and as beginnings. Meant
    as the `hint` of an `InvalidInputError`.

    Parameters
    ----------
    got : object
        What was written; anything but text is near to nothing.
    known : iterable of str
        The words that may be written.

    Examples
    --------
    >>> suggestion("sampel-size", ["sample-size", "packing-bound"])
    "Did you mean 'sample-size'?"
    >>> suggestion("pensia", ["Pensia2020.Theorem1", "Pensia2020.Theorem2", "Lueker1998.Theorem"])
    "Did you mean 'Pensia2020.Theorem1' or 'Pensia2020.Theorem2'?"
    >>> suggestion("fermat", ["Pensia2020.Theorem1"])
    ''
    """
    if not isinstance(got, str) or not 0 < len(got) <= _MAX_LETTERS:
        return ""
    written = got.lower()
    words = {word.lower(): word for word in known}
    likeness = {word: difflib.SequenceMatcher(None, word, written).ratio() for word in words}
    least = max(_LEAST_LIKENESS, max(likeness.values(), default=0) - _NEARLY)
    near = [word for word in words if likeness[word] >= least]
    near.sort(key=likeness.__getitem__, reverse=True)
    if len(written) > 1:
        near += [word for word in words if word.startswith(written)]
    names = [repr(words[word]) for word in dict.fromkeys(near)][:_MAX_SUGGESTED]
    if not names:
        return ""
    return f"Did you mean {' or '.join(filter(None, [', '.join(names[:-1]), names[-1]]))}?"
