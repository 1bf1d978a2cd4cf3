"""Equality by value for frozen dataclasses that hold arrays.

`==` of arrays answers entry by entry, so that the equality of Python's dataclasses fails on them.
"""

from __future__ import annotations

from dataclasses import Field, fields, is_dataclass
from typing import Any

import numpy as np


class ByValue:
    """Base of a frozen dataclass with ``eq=False``: equal if the class and all fields are.

    Arrays are equal if dtype, shape and every entry are. Fields with ``compare=False``, such as
    wall times, do not count. The hash goes with it: equal values have equal hashes, and computing
    one reads every array.
    """

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self is other or all(
            are_equal(getattr(self, field.name), getattr(other, field.name))
            for field in _compared(self)
        )

    def __hash__(self) -> int:
        return hash((type(self), *(_hash(getattr(self, f.name)) for f in _compared(self))))


def are_equal(one: Any, other: Any) -> bool:
    """Return whether two values are equal, arrays inside of them entry by entry.

    Examples
    --------
    >>> are_equal({"a": (np.ones(2), 1)}, {"a": (np.ones(2), 1)})
    True
    """
    if one is other:
        return True
    if isinstance(one, np.ndarray):
        is_like = isinstance(other, np.ndarray) and one.dtype == other.dtype
        return is_like and np.array_equal(one, other)
    if isinstance(one, tuple | list):
        is_like = type(one) is type(other) and len(one) == len(other)
        return is_like and all(map(are_equal, one, other))
    if isinstance(one, dict):
        is_like = isinstance(other, dict) and one.keys() == other.keys()
        return is_like and all(are_equal(value, other[key]) for key, value in one.items())
    if type(one) is type(other) and _is_plain_record(one):
        return all(
            are_equal(getattr(one, field.name), getattr(other, field.name))
            for field in _compared(one)
        )
    return bool(one == other)


def _is_plain_record(value: Any) -> bool:
    """Return whether a value is of a dataclass that compares by identity, for want of better."""
    return is_dataclass(value) and type(value).__eq__ is object.__eq__


def _compared(value: Any) -> list[Field[Any]]:
    return [field for field in fields(value) if field.compare]


def _hash(value: Any) -> int:
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return hash((value.shape, tuple(value.ravel().tolist())))
        whole = value + 0.0 if value.dtype.kind == "f" else value  # -0.0 equals 0.0
        return hash((value.shape, value.dtype.str, whole.tobytes()))
    if isinstance(value, tuple | list):
        return hash(tuple(map(_hash, value)))
    if isinstance(value, dict):
        return hash(frozenset((key, _hash(entry)) for key, entry in value.items()))
    if _is_plain_record(value):
        return hash(tuple(_hash(getattr(value, field.name)) for field in _compared(value)))
    return hash(value)
