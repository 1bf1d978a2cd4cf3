"""The domain of a claim in words and as an object: which inputs, and where they lie."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from typing import Any

import numpy as np

from proofs_check.certificate.ranges import Setting
from proofs_check.numbers_text import (
    float_above,
    float_below,
    lower_number,
    number_text,
    upper_number,
)

_SHOWN = 6  # coordinates of a centre


def domain_record(setting: Setting) -> dict[str, Any]:
    """Return the domain for JSON: kind, words, and numbers.

    The floats of a domain are rounded inwards, so that what was proved holds on the set that they
    name too; of a claim that was written by strongltn they are exact.
    """
    claim, inputs = setting.certificate["domain"], setting.inputs
    record: dict[str, Any] = {"kind": claim["kind"], "inputs": inputs}
    if claim["kind"] == "ball":
        radius = claim["radius"].fraction()
        record["radius"] = lower_number(radius)
        words = f"the ball ||x||_2 <= {number_text(radius)} in R^{inputs}"
    elif claim["kind"] == "box":
        lower, upper = (claim[name].fraction() for name in ("lower", "upper"))
        record |= {"lower": upper_number(lower), "upper": lower_number(upper)}
        ends = f"{number_text(lower)} <= x_j <= {number_text(upper)}"
        words = f"the box {ends} (j = 1, ..., {inputs}) in R^{inputs}"
    else:
        local, words = _local(setting)
        record |= local
    return record | {"text": words}


def _local(setting: Setting) -> tuple[dict[str, Any], str]:
    """Return where a local box lies, and how large it is."""
    ends = [[end.fraction(j) for j in range(setting.inputs)] for end in setting.ends]
    lower, upper = ends
    halves = [(high - low) / 2 for low, high in zip(lower, upper, strict=True)]
    middles = [(high + low) / 2 for low, high in zip(lower, upper, strict=True)]
    radius = max(halves)
    narrower = sum(half < radius for half in halves)
    # A claim about a box is about the points in it: inwards, as the floats of every domain.
    floats = {
        "lower": [float_above(value) for value in lower],
        "upper": [float_below(value) for value in upper],
        "centre": [float_below(value) for value in middles],
    }
    record: dict[str, Any] = {
        "radius": lower_number(radius),
        "smallest_radius": lower_number(min(halves)),
        "num_narrower": narrower,
        "centre_begins": floats["centre"][:_SHOWN],
    }
    for name, values in (("lower", lower), ("upper", upper), ("centre", middles)):
        record[name] = {
            "min": lower_number(min(values)),
            "max": upper_number(max(values)),
            "sha256": _digest(floats[name]),
        }
    begins = ", ".join(_short(value) for value in middles[:_SHOWN])
    more = ", ..." if setting.inputs > _SHOWN else ""
    sides = (
        f"; {narrower} of {setting.inputs} coordinates are narrower (half widths down to "
        f"{number_text(min(halves))}), as where a box is cut off at the ends of a range"
        if narrower
        else ""
    )
    where = "; ".join(
        f"{name} from {_short(min(values))} to {_short(max(values))} "
        f"(SHA-256 {record[name.partition(' ')[0]]['sha256']})"
        for name, values in (("lower ends", lower), ("upper ends", upper), ("centre", middles))
    )
    return record, (
        f"the box of radius {number_text(radius)} (half of its largest width) about the centre "
        f"({begins}{more}) in R^{setting.inputs}{sides}; {where}"
    )


def _digest(values: list[float | None]) -> str | None:
    """Return SHA-256 of the numbers as little-endian float64, so that anyone can compute it."""
    if None in values:
        return None
    return hashlib.sha256(np.array(values, dtype="<f8").tobytes()).hexdigest()


def _short(value: Fraction) -> str:
    """Return a few digits, of what is a hint for people where a box lies."""
    nearest = float_below(value)
    return "beyond all floats" if nearest is None else f"{nearest:.6g}"
