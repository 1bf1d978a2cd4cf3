"""All ways of training by their names, and as the plain JSON of records. Light to import."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from strongltn.errors import InvalidInputError, unknown_word
from strongltn.search.edge_popup import Biprop, EdgePopup, IteRand
from strongltn.search.method import AbstractMethod
from strongltn.search.supermasks import GemMiner, LearnedSupermask, SignedSupermask

#: The methods of search, by the names that the command line takes.
METHODS: dict[str, type[AbstractMethod]] = {
    "edge-popup": EdgePopup,
    "biprop": Biprop,
    "iterand": IteRand,
    "learned-supermask": LearnedSupermask,
    "signed-supermask": SignedSupermask,
    "gem-miner": GemMiner,
}


@dataclass(frozen=True)
class Dense:
    """Train all weights of the network and prune none: what a search is compared with."""


#: Every way of training, by the name that the command line and the records use.
METHOD_TYPES: dict[str, type[AbstractMethod | Dense]] = {**METHODS, "dense": Dense}


def name_of(method: AbstractMethod | Dense) -> str:
    """Return the name of a method, a key of `METHOD_TYPES`.

    Raises
    ------
    InvalidInputError
        It is of none of these types.
    """
    for name, kind in METHOD_TYPES.items():
        if kind is type(method):
            return name
    raise InvalidInputError("method", got=method, allowed=f"one of {', '.join(METHOD_TYPES)}")


def type_named(name: str) -> type[AbstractMethod | Dense]:
    """Return the type of a method.

    Raises
    ------
    InvalidInputError
        No such method.
    """
    if name not in METHOD_TYPES:
        raise unknown_word("method", got=name, known=METHOD_TYPES)
    return METHOD_TYPES[name]


def method_to_json(method: AbstractMethod | Dense) -> dict[str, Any]:
    """Return name and parameters."""
    parameters = {name: plain_value(value) for name, value in vars(method).items()}
    return {"name": name_of(method), **parameters}


def method_from_json(settings: dict[str, Any]) -> AbstractMethod | Dense:
    """Return the method that `method_to_json` has written.

    Raises
    ------
    InvalidInputError
        An unknown name; a parameter that is missing, unknown or out of range.
    """
    parameters = dict(settings)
    kind = type_named(parameters.pop("name", ""))
    defaults = vars(kind())
    if parameters.keys() != defaults.keys():
        raise InvalidInputError(
            "method", got=settings, allowed=f"an object with {', '.join(['name', *defaults])}"
        )
    for name, default in defaults.items():
        if isinstance(default, Enum):
            parameters[name] = member_of(type(default), name, parameters[name])
    return kind(**parameters)


def member_of(kind: type[Enum], parameter: str, value: object) -> Enum:
    """Return the member of an enumeration with a value.

    Raises
    ------
    InvalidInputError
        There is none.
    """
    try:
        return kind(value)
    except ValueError:
        known = [str(member.value) for member in kind]
        raise unknown_word(parameter, got=value, known=known) from None


def plain_value(value: object) -> object:
    """Return a setting as JSON holds it."""
    return value.value if isinstance(value, Enum) else value
