"""The auditor accepts what is true and names the first statement that is not."""

from __future__ import annotations

import itertools
import json
import math
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audit_writer import (
    WITNESS,
    Box,
    Case,
    Written,
    cut,
    domain_ends,
    edit_arrays,
    edit_json,
    entry,
    gaussian_threshold,
    rehash,
    square,
    text,
    undyadic,
    write_ticket,
)
from safetensors.numpy import load_file

from proofs_check import Audit, NotATicketError, Verdict, verify
from proofs_check.__main__ import main
from proofs_check.certificate.bounds import prove_semidefinite
from proofs_check.certificate.effective import (
    Source,
    effective_layer,
    gaussian,
    gaussian_tables,
    philox4x32,
)
from proofs_check.certificate.exact import (
    Dyadic,
    decimal,
    from_floats,
    require_bound,
)
from proofs_check.certificate.ranges import _largest, _vertices
from proofs_check.certificate.reader import Rejected
from proofs_check.numbers_text import dyadic_text

# The lower half of input 1 is halved along input 0.
TREE = (1, 0, -1, -1, -1)
CASES = {
    "relu-ball": Case(),
    "relu-box": Case(domain="box", seed=6),
    "relu-negative-box": Case(domain="negative", seed=20),
    "relu-unit-box": Case(domain="unit", seed=7),
    "relu-no-bias": Case(bias=False, seed=8),
    "linear-ball": Case(activation="linear", seed=9),
    "linear-box": Case(activation="linear", domain="box", seed=10),
    "linear-unit-box": Case(activation="linear", domain="unit", bias=False, seed=11),
    "signed-constant": Case(law="signed-constant", seed=12),
    "gaussian": Case(law="gaussian", domain="box", seed=13),
    "one-layer": Case(sizes=(3, 2), scales=(2,), seed=14),
    "three-layers-ball": Case(sizes=(2, 3, 2, 2), scales=(0, 1, -1), seed=15),
    "three-layers-box": Case(sizes=(2, 3, 2, 2), scales=(2, 0, 1), domain="unit", seed=16),
    "float64-tiny-weight": Case(dtype="float64", smallest=1e-300, seed=17),
    "single-neuron": Case(sizes=(1, 1), scales=(0,), samples=1, seed=18),
    "more-inputs": Case(sizes=(6, 2, 5), seed=19, domain="box", samples=2),
    "local": Case(sizes=(4, 3, 2), domain="local", seed=21),
    "local-split": Case(sizes=(4, 3, 2), domain="local", seed=22, tree=(0, -1, 2, -1, -1)),
    "local-linear": Case(sizes=(3, 2, 2), activation="linear", domain="local", seed=23),
    "local-one-layer": Case(sizes=(4, 2), domain="local", scales=(0,), seed=24, tree=(1, -1, -1)),
    "infinity-ball": Case(norm="inf", seed=25),
    "infinity-split": Case(
        sizes=(2, 3, 2, 2), domain="box", scales=(2, 0, 1), seed=26, norm="inf", tree=TREE
    ),
    "deep": Case(sizes=(2, 2, 3, 2, 1), domain="local", scales=(0, 1, 0, -1), seed=27),
    "split-without-quadratic": Case(domain="unit", seed=28, tree=TREE, has_quadratic=False),
}


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Written]]:
    root = tmp_path_factory.mktemp("tickets")
    return {name: (root / name, write_ticket(root / name, case)) for name, case in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_a_true_certificate_is_proved(
    name: str, originals: dict[str, tuple[Path, Written]]
) -> None:
    directory, written = originals[name]
    audit = verify(directory)
    assert audit.rejected is None
    assert audit.verdict is Verdict.PROVED
    assert audit.upper_bound is not None
    assert audit.lower_bound is not None
    assert audit.facts["setting"].certificate["output_norm"] == written.case.norm
    rng = random.Random(1)
    for _ in range(50):
        x = written.random_input(rng)
        assert written.difference_squared(x) <= audit.upper_bound**2


@pytest.mark.parametrize("name", CASES)
def test_every_accepted_statement_is_true(
    name: str, originals: dict[str, tuple[Path, Written]]
) -> None:
    directory, written = originals[name]
    assert verify(directory).verdict is Verdict.PROVED
    certificate = json.loads((directory / CERTIFICATE).read_text())
    arrays, rng = load_file(directory / WITNESS), random.Random(2)
    ends = domain_ends(written.case)
    for _ in range(25):
        x = written.random_input(rng)
        found = written.pre_activations(x)
        for key, method in certificate["methods"].items():
            if key == "quadratic":
                assert square(found[-1][1]) <= undyadic(method["bound"]) ** 2
                continue
            inputs = [x, *([max(v, Fraction(0)) for v in z] for z, _ in found[:-1])]
            for values, claims in ((inputs, "activation"), ([d for _, d in found], "difference")):
                for value, claim in zip(values, method[claims], strict=True):
                    assert square(value) <= undyadic(claim) ** 2
            if "range_exponents" in method:
                leaf = leaf_of(x, cut(ends, tuple(arrays[f"{key}.tree"].tolist())))
                for i, pair in enumerate(found):
                    assert_in_ranges(pair, i, key=key, arrays=arrays, leaf=leaf, method=method)


def leaf_of(x: list[Fraction], boxes: list[Box]) -> int:
    """Return the index of the first box that holds x."""
    inside = [all(low <= v <= high for v, low, high in zip(x, *box, strict=True)) for box in boxes]
    return inside.index(True)


def assert_in_ranges(
    pair: tuple[list[Fraction], list[Fraction]],
    i: int,
    *,
    key: str,
    arrays: dict[str, Any],
    leaf: int,
    method: dict[str, Any],
) -> None:
    """Assert that z and d of layer i lie between the stated ends of the leaf."""
    for values, kind, grid in zip(pair, KINDS, method["range_exponents"][i], strict=True):
        low, high = arrays[f"{key}.{i}.{kind}"][leaf].tolist()
        for value, lower, upper in zip(values, low, high, strict=True):
            assert lower * Fraction(2) ** grid <= value <= upper * Fraction(2) ** grid


KINDS = ("target", "difference")


def test_the_ends_are_exact(originals: dict[str, tuple[Path, Written]], tmp_path: Path) -> None:
    """Every end that is one unit tighter is refused, although the writer is another program."""
    rng = random.Random(7)
    for name in ("relu-ball", "local-split", "infinity-split", "deep"):
        directory, _ = originals[name]
        arrays = load_file(directory / WITNESS)
        keys = [key for key in arrays if key.endswith(KINDS)]
        for key in rng.sample(keys, 8):
            leaf, side, j = (rng.randrange(size) for size in arrays[key].shape)
            edit = on(WITNESS, bump(key, 1 - 2 * side, (leaf, side, j)))
            folder = tmp_path / f"{name}-{key}"
            method, layer, _ = key.split(".")
            rejected = str(mutate(directory, folder, edit).rejected)
            tight = arrays[key][leaf]
            if (tight[0] == tight[1]).any() and "lower <= upper" in rejected:
                continue
            assert f"{method}: ranges of layer {layer}" in rejected


Edit = Callable[[Path], object]


def on(file: str, edit: Callable[[dict[str, Any]], object]) -> Edit:
    """Return a mutation of one file, JSON or arrays."""
    apply = edit_json if file.endswith(".json") else edit_arrays
    return lambda directory: apply(directory / file, edit)


def put(*path: str | int, value: object) -> Callable[[dict[str, Any]], object]:
    """Return an edit that sets one place in a document."""

    def edit(document: Any) -> None:
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    return edit


def scaled(*path: str | int, factor: Fraction) -> Callable[[dict[str, Any]], object]:
    """Return an edit that multiplies a dyadic by a rational, rounded to 60 bits after the point."""

    def edit(document: Any) -> None:
        for key in path[:-1]:
            document = document[key]
        p, k = document[path[-1]].split("*2^")
        value = int(p) * Fraction(2) ** int(k) * factor
        document[path[-1]] = text(Fraction(round(value * 2**60), 2**60))

    return edit


def bump(
    key: str, amount: int, index: int | tuple[int, ...] = 0
) -> Callable[[dict[str, Any]], object]:
    """Return an edit that adds to one entry of an array."""

    def edit(arrays: dict[str, Any]) -> None:
        arrays[key][index] += amount

    return edit


def flip(key: str, bit: int) -> Callable[[dict[str, Any]], object]:
    def edit(arrays: dict[str, Any]) -> None:
        arrays[key][0, 0] ^= 1 << bit

    return edit


def pad(arrays: dict[str, Any]) -> None:
    arrays["0.kept"][0, -1] |= 128


def swap_layers(arrays: dict[str, Any]) -> None:
    arrays["0.weight"], arrays["1.weight"] = arrays["1.weight"].copy(), arrays["0.weight"].copy()


def repeat_hidden(arrays: dict[str, Any]) -> None:
    arrays["0.hidden"][1] = arrays["0.hidden"][0]


def dominate(arrays: dict[str, Any]) -> None:
    """Shrink one entry of L below its diagonal: R_jj stay positive, sums of |R_jk| grow."""
    arrays["0.weight_witness"][1] -= np.sign(arrays["0.weight_witness"][1]) * 2**25


def append(file: str, data: bytes) -> Edit:
    return lambda directory: (directory / file).write_bytes((directory / file).read_bytes() + data)


def truncate(file: str) -> Edit:
    return lambda directory: (directory / file).write_bytes((directory / file).read_bytes()[:-1])


def replace(file: str, old: str, new: str) -> Edit:
    """Return a mutation of the text of a file; `old` must be there."""

    def edit(directory: Path) -> None:
        before = (directory / file).read_text()
        assert old in before
        (directory / file).write_text(before.replace(old, new, 1))

    return edit


TICKET, CERTIFICATE = "ticket.json", "certificate.json"
TARGET, MASK = "target.safetensors", "mask.safetensors"
DOWN, UP = Fraction(99, 100), Fraction(101, 100)
ZEROS = "0" * 64
SPECTRAL, SPLIT = ("methods", "spectral-triangle"), ("methods", "centre-split")
INTERVAL, BACKWARD = ("methods", "differential-interval"), ("methods", "backward-differential")
QUADRATIC, HALVES = ("methods", "quadratic"), ("methods", "input-splitting")


def assign(key: str, index: Any, value: object) -> Callable[[dict[str, Any]], object]:
    """Return an edit that sets entries of an array."""

    def edit(arrays: dict[str, Any]) -> None:
        arrays[key][index] = value

    return edit


def remake(key: str, change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], object]:
    """Return an edit that replaces an array."""
    return lambda arrays: arrays.update({key: np.array(change(arrays[key]), dtype=np.int64)})


def negate(family: int) -> Callable[[dict[str, Any]], object]:
    """Return an edit that makes the first multiplier of a family (0 domain, 3 difference, ...) < 0.

    The families after domain and modulus (two lifted inputs) are of one size.
    """

    def edit(arrays: dict[str, Any]) -> None:
        theta = arrays["quadratic.multipliers"]
        size = (theta.shape[1] - 3) // 5
        theta[0, 3 + (family - 2) * size if family else 0] = -1

    return edit


# (name, mutation, part of the statement that must be named); digests are made true again.
MUTANTS: list[tuple[str, Edit, str]] = [
    ("mask bit", on(MASK, flip("0.kept", 0)), "drawn_sha256"),
    ("padding bit", on(MASK, pad), "'0.kept' must have zero bits past"),
    ("hidden order", on(MASK, bump("0.hidden", 10)), "'0.hidden' must be strictly increasing"),
    ("hidden twice", on(MASK, repeat_hidden), "'0.hidden' must be strictly increasing"),
    ("hidden range", on(MASK, bump("0.hidden", 10**6, -1)), "'0.hidden' must lie in"),
    ("hidden negative", on(MASK, bump("0.hidden", -5)), "'0.hidden' must lie in"),
    ("other hidden", on(MASK, bump("0.hidden", 1, 2)), "drawn_sha256"),
    ("inputs range", on(MASK, bump("0.inputs", 3)), "'0.inputs' must lie in"),
    ("inputs short", on(MASK, lambda a: a.update({"0.inputs": a["0.inputs"][1:]})), "shape"),
    ("seed", on(TICKET, put("source", "seed", value=6)), "drawn_sha256"),
    (
        "seed negative",
        on(TICKET, put("source", "seed", value=-5)),
        "seed must be one of the integers 0 to",
    ),
    (
        "seed true",
        on(TICKET, put("source", "seed", value=True)),
        "seed must be one of the integers 0 to",
    ),
    ("law", on(TICKET, put("source", "law", value="gaussian")), "drawn_sha256"),
    ("unknown law", on(TICKET, put("source", "law", value="normal")), "law must be one of"),
    ("activation", on(TICKET, put("source", "inner_activation", value="linear")), "error_witness"),
    ("drawn digest", on(TICKET, put("drawn_sha256", value=ZEROS)), "drawn_sha256"),
    ("ticket version", on(TICKET, put("version", value=2)), "version must be one of (1,)"),
    ("version true", on(TICKET, put("version", value=True)), "version must be one of (1,)"),
    (
        "certificate version",
        on(CERTIFICATE, put("version", value=1)),
        "version must be one of (2,)",
    ),
    (
        "widths",
        on(TICKET, put("source", "widths", 2, value=4)),
        "widths must be those of the layers",
    ),
    ("widths short", on(TICKET, lambda d: d["source"]["widths"].pop()), "widths must be those"),
    (
        "width huge",
        on(TICKET, put("source", "widths", 1, value=2**40)),
        "must be one of the integers 1 to",
    ),
    ("inputs huge", on(TICKET, put("layers", 0, "inputs", value=2**30)), "widths must be those"),
    ("chain", on(TICKET, put("layers", 1, "inputs", value=4)), "inputs must be the outputs before"),
    ("scale", on(TICKET, put("scale_exponents", 0, value=0)), "layer 0: weight_norm"),
    ("smaller scale", on(TICKET, put("scale_exponents", 1, value=1)), "layer 1: error_norm"),
    ("scales short", on(TICKET, put("scale_exponents", value=[1])), "scale_exponents must have 2"),
    (
        "scale huge",
        on(TICKET, put("scale_exponents", 0, value=10**9)),
        "must be one of the integers -4096 to",
    ),
    ("unknown key", on(TICKET, put("note", value=1)), "object with the keys"),
    ("no key", on(CERTIFICATE, lambda d: d.pop("output_norm")), "object with the keys"),
    (
        "norm 1",
        on(CERTIFICATE, put("output_norm", value=1)),
        "output_norm must be one of (2, 'inf')",
    ),
    (
        "float",
        replace(CERTIFICATE, '"output_norm": 2', '"output_norm": 2.0'),
        "must hold integers only",
    ),
    (
        "nan",
        replace(CERTIFICATE, '"output_norm": 2', '"output_norm": NaN'),
        "must hold integers only",
    ),
    (
        "exponent float",
        replace(TICKET, '"version": 1', '"version": 1e0'),
        "must hold integers only",
    ),
    ("two keys", replace(TICKET, '"version": 1', '"version": 1, "version": 1'), "has a key twice"),
    (
        "decimal",
        on(CERTIFICATE, put("upper_bound", value="3.5")),
        "upper_bound must be an integer or",
    ),
    (
        "blank",
        on(CERTIFICATE, put("upper_bound", value=" 5*2^0")),
        "upper_bound must be an integer or",
    ),
    ("far exponent", on(CERTIFICATE, put("upper_bound", value="1*2^9999")), "upper_bound"),
    ("weight", on(TARGET, bump("0.weight", 1, (0, 1))), "layer 0: weight_norm"),
    ("swapped layers", on(TARGET, swap_layers), "'0.weight' must have the shape"),
    ("nan weight", on(TARGET, bump("0.weight", float("nan"), (0, 1))), "layer 0 is not finite"),  # type: ignore[arg-type]
    ("infinite bias", on(TARGET, bump("1.bias", float("inf"))), "layer 1 is not finite"),  # type: ignore[arg-type]
    ("half", on(TARGET, lambda a: a.update({"0.bias": a["0.bias"].astype("f2")})), "dtype"),
    (
        "int bias",
        on(TARGET, lambda a: a.update({"0.bias": a["0.bias"].astype("i8")})),
        "is int64, not float32, float64",
    ),
    (
        "hidden i4",
        on(MASK, lambda a: a.update({"0.hidden": a["0.hidden"].astype("i4")})),
        "dtype must be one of",
    ),
    (
        "hidden u1",
        on(MASK, lambda a: a.update({"0.hidden": a["0.hidden"].astype("u1")})),
        "is uint8, not int64",
    ),
    ("no array", on(WITNESS, lambda a: a.pop("attack")), "'attack' is missing"),
    ("no bias", on(TARGET, lambda a: a.pop("0.bias")), "'0.bias' is missing"),
    ("extra witness", on(WITNESS, lambda a: a.update(x=a["attack"])), "no further arrays: ['x']"),
    ("extra mask", on(MASK, lambda a: a.update(x=a["0.hidden"])), "no further arrays: ['x']"),
    ("extra weight", on(TARGET, lambda a: a.update(x=a["0.bias"])), "no further arrays: ['x']"),
    ("old array", on(WITNESS, lambda a: a.update({"0.lower": a["attack"]})), "0.lower"),
    ("trailing", append(WITNESS, b"\0"), "witness.safetensors goes on after its arrays"),
    ("truncated", truncate(MASK), "must fill the bytes"),
    ("truncated JSON", truncate(TICKET), "ticket.json is no JSON"),
    ("JSON tail", append(TICKET, b"{}"), "ticket.json is no JSON"),
    ("weight witness", on(WITNESS, bump("0.weight_witness", 2**30)), "layer 0: weight_norm: R_jj"),
    ("witness off-diagonal", on(WITNESS, dominate), "layer 0: weight_norm: R_jj"),
    ("error witness", on(WITNESS, bump("1.error_witness", 2**30)), "layer 1: error_norm: R_jj"),
    (
        "witness exponent",
        on(CERTIFICATE, put("layers", 0, "weight_witness_exponent", value=-39)),
        "layer 0: weight_norm: R_jj",
    ),
    ("N_W", on(CERTIFICATE, scaled("layers", 1, "weight_norm", factor=DOWN)), "1: weight_norm"),
    ("N_E", on(CERTIFICATE, scaled("layers", 0, "error_norm", factor=DOWN)), "0: error_norm"),
    ("N_b", on(CERTIFICATE, scaled("layers", 0, "bias_error_norm", factor=DOWN)), "0: bias_error"),
    (
        "-N_W",
        on(CERTIFICATE, scaled("layers", 0, "weight_norm", factor=-UP)),
        "weight_norm must be >= 0",
    ),
    (
        "-N_E",
        on(CERTIFICATE, scaled("layers", 1, "error_norm", factor=-UP)),
        "error_norm must be >= 0",
    ),
    ("-radius", on(CERTIFICATE, scaled("domain", "radius", factor=-UP)), "radius must be >= 0"),
    ("-D", on(CERTIFICATE, put(*SPLIT, "difference", 1, value=-1)), "difference[1] must be >= 0"),
    ("X_0", on(CERTIFICATE, scaled(*SPECTRAL, "activation", 0, factor=DOWN)), "triangle: X_0"),
    ("X_1", on(CERTIFICATE, scaled(*SPECTRAL, "activation", 1, factor=DOWN)), "triangle: X_1"),
    ("split X_1", on(CERTIFICATE, scaled(*SPLIT, "activation", 1, factor=DOWN)), "split: X_1"),
    ("D_0", on(CERTIFICATE, scaled(*SPECTRAL, "difference", 0, factor=DOWN)), "triangle: D_0"),
    ("split D_1", on(CERTIFICATE, scaled(*SPLIT, "difference", 1, factor=DOWN)), "split: D_1"),
    (
        "D short",
        on(CERTIFICATE, put(*SPLIT, "difference", value=[9])),
        "difference must have 2 entries",
    ),
    ("upper bound", on(CERTIFICATE, scaled("upper_bound", factor=DOWN)), "upper_bound >= 2^K"),
    ("lower bound", on(CERTIFICATE, scaled("lower_bound", factor=UP)), ">= lower_bound^2"),
    (
        "-lower bound",
        on(CERTIFICATE, scaled("lower_bound", factor=-UP)),
        "lower_bound must be >= 0",
    ),
    ("larger ball", on(CERTIFICATE, scaled("domain", "radius", factor=UP)), "ranges of layer 0"),
    ("attack outside", on(WITNESS, bump("attack", 2**42)), "||attack|| <= radius"),
    ("attack moved", on(WITNESS, lambda a: a["attack"].fill(0)), ">= lower_bound^2"),
    ("attack grown", on(CERTIFICATE, put("attack_exponent", value=-36)), "||attack|| <= radius"),
    (
        "kept 2d",
        on(MASK, lambda a: a.update({"0.kept": a["0.kept"].ravel()})),
        "'0.kept' must have the",
    ),
]

BOX_MUTANTS: list[tuple[str, Edit, str]] = [
    ("empty box", on(CERTIFICATE, put("domain", "upper", value=-2)), "the domain is empty"),
    ("larger box", on(CERTIFICATE, put("domain", "upper", value=2)), "ranges of layer 0"),
    ("ball instead", on(CERTIFICATE, put("domain", "kind", value="ball")), "domain must have"),
    ("no kind", on(CERTIFICATE, put("domain", "kind", value=["ball"])), "kind must be one of"),
    ("attack above", on(WITNESS, bump("attack", 2**42, 1)), "lower <= attack <= upper"),
    ("attack below", on(WITNESS, bump("attack", -(2**42), 1)), "lower <= attack <= upper"),
    ("split D_0", on(CERTIFICATE, scaled(*SPLIT, "difference", 0, factor=DOWN)), "split: D_0"),
]


TREE_KEY = "input-splitting.tree"
RANGES_0, RANGES_1 = "backward-differential.0.target", "backward-differential.1.difference"
THETA = "backward-differential.1.multipliers"
FACTOR, MULTIPLIERS = "quadratic.factor", "quadratic.multipliers"
NEW_MUTANTS: list[tuple[str, str, Edit, str]] = [
    ("domain < 0", "relu-ball", on(WITNESS, negate(0)), "multipliers of domain must be >= 0"),
    (
        "difference < 0",
        "relu-ball",
        on(WITNESS, negate(3)),
        "multipliers of difference must be >= 0",
    ),
    ("ceiling < 0", "relu-ball", on(WITNESS, negate(6)), "multipliers of ceiling must be >= 0"),
    (
        "coupling < 0",
        "relu-ball",
        on(WITNESS, remake(MULTIPLIERS, lambda t: np.where(np.arange(t.shape[1]) > 2, -abs(t), t))),
        "quadratic: multipliers of difference",
    ),
    (
        "tau",
        "relu-ball",
        on(CERTIFICATE, scaled(*QUADRATIC, "tau", factor=DOWN)),
        "quadratic: ",
    ),
    (
        "-tau",
        "relu-ball",
        on(CERTIFICATE, scaled(*QUADRATIC, "tau", factor=-UP)),
        "tau must be >= 0",
    ),
    (
        "Q",
        "relu-ball",
        on(CERTIFICATE, scaled(*QUADRATIC, "bound", factor=DOWN)),
        "quadratic: Q >=",
    ),
    (
        "Q by a hair",  # less than what either coupling costs
        "relu-box",
        on(CERTIFICATE, scaled(*QUADRATIC, "bound", factor=1 - Fraction(1, 2**44))),
        "quadratic: Q >=",
    ),
    (
        "-Q",
        "relu-ball",
        on(CERTIFICATE, scaled(*QUADRATIC, "bound", factor=-UP)),
        "bound must be >= 0",
    ),
    ("Q in a box", "relu-box", on(CERTIFICATE, scaled(*QUADRATIC, "bound", factor=DOWN)), "Q >="),
    ("eps", "relu-ball", on(CERTIFICATE, put(*QUADRATIC, "unit_exponent", value=-4)), "quadratic"),
    ("factor", "relu-ball", on(WITNESS, bump(FACTOR, 2**40, (0, 0))), "quadratic: R_jj"),
    ("factor end", "relu-ball", on(WITNESS, bump(FACTOR, 2**40, (-1, -1))), "quadratic: R_jj"),
    ("diagonal", "relu-ball", on(WITNESS, bump("quadratic.diagonal", 2**40)), "quadratic: R_jj"),
    (
        "factor exponent",
        "relu-ball",
        on(CERTIFICATE, put(*QUADRATIC, "factor_exponent", value=-44)),
        "quadratic: R_jj",
    ),
    (
        "factor row",
        "relu-ball",
        on(WITNESS, remake(FACTOR, lambda f: f[:-1])),
        "must have the shape",
    ),
    ("factor flat", "relu-ball", on(WITNESS, remake(FACTOR, np.ravel)), "must have the shape"),
    ("theta short", "relu-ball", on(WITNESS, remake(MULTIPLIERS, lambda t: t[:, 1:])), "the shape"),
    (
        "theta far",
        "relu-ball",
        on(WITNESS, assign(MULTIPLIERS, (1, 0), 4097)),
        "quadratic: exponents must lie in",
    ),
    (
        "theta near",
        "relu-ball",
        on(WITNESS, assign(MULTIPLIERS, (1, 0), -4097)),
        "quadratic: exponents must lie in",
    ),
    ("theta 0", "relu-ball", on(WITNESS, assign(MULTIPLIERS, 0, 0)), "quadratic: M_jj must be > 0"),
    ("domain 0", "relu-box", on(WITNESS, assign(MULTIPLIERS, (0, 0), 0)), "quadratic: "),
    (
        "no factor",
        "relu-ball",
        on(WITNESS, lambda a: a.pop(FACTOR)),
        "'quadratic.factor' is missing",
    ),
    ("one layer tau", "one-layer", on(CERTIFICATE, put(*QUADRATIC, "tau", value=0)), "quadratic"),
    (
        "quadratic dropped",
        "relu-ball",
        on(CERTIFICATE, lambda d: d["methods"].pop("quadratic")),
        "must have no further arrays",
    ),
    (
        "unknown",
        "relu-ball",
        on(CERTIFICATE, put("methods", "magic", value={})),
        "object with the keys",
    ),
    (
        "method dropped",
        "relu-ball",
        on(CERTIFICATE, lambda d: d["methods"].pop("backward-differential")),
        "object with the keys",
    ),
    (
        "X range",
        "relu-ball",
        on(CERTIFICATE, scaled(*INTERVAL, "activation", 1, factor=DOWN)),
        "X_1",
    ),
    (
        "D range",
        "relu-ball",
        on(CERTIFICATE, scaled(*BACKWARD, "difference", 1, factor=DOWN)),
        "D_1",
    ),
    (
        "D leaf",
        "local-split",
        on(CERTIFICATE, scaled(*HALVES, "difference", 1, factor=DOWN)),
        "D_1",
    ),
    (
        "D inf",
        "infinity-ball",
        on(CERTIFICATE, scaled("upper_bound", factor=DOWN)),
        "upper_bound >=",
    ),
    ("no inf", "infinity-ball", on(CERTIFICATE, put("output_norm", value=2)), "upper_bound >="),
    ("theta moved", "relu-ball", on(WITNESS, bump(THETA, 2**10, (0, 0, 0))), "ranges of layer 1"),
    (
        "theta shifted",
        "deep",
        on(WITNESS, remake("backward-differential.3.multipliers", lambda t: t + 2**20)),
        "ranges of layer 3",
    ),
    ("theta flat", "relu-ball", on(WITNESS, remake(THETA, lambda t: t[0])), "must have the shape"),
    (
        "theta cut",
        "relu-ball",
        on(WITNESS, remake(THETA, lambda t: t[..., 2:])),
        "must have the shape",
    ),
    (
        "theta rows",
        "relu-ball",
        on(WITNESS, remake(THETA, lambda t: t[:, ::-1])),
        "ranges of layer 1",
    ),
    (
        "theta exponent",
        "relu-ball",
        on(CERTIFICATE, put(*BACKWARD, "multiplier_exponents", value=[-19])),
        "ranges of layer 1",
    ),
    (
        "two exponents",
        "relu-ball",
        on(CERTIFICATE, put(*BACKWARD, "multiplier_exponents", value=[-20, -20])),
        "multiplier_exponents must have 1 entries",
    ),
    (
        "no exponents",
        "relu-ball",
        on(CERTIFICATE, put(*BACKWARD, "multiplier_exponents", value=[])),
        "backward-differential: ranges of layer 1",
    ),
    (
        "a third grid",
        "relu-ball",
        on(CERTIFICATE, put(*INTERVAL, "range_exponents", 0, value=[-24, -40, 0])),
        "range_exponents must be pairs",
    ),
    (
        "no grids",
        "relu-ball",
        on(CERTIFICATE, put(*INTERVAL, "range_exponents", value=[])),
        "range_exponents must have 2 entries",
    ),
    (
        "far grid",
        "relu-ball",
        on(CERTIFICATE, put(*INTERVAL, "range_exponents", 0, value=[-4096, 4096])),
        "ranges of layer 0",
    ),
    (
        "ends turned",
        "relu-ball",
        on(WITNESS, remake(RANGES_0, lambda r: r[:, ::-1])),
        "lower <= upper",
    ),
    (
        "ends empty",
        "relu-ball",
        on(WITNESS, remake(RANGES_1, lambda r: r[:0])),
        "must have the shape",
    ),
    (
        "ends cut",
        "relu-ball",
        on(WITNESS, remake(RANGES_1, lambda r: r[..., 1:])),
        "must have the shape",
    ),
    (
        "missing leaf",
        "local-split",
        on(WITNESS, remake(TREE_KEY, lambda t: t[:-1])),
        "the tree ends before its last leaf",
    ),
    (
        "extra node",
        "local-split",
        on(WITNESS, remake(TREE_KEY, lambda t: [*t, -1])),
        "something follows the tree",
    ),
    (
        "two trees",
        "local-split",
        on(WITNESS, remake(TREE_KEY, lambda t: [*t, *t])),
        "something follows the tree",
    ),
    ("no tree", "local-split", on(WITNESS, remake(TREE_KEY, lambda t: t[:0])), "must have 1 to"),
    ("coordinate", "local-split", on(WITNESS, assign(TREE_KEY, 0, 4)), "along coordinates: 4"),
    ("negative node", "local-split", on(WITNESS, assign(TREE_KEY, 0, -2)), "along coordinates: -2"),
    ("other cut", "local-split", on(WITNESS, assign(TREE_KEY, 0, 2)), "ranges of layer 0"),
    (
        "deep tree",
        "local-split",
        on(WITNESS, remake(TREE_KEY, lambda _: [0] * 300 + [-1] * 301)),
        "at depth 256",
    ),
    (
        "huge tree",
        "local-split",
        on(WITNESS, remake(TREE_KEY, lambda _: [-1] * (2**16 + 1))),
        "must have 1 to 65536 nodes",
    ),
    (
        "much work",
        "local-split",
        on(WITNESS, remake(TREE_KEY, lambda _: [0] * 2**15 + [-1] * 2**15)),
        "at depth 256",
    ),
    (
        "split interval",
        "local-split",
        on(WITNESS, remake("differential-interval.tree", lambda _: [0, -1, -1])),
        "must have 1 to 1 nodes",
    ),
    (
        "leaves swapped",
        "local-split",
        on(WITNESS, remake("input-splitting.1.difference", lambda r: r[[1, 0, 2]])),
        "input-splitting: ranges of layer 1",
    ),
    (
        "inputs swapped",
        "local-split",
        on(WITNESS, remake("input-splitting.0.target", lambda r: r[[1, 0, 2]])),
        "input-splitting: ranges of layer 0",
    ),
    ("local empty", "local", on(WITNESS, bump("domain_lower", 8)), "the domain is empty"),
    ("local larger", "local", on(WITNESS, bump("domain_upper", 1)), "ranges of layer 0"),
    (
        "local long",
        "local",
        on(WITNESS, remake("domain_upper", lambda d: [*d, 0])),
        "must have the shape",
    ),
    ("local missing", "local", on(WITNESS, lambda a: a.pop("domain_lower")), "is missing"),
    (
        "local grid",
        "local",
        on(CERTIFICATE, put("domain", "exponent", value=-2)),
        "ranges of layer 0",
    ),
    (
        "local ends",
        "local",
        on(CERTIFICATE, put("domain", "lower", value=0)),
        "domain must have",
    ),
    (
        "box for local",
        "local",
        on(CERTIFICATE, put("domain", value={"kind": "box", "lower": 0, "upper": 0})),
        "layer 0: error_norm",
    ),
    (
        "no domain",
        "relu-ball",
        on(CERTIFICATE, put("domain", value="ball")),
        "object with the keys",
    ),
    (
        "norm true",
        "relu-ball",
        on(CERTIFICATE, put("output_norm", value=True)),
        "output_norm must be one",
    ),
    (
        "norm text",
        "relu-ball",
        on(CERTIFICATE, put("output_norm", value="2")),
        "output_norm must be one",
    ),
    *(
        (
            f"tau {value}",
            "relu-ball",
            on(CERTIFICATE, put(*QUADRATIC, "tau", value=value)),
            "tau must be an",
        )
        for value in (
            "NaN",
            "Infinity",
            "1.5",
            "1e3",
            "0x10",
            "1*2^",
            "1*2^1e3",
            "\u0661*2^0",
            None,
            [1],
        )
    ),
    *(
        (
            f"tau = {raw}",
            "relu-ball",
            replace(CERTIFICATE, '"tau": "', f'"tau": {raw}, "x": "'),
            raw,
        )
        for raw in ("NaN", "Infinity", "-Infinity", "1.5", "1e3")
    ),
]


@pytest.mark.parametrize(
    ("name", "original", "edit", "statement"), NEW_MUTANTS, ids=[m[0] for m in NEW_MUTANTS]
)
def test_a_false_claim_is_rejected(
    name: str,
    original: str,
    edit: Edit,
    statement: str,
    originals: dict[str, tuple[Path, Written]],
    tmp_path: Path,
) -> None:
    audit = mutate(originals[original][0], tmp_path / "mutant", edit)
    assert audit.verdict is Verdict.REJECTED
    assert statement in str(audit.rejected)
    assert audit.upper_bound is None


def test_a_neuron_is_bounded_at_its_vertices() -> None:
    """All lines cross at integers, so that the integer points of a rectangle suffice."""
    rng = random.Random(11)
    ends, coefficients, expected = [], [], []
    for _ in range(2000):
        z0, d0 = rng.randrange(-4, 4), rng.randrange(-4, 4)
        z1, d1 = rng.randrange(z0, 5), rng.randrange(d0, 5)
        # -p s(z) - q s(-z) - r s(z + d) - t s(-z - d): where all are positive, 0 is the only peak
        p, q, r, t = (rng.randrange(-3, 4) for _ in range(4))
        c, g, scale, shift = -p - q - r - t, -r - t, -q - t, -t
        ends.append([[z0, d0], [z1, d1]])
        coefficients.append([c, g, -scale, -shift])
        points = itertools.product(range(z0, z1 + 1), range(d0, d1 + 1))
        values = (
            c * max(z, 0) + g * (max(z + d, 0) - max(z, 0)) - scale * z - shift * d
            for z, d in points
        )
        expected.append(max(values))
    leaf = np.arange(len(ends))
    found = _largest(Dyadic(np.array(coefficients)), _vertices(Dyadic(np.array(ends), -2)), leaf)
    assert found.numerators.tolist() == expected
    assert found.exponent == -2


def test_a_matrix_that_is_not_semidefinite_is_rejected_by_its_diagonal_rows() -> None:
    M = Dyadic(np.array([[1, 5], [5, 10]]))  # its determinant is negative
    roots, factor = Dyadic(np.array([1])), Dyadic(np.array([[0, 0]]))
    with pytest.raises(Rejected, match="entry 0"):
        prove_semidefinite("M", M, roots=roots, factor=factor)


@pytest.mark.parametrize(
    ("claimed", "sums", "holds"),
    [
        (5, [(0, 4, 9)], True),
        (5, [(1, 4, 9)], False),
        (4, [(0, 4, 9)], False),
        (4, [(0, 5, 9), (1, 4, 1)], True),
        (-1, [(0, 0, 0)], False),
        (-1, [(0, 1, 0)], False),
        (0, [(0, 1, 1)], False),
        (2, [(0, 0, 4)], True),
        (Fraction(9, 4), [(0, 5, 0)], True),
        (Fraction(2235, 1000), [(0, 5, 0)], False),
    ],
)
def test_sums_of_roots_are_compared_exactly(
    claimed: Fraction, sums: list[tuple[int, int, int]], holds: bool
) -> None:
    parts = [tuple(Dyadic(part) for part in triple) for triple in sums]
    bound = Dyadic(math.floor(claimed * 1024), -10)
    if holds:
        require_bound("claim", bound, *parts)  # type: ignore[arg-type]
    else:
        with pytest.raises(Rejected, match=r"claim is not proved: .* < "):
            require_bound("claim", bound, *parts)  # type: ignore[arg-type]


def test_a_ball_is_not_split(tmp_path: Path) -> None:
    write_ticket(tmp_path / "ball", Case(tree=TREE))
    assert "must cut boxes along coordinates" in str(verify(tmp_path / "ball").rejected)


@pytest.mark.parametrize(
    ("limit", "statement"),
    [
        ("ranges._MAX_WORK", "products: at most"),
        ("bounds._MAX_ENTRIES", "quadratic: too many entries"),
        ("exact._MAX_BITS", "of similar size"),
    ],
)
def test_a_short_file_cannot_ask_for_much(
    limit: str,
    statement: str,
    originals: dict[str, tuple[Path, Written]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(f"proofs_check.certificate.{limit}", 10)
    assert statement in str(verify(originals["relu-ball"][0]).rejected)


def test_the_checker_can_be_read_in_one_sitting() -> None:
    folder = Path(__file__).parents[3] / "proofs_check" / "certificate"
    lines = sum(len(path.read_text().splitlines()) for path in folder.rglob("*.py"))
    assert lines < 1000


def mutate(source: Path, directory: Path, edit: Edit) -> Audit:
    """Copy a valid ticket, edit it, make the digests true again and verify it."""
    shutil.copytree(source, directory)
    edit(directory)
    rehash(directory)
    return verify(directory)


@pytest.mark.parametrize(("name", "edit", "statement"), MUTANTS, ids=[m[0] for m in MUTANTS])
def test_a_false_ball_certificate_is_rejected(
    name: str,
    edit: Edit,
    statement: str,
    originals: dict[str, tuple[Path, Written]],
    tmp_path: Path,
) -> None:
    audit = mutate(originals["relu-ball"][0], tmp_path / "mutant", edit)
    assert audit.verdict is Verdict.REJECTED
    assert statement in str(audit.rejected)
    assert audit.upper_bound is None
    assert audit.lower_bound is None


@pytest.mark.parametrize(
    ("name", "edit", "statement"), BOX_MUTANTS, ids=[m[0] for m in BOX_MUTANTS]
)
def test_a_false_box_certificate_is_rejected(
    name: str,
    edit: Edit,
    statement: str,
    originals: dict[str, tuple[Path, Written]],
    tmp_path: Path,
) -> None:
    audit = mutate(originals["relu-box"][0], tmp_path / "mutant", edit)
    assert audit.verdict is Verdict.REJECTED
    assert statement in str(audit.rejected)


def test_a_negative_box_reaches_as_far_as_its_lower_end(
    originals: dict[str, tuple[Path, Written]], tmp_path: Path
) -> None:
    edit = on(CERTIFICATE, scaled(*SPECTRAL, "activation", 0, factor=DOWN))
    audit = mutate(originals["relu-negative-box"][0], tmp_path / "mutant", edit)
    assert "triangle: X_0" in str(audit.rejected)


def test_blocks_of_rows_do_not_show(
    originals: dict[str, tuple[Path, Written]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proofs_check.certificate.effective._BLOCK", 1)
    assert verify(originals["relu-ball"][0]).rejected is None


def source_of(seed: int, law: str) -> Source:
    return Source({"seed": seed, "law": law, "inner_activation": "relu"})


def test_sums_that_outgrow_64_bits_are_exact() -> None:
    h, source = 1 << 19, source_of(3, "gaussian")
    hidden = np.arange(h)
    first = source.draw(0, hidden, np.zeros_like(hidden))
    second = source.draw(1, np.zeros_like(hidden), hidden)
    kept = np.packbits((second > 0)[None, :], axis=1, bitorder="little")
    zero = from_floats(np.zeros((1, 1)), 0), from_floats(np.zeros(1), 0)
    mask = hidden, np.zeros_like(hidden), kept
    layer = effective_layer(0, zero, mask, source=source, is_signed=True)
    terms = list(zip(first.tolist(), second.tolist(), strict=True))
    plus = sum(a * b for a, b in terms if a > 0 and b > 0)
    minus = sum(-a * b for a, b in terms if a < 0 and b > 0)
    assert max(plus, minus) > 1 << 63
    assert layer.error.numerators.tolist() == [[plus, minus]]


@pytest.mark.parametrize("file", [TARGET, MASK, WITNESS, TICKET])
def test_a_file_that_was_not_hashed_is_rejected(
    file: str, originals: dict[str, tuple[Path, Written]], tmp_path: Path
) -> None:
    shutil.copytree(originals["relu-ball"][0], tmp_path / "mutant")
    with (tmp_path / "mutant" / file).open("ab") as stream:
        stream.write(b"\n")
    assert f"SHA-256 of {file}" in str(verify(tmp_path / "mutant").rejected)


def header_edit(edit: Callable[[str], str]) -> Edit:
    """Return a mutation of the text of the header of the mask file."""

    def apply(directory: Path) -> None:
        data = (directory / MASK).read_bytes()
        (size,) = struct.unpack("<Q", data[:8])
        header = edit(data[8 : 8 + size].decode()).encode()
        packed = struct.pack("<Q", len(header)) + header + data[8 + size :]
        (directory / MASK).write_bytes(packed)

    return apply


def overlap(header: str) -> str:
    """Let the second array begin where the first does."""
    document = json.loads(header)
    first, second = sorted(document.values(), key=lambda entry: entry["data_offsets"])[:2]
    second["data_offsets"] = [0, second["data_offsets"][1] - first["data_offsets"][1]]
    return json.dumps(document)


def huge(header: str) -> str:
    document = json.loads(header)
    document["0.hidden"]["shape"] = [2**31, 2**31]
    return json.dumps(document)


def huge_and_empty(header: str) -> str:
    document = json.loads(header)
    document["0.hidden"]["shape"] = [0, 2**31, 2**31]
    return json.dumps(document)


HEADERS: list[tuple[str, Edit, str]] = [
    ("twice", header_edit(lambda h: h.replace('"1.hidden"', '"0.hidden"')), "has a key twice"),
    ("overlap", header_edit(overlap), "must fill the bytes"),
    ("huge beside 0", header_edit(huge_and_empty), "is huge"),
    (
        "four axes",
        header_edit(lambda h: h.replace('"shape":[', '"shape":[1,1,1,', 1)),
        "one to three",
    ),
    ("metadata", header_edit(lambda h: '{"__metadata__":{},' + h[1:]), "object with the keys"),
    ("huge", header_edit(huge), "is huge"),
    ("dtype", header_edit(lambda h: h.replace('"U8"', '"I8"', 1)), "dtype must be one of"),
    (
        "negative",
        header_edit(lambda h: h.replace('"shape":[', '"shape":[-', 1)),
        "one of the integers 0 to",
    ),
    ("list", header_edit(lambda h: "[]"), "header of mask.safetensors must be an object"),
    ("deep", header_edit(lambda h: "[" * 100_000), "header of mask.safetensors is no JSON"),
    ("digits", header_edit(lambda h: "9" * 10_000), "header of mask.safetensors is no JSON"),
    ("length", lambda d: (d / MASK).write_bytes(b"\xff" * 64), "ends within its header"),
    ("empty", lambda d: (d / MASK).write_bytes(b""), "ends within its header"),
]


@pytest.mark.parametrize(("name", "edit", "statement"), HEADERS, ids=[m[0] for m in HEADERS])
def test_a_broken_array_file_is_rejected(
    name: str,
    edit: Edit,
    statement: str,
    originals: dict[str, tuple[Path, Written]],
    tmp_path: Path,
) -> None:
    assert statement in str(mutate(originals["relu-ball"][0], tmp_path / "m", edit).rejected)


def test_no_byte_makes_the_auditor_fail(
    originals: dict[str, tuple[Path, Written]], tmp_path: Path
) -> None:
    directory, written = originals["relu-box"]
    rng = random.Random(3)
    shutil.copytree(directory, tmp_path / "mutant")
    worst = max(written.difference_squared(written.random_input(rng)) for _ in range(50))
    for file in (TICKET, CERTIFICATE, TARGET, MASK, WITNESS) * 6:
        data = bytearray((directory / file).read_bytes())
        data[rng.randrange(len(data))] = rng.choice([0, 32, 34, 45, 48, 57, 91, 123, 255])
        for path in directory.iterdir():
            shutil.copy(path, tmp_path / "mutant")
        (tmp_path / "mutant" / file).write_bytes(data)
        rehash(tmp_path / "mutant")
        audit = verify(tmp_path / "mutant")
        # A digit changed within the slack of a claim leaves it true; then the bound is a bound.
        if audit.upper_bound is not None and file in (CERTIFICATE, WITNESS):
            assert worst <= audit.upper_bound**2


def test_without_a_certificate_nothing_is_claimed(
    originals: dict[str, tuple[Path, Written]], tmp_path: Path
) -> None:
    shutil.copytree(originals["relu-ball"][0], tmp_path / "bare")
    (tmp_path / "bare" / CERTIFICATE).unlink()
    assert verify(tmp_path / "bare").rejected == "certificate.json is missing"
    (tmp_path / "bare" / CERTIFICATE).mkdir()
    assert verify(tmp_path / "bare").rejected == "certificate.json is no regular file"


def test_what_is_no_ticket_is_not_judged(tmp_path: Path) -> None:
    with pytest.raises(NotATicketError, match="no ticket directory"):
        verify(tmp_path)
    with pytest.raises(NotATicketError, match="no ticket directory"):
        verify(tmp_path / "nothing")


def test_an_audit_has_no_truth_value(originals: dict[str, tuple[Path, Written]]) -> None:
    audit = verify(originals["relu-ball"][0])
    with pytest.raises(TypeError, match="verdict"):
        bool(audit)


def test_command_line(
    originals: dict[str, tuple[Path, Written]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory, _ = originals["relu-ball"]
    assert main(["verify", str(directory)]) == 0
    assert capsys.readouterr().out.startswith("PROVED  ")
    assert main(["verify", str(directory), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    certificate = json.loads((directory / CERTIFICATE).read_text())
    p, k = document["upper_bound"].split("*2^")
    q, m = certificate["upper_bound"].split("*2^")
    assert int(p) * Fraction(2) ** int(k) == int(q) * Fraction(2) ** int(m)
    assert document["verdict"] == "PROVED"
    mutate(directory, tmp_path / "mutant", on(TICKET, put("source", "seed", value=6)))
    assert main(["verify", str(tmp_path / "mutant")]) == 1
    assert capsys.readouterr().out.startswith("REJECTED: drawn_sha256")
    assert main(["verify", str(tmp_path / "nothing")]) == 2
    for wrong in (["verify"], ["prove", str(directory)], []):
        with pytest.raises(SystemExit) as stop:
            main(wrong)
        assert stop.value.code == 2


def test_the_auditor_shares_no_module_with_the_writer() -> None:
    code = "import sys, proofs_check.__main__; print(*sys.modules)"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.decode().split()}
    assert not loaded & {"strongltn", "torch", "numba", "scipy", "sympy"}


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_known_answers(
    counter: tuple[int, int, int, int], key: tuple[int, int], words: tuple[int, ...]
) -> None:
    assert tuple(int(word) for word in philox4x32(counter, key)) == words


@pytest.mark.parametrize("law", ["uniform", "signed-constant", "gaussian"])
def test_entries_equal_the_scalar_generator(law: str) -> None:
    rng = np.random.default_rng(4)
    rows, columns = rng.integers(0, 2**31, size=(2, 40))
    for layer in (0, 1, 2):
        drawn = source_of(21, law).draw(layer, rows, columns)
        case = Case(law=law, seed=21)
        expected = [entry(case, layer, int(r), int(c)) for r, c in zip(rows, columns, strict=True)]
        assert [Fraction(int(v), 2**24) for v in drawn] == expected


def test_gaussian_thresholds_equal_those_of_another_library() -> None:
    cells, slopes = gaussian_tables()
    assert cells.shape == (2047,)
    assert slopes.shape == (2048,)
    assert [int(cells[j]) for j in range(0, 2047, 31)] == [
        gaussian_threshold(j) for j in range(0, 2047, 31)
    ]
    assert (np.diff(cells.astype(object)) >= 0).all()


def test_a_threshold_belongs_to_the_cell_above_it() -> None:
    threshold = gaussian_threshold(6)
    for position, cell in ((threshold - 1, 6), (threshold, 7)):
        words = (position % 2**32, position >> 32, 0, 2**31 - 1)
        (magnitude,) = gaussian(tuple(np.array([word], dtype=np.uint64) for word in words))
        assert magnitude == (2 * 4096 * cell + 1) * 8


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_become_exact(dtype: str) -> None:
    tiny = float(np.finfo(dtype).smallest_subnormal)
    values = np.array([0.0, -0.0, 1.0, -1.5, 0.1, tiny, float(np.finfo(dtype).max)], dtype=dtype)
    exact = from_floats(values, -3)
    expected = [Fraction(float(v)) / 8 for v in values]
    assert [exact.fraction(i) for i in range(values.size)] == expected
    assert exact.square_sum().fraction() == square(expected)


def test_decimals_are_rounded_outwards() -> None:
    third = Fraction(1, 3)
    assert Fraction(decimal(third, 7, "ROUND_FLOOR")) < third
    assert Fraction(decimal(third, 7, "ROUND_CEILING")) > third
    assert dyadic_text(Fraction(-12)) == "-3*2^2"
    assert dyadic_text(Fraction(0)) == "0*2^0"
    assert dyadic_text(Fraction(5, 8)) == "5*2^-3"
