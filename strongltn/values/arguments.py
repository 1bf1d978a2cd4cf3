"""What a caller passes, read as what is meant: numbers of any library, words, names, paths.

A caller holds NumPy integers, rationals, and the words of the command line. Whatever says exactly
one thing is accepted; everything else is an `InvalidInputError` that names the parameter, what is
allowed and, for a misspelt word, the nearest one. Nothing is rounded but by `positive`, downwards.
"""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any, SupportsIndex, TypeAlias, TypeVar

import numpy as np

from strongltn.errors import InvalidInputError, unknown_word

#: What is accepted as an integer, and as a real number. A truth value is neither.
IntegerLike: TypeAlias = SupportsIndex
RealLike: TypeAlias = "float | Fraction | np.floating[Any] | np.integer[Any]"

#: Who is told of a long computation: called with (what is going on, done, all).
Progress: TypeAlias = Callable[[str, int, int], None]

T = TypeVar("T")
E = TypeVar("E", bound=Enum)


def integer(
    parameter: str,
    value: object,
    *,
    low: int,
    last: int | None = None,
    allowed: str = "",
    hint: str = "",
) -> int:
    """Return an integer of any library as a Python integer in [low, last].

    Raises
    ------
    InvalidInputError
        It is no integer (a truth value and a float are none), or out of range.

    Examples
    --------
    >>> integer("seed", np.int64(7), low=0)
    7
    """
    plain = _scalar(value)
    is_integer = isinstance(plain, numbers.Integral) and not isinstance(plain, bool)
    number = int(plain) if is_integer else low - 1  # type: ignore[call-overload]
    if number < low or (last is not None and number > last):
        if not allowed:
            allowed = (
                f"an integer {'>= ' + str(low) if last is None else 'in ' + _range(low, last)}"
            )
        raise InvalidInputError(parameter, got=described(plain), allowed=allowed, hint=hint)
    return number


def exact_real(
    parameter: str,
    value: object,
    *,
    allowed: str = "a finite number that float64 holds exactly",
    hint: str = "",
) -> float:
    """Return a finite real number of any type as the float that is equal to it.

    Raises
    ------
    InvalidInputError
        It is no real number, or float64 does not hold it.
    """
    plain = _scalar(value)
    number = _nearest(plain)
    is_finite = math.isfinite(number)
    if not is_finite or number != plain:
        if is_finite and "exactly" not in allowed:
            allowed += " that float64 holds exactly"
        hint = hint if is_finite else ""
        raise InvalidInputError(parameter, got=described(plain), allowed=allowed, hint=hint)
    return number


def positive(parameter: str, value: object) -> float:
    """Return a finite real number > 0 of any type, as a float that is not larger.

    It is for limits: whatever is within the float is within the number. A rational between two
    floats becomes the lower one.

    Examples
    --------
    >>> positive("epsilon", Fraction(1, 8))
    0.125
    """
    plain = _scalar(value)
    number = _nearest(plain)
    if math.isfinite(number) and number > plain:  # type: ignore[operator]
        number = math.nextafter(number, -math.inf)
    if not (math.isfinite(number) and number > 0):
        raise InvalidInputError(parameter, got=described(plain), allowed="a finite number > 0")
    return number


def chosen(parameter: str, value: object, kind: type[E]) -> E:
    """Return the member of an enumeration that a word, a value or a member names.

    Raises
    ------
    InvalidInputError
        It names none; the message lists the words, and the nearest.

    Examples
    --------
    >>> from strongltn.rng import WeightLaw
    >>> chosen("law", "uniform", WeightLaw)
    <WeightLaw.UNIFORM: 'uniform'>
    >>> chosen("law", "unifrom", WeightLaw)
    Traceback (most recent call last):
    ...
    strongltn.errors.InvalidInputError: The 'law' parameter must be one of uniform, \
signed-constant, gaussian. Got unifrom. Did you mean 'uniform'?
    """
    if isinstance(value, kind):
        return value
    plain = _scalar(value)
    for name, member in kind.__members__.items():
        if isinstance(plain, str) and _same(plain, name):
            return member
    words = {described(member.value): member for member in kind}
    return named(parameter, plain if isinstance(plain, str) else described(plain), words)


def named(parameter: str, value: object, choices: Mapping[str, T]) -> T:
    """Return what a word names, upper or lower case, with - or _ between its parts.

    Raises
    ------
    InvalidInputError
        It names nothing; the message lists the words, and the nearest.
    """
    words = list(choices)
    for word in words:
        if isinstance(value, str) and _same(value, word):
            return choices[word]
    raise unknown_word(parameter, got=described(value), known=words)


def instance(
    parameter: str, value: object, kind: type[T], *, allowed: str = "", hint: str = ""
) -> T:
    """Return a value of a class, and refuse any other."""
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        allowed = allowed or f"{article} {kind.__name__}"
        if isinstance(value, type) and issubclass(value, kind):
            hint = f"Write {value.__name__}(...), with parentheses."
        raise InvalidInputError(parameter, got=described(value), allowed=allowed, hint=hint)
    return value


def check_progress(progress: object) -> None:
    """Refuse what cannot be called with (stage, done, all), but for None.

    Raises
    ------
    InvalidInputError
    """
    if progress is not None and not callable(progress):
        allowed = "a function (stage, done, all), or None"
        raise InvalidInputError("progress", got=described(progress), allowed=allowed)


def as_path(parameter: str, value: object) -> Path:
    """Return a path from a text or whatever stands for one."""
    if isinstance(value, str | os.PathLike):
        return Path(value)
    raise InvalidInputError(parameter, got=described(value), allowed="a path")


@contextmanager
def as_parameter(name: str, *, of: str, hint: str | None = None) -> Iterator[None]:
    """Let a refusal name the parameter `name`, as this caller wrote it, instead of `of`."""
    try:
        yield
    except InvalidInputError as refusal:
        if refusal.parameter != of:
            raise
        raise InvalidInputError(
            name,
            got=refusal.got,
            allowed=refusal.allowed,
            hint=refusal.hint if hint is None or not refusal.hint else hint,
        ) from refusal.__cause__


def described(value: object) -> str:
    """Return a value in a message: numbers and words as they are, of all else the type."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and value.bit_length() > 128:
        return f"an integer of {value.bit_length()} bits"
    if value is None or isinstance(value, numbers.Number):
        return repr(value)
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"a value of type {type(value).__name__}"


def names_of(parameter: str, value: object) -> list[str]:
    """Return a sequence of names as a list; one name alone is no sequence of names."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        names: list[Any] = list(value)
        if all(isinstance(name, str) for name in names):
            return names
    raise InvalidInputError(parameter, got=described(value), allowed="a sequence of names")


def _scalar(value: object) -> object:
    """Return a number that an array or a tensor without dimensions wraps, as Python's own."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        return value.item()
    return value


def _nearest(value: object) -> float:
    """Return the float nearest to a real number; NaN for what is none."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _same(one: str, other: str) -> bool:
    return one.lower().replace("_", "-") == other.lower().replace("_", "-")


def _range(low: int, last: int) -> str:
    bits = last.bit_length()
    return f"[{low}, 2^{bits})" if last + 1 == 1 << bits and bits > 10 else f"[{low}, {last}]"
