"""Forged documents: malformed, out of range, claiming too much, or of another ticket."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from fractions import Fraction

from ticket_files import (
    CERTIFICATE,
    DOCUMENTS,
    TICKET,
    Files,
    Place,
    Tree,
    is_numeral,
    number,
    numeral,
    places,
    put,
    raw,
    redrawn,
    repaired,
    to_json,
)

from forgeries.forgery import Forgery, repaired_forgery

_TOKENS = ("NaN", "Infinity", "-Infinity", "1.5", "1e3", "-0.0", "1" + "0" * 5000)
_VALUES = (True, None, [], {}, "", "NaN", "Infinity", "-inf", "1.5", "1e3", "1.5*2^0", "1*2^0.5")
_NUMERALS = ("1*2^5000", "1*2^99999999", "1*2^", "*2^1", "0x1*2^0", "1*2^0\n", " 1*2^0", "1**2^1")
_UNICODE = ("\N{FULLWIDTH DIGIT ONE}*2^0", "\N{ARABIC-INDIC DIGIT ONE}*2^0", "1*2^0\0", "\ud800")
_LONG = ("9" * 4001 + "*2^0", "1*2^+3", "1/2", "1*2^-4097", "2^3", "nan*2^0")
MALFORMED = (*map(raw, _TOKENS), *_VALUES, *_NUMERALS, *_UNICODE, *_LONG)


def malformed(tree: Tree) -> Iterator[tuple[str, Tree]]:
    """Yield documents with one leaf, key or list that no format allows."""
    for at, value in places(tree):
        where = "/".join(map(str, at))
        if isinstance(value, dict):
            yield f"unknown key at {where}", put(tree, at, value | {"unknown": 0})
            for key in value:
                fewer = {k: v for k, v in value.items() if k != key}
                yield f"{where}/{key} missing", put(tree, at, fewer)
                yield f"{where}/{key} twice", put(tree, at, value | {f"={key}": value[key]})
                yield f"{where}/{key} twice, unlike", put(tree, at, value | {f"={key}": 0})
        elif isinstance(value, list):
            if value:
                yield f"{where} shorter", put(tree, at, value[:-1])
                yield f"{where} longer", put(tree, at, [*value, value[-1]])
            yield f"{where} no list", put(tree, at, {str(k): v for k, v in enumerate(value)})
        else:
            is_free = at[-1] in ("name", "construction")  # any text names a layer, a construction
            for bad in MALFORMED:
                is_text = isinstance(bad, str) and not bad.startswith("@")
                if (
                    bad is not value
                    and not (bad == "" and value == "")
                    and not (is_free and is_text)
                ):
                    yield f"{where} = {str(bad)[:20]!r}", put(tree, at, bad)
    yield from ((f"all of it {str(bad)[:20]!r}", bad) for bad in (True, None, [], 0, "NaN", [tree]))


_OUT_OF_RANGE = {
    "version": (0, -1, 3, 10**20),
    "seed": (-1,),
    "samples_per_weight": (0, -1),
    "inputs": (0, -1, 2**31, 2**63, 10**400),
    "outputs": (0, -1, 2**31, 2**63, 10**400),
    "widths": (0, -1, 2**31, 2**63, 10**400),
    "exponent": (4097, -4097, 2**63, -(10**400)),
}


def out_of_range(tree: Tree) -> Iterator[tuple[str, Tree]]:
    """Yield documents with one integer that is out of every range: dimensions and exponents."""
    for at, value in places(tree):
        names = [key for key in at if isinstance(key, str)]
        if type(value) is int and names:
            key = "exponent" if "exponent" in names[-1] else names[-1]
            for bad in _OUT_OF_RANGE.get(key, ()):
                yield f"{'/'.join(map(str, at))} = {str(bad)[:20]}", put(tree, at, bad)


def malformed_documents(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """Wrong types, NaN, decimals, keys unknown, missing and twice; repaired."""
    for name in DOCUMENTS:
        for what, tree in malformed(json.loads(files[name])):
            yield repaired_forgery(
                "malformed JSON", f"{name}: {what}", files, {name: to_json(tree)}
            )
        for what, tree in out_of_range(json.loads(files[name])):
            yield repaired_forgery("huge numbers", f"{name}: {what}", files, {name: to_json(tree)})


# Claims that follow from one another: who lowers them all still lacks the proof of the first.
_TOGETHER = {
    "norms and what follows": {"weight_norm", "error_norm", "methods", "upper_bound"},
    "all methods and the bound": {"methods", "upper_bound"},
    "differences and the bound": {"difference", "bound", "tau", "upper_bound"},
}


def scaled_claims(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """Each claim a hundredth less than what is proved, each alone; a domain a hundredth larger."""
    tree = json.loads(files[CERTIFICATE])
    for at, value in places(tree):
        where = "/".join(map(str, at))
        if not is_numeral(value) or at[0] == "domain":
            continue
        claim = number(value)
        factor = Fraction(101 if at == ("lower_bound",) else 99, 100)
        edits = {f"times {factor}": claim * factor, "negative": -claim}
        for what, changed in edits.items():
            if claim:
                edited = {CERTIFICATE: to_json(put(tree, at, numeral(changed)))}
                yield repaired_forgery("claims", f"{where} {what}", files, edited)
        if at != ("lower_bound",):
            edited = {CERTIFICATE: to_json(put(tree, at, "-1*2^-4096"))}
            yield repaired_forgery("claims", f"{where} below zero", files, edited)
    for what, names in _TOGETHER.items():
        for factor in (Fraction(9, 10), Fraction(0)):
            changed = tree
            for at, value in places(tree):
                if is_numeral(value) and names.intersection(at) and number(value):
                    changed = put(changed, at, numeral(number(value) * factor))
            if changed != tree:
                edited = {CERTIFICATE: to_json(changed)}
                yield repaired_forgery("claims", f"{what}, times {factor}", files, edited)
    for what, domain in _larger(tree["domain"]):
        edited = {CERTIFICATE: to_json(put(tree, ("domain",), domain))}
        yield repaired_forgery("larger domains", what, files, edited)


def _larger(domain: Tree) -> Iterator[tuple[str, Tree]]:
    if domain["kind"] == "ball":
        for factor in (Fraction(101, 100), Fraction(1000)):
            radius = numeral(number(domain["radius"]) * factor)
            yield f"radius times {factor}", domain | {"radius": radius}
    elif domain["kind"] == "box":
        lower, upper = number(domain["lower"]), number(domain["upper"])
        step = (upper - lower) / 64
        yield "lower end", domain | {"lower": numeral(lower - step)}
        yield "upper end", domain | {"upper": numeral(upper + step)}
        yield "empty", domain | {"lower": domain["upper"], "upper": domain["lower"]}


def false_tickets(files: Files, rng: random.Random) -> Iterator[Forgery]:
    """Seeds, laws, scales and sizes of another network: with the drawn digest, and repaired."""
    tree = json.loads(files[TICKET])
    seeds = (0, 1, 2**32, 2**63, 2**64 - 1, 2**64, 10**400)
    edits: list[tuple[Place, Tree]] = [(("source", "seed"), seed) for seed in seeds]
    edits += [(("source", "law"), law) for law in ("uniform", "signed-constant", "gaussian")]
    for i, exponent in enumerate(tree["scale_exponents"]):
        steps = (1, -1, 40, -40, 2000)
        edits += [(("scale_exponents", i), exponent + step) for step in steps]
    for i, width in enumerate(tree["source"]["widths"]):
        edits.append((("source", "widths", i), width - 1 if i % 2 == 0 else 1))
    for i, layer in enumerate(tree["layers"]):
        for key in ("inputs", "outputs"):
            edits += [(("layers", i, key), layer[key] + step) for step in (1, -1)]
        edits.append((("layers", i, "bias"), not layer["bias"]))
    if len(tree["layers"]) > 1 and _sizes(tree) != _sizes(tree)[::-1]:
        edits.append((("layers",), tree["layers"][::-1]))
        edits.append((("source", "widths"), tree["source"]["widths"][::-1]))
    for at, value in edits:
        changed = put(tree, at, value)
        if changed == tree:
            continue
        what = f"{'/'.join(map(str, at))} = {str(value)[:20]}"
        edited = files | {TICKET: to_json(changed)}
        yield Forgery("other tickets, digests left", what, edited)
        yield Forgery("other tickets", what, repaired(edited))
        if at[-1] in ("seed", "law"):
            yield Forgery("other draws", what, redrawn(edited))


def _sizes(ticket: Tree) -> list[tuple[int, int]]:
    return [(layer["inputs"], layer["outputs"]) for layer in ticket["layers"]]
