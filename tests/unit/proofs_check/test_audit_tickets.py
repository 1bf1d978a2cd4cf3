"""A ticket in which one thing is false is rejected, and that thing is named."""

from __future__ import annotations

from typing import Any

import pytest
from plain_tickets.cases import AssertRejected
from plain_tickets.edits import (
    Change,
    Edit,
    bump,
    mutants,
    mutants_on,
    put,
    replace,
    retype,
    rewrite,
    without,
)
from ticket_files import MASK, TARGET, TICKET

ZEROS = "0" * 64


def flip(key: str, bit: int) -> Change:
    def change(arrays: dict[str, Any]) -> None:
        arrays[key][0, 0] ^= 1 << bit

    return change


def pad(arrays: dict[str, Any]) -> None:
    arrays["0.kept"][0, -1] |= 128


def swap_layers(arrays: dict[str, Any]) -> None:
    arrays["0.weight"], arrays["1.weight"] = arrays["1.weight"].copy(), arrays["0.weight"].copy()


def repeat_hidden(arrays: dict[str, Any]) -> None:
    arrays["0.hidden"][1] = arrays["0.hidden"][0]


MUTANTS = [
    *mutants_on(
        TICKET,
        "relu-ball",
        {
            "seed": (put("source", "seed", value=6), "drawn_sha256"),
            "seed negative": (
                put("source", "seed", value=-5),
                "seed must be one of the integers 0 to",
            ),
            "seed true": (
                put("source", "seed", value=True),
                "seed must be one of the integers 0 to",
            ),
            "law": (put("source", "law", value="gaussian"), "drawn_sha256"),
            "unknown law": (put("source", "law", value="normal"), "law must be one of"),
            "activation": (put("source", "inner_activation", value="linear"), "error_witness"),
            "drawn digest": (put("drawn_sha256", value=ZEROS), "drawn_sha256"),
            "ticket version": (put("version", value=2), "version must be one of (1,)"),
            "version true": (put("version", value=True), "version must be one of (1,)"),
            "widths": (put("source", "widths", 2, value=4), "widths must be those of the layers"),
            "widths short": (lambda d: d["source"]["widths"].pop(), "widths must be those"),
            "width huge": (
                put("source", "widths", 1, value=2**40),
                "must be one of the integers 1 to",
            ),
            "inputs huge": (put("layers", 0, "inputs", value=2**30), "widths must be those"),
            "chain": (put("layers", 1, "inputs", value=4), "inputs must be the outputs before"),
            "scale": (put("scale_exponents", 0, value=0), "layer 0: weight_norm"),
            "smaller scale": (put("scale_exponents", 1, value=1), "layer 1: error_norm"),
            "scales short": (put("scale_exponents", value=[1]), "scale_exponents must have 2"),
            "scale huge": (
                put("scale_exponents", 0, value=10**9),
                "must be one of the integers -4096 to",
            ),
            "unknown key": (put("note", value=1), "object with the keys"),
        },
    ),
    *mutants_on(
        MASK,
        "relu-ball",
        {
            "mask bit": (flip("0.kept", 0), "drawn_sha256"),
            "padding bit": (pad, "'0.kept' must have zero bits past"),
            "hidden order": (bump("0.hidden", 10), "'0.hidden' must be strictly increasing"),
            "hidden twice": (repeat_hidden, "'0.hidden' must be strictly increasing"),
            "hidden range": (bump("0.hidden", 10**6, -1), "'0.hidden' must lie in"),
            "hidden negative": (bump("0.hidden", -5), "'0.hidden' must lie in"),
            "other hidden": (bump("0.hidden", 1, 2), "drawn_sha256"),
            "inputs range": (bump("0.inputs", 3), "'0.inputs' must lie in"),
            "inputs short": (lambda a: a.update({"0.inputs": a["0.inputs"][1:]}), "shape"),
            "hidden i4": (retype("0.hidden", "i4"), "dtype must be one of"),
            "hidden u1": (retype("0.hidden", "u1"), "is uint8, not int64"),
            "extra mask": (lambda a: a.update(x=a["0.hidden"]), "no further arrays: ['x']"),
            "kept 2d": (
                lambda a: a.update({"0.kept": a["0.kept"].ravel()}),
                "'0.kept' must have the",
            ),
        },
    ),
    *mutants_on(
        TARGET,
        "relu-ball",
        {
            "weight": (bump("0.weight", 1, (0, 1)), "layer 0: weight_norm"),
            "swapped layers": (swap_layers, "'0.weight' must have the shape"),
            "nan weight": (bump("0.weight", float("nan"), (0, 1)), "layer 0 is not finite"),
            "infinite bias": (bump("1.bias", float("inf")), "layer 1 is not finite"),
            "half": (retype("0.bias", "f2"), "dtype"),
            "int bias": (retype("0.bias", "i8"), "is int64, not float32, float64"),
            "no bias": (without("0.bias"), "'0.bias' is missing"),
            "extra weight": (lambda a: a.update(x=a["0.bias"]), "no further arrays: ['x']"),
        },
    ),
    *mutants(
        "relu-ball",
        {
            "exponent float": (
                replace(TICKET, '"version": 1', '"version": 1e0'),
                "must hold integers only",
            ),
            "two keys": (
                replace(TICKET, '"version": 1', '"version": 1, "version": 1'),
                "has a key twice",
            ),
            "truncated": (rewrite(MASK, lambda data: data[:-1]), "must fill the bytes"),
            "truncated JSON": (rewrite(TICKET, lambda data: data[:-1]), "ticket.json is no JSON"),
            "JSON tail": (rewrite(TICKET, lambda data: data + b"{}"), "ticket.json is no JSON"),
        },
    ),
]


@pytest.mark.parametrize(("case", "edit", "statement"), MUTANTS)
def test_a_false_ticket_is_rejected(
    case: str, edit: Edit, statement: str, assert_rejected: AssertRejected
) -> None:
    assert_rejected(case, edit, statement)
