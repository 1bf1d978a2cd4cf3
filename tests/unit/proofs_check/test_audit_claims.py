"""A certificate that claims more than is proved is rejected, and the claim is named."""

from __future__ import annotations

from fractions import Fraction

import pytest
from plain_tickets.cases import AssertRejected
from plain_tickets.edits import Edit, mutants, mutants_on, put, replace, scaled, without
from ticket_files import CERTIFICATE

DOWN, UP = Fraction(99, 100), Fraction(101, 100)
SPECTRAL, SPLIT = ("methods", "spectral-triangle"), ("methods", "centre-split")
INTERVAL, BACKWARD = ("methods", "differential-interval"), ("methods", "backward-differential")
QUADRATIC, HALVES = ("methods", "quadratic"), ("methods", "input-splitting")
NO_DYADICS = ("NaN", "Infinity", "1.5", "1e3", "0x10", "1*2^", "1*2^1e3", "\u0661*2^0")


MUTANTS = [
    *mutants_on(
        CERTIFICATE,
        "relu-ball",
        {
            "certificate version": (put("version", value=1), "version must be one of (2,)"),
            "no key": (without("output_norm"), "object with the keys"),
            "norm 1": (put("output_norm", value=1), "output_norm must be one of (2, 'inf')"),
            "decimal": (put("upper_bound", value="3.5"), "upper_bound must be an integer or"),
            "blank": (put("upper_bound", value=" 5*2^0"), "upper_bound must be an integer or"),
            "far exponent": (put("upper_bound", value="1*2^9999"), "upper_bound"),
            "witness exponent": (
                put("layers", 0, "weight_witness_exponent", value=-39),
                "layer 0: weight_norm: R_jj",
            ),
            "N_W": (scaled("layers", 1, "weight_norm", factor=DOWN), "1: weight_norm"),
            "N_E": (scaled("layers", 0, "error_norm", factor=DOWN), "0: error_norm"),
            "N_b": (scaled("layers", 0, "bias_error_norm", factor=DOWN), "0: bias_error"),
            "-N_W": (scaled("layers", 0, "weight_norm", factor=-UP), "weight_norm must be >= 0"),
            "-N_E": (scaled("layers", 1, "error_norm", factor=-UP), "error_norm must be >= 0"),
            "-radius": (scaled("domain", "radius", factor=-UP), "radius must be >= 0"),
            "-D": (put(*SPLIT, "difference", 1, value=-1), "difference[1] must be >= 0"),
            "X_0": (scaled(*SPECTRAL, "activation", 0, factor=DOWN), "triangle: X_0"),
            "X_1": (scaled(*SPECTRAL, "activation", 1, factor=DOWN), "triangle: X_1"),
            "split X_1": (scaled(*SPLIT, "activation", 1, factor=DOWN), "split: X_1"),
            "D_0": (scaled(*SPECTRAL, "difference", 0, factor=DOWN), "triangle: D_0"),
            "split D_1": (scaled(*SPLIT, "difference", 1, factor=DOWN), "split: D_1"),
            "D short": (put(*SPLIT, "difference", value=[9]), "difference must have 2 entries"),
            "upper bound": (scaled("upper_bound", factor=DOWN), "upper_bound >= 2^K"),
            "lower bound": (scaled("lower_bound", factor=UP), ">= lower_bound^2"),
            "-lower bound": (scaled("lower_bound", factor=-UP), "lower_bound must be >= 0"),
            "larger ball": (scaled("domain", "radius", factor=UP), "ranges of layer 0"),
            "attack grown": (put("attack_exponent", value=-36), "||attack|| <= radius"),
            "tau": (scaled(*QUADRATIC, "tau", factor=DOWN), "quadratic: "),
            "-tau": (scaled(*QUADRATIC, "tau", factor=-UP), "tau must be >= 0"),
            "Q": (scaled(*QUADRATIC, "bound", factor=DOWN), "quadratic: Q >="),
            "-Q": (scaled(*QUADRATIC, "bound", factor=-UP), "bound must be >= 0"),
            "eps": (put(*QUADRATIC, "unit_exponent", value=-4), "quadratic"),
            "factor exponent": (put(*QUADRATIC, "factor_exponent", value=-44), "quadratic: R_jj"),
            "quadratic dropped": (
                lambda d: d["methods"].pop("quadratic"),
                "must have no further arrays",
            ),
            "unknown": (put("methods", "magic", value={}), "object with the keys"),
            "method dropped": (
                lambda d: d["methods"].pop("backward-differential"),
                "object with the keys",
            ),
            "X range": (scaled(*INTERVAL, "activation", 1, factor=DOWN), "X_1"),
            "D range": (scaled(*BACKWARD, "difference", 1, factor=DOWN), "D_1"),
            "theta exponent": (
                put(*BACKWARD, "multiplier_exponents", value=[-19]),
                "ranges of layer 1",
            ),
            "two exponents": (
                put(*BACKWARD, "multiplier_exponents", value=[-20, -20]),
                "multiplier_exponents must have 1 entries",
            ),
            "no exponents": (
                put(*BACKWARD, "multiplier_exponents", value=[]),
                "backward-differential: ranges of layer 1",
            ),
            "a third grid": (
                put(*INTERVAL, "range_exponents", 0, value=[-24, -40, 0]),
                "range_exponents must be pairs",
            ),
            "no grids": (
                put(*INTERVAL, "range_exponents", value=[]),
                "range_exponents must have 2 entries",
            ),
            "far grid": (
                put(*INTERVAL, "range_exponents", 0, value=[-4096, 4096]),
                "ranges of layer 0",
            ),
            "no domain": (put("domain", value="ball"), "object with the keys"),
            "norm true": (put("output_norm", value=True), "output_norm must be one"),
            "norm text": (put("output_norm", value="2"), "output_norm must be one"),
        },
    ),
    *mutants_on(
        CERTIFICATE,
        "relu-box",
        {
            "empty box": (put("domain", "upper", value=-2), "the domain is empty"),
            "larger box": (put("domain", "upper", value=2), "ranges of layer 0"),
            "ball instead": (put("domain", "kind", value="ball"), "domain must have"),
            "no kind": (put("domain", "kind", value=["ball"]), "kind must be one of"),
            "split D_0": (scaled(*SPLIT, "difference", 0, factor=DOWN), "split: D_0"),
            "Q by a hair": (
                scaled(*QUADRATIC, "bound", factor=1 - Fraction(1, 2**44)),
                "quadratic: Q >=",
            ),
            "Q in a box": (scaled(*QUADRATIC, "bound", factor=DOWN), "Q >="),
        },
    ),
    *mutants_on(
        CERTIFICATE,
        "local",
        {
            "local grid": (put("domain", "exponent", value=-2), "ranges of layer 0"),
            "local ends": (put("domain", "lower", value=0), "domain must have"),
            "box for local": (
                put("domain", value={"kind": "box", "lower": 0, "upper": 0}),
                "layer 0: error_norm",
            ),
        },
    ),
    *mutants_on(
        CERTIFICATE,
        "local-split",
        {
            "D leaf": (scaled(*HALVES, "difference", 1, factor=DOWN), "D_1"),
        },
    ),
    *mutants_on(
        CERTIFICATE,
        "one-layer",
        {
            "one layer tau": (put(*QUADRATIC, "tau", value=0), "quadratic"),
        },
    ),
    *mutants_on(
        CERTIFICATE,
        "infinity-ball",
        {
            "D inf": (scaled("upper_bound", factor=DOWN), "upper_bound >="),
            "no inf": (put("output_norm", value=2), "upper_bound >="),
        },
    ),
    *mutants(
        "relu-ball",
        {
            "float": (
                replace(CERTIFICATE, '"output_norm": 2', '"output_norm": 2.0'),
                "must hold integers only",
            ),
            "nan": (
                replace(CERTIFICATE, '"output_norm": 2', '"output_norm": NaN'),
                "must hold integers only",
            ),
        },
    ),
    *mutants_on(
        CERTIFICATE,
        "relu-ball",
        {
            f"tau {value}": (put(*QUADRATIC, "tau", value=value), "tau must be an")
            for value in (*NO_DYADICS, None, [1])
        },
    ),
    *mutants(
        "relu-ball",
        {
            f"tau = {raw}": (replace(CERTIFICATE, '"tau": "', f'"tau": {raw}, "x": "'), raw)
            for raw in ("NaN", "Infinity", "-Infinity", "1.5", "1e3")
        },
    ),
]


@pytest.mark.parametrize(("case", "edit", "statement"), MUTANTS)
def test_a_false_claim_is_rejected(
    case: str, edit: Edit, statement: str, assert_rejected: AssertRejected
) -> None:
    assert_rejected(case, edit, statement)
