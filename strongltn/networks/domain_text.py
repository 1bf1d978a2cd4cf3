"""Domains as texts: what a command line or a caller names them by, and the file of a centre."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from strongltn.errors import InvalidInputError, suggestion
from strongltn.networks.ball import Ball
from strongltn.networks.boxes import Box, LocalBox, checked_center
from strongltn.networks.domain import Domain
from strongltn.values.arguments import described
from strongltn.values.arrays import read_array

#: What is accepted where a domain is asked for: one, or the text of `parse_domain`.
DomainLike: TypeAlias = Domain | str


def as_domain(value: object) -> Domain:
    """Return a domain, or the one that a text names as on the command line.

    Raises
    ------
    InvalidInputError
        It is neither.

    Examples
    --------
    >>> as_domain("box:0,1")
    Box(lower=0.0, upper=1.0)
    """
    if isinstance(value, Domain):
        return value
    if isinstance(value, str):
        return parse_domain(value)
    allowed = "a Ball, a Box, a LocalBox, or a text such as ball:2 or box:0,1"
    raise InvalidInputError("domain", got=described(value), allowed=allowed)


def parse_domain(text: str, *, center: ArrayLike | None = None) -> Domain:
    """Return the domain that `text` names.

    Parameters
    ----------
    text : str
        ball, ball:RADIUS, box or box:LOWER,UPPER; about `center`, local:RADIUS, or
        local:RADIUS,LOWER,UPPER for the part in the box [LOWER, UPPER]^inputs.
    center : float array (inputs,), finite, for a local domain and no other

    Raises
    ------
    InvalidInputError
    """
    kind, _, numbers = text.partition(":")
    try:
        values = [float(number) for number in numbers.split(",")] if numbers else []
    except ValueError:
        values, kind = [], ""
    if kind == "local" and len(values) in (1, 3):
        if center is None:
            raise InvalidInputError("center", got="none", allowed=f"given with the domain {text}")
        clip = Box(*values[1:]) if len(values) == 3 else None
        return LocalBox.around(center, values[0], clip=clip)
    if center is not None and text.partition(":")[0] != "local":
        raise InvalidInputError("center", got=f"one for {text}", allowed="left out but for local")
    if kind == "ball" and len(values) <= 1:
        return Ball(*values)
    if kind == "box" and len(values) in (0, 2):
        return Box(*values)
    raise InvalidInputError(
        "domain",
        got=text,
        allowed="ball, ball:RADIUS, box, box:LOWER,UPPER, local:RADIUS or local:RADIUS,LOWER,UPPER",
        hint=suggestion(text.partition(":")[0], ("ball", "box", "local")) or "Try box:0,1.",
    )


def load_center(path: Path) -> NDArray[np.float64]:
    """Return the centre of a local domain from a .npy file, an image row by row: (inputs,).

    Floating-point numbers only, in the units of the target's inputs: the bytes of an image would
    be another point than the network sees.

    Raises
    ------
    InvalidInputError
        The file is not such an array, or an entry is not finite.
    """
    return checked_center(read_array(path, parameter="center").ravel())
