"""A witness that proves less than is claimed is rejected, and the claim is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from plain_tickets.cases import AssertRejected
from plain_tickets.edits import (
    Change,
    Edit,
    assign,
    bump,
    mutants,
    mutants_on,
    remake,
    rewrite,
    without,
)
from ticket_files import WITNESS


def dominate(arrays: dict[str, Any]) -> None:
    """Shrink one entry of L below its diagonal: R_jj stay positive, sums of |R_jk| grow."""
    arrays["0.weight_witness"][1] -= np.sign(arrays["0.weight_witness"][1]) * 2**25


def negate(family: int) -> Change:
    """Return an edit that makes the first multiplier of a family (0 domain, 3 difference, ...) < 0.

    The families after domain and modulus (two lifted inputs) are of one size.
    """

    def change(arrays: dict[str, Any]) -> None:
        theta = arrays["quadratic.multipliers"]
        size = (theta.shape[1] - 3) // 5
        theta[0, 3 + (family - 2) * size if family else 0] = -1

    return change


TREE_KEY = "input-splitting.tree"
RANGES_0, RANGES_1 = "backward-differential.0.target", "backward-differential.1.difference"
THETA = "backward-differential.1.multipliers"
FACTOR, MULTIPLIERS = "quadratic.factor", "quadratic.multipliers"


MUTANTS = [
    *mutants_on(
        WITNESS,
        "relu-ball",
        {
            "no array": (without("attack"), "'attack' is missing"),
            "extra witness": (lambda a: a.update(x=a["attack"]), "no further arrays: ['x']"),
            "old array": (lambda a: a.update({"0.lower": a["attack"]}), "0.lower"),
            "weight witness": (bump("0.weight_witness", 2**30), "layer 0: weight_norm: R_jj"),
            "witness off-diagonal": (dominate, "layer 0: weight_norm: R_jj"),
            "error witness": (bump("1.error_witness", 2**30), "layer 1: error_norm: R_jj"),
            "attack outside": (bump("attack", 2**42), "||attack|| <= radius"),
            "attack moved": (lambda a: a["attack"].fill(0), ">= lower_bound^2"),
            "domain < 0": (negate(0), "multipliers of domain must be >= 0"),
            "difference < 0": (negate(3), "multipliers of difference must be >= 0"),
            "ceiling < 0": (negate(6), "multipliers of ceiling must be >= 0"),
            "coupling < 0": (
                remake(MULTIPLIERS, lambda t: np.where(np.arange(t.shape[1]) > 2, -abs(t), t)),
                "quadratic: multipliers of difference",
            ),
            "factor": (bump(FACTOR, 2**40, (0, 0)), "quadratic: R_jj"),
            "factor end": (bump(FACTOR, 2**40, (-1, -1)), "quadratic: R_jj"),
            "diagonal": (bump("quadratic.diagonal", 2**40), "quadratic: R_jj"),
            "factor row": (remake(FACTOR, lambda f: f[:-1]), "must have the shape"),
            "factor flat": (remake(FACTOR, np.ravel), "must have the shape"),
            "theta short": (remake(MULTIPLIERS, lambda t: t[:, 1:]), "the shape"),
            "theta far": (assign(MULTIPLIERS, (1, 0), 4097), "quadratic: exponents must lie in"),
            "theta near": (assign(MULTIPLIERS, (1, 0), -4097), "quadratic: exponents must lie in"),
            "theta 0": (assign(MULTIPLIERS, 0, 0), "quadratic: M_jj must be > 0"),
            "no factor": (without(FACTOR), "'quadratic.factor' is missing"),
            "theta moved": (bump(THETA, 2**10, (0, 0, 0)), "ranges of layer 1"),
            "theta flat": (remake(THETA, lambda t: t[0]), "must have the shape"),
            "theta cut": (remake(THETA, lambda t: t[..., 2:]), "must have the shape"),
            "theta rows": (remake(THETA, lambda t: t[:, ::-1]), "ranges of layer 1"),
            "ends turned": (remake(RANGES_0, lambda r: r[:, ::-1]), "lower <= upper"),
            "ends empty": (remake(RANGES_1, lambda r: r[:0]), "must have the shape"),
            "ends cut": (remake(RANGES_1, lambda r: r[..., 1:]), "must have the shape"),
        },
    ),
    *mutants_on(
        WITNESS,
        "relu-box",
        {
            "attack above": (bump("attack", 2**42, 1), "lower <= attack <= upper"),
            "attack below": (bump("attack", -(2**42), 1), "lower <= attack <= upper"),
            "domain 0": (assign(MULTIPLIERS, (0, 0), 0), "quadratic: "),
        },
    ),
    *mutants_on(
        WITNESS,
        "local",
        {
            "local empty": (bump("domain_lower", 8), "the domain is empty"),
            "local larger": (bump("domain_upper", 1), "ranges of layer 0"),
            "local long": (remake("domain_upper", lambda d: [*d, 0]), "must have the shape"),
            "local missing": (without("domain_lower"), "is missing"),
        },
    ),
    *mutants_on(
        WITNESS,
        "local-split",
        {
            "missing leaf": (
                remake(TREE_KEY, lambda t: t[:-1]),
                "the tree ends before its last leaf",
            ),
            "extra node": (remake(TREE_KEY, lambda t: [*t, -1]), "something follows the tree"),
            "two trees": (remake(TREE_KEY, lambda t: [*t, *t]), "something follows the tree"),
            "no tree": (remake(TREE_KEY, lambda t: t[:0]), "must have 1 to"),
            "coordinate": (assign(TREE_KEY, 0, 4), "along coordinates: 4"),
            "negative node": (assign(TREE_KEY, 0, -2), "along coordinates: -2"),
            "other cut": (assign(TREE_KEY, 0, 2), "ranges of layer 0"),
            "deep tree": (remake(TREE_KEY, lambda _: [0] * 300 + [-1] * 301), "at depth 256"),
            "huge tree": (
                remake(TREE_KEY, lambda _: [-1] * (2**16 + 1)),
                "must have 1 to 65536 nodes",
            ),
            "much work": (remake(TREE_KEY, lambda _: [0] * 2**15 + [-1] * 2**15), "at depth 256"),
            "split interval": (
                remake("differential-interval.tree", lambda _: [0, -1, -1]),
                "must have 1 to 1 nodes",
            ),
            "leaves swapped": (
                remake("input-splitting.1.difference", lambda r: r[[1, 0, 2]]),
                "input-splitting: ranges of layer 1",
            ),
            "inputs swapped": (
                remake("input-splitting.0.target", lambda r: r[[1, 0, 2]]),
                "input-splitting: ranges of layer 0",
            ),
        },
    ),
    *mutants_on(
        WITNESS,
        "deep",
        {
            "theta shifted": (
                remake("backward-differential.3.multipliers", lambda t: t + 2**20),
                "ranges of layer 3",
            ),
        },
    ),
    *mutants(
        "relu-ball",
        {
            "trailing": (
                rewrite(WITNESS, lambda data: data + b"\0"),
                "witness.safetensors goes on after its arrays",
            ),
        },
    ),
]


@pytest.mark.parametrize(("case", "edit", "statement"), MUTANTS)
def test_a_false_witness_is_rejected(
    case: str, edit: Edit, statement: str, assert_rejected: AssertRejected
) -> None:
    assert_rejected(case, edit, statement)
