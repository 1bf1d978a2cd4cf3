"""What other packages register: solvers and constructions are found by entry points, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from typing import Any, TypeVar

from strongltn.errors import InvalidInputError

T = TypeVar("T")


def with_registered(
    ours: Iterable[tuple[str, T, str]],
    *,
    group: str,
    name_of: Callable[[Any], str | None],
    parameter: str,
    allowed: str,
) -> dict[str, T]:
    """Return our values and those that other packages register, by name.

    Parameters
    ----------
    ours : iterable of (str, value, str)
        Name, value and the module that it comes from.
    group : str
        The group of entry points. What an entry names is imported here.
    name_of : callable
        The name of a registered value; None of what is no such value.
    parameter, allowed : str
        What a refusal says.

    Raises
    ------
    InvalidInputError
        An entry point names something else, or two different values have one name.
    """
    found: dict[str, tuple[T, str]] = {}
    for name, value, place in (*ours, *_registered(group, name_of, parameter, allowed)):
        other, before = found.setdefault(name, (value, place))
        if other is not value:
            raise InvalidInputError(
                parameter, got=f"{name} from both {before} and {place}", allowed="one of a name"
            )
    return {name: value for name, (value, _) in found.items()}


def _registered(
    group: str, name_of: Callable[[Any], str | None], parameter: str, allowed: str
) -> Iterable[tuple[str, Any, str]]:
    for entry in entry_points(group=group):
        value = entry.load()
        name = name_of(value)
        if name is None:
            raise InvalidInputError(
                parameter,
                got=f"{entry.value}, an entry point of the group {group}",
                allowed=allowed,
            )
        yield name, value, entry.value
