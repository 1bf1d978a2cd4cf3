"""The domain of a claim in words and as an object: which inputs, and where they lie."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from typing import Any

import numpy as np

from proofs_check.certificate.ranges import Setting
from proofs_check.numbers_text import (
    float_below,
    lower_number,
    number_text,
    upper_number,
)

_SHOWN = 6  # coordinates of a centre


def domain_record(setting: Setting) -> dict[str, Any]:
    """Return the domain for JSON: kind, words (a name, and the whole text), and numbers.

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
    return {"name": words} | record | {"text": words}


def _local(setting: Setting) -> tuple[dict[str, Any], str]:
    """Return where a local box lies, and how large it is."""
    ends = [[end.fraction(j) for j in range(setting.inputs)] for end in setting.ends]
    lower, upper = ends
    halves = [(high - low) / 2 for low, high in zip(lower, upper, strict=True)]
    middles = [(high + low) / 2 for low, high in zip(lower, upper, strict=True)]
    radius = max(halves)
    narrower = sum(half < radius for half in halves)
    parts = (("lower", lower, upper_number), ("upper", upper, lower_number))
    record: dict[str, Any] = {
        "radius": lower_number(radius),
        "smallest_radius": lower_number(min(halves)),
        "num_narrower": narrower,
        "centre_begins": [float_below(value) for value in middles[:_SHOWN]],
    }
    for name, values, number in (*parts, ("centre", middles, lower_number)):
        record[name] = {
            "min": number(min(values)),
            "max": number(max(values)),
            "sha256": _digest(values),
        }
    begins = ", ".join(_short(value) for value in middles[:_SHOWN])
    more = ", ..." if setting.inputs > _SHOWN else ""
    digests = " and ".join(record[name]["sha256"] or "(no doubles)" for name, *_ in parts)
    name = (
        f"the box of radius {_short(radius)} about ({begins}{more}) in R^{setting.inputs} whose "
        f"lower and upper ends have the SHA-256 {digests}"
    )
    sides = (
        f"{narrower} of {setting.inputs} coordinates are narrower, as where a box is cut off at "
        f"the ends of a range: half widths down to {_short(min(halves))}"
        if narrower
        else "all coordinates are equally wide"
    )
    where = "; ".join(
        f"{one} from {_short(min(values))} to {_short(max(values))}"
        for one, values in (("lower ends", lower), ("upper ends", upper), ("centre", middles))
    )
    record["name"] = name
    return record, (
        f"{name}, written as little-endian float64; radius, half of the largest width: "
        f"{number_text(radius)}; {sides}; {where} (SHA-256 of the centre: "
        f"{record['centre']['sha256']})"
    )


def _digest(values: list[Fraction]) -> str | None:
    """Return SHA-256 of the numbers as little-endian float64; None where they are none."""
    floats = [float_below(value) for value in values]
    if any(
        one is None or Fraction(one) != value for one, value in zip(floats, values, strict=True)
    ):
        return None
    return hashlib.sha256(np.array(floats, dtype="<f8").tobytes()).hexdigest()


def _short(value: Fraction) -> str:
    """Return a few digits, of what is a hint for people where a box lies."""
    nearest = float_below(value)
    return "beyond all floats" if nearest is None else f"{nearest:.6g}"
