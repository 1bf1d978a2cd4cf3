"""All constructions there are, by name: ours, and those that other packages bring."""

from __future__ import annotations

from typing import Literal, TypeAlias

from strongltn.construct import construction
from strongltn.construct.construction import Construction
from strongltn.values.arguments import named
from strongltn.values.registered import with_registered

#: The group of entry points under which another package names its constructions.
GROUP = "strongltn.constructions"

#: The words of ours, which a type checker must read; a test compares them with `CONSTRUCTIONS`.
ConstructionWord: TypeAlias = Literal["relu-diamond", "linear-diamond", "single-weight"]
#: What is accepted where a construction is asked for: one, or its name.
ConstructionLike: TypeAlias = Construction | ConstructionWord

#: Those of strongltn, by name: every value of `construct/construction.py`.
CONSTRUCTIONS: dict[str, Construction] = {
    value.name: value for value in vars(construction).values() if isinstance(value, Construction)
}


def find_constructions() -> dict[str, Construction]:
    """Find every construction, by name: ours first, then those of other packages.

    A package of its own names its value in its ``pyproject.toml``::

        [project.entry-points."strongltn.constructions"]
        mine = "my_package:MINE"

    Raises
    ------
    InvalidInputError
        An entry point names something that is no construction, or two constructions have one name.

    Notes
    -----
    Rigor: none. Cost: imports every package that brings a construction; done only when asked for.
    Randomness: none.
    """
    return with_registered(
        ((name, value, "strongltn") for name, value in CONSTRUCTIONS.items()),
        group=GROUP,
        name_of=lambda value: value.name if isinstance(value, Construction) else None,
        parameter="construction",
        allowed="a Construction",
    )


def construction_named(name: str) -> Construction:
    """Return the construction of that name, upper or lower case.

    Raises
    ------
    InvalidInputError
        There is none; the message lists them, and the nearest.
    """
    if isinstance(name, str) and name in CONSTRUCTIONS:
        return CONSTRUCTIONS[name]
    return named("construction", name, find_constructions())


def as_construction(value: ConstructionLike) -> Construction:
    """Return a construction, or the one that a word of the command line names."""
    return value if isinstance(value, Construction) else construction_named(value)
