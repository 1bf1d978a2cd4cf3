"""Reports and records as JSON text.

JSON knows no Infinity and no NaN. So a bound beyond the largest double is a `Decimal` (see
`strongltn.numerics.dyadic.outward_number`), written as text, and a number that is not finite is
written as null.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

_NOTE = (
    "A bound beyond the largest double is text, rounded outwards; a number that is not finite is "
    "null."
)


def json_text(value: Any, *, indent: int | None = None, sort_keys: bool = False) -> str:
    """Return JSON text in ASCII, of which every reader makes the same.

    A `Decimal` becomes text such as ``"1.3e+400"``, a float that is not finite becomes null. Where
    that happens in an object, its entry ``"numbers"`` says so; all else is as `json.dumps` has it.

    Examples
    --------
    >>> json_text({"bound": 0.5})
    '{"bound": 0.5}'
    >>> json_text([Decimal("1.3e400"), math.nan])
    '["1.3e+400", null]'
    """
    replaced: list[object] = []
    plain = _plain(value, replaced)
    if replaced and isinstance(plain, dict):
        plain = {**plain, "numbers": _NOTE}
    return json.dumps(plain, indent=indent, sort_keys=sort_keys, allow_nan=False)


def _plain(value: Any, replaced: list[object]) -> Any:
    """Return the value with nothing in it that JSON does not know; collect what was replaced."""
    if isinstance(value, dict):
        return {key: _plain(entry, replaced) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry, replaced) for entry in value]
    if isinstance(value, Decimal):
        replaced.append(value)
        return f"{value:e}"
    if isinstance(value, float) and not math.isfinite(value):
        replaced.append(value)
        return None
    return value
